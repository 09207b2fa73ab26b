"""The REST API over a store of the test's own, called by people whom the test names.

Who calls is told by the Authorization header, as a token would: `Bearer ada` is Ada. The sign-in itself has its own
tests; here it is a table.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pytest
from starlette.testclient import TestClient
from starlette.types import ASGIApp, Receive, Scope, Send

from reports.model import Person, Role
from reports.service import Service
from web import wiring
from web.api.app import make_api
from web.api.limits import Rate

ROOT = Path(__file__).resolve().parents[1]
REPORTS = "/admin/scheduled-reports"
ADMIN = Person("root", "Root", Role.ADMIN, "root@example.org")
EDITOR = Person("ada", "Ada", Role.EDITOR, "ada@example.org")
OTHER = Person("bob", "Bob", Role.EDITOR, "bob@example.org")
VIEWER = Person("vera", "Vera", Role.VIEWER, "vera@example.org")
PEOPLE = {person.id: person for person in (ADMIN, EDITOR, OTHER, VIEWER)}
FAST = Rate(1_000_000, 1_000_000)


class KnownByHeader:
    """Stands where the sign-in stands: `Bearer NAME`, or `Bearer NAME SCOPE...` for a token of theirs."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            header = dict(scope["headers"]).get(b"authorization", b"").decode("latin-1")
            name, *scopes = header.removeprefix("Bearer ").split() or [""]
            if name in PEOPLE and header.startswith("Bearer "):
                scope = {**scope, "gazette.person": PEOPLE[name], "gazette.scopes": scopes or None}
        await self.app(scope, receive, send)


@dataclass
class Rest:
    """The API as one person calls it."""

    client: TestClient
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def service(self) -> Service:
        return wiring.service()

    def by(self, person: Person, *scopes: str) -> Rest:
        return Rest(self.client, {"Authorization": " ".join(["Bearer", person.id, *scopes])})

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> httpx2.Response:
        given = {**self.headers, **{name.replace("_", "-"): value for name, value in headers.items()}}
        answer = self.client.request(method, path, json=body, headers=given)
        if answer.status_code >= 400:
            assert answer.headers["content-type"] == "application/problem+json", answer.text
            assert answer.json()["status"] == answer.status_code
        return answer

    def get(self, path: str, **headers: str) -> httpx2.Response:
        return self.send("GET", path, **headers)

    def made(self, path: str, body: Any = None, **headers: str) -> dict[str, Any]:
        """What a POST that has to succeed answers."""
        answer = self.send("POST", path, body, **headers)
        assert answer.status_code in {200, 201, 202}, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def report(self, **more: Any) -> dict[str, Any]:
        return self.made(REPORTS, a_report(**more))


def a_report(**more: Any) -> dict[str, Any]:
    return {
        "name": "Usage of the week",
        "template": "usage_summary",
        "cron": "0 7 * * 1",
        "zone": "Europe/Berlin",
    } | more


@contextmanager
def opened(store_url: str, folder: Path, monkeypatch: pytest.MonkeyPatch, rate: Rate = FAST) -> Iterator[Rest]:
    monkeypatch.setenv("GAZETTE_DATABASE_URL", store_url)
    monkeypatch.setenv("GAZETTE_DATA_DIR", str(folder / "state"))
    monkeypatch.setenv("GAZETTE_NOTEBOOKS_DIR", str(ROOT / "notebooks"))
    wiring.forget()
    wiring.service()  # as the server does while it starts
    app = KnownByHeader(make_api(lambda: rate))
    with TestClient(app, raise_server_exceptions=False) as client:
        yield Rest(client).by(EDITOR)
    wiring.forget()
