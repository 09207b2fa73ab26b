"""Where the reader is and the way back: a trail of links, each a step wider than the next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import streamlit as st
from markupsafe import Markup

from web.components import tables


def show(page: str, steps: Sequence[tuple[str, Mapping[str, str | Sequence[str]]]]) -> None:
    """Steps as words and the query of their URL, the widest first; the last is where the reader is, and no link."""
    *wider, (here, _) = steps
    items = [Markup("<li>{}</li>").format(tables.link(page, text, "", **query)) for text, query in wider]
    items.append(Markup('<li aria-current="page">{}</li>').format(tables.name_of(here)))
    st.html(
        Markup('<nav aria-label="Filters in force"><ol class="gz-crumbs">{}</ol></nav>').format(Markup().join(items))
    )
