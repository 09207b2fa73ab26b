"""A schedule as a person chooses it: by hand, daily, on weekdays, on a day of the month, or as a cron expression.

Pure: from a cron expression to what the builder shows, and back. Whatever the simple kinds cannot say stays an
expression, so that nothing of a schedule is lost by looking at it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import StrEnum

from reports import cron
from reports.errors import InvalidCron, InvalidInput

LAST_DAY = "L"
WEEK = (1, 2, 3, 4, 5, 6, 0)  # cron's numbers, from Monday on
TIME = re.compile(r"([01]?\d|2[0-3])(?:[:.]([0-5]\d))?")
DEFAULT_TIME = "07:00"


class Kind(StrEnum):
    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"
    CUSTOM = "custom"
    BY_HAND = "by hand"


@dataclass(frozen=True)
class Rhythm:
    """What is chosen; each kind looks at its own fields, and the others keep theirs."""

    kind: Kind = Kind.DAILY
    time: str = DEFAULT_TIME
    weekdays: tuple[int, ...] = (1,)  # 0 is Sunday
    day: str = "1"  # 1 to 31 or L
    expression: str = ""

    def cron(self) -> str:
        """The schedule's expression; empty for by hand. Raises InvalidInput naming time, weekdays or expression."""
        if self.kind is Kind.BY_HAND:
            return ""
        if self.kind is Kind.CUSTOM:
            return self._written()
        hour, minute = read_time(self.time)
        if self.kind is Kind.WEEKLY:
            return f"{minute} {hour} * * {self._days()}"
        return f"{minute} {hour} {self.day if self.kind is Kind.MONTHLY else '*'} * *"

    def _days(self) -> str:
        if not self.weekdays:
            raise InvalidInput("weekdays", "choose at least one day of the week")
        return ",".join(str(number) for number in WEEK if number in self.weekdays)

    def _written(self) -> str:
        if not self.expression.strip():
            raise InvalidCron("expression", "write five fields: minute hour day month weekday, for example 0 9 * * 1")
        return cron.parse(self.expression)


def read_time(text: str) -> tuple[int, int]:
    """Hour and minute. Raises InvalidInput("time", ...)."""
    found = TIME.fullmatch(text.strip())
    if found is None:
        raise InvalidInput("time", "write a time of day such as 07:30, from 00:00 to 23:59")
    return int(found[1]), int(found[2] or 0)


def rhythm_of(expression: str) -> Rhythm:
    """What the builder shows for an expression; one that cannot be read is shown as it is, to be mended."""
    if not expression.strip():
        return Rhythm(Kind.BY_HAND)
    try:
        normal = cron.parse(expression)
    except InvalidCron:
        return Rhythm(Kind.CUSTOM, expression=expression)
    return _simple(normal) or Rhythm(Kind.CUSTOM, expression=normal)


def _simple(normal: str) -> Rhythm | None:
    """The rhythm of an expression with one fixed time of day, where a simple kind says all of it."""
    minute, hour, day, month, weekday = normal.split()
    if not (minute.isdecimal() and hour.isdecimal() and month == "*"):
        return None
    at = Rhythm(time=f"{int(hour):02}:{int(minute):02}", expression=normal)
    if day == "*":
        return at if weekday == "*" else _weekly(at, weekday)
    if weekday == "*" and (day == LAST_DAY or day.isdecimal()):
        return replace(at, kind=Kind.MONTHLY, day=day if day == LAST_DAY else str(int(day)))
    return None


def _weekly(at: Rhythm, weekday: str) -> Rhythm | None:
    chosen: set[int] = set()
    for part in weekday.split(","):
        ends = [_number(end) for end in part.split("-")]
        if len(ends) > 2 or None in ends:
            return None
        first, last = ends[0] or 0, ends[-1] or 0
        chosen.update(number % 7 for number in range(first, last + 1))
    return replace(at, kind=Kind.WEEKLY, weekdays=tuple(number for number in WEEK if number in chosen))


def _number(name: str) -> int | None:
    """0 to 7 for a digit or an English name of three letters; None for anything else."""
    if name.isdecimal():
        return int(name)
    names = [day[:3].upper() for day in cron.WEEKDAYS]
    return names.index(name) if name in names else None
