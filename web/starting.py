"""What the server does before its first request: open the store, and load what every page needs.

Streamlit collects all garbage after each rerun of a page; what is loaded and frozen here is not looked at again, so
that a rerun takes 20 ms and not 110.
"""

from __future__ import annotations

import gc
import importlib
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import streamlit as st

from reports.seals import first_admin_link
from web import wiring

PRELOADED = ("pandas", "pyarrow", "plotly.graph_objects", "reports.kit")


@asynccontextmanager
async def lifespan(_app: Any) -> AsyncIterator[dict[str, Any]]:
    preload()
    wiring.seals()  # makes the store, and refuses to start with a key that cannot be used
    if not st.get_option("logger.hideWelcomeMessage"):  # who hides it says what it says
        _welcome()
    gc.collect()
    gc.freeze()
    yield {}
    wiring.forget()


def _welcome() -> None:
    """While nobody has an account: where the first one is made."""
    if not wiring.service().store.anybody():
        base = (
            wiring.service().settings.base_url
            or f"http://{st.get_option('server.address')}:{st.get_option('server.port')}"
        )
        link = first_admin_link(wiring.seals(), base, wiring.utc_now())
        sys.stderr.write(f"Nobody has an account yet. Make the first one, an admin, at\n  {link}\n")
        sys.stderr.flush()


def preload() -> None:
    for name in PRELOADED:
        importlib.import_module(name)
