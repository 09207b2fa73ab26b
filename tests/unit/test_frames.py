"""Tables of a page as values: what is surely a number becomes one, everything else stays the text a reader saw."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import lxml.html
import pandas as pd
import pytest

from runner.render.frames import Frame, read_frame
from runner.render.sanitize import clean
from runner.render.tables import TableNames, fill_empty_cells, make_regular


def read(html: str, currency: str = "USD") -> Frame:
    root = lxml.html.fragment_fromstring(make_regular(clean(html), TableNames()), create_parent="div")
    fill_empty_cells(root)
    (table,) = root.iter("table")
    return read_frame(table, currency)


def column(*texts: str, currency: str = "USD") -> tuple[str, list[Any]]:
    """The unit and values of a column with these texts."""
    cells = "".join(f"<tr><th>row</th><td>{text}</td></tr>" for text in texts)
    frame = read(f"<table><thead><tr><th>name</th><th>x</th></tr></thead><tbody>{cells}</tbody></table>", currency)
    return frame.units[1], [row[1] for row in frame.rows]


@pytest.mark.parametrize(
    ("texts", "values"),
    [
        (("1", "20"), [1, 20]),
        (("1,234", "1,234,567.5"), [1234, 1234567.5]),
        (("-3", "\u22124", "+5"), [-3, -4, 5]),
        (("0", "0.5", "1e-3", "2E+6"), [0, 0.5, 0.001, 2e6]),
        (("1", "", "NaN", "–", "..."), [1, None, None, None, None]),
        (("inf", "-inf", "1"), [float("inf"), float("-inf"), 1]),
        (("2026-11-22", "NaT"), [date(2026, 11, 22), None]),
        (("2026-11-22 08:30:00", "2026-11-22T08:30"), [datetime(2026, 11, 22, 8, 30)] * 2),  # noqa: DTZ001
        (("True", "False"), [True, False]),
    ],
)
def test_what_is_certain_is_read(texts: tuple[str, ...], values: list[Any]) -> None:
    found = column(*texts)
    assert found == ("", values)
    assert [type(value) for value in found[1]] == [type(value) for value in values]


@pytest.mark.parametrize(
    "texts",
    [
        ("007", "123"),  # an article number
        ("0123456",),
        ("1.234,56",),  # German for 1234.56
        ("1,23", "4,56"),
        ("12,5",),
        ("1,2345",),
        ("4111111111111111",),  # a spreadsheet would round its last digit
        ("12", "about 13"),
        ("1_000",),
        ("0x10",),
        ("2026-13-45",),
        ("2026-11-22 08:00:00+01:00",),  # a cell knows no zone
        ("true",),
        ("€5", "$5"),
        ("five %",),
        ("--5",),
        ("$-5", "-$-5"),
    ],
)
def test_what_is_not_certain_stays_text(texts: tuple[str, ...]) -> None:
    assert column(*texts) == ("", list(texts))


def test_percentages_and_money_keep_their_unit() -> None:
    assert column("12.5%", "3 %", "\u22121.0\u00a0%") == ("percent", [12.5, 3, -1.0])
    assert column("$1,234.50", "-$3", "$0") == ("usd", [1234.5, -3, 0])
    assert column("€2.50", currency="EUR") == ("usd", [2.5])
    assert column("€2.50") == ("", ["€2.50"])
    assert column("$2.50", currency="CHF") == ("", ["$2.50"])


def test_a_dash_is_a_text_among_texts_and_nothing_among_numbers() -> None:
    assert column("-", "a") == ("", ["-", "a"])
    assert column("-", "1") == ("", [None, 1])
    assert column("", "nan") == ("", [None, None])


def test_a_frame_comes_back_with_its_index_and_types() -> None:
    frame = pd.DataFrame(
        {
            "day": pd.to_datetime(["2026-11-01", "2026-11-02"]),
            "pieces": [5, 1200],
            "paid": [1.5, None],
            "code": ["01", "2"],
        },
        index=pd.Index(["till", "web"], name="place"),
    )
    found = read(frame._repr_html_())  # type: ignore[operator]
    assert found.labels == ("place", "day", "pieces", "paid", "code")
    assert found.rows == [["till", date(2026, 11, 1), 5, 1.5, "01"], ["web", date(2026, 11, 2), 1200, None, "2"]]


def test_levels_of_rows_are_repeated_where_they_reach() -> None:
    index = pd.MultiIndex.from_product([["north", "south"], ["a", "b"]], names=["region", "shop"])
    found = read(pd.DataFrame({"sold": [1, 2, 3, 4]}, index=index)._repr_html_())  # type: ignore[operator]
    assert found.labels == ("region", "shop", "sold")
    assert found.rows == [["north", "a", 1], ["north", "b", 2], ["south", "a", 3], ["south", "b", 4]]


def test_rows_that_pandas_left_out_do_not_make_a_column_text() -> None:
    with pd.option_context("display.max_rows", 4, "display.show_dimensions", False):
        found = read(pd.DataFrame({"value": range(100)})._repr_html_())  # type: ignore[operator]
    assert [row[1] for row in found.rows] == [0, 1, None, 98, 99]


def test_tables_of_any_shape_are_read() -> None:
    assert read("<table><tr><td>a</td><td>1</td></tr></table>") == Frame(("Column 1", "Column 2"), ("", ""), [["a", 1]])
    assert read("<table><thead><tr><th>a</th></tr></thead><tbody></tbody></table>") == Frame(("a",), ("",), [])
    ragged = read("<table><tr><td colspan=2>x</td></tr><tr><td>1</td><td>2</td><td>3</td></tr></table>")
    assert ragged.rows == [["x", "x", None], ["1", "2", 3]]
    assert read("<table></table>") == Frame((), (), [])
    odd = read("<table><tr><td colspan='zero' rowspan='-3'>a</td><td rowspan=9>b</td></tr><tr><td>c</td></tr></table>")
    assert odd.rows == [["a", "b"], ["c", "b"]]
