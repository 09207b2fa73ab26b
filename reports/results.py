"""What a notebook leaves behind for the renderer, Excel and later runs: `results.jsonl` in the run's folder.

`reports.kit` appends one record a call, the runner reads them all. A record names its files relative to that folder.
A notebook that uses no kit leaves no file, and `read_results` answers with empty Results.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

RESULTS_FILE = "results.jsonl"
CONTEXT_FILE = "context.json"  # what the runner tells the kernel; see Context
RUN_DIR_VARIABLE = "GAZETTE_RUN_DIR"  # set in a kernel that executes a run; absent in JupyterLab


@dataclass(frozen=True)
class Column:
    """One column of a table: its label, its unit and whether it adds up to a total."""

    name: str
    label: str
    # "", "count", "tokens", "usd", "usd_per_million", "percent", "ms", "date", or "number", which adds up to nothing
    unit: str = ""  # decides number formats


@dataclass(frozen=True)
class Metric:
    """A named figure. `value` None means not available, and `note` says why."""

    name: str
    label: str
    value: float | int | None
    previous: float | int | None = None  # None: no comparison
    unit: str = "count"
    note: str = ""


@dataclass(frozen=True)
class Table:
    name: str  # unique in the report; the Excel sheet is named after `title`
    title: str
    file: str  # Parquet
    columns: tuple[Column, ...]
    caption: str = ""
    role: str = "table"  # "figures": the numbers behind a chart; "changes": against the last report


@dataclass(frozen=True)
class Chart:
    name: str
    title: str
    alt: str
    in_mail: bool = False  # the chart a mail shows


@dataclass(frozen=True)
class Header:
    title: str
    lines: tuple[str, ...]  # period, comparison, filters, zone, source, data as of: plain sentences
    warnings: tuple[str, ...] = ()  # coverage


@dataclass(frozen=True)
class Changes:
    """What differs from the last delivered run of the same report. `compared` False: there was none."""

    compared: bool
    metrics: int = 0  # figures with another value
    new_rows: int = 0
    gone_rows: int = 0
    changed_rows: int = 0

    @property
    def anything(self) -> bool:
        return bool(self.metrics or self.new_rows or self.gone_rows or self.changed_rows)


@dataclass(frozen=True)
class Results:
    header: Header | None = None
    metrics: tuple[Metric, ...] = ()
    highlights: tuple[str, ...] = ()  # plain text, one sentence each
    tables: tuple[Table, ...] = ()
    charts: tuple[Chart, ...] = ()
    definitions: tuple[tuple[str, str], ...] = ()  # term, meaning
    changes: Changes | None = None  # None: the notebook did not ask

    def metric_values(self) -> dict[str, float | int | None]:
        return {metric.name: metric.value for metric in self.metrics}


@dataclass(frozen=True)
class Context:
    """What the runner tells the kernel about its run: days as ISO text, dataset name -> snapshot folder."""

    report: str
    template: str
    period: Mapping[str, str]  # start, end, zone
    comparison: Mapping[str, str] | None
    filters: Mapping[str, list[str]] = field(default_factory=dict)
    datasets: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    due_at: str = ""
    run_id: str = ""
    template_digest: str = ""
    currency: str = "USD"
    # The last delivered run of the same report and parameters: run_id, due_at, period, file (a bundle in the folder).
    previous_run: Mapping[str, Any] | None = None

    def write(self, run_dir: Path) -> None:
        (run_dir / CONTEXT_FILE).write_text(json.dumps(asdict(self), ensure_ascii=False), encoding="utf-8")

    @classmethod
    def read(cls, run_dir: Path) -> Context:
        return cls(**json.loads((run_dir / CONTEXT_FILE).read_text(encoding="utf-8")))


def append(run_dir: Path, kind: str, record: Mapping[str, Any]) -> None:
    """Add one record of `kind` (metric, table, chart, highlight, header, definition, changes)."""
    line = json.dumps({"kind": kind, **record}, ensure_ascii=False, allow_nan=False)
    with (run_dir / RESULTS_FILE).open("a", encoding="utf-8") as file:
        file.write(line + "\n")


def read_results(run_dir: Path) -> Results:
    """All records of a run's folder in the order they were made; the last header and the last changes win."""
    path = run_dir / RESULTS_FILE
    if not path.exists():
        return Results()
    records: dict[str, list[dict[str, Any]]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        records.setdefault(record.pop("kind"), []).append(record)
    headers, changes = records.get("header", []), records.get("changes", [])
    return Results(
        header=_header(headers[-1]) if headers else None,
        metrics=tuple(Metric(**record) for record in records.get("metric", [])),
        highlights=tuple(record["text"] for record in records.get("highlight", [])),
        tables=tuple(_table(record) for record in records.get("table", [])),
        charts=tuple(Chart(**record) for record in records.get("chart", [])),
        definitions=tuple((record["term"], record["meaning"]) for record in records.get("definition", [])),
        changes=Changes(**changes[-1]) if changes else None,
    )


def _header(record: dict[str, Any]) -> Header:
    return Header(record["title"], tuple(record["lines"]), tuple(record["warnings"]))


def _table(record: dict[str, Any]) -> Table:
    columns = tuple(Column(**column) for column in record.pop("columns"))
    return Table(columns=columns, **record)
