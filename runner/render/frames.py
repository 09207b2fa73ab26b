"""Read a finished page's table back into values: for the sheets of notebooks that name no table.

Only what is certainly a number, a day or a truth becomes one, and only where the whole column is. An article number
with zeros before it, 1.234,56 and a code too long for a double stay the text that the report shows.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from lxml.html import HtmlElement

from runner.render.excel_cells import SIGNS

NOTHING = {"", "NaN", "nan", "NaT", "<NA>", "None"}
NO_VALUE = {*NOTHING, "-", "–", "—", "...", "…"}  # in a column of numbers; pandas writes ... for rows it left out
EXACT_DIGITS = 15  # of a whole number; a spreadsheet rounds beyond
MAX_SPAN = 1000

_NUMBER = r"[-+\u2212]?(?:0|[1-9]\d{0,2}(?:,\d{3})+|[1-9]\d*)(?:\.\d+)?(?:e[-+]?\d{1,3})?|[-+\u2212]?inf"
_PLAIN = re.compile(_NUMBER, re.IGNORECASE)
_PERCENT = re.compile(rf"({_NUMBER})\s?%", re.IGNORECASE)
_MONEY = re.compile(rf"([-+\u2212]?)([$€£¥])\s?({_NUMBER})", re.IGNORECASE)
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?")

Reader = Callable[[str], Any]


@dataclass(frozen=True)
class Frame:
    """A table's columns with the unit of each ("" , "percent", "usd"), and its rows as values."""

    labels: tuple[str, ...]
    units: tuple[str, ...]
    rows: list[list[Any]]


def read_frame(table: HtmlElement, currency: str = "USD") -> Frame:
    """The values of `table`, which has one header row or none; cells that span are repeated."""
    head = _grid(table.xpath("./thead/tr"))
    body = _grid(table.xpath("./tbody/tr | ./tr | ./tfoot/tr"))
    width = max((len(row) for row in (*head, *body)), default=0)
    labels = _padded(head[-1], width) if head else [f"Column {number}" for number in range(1, width + 1)]
    columns = [_values(texts, currency) for texts in zip(*(_padded(row, width) for row in body), strict=True)]
    units = [unit for unit, _ in columns] or [""] * width
    rows = [list(row) for row in zip(*(values for _, values in columns), strict=True)]
    return Frame(tuple(labels), tuple(units), rows)


def _padded(row: Sequence[str], width: int) -> list[str]:
    return [*row, *[""] * (width - len(row))]


def _grid(rows: Sequence[HtmlElement]) -> list[list[str]]:
    """The text of every place of the table, where a cell may reach over several columns and rows."""
    grid: list[list[str]] = []
    reaching: dict[int, tuple[int, str]] = {}  # column -> rows still to fill, text
    for row in rows:
        line: list[str] = []
        for cell in row.iterchildren("th", "td"):
            _fill(line, reaching)
            text = " ".join(cell.text_content().split())
            for _ in range(_span(cell, "colspan")):
                if (more := _span(cell, "rowspan") - 1) > 0:
                    reaching[len(line)] = (more, text)
                line.append(text)
        _fill(line, reaching)
        grid.append(line)
    return grid


def _fill(line: list[str], reaching: dict[int, tuple[int, str]]) -> None:
    while len(line) in reaching:
        place = len(line)
        left, text = reaching[place]
        if left > 1:
            reaching[place] = (left - 1, text)
        else:
            del reaching[place]
        line.append(text)


def _span(cell: HtmlElement, name: str) -> int:
    text = cell.get(name, "1")
    return min(int(text), MAX_SPAN) if text.isdecimal() and int(text) > 0 else 1


def _values(texts: Sequence[str], currency: str) -> tuple[str, list[Any]]:
    """A column's unit and values: by the first reader that can read all of it, else as text."""
    money = _money_reader(SIGNS.get(currency, ""))
    readers: tuple[tuple[str, Reader], ...] = (
        ("", _number), ("percent", _percent), ("usd", money), ("", _day), ("", _moment), ("", _truth),
    )  # fmt: skip
    if any(text not in NO_VALUE for text in texts):
        for unit, read in readers:
            try:
                return unit, [None if text in NO_VALUE else read(text) for text in texts]
            except ValueError:
                continue
    return "", [None if text in NOTHING else text for text in texts]


def _number(text: str) -> int | float:
    if not _PLAIN.fullmatch(text):
        raise ValueError(text)
    plain = text.replace(",", "").replace("\u2212", "-").lower()
    if re.search(r"[.ein]", plain):
        return float(plain)
    if len(plain.lstrip("+-")) > EXACT_DIGITS:
        raise ValueError(text)
    return int(plain)


def _percent(text: str) -> int | float:
    found = _PERCENT.fullmatch(text)
    if not found:
        raise ValueError(text)
    return _number(found[1])


def _money_reader(sign: str) -> Reader:
    """Of amounts in the run's currency; another currency's stay text, since the sheet's format names only one."""

    def read(text: str) -> int | float:
        found = _MONEY.fullmatch(text)
        if not found or found[2] != sign or (found[1] and found[3][0] in "-+\u2212"):
            raise ValueError(text)
        amount = _number(found[3])
        return -amount if found[1] in {"-", "\u2212"} else amount

    return read


def _day(text: str) -> date:
    if not _DAY.fullmatch(text):
        raise ValueError(text)
    return date.fromisoformat(text)


def _moment(text: str) -> datetime:
    if not _MOMENT.fullmatch(text):
        raise ValueError(text)
    return datetime.fromisoformat(text[:26])


def _truth(text: str) -> bool:
    if text not in {"True", "False"}:
        raise ValueError(text)
    return text == "True"
