"""How much there is of what, for the status page and the metrics; and whether the database answers at all."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from reports.model import DeliveryState, RunState
from reports.store.engine import Database
from reports.store.runs import VISIBLE
from reports.store.tables import deliveries, runs


class CountQueries(Database):
    def reachable(self) -> bool:
        """Whether the database answers."""
        try:
            with self.reading() as connection:
                connection.execute(sa.select(1))
        except SQLAlchemyError:
            return False
        return True

    def runs_by_state(self) -> dict[RunState, int]:
        """Every state, also those without a run."""
        found = self._by_state(sa.select(runs.c.state, sa.func.count()).where(VISIBLE).group_by(runs.c.state))
        return {state: found.get(state.value, 0) for state in RunState}

    def deliveries_by_state(self) -> dict[DeliveryState, int]:
        found = self._by_state(sa.select(deliveries.c.state, sa.func.count()).group_by(deliveries.c.state))
        return {state: found.get(state.value, 0) for state in DeliveryState}

    def _by_state(self, statement: sa.Select[str, int]) -> dict[str, int]:
        with self.reading() as connection:
            rows = connection.execute(statement)
            return {row[0]: row[1] for row in rows}
