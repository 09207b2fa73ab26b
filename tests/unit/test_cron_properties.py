"""Our due times against cron's own virtual clock, simulated minute by minute, around odd clock changes.

The oracle shares nothing with reports.cron: it has its own reading of the fields, made together with their text, and
it follows the main loop of Debian's cron.c. Jumps of up to three hours are caught up, larger ones are corrections.
"""

from __future__ import annotations

import calendar
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reports import cron

MINUTE = timedelta(minutes=1)
CORRECTION = 180  # minutes

# Each zone with a year of clock changes worth looking at
PLACES = {
    "Africa/Cairo": 2026,  # at midnight
    "Africa/Casablanca": 2026,  # set back for Ramadan
    "America/Asuncion": 2024,  # at midnight, and then for good
    "America/Caracas": 2016,  # half an hour, once
    "America/Havana": 2026,  # at midnight, back at one
    "America/New_York": 2026,
    "America/Nuuk": 2023,  # a new offset for good, then summer time at 22:00
    "America/Sao_Paulo": 2018,  # at midnight
    "America/St_Johns": 2010,  # at one minute past midnight
    "Antarctica/Casey": 2010,  # back by exactly three hours
    "Antarctica/Troll": 2026,  # two hours
    "Asia/Gaza": 2025,
    "Asia/Kolkata": 2026,  # none at all
    "Asia/Pyongyang": 2018,  # from 23:30 to midnight
    "Asia/Tehran": 2022,  # the last ones, at midnight
    "Australia/Lord_Howe": 2026,  # half an hour
    "Europe/Dublin": 2026,  # winter time is the one that is negative
    "Europe/London": 2026,
    "Pacific/Apia": 2011,  # 30 December did not take place
    "Pacific/Kwajalein": 1993,  # nor did 21 August here
}


# The oracle


@dataclass(frozen=True)
class Rule:
    """A schedule as text and, independently of it, as predicates."""

    text: str
    minutes: frozenset[int]
    hours: frozenset[int]
    day: Callable[[date], bool]
    weekday: Callable[[date], bool]
    months: frozenset[int]

    @property
    def both(self) -> bool:
        fields = self.text.split()
        return fields[2][0] == "*" or fields[4][0] == "*"

    @property
    def wild(self) -> bool:
        fields = self.text.split()
        return fields[0][0] == "*" or fields[1][0] == "*"

    def matches(self, local: datetime) -> bool:
        if local.minute not in self.minutes or local.hour not in self.hours or local.month not in self.months:
            return False
        day, weekday = self.day(local.date()), self.weekday(local.date())
        return (day and weekday) if self.both else (day or weekday)


def simulate(rule: Rule, zone: str, after: datetime, until: datetime) -> list[datetime]:
    """Every instant in (after, until] at which Debian's cron, running since two days before, starts the command."""
    tz = ZoneInfo(zone)
    now = after.replace(second=0, microsecond=0) - timedelta(days=2)
    virtual = now.astimezone(tz).replace(tzinfo=None, fold=0)
    started = []
    while (now := now + MINUTE) <= until:
        local = now.astimezone(tz).replace(tzinfo=None, fold=0)
        ahead = (local - virtual) // MINUTE
        skipped = [virtual + n * MINUTE for n in range(1, ahead)] if 1 < ahead <= CORRECTION + 1 else []
        repeating = -CORRECTION < ahead <= 0
        runs = rule.matches(local) and (rule.wild or not repeating)
        if not rule.wild:
            runs = runs or any(map(rule.matches, skipped))
        if not repeating:
            virtual = local
        if runs and now > after:
            started.append(now)
    return started


@lru_cache
def clock_changes(zone: str) -> tuple[datetime, ...]:
    """The first instants of new offsets in the zone's year; 1 July where the clock never changes."""
    tz, year = ZoneInfo(zone), PLACES[zone]
    now = datetime(year - 1, 12, 30, tzinfo=UTC)
    found = []
    while now.year <= year:
        later = now + timedelta(hours=1)
        if now.astimezone(tz).utcoffset() != later.astimezone(tz).utcoffset():
            found += [now + n * MINUTE for n in range(1, 61) if _changed(now + n * MINUTE, tz)]
        now = later
    return tuple(found) or (datetime(year, 7, 1, tzinfo=UTC),)


def _changed(instant: datetime, tz: ZoneInfo) -> bool:
    return instant.astimezone(tz).utcoffset() != (instant - MINUTE).astimezone(tz).utcoffset()


# What is tried


@st.composite
def numbers(draw: st.DrawFn, low: int, high: int, likely: list[int]) -> tuple[str, frozenset[int]]:
    """A field of numbers, as text and as the set it stands for."""
    everything = range(low, high + 1)
    number = st.one_of(st.sampled_from(likely), st.integers(low, high))
    match draw(st.sampled_from(["star", "step", "one", "list", "range", "range step", "start step"])):
        case "star":
            return "*", frozenset(everything)
        case "step":
            step = draw(st.integers(1, high))
            return f"*/{step}", frozenset(everything[::step])
        case "one":
            one = draw(number)
            return str(one), frozenset({one})
        case "list":
            several = draw(st.lists(number, min_size=2, max_size=4))
            return ",".join(map(str, several)), frozenset(several)
        case "range":
            first, last = sorted((draw(number), draw(number)))
            return f"{first}-{last}", frozenset(range(first, last + 1))
        case "range step":
            first, last, step = *sorted((draw(number), draw(number))), draw(st.integers(1, 30))
            return f"{first}-{last}/{step}", frozenset(range(first, last + 1, step))
    first, step = draw(number), draw(st.integers(1, 30))
    return f"{first}/{step}", frozenset(range(first, high + 1, step))


def last_of_month(day: date) -> int:
    return calendar.monthrange(day.year, day.month)[1]


def is_last_weekday(day: date) -> bool:
    rest = [day.replace(day=number) for number in range(day.day + 1, last_of_month(day) + 1)]
    return day.weekday() < 5 and all(other.weekday() >= 5 for other in rest)


DAYS: list[tuple[str, Callable[[date], bool]]] = [
    ("*", lambda day: True),
    ("*/2", lambda day: day.day % 2 == 1),
    ("L", lambda day: day.day == last_of_month(day)),
    ("LW", is_last_weekday),
    ("1-7", lambda day: day.day <= 7),
    ("8-31", lambda day: day.day >= 8),
    ("1,15,L", lambda day: day.day in {1, 15, last_of_month(day)}),
]
WEEKDAYS: list[tuple[str, Callable[[date], bool]]] = [
    ("*", lambda day: True),
    ("*/2", lambda day: day.isoweekday() in {2, 4, 6, 7}),
    ("SUN", lambda day: day.isoweekday() == 7),
    ("7", lambda day: day.isoweekday() == 7),
    ("MON-FRI", lambda day: day.isoweekday() <= 5),
    ("5-7", lambda day: day.isoweekday() >= 5),
    ("7L", lambda day: day.isoweekday() == 7 and day.day + 7 > last_of_month(day)),
    ("0#2", lambda day: day.isoweekday() == 7 and 8 <= day.day <= 14),
    ("6#1,1#1", lambda day: day.isoweekday() in {6, 1} and day.day <= 7),
]


@st.composite
def rules(draw: st.DrawFn) -> Rule:
    minute, minutes = draw(numbers(0, 59, [0, 1, 15, 30, 45, 59]))
    hour, hours = draw(numbers(0, 23, [0, 1, 2, 3, 22, 23]))
    usual = st.just(0)  # mostly every day: what is tried is the clock
    day, day_matches = DAYS[draw(st.one_of(usual, usual, st.integers(0, len(DAYS) - 1)))]
    weekday, weekday_matches = WEEKDAYS[draw(st.one_of(usual, usual, st.integers(0, len(WEEKDAYS) - 1)))]
    month, months = draw(st.sampled_from([("*", range(1, 13)), ("*/2", range(1, 13, 2)), ("MAR-NOV", range(3, 12))]))
    text = f"{minute} {hour} {day} {month} {weekday}"
    return Rule(text, minutes, hours, day_matches, weekday_matches, frozenset(months))


@st.composite
def moments(draw: st.DrawFn) -> tuple[str, datetime]:
    """A zone and an instant near one of its clock changes."""
    zone = draw(st.sampled_from(sorted(PLACES)))
    change = draw(st.sampled_from(clock_changes(zone)))
    near = st.one_of(st.integers(-200, 200), st.integers(-1500, 1500))
    return zone, change + draw(near) * MINUTE + timedelta(seconds=draw(st.sampled_from([0, 0, 1, 59])))


# What must hold


@settings(max_examples=400, deadline=None)
@given(rules(), moments())
def test_due_times_equal_those_of_crons_virtual_clock(rule: Rule, moment: tuple[str, datetime]) -> None:
    zone, after = moment
    until = after + timedelta(hours=30)
    expected = simulate(rule, zone, after, until)[:40]
    assert cron.due_between(rule.text, zone, after, until, 40) == expected


@settings(max_examples=400, deadline=None)
@given(rules(), moments())
def test_the_previous_due_time_equals_that_of_crons_virtual_clock(rule: Rule, moment: tuple[str, datetime]) -> None:
    zone, at = moment
    since = at - timedelta(hours=30)
    expected = simulate(rule, zone, since, at)
    found = cron.previous_due(rule.text, zone, at)
    if expected:
        assert found == expected[-1]
    else:
        assert found is None or found <= since


@settings(max_examples=300, deadline=None)
@given(rules(), st.sampled_from(sorted(PLACES)), st.datetimes(datetime(1975, 1, 1), datetime(2037, 12, 31)))  # noqa: DTZ001
def test_next_and_previous_are_each_others_inverse(rule: Rule, zone: str, naive: datetime) -> None:
    at = naive.replace(tzinfo=UTC)
    due = cron.next_due(rule.text, zone, at)
    assert due > at
    assert cron.previous_due(rule.text, zone, due) == due
    before = cron.previous_due(rule.text, zone, at)
    assert before is not None
    assert before <= at
    assert cron.next_due(rule.text, zone, before) == due


@given(rules())
def test_every_expression_has_words_and_a_stable_normal_form(rule: Rule) -> None:
    words = cron.in_words(rule.text)
    assert words[0].isupper()
    assert "-1000" not in words
    assert cron.parse(cron.parse(rule.text)) == cron.parse(rule.text)


@settings(max_examples=500)
@given(st.text(max_size=40) | st.text(alphabet="0123456789*,-/LW#@ MONJANSUN", max_size=30))
def test_any_text_is_read_or_refused_with_a_field(text: str) -> None:
    try:
        normal = cron.parse(text)
    except cron.InvalidCron as error:
        assert error.field in {*cron.FIELDS, "expression"}
    else:
        assert len(normal.split()) == 5
        cron.in_words(normal)


# The oracle itself


def iterate(rule: Rule, zone: str, start: str) -> Iterator[str]:
    after = datetime.fromisoformat(start)
    for due in simulate(rule, zone, after, after + timedelta(days=1, hours=12)):
        yield f"{due.astimezone(ZoneInfo(zone)):%d %H:%M%z}"


def every_day_at(hour: int, minute: int) -> Rule:
    always = DAYS[0][1]
    text = f"{minute} {hour} * * *"
    return Rule(text, frozenset({minute}), frozenset({hour}), always, always, frozenset(range(1, 13)))


@pytest.mark.parametrize(
    ("rule", "zone", "start", "expected"),
    [
        (every_day_at(2, 30), "America/New_York", "2026-03-08T00:00-05:00", ["08 03:00-0400", "09 02:30-0400"]),
        (every_day_at(1, 30), "America/New_York", "2026-11-01T00:00-04:00", ["01 01:30-0400", "02 01:30-0500"]),
        (every_day_at(12, 0), "Pacific/Apia", "2011-12-29T00:00-10:00", ["29 12:00-1000", "31 12:00+1400"]),
    ],
)
def test_the_oracle_knows_the_textbook_cases(rule: Rule, zone: str, start: str, expected: list[str]) -> None:
    assert list(iterate(rule, zone, start)) == expected


def test_every_place_but_one_has_clock_changes() -> None:
    without = [zone for zone in PLACES if not any(_changed(change, ZoneInfo(zone)) for change in clock_changes(zone))]
    assert without == ["Asia/Kolkata"]
