"""Lists in pages of 25, cut in SQL; the number of the page stands in the URL."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

ROWS = 25  # a page; longer tables are slow to draw and to read
KEY = "page"


@dataclass(frozen=True)
class Shown:
    """Which rows of a list are shown."""

    limit: int
    offset: int


def page_of(found: int) -> Shown:
    """The rows of the page that is asked for; the last page where a filter left fewer than that."""
    number = min(max(1, _asked_for()), pages(found))
    return Shown(ROWS, (number - 1) * ROWS)


def pages(found: int) -> int:
    return max(1, -(-found // ROWS))


def show(found: int) -> None:
    """Below the list; nothing where one page holds it all."""
    if pages(found) > 1:
        st.pagination(pages(found), key=KEY, bind="query-params")


def restart() -> None:
    """Begin at the first page again: the list is another one now. For callbacks of filters."""
    if KEY in st.session_state:
        st.session_state[KEY] = 1  # to forget it is not enough: the URL would bring it back


def _asked_for() -> int:
    """From the widget where there has been one in this session, else from the URL."""
    text = str(st.session_state.get(KEY) or st.query_params.get(KEY, "1"))
    return int(text) if text.isdecimal() else 1
