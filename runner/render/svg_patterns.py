"""Draw the pattern fills of bars as lines and dots.

Chromium prints a pattern fill as a picture, 75 kB a bar and no longer sharp. Plotly's patterns on rectangles, which is
what bars are, come out as vectors instead; on any other shape the pattern stays.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass

from lxml import etree

SVG = "http://www.w3.org/2000/svg"
MAX_MARKS = 4000  # of one shape; a shape with more keeps its pattern

_NUMBER = r"(-?\d+(?:\.\d+)?)"
_BAR = re.compile(rf"M{_NUMBER},{_NUMBER}V{_NUMBER}H{_NUMBER}V{_NUMBER}Z")
_FILL = re.compile(r"fill:\s*url\(\s*['\"]?#([^'\")]+)['\"]?\s*\)")
_STEP = re.compile(rf"([MmLl]){_NUMBER}[, ]{_NUMBER}")


@dataclass(frozen=True)
class Box:
    left: float
    top: float
    right: float
    bottom: float


@dataclass(frozen=True)
class Marks:
    """A pattern's drawing: a solid ground, and either lines or one dot a tile. Lengths in pixels."""

    width: float
    height: float
    ground: dict[str, str]
    look: dict[str, str]
    lines: tuple[tuple[float, float, float, float], ...] = ()
    dot: tuple[float, float, float] | None = None  # x, y, radius


def draw_patterns(root: etree._Element) -> None:
    """Replace pattern fills of rectangles inside `root`."""
    patterns = {
        identity: marks
        for pattern in root.iter(f"{{{SVG}}}pattern")
        if (identity := pattern.get("id")) and (marks := _marks(pattern)) is not None
    }
    for shape in list(root.iter(f"{{{SVG}}}path")):
        filled = _FILL.search(shape.get("style", ""))
        bar = _BAR.fullmatch(shape.get("d", ""))
        if filled and bar and filled[1] in patterns:
            _draw(shape, _box(bar), patterns[filled[1]])


def _box(bar: re.Match[str]) -> Box:
    x, y, y2, x2 = (float(bar[number]) for number in (1, 2, 3, 4))
    return Box(min(x, x2), min(y, y2), max(x, x2), max(y, y2))


def _marks(pattern: etree._Element) -> Marks | None:
    """What the pattern draws, or None if it is not one of Plotly's."""
    width, height = (_pixels(pattern.get(name, "")) for name in ("width", "height"))
    if not width or not height or (pattern.get("patternTransform") or "").strip():
        return None
    ground: dict[str, str] = {}
    for child in pattern:
        kind = etree.QName(child).localname
        attributes = {str(name): str(value) for name, value in child.attrib.items()}
        if kind == "rect":
            ground = _only(attributes, "fill", "fill-opacity")
        elif kind == "path" and (lines := _lines(attributes.get("d", ""))):
            return Marks(width, height, ground, _look(attributes, attributes.get("stroke", "")), lines=lines)
        elif kind == "circle":
            x, y, radius = (_pixels(attributes.get(name, "")) for name in ("cx", "cy", "r"))
            look = _look(attributes, attributes.get("fill", ""))
            return Marks(width, height, ground, look, dot=(x, y, radius)) if radius else None
    return None


def _look(attributes: dict[str, str], color: str) -> dict[str, str]:
    """The stroke's look. The opacity is the stroke's: Chromium prints a see-through element as a drawing of its own."""
    return {"stroke": color, "stroke-opacity": attributes.get("opacity", "1"), **_only(attributes, "stroke-width")}


def _only(attributes: dict[str, str], *names: str) -> dict[str, str]:
    return {name: attributes[name] for name in names if name in attributes}


def _pixels(text: str) -> float:
    number = text.removesuffix("px")
    return float(number) if re.fullmatch(_NUMBER, number) else 0.0


def _lines(path: str) -> tuple[tuple[float, float, float, float], ...]:
    """The straight lines of a path; nothing if it has other parts."""
    if _STEP.sub("", path).strip(" ,"):
        return ()
    x = y = 0.0
    lines = []
    for command, first, second in _STEP.findall(path):
        relative = command.islower()
        to_x, to_y = float(first) + x * relative, float(second) + y * relative
        if command in "Ll":
            lines.append((x, y, to_x, to_y))
        x, y = to_x, to_y
    return tuple(lines)


def _draw(shape: etree._Element, box: Box, marks: Marks) -> None:
    data = list(_dots(box, marks) if marks.dot else _strokes(box, marks))
    if len(data) > MAX_MARKS:
        return
    style = _FILL.sub(
        ";".join(f"{name}:{value}" for name, value in marks.ground.items()) or "fill:none", shape.get("style", "")
    )
    shape.set("style", style)
    if not data:
        return
    look = dict(marks.look)
    if marks.dot:
        look |= {"stroke-width": f"{marks.dot[2] * 2:.1f}", "stroke-linecap": "round"}
    drawn = etree.Element(f"{{{SVG}}}path", {"d": "".join(data), "fill": "none", **look})
    if shape.get("transform"):
        drawn.set("transform", shape.get("transform", ""))
    shape.addnext(drawn)


def _dots(box: Box, marks: Marks) -> Iterator[str]:
    """A dot of each tile that lies wholly inside; a stroke of no length with round ends is a dot."""
    assert marks.dot is not None
    x, y, radius = marks.dot
    for row in _inside(y, marks.height, box.top + radius, box.bottom - radius):
        for column in _inside(x, marks.width, box.left + radius, box.right - radius):
            yield f"M{column:.1f},{row:.1f}h0"


def _inside(first: float, step: float, low: float, high: float) -> Iterator[float]:
    number = math.ceil((low - first) / step)
    while (value := first + number * step) <= high:
        yield value
        number += 1


def _strokes(box: Box, marks: Marks) -> Iterator[str]:
    """Every tile's lines joined and cut at the box. A line a*x + b*y = c repeats in c with the tile's size."""
    seen: set[tuple[float, float, float]] = set()
    for x, y, to_x, to_y in marks.lines:
        a, b = to_y - y, x - to_x
        length = math.hypot(a, b)
        if not length:
            continue
        a, b = a / length, b / length
        if a < 0 or (a == 0 and b < 0):
            a, b = -a, -b
        step = min(size for size in (abs(a) * marks.width, abs(b) * marks.height) if size > 0.01)
        first = (a * x + b * y) % step
        key = (round(a, 2), round(b, 2), round(first, 1) % round(step, 1))
        if key not in seen:
            seen.add(key)
            yield from _parallels(box, a, b, first, step)


def _parallels(box: Box, a: float, b: float, first: float, step: float) -> Iterator[str]:
    corners = [a * x + b * y for x in (box.left, box.right) for y in (box.top, box.bottom)]
    for c in _inside(first, step, min(corners), max(corners)):
        ends = _cut(box, a, b, c)
        if ends is not None:
            (x, y), (to_x, to_y) = ends
            yield f"M{x:.1f},{y:.1f}L{to_x:.1f},{to_y:.1f}"


def _cut(box: Box, a: float, b: float, c: float) -> tuple[tuple[float, float], tuple[float, float]] | None:
    """Where the line a*x + b*y = c enters and leaves the box."""
    points = []
    if abs(b) > 1e-6:
        points += [(x, (c - a * x) / b) for x in (box.left, box.right)]
    if abs(a) > 1e-6:
        points += [((c - b * y) / a, y) for y in (box.top, box.bottom)]
    margin = 1e-6
    inside = [
        (x, y)
        for x, y in points
        if box.left - margin <= x <= box.right + margin and box.top - margin <= y <= box.bottom + margin
    ]
    if len(inside) < 2:
        return None
    start, end = min(inside), max(inside)
    return (start, end) if math.dist(start, end) > 0.2 else None
