"""Usage read straight from CSV and Parquet files, without an import: one file, or every one of a folder.

The source's options hold the column map (`map`) and what else a layout needs. Rows that cannot be used are counted
and named in `unavailable`, and the files are never changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from reports.errors import ExtractError, InvalidInput
from reports.model import Filters
from reports.sources import billing, days, performance
from reports.sources.columns import NO_OUTCOMES, BadRow, Kind
from reports.sources.daily import DailyRows, portions
from reports.sources.rowfiles import ENDINGS, open_rows
from reports.sources.snapshot import DIMENSIONS, NAMES, Usage
from reports.sources.values import Request, Source, SourceReport

KEYS = {"events": ("quarter", *DIMENSIONS), "daily": ("day", *DIMENSIONS)}
SHOWN_BAD_ROWS = 3


def read(request: Request, daily: DailyRows) -> Usage:
    """Usage of the wanted days. Raises ExtractError naming a file that is not there or cannot be used."""
    return usage_of(request, batches(request.source), daily)


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
    tells_outcomes: bool = True


@dataclass
class Kept:
    """The wanted rows of all batches, added up within each."""

    kind: Kind = "daily"
    tables: list[pa.Table] = field(default_factory=list)


@dataclass
class Held:
    """What a source was seen to hold, over all rows, whatever is wanted of them."""

    days: set[date] = field(default_factory=set)  # UTC
    quarters: set[int] = field(default_factory=set)
    data_end: datetime | None = None
    tells_outcomes: bool = True  # all of its rows
    bad: int = 0
    shown: list[str] = field(default_factory=list)  # the first bad rows in words
    names: dict[str, dict[str, str]] = field(default_factory=lambda: {id: {} for id in NAMES})

    def see(self, batch: Batch) -> None:
        self.bad += len(batch.bad)
        self.tells_outcomes &= batch.tells_outcomes
        self.shown += [
            f"{batch.file}, row {bad.row}: {' '.join((bad.column, bad.reason)).strip()}"
            for bad in batch.bad[: SHOWN_BAD_ROWS - len(self.shown)]
        ]
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
        rest = f"; and {self.bad - SHOWN_BAD_ROWS:,} more" if self.bad > SHOWN_BAD_ROWS else ""
        rows = "row" if self.bad == 1 else "rows"
        return f"{self.bad:,} {rows} could not be used: {'; '.join(self.shown)}{rest}."


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
                bad, file.bad = file.bad, []
                yield Batch(file.layout.kind, cleaned.rows, path.name, bad, file.layout.tells_outcomes)
            yield Batch(file.layout.kind, pa.table({}), path.name, file.bad, file.layout.tells_outcomes)
        except InvalidInput as error:
            raise ExtractError(f"Source {source.name!r}, {path.name}: {error}", permanent=True) from error


def usage_of(request: Request, found: Iterable[Batch], daily: DailyRows) -> Usage:
    """Cleaned rows of any origin as usage; each batch is added up before the next is read.

    Rows come in any order, so the wanted ones are kept, small, until all were seen.
    """
    held, kept, single = Held(), Kept(), []
    for batch in found:
        held.see(batch)
        if batch.rows.num_rows:
            kept.kind = batch.kind
            kept.tables.append(_wanted(batch, request))
            if batch.kind == "events" and request.dataset.single_requests:
                single.append(performance.events_of(_inside(batch, request)))
    hourly = _hand_over(request, kept, held, daily)
    timed = _timed(request, single, held) if single else None
    usage = _told(request, kept.kind, held, timed)
    listed = billing.files(daily.models, request.last_day)
    return replace(usage, hourly=hourly, files=performance.files(timed) | listed)


def _timed(request: Request, single: list[pa.Table], held: Held) -> performance.Performance:
    events = pa.concat_tables(single)
    events = events.filter(_passes(events, request.filters, held.names["key_id"]))
    return performance.from_events(events, performance.wanted_days(request), request.period.zone)


def _hand_over(request: Request, kept: Kept, held: Held, daily: DailyRows) -> pa.Table | None:
    """Hand over the kept days; the answer is their hours, where the files tell them."""
    zone, names, hours = request.period.zone, days.Names(**held.names), []

    def read_days(first: date, last: date) -> pa.Table:
        rows = pa.concat_tables(
            [table.filter(_of_days(table, kept.kind, (first, last), zone)) for table in kept.tables]
        )
        return rows.filter(_passes(rows, request.filters, held.names["key_id"])).unify_dictionaries()

    for rows in portions(request.first_day, request.last_day, read_days) if kept.tables else ():
        if kept.kind == "events":
            daily.add(days.place_days(rows, zone), names)
            hours.append(days.place_hours(rows, zone))
        else:
            daily.add(days.aggregate(rows, KEYS["daily"]), names)
    return days.joined_hours(hours) if kept.kind == "events" else None


def _told(request: Request, kind: Kind, held: Held, single: performance.Performance | None) -> Usage:
    """All that a reader must be told of the rows."""
    zone = request.period.zone if kind == "events" else "UTC"
    unavailable = {"rows": held.bad_rows()} if held.bad else {}
    unavailable |= {} if held.tells_outcomes else {"success_rate": NO_OUTCOMES}
    if kind == "events":
        seen = {days.wall(quarter, zone).date() for quarter in held.quarters}
    else:
        seen = held.days
        unavailable["hourly"] = "The files hold one row a day, which tells no hours."
        unavailable |= performance.nothing("The files hold one row a day, which tells nothing of single requests.")
    unavailable |= single.unavailable if single else {}
    ends = {held.data_end.date(): held.data_end} if held.data_end else {}
    known = days.known_days(held.days, {}, ends)
    return Usage(
        hourly=None,
        coverage=days.judge(request.first_day, request.last_day, zone, known, seen),
        day_zone=zone,
        unavailable=unavailable,
        data_as_of=held.data_end,
        facts=performance.facts(single),
    )


def quarters(rows: pa.Table) -> Any:
    """The quarter of an hour, counted since 1970, of each `started_at`."""
    microseconds = pc.cast(rows["started_at"], pa.int64())
    return pc.cast(pc.floor(pc.divide(pc.cast(microseconds, pa.float64()), days.QUARTER_SECONDS * 1e6)), pa.int64())


def _inside(batch: Batch, request: Request) -> pa.Table:
    """Events of the days that single requests are wanted of, with their quarter of an hour."""
    rows = batch.rows.append_column("quarter", quarters(batch.rows))
    return rows.filter(_of_days(rows, "events", performance.wanted_days(request), request.period.zone))


def _wanted(batch: Batch, request: Request) -> pa.Table:
    """The rows of the wanted days, added up."""
    events = batch.kind == "events"
    schema = days.EVENT_ROWS if events else days.DAY_ROWS
    table = (_event_rows(batch.rows) if events else batch.rows).select(schema.names).cast(schema)
    inside = _of_days(table, batch.kind, (request.first_day, request.last_day), request.period.zone)
    return days.aggregate(table.filter(inside), KEYS[batch.kind])


def _of_days(rows: pa.Table, kind: Kind, wanted: tuple[date, date], zone: str) -> Any:
    """Which rows, events by their quarter of an hour in `zone`, are of these days."""
    if kind == "events":
        first, end = (int(moment.timestamp()) // days.QUARTER_SECONDS for moment in days.span(*wanted, zone))
        return pc.and_(pc.greater_equal(rows["quarter"], first), pc.less(rows["quarter"], end))
    bounds = [pa.scalar(day, pa.date32()) for day in wanted]
    return pc.and_(pc.greater_equal(rows["day"], bounds[0]), pc.less_equal(rows["day"], bounds[1]))


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
