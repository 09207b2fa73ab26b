"""File names made from whatever a report is called."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.filenames import MOST_BYTES, RESERVED, attachment_name, slug
from reports.model import Format, Period

WEEK = Period(date(2026, 11, 9), date(2026, 11, 15))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Weekly usage", "weekly-usage"),
        ("  Cost & spend (EU) — v2.1  ", "cost-spend-eu-v2-1"),
        ("../../x", "x"),
        ("..\\..\\x", "x"),
        ("/etc/passwd", "etc-passwd"),
        (".hidden", "hidden"),
        ("a\0b", "a-b"),
        ("a\r\nb", "a-b"),
        ("", "report"),
        ("...", "report"),
        ("\0", "report"),
        ("\ud800", "report"),
        ("CON", "report-con"),
        ("nul", "report-nul"),
        ("COM¹", "report-com1"),
        ("NUL.txt", "nul-txt"),
        ("{x.__class__}", "x-class"),
        ("Übersicht Köln", "übersicht-köln"),
        ("使用量レポート", "使用量レポート"),
        ("साप्ताहिक", "साप्ताहिक"),
        ("-rf", "rf"),
        ("evil\u202efdp.exe", "evil-fdp-exe"),
    ],
)
def test_slugs(name: str, expected: str) -> None:
    assert slug(name) == expected


@given(st.text(alphabet=st.characters(), max_size=400))
def test_any_name_gives_a_safe_slug(name: str) -> None:
    made = slug(name)
    assert made
    assert len(made.encode("utf-8")) <= MOST_BYTES + len("report-")
    assert made not in RESERVED
    assert not made.startswith(("-", "."))
    assert not set(made) & set('/\\:*?"<>|.\0\r\n {}$`')
    assert slug(made) == made


@pytest.mark.parametrize("name", ["x" * 300, "é" * 300, "量" * 300])
def test_long_names_are_cut_between_letters(name: str) -> None:
    assert 100 < len(slug(name).encode("utf-8")) <= MOST_BYTES
    assert set(slug(name)) == {name[0]}


def test_attachment_names() -> None:
    assert attachment_name("Weekly usage", WEEK, Format.PDF) == "weekly-usage_2026-11-09_2026-11-15.pdf"
    day = Period(date(2026, 11, 9), date(2026, 11, 9))
    assert attachment_name("CON", day, Format.XLSX) == "report-con_2026-11-09.xlsx"
    assert {attachment_name("x", day, format).rpartition(".")[2] for format in Format} == {
        "ipynb",
        "html",
        "pdf",
        "xlsx",
        "json",
        "zip",
    }
