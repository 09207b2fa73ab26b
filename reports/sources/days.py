"""Usage rows placed into days and hours of a time zone, added up, and judged for gaps.

Rows come as Arrow tables with texts as dictionaries: events by quarter of an hour (every offset in use is a multiple
of one), or daily rows by UTC day. Sums of money are exact (math.fsum), so the order of rows never shows.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from reports.sources.snapshot import COUNTS, DIMENSIONS, HOURLY_SCHEMA, NAMES, Coverage

QUARTER_SECONDS = 900
QUARTERS_A_DAY = 96
REACH = timedelta(hours=1)  # data into the last hour of a day count as the whole day
TEXT = pa.dictionary(pa.int32(), pa.string())
MEASURES = (
    [(name, pa.int64()) for name in COUNTS]
    + [("spend_usd", pa.float64()), ("duration_sum_ms", pa.float64()), ("timed_requests", pa.int64())]
)  # fmt: skip
# What adapters read: one of these two, `quarter` counting quarters of an hour since 1970 in UTC.
EVENT_ROWS = pa.schema([("quarter", pa.int64())] + [(name, TEXT) for name in DIMENSIONS] + MEASURES)
DAY_ROWS = pa.schema([("day", pa.date32())] + [(name, TEXT) for name in DIMENSIONS] + MEASURES)
EPOCH = date(1970, 1, 1)
Codes = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Names:
    """What ids are called: id -> name, for users, keys and teams."""

    user_id: Mapping[str, str]
    key_id: Mapping[str, str]
    team_id: Mapping[str, str]


def instant_of(day: date, zone: str) -> datetime:
    """When a day begins in `zone`: the first instant of it, also where its midnight does not exist."""
    return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)).astimezone(UTC)


def span(first: date, last: date, zone: str) -> tuple[datetime, datetime]:
    """From the first instant of `first` to that after `last`."""
    return instant_of(first, zone), instant_of(last + timedelta(days=1), zone)


def utc_days(first: date, last: date, zone: str) -> tuple[date, date]:
    """The UTC days that `first` to `last` of `zone` touch."""
    start, end = span(first, last, zone)
    return start.date(), (end - timedelta(microseconds=1)).date()


def is_utc(first: date, last: date, zone: str) -> bool:
    """Whether every day of `zone` from `first` to `last` is the UTC day."""
    bounds = days_of(first, last + timedelta(days=1))
    return all(instant_of(day, zone) == instant_of(day, "UTC") for day in bounds)


def days_of(first: date, last: date) -> tuple[date, ...]:
    return tuple(first + timedelta(days=offset) for offset in range((last - first).days + 1))


def place_days(events: pa.Table, zone: str) -> pa.Table:
    """Event rows as day rows of `zone`."""
    quarters, codes = _distinct(events["quarter"])
    days = [wall(quarter, zone).date() for quarter in quarters]
    column = pa.array(days, pa.date32()).take(pa.array(codes))
    return aggregate(events.drop_columns(["quarter"]).add_column(0, "day", column), ("day", *DIMENSIONS))


def place_hours(events: pa.Table, zone: str) -> pa.Table:
    """Event rows as hours of the wall clock of `zone`, by model."""
    quarters, codes = _distinct(events["quarter"])
    walls = [wall(quarter, zone).replace(minute=0) for quarter in quarters]
    hours = pa.array(walls, pa.timestamp("ms")).take(pa.array(codes))
    return aggregate(events.add_column(0, "hour", hours).select(HOURLY_SCHEMA.names), ("hour", "model"))


def joined_hours(portions: Sequence[pa.Table]) -> pa.Table:
    """The hours of several portions of days, in the order of these."""
    return pa.concat_tables(portions).unify_dictionaries() if portions else HOURLY_SCHEMA.empty_table()


def _distinct(column: pa.ChunkedArray) -> tuple[list[int], Codes]:
    values, codes = np.unique(column.to_numpy(), return_inverse=True)
    return values.tolist(), codes


def wall(quarter: int, zone: str) -> datetime:
    return datetime.fromtimestamp(quarter * QUARTER_SECONDS, ZoneInfo(zone)).replace(tzinfo=None)


def aggregate(table: pa.Table, keys: Sequence[str]) -> pa.Table:
    """One row for each combination of `keys`, sorted by them, all other columns added up.

    A sum is NULL only where no row had a value: nobody measured it.
    """
    if table.num_rows == 0:
        return table
    combined, columns = _combined_key(table, keys)
    order = np.argsort(combined, kind="stable")
    ordered = combined[order]
    starts = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
    heads = pa.array(order[starts])
    summed = {name: columns[name].take(heads) for name in keys}
    for name in table.column_names:
        if name not in keys:
            summed[name] = _sums(table[name], order, starts)
    return pa.table({name: summed[name] for name in table.column_names})


def _combined_key(table: pa.Table, keys: Sequence[str]) -> tuple[Codes, dict[str, pa.Array]]:
    """One integer a row that sorts as the key columns do, made dense at each step so that it never overflows."""
    combined: Codes = np.zeros(table.num_rows, dtype=np.int64)
    columns = {}
    for name in keys:
        encoded = _encoded(table[name])
        columns[name] = encoded
        ranks = pc.rank(encoded.dictionary, sort_keys="ascending", tiebreaker="dense").to_numpy().astype(np.int64)
        codes = ranks[encoded.indices.to_numpy(zero_copy_only=False)]
        width = int(ranks.max()) + 1
        if int(combined.max()) >= (2**62) // width:
            combined = np.unique(combined, return_inverse=True)[1].astype(np.int64)
        combined = combined * width + codes
    return combined, columns


def _encoded(column: pa.ChunkedArray) -> pa.DictionaryArray:
    if pa.types.is_dictionary(column.type):
        column = column.unify_dictionaries()
        merged = column.combine_chunks()
        return merged.chunk(0) if isinstance(merged, pa.ChunkedArray) else merged
    encoded = column.combine_chunks().dictionary_encode()
    return encoded.combine_chunks() if isinstance(encoded, pa.ChunkedArray) else encoded


def _sums(column: pa.ChunkedArray, order: Codes, starts: Codes) -> pa.Array:
    floats = pa.types.is_floating(column.type)
    if len(starts) == len(order):  # nothing to add up
        return column.take(pa.array(order)).combine_chunks()
    values = column.fill_null(0.0 if floats else 0).to_numpy()[order]
    sums = _exact_sums(values, starts) if floats else np.add.reduceat(values, starts)
    if not column.null_count:
        return pa.array(sums, column.type)
    known = np.add.reduceat(column.is_valid().to_numpy()[order].astype(np.int64), starts) > 0
    return pa.array(sums, column.type, mask=~known)


def _exact_sums(values: npt.NDArray[np.float64], starts: Codes) -> npt.NDArray[np.float64]:
    sums = values[starts].copy()
    ends = np.append(starts[1:], len(values))
    for group in np.flatnonzero(ends - starts > 1):
        sums[group] = math.fsum(values[starts[group] : ends[group]].tolist())
    return sums


def with_names(rows: pa.Table, names: Names) -> pa.Table:
    """Day rows with user_name, key_alias and team_name beside their ids ('' where an id has no name)."""
    for column, name in NAMES.items():
        encoded = _encoded(rows[column])
        known: Mapping[str, str] = getattr(names, column)
        called = pa.array([known.get(id, "") for id in encoded.dictionary.to_pylist()], pa.string())
        rows = rows.append_column(name, pa.DictionaryArray.from_arrays(encoded.indices, called))
    return rows


@dataclass(frozen=True)
class Known:
    """What a source is known to hold: whole UTC days, and one moment where its data end inside a day."""

    complete: frozenset[date]
    partial: Mapping[date, datetime]  # UTC day -> the last moment with data
    first_day: date | None
    last_day: date | None


def judge(first: date, last: date, zone: str, known: Known, days_with_rows: Iterable[date]) -> Coverage:
    """Which days of `zone` are missing (no rows and not known to be empty) or incomplete (rows for a part only)."""
    seen = set(days_with_rows)
    missing: list[date] = []
    incomplete: list[date] = []
    for day in days_of(first, last):
        if not _covered(day, zone, known):
            (incomplete if day in seen else missing).append(day)
    return Coverage(tuple(missing), tuple(incomplete), known.first_day, known.last_day)


def _covered(day: date, zone: str, known: Known) -> bool:
    _, end = span(day, day, zone)
    first, last = utc_days(day, day, zone)
    for utc_day in days_of(first, last):
        if utc_day in known.complete:
            continue
        reached = known.partial.get(utc_day)
        if reached is None or reached + REACH < min(end, instant_of(utc_day + timedelta(days=1), "UTC")):
            return False
    return True


def known_days(days: Iterable[date], listed: Mapping[date, bool], ends: Mapping[date, datetime]) -> Known:
    """What is known of a source: `days` with rows, `listed` coverage rows (UTC day -> complete), `ends` of days.

    A day that no coverage row speaks of counts as whole, except the last one where its data end well before it does.
    """
    seen = set(days) | set(listed)
    if not seen:
        return Known(frozenset(), {}, None, None)
    last = max(seen)
    doubtful = {day for day, complete in listed.items() if not complete}
    if last not in listed and last in ends:
        doubtful.add(last)
    partial = {day: ends.get(day, instant_of(day, "UTC") - REACH) for day in doubtful}
    return Known(frozenset(seen - doubtful), partial, min(seen), last)


def replace_text(column: pa.ChunkedArray, new: Mapping[str, str]) -> Any:
    """A dictionary column with its texts exchanged by `new` ('' for what is not in it)."""
    encoded = _encoded(column)
    texts = [new.get(text, "") for text in encoded.dictionary.to_pylist()]
    return pa.DictionaryArray.from_arrays(encoded.indices, pa.array(texts, pa.string()))
