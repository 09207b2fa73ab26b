"""The gate: each fault is found and told with its place; what an analyst left out is mended and remarked on."""

from __future__ import annotations

from typing import Any

import lxml.html
import pytest
from nbformat.v4 import new_markdown_cell, new_notebook

from reports.errors import RenderError
from runner.render.accessibility import check_charts, page_faults, remarks
from runner.render.document import arrange
from runner.render.outputs import Chart

PAGE = (
    '<!doctype html><html lang="en"><head><title>t</title></head><body><h1>t</h1><h2>Users</h2>'
    '<p><a href="https://example.org">the handbook</a></p><svg role="img" aria-label="alt"></svg>'
    '<table id="a"><caption>c</caption><tr><th scope="col">x</th></tr></table></body></html>'
)
PALE = '<svg xmlns="http://www.w3.org/2000/svg"><text fill="#bbb">Monday</text></svg>'
DARK = PALE.replace("#bbb", "#111")


def faults(page: str) -> list[str]:
    return page_faults(lxml.html.document_fromstring(page))


def test_a_page_without_faults() -> None:
    assert faults(PAGE) == []


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (' lang="en"', "", "it has no language"),
        ("<title>t</title>", "<title> </title>", "it has no title"),
        ("<h1>t</h1>", "", "it has not exactly one main heading"),
        ("<h2>Users</h2>", "<h3>Users</h3>", "a heading skips a level (<h3> 'Users' under “Users”)"),
        ("<h2>Users</h2>", "<h2> </h2>", "a heading is empty (<h2> under “t”)"),
        ("the handbook", "", "a link has no words (<a> under “Users”)"),
        ('aria-label="alt"', "", "a picture has no text alternative (<svg> under “Users”)"),
        ("<caption>c</caption>", "", "a table has no caption (<table> 'a' under “Users”)"),
        (' scope="col"', "", "a header cell has no scope (<th> 'x' under “Users”)"),
        ('<th scope="col">x</th>', "<td>x</td>", "a table has no header (<table> 'a' under “Users”)"),
        ("</body>", '<p id="a">again</p></body>', "an id is used twice (<table> 'a' under “Users”; <p> 'a' under"),
        ("</body>", '<p aria-labelledby="b">x</p></body>', "a label is missing (<p> 'x' under “Users”)"),
    ],
)
def test_each_fault_is_told_with_its_place(old: str, new: str, told: str) -> None:
    assert old in PAGE
    found = faults(PAGE.replace(old, new, 1))
    assert any(each.startswith(told) for each in found), found


def test_many_places_are_counted() -> None:
    links = "".join(f'<h2>Part {number}</h2><a href="#"></a>' for number in range(8))
    (told,) = faults(PAGE.replace("</body>", f"{links}</body>"))
    assert told.endswith("and 5 more)")


def test_a_link_is_named_by_its_picture_or_label() -> None:
    for inner in ('<img src="data:x" alt="home">', '<svg role="img" aria-label="home"></svg>'):
        assert faults(PAGE.replace("the handbook", inner)) == []
    assert faults(PAGE.replace(">the handbook", ' aria-label="home">')) == []


def chart(by_kit: bool) -> Chart:
    return Chart((0, 0), {}, "c", "Requests", "alt", 100, 100, by_kit=by_kit)


def test_faint_words_fail_a_chart_of_the_kit() -> None:
    assert check_charts([chart(True)], [DARK]) == []
    with pytest.raises(RenderError, match=r"“Requests”: “Monday” in #bbb has a contrast of 1\.9 to 1") as caught:
        check_charts([chart(True)], [PALE])
    assert caught.value.permanent


def test_faint_words_of_an_analysts_figure_are_a_remark() -> None:
    (said,) = check_charts([chart(False), chart(False)], [PALE, DARK])
    assert "“Monday”" in said
    assert "4.5 to 1 is needed" in said


def notebook(*texts: str) -> Any:
    return new_notebook(cells=[new_markdown_cell(text) for text in texts])


def test_jumping_headings_are_raised_and_remarked_on() -> None:
    texts = ("# Title", "#### Deep", "##### Deeper", "```\n###### code\n```")
    body = '<div class="cell"><h1>Title</h1></div><div class="cell"><h4>Deep</h4><h5>Deeper</h5></div>'
    root = lxml.html.fromstring(arrange(body, "Title"))
    assert [heading.tag for heading in root.iter("h1", "h2", "h3", "h4", "h5")] == ["h1", "h2", "h3"]
    assert remarks(notebook(*texts), PAGE) == ["A heading `####` follows `#`; it was raised to `##`."]


def test_names_that_were_made_up_are_remarked_on() -> None:
    page = (
        PAGE.replace('aria-label="alt"', 'aria-label="Figure 2"')
        .replace("<caption>c", '<caption id="frame-1">Table 1')
        .replace("</body>", '<img src="data:x" alt="Sales by month"></body>')
    )
    found = remarks(notebook("# t"), page)
    assert [each.partition(" has")[0] for each in found] == ["“Figure 2”", "“Table 1”"]
    assert '{"gazette": {"alt": "..."}}' in found[0]


def test_a_table_of_the_kit_may_be_called_table_1() -> None:
    assert remarks(notebook("# t"), PAGE.replace("<caption>c", '<caption id="top-caption">Table 1')) == []


def test_remarks_are_said_once() -> None:
    twice = PAGE.replace("</body>", '<img src="data:x" alt="Figure 1"><img src="data:x" alt="Figure 1"></body>')
    assert len(remarks(notebook("# t"), twice)) == 1


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ('<p><a href="https://example.org/x"></a></p>', "https://example.org/x"),
        ('<p><a href="mailto:ada@example.org"> </a></p>', "ada@example.org"),
        ('<p><a href="https://example.org">words</a></p>', "words"),
    ],
)
def test_links_without_words_are_named_by_their_address(written: str, shown: str) -> None:
    root = lxml.html.fromstring(arrange(f'<div class="cell">{written}</div>', "t"))
    assert [link.text_content() for link in root.iter("a")] == [shown]


def test_headings_without_words_are_left_out() -> None:
    root = lxml.html.fromstring(arrange('<div class="cell"><h2></h2><p>text</p><h2>kept</h2></div>', "t"))
    assert [heading.text for heading in root.iter("h2")] == ["kept"]
    assert "text" in root.text_content()
