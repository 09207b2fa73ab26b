"""How many requests pass, and when the next one does: by a clock that the test moves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from rest import ADMIN, EDITOR
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from web.api import limits
from web.api.limits import Buckets, Rate, RateLimit, sender


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_burst_passes_and_then_one_at_a_time() -> None:
    clock = Clock()
    buckets = Buckets(Rate(per_minute=60, burst=3), clock)
    assert [buckets.take("a") for _ in range(3)] == [0, 0, 0]
    assert buckets.take("a") == pytest.approx(1)
    clock.now += 0.4
    assert buckets.take("a") == pytest.approx(0.6)
    clock.now += 0.6
    assert buckets.take("a") == 0
    assert buckets.take("a") > 0


def test_a_bucket_never_holds_more_than_a_burst() -> None:
    clock = Clock()
    buckets = Buckets(Rate(per_minute=60, burst=2), clock)
    buckets.take("a")
    clock.now += 3600
    assert [buckets.take("a") == 0 for _ in range(3)] == [True, True, False]


def test_everybody_has_a_bucket_of_their_own() -> None:
    buckets = Buckets(Rate(per_minute=1, burst=1), Clock())
    assert buckets.take("a") == 0
    assert buckets.take("b") == 0
    assert buckets.take("a") > 0


def test_the_buckets_do_not_grow_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_BUCKETS", 10)
    buckets = Buckets(Rate(per_minute=60, burst=1), Clock())
    for number in range(100):
        buckets.take(str(number))
    assert list(buckets.buckets) == [str(number) for number in range(90, 100)]


def scope(**more: Any) -> dict[str, Any]:
    return {"type": "http", "headers": [], "client": ("192.0.2.1", 4242)} | more


def test_who_is_counted_as_one() -> None:
    token = [(b"authorization", b"Bearer gzt_one")]
    other = [(b"authorization", b"Bearer gzt_two")]
    known = {"gazette.person": EDITOR, "gazette.scopes": ("reports:read",)}
    assert sender(scope(headers=token, **known)) != sender(scope(headers=other, **known))
    assert "gzt_one" not in sender(scope(headers=token, **known)), "a token is no key to keep"
    session = {"gazette.person": EDITOR, "gazette.scopes": None}
    assert sender(scope(**session)) == sender(scope(client=("192.0.2.9", 1), **session))
    assert sender(scope(**session)) != sender(scope(**session | {"gazette.person": ADMIN}))
    assert sender(scope(headers=token)) == sender(scope()), "a token that nobody holds is an address"
    assert sender(scope()) != sender(scope(client=("192.0.2.2", 4242)))
    assert sender(scope(client=None)) == "address unknown"


def answering(rate: Callable[[], Rate]) -> TestClient:
    def here(_: Request) -> PlainTextResponse:
        return PlainTextResponse("here")

    return TestClient(RateLimit(Starlette(routes=[Route("/", here)]), rate))


def test_who_asks_too_often_is_told_when_to_go_on() -> None:
    client = answering(lambda: Rate(per_minute=6, burst=2))
    assert [client.get("/").status_code for _ in range(3)] == [200, 200, 429]
    refused = client.get("/")
    assert refused.headers["Content-Type"] == "application/problem+json"
    assert 1 <= int(refused.headers["Retry-After"]) <= 10
    assert refused.json()["type"] == "urn:gazette:problem:too-many-requests"
    assert "6 requests a minute" in refused.json()["detail"]
