"""The days a reader means by a text: an ISO day, month or year, the words the pages use, or two of them with "to"."""

from __future__ import annotations

import re
from datetime import date

import pandas as pd

from reports.errors import InvalidInput

EXPECTED = "Write a day, a month or a year, such as 2026-11-09, November 2026 or 9 to 15 November 2026."
ISO = re.compile(r"\d{4}(-\d{2}){0,2}")
WORDS = re.compile(r"(\d{1,2} )?[A-Za-z]{3,9} \d{4}")
WEEKDAY = re.compile(r"^[A-Za-z]+day,? ")


def days(text: str) -> tuple[date, date] | None:
    """First and last day of what `text` names; None for an empty text. Raises InvalidInput("period", ...)."""
    given = " ".join(text.split())
    if not given:
        return None
    first, _, last = given.partition(" to ")
    end = _days(last or first)
    start = _days(_completed(first, last)) if last else end
    if end[1] < start[0]:
        raise InvalidInput("period", f"ends before it begins. {EXPECTED}")
    return start[0], end[1]


def _completed(first: str, last: str) -> str:
    """ "9" before "15 November 2026" is "9 November 2026"."""
    begun, whole = first.split(), last.split()
    return first if ISO.fullmatch(first) else " ".join(begun + whole[len(begun) :])


def _days(text: str) -> tuple[date, date]:
    plain = WEEKDAY.sub("", text)
    if not (ISO.fullmatch(plain) or WORDS.fullmatch(plain)):
        raise InvalidInput("period", f"is not understood: {text!r}. {EXPECTED}")
    try:
        found = pd.Period(plain)  # takes its length, day, month or year, from how exact the text is
    except ValueError as error:
        raise InvalidInput("period", f"is not a date: {text!r}. {EXPECTED}") from error
    return found.start_time.date(), found.end_time.date()
