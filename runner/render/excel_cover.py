"""The sheets around the tables: a cover that says what is where, the key figures, the definitions.

They say what the report says, in the same words; only the figures are exact.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from openpyxl.worksheet.hyperlink import Hyperlink

from reports.periods import change
from reports.results import Metric, Results
from runner.render.excel_cells import Cells, number_format
from runner.render.excel_tables import add_table

COVER, KEY_FIGURES, CHARTS, DEFINITIONS = "Summary", "Key figures", "Charts", "Definitions"
METRIC_LABELS = ("Figure", "This period", "Period before", "Change", "In words", "Unit", "Note")
METRIC_NUMBERS = {"This period", "Period before", "Change"}
DEFINITION_LABELS = ("Term", "Meaning")
UNIT_WORDS = {"count": "number", "percent": "%", "ms": "milliseconds", "usd_per_million": "per million"}
MEANING_WIDTH = 100  # characters
POINTS_PER_LINE = 15.0  # as every program draws a row by default

_SIGNED = '+0.00" %";-0.00" %";0.00" %"'
_SIGNED_POINTS = '+0.00" points";-0.00" points";0.00" points"'


@dataclass(frozen=True)
class Entry:
    """A line of the cover's list of sheets; `rows` is None for a sheet that is no table."""

    sheet: str
    rows: int | None
    about: str


def write_cover(sheet: Any, title: str, results: Results, entries: Sequence[Entry]) -> None:
    for letter, width in zip("ABC", (34, 12, 90), strict=True):
        sheet.column_dimensions[letter].width = width
    cells, header = Cells(sheet), results.header
    sheet.append([cells.text(header.title if header else title, "title")])
    for line in header.lines if header else ():
        sheet.append([cells.text(line)])
    for warning in header.warnings if header else ():
        sheet.append([cells.text(f"Note: {warning}", "warning")])
    if results.highlights:
        _heading(sheet, cells, "What stands out")
        for sentence in results.highlights:
            sheet.append([cells.text(sentence)])
    _heading(sheet, cells, "What is where")
    if not entries:
        sheet.append([cells.text("This report shows no table, so that there are no further sheets with figures.")])
        return
    labels = ("Sheet", "Rows", "What it holds")
    sheet.append([cells.text(label, look) for label, look in zip(labels, heads([False, True, False]), strict=True)])
    for entry in entries:
        sheet.append([_link(cells, entry.sheet), cells.value(entry.rows, "#,##0"), cells.text(entry.about, "about")])


def heads(numeric: Sequence[bool]) -> list[str]:
    """The look of each header: numbers stand right, and a text beside them keeps its distance."""
    looks = []
    for place, number in enumerate(numeric):
        beside = place > 0 and numeric[place - 1]
        looks.append("head of numbers" if number else "head after numbers" if beside else "head")
    return looks


def _link(cells: Cells, sheet: str) -> Any:
    """A cell with a sheet's name that leads there."""
    cell = cells.text(sheet, "link")
    place = "'" + sheet.replace("'", "''") + "'!A1"
    cell._hyperlink = Hyperlink(ref="", location=place, display=sheet, tooltip=f"Go to the sheet {sheet}"[:255])
    return cell


def _heading(sheet: Any, cells: Cells, text: str) -> None:
    sheet.append([])
    sheet.append([cells.text(text, "heading")])


def write_metrics(sheet: Any, metrics: Sequence[Metric], currency: str, table: str) -> None:
    for letter, width in zip("ABCDEFG", (34, 18, 18, 16, 16, 16, 60), strict=True):
        sheet.column_dimensions[letter].width = width
    cells = Cells(sheet)
    sheet.freeze_panes = "B2"
    looks = heads([label in METRIC_NUMBERS for label in METRIC_LABELS])
    sheet.append([cells.text(label, look) for label, look in zip(METRIC_LABELS, looks, strict=True)])
    for metric in metrics:
        sheet.append(_metric_row(cells, metric, currency))
    add_table(sheet, table, METRIC_LABELS, len(metrics))


def _metric_row(cells: Cells, metric: Metric, currency: str) -> list[Any]:
    form = number_format(metric.unit, currency)
    amount, words = _change(metric)
    available = metric.value is not None
    return [
        cells.text(metric.label),
        cells.value(metric.value, form) if available else cells.text("not available"),
        cells.value(metric.previous, form),
        cells.value(amount, _SIGNED_POINTS if metric.unit == "percent" else _SIGNED),
        cells.text(words if available else "", "about"),
        cells.text(currency if metric.unit == "usd" else UNIT_WORDS.get(metric.unit, metric.unit)),
        cells.text(metric.note),
    ]


def _change(metric: Metric) -> tuple[float | None, str]:
    """By how much: percentages move by points, everything else by per cent."""
    found = change(metric.value, metric.previous)
    if metric.unit == "percent" and metric.value is not None and metric.previous is not None:
        return metric.value - metric.previous, found.word
    return found.percent, found.word


def lines_of(text: str) -> int:
    """How many lines a text needs in the column of meanings; a little room is left, since letters differ in width."""
    return sum(max(math.ceil(len(line) * 1.1 / MEANING_WIDTH), 1) for line in text.splitlines() or [""])


def write_definitions(sheet: Any, definitions: Sequence[tuple[str, str]], table: str) -> None:
    sheet.column_dimensions["A"].width, sheet.column_dimensions["B"].width = 28, MEANING_WIDTH
    sheet.freeze_panes = "A2"
    cells = Cells(sheet)
    sheet.append([cells.text(label, "head") for label in DEFINITION_LABELS])
    for row, (term, meaning) in enumerate(definitions, 2):
        sheet.row_dimensions[row].height = POINTS_PER_LINE * lines_of(meaning)  # not every program finds it itself
        sheet.append([cells.text(term, "wrapped"), cells.text(meaning, "wrapped")])
    add_table(sheet, table, DEFINITION_LABELS, len(definitions))
