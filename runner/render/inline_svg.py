"""Find the drawings inside a piece of HTML, such as sparklines in a table, before the cleaning would drop them.

Only takes out and puts marks in their place; `svg` makes each one safe.
"""

from __future__ import annotations

import html
import re
import secrets
from dataclasses import dataclass

_ELEMENT = re.compile(r"<svg\b[\s\S]*?</svg\s*>", re.IGNORECASE)
_DRAWN = re.compile(r"<(path|rect|circle|ellipse|line|poly\w+|text|image)\b", re.IGNORECASE)
_HIDDEN = re.compile(r"^<svg[^>]*(display:\s*none|(?<![-\w])width:\s*0|\bwidth=.0[\"'px])", re.IGNORECASE)
_NAMED = re.compile(r"<title[^>]*>([^<]*)</title>|^<svg[^>]*\saria-label=[\"']([^\"']+)[\"']", re.IGNORECASE)
_NAMED_CHARACTER = re.compile(r"&(?!(?:amp|lt|gt|quot|apos);)\w+;")


@dataclass(frozen=True)
class Drawing:
    """One SVG as XML, and what its author calls it. Sprites, which other drawings refer to, are not visible."""

    text: str
    title: str
    visible: bool


def take_out(text: str) -> tuple[str, dict[str, Drawing]]:
    """`text` with a mark for each drawing, and the drawings by their marks; no data can contain a mark."""
    found: dict[str, Drawing] = {}
    secret = secrets.token_hex(8)

    def replace(match: re.Match[str]) -> str:
        mark = f"drawing-{secret}-{len(found)}-"
        found[mark] = _drawing(match[0])
        return mark

    return _ELEMENT.sub(replace, text), found


def _drawing(text: str) -> Drawing:
    named = _NAMED.search(text)
    title = " ".join(html.unescape(named[1] or named[2] or "").split()) if named else ""
    visible = _DRAWN.search(text) is not None and not _HIDDEN.match(text)
    return Drawing(_as_xml(text), title, visible)


def _as_xml(text: str) -> str:
    """HTML lets an author leave out what XML demands."""
    text = _NAMED_CHARACTER.sub(lambda match: html.escape(html.unescape(match[0])), text)
    head, rest = text[:4], text[4:]
    start = rest.partition(">")[0]
    spaces = "" if "xmlns=" in start else ' xmlns="http://www.w3.org/2000/svg"'
    if "xlink:" in rest and "xmlns:xlink" not in start:
        spaces += ' xmlns:xlink="http://www.w3.org/1999/xlink"'
    return f"{head.lower()}{spaces}{rest}"
