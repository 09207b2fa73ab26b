"""How runs leave the archive: marked (and so hidden), their files removed, then the row.

Each step can be repeated after a crash, and no visible run ever lacks its files.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa

from reports.errors import NotFound
from reports.model import PREVIEW_RETENTION, DeliveryState, Run, RunKind
from reports.store.engine import Database
from reports.store.rows import to_run
from reports.store.tables import artifacts, deliveries, runs
from reports.store.types import Now

ON_THEIR_WAY = (DeliveryState.PENDING.value, DeliveryState.SENDING.value)
KEPT = (RunKind.SCHEDULED.value, RunKind.MANUAL.value)
PATHS_PER_QUERY = 500  # keeps a statement under SQLite's 32,766 bound values


class RetentionQueries(Database):
    def prunable_runs(self, now: datetime, retention: timedelta, limit: int = 500) -> list[Run]:
        """Runs past their retention, the oldest first, and those a crash left marked.

        Not those pinned, nor those with a delivery still on its way: it needs the files.
        """
        on_its_way = sa.exists().where(deliveries.c.run_id == runs.c.id, deliveries.c.state.in_(ON_THEIR_WAY))
        marked = runs.c.pruned_at.is_not(None)
        free = sa.and_(runs.c.pruned_at.is_(None), runs.c.pinned == sa.false(), ~on_its_way)
        due = sa.and_(runs.c.id.in_(_old_runs(now, retention)), sa.or_(marked, free))
        with self.reading() as connection:
            rows = connection.execute(sa.select(runs).where(due).order_by(runs.c.finished_at).limit(limit)).mappings()
            return [to_run(row) for row in rows]

    def mark_pruned(self, run_id: str) -> bool:
        """Hide the run before its files go. False: it was pinned, or somebody is sending it, since it was listed."""
        on_its_way = sa.exists().where(deliveries.c.run_id == run_id, deliveries.c.state.in_(ON_THEIR_WAY))
        mark = sa.update(runs).where(
            runs.c.id == run_id, runs.c.pinned == sa.false(), runs.c.finished_at.is_not(None), ~on_its_way
        )
        with self.writing() as connection:
            marked = connection.execute(mark.values(pruned_at=sa.func.coalesce(runs.c.pruned_at, Now())))
            return marked.rowcount == 1

    def delete_run(self, run_id: str) -> None:
        """Delete a marked run with all that belongs to it, after its files are gone."""
        with self.writing() as connection:
            connection.execute(sa.delete(runs).where(runs.c.id == run_id, runs.c.pruned_at.is_not(None)))

    def pin_run(self, run_id: str, *, pinned: bool = True) -> None:
        """Exempt the run from retention, or no longer."""
        pin = sa.update(runs).where(runs.c.id == run_id, runs.c.pruned_at.is_(None)).values(pinned=pinned)
        with self.writing() as connection:
            if not connection.execute(pin).rowcount:
                raise NotFound("run", run_id)

    def known_paths(self, paths: Sequence[str]) -> set[str]:
        """Those of `paths` (in the archive) that an artifact names."""
        known: set[str] = set()
        with self.reading() as connection:
            for first in range(0, len(paths), PATHS_PER_QUERY):
                some = list(paths[first : first + PATHS_PER_QUERY])
                known.update(connection.scalars(sa.select(artifacts.c.path).where(artifacts.c.path.in_(some))))
        return known


def _old_runs(now: datetime, retention: timedelta) -> sa.CompoundSelect[str]:
    """Ids of marked runs and of those past their retention; each part reads an index of its own."""
    preview_retention = min(retention, PREVIEW_RETENTION)
    return sa.union_all(
        sa.select(runs.c.id).where(runs.c.pruned_at.is_not(None)),
        sa.select(runs.c.id).where(runs.c.kind.in_(KEPT), runs.c.finished_at < now - retention),
        sa.select(runs.c.id).where(runs.c.kind == RunKind.PREVIEW.value, runs.c.finished_at < now - preview_retention),
    )
