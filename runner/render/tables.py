"""Make a data frame's HTML table readable by everyone: one header row with scopes, a caption, numbers to the right.

For tables that pandas or an analyst wrote; those of `reports.kit` come ready. Values are never changed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import count

import lxml.html
from lxml.html import HtmlElement
from lxml.html.builder import E

FIGURE_SPACE = "\u2007"  # stands in empty cells: Chromium drops those from a PDF's structure, and rows become irregular
_NUMBER = re.compile(r"[-+\u2212]?[$€£]?\s?\d[\d,.\u202f ]*(e[-+]?\d+)?\s?[%kMBT]?|nan|NaN|NaT|<NA>|None|inf|-inf")


class TableNames:
    """Numbers the tables of one report, for captions and ids."""

    def __init__(self) -> None:
        self._numbers = count(1)

    def next(self) -> int:
        return next(self._numbers)


def make_regular(html: str, names: TableNames) -> str:
    """`html` with each of its tables framed, captioned and scoped."""
    root = lxml.html.fragment_fromstring(html, create_parent="div")
    for table in list(root.iter("table")):
        if next(table.iterancestors("table"), None) is None:
            _make_one_regular(table, names.next())
    return inner_html(root)


def inner_html(element: HtmlElement) -> str:
    text = str(lxml.html.tostring(element, encoding="unicode"))
    return text[text.index(">") + 1 : text.rindex("</")]


def _make_one_regular(table: HtmlElement, number: int) -> None:
    _merge_header(table)
    _scope(table)
    _align_numbers(table)
    caption_id = f"frame-{number}"
    _caption(table, number).set("id", caption_id)
    frame = E.div({"class": "table-scroll", "tabindex": "0", "role": "region", "aria-labelledby": caption_id})
    parent = table.getparent()
    parent.replace(table, frame)
    frame.tail, table.tail = table.tail, None
    frame.append(table)


def _rows(table: HtmlElement, part: str) -> list[HtmlElement]:
    return [row for group in table.iterchildren(part) for row in group.iterchildren("tr")]


def _cells(row: HtmlElement) -> list[HtmlElement]:
    return list(row.iterchildren("th", "td"))


def _merge_header(table: HtmlElement) -> None:
    """One header row instead of several: pandas puts index names, and each level of columns, in rows of their own."""
    rows = _rows(table, "thead")
    if len(rows) < 2:
        return
    columns = [_spread(row) for row in rows]
    width = max(len(texts) for texts in columns)
    padded = [texts + [""] * (width - len(texts)) for texts in columns]
    merged = E.tr(*(E.th(_joined(parts)) for parts in zip(*padded, strict=True)))
    head = rows[0].getparent()
    for row in rows:
        row.getparent().remove(row)
    head.append(merged)


def _spread(row: HtmlElement) -> list[str]:
    """The text of each column a row's cells span."""
    return [text for cell in _cells(row) for text in [cell.text_content().strip()] * _span(cell)]


def _span(cell: HtmlElement) -> int:
    text = cell.get("colspan", "1")
    return min(int(text), 1000) if text.isdigit() and int(text) > 0 else 1


def _joined(parts: Iterable[str]) -> str:
    distinct = list(dict.fromkeys(part for part in parts if part))
    return " / ".join(distinct)


def _scope(table: HtmlElement) -> None:
    if not _rows(table, "thead"):
        _promote_first_row(table)
    for row in _rows(table, "thead"):
        for cell in _cells(row):
            cell.tag = "th"
            cell.set("scope", "col")
    for row in (*_rows(table, "tbody"), *table.iterchildren("tr")):
        for cell in row.iterchildren("th"):
            cell.set("scope", "row")


def _promote_first_row(table: HtmlElement) -> None:
    """A table without thead whose first row is all headers gets a thead."""
    rows = [*_rows(table, "tbody"), *table.iterchildren("tr")]
    if rows and all(cell.tag == "th" for cell in _cells(rows[0])):
        rows[0].getparent().remove(rows[0])
        table.insert(0, E.thead(rows[0]))


def _align_numbers(table: HtmlElement) -> None:
    """Mark the columns whose body holds only numbers, so that header and cells stand to the right."""
    body = _rows(table, "tbody")
    if not body or table.xpath(".//*[@rowspan or @colspan]"):
        return
    for column in range(len(_cells(body[0]))):
        cells = [cells[column] for row in body if len(cells := _cells(row)) > column]
        texts = [cell.text_content().strip() for cell in cells]
        if any(texts) and all(_NUMBER.fullmatch(text) for text in texts if text) and cells[0].tag == "td":
            headers = [cells[column] for row in _rows(table, "thead") if len(cells := _cells(row)) > column]
            for cell in (*headers, *[c[column] for row in body if len(c := _cells(row)) > column]):
                cell.classes.add("num")


def _caption(table: HtmlElement, number: int) -> HtmlElement:
    caption = next(table.iterchildren("caption"), None)
    if caption is None:
        caption = E.caption(f"Table {number}")
        table.insert(0, caption)
    return caption


def fill_empty_cells(root: HtmlElement) -> None:
    for cell in root.iter("th", "td"):
        if not cell.text_content().strip() and not cell.xpath(".//img | .//*[@class='picture']"):
            inner = next(cell.iterdescendants("bdi"), cell)
            inner.text = FIGURE_SPACE
