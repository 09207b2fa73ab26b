"""CSV and Parquet files as batches of rows with our fields, read in a stream.

Rows are numbered from 1 without the header, whatever is left out before them. A file that cannot be read as a whole
is refused; a row that cannot is counted and named.
"""

from __future__ import annotations

import csv
import gzip
import zlib
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from reports.errors import InvalidInput
from reports.model import JsonDict
from reports.sources.columns import BadRow, Cleaned, Layout, clean, find_layout

BLOCK_BYTES = 8 << 20  # of CSV text held at once
ROWS_A_BATCH = 65_536
ENDINGS = (".csv", ".csv.gz", ".parquet")


@dataclass
class RowFile:
    """One file, its layout, and what is known of it after its batches were read."""

    path: Path
    layout: Layout
    read: int = 0
    uncounted: int = 0  # rows whose tokens nobody counted
    bad: list[BadRow] = field(default_factory=list)
    _skipped: list[int] = field(default_factory=list)  # row numbers that were no rows at all, ascending

    def batches(self) -> Iterator[tuple[pa.Table, Cleaned]]:
        """The rows as they stand in the file, and the good ones of them with our fields."""
        seen = 0
        for raw in _raw_batches(self.path, self._refuse):
            cleaned = clean(raw, self.layout)
            self.bad += [replace(bad, row=self._row(seen + bad.row)) for bad in cleaned.bad]
            seen += raw.num_rows
            self.uncounted += cleaned.uncounted
            self.read = seen + len(self._skipped)
            yield raw, cleaned
        self.read = seen + len(self._skipped)

    def notes(self) -> tuple[str, ...]:
        """What a reader should know of the figures, once the batches were read."""
        notes = list(self.layout.notes)
        if self.uncounted:
            notes.append(f"{self.uncounted:,} rows name no tokens; their requests count with 0 tokens.")
        if not self.layout.tells_outcomes:
            notes.append(
                "No column tells which requests failed, so reports give no success rate; see --map status=COLUMN."
            )
        return tuple(notes)

    def _refuse(self, row: Any) -> str:
        number = (row.number - 1) if row.number else self.read + 1  # without the header
        self._skipped.append(number)
        reason = f"the row has {row.actual_columns} values for {row.expected_columns} columns"
        self.bad.append(BadRow(number, "", reason, row.text))
        return "skip"

    def _row(self, index: int) -> int:
        """The number in the file of the row at `index` (from 0) among those that could be split into columns."""
        number = index + 1
        while True:
            shifted = index + 1 + bisect_right(self._skipped, number)
            if shifted == number:
                return number
            number = shifted


def open_rows(path: Path, mapping: Mapping[str, str], options: JsonDict) -> RowFile:
    """A file with the layout that its header tells. Raises InvalidInput for what is no such file."""
    return RowFile(path, find_layout(column_names(path), mapping, options))


def column_names(path: Path) -> list[str]:
    with _readable(path):
        if path.name.endswith(".parquet"):
            return list(pq.read_schema(path).names)
        return next(csv.reader([_header(path)], delimiter=_delimiter(path)), [])


def _header(path: Path) -> str:
    with path.open("rb") as file:
        head = gzip.GzipFile(fileobj=file).readline() if path.name.endswith(".gz") else file.readline()
    return head.decode("utf-8-sig")


def _delimiter(path: Path) -> str:
    header = _header(path)
    return max(",;\t", key=header.count)


class _readable:
    """What Arrow and the file system say about a broken file, as InvalidInput."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, UnicodeDecodeError):
            raise InvalidInput("file", f"{self._path.name} is not UTF-8 text; save it as CSV in UTF-8") from error
        if isinstance(error, pa.ArrowInvalid) and "invalid UTF8" in str(error):
            raise InvalidInput("file", f"{self._path.name} is not UTF-8 text; save it as CSV in UTF-8") from error
        if isinstance(error, (OSError, EOFError, zlib.error, csv.Error, pa.ArrowException)):
            raise InvalidInput("file", f"{self._path.name} cannot be read: {error}") from error


def _raw_batches(path: Path, refuse: Any) -> Iterator[pa.Table]:
    with _readable(path):
        if path.name.endswith(".parquet"):
            for batch in pq.ParquetFile(path).iter_batches(ROWS_A_BATCH):
                yield pa.Table.from_batches([batch])
            return
        if len(_header(path).strip()) == 0:
            return
        names = column_names(path)
        reader = pa_csv.open_csv(
            pa.input_stream(path, compression="gzip" if path.name.endswith(".gz") else None),
            read_options=pa_csv.ReadOptions(use_threads=False, block_size=BLOCK_BYTES),
            parse_options=pa_csv.ParseOptions(
                delimiter=_delimiter(path), newlines_in_values=True, invalid_row_handler=refuse
            ),
            convert_options=pa_csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()), null_values=[""]),
        )
        for batch in reader:
            yield pa.Table.from_batches([batch])
