"""Real Excel tables over rows that were written: with names, so that a formula can say Top_users[Cost].

A name is made from the sheet's title and obeys Excel's rules; nothing here writes a cell.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from openpyxl.utils import get_column_letter
from openpyxl.worksheet.table import Table, TableColumn, TableStyleInfo

MAX_NAME = 60  # characters; Excel allows 255, and nobody types them

_LIKE_A_PLACE = re.compile(r"[a-z]{1,3}\d+|r\d*|c\d*|r\d+c\d+", re.IGNORECASE)


def table_names(titles: Iterable[str]) -> list[str]:
    """A valid name for each title: letters, digits and _, not like a cell's address, none twice whatever the case."""
    taken: set[str] = set()
    names = []
    for title in titles:
        base = re.sub(r"[^0-9A-Za-z]+", "_", title).strip("_")[:MAX_NAME].strip("_")
        if not base or base[0].isdigit() or _LIKE_A_PLACE.fullmatch(base):
            base = f"Table_{base}".rstrip("_")
        name, number = base, 2
        while name.lower() in taken:
            name, number = f"{base}_{number}", number + 1
        taken.add(name.lower())
        names.append(name)
    return names


def add_table(sheet: Any, name: str, labels: Sequence[str], rows: int) -> None:
    """Make the first `rows` rows below the header in row 1 a table, which Excel filters and sorts."""
    if not rows:
        return  # a table needs a row
    table = Table(displayName=name, ref=f"A1:{get_column_letter(len(labels))}{rows + 1}")
    table.tableStyleInfo = TableStyleInfo(name="TableStyleLight1", showRowStripes=False)
    table._initialise_columns()
    for column, label in zip(table.tableColumns, labels, strict=True):
        assert isinstance(column, TableColumn)
        column.name = label
    sheet.tables.add(table)  # add_table warns for every streamed sheet
