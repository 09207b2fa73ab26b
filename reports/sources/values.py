"""What the sources part hands around: a Source, what is wanted of it, a Snapshot of it, a report on what it holds.

Frozen values only; nothing here opens a file or a database.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from reports.errors import InvalidInput
from reports.model import Filters, JsonDict, Period
from reports.settings import expand_variables

if TYPE_CHECKING:
    from reports.templates import Dataset

SourceKind = Literal["embedded", "litellm", "files", "sql"]
SOURCE_KINDS: tuple[str, ...] = get_args(SourceKind)


@dataclass(frozen=True)
class Source:
    """Where usage comes from, under a name.

    `url`: a database URL (litellm, sql), a file or folder (files), empty (embedded). It may hold
    `${GAZETTE_SOURCE_...}`, so that a password stays out of the database. `options` by kind: `map`
    (ours -> theirs), `sql` (a query that gives usage rows), `synthetic`, `empty_days` ("zero" or "missing").
    """

    name: str
    kind: SourceKind
    url: str = ""
    options: JsonDict = field(default_factory=dict)
    label: str = ""

    def __post_init__(self) -> None:
        if self.kind not in SOURCE_KINDS:
            raise InvalidInput("kind", f"must be one of {', '.join(SOURCE_KINDS)}, not {self.kind!r}")

    @property
    def shown(self) -> str:
        return self.label or self.name

    @property
    def synthetic(self) -> bool:
        return bool(self.options.get("synthetic"))

    def location(self) -> str:
        """The URL with its variables filled in; never store or show the answer."""
        return expand_variables(self.url)


@dataclass(frozen=True)
class Request:
    """What one extraction wants."""

    source: Source
    dataset: Dataset
    period: Period
    comparison: Period | None
    filters: Filters
    store_url: str
    at: datetime  # aware; decides which days cannot be over yet

    @property
    def first_day(self) -> date:
        """The first day wanted: of the comparison, less the history that the dataset asks for."""
        compared = self.comparison or self.period
        return min(compared.start, self.period.start) - timedelta(days=self.dataset.history_days)

    @property
    def last_day(self) -> date:
        return self.period.end


@dataclass(frozen=True)
class Snapshot:
    """The data of one run as read-only files: daily.parquet, hourly.parquet, data.parquet, meta.json.

    `sha256` covers every data file and every fact of meta.json except the moment of extraction.
    """

    path: Path
    sha256: str
    rows: int
    meta: Mapping[str, Any]

    def file(self, name: str) -> Path | None:
        """The path of one data file, or None where the source could not give it."""
        return self.path / name if name in self.meta["files"] else None


@dataclass(frozen=True)
class SourceReport:
    """What a source holds, for `gazette source check`. `missing` maps a table to the columns it lacks."""

    kind: str
    tables: tuple[str, ...]
    missing: Mapping[str, tuple[str, ...]]
    first_day: date | None
    last_day: date | None
    rows: int
    notes: tuple[str, ...] = ()
