"""Text from data made safe for HTML, and the light markup of highlights: **bold**.

Whatever a user, a model or a team is called, it stays text: escaped, isolated for right-to-left names, and without
characters that XML, and so a PDF or a sheet, cannot hold.
"""

from __future__ import annotations

import html
import re
import unicodedata

from reports.kit.format import NBSP

_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
_BOLD = re.compile(r"\*\*(.+?)\*\*", re.DOTALL)
_JOINER = "\u2060"  # word joiner: not visible; parts two asterisks that stand in a name
_ISOLATE, _END = "\u2068", "\u2069"  # around a name whose writing direction could turn its neighbours
_ISOLATES = re.compile("[\u2066-\u2069]")
_TURNING = {"R", "AL", "AN", "RLE", "RLO", "LRE", "LRO", "PDF"}  # Unicode's classes of direction
LONGEST_NAME = 60  # characters of a name within a sentence; tables and sheets have the whole of it


def clean(text: object) -> str:
    """The text with a replacement mark for each character that no document can hold."""
    return _UNPRINTABLE.sub("\ufffd", str(text))


def escape(text: object) -> str:
    return html.escape(clean(text))


def name(text: object) -> str:
    """A name from data as HTML: escaped, and isolated so that its writing direction cannot turn its neighbours."""
    return f"<bdi>{escape(text)}</bdi>"


def quoted(text: object) -> str:
    """A name from data for a sentence with **bold** markup: its own asterisks stay asterisks, a long one is shortened,
    and one that is written from right to left is isolated from the words around it."""
    kept = shortened(_ISOLATES.sub("", clean(text))).replace("**", f"*{_JOINER}*")
    turns = any(unicodedata.bidirectional(letter) in _TURNING for letter in kept)
    return f"{_ISOLATE}{kept}{_END}" if turns else kept


def shortened(text: str, longest: int = LONGEST_NAME) -> str:
    """The beginning of a text that is longer than `longest`, with an ellipsis."""
    return text if len(text) <= longest else text[: longest - 1].rstrip() + "…"


def bold(text: object) -> str:
    """A name in bold; asterisks at its ends stay, and are not taken for markup."""
    kept = quoted(text)
    before, after = (_JOINER * edge for edge in (kept.startswith("*"), kept.endswith("*")))
    return f"**{before}{kept}{after}**"


def sentence_html(text: str) -> str:
    marked = _BOLD.sub(r"<strong>\1</strong>", escape(text))
    return marked.replace(_ISOLATE, "<bdi>").replace(_END, "</bdi>")


def sentence_plain(text: str) -> str:
    """The sentence without markup and with ordinary spaces, for mails, logs and sheets."""
    return plain(_BOLD.sub(r"\1", clean(text)))


def plain(text: str) -> str:
    return text.replace(NBSP, " ").replace(_JOINER, "")


def identifier(text: str) -> str:
    """A name for ids and files: lower-case ASCII letters, digits and single hyphens, at most 60 characters."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:60].strip("-") or "piece"
