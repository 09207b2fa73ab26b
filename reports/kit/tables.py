"""Accessible tables that are also sheets: what is shown is short and adds up, what is kept is whole and exact.

A table of the page shows its first rows, one row for all others and a total; the sheet gets every row with plain
numbers. Nothing here sorts: the order of the frame is the order of the table.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from reports import results
from reports.kit import format as fmt
from reports.kit.context import current
from reports.kit.markup import escape, identifier, name, plain
from reports.kit.output import emit, record
from reports.kit.sentences import remark
from reports.periods import change

SUMMED = {"count", "tokens", "usd"}  # units that add up
NO_RATE = fmt.EN_DASH  # of nothing, which is known to be nothing
SCALE = {"percent": 100.0, "usd_per_million": 1e6}
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Column:
    """One column. `share`, `ratio` and `change` name the columns of the frame it is computed from, in every row.

    share: value / sum of all rows * 100. ratio: first / second (* 100 for percent, * 1,000,000 for usd_per_million).
    change: (first - second) / second * 100. So a total row holds the rate of the totals, not a sum of rates.
    """

    name: str
    label: str
    unit: str = ""
    share: str | None = None
    ratio: tuple[str, str] | None = None
    change: tuple[str, str] | None = None
    sheet_only: bool = False  # kept for the sheet, not shown
    total: float | int | None = None  # of the total row where that is not the sum: distinct users, a percentile, rows
    # that are not listed; what is computed from the column is computed from it, too

    @property
    def derived(self) -> bool:
        return bool(self.share or self.ratio or self.change)

    @property
    def numeric(self) -> bool:
        return self.unit not in {"", "date"}

    def value(self, row: Row, sums: Row) -> Any:
        """The column's value in one row, given the sums of all rows; None where there is nothing to divide by."""
        if self.share:
            return _quotient(row[self.share], sums[self.share], 100.0)
        if self.ratio:
            return _quotient(row[self.ratio[0]], row[self.ratio[1]], SCALE.get(self.unit, 1.0))
        if self.change:
            now, before = (row[part] for part in self.change)
            return None if fmt.is_missing(now) or fmt.is_missing(before) else change(now, before).percent
        return row.get(self.name)


def table(
    title: str,
    frame: pd.DataFrame,
    columns: Sequence[Column],
    *,
    name: str | None = None,
    caption: str = "",
    sheet_caption: str = "",
    total: bool = False,
    max_rows: int | None = None,
    missing: str = "–",
    empty: str = "There is nothing to list for this period.",
) -> None:
    """Emit `frame` as a table and keep all of its rows, unrounded, as a sheet named `title`.

    The first column names the row. `total` adds a row of sums; with `max_rows` the rows beyond it are summed in
    "All others (n)"; a caption that tells of the first rows needs a `sheet_caption` beside it. `missing` stands for
    None and NaN. A frame without rows becomes the sentence `empty` and no sheet.
    Raises KeyError for a column the frame lacks.
    """
    name = _free_name(name or identifier(title))
    full = with_derived(frame, columns)
    if full.empty:
        remark(empty)
        return
    keep(name, title, full, columns, sheet_caption or caption)
    rows = visible_rows(full, columns, total=total, max_rows=max_rows)
    shown = [column for column in columns if not column.sheet_only]
    emit(
        "table",
        table_html(name, caption or title, rows, shown, missing=missing),
        table_text(caption or title, rows, shown),
    )


def with_derived(frame: pd.DataFrame, columns: Sequence[Column]) -> pd.DataFrame:
    """The frame with its derived columns computed; the index is dropped."""
    sums = sums_of(frame)
    full = frame.reset_index(drop=True)
    records: list[dict[str, Any]] = full.to_dict("records")  # type: ignore[assignment]
    derived = {
        column.name: pd.array([column.value(row, sums) for row in records], dtype="Float64")
        for column in columns
        if column.derived
    }
    return full.assign(**derived)


def sums_of(frame: pd.DataFrame) -> dict[str, Any]:
    """The sum of each number column, without rounding on the way (math.fsum); None where every row is missing."""
    numbers = frame.select_dtypes("number")
    return {str(column): _sum(numbers[column]) for column in numbers}


def visible_rows(
    full: pd.DataFrame, columns: Sequence[Column], *, total: bool, max_rows: int | None
) -> list[dict[str, Any]]:
    """The rows to show: the first `max_rows`, one for all others if more than one is left, one for the total."""
    sums = sums_of(full)
    cut = max_rows if max_rows is not None and len(full) > max_rows else len(full)
    rows: list[dict[str, Any]] = full.head(cut).to_dict("records")  # type: ignore[assignment]
    whole = sums | {column.name: column.total for column in columns if column.total is not None}
    if cut < len(full):
        rest = full.iloc[cut:]
        rows.append(_sum_row(f"All others ({fmt.full(len(rest))})", sums_of(rest), sums, columns) | {"_kind": "others"})
    if total:
        rows.append(_sum_row("Total", whole, whole, columns) | {"_kind": "total"})
    return rows


def _sum_row(label: str, part: Row, whole: Row, columns: Sequence[Column]) -> dict[str, Any]:
    """The total of `part`; what does not add up has no value in it, save a total of its own."""
    values = {c.name: c.value(part, whole) if c.derived or c.unit in SUMMED else "" for c in columns}
    own = {c.name: c.total if part is whole else "" for c in columns if c.total is not None}
    return {**part, **values, **own, columns[0].name: label}


def table_html(
    table_name: str, caption: str, rows: Sequence[Row], columns: Sequence[Column], *, missing: str = "–"
) -> str:
    """One regular header row, the first cell of each row its header, numbers in class `num`; all text escaped."""
    ident = f"table-{table_name}"
    heads = "".join(f'<th scope="col"{_class(column)}>{escape(column.label)}</th>' for column in columns)
    body = "".join(_row_html(row, columns, missing) for row in rows)
    return (
        f'<div class="table-scroll" tabindex="0" role="region" aria-labelledby="{ident}-caption">'
        f'<table id="{ident}"><caption id="{ident}-caption">{escape(caption)}</caption>'
        f"<thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _row_html(row: Row, columns: Sequence[Column], missing: str) -> str:
    kind = f' class="{row["_kind"]}"' if "_kind" in row else ""
    first, *rest = columns
    head = cell_text(row, first, missing)
    cells = "".join(f"<td{_class(column)}>{_cell_html(row, column, missing)}</td>" for column in rest)
    return f'<tr{kind}><th scope="row">{name(head)}</th>{cells}</tr>'


def _cell_html(row: Row, column: Column, missing: str) -> str:
    text = cell_text(row, column, missing)
    return escape(text) if column.numeric else name(text)


def cell_text(row: Row, column: Column, missing: str = "–", currency: str = "") -> str:
    """One cell as it reads; money with the label of the run unless `currency` gives one."""
    value = row.get(column.name)
    if column.change and fmt.is_missing(value):
        now, before = (row.get(part) for part in column.change)
        return "new" if not fmt.is_missing(now) and before == 0 and now != 0 else missing
    if fmt.is_missing(value):
        return NO_RATE if column.ratio and row.get(column.ratio[1]) == 0 else missing
    if column.change and isinstance(value, (int, float)):
        return fmt.signed_percent(value)
    return fmt.cell(value, column.unit, currency or current().currency)


def keep(
    table_name: str, title: str, full: pd.DataFrame, columns: Sequence[Column], caption: str = "", role: str = "table"
) -> None:
    """Write every row of the columns to Parquet in the run's folder and record the table; nothing outside a run."""
    run_dir = current().run_dir
    if run_dir is None:
        return
    file = f"table-{table_name}.parquet"
    full[[column.name for column in columns]].to_parquet(run_dir / file, index=False)
    kept = [asdict(results.Column(column.name, column.label, column.unit)) for column in columns]
    facts = {"name": table_name, "title": title, "file": file, "columns": kept, "caption": plain(caption), "role": role}
    record("table", facts)


def _free_name(wanted: str) -> str:
    """`wanted`, or with a number where this run already has a table of that name."""
    run_dir = current().run_dir
    found, number = wanted, 2
    while run_dir is not None and (run_dir / f"table-{found}.parquet").exists():
        found, number = f"{wanted}-{number}", number + 1
    return found


def table_text(caption: str, rows: Sequence[Row], columns: Sequence[Column]) -> str:
    """The table for readers without HTML: cells between tabs."""
    lines = ["\t".join(column.label for column in columns)]
    lines += ["\t".join(cell_text(row, column) for column in columns) for row in rows]
    return "\n".join([caption, *lines])


def _class(column: Column) -> str:
    return ' class="num"' if column.numeric else ' class="date"' if column.unit == "date" else ""


def _sum(values: pd.Series[Any]) -> float | int | None:
    known = values.dropna()
    if known.empty:
        return None if len(values) else 0
    return math.fsum(known) if known.dtype.kind == "f" else int(known.sum())


def _quotient(part: Any, whole: Any, scale: float) -> float | None:
    if fmt.is_missing(part) or fmt.is_missing(whole) or whole == 0:
        return None
    return float(part / whole * scale)
