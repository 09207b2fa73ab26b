"""Numbers and days as people read them: 10.42 M, $9,326.92, 19.8 %, 9–15 Nov.

Exact values belong into the sheet; nothing here is read back. Spaces inside a number are no-break spaces.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date

from reports.model import Period

NBSP = "\u00a0"
MINUS = "−"
EN_DASH = "–"
SIGNS = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥"}  # other labels stand before the figure as they are
LARGE = ((1e12, "T"), (1e9, "B"), (1e6, "M"))
WHOLE_FROM = 1000  # a number of this size needs no decimals
ONE_SECOND = 1000  # ms; from here on durations are told in seconds
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)

Number = float | int


def is_missing(value: object) -> bool:
    """True for None and every kind of not-a-number."""
    return value is None or (isinstance(value, float) and math.isnan(value)) or str(value) in {"<NA>", "NaT"}


def full(value: Number) -> str:
    """A whole number with thousands separators: 3,411,823."""
    return f"{round(value):,}".replace("-", MINUS)


def short(value: Number) -> str:
    """Full below a million, then three or four digits and M, B or T: 10.42 M."""
    for size, letter in LARGE:
        if abs(value) >= size * 0.999995:  # what would round to 1.00 of the next letter takes that letter
            return f"{value / size:,.2f}{NBSP}{letter}".replace("-", MINUS)
    return full(value)


def money(value: Number, currency: str = "USD") -> str:
    """Two decimals, four below one unit of the currency (zero stays 0.00); the label is never a conversion."""
    sign = SIGNS.get(currency, currency + NBSP)
    minus = MINUS if value < 0 else ""
    size = abs(value)
    if 0 < size < 0.00005:
        return f"under{NBSP}{sign}0.0001" if not minus else f"{minus}{sign}0.0000"
    digits = 4 if 0 < size < 0.99995 else 2
    return f"{minus}{sign}{size:,.{digits}f}"


def percent(value: Number, digits: int = 1) -> str:
    return f"{value:,.{digits}f}{NBSP}%".replace("-", MINUS)


def signed_percent(value: Number) -> str:
    """+53.1 %, −7.9 %, 0.0 %."""
    return ("+" if round(value, 1) > 0 else "") + percent(0.0 if round(value, 1) == 0 else value)


def figure(value: Number, unit: str, currency: str = "USD") -> str:
    """One value of a card or a sentence in the unit of a results.Column or results.Metric."""
    if unit in {"usd", "usd_per_million"}:
        return money(value, currency)
    if unit == "percent":
        return percent(value)
    if unit == "ms":
        return duration(value)
    whole = unit in {"count", "tokens"} or float(value).is_integer() or (unit == "number" and abs(value) >= WHOLE_FROM)
    return short(value) if whole else f"{value:,.2f}".replace("-", MINUS)


def duration(milliseconds: Number) -> str:
    """850 ms below a second, then 1.84 s, 23.4 s and 1,250 s: three digits where there are so many."""
    if abs(milliseconds) < ONE_SECOND - 0.5:
        return f"{full(milliseconds)}{NBSP}ms"
    seconds = milliseconds / ONE_SECOND
    digits = next(digits for digits, below in ((2, 9.995), (1, 99.95), (0, math.inf)) if abs(seconds) < below)
    return f"{seconds:,.{digits}f}{NBSP}s".replace("-", MINUS)


def cell(value: object, unit: str, currency: str = "USD") -> str:
    """One value of a table: counts in full, tokens short, days in words; text stays text."""
    if isinstance(value, date):
        return day(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return str(value)
    if unit == "count":
        return full(value)
    return figure(value, unit, currency)


def axis(value: Number, unit: str, currency: str = "USD") -> str:
    """A tick: 500 k, 1.5 M, $1,500, 40 %; no more digits than the tick needs."""
    if unit == "percent":
        return f"{value:g}{NBSP}%"
    if unit == "ms" and value:
        return f"{_trim(value / ONE_SECOND)}{NBSP}s" if value >= ONE_SECOND else f"{_trim(value)}{NBSP}ms"
    prefix = SIGNS.get(currency, currency + NBSP) if unit in {"usd", "usd_per_million"} else ""
    for size, letter in (*LARGE, (1e3, "k")):
        if abs(value) >= size and not (prefix and size == 1e3 and abs(value) < 1e4):
            return f"{prefix}{_trim(value / size)}{NBSP}{letter}"
    text = _trim(value)
    return prefix + (text + "0" if prefix and text[-2:-1] == "." else text)  # $0.50, not $0.5


def _trim(value: Number) -> str:
    text = f"{value:,.6f}".rstrip("0").rstrip(".")
    return text or "0"


def day(value: date) -> str:
    """Mon 9 Nov 2026."""
    return f"{weekday(value)} {value.day} {MONTHS[value.month - 1][:3]} {value.year}"


def weekday(value: date) -> str:
    return WEEKDAYS[value.weekday()][:3]


def short_day(value: date) -> str:
    """9 Nov."""
    return f"{value.day}{NBSP}{MONTHS[value.month - 1][:3]}"


def long_day(value: date) -> str:
    """Monday 9 November."""
    return f"{WEEKDAYS[value.weekday()]} {value.day} {MONTHS[value.month - 1]}"


def short_days(period: Period) -> str:
    """9–15 Nov, 28 Oct–3 Nov, 22 Nov: a label beside a line."""
    if period.days == 1:
        return short_day(period.end)
    if (period.start.year, period.start.month) == (period.end.year, period.end.month):
        return f"{period.start.day}{EN_DASH}{short_day(period.end)}"
    return f"{short_day(period.start)}{EN_DASH}{short_day(period.end)}"


def listed(words: Sequence[str]) -> str:
    """a, b and c."""
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else "".join(words)


def runs(days: Sequence[date]) -> str:
    """Days in words with neighbours joined: 3 November, 7 to 9 November."""
    groups: list[list[date]] = []
    for value in sorted(set(days)):
        if groups and (value - groups[-1][-1]).days == 1:
            groups[-1].append(value)
        else:
            groups.append([value])
    return listed([_run(group[0], group[-1]) for group in groups])


def _run(first: date, last: date) -> str:
    month = MONTHS[last.month - 1]
    if first == last:
        return f"{last.day} {month} {last.year}"
    start = f"{first.day}" if (first.year, first.month) == (last.year, last.month) else _month_day(first, last.year)
    return f"{start} to {last.day} {month} {last.year}"


def _month_day(value: date, year: int) -> str:
    text = f"{value.day} {MONTHS[value.month - 1]}"
    return text if value.year == year else f"{text} {value.year}"


def plural(count: Number, one: str, many: str | None = None) -> str:
    """1 request, 2 requests; the number as people read it."""
    return f"{short(count)}{NBSP}{one if count == 1 else many or one + 's'}"
