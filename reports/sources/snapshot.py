"""The snapshot format: usage as daily and hourly Parquet, query results as data.parquet, all with meta.json.

Files are deterministic: equal rows give equal bytes, whenever and in whatever order they were read. A folder
appears under its name only when it is complete; nothing here reads a source.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

import pyarrow as pa
import pyarrow.parquet as pq

from reports.errors import ExtractError
from reports.model import JsonDict
from reports.sources.values import Request, Snapshot

STAMP = "%Y%m%dT%H%M%S"  # UTC, in the names of kept snapshots
META_FILE = "meta.json"
DAILY_FILE = "daily.parquet"
HOURLY_FILE = "hourly.parquet"
DATA_FILE = "data.parquet"
ROW_GROUP_ROWS = 131_072  # bounds what a reader must hold at once

DIMENSIONS = ("user_id", "key_id", "team_id", "model", "model_group", "provider", "endpoint")
NAMES = {"user_id": "user_name", "key_id": "key_alias", "team_id": "team_name"}
COUNTS = (
    "requests",
    "successes",
    "failures",
    "prompt_tokens",
    "completion_tokens",
    "cache_read_tokens",
    "cache_creation_tokens",
)
LABELS = (
    "user_id",
    "user_name",
    "key_id",
    "key_alias",
    "team_id",
    "team_name",
    "model",
    "model_group",
    "provider",
    "endpoint",
)
DAILY_SCHEMA = pa.schema(
    [("day", pa.date32())]
    + [(name, pa.string()) for name in LABELS]
    + [(name, pa.int64()) for name in COUNTS]
    + [("spend_usd", pa.float64()), ("duration_sum_ms", pa.float64()), ("timed_requests", pa.int64())]
    + [("list_price_usd", pa.float64())]
)
# The same days as the daily rows, in the wall time of the period's zone; an hour repeated in autumn holds both.
HOURLY_SCHEMA = pa.schema(
    [("hour", pa.timestamp("ms")), ("model", pa.string())]
    + [(name, pa.int64()) for name in ("requests", "failures", "prompt_tokens", "completion_tokens")]
    + [("spend_usd", pa.float64())]
)


@dataclass(frozen=True)
class Coverage:
    """Which of the wanted days the source knows about; days as of the daily rows."""

    missing_days: tuple[date, ...] = ()
    incomplete_days: tuple[date, ...] = ()
    first_day: date | None = None  # of all the source holds
    last_day: date | None = None

    def to_json(self) -> JsonDict:
        return {
            "missing_days": [day.isoformat() for day in self.missing_days],
            "incomplete_days": [day.isoformat() for day in self.incomplete_days],
            "first_day": self.first_day.isoformat() if self.first_day else None,
            "last_day": self.last_day.isoformat() if self.last_day else None,
        }


@dataclass(frozen=True)
class Usage:
    """What an adapter read beside the daily rows, and all that a reader must be told about both."""

    hourly: pa.Table | None
    coverage: Coverage
    day_zone: str
    unavailable: Mapping[str, str] = field(default_factory=dict)  # what is not there -> why
    data_as_of: datetime | None = None
    files: Mapping[str, pa.Table] = field(default_factory=dict)  # more of the snapshot, by file name
    facts: JsonDict = field(default_factory=dict)  # what a reader of those files must be told


def write_usage(request: Request, usage: Usage, rows: int, folder: Path) -> None:
    """Complete a usage snapshot in `folder`, which holds its `rows` daily rows already."""
    if usage.hourly is not None:
        write_parquet(usage.hourly, HOURLY_SCHEMA, folder / HOURLY_FILE)
    for name, table in usage.files.items():
        write_parquet(table, table.schema, folder / name)
    facts = {
        **usage.facts,
        "zone": request.period.zone,
        "day_zone": usage.day_zone,
        "coverage": usage.coverage.to_json(),
        "unavailable": dict(usage.unavailable),
        "data_as_of": usage.data_as_of.isoformat() if usage.data_as_of else None,
    }
    write_meta(request, folder, facts, rows)


class RowGroups:
    """A Parquet file on its way, in the order and types of its schema; at most one group of its rows is held.

    Groups are filled to the brim however the rows arrive, so that equal rows give equal bytes.
    """

    def __init__(self, writer: pq.ParquetWriter) -> None:
        self._writer = writer
        self._waiting: list[pa.Table] = []
        self.rows = 0

    def add(self, table: pa.Table) -> None:
        start = 0
        while start < table.num_rows:
            room = ROW_GROUP_ROWS - self.rows % ROW_GROUP_ROWS
            part = table.slice(start, room).select(self._writer.schema.names).cast(self._writer.schema)
            self._waiting.append(part)
            self.rows += part.num_rows
            start += part.num_rows
            if self.rows % ROW_GROUP_ROWS == 0:
                self.flush()

    def flush(self) -> None:
        if self._waiting:
            group = pa.concat_tables(self._waiting).combine_chunks()
            self._waiting.clear()
            self._writer.write_table(group, row_group_size=ROW_GROUP_ROWS)


@contextmanager
def row_groups(path: Path, schema: pa.Schema) -> Iterator[RowGroups]:
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        file = RowGroups(writer)
        yield file
        file.flush()


def write_parquet(table: pa.Table, schema: pa.Schema, path: Path) -> None:
    """Write `table` in the order and types of `schema`, a group at a time, so that texts are never all unfolded."""
    with row_groups(path, schema) as file:
        file.add(table)


def write_meta(request: Request, folder: Path, facts: JsonDict, rows: int) -> None:
    source = request.source
    meta = {
        "source": source.name,
        "kind": source.kind,
        "label": source.shown,
        "synthetic": source.synthetic,
        "extracted_at": request.at.astimezone(UTC).isoformat(),
        "zone": request.period.zone,
        "filters": request.filters.to_json(),
        "period": request.period.to_json(),
        "comparison": request.comparison.to_json() if request.comparison else None,
        "history_days": request.dataset.history_days,
        "rows": rows,
        "files": {path.name: _sha256(path) for path in sorted(folder.glob("*.parquet"))},
        **facts,
    }
    (folder / META_FILE).write_text(json.dumps(meta, ensure_ascii=False, indent=1), encoding="utf-8")


def read_snapshot(folder: Path) -> Snapshot:
    """The snapshot in a complete folder. Raises ExtractError where a file is missing or altered."""
    try:
        meta = json.loads((folder / META_FILE).read_text(encoding="utf-8"))
        altered = [name for name, digest in meta["files"].items() if _sha256(folder / name) != digest]
    except OSError as error:
        raise ExtractError(f"The snapshot {folder.name} is not complete: {error}. Run the report again.") from error
    if altered:
        raise ExtractError(f"The snapshot {folder.name} was altered: {', '.join(altered)}. Run the report again.")
    return Snapshot(folder, _digest(meta), meta["rows"], meta)


@contextmanager
def complete_folder(target: Path) -> Iterator[Path]:
    """A new folder that takes the name `target` only if the block ends well; a crash leaves no half snapshot."""
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}.part")
    partial.mkdir()
    try:
        yield partial
        partial.rename(target)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


def _digest(meta: Mapping[str, Any]) -> str:
    facts = {name: value for name, value in meta.items() if name != "extracted_at"}
    return hashlib.sha256(json.dumps(facts, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class SnapshotCache:
    """Snapshots shared by runs that want the same data at about the same time.

    Callers in one process that ask for the same wait for one extraction; callers in several processes may extract
    twice, and never see a half folder.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._locks: WeakValueDictionary[str, threading.Lock] = WeakValueDictionary()  # of what is being asked for
        self._guard = threading.Lock()

    def get(self, request: Request, extract: Callable[[Request, Path], Snapshot], max_age: timedelta) -> Snapshot:
        """A snapshot for `request` extracted within `max_age` of `request.at`: a kept one, or a new one."""
        key = request_key(request)
        with self._lock(key):
            kept = self._newest(key, request.at, max_age)
            if kept is not None:
                return kept
            stamp = request.at.astimezone(UTC).strftime(STAMP)
            return extract(request, self._folder / key / f"{stamp}-{uuid.uuid4().hex[:8]}")

    def prune(self, older_than: datetime) -> int:
        """Remove snapshots extracted before `older_than` (aware) and what a crash left; returns how many."""
        removed = 0
        for folder in list(self._folder.glob("*/*")):  # pathlib's * finds .part folders too
            if _changed_before(folder, older_than):
                shutil.rmtree(folder, ignore_errors=True)
                removed += 1
        for folder in list(self._folder.glob("*")):
            if _changed_before(folder, older_than):
                with suppress(OSError):  # something is in it
                    folder.rmdir()
        return removed

    def _lock(self, key: str) -> threading.Lock:
        with self._guard:
            return self._locks.setdefault(key, threading.Lock())

    def _newest(self, key: str, at: datetime, max_age: timedelta) -> Snapshot | None:
        for folder in sorted((self._folder / key).glob("[0-9]*"), reverse=True):
            extracted_at = datetime.strptime(folder.name.split("-")[0], STAMP).replace(tzinfo=UTC)
            if abs(at - extracted_at) <= max_age:
                try:
                    return read_snapshot(folder)
                except ExtractError:  # altered or cut short on disk: made again, and pruned in its time
                    continue
        return None


def _changed_before(folder: Path, moment: datetime) -> bool:
    try:
        return folder.stat().st_mtime < moment.timestamp()
    except FileNotFoundError:  # another runner sweeps, too
        return False


def request_key(request: Request) -> str:
    """The same for requests that want the same data, whenever they are made."""
    wanted = {
        "source": asdict(request.source),
        "dataset": {
            "sql": request.dataset.sql,
            "history_days": request.dataset.history_days,
            "single_requests": request.dataset.single_requests,
        },
        "period": request.period.to_json(),
        "comparison": request.comparison.to_json() if request.comparison else None,
        "filters": request.filters.to_json(),
        "store": request.store_url if request.source.kind == "embedded" else "",
    }
    return hashlib.sha256(json.dumps(wanted, sort_keys=True, default=os.fspath).encode()).hexdigest()[:32]
