"""Which due times have come, and the runs they become. Reads only the index of next due times; executes nothing.

Runs and the report's next due time are written in one transaction that asks whether the due time still is the one
read: however many runners tick at once, and however often, a due time becomes a run once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

import structlog

from reports import cron
from reports.errors import GazetteError
from reports.model import CatchUp, Report, Run, Subscription
from reports.planning import ON_TIME, missed, planned_runs
from reports.store import Store

log = structlog.get_logger("gazette.tick")

REPORTS_A_TICK = 50  # one step stays short; the next one takes the rest
DUE_TIMES_A_TICK = 500  # of one report: after a long downtime the gap is recorded in such portions


@dataclass(frozen=True)
class Due:
    """The due times of one report that have come, oldest first, and the one to wait for next."""

    times: tuple[datetime, ...]
    following: datetime | None

    def latest(self, now: datetime) -> datetime | None:
        """The newest due time, unless a newer one has come too and waits for the next portion."""
        behind = self.following is not None and self.following <= now
        return None if behind or not self.times else self.times[-1]


def tick(store: Store, now: datetime) -> bool:
    """Enqueue what is due; True if anything was."""
    reports = store.due_reports(now, REPORTS_A_TICK)
    for report in reports:
        enqueue_due(store, report, now)
    return bool(reports)


def enqueue_due(store: Store, report: Report, now: datetime) -> list[Run]:
    """The new runs of one report: queued ones, and the record of those missed.

    A report whose schedule or period cannot be read gets a last run, in which the pipeline finds and tells the reason.
    """
    subscriptions = store.subscriptions(report.id)
    try:
        due = due_times(report, now)
        runs = _runs_of(store, report, subscriptions, due, now)
        following = due.following
    except (GazetteError, ValueError, ArithmeticError, LookupError) as error:
        log.warning("Schedule cannot be read", action="tick.unreadable", report=report.id, error=str(error))
        runs, following = _last_runs(report, subscriptions), None
    new = store.enqueue(report, runs, following)
    for run in new:
        log.info(
            "Due time enqueued" if not run.reason else "Due time recorded as missed",
            action=f"tick.{run.state.value}",
            report=report.id,
            run=run.id,
            due_at=run.due_at.isoformat(),
            reason=run.reason,
        )
    return new


def due_times(report: Report, now: datetime) -> Due:
    """What has come since the report's next due time, that one included. Raises InvalidCron."""
    first = report.next_due_at
    if first is None or first > now:
        return Due((), first)
    later = cron.due_between(report.cron, report.zone, first, now, DUE_TIMES_A_TICK) if report.cron else []
    times = (first, *later)
    if len(times) > DUE_TIMES_A_TICK:
        return Due(times[:DUE_TIMES_A_TICK], times[DUE_TIMES_A_TICK])
    return Due(times, cron.next_due(report.cron, report.zone, now) if report.cron else None)


def reason_missed(report: Report, at: datetime, due: Due, now: datetime) -> str:
    """Why the due time `at` is not run any more; "" if it is."""
    age = now - at
    is_latest = at == due.latest(now)
    if is_latest and age <= ON_TIME:
        return ""
    if report.catch_up is CatchUp.SKIP:
        return "missed while no runner was there; this report does not catch up"
    if age > report.grace:
        hours = report.grace.total_seconds() / 3600
        return f"missed while no runner was there; older than the report's grace of {hours:g} hours"
    if report.catch_up is CatchUp.LATEST and not is_latest:
        return "missed while no runner was there; a later due time ran in its place"
    return ""


def _runs_of(store: Store, report: Report, subscriptions: Sequence[Subscription], due: Due, now: datetime) -> list[Run]:
    """The runs of all due times; the days of one that is queued here are not those of the ones after it."""
    queued: dict[str, date] = {}

    def last_end(report_id: str, parameters_key: str) -> date | None:
        return queued.get(parameters_key) or store.last_period_end(report_id, parameters_key)

    found: list[Run] = []
    for at in due.times:
        runs = planned_runs(report, at, subscriptions, last_end)
        reason = reason_missed(report, at, due, now)
        if reason:
            found += [missed(run, reason, now) for run in runs]
        else:
            found += runs
            queued |= {run.parameters_key: run.period.end for run in runs}
    return found


def _last_runs(report: Report, subscriptions: Sequence[Subscription]) -> list[Run]:
    """The runs of the due time that was computed while the schedule could still be read, for the previous day."""
    assert report.next_due_at is not None
    plain = replace(report, zone="UTC", period_policy=type(report.period_policy).PREVIOUS_DAY)
    return planned_runs(plain, report.next_due_at, subscriptions)
