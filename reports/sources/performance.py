"""How fast and how faulty single requests were, as three files of a usage snapshot beside the days.

`performance.parquet` adds up, `latencies.parquet` counts requests by how long they took, so that the percentiles of
any days and models can be told from it, `errors.parquet` counts failures by what went wrong. Durations are of
successes only, in milliseconds. Only for datasets that ask for them, since it costs as much again as the days. Reads
no source: adapters say what their columns mean (`Single`), or bring rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from reports.model import JsonDict
from reports.sources import days, query
from reports.sources.snapshot import DIMENSIONS
from reports.sources.values import Request

PERFORMANCE_FILE = "performance.parquet"
LATENCIES_FILE = "latencies.parquet"
ERRORS_FILE = "errors.parquet"
DURATION, TTFT = "duration", "ttft"  # what a row of latencies.parquet measures
KEYS = [("day", pa.date32()), ("model", pa.string()), ("provider", pa.string())]
# timed_requests are successes whose duration is known each by itself, ttft_requests those with a first token.
# output_ms is from the first token, or from the start where that is not known, to the end; output_tokens were written
# in it. cache_known are successes that say whether they came from the response cache, cache_hits those that did.
COUNTS = ("requests", "successes", "failures", "timed_requests", "ttft_requests", "output_tokens")
CACHE = ("cache_known", "cache_hits")
MILLISECONDS = ("duration_sum_ms", "ttft_sum_ms", "output_ms")
SUMS = (*COUNTS, *CACHE, *MILLISECONDS)
PERFORMANCE_SCHEMA = pa.schema(
    [*KEYS, *((name, pa.int64()) for name in (*COUNTS, *CACHE)), *((name, pa.float64()) for name in MILLISECONDS)]
)
LATENCIES_SCHEMA = pa.schema([*KEYS, ("measure", pa.string()), ("ms", pa.float64()), ("requests", pa.int64())])
ERRORS_SCHEMA = pa.schema([*KEYS, ("error_class", pa.string()), ("error_code", pa.string()), ("failures", pa.int64())])
KEY_NAMES = [name for name, _ in KEYS]
NO_NUMBER = pa.scalar(None, pa.float64())
EXACT_UP_TO = 50_000  # timed requests whose milliseconds are kept as they are; of more, to three significant digits
SIGNIFICANT = 100  # the least number that three significant digits make: off by at most half of its hundredth part
DECADES = range(-1, 8)  # 0.1 ms to a day


@dataclass(frozen=True)
class Performance:
    """What is known of single requests from `first` to `last`, days as those of the daily rows."""

    rows: pa.Table
    latencies: pa.Table
    errors: pa.Table
    first: date
    last: date
    exact: bool  # milliseconds as they are, not rounded
    unavailable: Mapping[str, str] = field(default_factory=dict)  # performance, ttft, cache_hit, errors -> why


@dataclass(frozen=True)
class Single:
    """What the columns of a table of requests mean, as SQL; a row may stand for several requests."""

    quarter: Any  # of an hour since 1970, a whole number
    model: Any
    provider: Any
    requests: Any
    failures: Any
    took: Any  # ms of a single success, NULL where not known
    ttft: Any  # ms until the first token of a single success, NULL where not known or void
    output_tokens: Any
    cached: Any  # 1, 0 or NULL where a success does not say
    error_class: Any
    error_code: Any
    where: Sequence[Any]


def read(connection: Connection, single: Single, wanted: tuple[date, date], zone: str) -> Performance:
    """Three questions to the table: sums, durations by value, failures by class."""
    day = day_number(single.quarter, *wanted, zone)
    rows = _asked(connection, _sums_of(single, day), single, (day, single.model, single.provider), PERFORMANCE_SCHEMA)
    timed = pc.sum(rows["timed_requests"]).as_py() or 0
    exact = timed <= EXACT_UP_TO
    latencies = []
    for measure, column in ((DURATION, single.took), (TTFT, single.ttft)):
        value = sa.cast(column if exact else rounded(column), sa.Double)
        keys: tuple[Any, ...] = (day, single.model, single.provider, sa.literal_column(f"'{measure}'"), value)
        counted = [sa.func.count()]
        latencies.append(_asked(connection, counted, single, keys, LATENCIES_SCHEMA, column.is_not(None)))
    failed = (day, single.model, single.provider, single.error_class, single.error_code)
    errors = _asked(connection, [_whole(single.failures)], single, failed, ERRORS_SCHEMA, single.failures > 0)
    return finished(rows, pa.concat_tables(latencies), errors, wanted, exact=exact)


def finished(
    rows: pa.Table, latencies: pa.Table, errors: pa.Table, wanted: tuple[date, date], *, exact: bool
) -> Performance:
    """Rows in an order that does not depend on how they were read, and why parts of them are not there."""
    return Performance(
        _ordered(rows), _ordered(latencies), _ordered(errors), *wanted, exact, _unavailable(rows, errors)
    )


def _ordered(table: pa.Table) -> pa.Table:
    return table.sort_by([(name, "ascending") for name in table.column_names])


def events_of(rows: pa.Table) -> pa.Table:
    """What is kept of cleaned event rows (see `columns`): what filters ask, and what requests tell of themselves."""
    success = pc.and_(pc.equal(rows["requests"], 1), pc.equal(rows["failures"], 0))
    timed = pc.and_(success, pc.equal(pc.fill_null(rows["timed_requests"], 1), 1))
    took = pc.if_else(timed, rows["duration_ms"], NO_NUMBER)
    streamed = pc.and_(success, pc.fill_null(pc.less(rows["ttft_ms"], took), True))
    written = pc.subtract(took, pc.fill_null(pc.if_else(streamed, rows["ttft_ms"], NO_NUMBER), 0.0))
    some = pc.fill_null(pc.greater(written, 0.0), False)
    texts = [name for name in DIMENSIONS if name != "endpoint"] + ["error_class", "error_code"]
    return pa.table(
        {
            "quarter": rows["quarter"],
            **{name: pc.dictionary_encode(rows[name]).cast(days.TEXT) for name in texts},
            "requests": rows["requests"],
            "successes": pc.subtract(rows["requests"], rows["failures"]),
            "failures": rows["failures"],
            DURATION: took,
            TTFT: pc.if_else(streamed, rows["ttft_ms"], NO_NUMBER),
            "output_tokens": pc.if_else(some, rows["completion_tokens"], 0),
            "output_ms": pc.if_else(some, written, 0.0),
            "cached": pc.if_else(success, rows["cache_hit"], pa.scalar(None, pa.bool_())),
        }
    )


def from_events(events: pa.Table, wanted: tuple[date, date], zone: str) -> Performance:
    """The same as `read`, from rows of `events_of` that lie within the wanted days of `zone`."""
    quarter = events["quarter"].to_numpy()
    distinct, codes = np.unique(quarter, return_inverse=True)
    day = pa.array([days.wall(int(each), zone).date() for each in distinct], pa.date32()).take(pa.array(codes))
    texts = {name: events[name].cast(pa.string()) for name in ("model", "provider", "error_class", "error_code")}
    keyed = pa.table({"day": day, **texts})
    rows = keyed.select(KEY_NAMES)
    for name in ("requests", "successes", "failures", "output_tokens", "output_ms"):
        rows = rows.append_column(name, events[name])
    for count, total, measure in (
        ("timed_requests", "duration_sum_ms", DURATION),
        ("ttft_requests", "ttft_sum_ms", TTFT),
    ):
        rows = rows.append_column(count, _ones(pc.is_valid(events[measure])))
        rows = rows.append_column(total, pc.fill_null(events[measure], 0.0))
    rows = rows.append_column("cache_known", _ones(pc.is_valid(events["cached"])))
    rows = rows.append_column("cache_hits", _ones(pc.fill_null(events["cached"], False)))
    sums = _grouped(rows, KEY_NAMES, SUMS, PERFORMANCE_SCHEMA)
    exact = (pc.sum(sums["timed_requests"]).as_py() or 0) <= EXACT_UP_TO
    latencies = [_values(keyed, events, measure, exact) for measure in (DURATION, TTFT)]
    failed = keyed.append_column("failures", events["failures"]).filter(pc.greater(events["failures"], 0))
    errors = _grouped(failed, [*KEY_NAMES, "error_class", "error_code"], ["failures"], ERRORS_SCHEMA)
    return finished(sums, pa.concat_tables(latencies), errors, wanted, exact=exact)


def _ones(truths: Any) -> Any:
    return pc.cast(truths, pa.int64())


def _values(keyed: pa.Table, events: pa.Table, measure: str, exact: bool) -> pa.Table:
    known = pc.is_valid(events[measure])
    milliseconds = events[measure].filter(known).combine_chunks()
    rows = keyed.select(KEY_NAMES).filter(known)
    rows = rows.append_column("measure", pa.repeat(measure, rows.num_rows))
    rows = rows.append_column("ms", milliseconds if exact else rounded_values(milliseconds))
    rows = rows.append_column("requests", pa.repeat(1, rows.num_rows))
    return _grouped(rows, [*KEY_NAMES, "measure", "ms"], ["requests"], LATENCIES_SCHEMA)


def _grouped(rows: pa.Table, keys: Sequence[str], sums: Sequence[str], schema: pa.Schema) -> pa.Table:
    found = rows.group_by(list(keys)).aggregate([(name, "sum") for name in sums])
    return found.rename_columns([*keys, *sums]).select(schema.names).cast(schema)


def _sums_of(single: Single, day: Any) -> list[Any]:
    written = single.took - sa.func.coalesce(single.ttft, 0)
    timed = sa.and_(single.took.is_not(None), written > 0)
    sums = {
        "requests": _whole(single.requests),
        "successes": _whole(single.requests - single.failures),
        "failures": _whole(single.failures),
        "timed_requests": sa.func.count(single.took),
        "ttft_requests": sa.func.count(single.ttft),
        "output_tokens": _whole(sa.case((timed, single.output_tokens))),
        "cache_known": sa.func.count(single.cached),
        "cache_hits": _whole(single.cached),
        "duration_sum_ms": _real(single.took),
        "ttft_sum_ms": _real(single.ttft),
        "output_ms": _real(sa.case((timed, written))),
    }
    return [sums[name] for name in SUMS]


def _whole(column: Any) -> Any:
    return sa.func.coalesce(sa.cast(sa.func.sum(column), sa.BigInteger), 0)


def _real(column: Any) -> Any:
    return sa.func.coalesce(sa.cast(sa.func.sum(column), sa.Double), 0.0)


def _asked(
    connection: Connection, sums: Sequence[Any], single: Single, keys: Sequence[Any], schema: pa.Schema, *where: Any
) -> pa.Table:
    """`sums` by `keys`, of which the first is the number of a day."""
    labels = [key.label(f"key_{place}") for place, key in enumerate(keys)]
    select = sa.select(*labels, *sums).where(*single.where, *where)
    select = select.group_by(*(sa.literal_column(label.name) for label in labels))
    numbered = pa.schema([pa.field("day", pa.int32()), *list(schema)[1:]])
    found = query.read_table(connection, select, numbered)
    return found.set_column(0, "day", found["day"].cast(pa.date32())).cast(schema)


def day_number(quarter: Any, first: date, last: date, zone: str) -> Any:
    """The day of `zone`, counted since 1970, of a quarter of an hour: SQL with a case for each change of the clock."""
    cases = []
    for end, shift, number in _segments(first, last, zone):
        day = sa.literal(number) if shift is None else (quarter + shift) // days.QUARTERS_A_DAY
        cases.append((quarter < end, sa.cast(day, sa.Integer)))
    return sa.case(*cases) if len(cases) > 1 else cases[0][1]


def _segments(first: date, last: date, zone: str) -> list[tuple[int, int | None, int]]:
    """Runs of days of 24 hours as (quarter at their end, quarters to add, 0), and other days as (end, None, day)."""
    segments: list[tuple[int, int | None, int]] = []
    for day in days.days_of(first, last):
        start, end = (int(each.timestamp()) // days.QUARTER_SECONDS for each in days.span(day, day, zone))
        number = (day - days.EPOCH).days
        if end - start != days.QUARTERS_A_DAY:
            segments.append((end, None, number))
            continue
        shift = number * days.QUARTERS_A_DAY - start
        if segments and segments[-1][1] == shift:
            segments.pop()
        segments.append((end, shift, 0))
    return segments


def rounded(column: Any) -> Any:
    """Milliseconds to three significant digits, off by at most 0.5 %: SQL."""
    cases = []
    for decade in DECADES:
        step = 10.0**decade / SIGNIFICANT
        cases.append((column < 10.0 ** (decade + 1), sa.func.round(column / step) * step))
    return sa.case(*cases, else_=column)


def rounded_values(values: Any) -> Any:
    """The same of an array: milliseconds to three significant digits."""
    known = np.maximum(values.to_numpy(zero_copy_only=False).astype(float), 10.0 ** DECADES[0])
    step = 10.0 ** np.floor(np.log10(known)) / SIGNIFICANT
    return pa.array(np.round(values.to_numpy(zero_copy_only=False) / step) * step, pa.float64())


def _unavailable(rows: pa.Table, errors: pa.Table) -> dict[str, str]:
    """Parts without a figure although there were requests that could have one."""

    def total(table: pa.Table, name: str) -> int:
        return int(pc.sum(table[name]).as_py() or 0)

    reasons = {}
    if total(rows, "successes"):
        if not total(rows, "timed_requests"):
            reasons["performance"] = "The source does not say how long each request took."
        if not total(rows, "ttft_requests"):
            reasons["ttft"] = "The source does not say when the first token of an answer came."
        if not total(rows, "cache_known"):
            reasons["cache_hit"] = "The source does not say which answers came from a response cache."
    named = errors.filter(pc.or_(pc.not_equal(errors["error_class"], ""), pc.not_equal(errors["error_code"], "")))
    if total(errors, "failures") and not named.num_rows:
        reasons["errors"] = "The source does not say what went wrong with a failed request."
    return reasons


def wanted_days(request: Request) -> tuple[date, date]:
    """The days of the period and of its comparison; history needs no single requests."""
    compared = request.comparison or request.period
    return min(compared.start, request.period.start), request.period.end


def nothing(reason: str) -> dict[str, str]:
    """What is unavailable where a source knows no single requests."""
    return dict.fromkeys(("performance", "ttft", "cache_hit", "errors"), reason)


def files(found: Performance | None) -> dict[str, pa.Table]:
    """The files of a snapshot, by name; none where nothing is known of single requests."""
    if found is None:
        return {}
    return {PERFORMANCE_FILE: found.rows, LATENCIES_FILE: found.latencies, ERRORS_FILE: found.errors}


def facts(found: Performance | None) -> JsonDict:
    """What meta.json says of those files: `performance` with the days they are about and whether ms are exact."""
    if found is None:
        return {}
    about = {"first_day": found.first.isoformat(), "last_day": found.last.isoformat(), "exact": found.exact}
    return {"performance": about}
