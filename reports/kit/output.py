"""How a piece of a report leaves the kernel: one display with MIME types and a role, one record beside it.

JupyterLab shows the same display an analyst's run gives; the renderer finds pieces by their role.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from IPython.display import display

from reports.kit.context import current
from reports.kit.markup import plain
from reports.results import append


def emit(role: str, html: str, text: str) -> None:
    """Display an HTML fragment that is final and safe, with a readable text for readers without HTML."""
    show({"text/html": html, "text/plain": plain(text)}, {"role": role})


def show(data: Mapping[str, Any], facts: Mapping[str, Any]) -> None:
    display(  # type: ignore[no-untyped-call]
        dict(data), raw=True, metadata={"gazette": dict(facts)}
    )


def record(kind: str, facts: Mapping[str, Any]) -> None:
    """Add a record to the run's results; outside a run there is nobody to read it."""
    run_dir = current().run_dir
    if run_dir is not None:
        append(run_dir, kind, facts)
