"""Why a run failed: the message, the stage, and the cell's source with the failing line marked."""

from __future__ import annotations

import streamlit as st
from markupsafe import Markup

from reports.model import RunError
from web.components import notices


def show(error: RunError) -> None:
    """Below a heading that says that something went wrong."""
    st.error(notices.plain(error.message))
    where = f", in code cell {error.cell}" if error.cell else ""
    st.text(f"{error.kind} at the stage {error.stage or 'before the first'}{where}.")
    if error.source:
        st.html(failing_cell(error))
    if error.traceback:
        with st.expander("Traceback"):
            st.code(error.traceback, language=None, wrap_lines=True)


def failing_cell(error: RunError) -> Markup:
    """The cell's source with its line numbers; the failing line is marked by an arrow and not by colour alone."""
    failing = error.line.strip()
    lines = Markup("\n").join(
        Markup('<mark><span aria-hidden="true">→</span><span class="gz-hidden">failing line</span>{}</mark>').format(
            text
        )
        if failing and line.strip() == failing
        else Markup(" {}").format(text)
        for number, line in enumerate(error.source.splitlines(), start=1)
        for text in [f"{number:>3}  {line}"]
    )
    label = f"Source of code cell {error.cell}" if error.cell else "Source of the cell"
    return Markup('<pre class="gz-source" role="region" tabindex="0" aria-label="{}">{}</pre>').format(label, lines)
