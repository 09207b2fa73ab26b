"""Which days a run covers, how a period reads, and how two figures compare.

A period derives from the due time in the report's zone, never from now, so that a late or repeated run reports the
same days. Only complete days count: the day of the due time itself is never part of a period.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal

from reports.cron import MONTHS, WEEKDAYS, check_zone
from reports.errors import InvalidInput
from reports.model import Period, PeriodPolicy

STEADY_PERCENT = 1.0  # a change up to this, either way, is steady
MAX_DAYS = 3660  # ten years; more is a typing error

_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Change:
    """`percent` has two decimals, and is None where the word says why there is none."""

    percent: float | None
    word: Literal["up", "down", "steady", "new", "no comparison"]


def compute(
    policy: PeriodPolicy, due_at: datetime, zone: str, *, days: int | None = None, last_end: date | None = None
) -> Period:
    """The period of a run due at `due_at` (aware). `days` serves last_n_days, `last_end` since_last.

    `last_end` is the last day of the period delivered before. Without one, since_last covers the previous day (or the
    last `days`); and it covers the previous day again if no complete day has passed since. Raises InvalidCron for an
    unknown zone and InvalidInput("period_days", ...) for a missing or odd number of days.
    """
    if due_at.utcoffset() is None:
        raise ValueError("an aware datetime is needed")
    today = due_at.astimezone(check_zone(zone)).date()
    start, end = _first_and_last(policy, today, days, last_end)
    return Period(start, end, zone)


def _first_and_last(policy: PeriodPolicy, today: date, days: int | None, last_end: date | None) -> tuple[date, date]:
    yesterday = today - _DAY
    match policy:
        case PeriodPolicy.PREVIOUS_DAY:
            return yesterday, yesterday
        case PeriodPolicy.LAST_7_DAYS:
            return today - 7 * _DAY, yesterday
        case PeriodPolicy.PREVIOUS_WEEK:
            monday = today - today.weekday() * _DAY
            return monday - 7 * _DAY, monday - _DAY
        case PeriodPolicy.PREVIOUS_MONTH:
            end = today.replace(day=1) - _DAY
            return end.replace(day=1), end
        case PeriodPolicy.LAST_N_DAYS:
            return today - _checked(days) * _DAY, yesterday
        case PeriodPolicy.SINCE_LAST:
            if last_end is None:
                return today - (1 if days is None else _checked(days)) * _DAY, yesterday
            return min(last_end + _DAY, yesterday), yesterday


def _checked(days: int | None) -> int:
    if days is None or not 1 <= days <= MAX_DAYS:
        raise InvalidInput("period_days", f"must be a whole number from 1 to {MAX_DAYS}; got {days}")
    return days


def in_words(period: Period) -> str:
    """The period as people write it: "Saturday, 21 November 2026", "9 to 15 November 2026"."""
    start, end = period.start, period.end
    if start == end:
        return f"{WEEKDAYS[end.isoweekday() % 7]}, {_date(end)}"
    if (start.year, start.month) == (end.year, end.month):
        return f"{start.day} to {_date(end)}"
    if start.year == end.year:
        return f"{start.day} {MONTHS[start.month - 1]} to {_date(end)}"
    return f"{_date(start)} to {_date(end)}"


def _date(day: date) -> str:
    return f"{day.day} {MONTHS[day.month - 1]} {day.year}"


def change(current: float | None, previous: float | None) -> Change:
    """How a figure compares: (current - previous) / previous * 100.

    Nothing before and something now is "new". Without one of the two, or beside a figure below zero, there is
    "no comparison", never 0 %.
    """
    if current is None or previous is None or not (math.isfinite(current) and math.isfinite(previous)):
        return Change(None, "no comparison")
    if previous < 0 or (previous == 0 and current < 0):
        return Change(None, "no comparison")
    if previous == 0:
        return Change(None, "new") if current > 0 else Change(0.0, "steady")
    percent = round((current - previous) / previous * 100, 2) + 0.0  # + 0.0: no negative zero
    if abs(percent) <= STEADY_PERCENT:
        return Change(percent, "steady")
    return Change(percent, "up" if percent > 0 else "down")
