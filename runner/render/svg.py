"""Make an SVG fit to stand inside a page beside others: safe, small, with ids of its own and one text alternative.

Works on Plotly's drawings and on pictures a notebook stored as SVG. What is drawn does not change.
"""

from __future__ import annotations

import re
from collections import Counter

from lxml import etree

from reports.errors import RenderError
from runner.render.svg_patterns import draw_patterns

SVG = "http://www.w3.org/2000/svg"
XLINK_HREF = "{http://www.w3.org/1999/xlink}href"
_KEPT = {
    "svg", "g", "path", "rect", "circle", "ellipse", "line", "polyline", "polygon", "text", "tspan", "defs",
    "clipPath", "mask", "linearGradient", "radialGradient", "stop", "pattern", "image", "use", "symbol", "marker",
}  # fmt: skip
_USED = {"clipPath", "mask", "linearGradient", "radialGradient", "pattern", "symbol", "marker"}  # only through an id
_UNWRAPPED = {"a", "switch"}
_NUMBER_ATTRIBUTES = {"d", "transform", "points", "x", "y", "x1", "x2", "y1", "y2", "cx", "cy", "r", "width", "height"}
_LONG_NUMBER = re.compile(r"(-?\d*\.\d{2})\d+(?![\d.]*e)")
_LONG_RGB = re.compile(r"rgb\((\d+), (\d+), (\d+)\)")
_NO_EFFECT = {
    "opacity: 1", "fill-opacity: 1", "stroke-opacity: 1", "stroke-miterlimit: 2", "vector-effect: none",
    "pointer-events: all", "pointer-events: none", "font-variant: normal", "text-transform: none", "font-style: normal",
    "text-decoration-line: none", "text-shadow: none",
}  # fmt: skip
_EMBEDDED = re.compile(r"data:image/(png|jpeg|gif|webp);base64,")


def embed(svg: str, alt: str, prefix: str) -> str:
    """`svg` for use inside HTML: role img, `alt` as its label, inner ids starting with `prefix`.

    Raises RenderError if it is no SVG.
    """
    parser = etree.XMLParser(resolve_entities=False, no_network=True, remove_comments=True, remove_pis=True)
    try:
        root = etree.fromstring(svg.encode("utf-8"), parser)
    except etree.XMLSyntaxError as error:
        raise RenderError("html", f"a picture is no valid SVG: {error}", permanent=True) from error
    if root.tag != f"{{{SVG}}}svg":
        raise RenderError("html", "a picture is no valid SVG: its root is not <svg>", permanent=True)
    _drop_unsafe(root)
    _shorten(root)
    draw_patterns(root)
    _rename_ids(root, prefix)
    _drop_invisible(root)
    _hoist_font(root)
    _label(root, alt)
    etree.cleanup_namespaces(root)
    return str(etree.tostring(root, encoding="unicode"))


def _name(element: etree._Element) -> str:
    return etree.QName(element).localname if isinstance(element.tag, str) else ""


def _drop_unsafe(root: etree._Element) -> None:
    for element in list(root.iter()):
        name = _name(element)
        if name in _UNWRAPPED:
            element.tag = f"{{{SVG}}}g"
            element.attrib.clear()
        elif name not in _KEPT or (isinstance(element.tag, str) and etree.QName(element).namespace != SVG):
            _remove(element)
            continue
        for attribute in list(element.attrib):
            if not _is_safe(name, str(attribute), str(element.attrib[attribute])):
                del element.attrib[attribute]


def _is_safe(element: str, attribute: str, value: str) -> bool:
    name = attribute.rpartition("}")[2].lower()
    if name == "href":
        return value.startswith("#") or (element == "image" and _EMBEDDED.match(value) is not None)
    if name.startswith("on") or (attribute.startswith("{") and name != "space"):
        return False
    targets = re.findall(r"url\(\s*['\"]?(.)", value)
    return all(first == "#" for first in targets) and "@import" not in value


def _remove(element: etree._Element) -> None:
    parent = element.getparent()
    if parent is None:
        return
    if element.tail:
        previous = element.getprevious()
        if previous is not None:
            previous.tail = (previous.tail or "") + element.tail
        else:
            parent.text = (parent.text or "") + element.tail
    parent.remove(element)


def _shorten(root: etree._Element) -> None:
    """Drop classes and declarations without effect, round coordinates to a hundredth of a pixel."""
    for element in root.iter():
        for name in ("class", "data-notex", "data-unformatted", "data-math"):
            element.attrib.pop(name, None)
        for name in _NUMBER_ATTRIBUTES & {str(key) for key in element.attrib}:
            element.set(name, _LONG_NUMBER.sub(r"\1", element.attrib[name]))
        style = _short_style(element.attrib.pop("style", ""))
        if style:
            element.set("style", style)


def _short_style(style: str) -> str:
    declarations = [part.strip() for part in style.split(";")]
    kept = [part for part in declarations if part and part not in _NO_EFFECT]
    return _LONG_RGB.sub(_hex, ";".join(part.replace(": ", ":", 1) for part in kept))


def _hex(match: re.Match[str]) -> str:
    return "#" + "".join(f"{min(int(part), 255):02x}" for part in match.groups())


def _drop_invisible(root: etree._Element) -> None:
    """Remove fully transparent rectangles, then groups and definitions with nothing in them, innermost first."""
    for element in list(root.iter(f"{{{SVG}}}rect")):
        parent = element.getparent()
        if parent is not None and _name(parent) in {"g", "svg"} and _is_transparent(element.get("style", "")):
            _remove(element)
    for definition in [child for defs in root.iter(f"{{{SVG}}}defs") for child in defs.iter() if _name(child) in _USED]:
        if not definition.get("id"):
            _remove(definition)
    for element in reversed(list(root.iter(f"{{{SVG}}}g", f"{{{SVG}}}defs", f"{{{SVG}}}text"))):
        if element is not root and len(element) == 0 and not (element.text or "").strip() and not element.get("id"):
            _remove(element)


def _is_transparent(style: str) -> bool:
    has_stroke = "stroke:" in style and not re.search(r"stroke-(width|opacity):0(px)?(;|$)", style)
    return re.search(r"fill-opacity:0(;|$)", style) is not None and not has_stroke


def _rename_ids(root: etree._Element, prefix: str) -> None:
    """Give every id that is used a short name of its own, and drop the others."""
    text = etree.tostring(root, encoding="unicode")
    used = set(re.findall(r"url\(\s*(?:&quot;|['\"])?#([^'\")&]+)", text)) | set(re.findall(r'href="#([^"]+)"', text))
    new: dict[str, str] = {}
    for element in root.iter():
        old = element.attrib.pop("id", None)
        if old is not None and old in used:
            new[old] = f"{prefix}-{len(new)}"
            element.set("id", new[old])
    for element in root.iter():
        for name, value in element.attrib.items():
            if "#" in value:
                element.set(name, _with_new_ids(str(name), str(value), new))


def _with_new_ids(name: str, value: str, new: dict[str, str]) -> str:
    if name == "href" or name == XLINK_HREF:
        return f"#{new.get(value[1:], value[1:])}" if value.startswith("#") else value
    return re.sub(r"url\(\s*['\"]?#([^'\")]+)['\"]?\s*\)", lambda match: f"url(#{new.get(match[1], match[1])})", value)


def _hoist_font(root: etree._Element) -> None:
    """State the most frequent font once, at the root, instead of in every label."""
    pattern = re.compile(r"font-family:[^;]+;?")
    fonts = Counter(match[0].rstrip(";") for e in root.iter() if (match := pattern.search(e.get("style", ""))))
    if not fonts:
        return
    common = fonts.most_common(1)[0][0]
    for element in root.iter():
        style = element.get("style", "")
        if common in style.split(";"):
            element.set("style", ";".join(part for part in style.split(";") if part != common))
    root.set("style", ";".join(part for part in (root.get("style", ""), common) if part))


def _label(root: etree._Element, alt: str) -> None:
    if root.get("viewBox") is None and root.get("width") and root.get("height"):
        size = [re.sub(r"[^\d.]", "", root.get(name, "")) for name in ("width", "height")]
        root.set("viewBox", f"0 0 {size[0]} {size[1]}")
    for name in [name for name in root.attrib if str(name).startswith("aria-")]:
        del root.attrib[name]
    root.set("role", "img")
    root.set("aria-label", _readable(alt))


def _readable(text: str) -> str:
    return re.sub(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]", "\ufffd", text)
