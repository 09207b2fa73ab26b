"""Where reports, runs, deliveries and people are kept: SQLite or PostgreSQL.

`Store` is the sum of its query modules. Values of `reports.model` go in and come out, instants are aware UTC, and
leases are written and judged by the database's clock.
"""

from __future__ import annotations

from reports.store.answers import AnswerQueries, KeptAnswer, RequestKey
from reports.store.audit import ANY_CHANGE, AuditQueries, AuditQuery
from reports.store.counts import CountQueries
from reports.store.deliveries import DeliveryAttempt, DeliveryQueries, DeliveryQuery
from reports.store.leases import LeaseQueries
from reports.store.migrate import migrate
from reports.store.people import Attempts, PeopleQueries
from reports.store.reports import ANY_REPORT, ReportQueries, ReportQuery
from reports.store.retention import RetentionQueries
from reports.store.run_log import LogLine, RunLogQueries
from reports.store.runners import RunnerQueries, RunnerSeen
from reports.store.runs import ANY_RUN, Backlog, RunQueries, RunQuery, StageTime
from reports.store.sources import SourceQueries

__all__ = [
    "ANY_CHANGE",
    "ANY_REPORT",
    "ANY_RUN",
    "Attempts",
    "AuditQuery",
    "Backlog",
    "DeliveryAttempt",
    "DeliveryQuery",
    "KeptAnswer",
    "LogLine",
    "ReportQuery",
    "RequestKey",
    "RunQuery",
    "RunnerSeen",
    "StageTime",
    "Store",
]


class Store(
    SourceQueries,
    ReportQueries,
    RunQueries,
    LeaseQueries,
    RunLogQueries,
    DeliveryQueries,
    RetentionQueries,
    RunnerQueries,
    CountQueries,
    PeopleQueries,
    AuditQueries,
    AnswerQueries,
):
    """`Store(url)` connects when it is first used; `migrate()` brings the database to this version's tables."""

    def migrate(self) -> None:
        """Raises ConfigError if a newer version of Gazette has been here."""
        migrate(self)
