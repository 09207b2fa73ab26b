"""Idempotency keys over REST, on both databases: the same request is done once, whatever happens in between."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import rest
from rest import OTHER, REPORTS, Rest, a_report


@pytest.fixture
def api(store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rest]:
    with rest.opened(store_url, tmp_path, monkeypatch) as opened:
        yield opened


def test_a_repetition_gets_the_first_answer_and_makes_nothing(api: Rest) -> None:
    body = a_report(webhookUrl="https://hooks.example.org/in")
    first = api.send("POST", REPORTS, body, Idempotency_Key="k-1")
    again = api.send("POST", REPORTS, body, Idempotency_Key="k-1")
    assert (again.status_code, again.json()) == (201, first.json())
    for header in ("Location", "ETag", "Content-Type"):
        assert again.headers[header] == first.headers[header]
    assert again.headers["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first.headers
    assert api.get(REPORTS).json()["total"] == 1


def test_another_request_with_the_same_key_is_refused(api: Rest) -> None:
    api.send("POST", REPORTS, a_report(), Idempotency_Key="k-1")
    other = api.send("POST", REPORTS, a_report(name="Another"), Idempotency_Key="k-1")
    elsewhere = api.send("POST", f"{REPORTS}/preview", a_report(), Idempotency_Key="k-1")
    for answer in (other, elsewhere):
        assert answer.status_code == 422
        assert answer.json()["type"] == "urn:gazette:problem:key-reused"
    assert api.get(REPORTS).json()["total"] == 1


def test_a_key_is_its_persons(api: Rest) -> None:
    mine = api.send("POST", REPORTS, a_report(), Idempotency_Key="k-1").json()
    theirs = api.by(OTHER).send("POST", REPORTS, a_report(), Idempotency_Key="k-1").json()
    assert mine["id"] != theirs["id"]


def test_a_refusal_is_not_kept(api: Rest) -> None:
    assert api.send("POST", REPORTS, a_report(zone="Nowhere"), Idempotency_Key="k-1").status_code == 422
    assert api.send("POST", REPORTS, a_report(), Idempotency_Key="k-1").status_code == 201


def test_without_a_key_every_request_is_a_new_one(api: Rest) -> None:
    assert api.report()["id"] != api.report()["id"]


@pytest.mark.parametrize("key", ["", "a b", "x" * 201, "ä"])
def test_a_key_that_is_none(api: Rest, key: str) -> None:
    headers = {**api.headers, "Idempotency-Key": key.encode("latin-1")}
    answer = api.client.post(REPORTS, json=a_report(), headers=headers)
    assert (answer.status_code, answer.json()["field"]) == (422, "Idempotency-Key")


def test_requests_that_cross_are_done_once(api: Rest) -> None:
    def send(_: int) -> str:
        answer = api.send("POST", REPORTS, a_report(), Idempotency_Key="k-1")
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(send, range(4)))) == 1
    assert api.get(REPORTS).json()["total"] == 1


def test_every_post_takes_a_key(api: Rest) -> None:
    report = api.report()
    path = f"{REPORTS}/{report['id']}"
    for address, body in (
        (f"{path}/run", None),
        (f"{REPORTS}/preview", a_report()),
        (f"{path}/subscriptions", {"channel": "outbox", "address": "finance"}),
    ):
        first = api.made(address, body, Idempotency_Key=address)
        assert api.made(address, body, Idempotency_Key=address) == first
    (run,) = api.get("/runs?kind=manual").json()["items"]
    cancel = f"/runs/{run['id']}/cancel"
    assert api.made(cancel, Idempotency_Key="cancel") == api.made(cancel, Idempotency_Key="cancel")
    assert api.send("POST", cancel).status_code == 409
    assert api.get("/runs").json()["total"] == 2
    assert len(api.get(f"{path}/subscriptions").json()["items"]) == 1
