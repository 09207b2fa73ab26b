"""What e-mails of a run are made of: its first half minute as text and as HTML, with one chart as a picture.

Taken from the finished page, so that a mail never says another number than the report. Who receives it, links and how
to stop it are the channel's: the bodies carry `{{links}}` and `{{footer}}` where it puts them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import lxml.html
from lxml.html import HtmlElement

from reports.errors import RenderError
from reports.model import JsonDict
from reports.results import Results

if TYPE_CHECKING:
    from jinja2 import Template

LINKS, FOOTER = "{{links}}", "{{footer}}"
IMAGE_NAME = "chart"
MAX_HTML_BYTES = 90_000  # Gmail cuts a message at 102 kB, and the channel adds links and a footer
MAX_CARDS, MAX_HIGHLIGHTS = 9, 8
MAX_TEXT = 600  # characters of one sentence or name
WRAP = 76

_SPACES = re.compile(r"[^\S\u00a0\u202f]+")
_BEFORE_UNIT = re.compile(r"(?<=\d) (?=(?:%|[kMBT]|ms|s)(?!\w))")
_TEMPLATE = Path(__file__).parent / "templates" / "mail" / "mail.html.j2"


@dataclass(frozen=True)
class Picture:
    png_base64: str
    title: str
    alt: str
    width: int


@dataclass(frozen=True)
class Card:
    """One key figure in words."""

    label: str
    value: str
    change: str
    sign: str = ""  # an arrow, for eyes only


@dataclass(frozen=True)
class Digest:
    """What a mail says."""

    title: str
    lines: tuple[str, ...]
    notices: tuple[str, ...]
    cards: tuple[Card, ...]
    highlights: tuple[str, ...]
    contents: str
    language: str = "en"


def compose(page: str, results: Results, title: str, picture: Picture | None) -> JsonDict:
    """The mail artifact: {"text", "html", "images": [{"cid", "alt", "png_base64"}]}. Raises RenderError."""
    digest = _digest(page, results, title)
    if picture:  # both are made from data
        picture = replace(picture, title=_safe(picture.title), alt=_safe(picture.alt))
    html = _template().render(digest=digest, picture=picture, links=LINKS, footer=FOOTER, image=IMAGE_NAME)
    if len(html.encode()) > MAX_HTML_BYTES:
        raise RenderError("mail", "its text is longer than mail programs show; shorten the highlights", permanent=True)
    images = [{"cid": IMAGE_NAME, "alt": picture.alt, "png_base64": picture.png_base64}] if picture else []
    return {"text": _text(digest, picture), "html": html, "images": images}


def _digest(page: str, results: Results, title: str) -> Digest:
    root = lxml.html.document_fromstring(page)
    header = results.header
    lines = [_plain(line) for line in root.xpath("//header//p[@class='period']")]
    return Digest(
        title=_safe(header.title if header else title),
        lines=tuple(_safe(line) for line in lines or (header.lines[:2] if header else ())),
        notices=tuple(_safe(warning) for warning in header.warnings) if header else (),
        cards=tuple(_card(item) for item in root.xpath("//ul[@class='kpis']/li"))[:MAX_CARDS],
        highlights=_highlights(root, results),
        contents=_contents(root),
        language=root.get("lang") or "en",
    )


def _highlights(root: HtmlElement, results: Results) -> tuple[str, ...]:
    shown = [_plain(item) for item in root.xpath("//ul[@class='highlights']/li")]
    return tuple(_safe(text) for text in (shown or results.highlights))[:MAX_HIGHLIGHTS]


def _card(item: HtmlElement) -> Card:
    def part(name: str) -> str:
        return _safe(" ".join(_plain(found) for found in item.xpath(f"./span[contains(@class, '{name}')]")))

    sign = _safe(" ".join(item.xpath(".//span[@aria-hidden='true']/text()")))
    change = part("delta").removeprefix(sign).strip()
    return Card(part("label"), part("value"), change, sign)


def _contents(root: HtmlElement) -> str:
    """What the attached report holds, in a sentence; read by those who see only the mail."""
    pictures = len(root.xpath("//svg[@role='img'] | //img"))
    tables = len(root.xpath("//table[not(ancestor::details[@class='figures'])]"))
    parts = [_counted(pictures, "chart"), _counted(tables, "table")]
    named = " and ".join(part for part in parts if part)
    return f"The report holds {named}." if named else ""


def _counted(count: int, word: str) -> str:
    return f"{count} {word}{'' if count == 1 else 's'}" if count else ""


def _plain(element: HtmlElement) -> str:
    return str(element.text_content()).strip()


def _safe(text: str) -> str:
    """`text` on one line, of bearable length, and without anything that reads like a marker.

    No-break spaces keep a number and its unit together.
    """
    line = _SPACES.sub(" ", text).strip().replace("{{", "{\u2060{")
    line = _BEFORE_UNIT.sub("\u00a0", line)
    return line if len(line) <= MAX_TEXT else line[: MAX_TEXT - 1] + "…"


def _text(digest: Digest, picture: Picture | None) -> str:
    """The body for readers of plain text, written for them; its spaces are ordinary, as searching expects them."""
    blocks = ["\n".join([digest.title, "=" * min(len(digest.title), WRAP)]), "\n".join(digest.lines)]
    blocks += [f"Please note: {notice}" for notice in digest.notices]
    blocks.append("\n".join(_card_line(card) for card in digest.cards))
    if digest.highlights:
        blocks.append("\n".join(["What stands out", *(f"- {sentence}" for sentence in digest.highlights)]))
    if picture:
        blocks.append(f"{picture.title}\n{picture.alt}")
    blocks += [digest.contents, LINKS, f"-- \n{FOOTER}"]
    return "\n\n".join(block for block in blocks if block.strip()).replace("\u00a0", " ") + "\n"


def _card_line(card: Card) -> str:
    return f"{card.label}: {card.value}" + (f", {card.change}" if card.change else "")


@cache
def _template() -> Template:
    from jinja2 import Environment, StrictUndefined  # noqa: PLC0415  needed once a report exists

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["rows"] = _rows_of_three
    return environment.from_string(_TEMPLATE.read_text(encoding="utf-8"))


def _rows_of_three(cards: Sequence[Card]) -> list[list[tuple[Card, int]]]:
    """Each card with the columns it spans: the last one fills its row."""
    rows = [[(card, 1) for card in cards[start : start + 3]] for start in range(0, len(cards), 3)]
    if rows:
        last, _ = rows[-1].pop()
        rows[-1].append((last, 3 - len(rows[-1])))
    return rows
