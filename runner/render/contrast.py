"""Contrast of words with what they stand on, by WCAG 2: computed from colours as SVG and CSS write them.

Positions are not looked at: light words count as readable if any shape of the drawing is dark enough to carry them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from lxml import etree

SVG = "http://www.w3.org/2000/svg"
ENOUGH, ENOUGH_FOR_LARGE = 4.5, 3.0  # WCAG 2.1, success criterion 1.4.3
LARGE_PX, LARGE_BOLD_PX = 24.0, 18.66  # 18 and 14 points

Color = tuple[float, float, float]  # red, green, blue from 0 to 255

WHITE: Color = (255.0, 255.0, 255.0)
_NAMED: dict[str, Color] = {"white": WHITE, "black": (0.0, 0.0, 0.0), "gray": (128.0,) * 3, "grey": (128.0,) * 3}
_HEX = re.compile(r"#([0-9a-f]{3}|[0-9a-f]{6})", re.IGNORECASE)
_RGB = re.compile(r"rgba?\(\s*([\d.]+)[ ,]+([\d.]+)[ ,]+([\d.]+)(?:[ ,/]+([\d.]+))?\s*\)", re.IGNORECASE)
_SHAPES = frozenset({"rect", "path", "circle", "ellipse", "polygon"})


@dataclass(frozen=True)
class Faint:
    """Words that stand out too little from what they stand on."""

    text: str
    color: str
    ratio: float

    def __str__(self) -> str:
        return f"“{self.text}” in {self.color} has a contrast of {self.ratio:.1f} to 1"


def ratio(first: Color, second: Color) -> float:
    """The contrast of two colours, from 1 to 21."""
    light, dark = sorted((_luminance(first), _luminance(second)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(color: Color) -> float:
    parts = (part / 255 for part in color)
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def parse(text: str, ground: Color = WHITE, opacity: float = 1.0) -> Color | None:
    """The colour `text` names, as it looks over `ground`; None for none and for what is no plain colour."""
    text = text.strip().lower()
    if found := _HEX.fullmatch(text):
        digits = found[1] if len(found[1]) == 6 else "".join(digit * 2 for digit in found[1])
        color: Color = (float(int(digits[:2], 16)), float(int(digits[2:4], 16)), float(int(digits[4:], 16)))
    elif found := _RGB.fullmatch(text):
        color = (float(found[1]), float(found[2]), float(found[3]))
        opacity *= float(found[4] or 1)
    elif text in _NAMED:
        color = _NAMED[text]
    else:
        return None
    if opacity <= 0:
        return None
    red, green, blue = (part * opacity + under * (1 - opacity) for part, under in zip(color, ground, strict=True))
    return red, green, blue


def faint_texts(svg: str) -> list[Faint]:
    """The words of a drawing that are hard to read; nothing for what is no SVG."""
    try:
        root = etree.fromstring(svg.encode("utf-8"), etree.XMLParser(resolve_entities=False, no_network=True))
    except etree.XMLSyntaxError:
        return []
    ground = parse(_declared(root, "background") or "") or WHITE
    grounds = [ground, *_filled(root, ground)]
    found: dict[str, Faint] = {}
    for text in root.iter(f"{{{SVG}}}text"):
        words = " ".join("".join(text.itertext()).split())
        color = _fill(text, ground)
        if not words or color is None:
            continue
        best = max(ratio(color, each) for each in grounds)
        if best < _needed(text):
            found.setdefault(words, Faint(words, _inherited(text, "fill") or "black", best))
    return list(found.values())


def _filled(root: etree._Element, ground: Color) -> list[Color]:
    shapes = [each for each in root.iter() if isinstance(each.tag, str) and etree.QName(each).localname in _SHAPES]
    colors = {_inherited(each, "fill") for each in shapes if _inherited(each, "fill-opacity") not in {"0"}}
    return [color for text in colors if text and (color := parse(text, ground)) is not None]


def _fill(text: etree._Element, ground: Color) -> Color | None:
    opacity = 1.0
    for name in ("fill-opacity", "opacity"):
        value = _inherited(text, name)
        opacity *= float(value) if value and re.fullmatch(r"[\d.]+", value) else 1.0
    return parse(_inherited(text, "fill") or "black", ground, opacity)


def _needed(text: etree._Element) -> float:
    size = re.match(r"[\d.]+", _inherited(text, "font-size") or "")
    pixels = float(size[0]) if size else 0.0
    bold = (_inherited(text, "font-weight") or "") in {"bold", "600", "700", "800", "900"}
    return ENOUGH_FOR_LARGE if pixels >= (LARGE_BOLD_PX if bold else LARGE_PX) else ENOUGH


def _inherited(element: etree._Element, name: str) -> str | None:
    for each in (element, *element.iterancestors()):
        if (value := _declared(each, name)) is not None:
            return value
    return None


def _declared(element: etree._Element, name: str) -> str | None:
    found = re.search(rf"(?:^|;)\s*{name}\s*:\s*([^;]+)", element.get("style", ""))
    return found[1].strip() if found else element.get(name)
