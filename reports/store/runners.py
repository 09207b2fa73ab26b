"""Which runners are there: each writes its heartbeat, and the status page reads how long one has been silent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from reports.model import LEASE, JsonDict
from reports.store.engine import Database, upsert
from reports.store.tables import runners
from reports.store.types import Now

FORGOTTEN_AFTER = timedelta(days=7)  # a runner silent for so long is no longer shown


@dataclass(frozen=True)
class RunnerSeen:
    """A runner and what it says of itself. `silent_for` is measured by the database's clock."""

    id: str
    info: JsonDict
    started_at: datetime
    seen_at: datetime
    silent_for: timedelta

    @property
    def alive(self) -> bool:
        """Whether its runs are still its own: after a lease of silence, others take them."""
        return self.silent_for <= LEASE


class RunnerQueries(Database):
    def beat(self, runner_id: str, info: Mapping[str, Any]) -> None:
        row = {"id": runner_id, "info": dict(info), "started_at": Now(), "seen_at": Now()}
        with self.writing() as connection:
            upsert(connection, runners, row, keep=("started_at",))
            connection.execute(sa.delete(runners).where(runners.c.seen_at < Now(-FORGOTTEN_AFTER)))

    def runners(self) -> list[RunnerSeen]:
        """The runners heard of lately, the last heard first."""
        statement = sa.select(runners, Now().label("now")).order_by(runners.c.seen_at.desc())
        with self.reading() as connection:
            return [
                RunnerSeen(row["id"], row["info"], row["started_at"], row["seen_at"], row["now"] - row["seen_at"])
                for row in connection.execute(statement).mappings()
            ]

    def remove_runner(self, runner_id: str) -> None:
        """Say goodbye, when a runner stops in order."""
        with self.writing() as connection:
            connection.execute(sa.delete(runners).where(runners.c.id == runner_id))
