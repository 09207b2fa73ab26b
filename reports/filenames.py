"""File names that people see: made from report names, safe on every file system and in every mail header.

A name is only ever a label here; where a file lies in the archive never depends on it.
"""

from __future__ import annotations

import re
import unicodedata

from reports.model import Format, Period

MOST_BYTES = 120  # of a slug in UTF-8; file systems end at 255, and a period, an id and a suffix follow
FALLBACK = "report"
# Windows opens a device for these, whatever the suffix.
RESERVED = frozenset(
    {"con", "prn", "aux", "nul", "conin$", "conout$"} | {f"{port}{n}" for port in ("com", "lpt") for n in range(10)}
)
SUFFIXES = {
    Format.NOTEBOOK: "ipynb",
    Format.HTML: "html",
    Format.PDF: "pdf",
    Format.XLSX: "xlsx",
    Format.MAIL: "json",
    Format.RESULTS: "zip",
}


def slug(name: str) -> str:
    """Lower-case letters, digits and single hyphens of `name`, in any script; never empty, reserved or long."""
    text = unicodedata.normalize("NFKC", name).lower()
    words = re.sub("-+", "-", "".join(sign if _is_part_of_a_word(sign) else "-" for sign in text)).strip("-")
    short = words.encode("utf-8")[:MOST_BYTES].decode("utf-8", "ignore").strip("-")
    if short in RESERVED:
        return f"{FALLBACK}-{short}"
    return short or FALLBACK


def _is_part_of_a_word(sign: str) -> bool:
    return sign.isalnum() or unicodedata.category(sign).startswith("M")  # vowel signs of Indic scripts


def attachment_name(report_name: str, period: Period, format: Format) -> str:
    """For instance weekly-usage_2026-11-09_2026-11-15.pdf; one date for one day."""
    days = [period.start.isoformat()] if period.days == 1 else [period.start.isoformat(), period.end.isoformat()]
    return "_".join([slug(report_name), *days]) + f".{SUFFIXES[format]}"
