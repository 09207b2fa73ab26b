"""Runs, their files and deliveries, subscriptions and templates over REST, on a store as the pages meet it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import rest
import web_seed
from rest import ADMIN, REPORTS, Rest
from web_seed import Seeded

from reports.model import ChannelKind, DeliveryState, Format, RunState
from reports.store import RunQuery

METRICS = {"requests": 10, "spend_usd": 120.25}


@dataclass
class Site:
    api: Rest
    seeded: Seeded

    def items(self, path: str) -> list[dict[str, Any]]:
        answer = self.api.get(path)
        assert answer.status_code == 200, answer.text
        found: list[dict[str, Any]] = answer.json()["items"]
        return found


@pytest.fixture
def site(seedbed: web_seed.Seedbed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    seeded = seedbed.planted(tmp_path / "state")
    with rest.opened(seeded.settings.store_url, tmp_path, monkeypatch) as api:
        yield Site(api.by(ADMIN), seeded)


def test_a_run_is_told_whole(site: Site) -> None:
    run = site.api.get(f"/runs/{site.seeded.succeeded.id}").json()
    assert (run["state"], run["reportName"], run["metrics"]) == ("succeeded", "Daily usage", METRICS)
    assert run["period"] == {
        "start": site.seeded.succeeded.period.start.isoformat(),
        "end": site.seeded.succeeded.period.end.isoformat(),
        "zone": "Europe/Berlin",
    }
    assert [stage["stage"] for stage in run["stages"]] == ["extract", "execute", "render", "archive", "finish"]
    assert [(line["attempt"], line["level"]) for line in run["log"]] == [(1, "info"), (1, "warning"), (1, "info")]
    assert run["log"][0]["text"] == "Attempt 1 began."
    assert run["provenance"]["versions"]["python"] == "3.11"
    pdf = next(each for each in run["artifacts"] if each["format"] == "pdf")
    artifact = site.seeded.artifacts[Format.PDF]
    assert (pdf["sha256"], pdf["bytes"]) == (artifact.sha256, artifact.bytes)
    assert pdf["contentUrl"] == f"/files/{artifact.id}"
    assert site.api.get(f"/artifacts/{artifact.id}").json() == pdf
    assert site.items(f"/runs/{run['id']}/artifacts") == run["artifacts"]


def test_a_failed_run_says_where(site: Site) -> None:
    error = site.api.get(f"/runs/{site.seeded.failed.id}").json()["error"]
    assert (error["stage"], error["cell"], error["line"]) == ("execute", 3, "ratio = total / 0")


def test_runs_are_filtered_in_the_database(site: Site) -> None:
    seeded = site.seeded
    everything = {run.id: run for run in site.api.service.runs(RunQuery(limit=1000))}

    def states(query: str) -> set[str]:
        return {run["state"] for run in site.items(f"/runs?{query}")}

    assert states("state=failed") == {"failed"}
    assert states("state=failed&state=missed") == {"failed", "missed"}
    assert states("kind=manual") == {"running", "cancelled", "succeeded"}
    assert {run["reportId"] for run in site.items(f"/runs?reportId={seeded.late.id}")} == {seeded.late.id}
    assert {run["reportName"] for run in site.items("/runs?text=late month")} == {"Late monthly cost"}
    assert site.items("/runs?owner=nobody") == []
    since = (seeded.succeeded.due_at - timedelta(days=3)).strftime("%Y-%m-%dT%H:%M:%SZ")
    until = seeded.succeeded.due_at.strftime("%Y-%m-%dT%H:%M:%SZ")
    found = {run["id"] for run in site.items(f"/runs?since={since}&until={until}")}
    wanted = {
        run.id
        for run in everything.values()
        if seeded.succeeded.due_at - timedelta(days=3) <= run.due_at < seeded.succeeded.due_at
    }
    assert found == wanted != set()
    history = site.api.get(f"{REPORTS}/{seeded.daily.id}/history?limit=5&kind=scheduled").json()
    assert (len(history["items"]), history["total"]) == (5, web_seed.OLD_RUNS + 1)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("state=done", "state.0"),
        ("kind=x", "kind.0"),
        ("since=yesterday", "since"),
        ("since=2026-11-22T09:00:00", "since"),
        ("until=5", "until"),
        ("since=0001-01-01T00:00:00%2B14:00", "since"),
    ],
)
def test_a_filter_that_cannot_be_used_is_named(site: Site, query: str, field: str) -> None:
    answer = site.api.get(f"/runs?{query}")
    assert (answer.status_code, answer.json()["field"]) == (422, field)


def test_pages_of_runs_follow_their_links_to_the_end(site: Site) -> None:
    seen, path = [], "/runs?limit=7&kind=scheduled"
    while path:
        answer = site.api.get(path)
        seen += [run["id"] for run in answer.json()["items"]]
        path = answer.links.get("next", {}).get("url", "")
    assert len(seen) == len(set(seen)) == answer.json()["total"]
    assert answer.json()["totalExact"] is True


def test_a_run_is_cancelled_while_it_waits(site: Site) -> None:
    waiting = site.items("/runs?state=queued")[0]["id"]
    assert site.api.made(f"/runs/{waiting}/cancel")["state"] == "cancelled"
    again = site.api.send("POST", f"/runs/{waiting}/cancel")
    assert (again.status_code, again.json()["type"]) == (409, "urn:gazette:problem:conflict")
    assert "only a queued run" in again.json()["detail"]


def test_a_run_is_pinned_and_unpinned(site: Site) -> None:
    path = f"/runs/{site.seeded.succeeded.id}/pin"
    assert site.api.send("PUT", path).json()["pinned"] is True
    assert site.api.send("PUT", path).json()["pinned"] is True
    assert site.api.send("DELETE", path).json()["pinned"] is False


def test_a_preview_needs_no_report_that_is_saved(site: Site) -> None:
    before = site.api.get(REPORTS).json()["total"]
    answer = site.api.send("POST", f"{REPORTS}/preview", rest.a_report(parameters={"top_n": 3}))
    assert answer.status_code == 202
    run = answer.json()
    assert (run["kind"], run["state"], run["parameters"]) == ("preview", "queued", {"top_n": 3})
    assert answer.headers["Location"] == f"/api/v1/runs/{run['id']}"
    assert site.api.get(REPORTS).json()["total"] == before


def test_run_now_queues_one_run_for_each_set_of_parameters(site: Site) -> None:
    path = f"{REPORTS}/{site.seeded.by_hand.id}"
    for number in (3, 4, 4):
        wish = {"channel": "outbox", "address": "finance", "parameters": {"top_n": number}}
        site.api.made(f"{path}/subscriptions", wish)
    runs = site.api.made(f"{path}/run")["runs"]
    assert sorted(run["parameters"]["top_n"] for run in runs) == [3, 4]
    assert {run["state"] for run in runs} == {"queued"}


# Deliveries


def test_deliveries_tell_how_they_fared_and_hide_what_lets_one_in(site: Site) -> None:
    listed = site.items(f"/runs/{site.seeded.succeeded.id}/deliveries")
    assert [each["state"] for each in listed if each["kind"] == "undelivered"] == ["pending"]
    found = {each["channel"]: each for each in listed if each["kind"] == "report"}
    assert {channel: each["state"] for channel, each in found.items()} == {
        "email": "sent",
        "webhook": "failed",
        "outbox": "pending",
    }
    assert found["webhook"]["address"] == "https://hooks.example.org/…"
    whole = site.api.get(f"/deliveries/{found['webhook']['id']}")
    assert "SECRETPATH" not in whole.text
    assert [(each["attempt"], each["outcome"], each["detail"]) for each in whole.json()["attempts"]] == [
        (1, "failed", "410 Gone")
    ]


def test_a_delivery_that_failed_is_sent_again(site: Site) -> None:
    failed = site.items(f"/deliveries?state=failed&runId={site.seeded.succeeded.id}")[0]
    answer = site.api.send("POST", f"/deliveries/{failed['id']}/retry")
    assert (answer.status_code, answer.json()["state"]) == (202, "pending")
    assert site.api.service.store.delivery(failed["id"]).state is DeliveryState.PENDING
    assert site.api.send("POST", f"/deliveries/{failed['id']}/retry").status_code == 409


def test_a_run_is_sent_again_to_those_who_are_named_once_a_key(site: Site) -> None:
    run = site.seeded.succeeded.id
    sent = site.items(f"/deliveries?state=sent&runId={run}")[0]
    body, key = {"subscriptionIds": [sent["subscriptionId"]]}, "again-1"
    first = site.api.send("POST", f"/runs/{run}/resend", body, Idempotency_Key=key)
    assert first.status_code == 202, first.text
    assert [(each["id"], each["state"], each["copyNumber"]) for each in first.json()["items"]] == [
        (sent["id"], "pending", 1)
    ]
    again = site.api.send("POST", f"/runs/{run}/resend", body, Idempotency_Key=key)
    assert (again.json(), again.headers["Idempotent-Replayed"]) == (first.json(), "true")
    assert site.api.send("POST", f"/runs/{run}/resend", body).json()["items"] == []  # it is on its way already
    assert site.api.send("POST", f"/runs/{run}/resend", {"subscriptionIds": ["0" * 32]}).status_code == 404
    assert site.api.send("POST", f"/runs/{run}/resend", {"subscriptionIds": []}).status_code == 422
    failed = site.api.send("POST", f"/runs/{site.seeded.failed.id}/resend", body)
    assert (failed.status_code, failed.json()["type"]) == (409, "urn:gazette:problem:conflict")


def test_a_run_is_repeated_for_the_same_days(site: Site) -> None:
    run = site.seeded.succeeded
    answer = site.api.send("POST", f"/runs/{run.id}/repeat")
    assert answer.status_code == 202, answer.text
    made = answer.json()
    assert (made["state"], made["kind"], made["parameters"]) == ("queued", "manual", run.parameters)
    assert made["period"] == site.api.get(f"/runs/{run.id}").json()["period"]


def test_deliveries_are_filtered_and_counted(site: Site) -> None:
    subscription = site.api.service.subscriptions(site.seeded.daily.id)[0]
    assert [each["subscriptionId"] for each in site.items(f"/deliveries?subscriptionId={subscription.id}")] == [
        subscription.id
    ]
    page = site.api.get(f"/deliveries?reportId={site.seeded.daily.id}&limit=2").json()
    assert (len(page["items"]), page["total"]) == (2, 4)
    assert {each["kind"] for each in site.items(f"/deliveries?reportId={site.seeded.hostile.id}")} == {"failure"}


# Subscriptions


def test_the_life_of_a_subscription(site: Site) -> None:
    path = f"{REPORTS}/{site.seeded.by_hand.id}/subscriptions"
    wish = {"channel": "email", "address": "New@Example.org", "sendIf": "requests change > 20%", "formats": ["html"]}
    made = site.api.send("POST", path, wish)
    assert made.status_code == 201, made.text
    told = made.json()
    assert (told["address"], told["sendIf"], told["formats"]) == ("new@example.org", "requests change > 20%", ["html"])
    own = f"/subscriptions/{told['id']}"
    assert made.headers["Location"] == f"/api/v1{own}"
    assert site.items(path) == [told]

    paused = site.api.send("PATCH", own, {"paused": True}, If_Match=made.headers["ETag"])
    assert (paused.status_code, paused.json()) == (200, told | {"paused": True})
    late = site.api.send("PATCH", own, {"paused": False}, If_Match=made.headers["ETag"])
    assert (late.status_code, late.json()["type"]) == (409, "urn:gazette:problem:stale-version")
    assert late.headers["ETag"] == paused.headers["ETag"] == site.api.get(own).headers["ETag"]
    assert site.api.send("DELETE", own).status_code == 204
    assert site.api.get(own).status_code == 404


def test_a_webhooks_secret_is_told_when_it_is_new(site: Site) -> None:
    path = f"{REPORTS}/{site.seeded.by_hand.id}/subscriptions"
    made = site.api.made(path, {"channel": "webhook", "address": "https://hooks.example.org/x"})
    own = f"/subscriptions/{made['id']}"
    assert made["secret"].startswith("whsec_")
    assert site.api.get(own).json()["secret"] is None
    assert site.api.send("PATCH", own, {"subscriber": "Ops"}).json()["secret"] is None
    assert site.api.send("PATCH", own, {"secret": ""}).json()["secret"] not in {None, made["secret"]}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"address": "nobody"}, "address"),
        ({"formats": []}, "formats"),
        ({"formats": ["mail"]}, "formats"),
        ({"sendIf": "sometimes"}, "sendIf"),
        ({"sendIf": "spend_usd > 20%"}, "sendIf"),
        ({"parameters": {"nope": 1}}, "parameters.nope"),
        ({"subscriber": "a\nb"}, "subscriber"),
        ({"channel": "email"}, "channel"),
    ],
)
def test_a_subscription_that_cannot_be_is_refused_at_the_field(site: Site, change: dict[str, Any], field: str) -> None:
    its = site.api.service.subscriptions(site.seeded.daily.id)
    subscription = next(each for each in its if each.channel is ChannelKind.EMAIL)
    answer = site.api.send("PATCH", f"/subscriptions/{subscription.id}", change)
    assert (answer.status_code, answer.json()["field"]) == (422, field), answer.text
    assert site.api.service.subscription(subscription.id) == subscription


# Templates


def test_templates_tell_their_parameters(site: Site) -> None:
    names = [template["name"] for template in site.items("/templates")]
    assert names == sorted(names)
    template = site.api.get("/templates/usage_summary").json()
    top = next(parameter for parameter in template["parameters"] if parameter["name"] == "top_n")
    assert (top["type"], top["required"]) == ("int", False)
    assert template["datasets"] == ["usage"]


@pytest.mark.parametrize("name", ["nope", "..%2f..%2fetc%2fpasswd", "%00", "usage_summary.ipynb"])
def test_a_template_that_is_not_there(site: Site, name: str) -> None:
    assert site.api.get(f"/templates/{name}").status_code == 404


# Faults


def test_a_fault_of_ours_says_nothing_of_its_cause(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("password=hunter2")

    monkeypatch.setattr(type(site.api.service), "runs", broken)
    answer = site.api.get("/runs")
    assert (answer.status_code, answer.json()["type"]) == (500, "urn:gazette:problem:fault")
    assert "hunter2" not in answer.text


def test_a_database_that_does_not_answer_is_worth_another_try(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("no connection")

    monkeypatch.setattr(type(site.api.service), "runs", broken)
    monkeypatch.setattr(type(site.api.service), "reachable", lambda _: False)
    answer = site.api.get("/runs")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "60")


def test_the_states_of_the_document_are_those_of_the_model(site: Site) -> None:
    schemas = site.api.get("/openapi.json").json()["components"]["schemas"]
    assert set(schemas["RunState"]["enum"]) == {state.value for state in RunState}
