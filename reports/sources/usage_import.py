"""Usage from a CSV or Parquet file into Gazette's own tables, so that reports need the file no more.

The same file imported twice adds nothing: events go by their request id or, without one, by their content. Rows that
cannot be used are counted, named and kept in a side file. A source holds events or daily rows, never both, and rows
that tell which requests failed or rows that do not.
"""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa
from sqlalchemy.engine import make_url

from reports.errors import InvalidInput
from reports.model import JsonDict
from reports.sources import bulk, days, embedded
from reports.sources.columns import BadRow, Cleaned, Layout
from reports.sources.rowfiles import RowFile, open_rows
from reports.sources.snapshot import NAMES
from reports.store import usage_tables as tables
from reports.store.engine import Database

Progress = Callable[[int], None]  # how many rows were read so far
REJECTED_DIR = "rejected"
LONGEST_NAME = 200  # characters of the file's name in that of its side file
SHOWN = 5  # rejected rows that are named at once
NAME_TABLES = {
    "user_id": (tables.users, "name"),
    "key_id": (tables.keys, "alias"),
    "team_id": (tables.teams, "name"),
}


@dataclass(frozen=True)
class ImportReport:
    """What became of a file. added + updated + rejected = read, but for daily rows of one key, which are added up."""

    read: int
    added: int
    updated: int
    rejected: int
    first_day: date | None  # UTC
    last_day: date | None
    rejected_file: Path | None = None
    first_rejected: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def import_usage(
    store_url: str,
    path: Path,
    source: str,
    mapping: Mapping[str, str],
    options: JsonDict,
    progress: Progress | None = None,
) -> ImportReport:
    """Import one file. `mapping`: our field -> its column, or a constant in quotes; `options`: `zone` of moments
    that name none, `day_zero` of servegen files, `data_dir` where the side file of rejected rows goes.

    Raises InvalidInput naming a field without a column, or a source whose rows are of another kind or tell, other than
    the file's, which requests failed.
    """
    if not path.is_file():
        raise InvalidInput("file", f"{path} is no file; check the path")
    if not source:
        raise InvalidInput("source", "must not be empty; name the source with --source NAME")
    file = open_rows(path, mapping, options)
    database = Database(store_url)
    try:
        _check_same(database, source, file.layout)
        with SideFile(path, _data_dir(store_url, options)) as rejected:
            writing = _Writing(database, source, file, rejected, progress or (lambda read: None))
            writing.all()
    finally:
        database.close()
    return _report(file, writing)


def _check_same(database: Database, source: str, layout: Layout) -> None:
    """A source's rows are of one kind, and either all or none tell which requests failed."""
    mine, other = tables.usage_events, tables.daily_usage
    held, comes = "daily rows", "events"
    if layout.kind == "daily":
        mine, other, held, comes = other, mine, comes, held
    with database.reading() as connection:
        if embedded.holds(connection, other, source):
            why = f"{source!r} holds {held} and the file holds {comes}; a report would count requests twice"
        elif embedded.tells_outcomes(connection, mine, source) is (not layout.tells_outcomes):
            which = "the file" if layout.tells_outcomes else f"{source!r}"
            why = f"only {which} tells which requests failed; a report could not give a rate of success for both"
        else:
            return
    raise InvalidInput("source", f"{why}. Import it under another name with --source NAME.")


@dataclass
class _Writing:
    """One import on its way."""

    database: Database
    source: str
    file: RowFile
    rejected: SideFile
    progress: Progress
    added: int = 0
    written: bool = False
    good: int = 0
    ends: dict[date, datetime] = field(default_factory=dict)  # UTC day -> its last moment
    names: dict[str, dict[str, str]] = field(default_factory=lambda: {id: {} for id in NAMES})

    def all(self) -> None:
        """The whole file, as far as it can be read. Raises InvalidInput, which says how far that was."""
        try:
            self.events() if self.file.layout.kind == "events" else self.daily()
        except InvalidInput as error:
            if self.written:
                self.names_and_coverage()
                told = f"{error.message}. What stands before is imported; import the whole file again once it is mended"
                raise InvalidInput(error.field, told) from error
            raise
        self.names_and_coverage()

    def events(self) -> None:
        ids = _RequestIds()
        for raw, cleaned in self._batches():
            rows = cleaned.rows
            given = rows["request_id"]
            if pc.any(pc.equal(given, "")).as_py():
                made = pa.array(ids.of(raw, cleaned.positions), pa.string())
                rows = _with(rows, "request_id", pc.if_else(pc.equal(given, ""), made, given))
            for chunk in bulk.chunks(_last_of_each(self._sourced(rows))):
                self._write(tables.usage_events, _with_status(chunk, told=self.file.layout.tells_outcomes))
            self._note(rows, pc.cast(rows["started_at"], pa.date32()), rows["started_at"])

    def daily(self) -> None:
        kept = []
        for _, cleaned in self._batches():
            rows = cleaned.rows
            kept.append(days.aggregate(rows.select(days.DAY_ROWS.names).cast(days.DAY_ROWS), embedded.DAY_KEYS))
            self._note(rows, rows["day"], None)
        if not kept:
            return
        total = days.aggregate(pa.concat_tables(kept).unify_dictionaries(), embedded.DAY_KEYS)
        for chunk in bulk.chunks(self._sourced(total)):
            self._write(tables.daily_usage, chunk)

    def names_and_coverage(self) -> None:
        """Write what ids are called, and the days that the file is about."""
        last = max(self.ends, default=None)
        complete = {
            day: day != last or end + days.REACH >= days.instant_of(day + timedelta(days=1), "UTC")
            for day, end in self.ends.items()
        }
        with self.database.writing() as connection:
            for id, (table, column) in NAME_TABLES.items():
                called = self.names[id]
                rows = pa.table({id: list(called), column: list(called.values())}, _text_schema(id, column))
                bulk.upsert(connection, table, self._sourced(rows))
            days_of = tables.coverage.c
            known = sa.select(days_of.day, days_of.complete).where(days_of.source == self.source)
            listed = {row[0]: row[1] for row in connection.execute(known)}
            now = {day: whole or listed.get(day, False) for day, whole in complete.items()}
            rows = pa.table(
                {"day": pa.array(list(now), pa.date32()), "complete": pa.array(list(now.values()), pa.bool_())}
            )
            bulk.upsert(connection, tables.coverage, self._sourced(rows))

    def _batches(self) -> Iterator[tuple[pa.Table, Cleaned]]:
        for raw, cleaned in self.file.batches():
            self.rejected.keep(self.file.bad)
            self.file.bad.clear()
            yield raw, cleaned
        self.rejected.keep(self.file.bad)

    def _sourced(self, rows: pa.Table) -> pa.Table:
        return rows.append_column("source", pa.repeat(self.source, rows.num_rows))

    def _write(self, table: sa.Table, rows: pa.Table) -> None:
        with self.database.writing() as connection:
            self.added += bulk.upsert(connection, table, rows)
        self.written = True
        self.progress(self.file.read)

    def _note(self, rows: pa.Table, day: Any, moments: Any) -> None:
        """Remember days and names of the rows."""
        self.good += rows.num_rows
        for id, name in NAMES.items():
            pairs = rows.select([id, name]).group_by([id, name]).aggregate([]).to_pylist()
            self.names[id] |= {pair[id]: pair[name] for pair in pairs if pair[id] and pair[name]}
        if moments is None:
            for value in pc.unique(day).to_pylist():
                self.ends[value] = days.instant_of(value + timedelta(days=1), "UTC")
            return
        ends = pa.table({"day": day, "at": moments}).group_by("day").aggregate([("at", "max")])
        for row in ends.to_pylist():
            end = row["at_max"].replace(tzinfo=UTC)
            self.ends[row["day"]] = max(end, self.ends.get(row["day"], end))


class _RequestIds:
    """Ids for events that bring none: the row's content, and its number among rows of the same content.

    So a file imported twice, and a file that has grown since, add only what is new.
    """

    def __init__(self) -> None:
        self._seen: dict[bytes, int] = {}

    def of(self, raw: pa.Table, positions: Any) -> list[str]:
        rows = raw.take(pa.array(positions))
        texts = [pc.fill_null(_as_text(column), "\0") for column in rows.columns]
        contents = pc.binary_join_element_wise(*texts, "\x1f").to_pylist()
        return [self._id(content) for content in contents]

    def _id(self, content: str) -> str:
        digest = hashlib.blake2b(content.encode(), digest_size=16).digest()
        number = self._seen.get(digest, 0) + 1
        self._seen[digest] = number
        return digest.hex() if number == 1 else f"{digest.hex()}-{number}"


def _as_text(column: Any) -> Any:
    try:
        return pc.cast(column, pa.string())
    except pa.ArrowException:  # lists, structures, and bytes that are no text
        return pa.array([None if value is None else json.dumps(value, default=str) for value in column.to_pylist()])


def _last_of_each(rows: pa.Table) -> pa.Table:
    """One row an id: of rows with the same request id the last one counts, as if imported one after the other."""
    positions = pa.array(range(rows.num_rows), pa.int64())
    last = pa.table({"id": rows["request_id"], "at": positions}).group_by("id").aggregate([("at", "max")])
    return rows if last.num_rows == rows.num_rows else rows.take(pa.array(sorted(last["at_max"].to_pylist())))


def _with(rows: pa.Table, name: str, values: Any) -> pa.Table:
    return rows.set_column(rows.schema.get_field_index(name), name, values)


def _with_status(rows: pa.Table, *, told: bool) -> pa.Table:
    failed = pc.and_(pc.greater(rows["requests"], 0), pc.equal(rows["failures"], rows["requests"]))
    return _with(rows, "status", pc.if_else(failed, "failure", "success" if told else ""))


def _text_schema(*names: str) -> pa.Schema:
    return pa.schema([(name, pa.string()) for name in names])


def _data_dir(store_url: str, options: JsonDict) -> Path:
    """Where the side file goes: as told, else beside the SQLite file."""
    if options.get("data_dir"):
        return Path(str(options["data_dir"]))
    url = make_url(store_url)
    return Path(str(url.database)).parent if url.get_backend_name() == "sqlite" else Path()


def _report(file: RowFile, writing: _Writing) -> ImportReport:
    rejected = writing.rejected
    return ImportReport(
        read=file.read,
        added=writing.added,
        updated=max(writing.good - writing.added, 0),
        rejected=rejected.count,
        first_day=min(writing.ends, default=None),
        last_day=max(writing.ends, default=None),
        rejected_file=rejected.path if rejected.count else None,
        first_rejected=tuple(rejected.first),
        notes=file.notes(),
    )


class SideFile:
    """Rejected rows as they come, one line each: number, column, reason, the row itself. Made with the first one."""

    def __init__(self, rejecting: Path, data_dir: Path) -> None:
        self.count = 0
        self.first: list[str] = []
        self._rejecting = rejecting
        self._folder = data_dir / REJECTED_DIR
        self._file: IO[str] | None = None

    @cached_property
    def path(self) -> Path:
        """The same for the same content."""
        with self._rejecting.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()[:8]
        return self._folder / f"{self._rejecting.name[:LONGEST_NAME]}-{digest}.csv"

    def keep(self, bad: Sequence[BadRow]) -> None:
        if not bad:
            return
        if self._file is None:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._file = self.path.open("w", newline="", encoding="utf-8")
            csv.writer(self._file).writerow(["row", "column", "reason", "text"])
        ordered = sorted(bad, key=lambda row: row.row)
        csv.writer(self._file).writerows([row.row, row.column, row.reason, row.text] for row in ordered)
        self.count += len(bad)
        shown = [f"row {row.row}, {row.column or 'columns'}: {row.reason}" for row in ordered]
        self.first += shown[: SHOWN - len(self.first)]

    def __enter__(self) -> SideFile:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()
