"""Tables are real ones, and whatever stands in data stays text."""

from __future__ import annotations

from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import html
from markupsafe import Markup

from reports.model import DeliveryState, RunState
from web.components import status_text, tables
from web.components.tables import Column, Table

COLUMNS = (Column("Name", wide=True), Column("Size", number=True))


def parsed(markup: Markup) -> Any:
    return cast(Any, html.fromstring(str(markup)))


def test_a_table_has_a_caption_and_headers_with_scope() -> None:
    found = parsed(tables.to_html(Table("Files", COLUMNS, [("a", "1"), ("b", "2")])))
    assert found.xpath("//caption/text()") == ["Files"]
    assert found.xpath("//thead/tr/th[@scope='col']/text()") == ["Name", "Size"]
    assert found.xpath("//tbody/tr/th[@scope='row']/text()") == ["a", "b"]
    assert found.xpath("//td[@class='gz-number']/text()") == ["1", "2"]


def test_several_in_one_cell_stay_in_one_line() -> None:
    found = parsed(tables.joined([tables.link("a", "PDF", "of May"), tables.link("b", "Excel", "of May")]))
    assert (found.get("class"), found.text_content().split()) == ("gz-line", ["PDF", "of", "May", "Excel", "of", "May"])


def test_a_column_may_stay_in_sight_on_a_narrow_screen() -> None:
    found = parsed(tables.to_html(Table("Files", (*COLUMNS, Column("You", stays=True)), [("a", "1", "x")])))
    assert found.xpath("//tbody//td[@class='gz-stays']/text()") == ["x"]


def test_its_frame_can_be_reached_and_is_named() -> None:
    frame = parsed(tables.to_html(Table("Files", COLUMNS, [])))
    assert (frame.get("role"), frame.get("tabindex"), frame.get("aria-label")) == ("region", "0", "Files")


@given(st.text(alphabet="<>&\"'/ab= ", max_size=40))
def test_no_text_becomes_markup(text: str) -> None:
    found = parsed(tables.to_html(Table(text, (Column(text),), [(text,)])))
    assert {element.tag for element in found.iter()} <= {"div", "table", "caption", "thead", "tbody", "tr", "th"}
    assert found.xpath("string(//tbody/tr/th)") == text
    assert found.get("aria-label") == text


@given(st.text(alphabet="<>&\"'/ab=?#% ", max_size=40))
def test_no_text_leaves_its_link(text: str) -> None:
    (found,) = parsed(Markup("<p>{}</p>").format(tables.link("run", text, text, id=text))).iterchildren()
    assert found.tag == "a"
    assert found.get("href").startswith("run?id=")
    assert set(found.keys()) == {"href", "target"}


def test_like_links_have_names_of_their_own() -> None:
    first, second = (parsed(tables.link("run", "Open", f"run {number}", id=str(number))) for number in (1, 2))
    assert first.text_content() != second.text_content()


def test_a_row_with_a_cell_too_few_is_an_error_of_ours() -> None:
    with pytest.raises(ValueError, match="zip"):
        tables.to_html(Table("Files", COLUMNS, [("a",)]))


@pytest.mark.parametrize("state", RunState)
def test_a_run_state_is_a_word_with_a_sign(state: RunState) -> None:
    found = parsed(status_text.run_state(state))
    sign, word = found.text_content().split(" ", 1)
    assert word == state.value
    assert sign in "●○▲■–"
    assert found.xpath("span/@aria-hidden") == ["true"]


def test_signs_tell_success_from_failure_without_colour() -> None:
    words = {state: parsed(status_text.run_state(state)).text_content()[0] for state in RunState}
    assert words[RunState.SUCCEEDED] == "●"
    assert words[RunState.FAILED] == "■"
    assert words[RunState.MISSED] == "▲"
    assert words[RunState.QUEUED] == words[RunState.RUNNING] == "○"


@pytest.mark.parametrize("state", DeliveryState)
def test_every_delivery_state_has_a_sign(state: DeliveryState) -> None:
    assert state.value in status_text.delivery_state(state)
