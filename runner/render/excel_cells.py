"""Cells and names a spreadsheet reads as meant: text stays text, numbers and dates are real, names fit.

Nothing from data becomes a formula, and nothing that a file cannot hold stops it from being written.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Alignment, Border, Font, Side
from openpyxl.worksheet._write_only import WriteOnlyWorksheet

SIGNS = {"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥"}
MAX_TEXT = 32_767  # characters in one cell
MAX_NAME = 31  # UTF-16 units in a sheet's name
NUMBER = "[>=1000]#,##0;General"

_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_FORBIDDEN_IN_NAMES = re.compile(r"[\[\]:*?/\\\x00-\x1f\ud800-\udfff\ufffe\uffff]+")
_LOOKS_LIKE_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def number_format(unit: str, currency: str = "USD") -> str:
    """The number format of a results.Column's unit; "" leaves the cell as it is."""
    sign = SIGNS.get(currency, f"{currency} ").replace('"', "")
    money = f'[>=1]"{sign}"#,##0.00;[<=-1]-"{sign}"#,##0.00;"{sign}"0.0000'  # below 1, cents are too coarse
    return {
        "count": "#,##0",
        "tokens": "#,##0",
        "usd": money,
        "usd_per_million": money,
        "percent": '0.00" %"',
        "number": NUMBER,
        "ms": '#,##0" ms"',
        "date": "yyyy-mm-dd",
    }.get(unit, "")


def _for_value(number: str, value: Any) -> str:
    """The part of a number format that is for `value`, where LibreOffice takes another one or finds no room.

    It drops the sign of what falls to the last of three conditions, and fills a narrow column with ### under General.
    """
    if number == NUMBER:
        return "#,##0" if float(value).is_integer() or abs(value) >= 1000 else "#,##0.00"
    if number.startswith("[>=1]") and -1 < value < 0:
        return number.rpartition(";")[2]
    return number


def clean_text(text: str) -> str:
    """`text` with a replacement mark for each character no workbook can hold, cut at a cell's limit."""
    return _UNPRINTABLE.sub("\ufffd", text)[:MAX_TEXT]


def sheet_names(titles: Iterable[str]) -> list[str]:
    """A valid name for each title: no forbidden character, at most 31 long, none twice, whatever the case."""
    taken: set[str] = {"history"}  # reserved by Excel
    names = []
    for title in titles:
        base = " ".join(_FORBIDDEN_IN_NAMES.sub(" ", title).split()).strip(" '") or "Sheet"
        name, number = _cut(base, MAX_NAME), 2
        while name.lower() in taken:
            suffix = f" ({number})"
            name, number = _cut(base, MAX_NAME - len(suffix)) + suffix, number + 1
        taken.add(name.lower())
        names.append(name)
    return names


def _cut(text: str, units: int) -> str:
    """The longest start of `text` within so many UTF-16 units, without half a character."""
    return text.encode("utf-16-le")[: units * 2].decode("utf-16-le", "ignore").rstrip(" '")


class Cells:
    """Styled cells of one streamed sheet. Each kind is one reused object: a row is written when it is appended."""

    def __init__(self, sheet: WriteOnlyWorksheet) -> None:
        self._sheet = sheet
        self._kept: dict[tuple[str, str], Any] = {}

    def value(self, value: Any, number: str = "") -> Any:
        """A cell of the value's own type, or None for nothing; not for use twice in one row before appending."""
        if value is None or value != value:  # NaN and NaT differ from themselves
            return None
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, bool | int | float | Decimal):
            return self._number(value, number)
        if isinstance(value, datetime | date | time | timedelta):
            return self._moment(value)
        return self.text(str(value))

    def text(self, text: str, look: str = "") -> Any:
        """A text cell, marked so that a spreadsheet never reads a formula, a number or an error into it."""
        clean = clean_text(text)
        cell = self._cell("quoted" if clean.startswith(_LOOKS_LIKE_FORMULA) else "text", look)
        cell.value = clean
        cell.data_type = "s"
        return cell

    def _number(self, value: Any, number: str) -> Any:
        if isinstance(value, float) and math.isinf(value):
            return self.text("∞" if value > 0 else "−∞")
        if isinstance(value, bool):
            cell = self._cell("truth", "")
            cell.value = value
            return cell
        cell = self._cell("number", _for_value(number, value))
        cell.value = str(value)  # openpyxl writes numbers with 16 digits, and a double may need 17
        cell.data_type = "n"
        return cell

    def _moment(self, value: Any) -> Any:
        if isinstance(value, datetime):
            naive = value.to_pydatetime(warn=False) if hasattr(value, "to_pydatetime") else value
            cell = self._cell("moment", "yyyy-mm-dd hh:mm:ss")
            cell.value = naive.replace(tzinfo=None)
        elif isinstance(value, date):
            cell = self._cell("moment", "yyyy-mm-dd")
            cell.value = value
        else:
            cell = self._cell("moment", "[h]:mm:ss")
            cell.value = value.to_pytimedelta() if hasattr(value, "to_pytimedelta") else value
        return cell

    def _cell(self, kind: str, look: str) -> Any:
        """A fresh cell with the kind's style, whose parts are made once."""
        cell = WriteOnlyCell(self._sheet)
        kept = self._kept.get((kind, look))
        if kept is not None:
            cell._style = kept
            return cell
        _dress(cell, kind, look)
        self._kept[kind, look] = cell._style
        return cell


def _dress(cell: Any, kind: str, look: str) -> None:
    if kind in {"number", "moment"} and look:
        cell.number_format = look
    if kind == "quoted":
        cell.quotePrefix = True
    if look in LOOKS:
        for name, style in LOOKS[look].items():
            setattr(cell, name, style)


def _font(**facts: Any) -> Font:
    """A font of the workbook's own family; one without a name looks different in every program."""
    return Font(**{"name": "Calibri", "family": 2, "size": 11, **facts})


_RULE = Border(bottom=Side(style="thin", color="FF1B1F24"))
LOOKS: dict[str, dict[str, Any]] = {
    "title": {"font": _font(bold=True, size=16)},
    "heading": {"font": _font(bold=True, size=12, color="FF0B57A4")},
    "head": {"font": _font(bold=True), "border": _RULE, "alignment": Alignment(vertical="bottom", wrap_text=True)},
    "head of numbers": {
        "font": _font(bold=True),
        "border": _RULE,
        "alignment": Alignment(horizontal="right", vertical="bottom", wrap_text=True),
    },
    "head after numbers": {
        "font": _font(bold=True),
        "border": _RULE,
        "alignment": Alignment(horizontal="left", indent=1, vertical="bottom", wrap_text=True),
    },
    "link": {"font": _font(color="FF0B57A4", underline="single")},
    "warning": {"font": _font(bold=True)},
    "about": {"alignment": Alignment(horizontal="left", indent=1)},
    "wrapped": {"alignment": Alignment(vertical="top", wrap_text=True)},
}
