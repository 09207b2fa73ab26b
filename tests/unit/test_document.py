"""The order of a report: one main heading in a header, sections, pairs, ids that are used once."""

from __future__ import annotations

import lxml.html
import pytest
from lxml.html import HtmlElement

from runner.render.document import arrange, running_title

HALF = '<div class="output half"><div class="chart">{}</div></div>'


def arranged(*blocks: str, title: str = "Given") -> HtmlElement:
    return lxml.html.fragment_fromstring(arrange("".join(blocks), title))


def cell(html: str) -> str:
    return f'<div class="cell">{html}</div>'


def output(html: str) -> str:
    return f'<div class="output">{html}</div>'


KIT_HEADER = output('<header class="report-header"><h1>Kit</h1><p>x</p></header>')


def test_the_header_of_the_kit_comes_first_and_the_notebooks_own_title_is_not_said_twice() -> None:
    article = arranged(cell("<h1>Kit</h1><p>What this notebook is.</p>"), KIT_HEADER, cell("<h1>Other</h1>"))
    assert article.xpath("//h1/text()") == ["Kit"]
    assert article[0].tag == "header"
    assert article.xpath("//h2/text()") == ["Other"]
    assert article.xpath("//p/text()") == ["x", "What this notebook is."]


def test_without_a_kit_the_first_heading_is_the_main_one() -> None:
    article = arranged(cell("<p>Intro</p>"), cell("<h1>Mine</h1>"), cell("<h1>Second</h1>"))
    assert article.xpath("./header[@class='report-header']/h1/text()") == ["Mine"]
    assert article.xpath("//h2/text()") == ["Second"]


@pytest.mark.parametrize("blocks", [[], [cell("<p>text</p>")], [cell("<h2>Part</h2>")]])
def test_without_any_heading_the_title_is_the_main_one(blocks: list[str]) -> None:
    assert arranged(*blocks, title="A <b> & c").xpath("./header/h1/text()") == ["A <b> & c"]


def test_each_second_level_heading_opens_a_section() -> None:
    article = arranged(
        cell("<p>lead</p><h2>One</h2><p>a</p>"), output("<p>b</p>"), cell("<h2>Two</h2>"), output("<p>c</p>")
    )
    assert [section.findtext("h2") for section in article.xpath("./section")] == ["One", "Two"]
    assert article.xpath("./section[1]/p/text()") == ["a", "b"]
    assert article.xpath("./p/text()") == ["lead"]


def test_a_footer_ends_the_section_before_it() -> None:
    article = arranged(cell("<h2>One</h2>"), output('<footer class="definitions"><h2>About</h2></footer>'))
    assert [child.tag for child in article] == ["header", "section", "footer"]


def test_no_heading_level_is_skipped() -> None:
    article = arranged(cell("<h1>a</h1><h4>b</h4><h6>c</h6><h2>d</h2><h3>e</h3>"))
    assert [h.tag for h in article.iter("h1", "h2", "h3", "h4")] == ["h1", "h2", "h3", "h2", "h3"]


def test_two_sections_with_one_half_chart_each_stand_side_by_side() -> None:
    article = arranged(cell("<h2>A</h2>"), HALF.format(1), cell("<h2>B</h2>"), HALF.format(2), cell("<h2>C</h2>"))
    assert article.xpath("./div[@class='two']/section/h2/text()") == ["A", "B"]
    assert article.xpath("./section/h2/text()") == ["C"]


def test_two_half_charts_in_one_section_stand_side_by_side_and_a_third_alone() -> None:
    article = arranged(cell("<h2>A</h2>"), HALF.format(1), HALF.format(2), HALF.format(3))
    assert [len(pair) for pair in article.xpath("./section/div[@class='two']")] == [2]
    assert len(article.xpath("./section/div[contains(@class, 'half')]")) == 1


def test_ids_become_unique_and_labels_follow() -> None:
    table = '<div aria-labelledby="c"><table><caption id="c">x</caption></table><a href="#c">y</a></div>'
    article = arranged(output(table), output(table), output(table))
    assert article.xpath("//caption/@id") == ["c", "c-2", "c-3"]
    assert article.xpath("//div/@aria-labelledby") == ["c", "c-2", "c-3"]
    assert article.xpath("//a/@href") == ["#c", "#c-2", "#c-3"]


def test_text_between_and_after_pieces_is_kept() -> None:
    article = arranged(cell("loose <b>text</b> tail"), output("<pre>printed</pre>"))
    assert article.text_content() == "Givenloose text tailprinted"


@pytest.mark.parametrize("title", ['a "quoted"', "</style><script>", "back\\slash", "Ünïcode 日本", "x" * 300])
def test_the_running_title_cannot_leave_its_string(title: str) -> None:
    text = running_title(title)
    assert text.startswith('"')
    assert text.endswith('"')
    assert set(text[1:-1]) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 \\")
    assert len(text) < 600


def test_a_foreign_picture_is_named_as_left_out_and_others_get_a_name() -> None:
    article = arranged(cell('<p>a<img alt="gone">b<img>c<img src="data:image/png;base64,AA"></p>'))
    remark = "[Not in the report: a picture from elsewhere{}]"
    assert article.text_content() == f"Givena{remark.format(', gone')}b{remark.format('')}c"
    assert article.xpath("//img/@alt") == ["Picture without a description"]


@pytest.mark.parametrize(("columns", "wide"), [(9, False), (10, True)])
def test_tables_too_wide_for_paper_are_marked(columns: int, wide: bool) -> None:
    article = arranged(output(f"<table><tr>{'<td>1</td>' * columns}</tr></table>"))
    assert bool(article.xpath("//table[@class='wide']")) is wide


@pytest.mark.parametrize(
    ("heads", "cells", "wide"),
    [
        (["Requests"] * 6, ["1,234,567"] * 6, False),
        (["Requests"] * 6, ["1,234,567.123456789"] * 6, True),
        (["average_duration_of_requests_ms"] * 6, ["1"] * 6, True),
        (["words that may break anywhere they like"] * 6, ["1"] * 6, False),
    ],
)
def test_tables_of_long_numbers_or_words_are_marked(heads: list[str], cells: list[str], wide: bool) -> None:
    head = "".join(f'<th scope="col">{text}</th>' for text in ["User", *heads])
    body = "<th>a name that may break</th>" + "".join(f'<td class="num">{text}</td>' for text in cells)
    article = arranged(output(f"<table><thead><tr>{head}</tr></thead><tbody><tr>{body}</tr></tbody></table>"))
    assert bool(article.xpath("//table[@class='wide']")) is wide
