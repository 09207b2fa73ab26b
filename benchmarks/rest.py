"""Lists over REST with a large archive: medians with 100,000 runs, 2,000 reports and 20,000 subscriptions on SQLite.

    python -m benchmarks.rest [--rows 100000] [--repeats 30] [--cpu]

The same figures for a tenth of the rows stand beside them. Bars of the project: each list below 50 ms, and no list more
than 1.5 times as long with ten times the rows, but for a text that no run's name holds. Requests go through the whole
application in this process; the network and the sign-in are left out. `--cpu` counts this process's own time, for a
machine that has other work.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from starlette.testclient import TestClient
from starlette.types import ASGIApp, Receive, Scope, Send

from benchmarks.large import ADMIN, EDITOR, NOW, TURNS, VIEWER, Asked, Ids, Part, compare
from reports.model import Person
from web.api.app import make_api
from web.api.limits import Rate

NO_LIMIT = Rate(1_000_000_000, 1_000_000_000)
WEEK = [f"{NOW - timedelta(days=days):%Y-%m-%dT00:00:00Z}" for days in (21, 14)]


class KnownAs:
    """Stands where the sign-in stands: everything is asked by one person."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.person = ADMIN

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app({**scope, "gazette.person": self.person}, receive, send)


@dataclass(frozen=True)
class Site:
    app: KnownAs
    client: TestClient
    clock: Callable[[], float]


def lists(report: str) -> dict[str, tuple[Person, str]]:
    return {
        "reports": (ADMIN, "/admin/scheduled-reports"),
        "reports, later page": (ADMIN, "/admin/scheduled-reports?offset=150"),
        "reports by text": (ADMIN, "/admin/scheduled-reports?text=platform"),
        "reports by text that is nowhere": (ADMIN, "/admin/scheduled-reports?text=nowhere"),
        "reports of an owner": (ADMIN, "/admin/scheduled-reports?owner=owner-1"),
        "one report": (ADMIN, f"/admin/scheduled-reports/{report}"),
        "its history": (ADMIN, f"/admin/scheduled-reports/{report}/history"),
        "its subscriptions": (ADMIN, f"/admin/scheduled-reports/{report}/subscriptions"),
        "runs": (ADMIN, "/runs"),
        "runs, later page": (ADMIN, "/runs?offset=5000"),
        "runs that failed": (ADMIN, "/runs?state=failed"),
        "runs of a template": (ADMIN, "/runs?template=user_activity"),
        "runs by text": (ADMIN, "/runs?text=platform"),
        "runs by text that is nowhere": (ADMIN, "/runs?text=nowhere"),
        "runs of a week": (ADMIN, f"/runs?since={WEEK[0]}&until={WEEK[1]}"),
        "runs an editor sees": (EDITOR, "/runs"),
        "runs a viewer sees": (VIEWER, "/runs"),
        "deliveries": (ADMIN, "/deliveries"),
        "deliveries of a report": (ADMIN, f"/deliveries?reportId={report}"),
        "deliveries that failed": (ADMIN, "/deliveries?state=failed"),
        "deliveries an editor sees": (EDITOR, "/deliveries"),
        "templates": (ADMIN, "/templates"),
    }


def measured(_folder: Path, ids: Ids, asked: Asked) -> dict[str, list[float]]:
    """What each list took in one turn, in milliseconds."""
    app = KnownAs(make_api(lambda: NO_LIMIT))
    with TestClient(app) as client:
        site = Site(app, client, asked.clock)
        return {name: _times(site, *each, asked.repeats // TURNS) for name, each in lists(ids.report).items()}


def _times(site: Site, person: Person, path: str, repeats: int) -> list[float]:
    site.app.person = person
    clock, taken = site.clock, []
    for _ in range(repeats + 2):
        began = clock()
        answer = site.client.get(path)
        taken.append(1000 * (clock() - began))
        assert answer.status_code == 200, answer.text
    return taken[2:]  # the first two fill caches


LISTS = Part("REST", measured, bar=50, linear={"runs by text that is nowhere"})

if __name__ == "__main__":
    sys.exit(compare([LISTS], __doc__ or ""))
