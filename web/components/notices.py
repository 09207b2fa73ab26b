"""Messages to the reader: what was done, what went wrong, and what an empty page is waiting for.

What was done is kept over the rerun that shows it, and shown once.
"""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from reports.errors import Forbidden, GazetteError, NotFound

DONE = "notice_done"  # key of the session's state


def done(message: str) -> None:
    """Show `message` (Markdown) at the top of the page after the coming rerun."""
    st.session_state[DONE] = message


def show_done() -> None:
    message = st.session_state.pop(DONE, None)
    if message:
        st.success(message)


def act(action: Callable[[], str]) -> None:
    """Do what a button asks for and draw the page anew with what `action` says; or say why it was refused."""
    try:
        done(action())
    except GazetteError as error:
        st.error(plain(str(error)))
        return
    st.rerun()


def problem(error: GazetteError) -> None:
    if isinstance(error, NotFound):
        st.title("Not found")
        st.error(f"{plain(str(error))} It may have been deleted, or be past its retention.")
        return
    if isinstance(error, Forbidden):
        st.title("Not allowed")
    st.error(plain(str(error)))


def empty(what: str, first_step: str, command: str = "") -> None:
    """What will be here, and how to get there."""
    st.info(f"{what}\n\n{first_step}")
    if command:
        st.code(command, language=None, wrap_lines=True)


def plain(text: str) -> str:
    """`text` from data as Markdown that shows it as it is."""
    return "".join(f"\\{sign}" if sign in "\\`*_{}[]()<>#+-.!|$~:&^=" else sign for sign in text)
