"""What is printed of a page: the figures of its charts as an appendix, whatever they hold; the page stays as it is."""

from __future__ import annotations

from collections.abc import Sequence

import lxml.html
import pytest

from runner.render.outputs import Chart
from runner.render.paper import ROWS_KEPT_TOGETHER, for_paper

PAGE = "<html><head><title>t</title></head><body><article><h1>t</h1><p>said &lt;/article></p></article></body></html>"


def chart(title: str, rows: Sequence[Sequence[str]], caption: str = "") -> Chart:
    head, *body = rows
    heads = "".join(f'<th scope="col">{text}</th>' for text in head)
    lines = "".join(
        f'<tr><th scope="row"><bdi>{first}</bdi></th>'
        + "".join(f'<td class="num">{text}</td>' for text in others)
        + "</tr>"
        for first, *others in body
    )
    table = (
        f'<table id="table-x"><caption id="table-x-caption">{caption or title}</caption>'
        f"<thead><tr>{heads}</tr></thead><tbody>{lines}</tbody></table>"
    )
    frame = f'<div class="table-scroll" tabindex="0" role="region" aria-labelledby="table-x-caption">{table}</div>'
    figures = f'<details class="figures"><summary>Figures: {title}</summary>{frame}</details>'
    return Chart((0, 0), {}, "x", title, "alt", 700, 300, figures_html=figures)


def appendix(*charts: Chart) -> lxml.html.HtmlElement:
    (found,) = lxml.html.document_fromstring(for_paper(PAGE, charts)).xpath("//article/section[@class='appendix']")
    return found


MODELS = (
    "anthropic/claude-sonnet-4-5", "openai/gpt-4o", "anthropic/claude-haiku-4-5", "gemini/gemini-2.5-pro",
    "openai/gpt-5-mini", "2 others",
)  # fmt: skip
SMALL = chart("Cost", [("Day", "Cost"), ("Mon", "$1.00"), ("Tue", "$2.00")])
BROAD = chart("Heat", [("Day", *(f"{hour:02d}:00" for hour in range(24))), ("Mon", *(["1,234"] * 24))])


def test_a_page_without_figures_gets_no_appendix() -> None:
    assert "<section" not in for_paper(PAGE, [])
    assert "<section" not in for_paper(PAGE, [Chart((0, 0), {}, "x", "t", "alt", 1, 1)])


def test_figures_stand_under_their_chart_s_title_at_the_end() -> None:
    found = appendix(SMALL)
    assert found.getprevious().tag == "p"
    assert [heading.text for heading in found.iter("h2", "h3")] == ["Figures of the charts", "Cost"]
    texts = [[cell.text_content() for cell in row] for row in found.iter("tr")]
    assert texts == [["Day", "Cost"], ["Mon", "$1.00"], ["Tue", "$2.00"]]
    assert {cell.get("scope") for cell in found.iter("th")} == {"row", "col"}


def test_no_id_of_the_page_is_said_again() -> None:
    assert not appendix(SMALL).xpath(".//@id | .//@aria-labelledby | .//details")


@pytest.mark.parametrize(
    ("caption", "said"), [("", "2 rows"), ("Cost, the first 2 of 500 rows", "the first 2 of 500 rows")]
)
def test_a_caption_says_how_many_rows(caption: str, said: str) -> None:
    rows = [("Day", "Cost"), ("Mon", "1"), ("Tue", "2")]
    assert appendix(chart("Cost", rows, caption)).findtext(".//caption") == said
    assert appendix(chart("Cost", rows[:2])).findtext(".//caption") == "1 row"


def test_what_needs_a_page_s_width_has_it_and_order_stays() -> None:
    found = appendix(SMALL, BROAD, SMALL)
    assert [part.get("class").split()[0] for part in found.xpath("./div")] == ["columns", "part", "columns"]
    assert [heading.text for heading in found.iter("h3")] == ["Cost", "Heat", "Cost"]


def test_numbers_under_names_of_models_have_a_page_s_width_before_they_are_cut_off() -> None:
    rows = [("Day", *MODELS), ("Mon 16 Nov 2026", "$15.12", "$8.90", "$2.50", "$0.7761", "$0.8823", "$0.7802")]
    assert not appendix(chart("Cost", rows)).find_class("columns")
    assert appendix(chart("Cost", [row[:5] for row in rows])).find_class("columns")


def test_only_long_tables_may_go_on_in_the_next_column() -> None:
    rows = [("Day", "Cost"), *((str(number), "1") for number in range(ROWS_KEPT_TOGETHER))]
    assert not appendix(chart("t", rows)).find_class("long")
    assert appendix(chart("t", [*rows, ("x", "1")])).find_class("long")


def test_long_words_of_headers_break_where_readers_would_and_numbers_nowhere() -> None:
    found = appendix(chart("t", [("Day", "openai/gpt-5-mini", "RateLimitError"), ("a-name/b", "-1")]))
    heads = [list(cell.itertext()) for cell in found.xpath(".//thead//th")]
    assert heads == [["Day"], ["openai/", "gpt-5-", "mini"], ["Rate", "Limit", "Error"]]
    assert "</wbr>" not in for_paper(PAGE, [BROAD])
    assert not found.xpath(".//tbody//wbr")
    assert found.find_class("named")
    assert not appendix(chart("t", [("Day", "n"), ("x" * 300, "1")])).find_class("named")


def test_a_word_without_a_place_to_break_breaks_anywhere_and_takes_no_more_room() -> None:
    found = appendix(chart("t", [("Day", "x" * 300, "short"), ("Mon", "1", "2")]))
    assert [cell.get("class") for cell in found.xpath(".//thead//th")] == [None, "anywhere", None]
    assert found.find_class("columns")
