"""Periods derive from the due time in the report's zone; changes follow the domain's formula."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports import periods
from reports.errors import InvalidCron, InvalidInput
from reports.model import Period, PeriodPolicy
from reports.periods import Change

DUE = datetime(2026, 11, 22, 9, tzinfo=UTC)  # a Sunday
ALL_BUT_N = [policy for policy in PeriodPolicy if policy is not PeriodPolicy.LAST_N_DAYS]


def days(start: str, end: str) -> tuple[date, date]:
    return date.fromisoformat(start), date.fromisoformat(end)


@pytest.mark.parametrize(
    ("policy", "due", "start", "end"),
    [
        (PeriodPolicy.PREVIOUS_DAY, "2026-11-22T09:00", "2026-11-21", "2026-11-21"),
        (PeriodPolicy.PREVIOUS_DAY, "2026-01-01T00:00", "2025-12-31", "2025-12-31"),
        (PeriodPolicy.PREVIOUS_DAY, "2024-03-01T00:00", "2024-02-29", "2024-02-29"),
        (PeriodPolicy.LAST_7_DAYS, "2026-11-22T09:00", "2026-11-15", "2026-11-21"),
        (PeriodPolicy.PREVIOUS_WEEK, "2026-11-22T09:00", "2026-11-09", "2026-11-15"),  # Sunday: its week is not over
        (PeriodPolicy.PREVIOUS_WEEK, "2026-11-23T00:00", "2026-11-16", "2026-11-22"),  # Monday
        (PeriodPolicy.PREVIOUS_WEEK, "2027-01-01T09:00", "2026-12-21", "2026-12-27"),  # ISO week 53
        (PeriodPolicy.PREVIOUS_MONTH, "2026-11-22T09:00", "2026-10-01", "2026-10-31"),
        (PeriodPolicy.PREVIOUS_MONTH, "2026-01-31T09:00", "2025-12-01", "2025-12-31"),
        (PeriodPolicy.PREVIOUS_MONTH, "2024-03-31T09:00", "2024-02-01", "2024-02-29"),
    ],
)
def test_the_days_of_each_policy(policy: PeriodPolicy, due: str, start: str, end: str) -> None:
    period = periods.compute(policy, datetime.fromisoformat(due).replace(tzinfo=UTC), "UTC")
    assert (period.start, period.end) == days(start, end)
    assert period.zone == "UTC"


def test_the_day_is_that_of_the_zone() -> None:
    late_evening_utc = datetime(2026, 11, 21, 23, 30, tzinfo=UTC)
    assert periods.compute(PeriodPolicy.PREVIOUS_DAY, late_evening_utc, "UTC").end == date(2026, 11, 20)
    assert periods.compute(PeriodPolicy.PREVIOUS_DAY, late_evening_utc, "Asia/Tokyo").end == date(2026, 11, 21)
    early_utc = datetime(2026, 11, 1, 3, tzinfo=UTC)
    assert periods.compute(PeriodPolicy.PREVIOUS_MONTH, early_utc, "America/New_York").start == date(2026, 9, 1)


def test_last_n_days() -> None:
    period = periods.compute(PeriodPolicy.LAST_N_DAYS, DUE, "UTC", days=30)
    assert (period.start, period.end, period.days) == (*days("2026-10-23", "2026-11-21"), 30)


@pytest.mark.parametrize("number", [None, 0, -1, periods.MAX_DAYS + 1])
def test_last_n_days_needs_a_sensible_number(number: int | None) -> None:
    with pytest.raises(InvalidInput, match="from 1 to") as caught:
        periods.compute(PeriodPolicy.LAST_N_DAYS, DUE, "UTC", days=number)
    assert caught.value.field == "period_days"


@pytest.mark.parametrize(
    ("last_end", "number", "start"),
    [
        ("2026-11-18", None, "2026-11-19"),
        ("2026-11-20", None, "2026-11-21"),
        ("2026-11-21", None, "2026-11-21"),  # nothing complete since: the same day again, never an empty period
        ("2026-12-31", None, "2026-11-21"),
        (None, None, "2026-11-21"),
        (None, 7, "2026-11-15"),
    ],
)
def test_since_the_last_delivered_run(last_end: str | None, number: int | None, start: str) -> None:
    last = date.fromisoformat(last_end) if last_end else None
    period = periods.compute(PeriodPolicy.SINCE_LAST, DUE, "UTC", days=number, last_end=last)
    assert (period.start, period.end) == days(start, "2026-11-21")


def test_a_naive_due_time_and_an_unknown_zone_are_refused() -> None:
    with pytest.raises(ValueError, match="aware"):
        periods.compute(PeriodPolicy.PREVIOUS_DAY, datetime(2026, 11, 22), "UTC")  # noqa: DTZ001 - that is the test
    with pytest.raises(InvalidCron):
        periods.compute(PeriodPolicy.PREVIOUS_DAY, DUE, "Mars/Olympus")


@given(st.sampled_from(ALL_BUT_N), st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1)))  # noqa: DTZ001
def test_a_period_is_whole_past_days_and_its_comparison_touches_it(policy: PeriodPolicy, naive: datetime) -> None:
    due = naive.replace(tzinfo=UTC)
    period = periods.compute(policy, due, "UTC")
    assert period.start <= period.end < due.date()
    before = period.before()
    assert before.end + timedelta(days=1) == period.start
    assert before.days == period.days


@given(st.dates(date(1990, 1, 1), date(2090, 1, 1)), st.integers(0, 23))
def test_a_late_run_of_the_same_day_reports_the_same_days(day: date, hour: int) -> None:
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
    for policy in ALL_BUT_N:
        assert periods.compute(policy, midnight, "UTC") == periods.compute(policy, midnight.replace(hour=hour), "UTC")


# Words


@pytest.mark.parametrize(
    ("start", "end", "words"),
    [
        ("2026-11-21", "2026-11-21", "Saturday, 21 November 2026"),
        ("2026-11-09", "2026-11-15", "9 to 15 November 2026"),
        ("2026-10-28", "2026-11-03", "28 October to 3 November 2026"),
        ("2026-12-28", "2027-01-03", "28 December 2026 to 3 January 2027"),
        ("2026-10-01", "2026-10-31", "1 to 31 October 2026"),
        ("2025-11-21", "2026-11-20", "21 November 2025 to 20 November 2026"),
    ],
)
def test_periods_read_in_british_order(start: str, end: str, words: str) -> None:
    assert periods.in_words(Period(*days(start, end))) == words


# Change


@pytest.mark.parametrize(
    ("current", "previous", "expected"),
    [
        (150, 100, Change(50.0, "up")),
        (50, 100, Change(-50.0, "down")),
        (0, 100, Change(-100.0, "down")),
        (101, 100, Change(1.0, "steady")),
        (99, 100, Change(-1.0, "steady")),
        (101.01, 100, Change(1.01, "up")),
        (98.99, 100, Change(-1.01, "down")),
        (100, 100, Change(0.0, "steady")),
        (1, 3, Change(-66.67, "down")),
        (5, 0, Change(None, "new")),
        (0, 0, Change(0.0, "steady")),
        (5, None, Change(None, "no comparison")),
        (None, 5, Change(None, "no comparison")),
        (math.nan, 5, Change(None, "no comparison")),
        (5, math.inf, Change(None, "no comparison")),
        (5, -1, Change(None, "no comparison")),
        (-1, 0, Change(None, "no comparison")),
        (2**63, 2**62, Change(100.0, "up")),
    ],
)
def test_change(current: float | None, previous: float | None, expected: Change) -> None:
    assert periods.change(current, previous) == expected


def test_no_change_is_never_a_negative_zero() -> None:
    assert math.copysign(1, periods.change(99.99999, 100).percent or 0.0) == 1.0
