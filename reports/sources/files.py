"""Usage read straight from CSV and Parquet files, without an import: one file, or every one of a folder.

The source's options hold the column map (`map`) and what else a layout needs. Rows that cannot be used are counted
and named in `unavailable`, and the files are never changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from reports.errors import ExtractError, InvalidInput
from reports.model import Filters
from reports.sources import billing, days, performance, prices
from reports.sources.columns import BadRow, Kind
from reports.sources.rowfiles import ENDINGS, open_rows
from reports.sources.snapshot import DIMENSIONS, NAMES, Usage
from reports.sources.values import Request, Source, SourceReport

KEYS = {"events": ("quarter", *DIMENSIONS), "daily": ("day", *DIMENSIONS)}
SHOWN_BAD_ROWS = 3


def read(request: Request) -> Usage:
    """Usage of the wanted days. Raises ExtractError naming a file that is not there or cannot be used."""
    return usage_of(request, batches(request.source))


def check(source: Source) -> SourceReport:
    """Reads every file once: how many rows, from when to when, and what is wrong with them."""
    held, rows = Held(), 0
    for batch in batches(source):
        held.see(batch)
        rows += batch.rows.num_rows
    return SourceReport(
        kind=source.kind,
        tables=tuple(path.name for path in paths(source)),
        missing={},
        first_day=min(held.days, default=None),
        last_day=max(held.days, default=None),
        rows=rows,
        notes=(held.bad_rows(),) if held.bad else (),
    )


@dataclass(frozen=True)
class Batch:
    """Cleaned rows of one kind (see `columns`), and what was wrong with others."""

    kind: Kind
    rows: pa.Table
    file: str = ""
    bad: list[BadRow] = field(default_factory=list)


@dataclass
class Held:
    """What a source was seen to hold, over all rows, whatever is wanted of them."""

    days: set[date] = field(default_factory=set)  # UTC
    quarters: set[int] = field(default_factory=set)
    data_end: datetime | None = None
    bad: list[str] = field(default_factory=list)
    names: dict[str, dict[str, str]] = field(default_factory=lambda: {id: {} for id in NAMES})

    def see(self, batch: Batch) -> None:
        self.bad += [f"{batch.file}, row {bad.row}: {' '.join((bad.column, bad.reason)).strip()}" for bad in batch.bad]
        if not batch.rows.num_rows:
            return
        if batch.kind == "events":
            self.quarters.update(pc.unique(quarters(batch.rows)).to_pylist())
            self.days = {days.wall(quarter, "UTC").date() for quarter in self.quarters}
            end = pc.max(batch.rows["started_at"]).as_py().replace(tzinfo=UTC)
            self.data_end = max(end, self.data_end or end)
        else:
            self.days.update(pc.unique(batch.rows["day"]).to_pylist())
        for id, name in NAMES.items():
            pairs = batch.rows.select([id, name]).group_by([id, name]).aggregate([]).to_pylist()
            self.names[id] |= {pair[id]: pair[name] for pair in pairs if pair[name]}

    def bad_rows(self) -> str:
        shown = "; ".join(self.bad[:SHOWN_BAD_ROWS])
        rest = f"; and {len(self.bad) - SHOWN_BAD_ROWS:,} more" if len(self.bad) > SHOWN_BAD_ROWS else ""
        return f"{len(self.bad):,} rows could not be used: {shown}{rest}."


def paths(source: Source) -> list[Path]:
    """The files of a source, sorted by name."""
    place = Path(source.location().removeprefix("file://")).expanduser()
    if place.is_dir():
        found = sorted(path for path in place.iterdir() if path.name.endswith(ENDINGS))
    else:
        found = [place] if place.is_file() else []
    if not found:
        message = f"Source {source.name!r}: there is no CSV or Parquet file at its path; check the path."
        raise ExtractError(message, permanent=True)
    return found


def batches(source: Source) -> Iterator[Batch]:
    kinds: set[Kind] = set()
    for path in paths(source):
        try:
            file = open_rows(path, source.options.get("map") or {}, source.options)
            kinds.add(file.layout.kind)
            if len(kinds) > 1:
                raise InvalidInput("file", f"{path.name} holds other rows (events, daily) than the files before it")
            for _, cleaned in file.batches():
                yield Batch(file.layout.kind, cleaned.rows)
            yield Batch(file.layout.kind, pa.table({}), path.name, file.bad)
        except InvalidInput as error:
            raise ExtractError(f"Source {source.name!r}, {path.name}: {error}", permanent=True) from error


def usage_of(request: Request, found: Iterable[Batch]) -> Usage:
    """Cleaned rows of any origin as usage; each batch is added up before the next is read."""
    held, kept, kind, single = Held(), [], "daily", []
    for batch in found:
        held.see(batch)
        if batch.rows.num_rows:
            kind = batch.kind
            kept.append(_wanted(batch, request))
            if kind == "events" and request.dataset.single_requests:
                single.append(performance.events_of(_inside(batch, request)))
    schema = days.EVENT_ROWS if kind == "events" else days.DAY_ROWS
    rows = pa.concat_tables(kept).unify_dictionaries() if kept else schema.empty_table()
    rows = rows.filter(_passes(rows, request.filters, held.names["key_id"]))
    timed = None
    if single:
        events = pa.concat_tables(single)
        events = events.filter(_passes(events, request.filters, held.names["key_id"]))
        timed = performance.from_events(events, performance.wanted_days(request), request.period.zone)
    return _placed(request, rows, held, timed, kind)


def _placed(request: Request, rows: pa.Table, held: Held, single: performance.Performance | None, kind: str) -> Usage:
    zone = request.period.zone if kind == "events" else "UTC"
    unavailable = {"rows": held.bad_rows()} if held.bad else {}
    hourly = None
    if kind == "events":
        hourly, rows = days.place_hours(rows, zone), days.place_days(rows, zone)
        seen = {days.wall(quarter, zone).date() for quarter in held.quarters}
    else:
        rows, seen = days.aggregate(rows, KEYS["daily"]), held.days
        unavailable["hourly"] = "The files hold one row a day, which tells no hours."
        unavailable |= performance.nothing("The files hold one row a day, which tells nothing of single requests.")
    unavailable |= single.unavailable if single else {}
    ends = {held.data_end.date(): held.data_end} if held.data_end else {}
    known = days.known_days(held.days, {}, ends)
    rows = days.with_names(rows, days.Names(**held.names))
    return Usage(
        daily=rows.append_column("list_price_usd", prices.list_prices(rows, request.last_day)),
        hourly=hourly,
        coverage=days.judge(request.first_day, request.last_day, zone, known, seen),
        day_zone=zone,
        unavailable=unavailable,
        data_as_of=held.data_end,
        files=performance.files(single) | billing.files(rows, request.last_day),
        facts=performance.facts(single),
    )


def quarters(rows: pa.Table) -> Any:
    """The quarter of an hour, counted since 1970, of each `started_at`."""
    microseconds = pc.cast(rows["started_at"], pa.int64())
    return pc.cast(pc.floor(pc.divide(pc.cast(microseconds, pa.float64()), days.QUARTER_SECONDS * 1e6)), pa.int64())


def _inside(batch: Batch, request: Request) -> pa.Table:
    """Events of the days that single requests are wanted of, with their quarter of an hour."""
    rows = batch.rows.append_column("quarter", quarters(batch.rows))
    bounds = days.span(*performance.wanted_days(request), request.period.zone)
    first, last = (int(moment.timestamp()) // days.QUARTER_SECONDS for moment in bounds)
    return rows.filter(pc.and_(pc.greater_equal(rows["quarter"], first), pc.less(rows["quarter"], last)))


def _wanted(batch: Batch, request: Request) -> pa.Table:
    """The rows of the wanted days, added up."""
    events = batch.kind == "events"
    schema = days.EVENT_ROWS if events else days.DAY_ROWS
    table = (_event_rows(batch.rows) if events else batch.rows).select(schema.names).cast(schema)
    if events:
        start, end = days.span(request.first_day, request.last_day, request.period.zone)
        first, last = (int(moment.timestamp()) // days.QUARTER_SECONDS for moment in (start, end))
        inside = pc.and_(pc.greater_equal(table["quarter"], first), pc.less(table["quarter"], last))
    else:
        bounds = [pa.scalar(day, pa.date32()) for day in (request.first_day, request.last_day)]
        inside = pc.and_(pc.greater_equal(table["day"], bounds[0]), pc.less_equal(table["day"], bounds[1]))
    return days.aggregate(table.filter(inside), KEYS[batch.kind])


def _event_rows(rows: pa.Table) -> pa.Table:
    successes = pc.subtract(rows["requests"], rows["failures"])
    known = pc.and_(pc.is_valid(rows["duration_ms"]), pc.greater(successes, 0))
    timed = pc.coalesce(rows["timed_requests"], pc.if_else(known, successes, pa.scalar(None, pa.int64())))
    duration = pc.if_else(pc.greater(timed, 0), rows["duration_ms"], pa.scalar(None, pa.float64()))
    new = {"quarter": quarters(rows), "successes": successes, "duration_sum_ms": duration}
    table = rows.drop_columns(["timed_requests"]).append_column("timed_requests", timed)
    for name, values in new.items():
        table = table.append_column(name, values)
    return table


def _passes(rows: pa.Table, filters: Filters, aliases: dict[str, str]) -> Any:
    """Which rows all filters let pass."""
    keys = [id for id, alias in aliases.items() if alias in filters.key_aliases]
    keys += [id for id in filters.key_aliases if not aliases.get(id)]
    wanted: dict[str, tuple[bool, Iterable[str]]] = {
        "user_id": (bool(filters.user_ids), filters.user_ids),
        "team_id": (bool(filters.team_ids), filters.team_ids),
        "model": (bool(filters.model_ids), filters.model_ids),
        "provider": (bool(filters.provider_ids), filters.provider_ids),
        "key_id": (bool(filters.key_aliases), keys),
    }
    passes = pa.array([True] * rows.num_rows, pa.bool_())
    for name, (asked, values) in wanted.items():
        if asked:
            texts = pc.cast(rows[name], pa.string())
            passes = pc.and_(passes, pc.is_in(texts, pa.array(list(values), pa.string())))
    return passes
