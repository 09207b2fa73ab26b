"""Texts for people."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.messages.wording import clean, holds_line_break, shown_address, size_in_words
from reports.model import ChannelKind


@given(st.text(alphabet=st.characters(), max_size=300), st.integers(1, 50))
def test_a_clean_text_is_one_short_line(text: str, limit: int) -> None:
    made = clean(text, limit)
    assert len(made) <= limit
    assert not holds_line_break(made)
    assert made == made.strip()
    made.encode("utf-8")


def test_what_is_cut_is_marked() -> None:
    assert clean("twelve signs", 12) == "twelve signs"
    assert clean("thirteen signs", 10) == "thirteen…"


@pytest.mark.parametrize("text", ["a\nb", "a\n", "\n", "a\r", "a\x0bb", "a\x85", "a\u2028", "a\0b"])
def test_line_breaks_are_found(text: str) -> None:
    assert holds_line_break(text)


@pytest.mark.parametrize("text", ["", "a", "a\tb", " "])
def test_other_texts_hold_none(text: str) -> None:
    assert not holds_line_break(text)


@pytest.mark.parametrize(
    ("size", "words"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1000, "1 kB"),
        (84_400, "84 kB"),
        (999_499, "999 kB"),
        (999_500, "1.0 MB"),
        (12_345_678, "12.3 MB"),
    ],
)
def test_sizes(size: int, words: str) -> None:
    assert size_in_words(size) == words


def test_a_webhook_shows_only_its_host() -> None:
    url = "https://user@hooks.example.org:8443/services/T000/SECRET?token=SECRET"
    assert shown_address(ChannelKind.WEBHOOK, url) == "https://hooks.example.org/…"
    assert shown_address(ChannelKind.EMAIL, "a@example.org") == "a@example.org"
