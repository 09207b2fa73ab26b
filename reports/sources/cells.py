"""Cells of other people's files as values: counts, numbers, moments, days and texts, a column at a time.

Each reader answers with the values, NULL where a cell is empty or bad, and with which ones are bad. Nothing here knows
what a column means.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc

from reports.errors import InvalidInput

Parsed = tuple[Any, Any]  # the values, NULL where bad or empty; and which are bad

MOMENT = pa.timestamp("us")  # UTC
FIRST_DAY, LAST_DAY = date(1970, 1, 1), date(2199, 12, 31)  # that usage can be of; others are slips of a clock
MOST = 10**15  # of a count or a number in one cell; the sum of thousands of them still fits 64 bits
KEY_LENGTH = 255  # characters of a text that is part of a key
MOMENT_TEXT = (
    r"^(\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?)?(Z|[+-]\d\d:\d\d|[+-]\d\d\d\d|[+-]\d\d)?|\d{9,13}(\.\d+)?)$"
)


def combined(column: Any) -> Any:
    column = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if isinstance(column, pa.ChunkedArray):
        column = pa.concat_arrays(column.chunks)
    return column.dictionary_decode() if pa.types.is_dictionary(column.type) else column


def _trimmed(column: Any) -> Any:
    """Texts without spaces around; NULL for the empty ones."""
    texts = pc.utf8_trim_whitespace(column)
    return pc.if_else(pc.equal(texts, ""), pa.scalar(None, texts.type), texts)


def _matched(texts: Any, pattern: str) -> Parsed:
    """The texts that match, NULL for others; and which do not."""
    bad = pc.fill_null(pc.invert(pc.match_substring_regex(texts, pattern)), False)
    return pc.if_else(bad, pa.scalar(None, texts.type), texts), bad


def counts(column: Any) -> Parsed:
    if _is_text(column):
        texts, bad = _matched(_trimmed(column), r"^\d{1,18}(\.0*)?$")
        return _within(pc.cast(pc.replace_substring_regex(texts, r"\.0*$", ""), pa.int64()), bad, 0, MOST)
    values, bad = numbers(column)
    whole = pc.fill_null(pc.equal(pc.floor(values), values), True)
    bad = pc.or_(bad, pc.invert(whole))
    if pa.types.is_integer(column.type):
        values = column  # a float would lose digits of a great one
    return pc.cast(pc.if_else(bad, pa.scalar(None, values.type), values), pa.int64()), bad


def numbers(column: Any) -> Parsed:
    if _is_text(column):
        texts, bad = _matched(_trimmed(column), r"^\+?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?$")
        column = pc.cast(texts, pa.float64())
    else:
        bad = pa.array([False] * len(column), pa.bool_())
        column = _cast(column, pa.float64())
    bad = pc.or_(bad, pc.fill_null(pc.is_nan(column), False))
    return _within(column, bad, 0.0, float(MOST))


def _within(values: Any, bad: Any, least: Any, most: Any) -> Parsed:
    """The values from `least` to `most`, NULL for others; and which are bad, those that were before included."""
    bounds = [pa.scalar(bound, values.type) for bound in (least, most)]
    outside = pc.or_(pc.less(values, bounds[0]), pc.greater(values, bounds[1]))
    bad = pc.or_(bad, pc.fill_null(outside, False))
    return pc.if_else(bad, pa.scalar(None, values.type), values), bad


def _cast(column: Any, type_: pa.DataType) -> Any:
    try:
        return pc.cast(column, type_, safe=False)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise InvalidInput("map", f"a column of type {column.type} cannot be read as {type_}") from error


def texts_of(column: Any) -> Parsed:
    if pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type):  # as some write texts into Parquet
        column = pa.array([None if value is None else _decoded(value) for value in column.to_pylist()], pa.string())
    texts = column if _is_text(column) else _cast(column, pa.string())
    long = pc.greater(pc.utf8_length(texts), KEY_LENGTH)
    bad = pc.fill_null(pc.or_(long, pc.match_substring(texts, "\0")), False)
    return pc.if_else(bad, pa.scalar(None, pa.string()), pc.cast(texts, pa.string())), bad


def _decoded(value: bytes) -> str:
    """A NUL, which is refused, for what is no UTF-8."""
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return "\0"


def dates(column: Any) -> Parsed:
    return _within(*_dates(column), FIRST_DAY, LAST_DAY)


def _dates(column: Any) -> Parsed:
    if not _is_text(column):
        return _cast(column, pa.date32()), pa.array([False] * len(column), pa.bool_())
    texts, bad = _matched(_trimmed(column), r"^\d{4}-\d\d-\d\d$")
    try:
        return pc.cast(texts, pa.date32()), bad
    except pa.ArrowInvalid:  # the thirtieth of February: one by one
        return _one_by_one(texts, bad, date.fromisoformat, pa.date32())


def truths(column: Any) -> Parsed:
    """true and false, 1 and 0; LiteLLM's None, for an answer that came from no cache, is false."""
    if pa.types.is_boolean(column.type):
        return column, pa.array([False] * len(column), pa.bool_())
    texts, bad = _matched(pc.utf8_lower(_trimmed(_cast(column, pa.string()))), r"^(true|false|none|1|0)$")
    known = pc.is_in(texts, pa.array(["true", "1"]))
    return pc.if_else(pc.is_valid(texts), known, pa.scalar(None, pa.bool_())), bad


def moments(column: Any, zone: str) -> Parsed:
    end = LAST_DAY + timedelta(days=1)
    bounds = [datetime(day.year, day.month, day.day) for day in (FIRST_DAY, end)]  # noqa: DTZ001  UTC, as the values
    return _within(*_moments(column, zone), *bounds)


def _moments(column: Any, zone: str) -> Parsed:
    never = pa.array([False] * len(column), pa.bool_())
    if pa.types.is_date(column.type):
        column = pc.cast(column, pa.timestamp("ms"))
    if pa.types.is_timestamp(column.type):
        return _in_utc(column, zone), never
    if not _is_text(column):
        return _epochs(_cast(column, pa.float64())), never
    texts, bad = _matched(_trimmed(column), MOMENT_TEXT)
    numeric = pc.fill_null(pc.match_substring_regex(texts, r"^\d+(\.\d+)?$"), False)
    zoned = pc.fill_null(pc.match_substring_regex(texts, r":\d\d.*(Z|[+-]\d\d:?\d\d|[+-]\d\d)$"), False)
    nothing = pa.scalar(None, texts.type)
    plain = pc.if_else(pc.or_(numeric, zoned), nothing, texts)
    try:
        return pc.coalesce(
            _in_utc(pc.cast(plain, pa.timestamp("ns")), zone),
            _in_utc(pc.cast(pc.if_else(zoned, texts, nothing), pa.timestamp("ns", "UTC")), zone),
            _epochs(pc.cast(pc.if_else(numeric, texts, nothing), pa.float64())),
        ), bad
    except pa.ArrowInvalid:  # the twenty-fifth hour: one by one
        return _one_by_one(texts, bad, lambda text: _moment(text, zone), MOMENT)


def _in_utc(column: Any, zone: str) -> Any:
    if column.type.tz is None and zone != "UTC":
        column = pc.assume_timezone(column, zone, ambiguous="earliest", nonexistent="latest")
    # A column with a zone holds UTC already: dropping the zone leaves the instant.
    return pc.cast(pc.cast(column, pa.timestamp(column.type.unit, "UTC")), MOMENT, safe=False)


def _epochs(seconds: Any) -> Any:
    """Seconds since 1970, or milliseconds where the number is too great for seconds."""
    factor = pc.if_else(pc.greater(seconds, 1e11), 1e3, 1e6)
    return pc.cast(pc.cast(pc.multiply(seconds, factor), pa.int64(), safe=False), MOMENT)


def _moment(text: str, zone: str) -> datetime:
    if re.fullmatch(r"\d+(\.\d+)?", text):
        seconds = float(text)
        return datetime(1970, 1, 1) + timedelta(microseconds=int(seconds * (1e3 if seconds > 1e11 else 1e6)))  # noqa: DTZ001
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(zone))).astimezone(UTC).replace(tzinfo=None)


def _one_by_one(texts: Any, bad: Any, parse: Callable[[str], Any], type_: pa.DataType) -> Parsed:
    values, wrong = [], []
    for text in texts.to_pylist():
        try:
            values.append(None if text is None else parse(text))
            wrong.append(False)
        except (ValueError, OverflowError):
            values.append(None)
            wrong.append(True)
    return pa.array(values, type_), pc.or_(bad, pa.array(wrong, pa.bool_()))


def _is_text(column: Any) -> bool:
    return bool(pa.types.is_string(column.type) or pa.types.is_large_string(column.type))


TYPES = {
    "text": pa.string(),
    "count": pa.int64(),
    "number": pa.float64(),
    "moment": MOMENT,
    "day": pa.date32(),
    "truth": pa.bool_(),
}
READERS: dict[str, Callable[[Any], Parsed]] = {
    "text": texts_of,
    "count": counts,
    "number": numbers,
    "day": dates,
    "truth": truths,
}
REASONS = {
    "text": f"holds a NUL, no UTF-8 or more than {KEY_LENGTH} characters",
    "count": "is no whole number from 0 to 10^15",
    "number": "is no number from 0 to 10^15",
    "moment": "is no moment such as 2026-11-22T08:30:00Z",
    "day": "is no day such as 2026-11-22",
    "truth": "is neither true nor false",
}
