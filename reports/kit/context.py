"""Which run a notebook belongs to: its period, comparison, filters and the folders of its data.

In a run everything comes from the folder that GAZETTE_RUN_DIR names. Outside one (JupyterLab) the same facts are
made live from the project's settings. This module keeps the one current context of a kernel and computes nothing.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from reports.model import Filters, Period
from reports.results import RUN_DIR_VARIABLE, Context


@dataclass(frozen=True)
class RunContext:
    """A run's facts with days as dates. `run_dir` is None outside a run: then nothing is recorded."""

    context: Context
    run_dir: Path | None

    @property
    def period(self) -> Period:
        return Period.from_json(self.context.period)

    @property
    def comparison(self) -> Period | None:
        return Period.from_json(self.context.comparison) if self.context.comparison else None

    @property
    def filters(self) -> Filters:
        return Filters.from_json(self.context.filters)

    @property
    def currency(self) -> str:
        return self.context.currency

    def folder(self, dataset: str) -> Path | None:
        """The snapshot folder of a dataset, or None if the run has no such dataset."""
        path = self.context.datasets.get(dataset)
        return None if path is None else (self.run_dir or Path()) / path


_current: RunContext | None = None


def current(title: str | None = None) -> RunContext:
    """The context of this kernel; outside a run it is made at the first call, and again for another `title`.

    Raises NotFound outside a run when no template of the project has that title, ConfigError for odd settings and
    ExtractError when the data cannot be read.
    """
    global _current  # noqa: PLW0603  a kernel executes one notebook
    run_dir = os.environ.get(RUN_DIR_VARIABLE)
    if run_dir:
        folder = Path(run_dir)
        if _current is None or _current.run_dir != folder:
            _current = RunContext(Context.read(folder), folder)
    elif _current is None or _current.run_dir is not None or (title and title != _current.context.report):
        from reports.kit.live import live_context  # noqa: PLC0415  only outside a run: it opens sources

        _current = RunContext(live_context(title), None)
    return _current


def forget() -> None:
    """Make the next call read everything anew, as a restarted kernel would."""
    global _current  # noqa: PLW0603
    _current = None


def period() -> Period:
    """The days the report covers, first and last included."""
    return current().period


def comparison() -> Period | None:
    """The same number of days immediately before, or None where the run compares with nothing."""
    return current().comparison


def currency() -> str:
    """The label shown with money; figures are as stored, never converted."""
    return current().currency
