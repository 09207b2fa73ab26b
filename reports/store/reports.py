"""Reports and their subscriptions: definitions, edited under a version number.

Deleting a report takes its subscriptions and whatever has not begun; runs that are done stay in the archive, and one
that is running finishes, undelivered.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping

from reports.errors import InvalidInput, NotFound, StaleVersion
from reports.model import ChannelKind, DeliveryState, Report, RunState, Subscription
from reports.store.engine import Database
from reports.store.rows import report_row, subscription_row, to_report, to_subscription
from reports.store.tables import deliveries, reports, runs, subscriptions
from reports.store.types import Holds, Now

DELETED = "the report was deleted"
UNSUBSCRIBED = "the subscription was removed"


@dataclass(frozen=True)
class ReportQuery:
    """Which reports to list; None means any. `text` is looked for in the name."""

    owner: str | None = None
    template: str | None = None
    paused: bool | None = None
    text: str | None = None
    limit: int = 100
    offset: int = 0

    def conditions(self) -> list[sa.ColumnElement[bool]]:
        wanted: list[sa.ColumnElement[bool]] = []
        if self.owner is not None:
            wanted.append(reports.c.owner == self.owner)
        if self.template is not None:
            wanted.append(reports.c.template == self.template)
        if self.paused is not None:
            wanted.append(reports.c.paused == self.paused)
        if self.text:
            wanted.append(Holds(reports.c.name, self.text))
        return wanted


ANY_REPORT = ReportQuery()


class ReportQueries(Database):
    def add_report(self, report: Report) -> Report:
        with self.writing() as connection:
            connection.execute(sa.insert(reports).values(report_row(report)))
            return to_report(_row(connection, report.id))

    def report(self, id_or_name: str) -> Report:
        """Raises NotFound, or InvalidInput if several reports have that name."""
        with self.reading() as connection:
            by_id = connection.execute(sa.select(reports).where(reports.c.id == id_or_name)).mappings().one_or_none()
            if by_id is not None:
                return to_report(by_id)
            named = sa.select(reports).where(reports.c.name == id_or_name).order_by(reports.c.created_at).limit(10)
            found = [to_report(row) for row in connection.execute(named).mappings()]
        if not found:
            raise NotFound("report", id_or_name)
        if len(found) > 1:
            ids = ", ".join(report.id for report in found)
            raise InvalidInput("report", f"several reports are called {id_or_name!r}; name one by its id: {ids}")
        return found[0]

    def reports(self, query: ReportQuery = ANY_REPORT) -> list[Report]:
        """The reports asked for, by name."""
        statement = sa.select(reports).where(*query.conditions()).order_by(reports.c.name, reports.c.id)
        with self.reading() as connection:
            rows = connection.execute(statement.limit(query.limit).offset(query.offset)).mappings()
            return [to_report(row) for row in rows]

    def report_names(self, limit: int) -> dict[str, str]:
        """Names by id, in the order in which reports are listed; read from the index of names alone."""
        statement = sa.select(reports.c.id, reports.c.name).order_by(reports.c.name, reports.c.id).limit(limit)
        with self.reading() as connection:
            return {row.id: row.name for row in connection.execute(statement)}

    def count_reports(self, query: ReportQuery = ANY_REPORT) -> int:
        statement = sa.select(sa.func.count()).select_from(reports).where(*query.conditions())
        with self.reading() as connection:
            return connection.scalars(statement).one()

    def due_reports(self, now: datetime, limit: int) -> list[Report]:
        """Reports whose next due time has come, the longest waiting first; reads the index of due times only."""
        due = sa.select(reports).where(reports.c.paused == sa.false(), reports.c.next_due_at <= now)
        with self.reading() as connection:
            rows = connection.execute(due.order_by(reports.c.next_due_at).limit(limit)).mappings()
            return [to_report(row) for row in rows]

    def update_report(self, report: Report, expected_version: int) -> Report:
        """Save an edit of version `expected_version`; raises StaleVersion if somebody saved in between.

        The next due time is taken over only together with a change of schedule or of `paused`: a tick moves it
        without a new version, and an edit of the name must not move it back.
        """
        row = report_row(report)
        for kept in ("id", "created_at"):
            del row[kept]
        with self.writing() as connection:
            current = to_report(_row(connection, report.id, lock=True))
            if current.version != expected_version:
                raise StaleVersion("report", report.id, current.version)
            if (current.cron, current.zone, current.paused) == (report.cron, report.zone, report.paused):
                del row["next_due_at"]
            row["version"] = expected_version + 1
            connection.execute(sa.update(reports).where(reports.c.id == report.id).values(row))
            return to_report(_row(connection, report.id))

    def delete_report(self, id: str) -> None:
        """Delete the report and its subscriptions; cancel its queued runs and what is not yet on its way."""
        its_runs = sa.select(runs.c.id).where(runs.c.report_id == id)
        with self.writing() as connection:
            # The report goes first: whoever enqueues or finishes now locks its row, and so comes before or after.
            if not connection.execute(sa.delete(reports).where(reports.c.id == id)).rowcount:
                raise NotFound("report", id)
            connection.execute(
                sa.update(runs)
                .where(runs.c.report_id == id, runs.c.state == RunState.QUEUED.value)
                .values(state=RunState.CANCELLED.value, reason=DELETED, finished_at=Now())
            )
            _cancel_deliveries(connection, deliveries.c.run_id.in_(its_runs), DELETED)

    def add_subscription(self, subscription: Subscription) -> Subscription:
        with self.writing() as connection:
            lock_report(connection, subscription.report_id)
            connection.execute(sa.insert(subscriptions).values(subscription_row(subscription)))
            return to_subscription(_subscription_row(connection, subscription.id))

    def update_subscription(self, subscription: Subscription) -> Subscription:
        row = subscription_row(subscription)
        for kept in ("id", "report_id", "created_at"):
            del row[kept]
        with self.writing() as connection:
            connection.execute(sa.update(subscriptions).where(subscriptions.c.id == subscription.id).values(row))
            return to_subscription(_subscription_row(connection, subscription.id))

    def subscription(self, id: str) -> Subscription:
        with self.reading() as connection:
            return to_subscription(_subscription_row(connection, id))

    def subscriptions(self, report_id: str) -> list[Subscription]:
        """All subscriptions of a report, the paused ones too, the oldest first."""
        return self.subscriptions_of([report_id]).get(report_id, [])

    def subscriptions_of(self, report_ids: Sequence[str]) -> dict[str, list[Subscription]]:
        """Subscriptions of several reports in one query; a report without any has no entry."""
        statement = sa.select(subscriptions).where(subscriptions.c.report_id.in_(report_ids))
        found: dict[str, list[Subscription]] = {}
        with self.reading() as connection:
            ordered = statement.order_by(subscriptions.c.created_at, subscriptions.c.id)
            for row in connection.execute(ordered).mappings():
                found.setdefault(row["report_id"], []).append(to_subscription(row))
        return found

    def own_subscriptions(self, report_ids: Sequence[str], names: Sequence[str]) -> dict[str, Subscription]:
        """The oldest subscription by e-mail of whoever has these names, for each of these reports that has one."""
        own = sa.select(subscriptions).where(
            subscriptions.c.report_id.in_(report_ids),
            subscriptions.c.channel == ChannelKind.EMAIL.value,
            subscriptions.c.address.in_(names),
        )
        with self.reading() as connection:
            rows = connection.execute(own.order_by(subscriptions.c.created_at.desc(), subscriptions.c.id)).mappings()
            return {row["report_id"]: to_subscription(row) for row in rows}

    def remove_subscription(self, id: str) -> None:
        """Remove the subscription and cancel its deliveries that are not yet on their way."""
        with self.writing() as connection:
            if not connection.execute(sa.delete(subscriptions).where(subscriptions.c.id == id)).rowcount:
                raise NotFound("subscription", id)
            _cancel_deliveries(connection, deliveries.c.subscription_id == id, UNSUBSCRIBED)


def lock_report(connection: Connection, id: str) -> None:
    """Keep the report from being deleted until this transaction ends; raises NotFound if it is gone."""
    if not report_exists(connection, id):
        raise NotFound("report", id)


def report_exists(connection: Connection, id: str) -> bool:
    """Whether the report is there, and stays there until this transaction ends."""
    statement = sa.select(reports.c.id).where(reports.c.id == id).with_for_update(read=True, key_share=True)
    return connection.execute(statement).one_or_none() is not None


def _row(connection: Connection, id: str, *, lock: bool = False) -> RowMapping:
    statement = sa.select(reports).where(reports.c.id == id)
    row = connection.execute(statement.with_for_update() if lock else statement).mappings().one_or_none()
    if row is None:
        raise NotFound("report", id)
    return row


def _subscription_row(connection: Connection, id: str) -> RowMapping:
    row = connection.execute(sa.select(subscriptions).where(subscriptions.c.id == id)).mappings().one_or_none()
    if row is None:
        raise NotFound("subscription", id)
    return row


def _cancel_deliveries(connection: Connection, which: sa.ColumnElement[bool], reason: str) -> None:
    change: dict[str, Any] = {"state": DeliveryState.CANCELLED.value, "detail": reason, "next_attempt_at": None}
    connection.execute(
        sa.update(deliveries).where(which, deliveries.c.state == DeliveryState.PENDING.value).values(change)
    )
