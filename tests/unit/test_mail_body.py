"""The mail artifact: the first half minute of a report, as text and HTML, small, safe and with its markers."""

from __future__ import annotations

import re
from dataclasses import replace
from html import escape

import lxml.html
import pytest
import report_notebooks

from reports.errors import RenderError
from reports.results import Header, Results
from runner.render.mail import MAX_HTML_BYTES, Picture, compose

CARDS = report_notebooks.cards().data["text/html"]
SENTENCES = report_notebooks.highlights().data["text/html"]
HEADER = report_notebooks.header().data["text/html"]
PAGE = (
    f"<!doctype html><html lang='en'><body>{HEADER}{CARDS}{SENTENCES}<svg role='img' aria-label='x'></svg>"
    "<table><tr><td>1</td></tr></table><details class='figures'><table></table></details></body></html>"
)
PICTURE = Picture(report_notebooks.PIXEL, "Cost by model", "Bars: the large model costs most.", 600)


def text_of(body: dict[str, object]) -> str:
    return str(body["text"])


def test_the_text_says_title_period_figures_and_highlights() -> None:
    text = text_of(compose(PAGE, Results(), report_notebooks.TITLE, PICTURE))
    assert text.startswith(
        "Weekly usage summary\n====================\n\n9 to 15 November 2026 against 2 to 8 November"
    )
    assert "Requests: 10.42 M, up 19.8 % from 8.70 M\n" in text
    assert "Active users: 155, steady from 155\n" in text
    assert "What stands out\n- Cost went up 2.0 % to $9,326.92; the large model carries 31 % of it.\n" in text
    assert "Cost by model\nBars: the large model costs most." in text
    assert "The report holds 1 chart and 1 table." in text
    assert "<" not in text
    assert "↑" not in text


def test_the_html_says_the_same() -> None:
    body = compose(PAGE, Results(), report_notebooks.TITLE, PICTURE)
    words = " ".join(lxml.html.document_fromstring(body["html"]).body.text_content().split())
    for part in ("Weekly usage summary", "10.42 M", "↑ up 19.8 % from 8.70 M", *report_notebooks.HIGHLIGHTS):
        assert part in words


@pytest.mark.parametrize(("count", "spans"), [(1, [3]), (2, [1, 2]), (3, [1, 1, 1]), (7, [1, 1, 1, 1, 1, 1, 3])])
def test_the_last_figure_fills_its_row(count: int, spans: list[int]) -> None:
    items = '<li class="kpi"><span class="label">a</span></li>' * count
    cards = f'<ul class="kpis">{items}</ul>'
    html = compose(f"<html><body><h1>t</h1>{cards}</body></html>", Results(), "t", None)["html"]
    found = lxml.html.document_fromstring(str(html)).find_class("cell")
    assert [int(cell.get("colspan")) for cell in found] == spans


def test_numbers_and_units_stay_on_one_line() -> None:
    html = str(compose(PAGE, Results(), report_notebooks.TITLE, PICTURE)["html"])
    assert "10.42\u00a0M" in html
    assert "up 19.8\u00a0% from 8.70\u00a0M" in html
    assert "Cost went up 2.0\u00a0% to" in html  # also where a sentence has an ordinary space


def test_both_bodies_carry_each_marker_once() -> None:
    body = compose(PAGE, Results(), report_notebooks.TITLE, PICTURE)
    for marker in ("{{links}}", "{{footer}}"):
        assert body["text"].count(marker) == body["html"].count(marker) == 1


def test_data_cannot_bring_a_marker_of_its_own() -> None:
    hostile = PAGE.replace("Ten users", "{{links}} {{footer}}")
    picture = replace(PICTURE, title="{{links}}", alt="Bars of {{footer}}.")
    body = compose(hostile, Results(), "{{footer}}", picture)
    assert "{{" not in body["images"][0]["alt"]
    for marker in ("{{links}}", "{{footer}}"):
        assert body["text"].count(marker) == body["html"].count(marker) == 1


def test_the_chart_is_an_inline_picture_with_its_alternative() -> None:
    body = compose(PAGE, Results(), "t", PICTURE)
    assert body["images"] == [{"cid": "chart", "alt": PICTURE.alt, "png_base64": PICTURE.png_base64}]
    (image,) = lxml.html.document_fromstring(body["html"]).iter("img")
    assert (image.get("src"), image.get("alt"), image.get("width")) == ("cid:chart", PICTURE.alt, "600")


def test_without_a_chart_there_is_no_picture() -> None:
    body = compose(PAGE, Results(), "t", None)
    assert body["images"] == []
    assert "<img" not in body["html"]


def test_nothing_is_loaded_and_tables_are_only_layout() -> None:
    root = lxml.html.document_fromstring(compose(PAGE, Results(), "t", PICTURE)["html"])
    assert all(table.get("role") == "presentation" for table in root.iter("table"))
    assert not root.xpath("//script | //link | //@href | //@background")
    assert not re.findall(r"https?://|url\(", lxml.html.tostring(root, encoding="unicode"))


def test_dark_programs_get_colours_of_their_own() -> None:
    html = compose(PAGE, Results(), "t", PICTURE)["html"]
    assert '<meta name="color-scheme" content="light dark">' in html
    assert "prefers-color-scheme:dark" in html


def test_names_are_escaped() -> None:
    name = '<img src=x onerror="alert(1)">'
    hostile = PAGE.replace("Ten users", escape(name))
    html = compose(hostile, Results(), name, None)["html"]
    assert "<img" not in html
    assert "&lt;img" in html


def test_long_texts_stay_below_what_mail_programs_show() -> None:
    long = escape("&" * 5000)
    items = "".join(f"<li>{long}</li>" for _ in range(50))
    cards = "".join(f'<li class="kpi"><span class="label">{long}</span></li>' for _ in range(50))
    page = f'<html><body><h1>t</h1><ul class="kpis">{cards}</ul><ul class="highlights">{items}</ul></body></html>'
    body = compose(page, Results(), "&" * 5000, None)
    assert len(body["html"].encode()) < MAX_HTML_BYTES


def test_a_body_that_is_still_too_long_fails() -> None:
    warnings = tuple("&" * 600 for _ in range(60))
    with pytest.raises(RenderError, match="shorten"):
        compose(PAGE, Results(Header("t", (), warnings)), "t", None)


def test_records_fill_in_what_a_page_does_not_say() -> None:
    results = Results(
        Header("Own title", ("1 to 7 May 2026.", "Against April."), ("No data for 2 May.",)), highlights=("One.",)
    )
    text = text_of(compose("<html><body><h1>x</h1></body></html>", results, "t", None))
    assert "Own title" in text
    assert "1 to 7 May 2026.\nAgainst April." in text
    assert "Please note: No data for 2 May." in text
    assert "- One." in text


def test_an_empty_report_still_is_a_mail() -> None:
    text = text_of(compose("<html><body><h1>x</h1></body></html>", Results(), "Only a title", None))
    assert text == "Only a title\n============\n\n{{links}}\n\n-- \n{{footer}}\n"


def test_a_mail_says_its_language_and_that_it_is_one() -> None:
    root = lxml.html.document_fromstring(compose(PAGE.replace("lang='en'", "lang='de'"), Results(), "t", None)["html"])
    assert root.get("lang") == "de"
    (frame,) = root.xpath("//*[@role='article']")
    assert (frame.get("aria-roledescription"), frame.get("lang")) == ("email", "de")


def test_every_table_of_a_mail_is_for_layout_and_says_so() -> None:
    root = lxml.html.document_fromstring(compose(PAGE, Results(), "t", PICTURE)["html"])
    assert {table.get("role") for table in root.iter("table")} == {"presentation"}
    assert not root.xpath("//th | //caption | //thead")


def test_headings_of_a_mail_go_down_one_level_at_a_time() -> None:
    root = lxml.html.document_fromstring(compose(PAGE, Results(), "t", PICTURE)["html"])
    assert [heading.tag for heading in root.iter("h1", "h2", "h3", "h4")] == ["h1", "h2", "h2"]


def test_arrows_are_for_eyes_only() -> None:
    root = lxml.html.document_fromstring(compose(PAGE, Results(), "t", None)["html"])
    arrows = root.xpath("//*[contains(text(), '↑') or contains(text(), '→')]")
    assert arrows
    assert all(arrow.get("aria-hidden") == "true" for arrow in arrows)


def test_the_order_of_reading_is_that_of_the_text() -> None:
    body = compose(PAGE, Results(), "t", PICTURE)
    words = " ".join(lxml.html.document_fromstring(body["html"]).body.text_content().split())
    text = " ".join(text_of(body).split())
    parts = ("9 to 15 November", "10.42", "$9,326.92", "What stands out", "Ten users", "Cost by model", "{{links}}")
    for whole in (words, text):
        places = [whole.index(part) for part in parts]
        assert places == sorted(places)
