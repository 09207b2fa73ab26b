"""Reports over REST, on both databases: the life of one, edits that cross, recipients, refusals at the field."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import rest
from rest import ADMIN, EDITOR, REPORTS, Rest, a_report

HOOK = "https://hooks.example.org/in"


@pytest.fixture
def api(store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rest]:
    with rest.opened(store_url, tmp_path, monkeypatch) as opened:
        yield opened


def recipients(api: Rest, id: str) -> list[tuple[str, str]]:
    found = api.get(f"{REPORTS}/{id}/subscriptions").json()["items"]
    return sorted((each["channel"], each["address"]) for each in found)


def test_the_life_of_a_report(api: Rest) -> None:
    made = api.send("POST", REPORTS, a_report(parameters={"top_n": 5}, filters={"teamIds": ["research"]}))
    assert made.status_code == 201, made.text
    report = made.json()
    path = f"{REPORTS}/{report['id']}"
    assert made.headers["Location"] == f"/api/v1{path}"
    assert (report["owner"], report["periodPolicy"], report["version"]) == (EDITOR.id, "previous_day", 1)
    assert report["filters"]["teamIds"] == ["research"]
    assert report["nextDueAt"].endswith("Z")
    assert api.get(path).json() == report

    edited = api.send("PUT", path, report | {"name": "Renamed", "paused": True}, If_Match=made.headers["ETag"])
    assert edited.status_code == 200, edited.text
    assert edited.json() == report | {"name": "Renamed", "paused": True, "version": 2, "nextDueAt": None}
    assert edited.headers["ETag"] == '"2"'

    assert api.send("DELETE", path).status_code == 204
    assert api.get(path).status_code == 404


def test_what_is_left_out_of_an_edit_goes_back_to_its_default(api: Rest) -> None:
    report = api.report(parameters={"top_n": 5}, periodPolicy="previous_month", graceSeconds=60, formats=["pdf"])
    edited = api.send("PUT", f"{REPORTS}/{report['id']}", {"name": "Plain", "template": "usage_summary"}, If_Match="*")
    told = edited.json()
    assert (told["parameters"], told["periodPolicy"], told["graceSeconds"]) == ({}, "previous_day", 86400)
    assert (told["cron"], told["nextDueAt"], told["formats"]) == ("", None, ["html", "pdf", "xlsx"])
    assert (told["owner"], told["createdAt"]) == (report["owner"], report["createdAt"])


# Edits that cross


def test_an_edit_of_an_old_version_is_refused_with_the_current_one(api: Rest) -> None:
    report = api.report()
    path = f"{REPORTS}/{report['id']}"
    assert api.send("PUT", path, report | {"name": "First"}, If_Match='"1"').status_code == 200
    late = api.send("PUT", path, report | {"name": "Second"}, If_Match='"1"')
    assert late.status_code == 409
    assert late.json()["type"] == "urn:gazette:problem:stale-version"
    assert (late.json()["currentVersion"], late.headers["ETag"]) == (2, '"2"')
    assert api.get(path).json()["name"] == "First"
    assert api.send("DELETE", path, If_Match='"1"').status_code == 409
    assert api.get(path).status_code == 200


@pytest.mark.parametrize(
    ("tag", "status"), [('"7", "1"', 200), ("*", 200), ('W/"1"', 409), ("1", 409), ("nonsense", 409)]
)
def test_which_tags_name_the_version(api: Rest, tag: str, status: int) -> None:
    report = api.report()
    assert api.send("PUT", f"{REPORTS}/{report['id']}", report, If_Match=tag).status_code == status


def test_an_edit_has_to_name_its_version(api: Rest) -> None:
    report = api.report()
    answer = api.send("PUT", f"{REPORTS}/{report['id']}", report | {"name": "Blind"})
    assert answer.status_code == 428
    assert "If-Match" in answer.json()["detail"]


# Recipients


def test_recipients_in_the_body_are_subscribed(api: Rest) -> None:
    report = api.report(recipients=["A@Example.ORG", "b@example.org"], deliveryMethod="both", webhookUrl=HOOK)
    assert recipients(api, report["id"]) == [
        ("email", "a@example.org"),
        ("email", "b@example.org"),
        ("webhook", HOOK),
    ]
    assert report["webhookSecret"].startswith("whsec_")
    again = api.get(f"{REPORTS}/{report['id']}").json()
    assert (again["recipients"], again["deliveryMethod"]) == (["a@example.org", "b@example.org"], "both")
    assert again["webhookSecret"] is None, "a secret is told once"


def put_recipients(api: Rest, report: dict[str, Any], **fields: Any) -> dict[str, Any]:
    bare = {name: value for name, value in report.items() if name not in {"recipients", "deliveryMethod", "webhookUrl"}}
    answer = api.send("PUT", f"{REPORTS}/{report['id']}", bare | fields, If_Match="*")
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


def test_an_edit_replaces_the_recipients_and_keeps_who_stays(api: Rest) -> None:
    report = api.report(recipients=["a@example.org", "b@example.org"])
    stays = next(
        each
        for each in api.get(f"{REPORTS}/{report['id']}/subscriptions").json()["items"]
        if each["address"] == "b@example.org"
    )
    api.send("PATCH", f"/subscriptions/{stays['id']}", {"formats": ["html"]})
    put_recipients(api, report, recipients=["b@example.org", "c@example.org"])
    assert recipients(api, report["id"]) == [("email", "b@example.org"), ("email", "c@example.org")]
    assert api.get(f"/subscriptions/{stays['id']}").json()["formats"] == ["html"]


def test_an_edit_without_recipients_leaves_them(api: Rest) -> None:
    report = api.report(recipients=["a@example.org"], webhookUrl=HOOK)
    told = put_recipients(api, report, name="Renamed")
    assert (told["recipients"], told["webhookUrl"]) == (["a@example.org"], HOOK)


def test_another_webhook_takes_the_place_of_the_one_there_with_a_secret_of_its_own(api: Rest) -> None:
    report = api.report(webhookUrl=HOOK)
    told = put_recipients(api, report, webhookUrl=f"{HOOK}/new")
    assert recipients(api, report["id"]) == [("webhook", f"{HOOK}/new")]
    assert told["webhookSecret"] not in {None, report["webhookSecret"]}
    assert put_recipients(api, report, recipients=["a@example.org"], deliveryMethod="email")["webhookUrl"] is None
    assert recipients(api, report["id"]) == [("email", "a@example.org")]


def test_nobody_is_a_wish_as_well(api: Rest) -> None:
    report = api.report(recipients=["a@example.org"])
    put_recipients(api, report, recipients=[])
    assert recipients(api, report["id"]) == []


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"recipients": ["a@example.org", "nobody"]}, "recipients.1"),
        ({"recipients": ["a@example.org\r\nBcc: x@example.org"]}, "recipients.0"),
        ({"webhookUrl": "http://hooks.example.org/in"}, "webhookUrl"),
        ({"webhookUrl": "https://user@hooks.example.org/in"}, "webhookUrl"),
        ({"deliveryMethod": "webhook"}, "webhookUrl"),
        ({"deliveryMethod": "email", "recipients": []}, "recipients"),
        ({"deliveryMethod": "email", "recipients": ["a@example.org"], "webhookUrl": HOOK}, "webhookUrl"),
        ({"deliveryMethod": "webhook", "recipients": ["a@example.org"], "webhookUrl": HOOK}, "recipients"),
        ({"deliveryMethod": "pigeon"}, "deliveryMethod"),
    ],
)
def test_a_recipient_that_cannot_be_used_is_named_and_nothing_is_made(
    api: Rest, fields: dict[str, Any], field: str
) -> None:
    answer = api.send("POST", REPORTS, a_report(**fields))
    assert (answer.status_code, answer.json()["field"]) == (422, field)
    assert api.get(REPORTS).json()["total"] == 0


# Refusals at the field


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"name": " "}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"name": "nul\0"}, "name"),
        ({"name": 7}, "name"),
        ({"template": "nope"}, "template"),
        ({"cron": "61 * * * *"}, "cron"),
        ({"cron": "0 0 30 2 *"}, "cron"),
        ({"zone": "Europe/Nowhere"}, "zone"),
        ({"periodDays": 0}, "periodDays"),
        ({"periodDays": "5"}, "periodDays"),
        ({"periodPolicy": "last_n_days"}, "periodDays"),
        ({"parameters": {"top_n": "many"}}, "parameters.top_n"),
        ({"parameters": {"x=1;import os": 1}}, "parameters.x=1;import os"),
        ({"filters": {"teamIds": ["a\0b"]}}, "filters.teamIds"),
        ({"filters": {"teams": ["a"]}}, "filters.teams"),
        ({"sources": {"usage": "nope"}}, "sources.usage"),
        ({"formats": ["docx"]}, "formats.0"),
        ({"formats": ["notebook"]}, "formats"),
        ({"graceSeconds": -1}, "graceSeconds"),
        ({"paused": "yes"}, "paused"),
        ({"colour": "red"}, "colour"),
        ({"period_days": 5}, "period_days"),
    ],
)
def test_a_refusal_names_the_field(api: Rest, fields: dict[str, Any], field: str) -> None:
    answer = api.send("POST", REPORTS, a_report(**fields))
    assert (answer.status_code, answer.json()["field"]) == (422, field), answer.text


def test_several_refusals_are_told_together(api: Rest) -> None:
    answer = api.send("POST", REPORTS, {"cron": 7, "paused": "yes"}).json()
    assert [each["field"] for each in answer["errors"]] == ["name", "template", "cron", "paused"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b"\xff\xfe", 400),
        (b'{"name": "a", "template": "usage_summary", "parameters": {"top_n": NaN}}', 422),
        (b'{"name": "\\ud800", "template": "usage_summary"}', 422),
        (b'{"name": ' + b"9" * 5000 + b"}", 400),
        (b"[" * 100_000, 400),
        (b"null", 422),
        (b"[]", 422),
        (b"", 422),
        (b'"a text"', 422),
        (b'"' + b"x" * 2_000_000 + b'"', 413),
    ],
)
def test_a_body_that_cannot_be_read(api: Rest, body: bytes, status: int) -> None:
    headers = {**api.headers, "Content-Type": "application/json"}
    answer = api.client.post(REPORTS, content=body, headers=headers)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), answer.text


def test_a_body_that_is_no_json_by_its_type_is_not_read(api: Rest) -> None:
    """A form of another site's could send it with the reader's cookie."""
    headers = {**api.headers, "Content-Type": "text/plain"}
    answer = api.client.post(REPORTS, content=b'{"name": "a", "template": "usage_summary"}', headers=headers)
    assert (answer.status_code, answer.json()["type"]) == (415, "urn:gazette:problem:media-type")
    assert api.get(REPORTS).json()["total"] == 0


# Lists


def test_reports_are_listed_by_name_filtered_and_paged(api: Rest) -> None:
    for number in range(5):
        api.report(name=f"Report {number}", paused=number == 4)
    api.by(ADMIN).report(name="Report of root", template="user_activity")
    whole = api.get(f"{REPORTS}?limit=2&offset=2")
    assert [each["name"] for each in whole.json()["items"]] == ["Report 2", "Report 3"]
    assert (whole.json()["total"], whole.headers["X-Total-Count"]) == (6, "6")
    links = whole.headers["Link"]
    assert 'offset=0>; rel="first"' in links
    assert 'offset=0>; rel="prev"' in links
    assert f'<{REPORTS}?limit=2&offset=4>; rel="next"' in links

    def names(query: str) -> list[str]:
        return [each["name"] for each in api.get(f"{REPORTS}?{query}").json()["items"]]

    assert names("owner=root") == ["Report of root"]
    assert names("template=user_activity") == ["Report of root"]
    assert names("paused=true") == ["Report 4"]
    assert names("text=T 1") == ["Report 1"]
    assert names("text=%25") == [], "a wildcard is a sign like any other"
    assert names("owner='%20OR%201=1--") == []
    assert 'rel="next"' not in api.get(f"{REPORTS}?limit=3&offset=3").headers["Link"]


@pytest.mark.parametrize("query", ["limit=0", "limit=1000", "limit=x", "offset=-1", "offset=999999999", "text=%00"])
def test_a_page_that_cannot_be_asked_for(api: Rest, query: str) -> None:
    answer = api.get(f"{REPORTS}?{query}")
    assert (answer.status_code, answer.json()["field"]) == (422, query.split("=", maxsplit=1)[0])


@pytest.mark.parametrize(
    ("path", "query", "said"),
    [
        (REPORTS, "pause=true", "pause: is not known here; known are: owner, template, paused, text, limit, offset"),
        (REPORTS, "false", "false: is not known here"),
        (REPORTS, "limit=5&limit=50", "limit: must be given once"),
        (REPORTS, "paused=on", "paused: must be true or false"),
        (REPORTS, "limit=%2B5", "limit: must be a whole number"),
        (REPORTS, "limit=1_0", "limit: must be a whole number"),
        (REPORTS, "limit=", "limit: must be a whole number"),
        ("/runs", "sate=failed", "sate: is not known here"),
        ("/deliveries", "runId=a&runId=b", "runId: must be given once"),
        ("/templates", "limit=5", "limit: is not known here; known are: none"),
        (f"{REPORTS}/{'0' * 32}", "verbose=1", "verbose: is not known here"),
    ],
)
def test_a_query_the_document_does_not_name_is_refused(api: Rest, path: str, query: str, said: str) -> None:
    answer = api.get(f"{path}?{query}")
    assert (answer.status_code, answer.json()["detail"][: len(said)]) == (422, said)


def test_several_odd_parts_of_a_query_are_told_together(api: Rest) -> None:
    answer = api.get("/runs?state=failed&state=missed&limit=1&limit=2&who=ada").json()
    assert [each["field"] for each in answer["errors"]] == ["limit", "who"]


def test_who_is_not_signed_in_is_told_so_before_anything_of_the_query(api: Rest) -> None:
    assert api.get(f"{REPORTS}?pause=true", Authorization="").status_code == 401


@pytest.mark.parametrize("id", ["nope", "0" * 32, "0" * 33, "%00", "..%2f..", "..%2fruns"])
def test_what_is_not_there_is_not_found(api: Rest, id: str) -> None:
    assert api.get(f"{REPORTS}/{id}").status_code == 404


def test_an_address_that_takes_another_method_says_which(api: Rest) -> None:
    answer = api.send("GET", f"{REPORTS}/preview")
    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")


def test_a_user_id_in_the_body_is_ignored(api: Rest) -> None:
    assert api.report(userId="root")["owner"] == EDITOR.id
    assert api.report(owner="root")["owner"] == EDITOR.id
    assert api.by(ADMIN).report(owner="bob")["owner"] == "bob"
