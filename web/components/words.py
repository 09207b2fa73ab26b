"""Times, durations, sizes and lists as people read them. Pure: who calls says what time it is and in which zone.

A time names its zone, and a relative time only ever stands beside the absolute one.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from reports.model import ChannelKind, Format, PeriodPolicy

MINUTE, HOUR, DAY = 60, 3600, 86400  # seconds
UNITS = ((DAY, "day"), (HOUR, "hour"), (MINUTE, "minute"), (1, "second"))
TURNING = frozenset({"R", "AL", "AN", "RLE", "RLO", "RLI", "LRE", "LRO", "LRI", "FSI"})  # classes of Unicode's UAX 9
FORMAT_NAMES: Mapping[Format, str] = {
    Format.HTML: "HTML page",
    Format.PDF: "PDF",
    Format.XLSX: "Excel sheet",
    Format.NOTEBOOK: "Executed notebook",
    Format.MAIL: "Mail body",
    Format.RESULTS: "Figures and tables for the next comparison",
}
CHANNEL_NAMES: Mapping[ChannelKind, str] = {
    ChannelKind.EMAIL: "E-mail",
    ChannelKind.WEBHOOK: "Webhook",
    ChannelKind.OUTBOX: "Outbox folder",
}
POLICY_WORDS: Mapping[PeriodPolicy, str] = {
    PeriodPolicy.PREVIOUS_DAY: "the day before",
    PeriodPolicy.LAST_7_DAYS: "the last 7 complete days",
    PeriodPolicy.PREVIOUS_WEEK: "the week before, Monday to Sunday",
    PeriodPolicy.PREVIOUS_MONTH: "the month before",
    PeriodPolicy.LAST_N_DAYS: "the last {days} complete days",
    PeriodPolicy.SINCE_LAST: "the days since the last run",
}


def period_policy(policy: PeriodPolicy, days: int | str | None = None) -> str:
    """Which days a run covers."""
    return POLICY_WORDS[policy].format(days=days)


def isolated(name: str) -> str:
    """A name from data for plain text, so that right-to-left letters in it turn nothing behind it."""
    turns = any(unicodedata.bidirectional(sign) in TURNING for sign in name)
    return f"\N{FIRST STRONG ISOLATE}{name}\N{POP DIRECTIONAL ISOLATE}" if turns else name


def moment(at: datetime, zone: ZoneInfo, now: datetime, *, seconds: bool = False) -> str:
    """For instance "Mon 16 Nov, 09:00 CET"; with the year where it is not this one."""
    local = at.astimezone(zone)
    year = "" if local.year == now.astimezone(zone).year else f" {local.year}"
    time = f"{local:%H:%M:%S}" if seconds else f"{local:%H:%M}"
    return f"{local:%a} {local.day} {local:%b}{year}, {time} {zone_name(local)}"


def zone_name(local: datetime) -> str:
    """The zone's short name, or its distance from UTC where it has none."""
    name = local.tzname() or ""
    return f"UTC{name}" if name.startswith(("+", "-")) else name


def relative(at: datetime, now: datetime) -> str:
    """For instance "in 3 hours" or "2 days ago", rounded to the largest unit."""
    seconds = (at - now).total_seconds()
    if abs(seconds) < MINUTE:
        return "in a moment" if seconds > 0 else "just now"
    size, unit = next((size, unit) for size, unit in UNITS if abs(seconds) >= size)
    words = _counted(round(abs(seconds) / size), unit)
    return f"in {words}" if seconds > 0 else f"{words} ago"


def both(at: datetime, zone: ZoneInfo, now: datetime) -> str:
    return f"{moment(at, zone, now)}, {relative(at, now)}"


def duration(taken: timedelta) -> str:
    """For instance "0.4 s", "3 min 20 s", "2 h 5 min"."""
    seconds = taken.total_seconds()
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < MINUTE:
        return f"{whole} s"
    if whole < HOUR:
        return f"{whole // MINUTE} min {whole % MINUTE} s"
    return f"{whole // HOUR} h {whole % HOUR // MINUTE} min"


def size(count: int) -> str:
    """For instance "840 bytes", "1.2 MB"."""
    if count < 1000:
        return f"{count} bytes"
    value, unit = count / 1000, "kB"
    for larger in ("MB", "GB", "TB"):
        if value >= 999.5:
            value, unit = value / 1000, larger
    return f"{value:.1f} {unit}" if value < 99.95 else f"{value:.0f} {unit}"


def values(mapping: Mapping[str, Any]) -> str:
    """For instance "team: blue, top: 10"; a list's items are joined by "and"."""
    return ", ".join(f"{name}: {_value(value)}" for name, value in mapping.items())


def _value(value: Any) -> str:
    if isinstance(value, list | tuple):
        return " and ".join(map(str, value)) or "none"
    return {True: "yes", False: "no", None: "none"}.get(value, str(value)) if _is_word(value) else str(value)


def _is_word(value: Any) -> bool:
    return value is None or isinstance(value, bool)


def _counted(number: int, unit: str) -> str:
    return f"{number} {unit}" if number == 1 else f"{number} {unit}s"
