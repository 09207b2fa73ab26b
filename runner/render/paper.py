"""What is printed of a page: the page as it is, unfolded, with the figures of its charts as an appendix.

On the page the figures are folded below each chart, where paper could not unfold them. Only the PDF is printed from
this; the HTML file and the mail stay as they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path

import lxml.html
from lxml.html import HtmlElement
from lxml.html.builder import E

from runner.render import sanitize
from runner.render.outputs import Chart
from runner.render.tables import fill_empty_cells

HEADING = "Figures of the charts"
INTRODUCTION = "The numbers behind each chart, in the order of the charts. The Excel file has every row."
# In the appendix's print a digit is 5 px wide, and half a page 329 px.
DIGITS_OF_A_COLUMN, DIGITS_OF_A_PADDING = 67, 1.6
DIGITS_OF_A_LETTER = 0.95  # on average, in the bold print of headers
DIGITS_OF_A_TEXT = 10  # what paper.css keeps for a text that breaks anywhere
LETTERS_OF_A_NAME = 30  # names no longer than these stay on one line
LETTERS_OF_A_HEADER = 14  # a longer piece of a header's word breaks anywhere
ROWS_KEPT_TOGETHER = 14  # a longer table may go on in the next column, where its header is repeated

_PIECE = re.compile(r"(?<=[/_-])(?=\w\w)|(?<=[a-z])(?=[A-Z])")  # where a long word of a header may break
_STYLE = Path(__file__).parent / "templates" / "report" / "paper.css"
_END, _HEAD_END = "</article>", "</head>"


def for_paper(page: str, charts: Sequence[Chart]) -> str:
    """`page` as it is printed; `charts` are those on it, in their order."""
    start, end = page.index(_HEAD_END), page.rindex(_END)
    style = f"<style>{_style()}</style>"
    return f"{page[:start]}{style}{page[start:end]}{_appendix(charts)}{page[end:]}"


def _appendix(charts: Sequence[Chart]) -> str:
    parts = [part for chart in charts if chart.figures_html for part in _parts(chart)]
    if not parts:
        return ""
    section = E.section({"class": "appendix"}, E.h2(HEADING), E.p(INTRODUCTION))
    section.extend(_laid_out(parts))
    return str(lxml.html.tostring(section, encoding="unicode")).replace("</wbr>", "")


def _parts(chart: Chart) -> Iterator[HtmlElement]:
    """The chart's title over its figures: without the frame they scroll in, nor names the page has given already."""
    root = lxml.html.fragment_fromstring(sanitize.clean(chart.figures_html), create_parent="div")
    fill_empty_cells(root)
    for table in root.iter("table"):
        for element in table.iter():
            element.attrib.pop("id", None)
        for caption in table.iterchildren("caption"):
            said = str(caption.text_content()).removeprefix(chart.title).lstrip(", ")
            caption.text = said or _rows(len(table.xpath("./tbody/tr")))
        table.tail = None
        yield E.div({"class": "part"}, E.h3(chart.title), table)


def _rows(count: int) -> str:
    return f"{count} row{'' if count == 1 else 's'}"


def _laid_out(parts: Iterable[HtmlElement]) -> Iterator[HtmlElement]:
    """Parts in two columns, but for those that need the width of a page."""
    columns: HtmlElement | None = None
    for part in parts:
        if _fits_a_column(part):
            if columns is None:
                columns = E.div({"class": "columns"})
                yield columns
            columns.append(part)
        else:
            columns = None
            yield part


def _fits_a_column(part: HtmlElement) -> bool:
    """Whether numbers and words stay whole in half a page; marks what its print depends on."""
    head, *body = [list(row.iterchildren("th", "td")) for row in part.iter("tr")]
    for cell in (*head, *(cell for row in body for cell in row if cell.tag == "td" and "num" not in cell.classes)):
        _let_break(cell)
    if len(body) > ROWS_KEPT_TOGETHER:
        part.classes.add("long")
    if max((len(row[0].text_content()) for row in body), default=0) <= LETTERS_OF_A_NAME:
        part.classes.add("named")
    rows = [[_unbroken(cell) for cell in row] for row in (head, *body)]
    widest = [max(row[at] for row in rows if len(row) > at) for at in range(len(head))]
    return sum(widest) + len(head) * DIGITS_OF_A_PADDING <= DIGITS_OF_A_COLUMN


def _let_break(cell: HtmlElement) -> None:
    """Long words, such as names of models, break where a reader would: after a slash, a dash, a lower letter."""
    leaf = next(cell.iterdescendants("bdi"), cell)
    if len(leaf):
        return
    if _longest(cell) > LETTERS_OF_A_HEADER:
        cell.classes.add("anywhere")
    first, *others = _PIECE.split(leaf.text or "")
    leaf.text = first
    for piece in others:
        leaf.append(E.wbr())
        leaf[-1].tail = piece


def _longest(cell: HtmlElement) -> int:
    """Letters of the longest piece of a word."""
    words = str(cell.text_content()).split()
    return max((len(piece) for word in words for piece in _PIECE.split(word)), default=0)


def _unbroken(cell: HtmlElement) -> float:
    """How wide the part is that stands on one line, in digits."""
    text = str(cell.text_content()).strip()
    if cell.tag == "td":
        return len(text) if "num" in cell.classes else min(len(text), DIGITS_OF_A_TEXT)
    letters = min(_longest(cell), LETTERS_OF_A_HEADER) if cell.get("scope") == "col" else len(text)
    return min(letters, LETTERS_OF_A_NAME) * DIGITS_OF_A_LETTER


@cache
def _style() -> str:
    return re.sub(r"\s*\n\s*", "", _STYLE.read_text(encoding="utf-8"))
