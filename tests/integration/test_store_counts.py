"""What the status page and the metrics count, on both databases."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy.engine import make_url

from reports.model import DeliveryState, PeriodPolicy, Report, Run, RunKind, RunState
from reports.planning import owner_notice, planned_run
from reports.store import RunnerSeen, RunQuery, Store

AT = datetime(2026, 11, 16, 7, tzinfo=UTC)
WEEKLY = Report("r1", "Weekly", "usage_summary", "owner", "0 7 * * 1", "UTC", PeriodPolicy.PREVIOUS_WEEK)


def add(store: Store, due_at: datetime, state: RunState) -> Run:
    return store.add_run(replace(planned_run(WEEKLY, due_at, RunKind.SCHEDULED, {}), state=state))


def test_runs_are_counted_by_state_and_none_is_left_out(store: Store) -> None:
    store.add_report(WEEKLY)
    for weeks, state in enumerate([RunState.SUCCEEDED, RunState.SUCCEEDED, RunState.FAILED]):
        add(store, AT - timedelta(weeks=weeks), state)
    counts = store.runs_by_state()
    assert set(counts) == set(RunState)
    assert (counts[RunState.SUCCEEDED], counts[RunState.FAILED], counts[RunState.QUEUED]) == (2, 1, 0)


def test_deliveries_are_counted_by_state(store: Store) -> None:
    store.add_report(WEEKLY)
    add(store, AT, RunState.QUEUED)
    run = store.claim_run("runner", timedelta(minutes=1))
    assert run is not None
    store.finish_run(run.id, run.attempt, [], {}, {}, [owner_notice(run)])
    counts = store.deliveries_by_state()
    assert set(counts) == set(DeliveryState)
    assert counts[DeliveryState.PENDING] == 1
    assert sum(counts.values()) == 1


@pytest.mark.parametrize(
    ("first", "last", "found"),
    [
        (date(2026, 11, 15), date(2026, 11, 15), 1),  # the last day of the period
        (date(2026, 11, 9), date(2026, 11, 9), 1),  # its first
        (date(2026, 11, 8), date(2026, 11, 9), 2),  # across two periods
        (date(2026, 11, 16), date(2026, 11, 30), 0),
        (date(2026, 1, 1), date(2026, 12, 31), 2),
    ],
)
def test_runs_are_found_by_a_day_they_cover(store: Store, first: date, last: date, found: int) -> None:
    store.add_report(WEEKLY)
    add(store, AT, RunState.SUCCEEDED)  # 9 to 15 November
    add(store, AT - timedelta(weeks=1), RunState.SUCCEEDED)
    query = RunQuery(days=(first, last))
    assert len(store.runs(query)) == store.count_runs(query) == found


def test_a_database_that_answers_is_reachable(store: Store) -> None:
    assert store.reachable()


def test_a_database_that_is_gone_is_not(postgres_url: str) -> None:
    nowhere = make_url(postgres_url).set(host="127.0.0.1", port=1, query={"connect_timeout": "2"})
    store = Store(nowhere.render_as_string(hide_password=False))
    assert not store.reachable()
    store.close()


def test_a_runner_is_alive_for_one_lease_of_silence(store: Store) -> None:
    store.beat("runner", {})
    (seen,) = store.runners()
    assert seen.alive
    assert not RunnerSeen(seen.id, {}, AT, AT, timedelta(seconds=61)).alive
