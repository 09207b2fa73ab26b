"""Contrast by WCAG 2: known ratios, colours as they are written, the palette on its grounds, words of a drawing."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import runner.render
from reports.kit import palette
from runner.render.contrast import ENOUGH, WHITE, Color, faint_texts, parse, ratio

STYLE = (Path(runner.render.__file__).parent / "templates" / "report" / "report.css").read_text(encoding="utf-8")
MAIL = (Path(runner.render.__file__).parent / "templates" / "mail" / "mail.html.j2").read_text(encoding="utf-8")
GRAPHIC = 3.0  # WCAG 2.1, success criterion 1.4.11: shapes that carry meaning


def color(text: str) -> Color:
    found = parse(text)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("#000", "#fff", 21.0),
        ("#fff", "#fff", 1.0),
        ("#767676", "#fff", 4.54),
        ("#00f", "#ffffff", 8.59),
        ("#f00", "#fff", 4.0),
    ],
)
def test_known_ratios(first: str, second: str, expected: float) -> None:
    assert ratio(color(first), color(second)) == pytest.approx(expected, abs=0.03)
    assert ratio(color(second), color(first)) == ratio(color(first), color(second))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("#abc", (170, 187, 204)),
        ("#AABBCC", (170, 187, 204)),
        ("rgb(1, 2, 3)", (1, 2, 3)),
        ("rgba(0,0,0,0.5)", (127.5, 127.5, 127.5)),
        ("white", (255, 255, 255)),
        (" Black ", (0, 0, 0)),
        ("rgba(0,0,0,0)", None),
        ("none", None),
        ("url(#p)", None),
        ("transparent", None),
    ],
)
def test_colours_as_they_are_written(text: str, expected: Color | None) -> None:
    assert parse(text) == expected


@given(*[st.tuples(*[st.floats(0, 255)] * 3)] * 2)
def test_a_ratio_is_from_1_to_21(first: Color, second: Color) -> None:
    assert 1 <= ratio(first, second) <= 21.01


def variables() -> dict[str, str]:
    return dict(re.findall(r"--([\w-]+):(#[0-9a-f]{3,6})", STYLE))


@pytest.mark.parametrize("ground", ["#ffffff", "tint", "#fdf8e9"])
@pytest.mark.parametrize("words", ["ink", "quiet", "accent"])
def test_words_of_the_page_are_readable_on_every_ground(words: str, ground: str) -> None:
    named = variables()
    assert ratio(color(named[words]), color(named.get(ground, ground))) >= ENOUGH


def test_the_page_uses_no_colour_that_is_not_known_here() -> None:
    known = {*variables().values(), "#fff", "#fdf8e9", "#555d68"}
    assert set(re.findall(r"#[0-9a-f]{3,6}\b", STYLE)) <= known


@pytest.mark.parametrize("name", [*palette.SERIES, palette.INK, palette.QUIET, palette.PREVIOUS])
def test_colours_of_charts_stand_out_from_white(name: str) -> None:
    assert ratio(color(name), WHITE) >= (ENOUGH if name != palette.PREVIOUS else GRAPHIC)


def test_words_of_a_mail_are_readable_by_day_and_by_night() -> None:
    for words in ("#1b1f24", "#555d68", "#0b57a4"):
        assert words in MAIL
        for ground in ("#ffffff", "#f5f7fa", "#fdf8e9"):
            assert ratio(color(words), color(ground)) >= ENOUGH
    for words in ("#f1f3f5", "#b4bcc6", "#7db8f0"):
        assert words in MAIL
        for ground in ("#1b1f24", "#262c33"):
            assert ratio(color(words), color(ground)) >= ENOUGH


def drawing(inner: str, style: str = "") -> str:
    return f'<svg xmlns="http://www.w3.org/2000/svg" style="{style}">{inner}</svg>'


@pytest.mark.parametrize(
    ("inner", "faint"),
    [
        ('<text style="fill: rgb(27, 31, 36); fill-opacity: 1">dark</text>', False),
        ('<text style="fill: #aaa">pale</text>', True),
        ('<text fill="#aaa">pale</text>', True),
        ('<g style="fill:#aaa"><text><tspan>pale</tspan></text></g>', True),
        ('<text style="fill:#000;fill-opacity:0.3">thin</text>', True),
        ('<text style="fill:#fff">on a bar</text>', True),
        ('<rect style="fill:#0b57a4"/><text style="fill:#fff">on a bar</text>', False),
        ('<rect style="fill:#0b57a4;fill-opacity:0"/><text style="fill:#fff">on nothing</text>', True),
        ('<text style="fill:#888;font-size:26px">large</text>', False),
        ('<text style="fill:#888;font-size:19px;font-weight:bold">large</text>', False),
        ('<text style="fill:#888;font-size:19px">small</text>', True),
        ('<text style="fill:#eee"> </text>', False),
        ('<text style="fill:none">outline</text>', False),
    ],
)
def test_faint_words_are_found(inner: str, faint: bool) -> None:
    assert bool(faint_texts(drawing(inner))) is faint


def test_a_dark_ground_makes_dark_words_faint() -> None:
    words = '<text style="fill:#1b1f24">dark</text>'
    assert [each.text for each in faint_texts(drawing(words, "background: rgb(30, 30, 30);"))] == ["dark"]
    assert faint_texts(drawing(words.replace("#1b1f24", "#fff"), "background: rgb(30, 30, 30);")) == []


def test_a_finding_names_words_colour_and_ratio() -> None:
    (found,) = faint_texts(drawing('<text fill="#aaa">pale  words</text><text fill="#aaa">pale words</text>'))
    assert str(found) == "“pale words” in #aaa has a contrast of 2.3 to 1"


def test_what_is_no_drawing_has_no_words() -> None:
    assert faint_texts("<svg") == []
