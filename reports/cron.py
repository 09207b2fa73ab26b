"""Schedules in the dialect of Debian's cron(8): which instants are due, and what a schedule says in plain English.

cronsim parses an expression and walks naive local time; mapping that time to instants across clock changes is ours.
Nothing here reads a clock, and every answer depends on its arguments alone.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

from cronsim import CronSim, CronSimError

from reports.errors import InvalidCron

MAX_LENGTH = 200  # characters; the longest sensible expression has about 120
CORRECTION = timedelta(hours=3)  # cron(8): a larger jump of the clock is a correction, and nothing is caught up
MACROS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
FIELDS = {
    "minute": "0 to 59",
    "hour": "0 to 23",
    "day": "1 to 31, L or LW",
    "month": "1 to 12 or JAN to DEC",
    "weekday": "0 to 7 or SUN to SAT, also 5L and 1#2",
}
WEEKDAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip

_SAMPLE = datetime(2024, 1, 1)  # noqa: DTZ001 - naive local time; any day serves to see whether a date ever comes
_SECOND = timedelta(seconds=1)
_RANGE_WITH_STEP = re.compile(r"(?<![\w/])(\w+)-(\w+)/[0-9]+(?![\w/])")
_NUMBERS = {name[:3].upper(): str(number) for names in (WEEKDAYS, ("", *MONTHS)) for number, name in enumerate(names)}


# What a schedule is


def parse(expression: str) -> str:
    """The expression in normal form: five fields in capitals, one blank between them, macros written out.

    Raises InvalidCron naming minute, hour, day, month or weekday, or "expression" for the whole.
    """
    if len(expression) > MAX_LENGTH:
        raise InvalidCron("expression", f"has {len(expression)} characters; at most {MAX_LENGTH} are read")
    text = expression.strip()
    if not re.fullmatch(r"[ -~\t]*", text):
        raise InvalidCron("expression", "must be plain ASCII: digits, * , - / and English names")
    return _parse(text.upper())


@lru_cache(maxsize=1024)
def _parse(text: str) -> str:
    text = _without_macro(text)
    parts = text.split()
    if len(parts) != len(FIELDS):
        raise InvalidCron(
            "expression", f"has {len(parts)} fields; write five: minute hour day month weekday, for example 0 9 * * 1"
        )
    for position, (field, allowed) in enumerate(FIELDS.items()):
        _check_field(field, allowed, position, parts[position])
    normal = " ".join(_RANGE_WITH_STEP.sub(_range, part) for part in parts)
    _check_it_comes(normal)
    return normal


def _without_macro(text: str) -> str:
    if not text.startswith("@"):
        return text
    if text.lower() not in MACROS:
        raise InvalidCron("expression", f"{text.lower()} is not known; use {', '.join(MACROS)} or five fields")
    return MACROS[text.lower()]


def _check_field(field: str, allowed: str, position: int, value: str) -> None:
    alone = ["*"] * len(FIELDS)
    alone[position] = value
    try:
        CronSim(" ".join(alone), _SAMPLE)
    except (CronSimError, ValueError) as error:
        message = f"{value} is not possible; use {allowed}, with * for all, lists 1,2, ranges 1-5 and steps */2"
        raise InvalidCron(field, message) from error


def _range(found: re.Match[str]) -> str:
    """The range with a step, or its one value: cronsim reads 1-1/2 and MON-1/2 as 1/2, which has no end."""
    first, last = (int(_NUMBERS.get(end, end)) for end in found.groups())
    return found[1] if first == last else found[0]


def _check_it_comes(normal: str) -> None:
    try:
        next(CronSim(normal, _SAMPLE))
    except (CronSimError, StopIteration) as error:
        raise InvalidCron("day", "this date never comes; no month has such a day") from error


@lru_cache(maxsize=1)
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def check_zone(zone: str) -> ZoneInfo:
    """The time zone called `zone`. Raises InvalidCron("zone", ...) for an unknown name."""
    if zone not in _zones():
        raise InvalidCron("zone", f"{zone[:60]!r} is no IANA time zone; write one such as Europe/Berlin or UTC")
    return ZoneInfo(zone)


# When it is due


def next_due(expression: str, zone: str, after: datetime) -> datetime:
    """The first due instant strictly after `after` (aware), in UTC.

    Fixed times that a spring gap leaves out are due at its end, those in an autumn fold at their first passing; where
    minute or hour begin with `*`, every passing counts. Raises InvalidCron; also if none comes within 50 years.
    """
    clock = _Clock(expression, zone)
    local = clock.local(after)
    passed: list[datetime] = []  # second passings of times whose first one is over
    for time in clock.walk(clock.fold_start(local), backwards=False):
        instants = clock.instants(time)
        if not instants:
            continue
        if instants[0] > after:  # first passings come in the order of the walk: nothing earlier can follow
            return min([instants[0], *passed])
        passed += [instant for instant in instants if instant > after]
    if passed:
        return min(passed)
    raise InvalidCron("expression", f"has no due time after {after:%Y-%m-%d}")


def next_dues(expression: str, zone: str, after: datetime, count: int) -> list[datetime]:
    """The first `count` due instants strictly after `after`, in UTC."""
    due: list[datetime] = []
    for _ in range(count):
        due.append(next_due(expression, zone, due[-1] if due else after))
    return due


def due_between(expression: str, zone: str, after: datetime, until: datetime, limit: int) -> list[datetime]:
    """The due instants with after < instant <= until, in UTC, oldest first, at most `limit`."""
    due: list[datetime] = []
    while len(due) < limit:
        instant = next_due(expression, zone, due[-1] if due else after)
        if instant > until:
            break
        due.append(instant)
    return due


def previous_due(expression: str, zone: str, before_or_at: datetime) -> datetime | None:
    """The latest due instant at or before `before_or_at` (aware), in UTC; None if there is none within 50 years."""
    clock = _Clock(expression, zone)
    local = clock.local(before_or_at)
    reached: list[datetime] = []  # first passings of times whose second one is still to come
    for time in clock.walk(clock.fold_end(local) + _SECOND, backwards=True):
        instants = clock.instants(time)
        if not instants:
            continue
        if instants[-1] <= before_or_at:  # last passings fall in the order of the walk: nothing later can follow
            return max([instants[-1], *reached])
        reached += [instant for instant in instants if instant <= before_or_at]
    return max(reached, default=None)


class _Clock:
    """A schedule on the wall clock of a zone: walks naive local times and tells the instants at which each is due."""

    def __init__(self, expression: str, zone: str) -> None:
        self.expression = parse(expression)
        self.zone = check_zone(zone)
        minute, hour, *_ = self.expression.split()
        self.real_time = minute.startswith("*") or hour.startswith("*")  # cron(8): such schedules follow real time

    def local(self, instant: datetime) -> datetime:
        """Naive local time of an instant, its fold kept."""
        if instant.utcoffset() is None:
            raise ValueError("an aware datetime is needed")
        return instant.astimezone(self.zone).replace(tzinfo=None)

    def walk(self, start: datetime, *, backwards: bool) -> Iterator[datetime]:
        """Matching local times beyond `start`, which itself does not count, until none comes within 50 years."""
        try:
            yield from CronSim(self.expression, start.replace(fold=0), reverse=backwards)
        except OverflowError:  # the ends of the calendar, years 1 and 9999
            return

    def instants(self, time: datetime) -> tuple[datetime, ...]:
        """When a local time is due, in order: never, once, or at both of its passings."""
        first, second = self._instant(time, fold=0), self._instant(time, fold=1)
        if first == second:
            return (first,)
        if first > second:  # the clock jumps over this time
            if self.real_time or first - second > CORRECTION:
                return ()
            return (self._jump(second, first),)
        if self.real_time or second - first > CORRECTION:
            return (first, second)
        return (first,)

    def fold_start(self, local: datetime) -> datetime:
        """A local time before all those that will pass again after `local`; `local` itself where none does."""
        return local if local.fold else local - self._fold(local)

    def fold_end(self, local: datetime) -> datetime:
        """A local time after all those that passed before `local` did; `local` itself where none did."""
        return local + self._fold(local) if local.fold else local

    def _fold(self, local: datetime) -> timedelta:
        """How far the clock is set back around an ambiguous local time, else nothing."""
        return max(self._instant(local, fold=1) - self._instant(local, fold=0), timedelta(0))

    def _instant(self, time: datetime, *, fold: int) -> datetime:
        return time.replace(tzinfo=self.zone, fold=fold).astimezone(UTC)

    def _jump(self, before: datetime, after: datetime) -> datetime:
        """The instant between two others at which the zone's offset changes, to the second."""
        old = before.astimezone(self.zone).utcoffset()
        seconds = range(int((after - before) / _SECOND) + 1)

        def changed(second: int) -> bool:
            return (before + timedelta(seconds=second)).astimezone(self.zone).utcoffset() != old

        return before + timedelta(seconds=bisect_left(seconds, True, key=changed))


# In words

MAX_TIMES = 6  # times of a day that are still read one by one
_ORDINALS = {1: "first", 2: "second", 3: "third", 4: "fourth", 5: "fifth", CronSim.LAST: "last"}


def in_words(expression: str) -> str:
    """The schedule in plain English with a 24-hour clock: "Every Monday at 09:00". Raises InvalidCron."""
    schedule = CronSim(parse(expression), _SAMPLE)
    days = _days_in_words(schedule)
    often = _often_in_words(schedule)
    times = _times_in_words(schedule)
    if often and days == "Every day":
        return often
    if often and days:
        return f"{often}, {days[0].lower()}{days[1:]}" if not days.startswith(WEEKDAYS) else f"{often}, {days}"
    if times and days:
        return f"{days} at {times}"
    words: str = schedule.explain()  # cronsim knows the dialect, also that */2 and a weekday must both match
    return words


def _often_in_words(schedule: CronSim) -> str:
    """How often, for schedules that follow real time: "Every 15 minutes", "Every 2 hours"."""
    minutes, hours = sorted(schedule.minutes), sorted(schedule.hours)
    step = 60 // len(minutes)
    if len(hours) == 24 and minutes == list(range(0, 60, step)):
        return {1: "Every minute", 60: "Every hour"}.get(step, f"Every {step} minutes")
    if len(minutes) != 1 or hours != list(range(0, 24, 24 // len(hours))) or len(hours) < MAX_TIMES:
        return ""
    past = f" at {minutes[0]} minute{'s' * (minutes[0] != 1)} past" if minutes[0] else ""
    return ("Every hour" if len(hours) == 24 else f"Every {24 // len(hours)} hours") + past


def _times_in_words(schedule: CronSim) -> str:
    times = [f"{hour:02}:{minute:02}" for hour in sorted(schedule.hours) for minute in sorted(schedule.minutes)]
    return _join(times) if len(times) <= MAX_TIMES else ""


def _days_in_words(schedule: CronSim) -> str:
    """On which days, where one sentence says it; else nothing."""
    _, _, _, day, _, weekday = schedule.parts
    if schedule.days == set(range(1, 32)) and day.startswith("*"):
        every = "Every day" if len(schedule.months) == 12 else ""
        return every if weekday == "*" else _weekdays_in_words(schedule)
    if weekday != "*":
        return ""
    if len(schedule.months) == 1 and min(schedule.days) > 0:
        often = "Every leap year" if (schedule.months, schedule.days) == ({2}, {29}) else "Every year"
        return f"{often} on {_join(map(str, sorted(schedule.days)))} {MONTHS[min(schedule.months) - 1]}"
    if len(schedule.months) < 12 or len(schedule.days) > 4:
        return ""
    return f"On {_join(_day_in_words(number) for number in sorted(schedule.days, key=_last_at_end))} of every month"


def _last_at_end(number: int) -> int:
    return number if number > 0 else 1000 - number


def _day_in_words(number: int) -> str:
    if number == CronSim.LAST:
        return "the last day"
    if number == CronSim.LAST_WEEKDAY:
        return "the last weekday"
    return f"day {number}"


def _weekdays_in_words(schedule: CronSim) -> str:
    if len(schedule.months) < 12:
        return ""
    whole = {item % 7 for item in schedule.weekdays if isinstance(item, int)}
    special = [item for item in schedule.weekdays if isinstance(item, tuple)]
    if special:
        nth = [f"the {_ORDINALS[which]} {WEEKDAYS[number % 7]}" for number, which in sorted(special)]
        return "" if whole else f"On {_join(nth)} of every month"
    if whole == set(range(7)):
        return "Every day"
    if whole == {1, 2, 3, 4, 5}:
        return "Monday to Friday"
    return "Every " + _join(WEEKDAYS[number] for number in sorted(whole, key=lambda number: (number - 1) % 7))


def _join(words: Iterable[str]) -> str:
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last
