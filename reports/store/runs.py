"""Runs: which exist, and how they come to be. Who works on one, and its end, is the matter of `leases`.

A run for one (report, due time, parameters, kind) exists once, whoever enqueues it and however often.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from reports.errors import Conflict, NotFound
from reports.model import Artifact, CatchUp, DeliveryKind, DeliveryState, Person, Report, Run, RunKind, RunState
from reports.planning import is_worth_telling, owner_notice
from reports.store.audience import runs_seen_by
from reports.store.engine import Database, count, insert_if_new
from reports.store.reports import lock_report
from reports.store.rows import delivery_row, run_row, to_artifact, to_run
from reports.store.tables import artifacts, deliveries, reports, runs, stages
from reports.store.types import Holds, Now

VISIBLE = runs.c.pruned_at.is_(None)  # a marked run's files may be gone already


@dataclass(frozen=True)
class RunQuery:
    """Which runs to list, the latest due time first; empty or None means any. `since` <= due time < `until`.

    `days`, first and last: runs whose period has one of these days.
    """

    report_id: str | None = None
    owner: str | None = None
    template: str | None = None
    parameters_key: str | None = None
    states: tuple[RunState, ...] = ()
    kinds: tuple[RunKind, ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    text: str | None = None  # part of the report's name
    days: tuple[date, date] | None = None
    failing: bool = False  # only the last run of each report there is, where that failed
    ids: tuple[str, ...] = ()
    seen_by: Person | None = None  # only what this person may see
    limit: int = 100
    offset: int = 0
    counted: int | None = None  # where counting stops

    def conditions(self) -> list[sa.ColumnElement[bool]]:
        wanted: list[sa.ColumnElement[bool]] = [VISIBLE]
        for column in ("report_id", "owner", "template", "parameters_key"):
            value = getattr(self, column)
            if value is not None:
                wanted.append(runs.c[column] == value)
        among: list[tuple[sa.ColumnElement[str], tuple[str, ...]]]
        among = [(runs.c.id, self.ids), (self._state(), self.states), (runs.c.kind, self.kinds)]
        for asked, values in among:
            if values:
                wanted.append(asked.in_([str(value) for value in values]))
        wanted += self._of_time()
        if self.text:
            wanted.append(Holds(runs.c.report_name, self.text))
        if self.seen_by is not None:
            wanted += runs_seen_by(self.seen_by)
        if self.failing:
            wanted += _failing()
        return wanted

    def _state(self) -> sa.ColumnElement[str]:
        """Of one report there are few runs: SQLite would read all of a state, in order, to find those of the report."""
        return runs.c.state if self.report_id is None else sa.func.coalesce(runs.c.state, "")

    def _of_time(self) -> list[sa.ColumnElement[bool]]:
        wanted: list[sa.ColumnElement[bool]] = []
        if self.since is not None:
            wanted.append(runs.c.due_at >= self.since)
        if self.until is not None:
            wanted.append(runs.c.due_at < self.until)
        if self.days:
            wanted += [runs.c.period_start <= self.days[1], runs.c.period_end >= self.days[0]]
        return wanted


ANY_RUN = RunQuery()


@dataclass(frozen=True)
class StageTime:
    """When a stage of a run's attempt began and ended, by the database's clock."""

    stage: str
    attempt: int
    started_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True)
class Backlog:
    """What waits and what is being worked on."""

    queued: int
    running: int
    pending: int
    sending: int


class RunQueries(Database):
    def enqueue(self, report: Report, its_runs: Sequence[Run], next_due_at: datetime | None) -> list[Run]:
        """Add the runs of due times and move the report's next due time, in one transaction; the runs that are new.

        `report` as it was read: if its next due time is another by now (somebody else enqueued, or it was edited,
        paused or deleted), nothing is written and the answer is empty. The owner is told of the latest missed one.
        """
        with self.writing() as connection:
            if not _move_next_due(connection, report, next_due_at):
                return []
            new = insert_if_new(connection, runs, [run_row(run) for run in its_runs])
            missed = [run for run in its_runs if run.id in new and is_worth_telling(run)]
            insert_if_new(connection, deliveries, [delivery_row(owner_notice(run)) for run in missed[-1:]])
            if report.catch_up is not CatchUp.ALL:
                for run in its_runs:
                    if run.id in new and run.state is RunState.QUEUED:
                        _supersede_older(connection, run)
            return [_read(connection, run.id) for run in its_runs if run.id in new]

    def add_run(self, run: Run) -> Run:
        """Add a run by hand or a preview; if the same one exists, the answer is that one."""
        with self.writing() as connection:
            if run.kind is not RunKind.PREVIEW:  # a preview may be of a draft that is not saved
                lock_report(connection, run.report_id)
            insert_if_new(connection, runs, [run_row(run)])
            same = sa.select(runs).where(
                runs.c.report_id == run.report_id,
                runs.c.due_at == run.due_at,
                runs.c.parameters_key == run.parameters_key,
                runs.c.kind == run.kind.value,
            )
            return to_run(connection.execute(same).mappings().one())

    def cancel_run(self, id: str, reason: str) -> None:
        """Cancel a queued run; raises Conflict if it is not queued any more."""
        with self.writing() as connection:
            cancelled = connection.execute(
                sa.update(runs)
                .where(runs.c.id == id, runs.c.state == RunState.QUEUED.value)
                .values(state=RunState.CANCELLED.value, reason=reason, finished_at=Now())
            )
            if not cancelled.rowcount:
                run = _read(connection, id)
                raise Conflict(f"The run {id!r} is {run.state.value}; only a queued run can be cancelled.")

    def run(self, id: str) -> Run:
        with self.reading() as connection:
            return _read(connection, id)

    def runs(self, query: RunQuery = ANY_RUN) -> list[Run]:
        """Which they are is found out in an index where it can be; only then are their rows, which are large, read."""
        found = sa.select(runs.c.id).where(*query.conditions()).order_by(runs.c.due_at.desc(), runs.c.id.desc())
        wanted = sa.select(runs).where(runs.c.id.in_(found.limit(query.limit).offset(query.offset)))
        with self.reading() as connection:
            rows = [to_run(row) for row in connection.execute(wanted).mappings()]
        return sorted(rows, key=lambda run: (run.due_at, run.id), reverse=True)

    def count_runs(self, query: RunQuery = ANY_RUN) -> int:
        with self.reading() as connection:
            return count(connection, sa.select(runs.c.id).where(*query.conditions()), query.counted)

    def latest_runs(self, report_ids: Sequence[str]) -> dict[str, Run]:
        """The run with the latest due time of each of these reports, previews left out.

        One look into the index for each report: a rank over all its runs would read all of them.
        """
        candidate = runs.alias("candidate")
        last = (
            sa.select(candidate.c.id)
            .where(candidate.c.report_id == reports.c.id, candidate.c.kind != RunKind.PREVIEW.value)
            .where(candidate.c.pruned_at.is_(None))
            .order_by(candidate.c.due_at.desc())
            .limit(1)
            .correlate(reports)
            .scalar_subquery()
        )
        latest = sa.select(runs).select_from(reports).join(runs, runs.c.id == last).where(reports.c.id.in_(report_ids))
        with self.reading() as connection:
            return {row["report_id"]: to_run(row) for row in connection.execute(latest).mappings()}

    def find_execution(self, key: str) -> Run | None:
        """The latest succeeded run that executed the same template, parameters, period and data."""
        same = sa.select(runs).where(runs.c.execution_key == key, runs.c.state == RunState.SUCCEEDED.value, VISIBLE)
        with self.reading() as connection:
            row = connection.execute(same.order_by(runs.c.finished_at.desc()).limit(1)).mappings().one_or_none()
        return None if row is None else to_run(row)

    def last_delivered_run(self, report_id: str, parameters_key: str) -> Run | None:
        """The run of these parameters that reached a subscriber last, or that succeeded when nobody was subscribed."""
        delivered = sa.select(runs).where(
            runs.c.report_id == report_id,
            runs.c.parameters_key == parameters_key,
            runs.c.delivered_at.is_not(None),
            VISIBLE,
        )
        with self.reading() as connection:
            row = connection.execute(delivered.order_by(runs.c.delivered_at.desc()).limit(1)).mappings().one_or_none()
        return None if row is None else to_run(row)

    def last_period_end(self, report_id: str, parameters_key: str) -> date | None:
        """The last day that a scheduled run of these parameters has reported.

        A run that every subscriber was spared reported nothing: its days belong to the next one.
        """
        its = sa.select(deliveries.c.id).where(
            deliveries.c.run_id == runs.c.id, deliveries.c.kind != DeliveryKind.TEST.value
        )
        skipped = deliveries.c.state == DeliveryState.SKIPPED.value
        done = sa.select(sa.func.max(runs.c.period_end)).where(
            runs.c.report_id == report_id,
            runs.c.parameters_key == parameters_key,
            runs.c.kind == RunKind.SCHEDULED.value,
            runs.c.state == RunState.SUCCEEDED.value,
            sa.or_(~its.where(skipped).exists(), its.where(~skipped).exists()),
        )
        with self.reading() as connection:
            last: date | None = connection.scalars(done).one()
        return last

    def artifacts(self, run_id: str) -> list[Artifact]:
        statement = sa.select(artifacts).where(artifacts.c.run_id == run_id).order_by(artifacts.c.format)
        with self.reading() as connection:
            return [to_artifact(row) for row in connection.execute(statement).mappings()]

    def artifacts_of(self, run_ids: Sequence[str]) -> dict[str, list[Artifact]]:
        """Files of several runs in one query; a run without any has no entry."""
        statement = sa.select(artifacts).where(artifacts.c.run_id.in_(run_ids)).order_by(artifacts.c.format)
        found: dict[str, list[Artifact]] = {}
        with self.reading() as connection:
            for row in connection.execute(statement).mappings():
                found.setdefault(row["run_id"], []).append(to_artifact(row))
        return found

    def artifact(self, id: str) -> Artifact:
        statement = sa.select(artifacts).join(runs, runs.c.id == artifacts.c.run_id)
        with self.reading() as connection:
            row = connection.execute(statement.where(artifacts.c.id == id, VISIBLE)).mappings().one_or_none()
        if row is None:
            raise NotFound("artifact", id)
        return to_artifact(row)

    def stages(self, run_id: str) -> list[StageTime]:
        """What each attempt of a run did, in order."""
        statement = sa.select(stages).where(stages.c.run_id == run_id)
        with self.reading() as connection:
            rows = connection.execute(statement.order_by(stages.c.attempt, stages.c.started_at)).mappings()
            return [StageTime(row["stage"], row["attempt"], row["started_at"], row["finished_at"]) for row in rows]

    def backlog(self) -> Backlog:
        with self.reading() as connection:
            return Backlog(
                queued=_count(connection, runs, "queued"),
                running=_count(connection, runs, "running"),
                pending=_count(connection, deliveries, "pending"),
                sending=_count(connection, deliveries, "sending"),
            )


def _failing() -> list[sa.ColumnElement[bool]]:
    """Failed, and since then its report, which is there, neither succeeded nor failed again.

    Previews say nothing of that, nor what was missed or waits. One run stands for all that failed at one due time.
    """
    later = runs.alias("later")
    failed_too = sa.and_(later.c.due_at == runs.c.due_at, later.c.state == RunState.FAILED.value)
    since = sa.select(later.c.id).where(
        later.c.report_id == runs.c.report_id,
        later.c.due_at >= runs.c.due_at,
        later.c.kind != RunKind.PREVIEW.value,
        sa.or_(
            sa.and_(
                later.c.due_at > runs.c.due_at,
                later.c.state.in_([RunState.SUCCEEDED.value, RunState.FAILED.value]),
            ),
            sa.and_(failed_too, later.c.id > runs.c.id),
        ),
    )
    there = sa.select(reports.c.id).where(reports.c.id == runs.c.report_id)
    failed = runs.c.state == RunState.FAILED.value
    return [failed, runs.c.kind != RunKind.PREVIEW.value, there.exists(), ~since.exists()]


def _move_next_due(connection: Connection, report: Report, next_due_at: datetime | None) -> bool:
    moved = connection.execute(
        sa.update(reports)
        .where(reports.c.id == report.id, reports.c.paused == sa.false())
        .where(reports.c.next_due_at == report.next_due_at)
        .values(next_due_at=next_due_at)
    )
    return moved.rowcount == 1


def _supersede_older(connection: Connection, run: Run) -> None:
    """A due time that still waits for its turn gives way to this later one."""
    due = run.due_at.astimezone(ZoneInfo(run.period.zone))
    connection.execute(
        sa.update(runs)
        .where(runs.c.report_id == run.report_id, runs.c.parameters_key == run.parameters_key)
        .where(runs.c.kind == RunKind.SCHEDULED.value, runs.c.state == RunState.QUEUED.value)
        .where(runs.c.attempt == runs.c.released, runs.c.due_at < run.due_at)
        .values(
            state=RunState.MISSED.value,
            reason=f"the run due {due.day} {due:%B %Y, %H:%M %Z} took its place",
            finished_at=Now(),
        )
    )


def _read(connection: Connection, id: str) -> Run:
    row = connection.execute(sa.select(runs).where(runs.c.id == id, VISIBLE)).mappings().one_or_none()
    if row is None:
        raise NotFound("run", id)
    return to_run(row)


def _count(connection: Connection, table: sa.Table, state: str) -> int:
    return connection.scalars(sa.select(sa.func.count()).select_from(table).where(table.c.state == state)).one()
