"""Data frames as regular tables: one header row, scopes, a caption, numbers to the right, every value unchanged."""

from __future__ import annotations

import lxml.html
import pandas as pd
import pytest
from lxml.html import HtmlElement

from runner.render.sanitize import clean
from runner.render.tables import FIGURE_SPACE, TableNames, fill_empty_cells, make_regular


def regular(frame: pd.DataFrame) -> HtmlElement:
    html = make_regular(clean(frame._repr_html_()), TableNames())  # type: ignore[operator]
    (table,) = lxml.html.fragment_fromstring(html, create_parent="div").iter("table")
    return table


def texts(cells: list[HtmlElement]) -> list[str]:
    return [cell.text_content().strip() for cell in cells]


FRAME = pd.DataFrame({"requests": [1200, 3400], "note": ["a", "b"]}, index=pd.Index(["ana", "bo"], name="user"))


def test_the_two_header_rows_of_a_named_index_become_one() -> None:
    table = regular(FRAME)
    assert len(table.xpath("./thead/tr")) == 1
    assert texts(table.xpath("./thead/tr/th")) == ["user", "requests", "note"]


def test_levels_of_columns_are_joined() -> None:
    frame = FRAME[["requests", "note"]].copy()
    frame.columns = pd.MultiIndex.from_tuples([("use", "requests"), ("use", "note")], names=["kind", None])
    assert texts(regular(frame).xpath("./thead/tr/th")) == ["kind / user", "use / requests", "use / note"]


def test_cells_say_what_they_head() -> None:
    table = regular(FRAME)
    assert set(table.xpath("./thead//th/@scope")) == {"col"}
    assert set(table.xpath("./tbody//th/@scope")) == {"row"}


def test_numbers_stand_to_the_right_with_their_header() -> None:
    table = regular(FRAME)
    assert texts(table.xpath(".//*[contains(@class, 'num')]")) == ["requests", "1200", "3400"]


def test_values_do_not_change() -> None:
    assert texts(regular(FRAME).xpath("./tbody//td")) == ["1200", "a", "3400", "b"]


def test_tables_are_numbered_and_framed_for_the_keyboard() -> None:
    names = TableNames()
    html = make_regular("<table><tr><td>1</td></tr></table><table><tr><td>2</td></tr></table>", names)
    root = lxml.html.fragment_fromstring(html, create_parent="div")
    frames = root.xpath("./div[@class='table-scroll'][@tabindex='0'][@role='region']")
    assert [frame.findtext(".//caption") for frame in frames] == ["Table 1", "Table 2"]
    assert [frame.get("aria-labelledby") for frame in frames] == root.xpath("//caption/@id")


def test_a_caption_of_ones_own_stays() -> None:
    (caption,) = regular(FRAME).xpath("caption")
    assert caption.text == "Table 1"
    html = make_regular("<table><caption>Mine</caption><tr><td>1</td></tr></table>", TableNames())
    assert "Mine</caption>" in html


def test_a_first_row_of_headers_becomes_the_head() -> None:
    html = make_regular("<table><tr><th>a</th></tr><tr><td>1</td></tr></table>", TableNames())
    assert '<thead><tr><th scope="col">a</th></tr></thead>' in html


@pytest.mark.parametrize("span", ["0", "-1", "x", "99999999"])
def test_odd_spans_do_no_harm(span: str) -> None:
    html = f'<table><thead><tr><th colspan="{span}">a</th></tr><tr><th>b</th></tr></thead></table>'
    assert "<thead>" in make_regular(html, TableNames())


def test_empty_cells_are_filled_so_that_a_pdf_keeps_them() -> None:
    cells = "<th></th><td> </td><td><b></b></td><td><bdi></bdi></td><td><img src='data:x'></td><td>0</td>"
    root = lxml.html.fragment_fromstring(f"<table><tr>{cells}</tr></table>")
    fill_empty_cells(root)
    texts = [cell.text_content() for cell in root.iter("th", "td")]
    assert texts == [FIGURE_SPACE, FIGURE_SPACE, FIGURE_SPACE, FIGURE_SPACE, "", "0"]
