"""The checks after rendering: each can fail, and says which file lost what."""

from __future__ import annotations

from pathlib import Path

import pytest
import report_notebooks
from openpyxl import Workbook

from reports.errors import RenderError
from runner.render.checks import Expected, check_html, check_pdf, check_workbook, expected
from runner.render.pdf import Inventory

PAGE = (
    '<!doctype html><html lang="en"><head><title>t</title></head><body><h1>t</h1>'
    '<div class="chart"><svg role="img" aria-label="alt"></svg></div>'
    '<p class="image"><img src="data:image/png;base64,AA" alt="x"></p>'
    '<table><caption id="c">t</caption><tr><th scope="col">a</th></tr></table>'
    '<details class="figures"><table><caption>f</caption></table></details></body></html>'
)
WANTED = Expected(pictures=2, tables=1, figure_tables=1)
FOUND = Inventory(pages=2, empty_pages=(), figures=2, unnamed_figures=0, tables=2, headings=1)


def test_a_notebooks_charts_and_tables_are_counted() -> None:
    assert expected(report_notebooks.kit_notebook()) == Expected(pictures=3, tables=2, figure_tables=3)
    assert expected(report_notebooks.plain_notebook()) == Expected(pictures=2, tables=2, figure_tables=0)


def test_a_complete_page_passes() -> None:
    check_html(PAGE, WANTED)


@pytest.mark.parametrize(
    ("lost", "message"),
    [
        ('<svg role="img" aria-label="alt"></svg>', "has 2 charts and pictures, the html has 1"),
        ('<img src="data:image/png;base64,AA" alt="x">', "has 2 charts and pictures, the html has 1"),
        ('<details class="figures"><table><caption>f</caption></table></details>', "has 2 tables, the html has 1"),
        ("<h1>t</h1>", "not exactly one main heading"),
        (' lang="en"', "no language"),
        ("<title>t</title>", "no title"),
        (' alt="x"', "no text alternative"),
        (' aria-label="alt"', "no text alternative"),
        ('<caption id="c">t</caption>', "no caption"),
        (' scope="col"', "no scope"),
    ],
)
def test_a_page_that_lost_something_fails(lost: str, message: str) -> None:
    assert lost in PAGE
    with pytest.raises(RenderError, match=message) as caught:
        check_html(PAGE.replace(lost, "", 1), WANTED)
    assert caught.value.format == "html"


@pytest.mark.parametrize(
    ("added", "message"),
    [
        ("<h1>second</h1>", "not exactly one main heading"),
        ('<p id="c">x</p>', "an id is used twice"),
        ('<div aria-labelledby="nowhere">x</div>', "a label is missing"),
        ("<script>1</script>", "it has a script"),
        ('<iframe src="data:x"></iframe>', "it has a script"),
        ('<p onclick="x">x</p>', "an event handler"),
        ('<p><input src="https://example.org/x"></p>', "it loads a file"),
        ('<p style="background:url(https://example.org)">x</p>', "its style loads a file"),
    ],
)
def test_a_page_with_something_foreign_fails(added: str, message: str) -> None:
    with pytest.raises(RenderError, match=message):
        check_html(PAGE.replace("</body>", f"{added}</body>"), WANTED)


def test_a_complete_pdf_passes() -> None:
    check_pdf(FOUND, PAGE)


@pytest.mark.parametrize(
    ("found", "message"),
    [
        (Inventory(0, (), 2, 0, 2, 1), "nothing is on page 1"),
        (Inventory(3, (2, 3), 2, 0, 2, 1), "nothing is on page 2, 3"),
        (Inventory(2, (), 1, 0, 2, 1), "has 2 charts and pictures with a text alternative, the pdf has 1"),
        (Inventory(2, (), 2, 1, 2, 1), "1 pictures have no text alternative"),
        (Inventory(2, (), 2, 0, 1, 1), "has 2 tables, the pdf has 1"),
    ],
)
def test_a_pdf_that_lost_something_fails(found: Inventory, message: str) -> None:
    with pytest.raises(RenderError, match=message) as caught:
        check_pdf(found, PAGE)
    assert caught.value.format == "pdf"


def workbook(path: Path, *names: str) -> Path:
    book = Workbook()
    book.remove(book.worksheets[0])
    for name in names:
        book.create_sheet(name)
    book.save(path)
    return path


def test_a_workbook_has_exactly_its_sheets(tmp_path: Path) -> None:
    path = workbook(tmp_path / "a.xlsx", "Summary", "Top")
    check_workbook(path, ["Summary", "Top"])
    with pytest.raises(RenderError, match="sheets are missing: Teams"):
        check_workbook(path, ["Summary", "Top", "Teams"])
    with pytest.raises(RenderError, match="order changed"):
        check_workbook(path, ["Top", "Summary"])


def test_a_damaged_workbook_fails(tmp_path: Path) -> None:
    path = workbook(tmp_path / "a.xlsx", "Summary")
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(RenderError, match="damaged"):
        check_workbook(path, ["Summary"])
