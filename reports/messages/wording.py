"""Small texts for people: one clean line, a size, an address. Nothing here knows what a report is."""

from __future__ import annotations

import unicodedata
from urllib.parse import urlsplit

from reports.model import ChannelKind

UNFIT_FOR_A_LINE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})  # control, format, unpaired surrogate, line separators


def clean(text: str, limit: int) -> str:
    """`text` as one line without control signs, at most `limit` characters long."""
    signs = (" " if unicodedata.category(sign) in UNFIT_FOR_A_LINE else sign for sign in text)
    line = " ".join("".join(signs).split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def holds_line_break(text: str) -> bool:
    """Of any kind, also at the end, and NUL, where some programs end a line."""
    return len(f"{text}.".splitlines()) > 1 or "\0" in text


def shown_address(channel: ChannelKind, text: str) -> str:
    """The address; of a webhook's URL only the host, since its path may be what lets one in."""
    if channel is not ChannelKind.WEBHOOK:
        return text
    parts = urlsplit(text)
    return f"{parts.scheme}://{parts.hostname or ''}/…"


def size_in_words(size: int) -> str:
    """Bytes for people, in decimal units: 950 bytes, 84 kB, 1.2 MB."""
    if size < 1000:
        return f"{size} bytes"
    if size < 999_500:
        return f"{size / 1000:.0f} kB"
    return f"{size / 1_000_000:.1f} MB"
