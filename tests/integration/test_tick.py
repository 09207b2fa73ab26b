"""Ticks on both databases: which due times become runs, once, and what happens to those that were missed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from examples import a_plain_report

from reports.model import (
    CatchUp,
    ChannelKind,
    DeliveryKind,
    DeliveryState,
    Filters,
    Period,
    PeriodPolicy,
    Report,
    Run,
    RunState,
    Subscription,
)
from reports.store import RunQuery, Store
from runner.sending import missed_with
from runner.tick import DUE_TIMES_A_TICK, Due, due_times, reason_missed, tick

NOW = datetime(2026, 11, 16, 8, 0, 1, tzinfo=UTC)  # a Monday
HOUR = timedelta(hours=1)


def a_report(**changes: Any) -> Report:
    return replace(a_plain_report(next_due_at=datetime(2026, 11, 16, 8, 0, tzinfo=UTC)), **changes)


def subscribe(store: Store, id: str, **changes: Any) -> None:
    plain = Subscription(id=id, report_id="r1", channel=ChannelKind.OUTBOX, address=id)
    store.add_subscription(replace(plain, **changes))


def all_runs(store: Store) -> list[Run]:
    return sorted(store.runs(RunQuery(limit=10_000)), key=lambda run: run.due_at)


def test_a_due_time_becomes_one_run_and_the_next_is_set(store: Store) -> None:
    store.add_report(a_report(filters=Filters(team_ids=("t1",)), parameters={"top": 3}))
    assert tick(store, NOW)
    (run,) = all_runs(store)
    assert (run.state, run.due_at) == (RunState.QUEUED, datetime(2026, 11, 16, 8, 0, tzinfo=UTC))
    assert run.period == Period(date(2026, 11, 15), date(2026, 11, 15), "Europe/Berlin")
    assert run.parameters == {"top": 3}
    assert run.filters.team_ids == ("t1",)
    assert store.report("r1").next_due_at == datetime(2026, 11, 17, 8, 0, tzinfo=UTC)
    assert not tick(store, NOW)
    assert len(all_runs(store)) == 1


def test_before_its_time_nothing_happens(store: Store) -> None:
    store.add_report(a_report())
    assert not tick(store, NOW - 2 * timedelta(seconds=1))
    assert not all_runs(store)


def test_a_run_for_each_distinct_set_of_parameters(store: Store) -> None:
    store.add_report(a_report(parameters={"team": "all"}))
    subscribe(store, "s1")
    subscribe(store, "s2", parameters={"team": "a"})
    subscribe(store, "s3", parameters={"team": "all"})
    subscribe(store, "s4", parameters={"team": "b"}, paused=True)
    tick(store, NOW)
    assert sorted(run.parameters["team"] for run in all_runs(store)) == ["a", "all"]


def test_paused_reports_and_reports_without_schedule_are_left_alone(store: Store) -> None:
    store.add_report(a_report(paused=True))
    store.add_report(a_report(id="r2", name="By hand", cron="", next_due_at=None))
    assert not tick(store, NOW)


def test_ticks_of_several_runners_at_once_give_one_run(store: Store) -> None:
    store.add_report(a_report())
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda _: tick(store, NOW), range(6)))
    assert len(all_runs(store)) == 1


def test_a_clock_set_back_does_not_repeat_a_due_time(store: Store) -> None:
    store.add_report(a_report(cron="*/10 * * * *"))
    tick(store, NOW)
    tick(store, NOW - HOUR)
    tick(store, NOW)
    assert len(all_runs(store)) == 1


DOWN = datetime(2026, 11, 13, 8, 0, tzinfo=UTC)  # three days before NOW


@pytest.mark.parametrize(
    ("catch_up", "grace", "states"),
    [
        (CatchUp.LATEST, 24, ["missed", "missed", "missed", "queued"]),
        (CatchUp.ALL, 24, ["missed", "missed", "missed", "queued"]),
        (CatchUp.ALL, 60, ["missed", "queued", "queued", "queued"]),
        (CatchUp.SKIP, 24, ["missed", "missed", "missed", "queued"]),
    ],
)
def test_three_days_down(store: Store, catch_up: CatchUp, grace: int, states: list[str]) -> None:
    store.add_report(a_report(next_due_at=DOWN, catch_up=catch_up, grace=grace * HOUR))
    tick(store, NOW)
    runs = all_runs(store)
    assert [run.state.value for run in runs] == states
    assert all(run.reason.startswith("missed while no runner was there") for run in runs if run.state == "missed")
    assert all(run.finished_at for run in runs if run.state == "missed")
    assert store.report("r1").next_due_at == datetime(2026, 11, 17, 8, 0, tzinfo=UTC)


def test_the_owner_is_told_once_of_the_latest_that_was_missed(store: Store) -> None:
    store.add_report(a_report(next_due_at=DOWN))
    tick(store, NOW)
    first, second, latest, queued = all_runs(store)
    (notice,) = store.deliveries(latest.id)
    assert (notice.kind, notice.address, notice.state) == (
        DeliveryKind.FAILURE,
        "owner@example.org",
        DeliveryState.PENDING,
    )
    assert not any(store.deliveries(run.id) for run in (first, second, queued))
    assert missed_with(store, latest) == (first.due_at, second.due_at)


def test_nobody_is_told_of_what_a_later_due_time_replaced_at_once(store: Store) -> None:
    due = NOW.replace(second=0) - timedelta(minutes=1)
    store.add_report(a_report(cron="* * * * *", next_due_at=due))
    tick(store, NOW)
    replaced, queued = all_runs(store)
    assert (replaced.state, queued.state) == (RunState.MISSED, RunState.QUEUED)
    assert store.deliveries(replaced.id) == []


@pytest.mark.parametrize(
    ("catch_up", "late", "grace", "words"),
    [
        (CatchUp.LATEST, 5 * HOUR, 24, ""),
        (CatchUp.LATEST, 5 * HOUR, 4, "older than the report's grace of 4 hours"),
        (CatchUp.ALL, 5 * HOUR, 4, "older than the report's grace"),
        (CatchUp.SKIP, 5 * HOUR, 24, "does not catch up"),
        (CatchUp.SKIP, timedelta(seconds=90), 24, ""),
    ],
)
def test_one_late_due_time(catch_up: CatchUp, late: timedelta, grace: int, words: str) -> None:
    report = a_report(catch_up=catch_up, grace=grace * HOUR)
    assert report.next_due_at is not None
    now = report.next_due_at + late
    reason = reason_missed(report, report.next_due_at, due_times(report, now), now)
    assert (words in reason) if words else reason == ""


def test_the_period_of_a_late_run_is_that_of_its_due_time(store: Store) -> None:
    store.add_report(a_report(next_due_at=DOWN, catch_up=CatchUp.ALL, grace=100 * HOUR))
    tick(store, NOW)
    assert [run.period.end.day for run in all_runs(store)] == [12, 13, 14, 15]


def test_a_long_gap_is_recorded_in_portions_and_only_the_last_due_time_runs(store: Store) -> None:
    minutes = 2 * DUE_TIMES_A_TICK + 100
    start = NOW.replace(second=0) - timedelta(minutes=minutes - 1)
    store.add_report(a_report(cron="* * * * *", next_due_at=start))
    ticks = 0
    while tick(store, NOW):
        ticks += 1
    runs = all_runs(store)
    assert ticks == 3
    assert len(runs) == minutes
    assert [run.state.value for run in runs[-2:]] == ["missed", "queued"]
    assert {run.state.value for run in runs[:-1]} == {"missed"}


def test_due_times_know_whether_more_are_behind_them() -> None:
    at = NOW - timedelta(minutes=1)
    assert Due((at,), NOW + HOUR).latest(NOW) == at
    assert Due((at,), None).latest(NOW) == at
    assert Due((at,), NOW).latest(NOW) is None
    assert Due((), None).latest(NOW) is None


@pytest.mark.parametrize(
    "broken",
    [{"cron": "61 * * * *"}, {"zone": "Europe/Atlantis"}, {"period_policy": PeriodPolicy.LAST_N_DAYS}],
)
def test_an_unreadable_report_gets_a_last_run_and_stops_nobody(store: Store, broken: dict[str, Any]) -> None:
    store.add_report(a_report(next_due_at=NOW - HOUR, **broken))
    store.add_report(a_report(id="r2", name="Sound"))
    tick(store, NOW)
    assert sorted(run.report_id for run in all_runs(store) if run.state is RunState.QUEUED) == ["r1", "r2"]
    assert store.report("r1").next_due_at is None
    assert store.report("r2").next_due_at == datetime(2026, 11, 17, 8, 0, tzinfo=UTC)
    assert not tick(store, NOW)


def test_since_last_starts_after_the_last_day_reported(store: Store) -> None:
    store.add_report(a_report(period_policy=PeriodPolicy.SINCE_LAST))
    tick(store, NOW)
    run = store.claim_run("runner", HOUR)
    assert run is not None
    store.finish_run(run.id, run.attempt, [], {}, {}, [])
    tick(store, NOW + timedelta(days=3))
    assert [run.period.start.day for run in all_runs(store)][-1] == 16


def test_due_times_caught_up_together_share_no_day(store: Store) -> None:
    policy = {"period_policy": PeriodPolicy.SINCE_LAST, "catch_up": CatchUp.ALL, "grace": 100 * HOUR}
    store.add_report(a_report(next_due_at=NOW - timedelta(days=3, seconds=1), **policy))
    tick(store, NOW)
    days = [(run.state, run.period.start.day, run.period.end.day) for run in all_runs(store)]
    assert days == [(RunState.QUEUED, day, day) for day in (12, 13, 14, 15)]
