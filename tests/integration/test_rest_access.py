"""Who may do what over REST: nobody signed out, a token no more than its scopes, nobody with what is another's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import rest
from rest import ADMIN, EDITOR, OTHER, REPORTS, VIEWER, Rest, a_report

from reports.store import AuditQuery


@pytest.fixture
def api(sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rest]:
    with rest.opened(sqlite_url, tmp_path, monkeypatch) as opened:
        yield opened


def endpoints(api: Rest) -> Iterator[tuple[str, str]]:
    described = api.get("/openapi.json").json()
    for path, operations in described["paths"].items():
        for method in operations:
            yield method.upper(), path.replace("{id}", "0" * 32).replace("{name}", "usage_summary")


def test_nobody_gets_in_without_signing_in(api: Rest) -> None:
    checked = 0
    for method, path in endpoints(api):
        answer = Rest(api.client).send(method, path)
        assert answer.status_code == 401, (method, path)
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        checked += 1
    assert checked >= 25


@pytest.mark.parametrize("header", ["Bearer mallory", "Basic cm9vdDo=", "Bearer", "root"])
def test_a_header_that_names_nobody_is_no_sign_in(api: Rest, header: str) -> None:
    assert Rest(api.client, {"Authorization": header}).get(REPORTS).status_code == 401


def test_a_token_for_reading_changes_nothing(api: Rest) -> None:
    report = api.report(recipients=["a@example.org"])
    path = f"{REPORTS}/{report['id']}"
    subscription = api.get(f"{path}/subscriptions").json()["items"][0]["id"]
    run = api.made(f"{path}/run")["runs"][0]["id"]
    reader = api.by(EDITOR, "reports:read")
    assert reader.get(path).json() == api.get(path).json()
    refused = [
        reader.send("POST", REPORTS, a_report()),
        reader.send("POST", f"{REPORTS}/preview", a_report()),
        reader.send("PUT", path, a_report(), If_Match="*"),
        reader.send("DELETE", path),
        reader.send("POST", f"{path}/run"),
        reader.send("POST", f"{path}/subscriptions", {"channel": "outbox", "address": "x"}),
        reader.send("PATCH", f"/subscriptions/{subscription}", {"paused": True}),
        reader.send("DELETE", f"/subscriptions/{subscription}"),
        reader.send("POST", f"/runs/{run}/cancel"),
        reader.send("PUT", f"/runs/{run}/pin"),
        reader.send("DELETE", f"/runs/{run}/pin"),
    ]
    assert [answer.status_code for answer in refused] == [403] * len(refused)
    assert api.get(path).json()["version"] == 1
    assert api.get("/runs").json()["total"] == 1


def test_a_token_without_a_scope_of_the_api_gets_nowhere(api: Rest) -> None:
    answer = api.by(ADMIN, "something:else").get(REPORTS)
    assert answer.status_code == 403
    assert 'error="insufficient_scope"' in answer.headers["WWW-Authenticate"]


def test_an_admins_token_without_the_scope_admin_is_an_editors(api: Rest) -> None:
    report = api.report()
    path = f"{REPORTS}/{report['id']}"
    assert api.by(ADMIN, "reports:read", "reports:write").send("DELETE", path).status_code == 404
    assert api.by(ADMIN, "admin").send("DELETE", path).status_code == 204


def test_what_is_anothers_is_not_found(api: Rest) -> None:
    report = api.report(recipients=["a@example.org"], webhookUrl="https://hooks.example.org/secret")
    path = f"{REPORTS}/{report['id']}"
    subscription = api.get(f"{path}/subscriptions").json()["items"][0]["id"]
    run = api.made(f"{path}/run")["runs"][0]["id"]
    other = api.by(OTHER)
    for answer in (
        other.send("PUT", path, a_report()),
        other.send("PUT", path, a_report(), If_Match="*"),
        other.send("DELETE", path),
        other.send("POST", f"{path}/run"),
        other.get(f"/subscriptions/{subscription}"),
        other.send("PATCH", f"/subscriptions/{subscription}", {"paused": True}),
        other.send("DELETE", f"/subscriptions/{subscription}"),
        other.get(f"/runs/{run}"),
        other.get(f"/runs/{run}/artifacts"),
        other.get(f"/runs/{run}/deliveries"),
        other.send("POST", f"/runs/{run}/cancel"),
        other.send("PUT", f"/runs/{run}/pin"),
    ):
        assert answer.status_code == 404, answer.request.url
    catalogue = other.get(path).json()
    assert (catalogue["name"], catalogue["recipients"], catalogue["webhookUrl"]) == (report["name"], [], None)
    assert other.get(f"{path}/subscriptions").json()["items"] == []
    assert other.get("/runs").json()["total"] == 0
    assert other.get(f"{path}/history").json()["total"] == 0
    assert api.by(ADMIN).get(f"/runs/{run}").status_code == 200


def test_a_viewer_subscribes_herself_and_then_sees_the_runs(api: Rest) -> None:
    report = api.report()
    path = f"{REPORTS}/{report['id']}"
    run = api.made(f"{path}/run")["runs"][0]["id"]
    viewer = api.by(VIEWER)
    assert viewer.send("POST", REPORTS, a_report()).status_code == 403
    assert viewer.send("POST", f"{REPORTS}/preview", a_report()).status_code == 403
    someone = {"channel": "email", "address": "someone@example.org"}
    assert viewer.send("POST", f"{path}/subscriptions", someone).status_code == 403
    assert viewer.get(f"/runs/{run}").status_code == 404
    mine = viewer.made(f"{path}/subscriptions", {"channel": "email", "address": VIEWER.email})
    assert viewer.get(f"/runs/{run}").json()["id"] == run
    assert [each["id"] for each in viewer.get(f"{path}/history").json()["items"]] == [run]
    assert viewer.send("POST", f"/runs/{run}/cancel").status_code == 404
    assert viewer.send("PATCH", f"/subscriptions/{mine['id']}", {"paused": True}).json()["paused"] is True
    moved = viewer.send("PATCH", f"/subscriptions/{mine['id']}", {"address": "someone@example.org"})
    assert moved.status_code == 403
    assert viewer.send("DELETE", f"/subscriptions/{mine['id']}").status_code == 204


def test_what_is_changed_over_rest_is_in_the_log_without_secrets(api: Rest) -> None:
    report = api.report(webhookUrl="https://hooks.example.org/in")
    api.send("PUT", f"{REPORTS}/{report['id']}", report | {"name": "Renamed"}, If_Match="*")
    entries = api.service.store.audit(AuditQuery(person=EDITOR.id))
    actions = [(entry.action, entry.kind) for entry in entries]
    assert sorted(actions) == [("create", "report"), ("edit", "report"), ("subscribe", "subscription")]
    assert report["webhookSecret"] not in repr(entries)


def test_an_edit_that_fails_half_way_changes_nothing(api: Rest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The report and its subscriptions are one change: here the second of them breaks."""
    report = api.report(recipients=["a@example.org"])

    def broken(*_: object) -> None:
        raise RuntimeError("power cut")

    monkeypatch.setattr(type(api.service.store), "add_subscription", broken)
    wanted = report | {"name": "Renamed", "recipients": ["b@example.org"]}
    answer = api.send("PUT", f"{REPORTS}/{report['id']}", wanted, If_Match="*")
    monkeypatch.delattr(type(api.service.store), "add_subscription")
    assert answer.status_code == 500
    assert "power cut" not in answer.text
    assert api.service.report(report["id"]).name == report["name"]
    assert [each.address for each in api.service.subscriptions(report["id"])] == ["a@example.org"]
    assert len(api.service.store.audit(AuditQuery(action="edit"))) == 0
