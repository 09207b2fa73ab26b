"""Keep a page up to date while something is going on: look every few seconds, and draw it anew only when it changed."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from datetime import timedelta

import streamlit as st

PAUSE = timedelta(seconds=3)


def rerun_when_changed(look: Callable[[], Hashable]) -> None:
    """`look` answers with what the page depends on; nothing is drawn here, so nothing moves meanwhile."""
    seen = look()

    @st.fragment(run_every=PAUSE)
    def watch() -> None:
        if look() != seen:
            st.rerun()

    watch()
