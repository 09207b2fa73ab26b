"""Who may work on a run, until when, and how it ends.

A claim gives a lease, judged by the database's clock alone, and an attempt number. Every later write names that number
and changes a row only while the run is still running under it: whoever was paused past the lease changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError

from reports.errors import LeaseLost
from reports.model import (
    MAX_ATTEMPTS,
    Artifact,
    Delivery,
    DeliveryState,
    JsonDict,
    LogLevel,
    Run,
    RunError,
    RunKind,
    RunState,
)
from reports.planning import DELIVER, owner_notice
from reports.store.engine import Database, insert_if_new
from reports.store.reports import DELETED, UNSUBSCRIBED, report_exists
from reports.store.rows import EXECUTION_KEY, artifact_row, delivery_row, to_run
from reports.store.run_log import write_line
from reports.store.tables import artifacts, deliveries, runs, stages, subscriptions
from reports.store.types import Now

CLAIM_TRIES = 5  # claims of runs of one report that came at the same moment as another's
# In the text of the statement, not as a bound value, so that the partial unique index serves the query.
RUNNING: sa.ColumnClause[str] = sa.literal_column("'running'", sa.Text)


class LeaseQueries(Database):
    def claim_run(self, runner_id: str, lease: timedelta) -> Run | None:
        """The oldest queued run whose time has come and whose report has no run running, now running here."""
        for _ in range(CLAIM_TRIES):
            try:
                with self.writing() as connection:
                    return _claim(connection, runner_id, lease)
            except IntegrityError:  # another runner claimed a run of the same report in this moment
                continue
        return None

    def extend_lease(self, run_id: str, attempt: int, lease: timedelta) -> None:
        """Raises LeaseLost."""
        with self.writing() as connection:
            _write(connection, run_id, attempt, {"lease_until": Now(lease)})

    def set_stage(self, run_id: str, attempt: int, stage: str) -> None:
        """End the attempt's stage before and begin this one; raises LeaseLost."""
        with self.writing() as connection:
            _write(connection, run_id, attempt, {"stage": stage})
            _end_stages(connection, run_id)
            begun = {"run_id": run_id, "attempt": attempt, "stage": stage, "started_at": Now()}
            insert_if_new(connection, stages, [begun])

    def finish_run(
        self,
        run_id: str,
        attempt: int,
        artifacts: Sequence[Artifact],
        metrics: Mapping[str, Any],
        provenance: Mapping[str, Any],
        deliveries: Sequence[Delivery],
    ) -> None:
        """Publish the run: state, artifacts, figures and pending deliveries appear together or not at all.

        A delivery whose subscription was removed in the meantime is recorded as cancelled. A run that nobody
        subscribed to counts as delivered. Raises LeaseLost.
        """
        done: JsonDict = {
            "state": RunState.SUCCEEDED.value,
            "stage": "",
            "error": None,
            "metrics": dict(metrics),
            "provenance": dict(provenance),
            "execution_key": provenance.get(EXECUTION_KEY),
            "finished_at": Now(),
            "lease_until": None,
        }
        if not deliveries and provenance.get(DELIVER, True):
            done["delivered_at"] = sa.case((runs.c.kind != RunKind.PREVIEW.value, Now()))
        with self.writing() as connection:
            _write(connection, run_id, attempt, done)
            _end_stages(connection, run_id)
            _add_artifacts(connection, artifacts)
            _add_deliveries(connection, deliveries)

    def fail_run(
        self, run_id: str, attempt: int, error: RunError, retry_at: datetime | None, notice: Delivery | None
    ) -> None:
        """Record the failure: queued again until `retry_at`, or failed for good where that is None.

        `notice` tells the owner; however often a run fails, only the first is kept. Raises LeaseLost.
        """
        with self.writing() as connection:
            run = _held(connection, run_id, attempt)
            ending = _failed() if retry_at is None else _queued_again(connection, run, retry_at)
            _write(connection, run_id, attempt, {"error": asdict(error), **ending})
            _end_stages(connection, run_id)
            if notice is not None:
                insert_if_new(connection, deliveries, [delivery_row(notice)])

    def release_run(self, run_id: str, attempt: int) -> None:
        """Give the run back: queued at once, and this attempt does not count. Raises LeaseLost."""
        with self.writing() as connection:
            run = _held(connection, run_id, attempt)
            _write(
                connection, run_id, attempt, {"released": runs.c.released + 1, **_queued_again(connection, run, None)}
            )
            _end_stages(connection, run_id)

    def reap_runs(self, max_attempts: int = MAX_ATTEMPTS) -> list[Run]:
        """Take back the runs whose lease has ended: queued again, or failed when their attempts are used up."""
        dead = sa.select(runs).where(runs.c.state == RunState.RUNNING.value, runs.c.lease_until < Now())
        with self.writing() as connection:
            rows = connection.execute(dead.with_for_update(skip_locked=True)).mappings().all()
            for run in [to_run(row) for row in rows]:
                _reap(connection, run, max_attempts)
            reaped = sa.select(runs).where(runs.c.id.in_([row["id"] for row in rows]))
            return [to_run(row) for row in connection.execute(reaped).mappings()] if rows else []


def _claim(connection: Connection, runner_id: str, lease: timedelta) -> Run | None:
    other = runs.alias("other")
    busy = sa.exists().where(other.c.report_id == runs.c.report_id, other.c.state == RUNNING)
    ready = sa.or_(runs.c.not_before.is_(None), runs.c.not_before <= Now())
    next_one = (
        sa.select(runs.c.id)
        .where(runs.c.state == RunState.QUEUED.value, ready, ~busy)
        .order_by(runs.c.due_at, runs.c.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    id = connection.scalars(next_one).one_or_none()
    if id is None:
        return None
    claimed = (
        sa.update(runs)
        .where(runs.c.id == id, runs.c.state == RunState.QUEUED.value)
        .values(
            state=RunState.RUNNING.value,
            attempt=runs.c.attempt + 1,
            stage="",
            runner_id=runner_id,
            lease_until=Now(lease),
            started_at=Now(),
            not_before=None,
        )
        .returning(runs)
    )
    return to_run(connection.execute(claimed).mappings().one())


def _write(connection: Connection, run_id: str, attempt: int, values: Mapping[str, Any]) -> None:
    """Change the run if it is still running under this attempt; raises LeaseLost, which undoes the transaction."""
    held = (runs.c.id == run_id, runs.c.attempt == attempt, runs.c.state == RunState.RUNNING.value)
    if connection.execute(sa.update(runs).where(*held).values(dict(values))).rowcount != 1:
        raise _lost(run_id, attempt)


def _held(connection: Connection, run_id: str, attempt: int) -> Run:
    row = connection.execute(sa.select(runs).where(runs.c.id == run_id).with_for_update()).mappings().one_or_none()
    if row is None or row["attempt"] != attempt or row["state"] != RunState.RUNNING.value:
        raise _lost(run_id, attempt)
    return to_run(row)


def _lost(run_id: str, attempt: int) -> LeaseLost:
    return LeaseLost(f"Attempt {attempt} of run {run_id!r} was taken back; nothing of it was written.")


def _queued_again(connection: Connection, run: Run, not_before: datetime | None) -> JsonDict:
    if run.kind is not RunKind.PREVIEW and not report_exists(connection, run.report_id):
        return _ended(RunState.CANCELLED) | {"reason": DELETED}
    return {"state": RunState.QUEUED.value, "stage": "", "not_before": not_before, "lease_until": None}


def _failed() -> JsonDict:
    return _ended(RunState.FAILED)


def _ended(state: RunState) -> JsonDict:
    return {"state": state.value, "finished_at": Now(), "lease_until": None}


def _reap(connection: Connection, run: Run, max_attempts: int) -> None:
    if run.tries < max_attempts:
        ending = _queued_again(connection, run, None)
        what = "it is queued again"
    else:
        ending = _failed() | {"error": asdict(_runner_gone(run))}
        what = "the run has failed, as it was the last attempt"
        if run.kind is not RunKind.PREVIEW:  # whoever asked for a preview is looking at it
            insert_if_new(connection, deliveries, [delivery_row(owner_notice(run))])
    _write(connection, run.id, run.attempt, ending)
    _end_stages(connection, run.id)
    write_line(connection, run.id, run.attempt, f"The runner stopped answering; {what}.", LogLevel.WARNING)


def _runner_gone(run: Run) -> RunError:
    message = (
        f"The runner stopped answering during attempt {run.tries}, as in all attempts before it. "
        "Look at the runner's log and memory, then run the report again."
    )
    return RunError(stage=run.stage, kind="RunnerGone", message=message)


def _end_stages(connection: Connection, run_id: str) -> None:
    open_ones = sa.and_(stages.c.run_id == run_id, stages.c.finished_at.is_(None))
    connection.execute(sa.update(stages).where(open_ones).values(finished_at=Now()))


def _add_artifacts(connection: Connection, new: Sequence[Artifact]) -> None:
    if new:
        connection.execute(sa.insert(artifacts), [artifact_row(artifact) for artifact in new])


def _add_deliveries(connection: Connection, new: Sequence[Delivery]) -> None:
    wanted = [delivery.subscription_id for delivery in new if delivery.subscription_id]
    # Locked: a subscription that is there now stays until these rows are, and its removal then finds them.
    there = sa.select(subscriptions.c.id).where(subscriptions.c.id.in_(wanted))
    kept = set(connection.scalars(there.order_by(subscriptions.c.id).with_for_update(read=True, key_share=True)))
    rows = [delivery_row(delivery) for delivery in new]
    for row in rows:
        if row["subscription_id"] and row["subscription_id"] not in kept:
            row.update(state=DeliveryState.CANCELLED.value, detail=UNSUBSCRIBED)
    insert_if_new(connection, deliveries, rows)
