"""SVG inside a page: one text alternative, ids of its own, small, safe, and patterns as vectors."""

from __future__ import annotations

import re

import pytest
from lxml import etree

from reports.errors import RenderError
from runner.render.svg import embed

HEAD = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="100" height="50"'


def svg(inner: str, attributes: str = "") -> str:
    return f"{HEAD} {attributes}>{inner}</svg>"


def tree(text: str) -> etree._Element:
    return etree.fromstring(text)


def test_it_is_one_picture_with_its_alternative() -> None:
    root = tree(embed(svg("<rect/>", 'aria-label="old" role="none"'), 'a "b" <c> & d', "p1"))
    assert (root.get("role"), root.get("aria-label")) == ("img", 'a "b" <c> & d')


def test_a_view_box_makes_it_scale() -> None:
    assert tree(embed(svg("<rect/>"), "x", "p1")).get("viewBox") == "0 0 100 50"


def test_ids_are_its_own_and_references_follow() -> None:
    drawing = svg(
        '<defs><clipPath id="clip1"><rect/></clipPath></defs>'
        '<g clip-path="url(#clip1)" style="clip-path: url(\'#clip1\')">'
        '<path id="unused" d="M0,0L1,1"/></g><use xlink:href="#clip1"/>'
    )
    first, second = embed(drawing, "x", "p1"), embed(drawing, "x", "p2")
    assert set(re.findall(r'id="([^"]+)"', first)) == {"p1-0"}
    assert set(re.findall(r'id="([^"]+)"', second)) == {"p2-0"}
    assert first.count("#p1-0") == 3
    assert "clip1" not in first


def test_it_is_shortened_without_losing_marks() -> None:
    drawing = svg(
        '<g class="layer"><g class="empty"/></g><path class="ygrid crisp" d="M1.23456,2.98765h7" '
        'style="stroke: rgb(228, 231, 236); stroke-opacity: 1; fill: none;"/>'
    )
    short = embed(drawing, "x", "p1")
    assert "class" not in short
    assert "<g" not in short
    assert 'd="M1.23,2.98h7"' in short
    assert "stroke:#e4e7ec;fill:none" in short


def test_labels_keep_their_text_and_share_their_font() -> None:
    label = '<text style="font-family: Arial, sans-serif; font-size: 12px;">{}</text>'
    short = embed(svg(label.format("Mon") + label.format("a &lt;b&gt;")), "x", "p1")
    assert short.count("font-family") == 1
    assert [e.text for e in tree(short).iter("{*}text")] == ["Mon", "a <b>"]


@pytest.mark.parametrize(
    "attack",
    [
        "<script>alert(1)</script>",
        '<rect onload="alert(1)"/>',
        '<a xlink:href="javascript:alert(1)"><text>x</text></a>',
        '<image xlink:href="https://example.org/x.png"/>',
        '<image href="file:///etc/passwd"/>',
        '<use xlink:href="https://example.org/x.svg#a"/>',
        '<foreignObject><p xmlns="http://www.w3.org/1999/xhtml"><img onerror="alert(1)"/></p></foreignObject>',
        "<style>@import url(https://example.org/x.css)</style>",
        '<rect style="fill: url(https://example.org/x.svg#a)"/>',
        '<animate attributeName="href" values="javascript:alert(1)"/>',
        '<set attributeName="onload" to="alert(1)"/>',
    ],
)
def test_nothing_runs_and_nothing_is_loaded(attack: str) -> None:
    safe = embed(svg(f"<rect/>{attack}<rect/>"), "x", "p1")
    for word in ("alert", "example.org", "/etc/passwd", "script", "foreignObject", "animate", "<set"):
        assert word not in safe


def test_entities_are_not_read() -> None:
    bomb = f'<!DOCTYPE svg [<!ENTITY a SYSTEM "file:///etc/passwd">]>{svg("<text>&a;</text>")}'
    assert "root:" not in embed(bomb, "x", "p1")


@pytest.mark.parametrize("text", ["", "no svg", "<svg", "<html/>"])
def test_what_is_no_svg_is_refused(text: str) -> None:
    with pytest.raises(RenderError, match="no valid SVG"):
        embed(text, "x", "p1")


def test_an_alternative_with_unprintable_characters_is_cleaned() -> None:
    assert tree(embed(svg("<rect/>"), "a\x00b\ud800", "p1")).get("aria-label") == "a\ufffdb\ufffd"


LINES = (
    '<pattern id="pat" width="10px" height="10px" patternUnits="userSpaceOnUse"><rect width="10px" height="10px" '
    'fill="rgb(1, 2, 3)"/><path d="M-2.5,2.5l5,-5M0,10L10,0M7.5,12.5l5,-5" stroke="#fff" stroke-width="1px"/></pattern>'
)
DOTS = (
    '<pattern id="pat" width="10px" height="10px" patternUnits="userSpaceOnUse"><rect width="10px" height="10px" '
    'fill="rgb(1, 2, 3)"/><circle cx="5" cy="5" r="2" fill="#fff"/></pattern>'
)


def bar(pattern: str, path: str) -> etree._Element:
    return tree(embed(svg(f'<defs>{pattern}</defs><path d="{path}" style="fill: url(\'#pat\');"/>'), "x", "p1"))


def paths(root: etree._Element) -> list[etree._Element]:
    return [path for path in root.iter("{*}path") if path.getparent() is root]


def test_a_bar_filled_with_lines_becomes_lines_inside_the_bar() -> None:
    ground, lines = paths(bar(LINES, "M20,40V10H50V40Z"))
    assert ground.get("style") == "fill:rgb(1, 2, 3)"
    numbers = [float(number) for number in re.findall(r"-?[\d.]+", lines.get("d", ""))]
    assert all(20 <= x <= 50 for x in numbers[::2])
    assert all(10 <= y <= 40 for y in numbers[1::2])
    # x + y = 40, 50, 60, 70, 80: every diagonal once
    assert sorted({round(x + y) for x, y in zip(numbers[::2], numbers[1::2], strict=True)}) == [40, 50, 60, 70, 80]
    assert lines.get("d", "").count("M") == 5


def test_a_bar_filled_with_dots_becomes_dots_inside_the_bar() -> None:
    _, dots = paths(bar(DOTS, "M20,40V10H50V40Z"))
    assert dots.get("d", "").count("h0") == 9
    assert (dots.get("stroke-width"), dots.get("stroke-linecap")) == ("4.0", "round")


def test_no_pattern_is_left_to_print_as_a_picture() -> None:
    assert not list(bar(LINES, "M20,40V10H50V40Z").iter("{*}pattern"))


def test_a_shape_that_is_no_bar_keeps_its_pattern() -> None:
    root = bar(LINES, "M20,40A5,5 0 0 1 50,40Z")
    (shape,) = paths(root)
    assert "url(#p1-0)" in shape.get("style", "")
    assert len(list(root.iter("{*}pattern"))) == 1


@pytest.mark.parametrize("height", [0.0, 0.4, 900.0])
def test_bars_of_any_height_are_drawn(height: float) -> None:
    assert paths(bar(LINES, f"M20,{10 + height}V10H50V{10 + height}Z"))
