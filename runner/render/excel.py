"""The report as a workbook: a cover, key figures, a sheet for each named table and for each chart, the definitions.

Numbers are exact and dates are dates; sheets are streamed, so that a million cells cost time but no memory. A notebook
that names no table gets a sheet for each data frame it shows.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import lxml.html
from openpyxl import Workbook
from openpyxl.utils import get_column_letter

from reports.errors import RenderError
from reports.results import Column, Results, Table
from runner.render import excel_cover
from runner.render.excel_cells import Cells, clean_text, number_format, sheet_names
from runner.render.excel_cover import (
    CHARTS,
    DEFINITIONS,
    KEY_FIGURES,
    Entry,
    heads,
    write_cover,
    write_definitions,
    write_metrics,
)
from runner.render.excel_pictures import Picture, place_beside, write_pictures
from runner.render.excel_tables import add_table, table_names
from runner.render.frames import read_frame

MAX_ROWS = 1_048_575  # of a sheet, below its header
BATCH_ROWS = 10_000
SAMPLED_ROWS = 200  # looked at for a column's width
WIDTHS = (9, 60)  # narrowest and widest column, in characters

Row = Sequence[Any]
_IN_SHORT = re.compile(r"[.:](?: |$)")  # where a text alternative goes on with figures, which the sheet has itself


@dataclass(frozen=True)
class Source:
    """What a workbook is made from: the run's results, and its page for data frames without a name."""

    run_dir: Path
    results: Results
    page: str
    title: str
    currency: str = "USD"
    language: str = "en"
    pictures: tuple[Picture, ...] = ()


@dataclass(frozen=True)
class Part:
    """A sheet to be: what it holds, how many rows (None: it is no table), how it is written for a table's name."""

    title: str
    about: str
    count: int | None
    write: Callable[[Any, str], None]


@dataclass(frozen=True)
class Sheet:
    """A table as the report has it."""

    title: str
    about: str
    columns: tuple[Column, ...]
    count: int
    rows: Callable[[], Iterator[Row]]
    pictures: tuple[Picture, ...] = ()  # drawn from this table


def write_workbook(path: Path, source: Source) -> list[str]:
    """Write the workbook and answer with its sheets' names, in order. Raises RenderError."""
    parts = [*_around_before(source), *_sheets(source), *_around_after(source)]
    cover, *names = sheet_names([excel_cover.COVER, *(part.title for part in parts)])
    tables = table_names(names)
    workbook = Workbook(write_only=True)
    _describe(workbook, source)
    entries = [Entry(name, part.count, part.about or part.title) for name, part in zip(names, parts, strict=True)]
    write_cover(_prepared(workbook, cover), source.title, source.results, entries)
    for name, table, part in zip(names, tables, parts, strict=True):
        part.write(_prepared(workbook, name), table)
    workbook.save(path)
    return [cover, *names]


def _describe(workbook: Workbook, source: Source) -> None:
    header = source.results.header
    properties = workbook.properties
    properties.title = clean_text(source.title)
    properties.creator = "Gazette"
    properties.language = source.language
    properties.subject = clean_text(header.lines[0]) if header and header.lines else None


def _prepared(workbook: Workbook, name: str) -> Any:
    """A new sheet that prints on landscape pages, with its name above and the page's number below."""
    sheet = workbook.create_sheet(name)
    sheet.page_setup.orientation, sheet.page_setup.fitToHeight = "landscape", 0
    sheet.sheet_properties.pageSetUpPr.fitToPage = True
    sheet.oddHeader.left.text = "&A"
    sheet.oddFooter.right.text = "Page &P of &N"
    return sheet


def _around_before(source: Source) -> Iterator[Part]:
    metrics = source.results.metrics
    if metrics:
        about = "Every named figure of the report against the period before"
        yield Part(
            KEY_FIGURES, about, len(metrics), lambda sheet, table: write_metrics(sheet, metrics, source.currency, table)
        )


def _around_after(source: Source) -> Iterator[Part]:
    shown, definitions = {table.name for table in source.results.tables}, source.results.definitions
    pictures = [picture for picture in source.pictures if picture.table not in shown]
    if pictures:
        yield Part(
            CHARTS,
            "Charts and pictures, with what they show in words",
            None,
            lambda sheet, _: write_pictures(sheet, pictures),
        )
    if definitions:
        about = "Where the data is from and what the terms mean"
        yield Part(
            DEFINITIONS, about, len(definitions), lambda sheet, table: write_definitions(sheet, definitions, table)
        )


def _sheets(source: Source) -> Iterator[Part]:
    named = sorted(source.results.tables, key=lambda table: table.role == "figures")  # stable: figures come last
    tables = [_of_table(source.run_dir, table, source.pictures) for table in named]
    for sheet in (*tables, *_of_page(source.page, source.currency)):
        write = partial(_write_sheet, content=sheet, currency=source.currency)
        yield Part(sheet.title, sheet.about, sheet.count, write)


def _of_table(run_dir: Path, table: Table, pictures: Sequence[Picture]) -> Sheet:
    import pyarrow as pa  # noqa: PLC0415  40 MB that a run without tables need not hold
    import pyarrow.parquet as pq  # noqa: PLC0415

    path = run_dir / table.file
    if not path.resolve().is_relative_to(run_dir.resolve()):
        raise RenderError("xlsx", f"the table {table.title!r} names a file outside of its run", permanent=True)
    try:
        with pq.ParquetFile(path) as file:
            count, schema = file.metadata.num_rows, file.schema_arrow
    except (OSError, pa.ArrowInvalid) as error:
        raise RenderError("xlsx", f"the table {table.title!r} cannot be read: {error}") from error
    if count > MAX_ROWS:
        message = f"the table {table.title!r} has {count:,} rows and a sheet holds {MAX_ROWS:,}; select fewer"
        raise RenderError("xlsx", message, permanent=True)
    missing = [column.name for column in table.columns if column.name not in schema.names]
    if missing:
        raise RenderError("xlsx", f"the table {table.title!r} lacks {', '.join(missing)}", permanent=True)
    columns = tuple(_with_zone(column, schema.field(column.name).type) for column in table.columns)
    names = [column.name for column in table.columns]

    def rows() -> Iterator[Row]:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(BATCH_ROWS, columns=names):
                yield from zip(*(batch.column(name).to_pylist() for name in names), strict=True)

    own = tuple(picture for picture in pictures if picture.table == table.name)
    about = _IN_SHORT.split(own[0].alt, maxsplit=1)[0] + "." if own else table.caption
    return Sheet(table.title, about, columns, count, rows, own)


def _with_zone(column: Column, type: Any) -> Column:
    """A column of instants says in its header whose wall clock it shows, since a cell knows no zone."""
    zone = getattr(type, "tz", None)
    return Column(column.name, f"{column.label} ({zone})", column.unit) if zone else column


def _of_page(page: str, currency: str) -> list[Sheet]:
    """A sheet for each table that an analyst's notebook shows and no name was given to."""
    root = lxml.html.document_fromstring(page)
    tables = root.xpath("//table[starts-with(caption/@id, 'frame-')]")
    return [_of_frame(table, currency) for table in tables]


def _of_frame(table: lxml.html.HtmlElement, currency: str) -> Sheet:
    title = table.findtext("caption") or "Table"
    frame = read_frame(table, currency)
    heading = next((text_of(h) for h in table.xpath("preceding::*[self::h2 or self::h3][1]")), "")
    columns = tuple(Column(label, label, unit) for label, unit in zip(frame.labels, frame.units, strict=True))
    return Sheet(heading or title, title, columns, len(frame.rows), lambda: iter(frame.rows))


def text_of(element: lxml.html.HtmlElement) -> str:
    return " ".join(str(element.text_content()).split())


def _write_sheet(sheet: Any, table: str, content: Sheet, currency: str) -> None:
    labels = _unique_labels([column.label for column in content.columns])
    sample = [labels, *islice(content.rows(), SAMPLED_ROWS)]
    for index, width in enumerate(_widths(sample), 1):
        sheet.column_dimensions[get_column_letter(index)].width = width
    sheet.freeze_panes = "B2" if len(labels) > 3 else "A2"
    sheet.print_title_rows = "1:1"
    cells = Cells(sheet)
    formats = [number_format(column.unit, currency) for column in content.columns]
    numeric = [column.unit not in {"", "date"} for column in content.columns]
    looks = heads(numeric)
    sheet.append([cells.text(label, look) for label, look in zip(labels, looks, strict=True)])
    apart = [look == "head after numbers" for look in looks]
    for row in content.rows():
        parts = zip(row, formats, apart, strict=True)
        sheet.append(
            [
                cells.text(value, "about") if indented and isinstance(value, str) else cells.value(value, form)
                for value, form, indented in parts
            ]
        )
    add_table(sheet, table, labels, content.count)
    for picture in content.pictures:
        place_beside(sheet, picture, len(labels))


def _unique_labels(labels: Sequence[str]) -> list[str]:
    """Header texts as a table needs them: never empty, none twice."""
    taken: set[str] = set()
    unique = []
    for position, label in enumerate(labels, 1):
        base = " ".join(clean_text(label).split())[:250] or f"Column {position}"
        name, number = base, 2
        while name.lower() in taken:
            name, number = f"{base} ({number})", number + 1
        taken.add(name.lower())
        unique.append(name)
    return unique


def _widths(rows: Sequence[Row]) -> list[int]:
    low, high = WIDTHS
    return [min(max(low, *(_length(value) + 2 for value in column)), high) for column in zip(*rows, strict=True)]


def _length(value: Any) -> int:
    if isinstance(value, float):
        return len(f"{value:,.2f}") + 2
    if isinstance(value, int):
        return len(f"{value:,}")
    return 0 if value is None else len(str(value))
