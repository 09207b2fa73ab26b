"""What a run's results keep for the next one: figures, tables, definitions and the template's digest, in one file.

A zip of `results.json` and a Parquet file for each table, cut after MAX_ROWS rows. It says nothing about when or for
which days it was made, so that equal results give equal bytes; nothing here compares.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reports.errors import ArchiveError
from reports.results import Changes, Column, Metric, Results, Table, read_results

if TYPE_CHECKING:
    import pandas as pd

BUNDLE_FILE = "results.zip"
FACTS_FILE = "results.json"
MAX_ROWS = 20_000  # of one table: 10,000 users fit, at about 50 bytes a row
EPOCH = (1980, 1, 1, 0, 0, 0)  # a zip's first moment: the same for every entry


@dataclass(frozen=True)
class Bundle:
    """Results that can be compared. `rows` is how many rows a table had; `read` gives the Parquet bytes of a file."""

    results: Results
    template_digest: str
    read: Callable[[str], bytes]
    rows: Mapping[str, int] = field(default_factory=dict)

    @property
    def metrics(self) -> dict[str, Metric]:
        return {metric.name: metric for metric in self.results.metrics}

    @property
    def tables(self) -> dict[str, Table]:
        """Tables by name; the figures behind charts and what was itself a comparison are none."""
        return {table.name: table for table in self.results.tables if table.role == "table"}

    def frame(self, name: str) -> pd.DataFrame:
        """At most the first MAX_ROWS rows of a table. Raises ArchiveError if its file cannot be read."""
        import pandas as pd  # noqa: PLC0415  a runner that compares nothing need not hold it

        try:
            frame: pd.DataFrame = pd.read_parquet(io.BytesIO(self.read(self.tables[name].file)))
        except (OSError, ValueError, KeyError) as error:
            raise ArchiveError(f"The table {name!r} cannot be read: {error}") from error
        return frame.head(MAX_ROWS)

    def is_cut(self, name: str) -> bool:
        return self.rows.get(name, 0) > MAX_ROWS


def of_run(run_dir: Path, template_digest: str, results: Results | None = None) -> Bundle:
    """What the run in `run_dir` has recorded so far."""
    import pyarrow as pa  # noqa: PLC0415  as pandas above
    import pyarrow.parquet as pq  # noqa: PLC0415

    results = read_results(run_dir) if results is None else results
    rows = {}
    readable = []
    for table in results.tables:
        path = run_dir / table.file
        if not path.resolve().is_relative_to(run_dir.resolve()):
            continue  # a kernel wrote this name; what is not the run's is nobody's table
        try:
            rows[table.name] = pq.read_metadata(path).num_rows
        except (OSError, pa.ArrowInvalid):
            continue  # a notebook's own odd record: its sheet fails where one is wanted
        readable.append(table)
    kept = Results(
        metrics=results.metrics,
        tables=tuple(readable),
        definitions=results.definitions,
        changes=results.changes,
    )
    return Bundle(kept, template_digest, lambda file: (run_dir / file).read_bytes(), rows)


def write(bundle: Bundle, path: Path) -> Path:
    """Write the bundle to `path`; equal bundles give equal files."""
    tables = list(bundle.tables.values())
    files = [f"tables/{number}.parquet" for number in range(1, len(tables) + 1)]
    facts = {
        "template_digest": bundle.template_digest,
        "metrics": [asdict(metric) for metric in bundle.results.metrics],
        "tables": [asdict(table) | {"file": file} for table, file in zip(tables, files, strict=True)],
        "rows": {table.name: bundle.rows[table.name] for table in tables},
        "definitions": bundle.results.definitions,
        "changes": None if bundle.results.changes is None else asdict(bundle.results.changes),
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo(FACTS_FILE, EPOCH), json.dumps(facts, ensure_ascii=False, allow_nan=False))
        for table, file in zip(tables, files, strict=True):
            archive.writestr(zipfile.ZipInfo(file, EPOCH), _first_rows(bundle.read(table.file)))
    return path


def read(path: Path) -> Bundle:
    """The bundle in a file written by `write`. Raises ArchiveError if it is none."""
    try:
        with zipfile.ZipFile(path) as archive:
            facts = json.loads(archive.read(FACTS_FILE))
        return Bundle(_results(facts), facts["template_digest"], _member_of(path), facts["rows"])
    except (OSError, zipfile.BadZipFile, ValueError, KeyError, TypeError) as error:
        raise ArchiveError(f"The results in {path.name} cannot be read: {error}") from error


def _member_of(path: Path) -> Callable[[str], bytes]:
    def read_member(name: str) -> bytes:
        with zipfile.ZipFile(path) as archive:
            return archive.read(name)

    return read_member


def _results(facts: Mapping[str, Any]) -> Results:
    return Results(
        metrics=tuple(Metric(**metric) for metric in facts["metrics"]),
        tables=tuple(_table(table) for table in facts["tables"]),
        definitions=tuple((term, meaning) for term, meaning in facts["definitions"]),
        changes=None if facts["changes"] is None else Changes(**facts["changes"]),
    )


def _table(facts: Mapping[str, Any]) -> Table:
    columns = tuple(Column(**column) for column in facts["columns"])
    return Table(**{**facts, "columns": columns})


def _first_rows(content: bytes) -> bytes:
    import pyarrow as pa  # noqa: PLC0415  as above
    import pyarrow.parquet as pq  # noqa: PLC0415

    table = pq.read_table(pa.BufferReader(content)).slice(0, MAX_ROWS)
    target = io.BytesIO()
    pq.write_table(table, target, compression="zstd")
    return target.getvalue()
