"""A real runner on a throw-away database, for benchmarks: queue runs of the sample report and work them off."""

from __future__ import annotations

import logging
import threading
import time
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType

from benchmarks import sample
from reports.archive import Archive
from reports.model import RunState
from reports.planning import planned_runs
from reports.service import NewReport, Service
from reports.settings import Settings
from reports.store import RunQuery, Store
from runner.browser_path import find_browser
from runner.wiring import build_runner, configure_logging

POLL = 0.05  # seconds between looks at the queue


def system_browser() -> Path:
    return find_browser(None)


class Bench:
    """One runner, up until the block ends. Each queued run has parameters of its own, so that none is shared."""

    def __init__(self, folder: Path, concurrency: int) -> None:
        notebooks = folder / "notebooks"
        notebooks.mkdir(exist_ok=True)
        sample.write_notebook(notebooks / "sample.ipynb")
        self.data = folder / "events.db"
        self.settings = Settings(data_dir=folder / "state", notebooks_dir=notebooks, concurrency=concurrency)
        self._open = ExitStack()
        self._queued = 0

    def __enter__(self) -> Bench:
        configure_logging(logging.ERROR)  # remarks on the sample are known, failures are checked
        self.runner = self._open.enter_context(build_runner(self.settings))
        self.store = Store(self.settings.store_url)
        self._open.callback(self.store.close)
        stop, hurry = threading.Event(), threading.Event()
        working = threading.Thread(target=self.runner.run_forever, args=(stop, hurry), daemon=True)
        working.start()
        self._open.callback(working.join)
        self._open.callback(stop.set)
        self.service = Service(self.store, Archive(self.settings.archive_location), self.settings)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._open.__exit__(kind, error, _)

    def queue(self, count: int, at: datetime) -> None:
        """Reports without a schedule, one due time each."""
        for _ in range(count):
            number = self._queued = self._queued + 1
            asked = NewReport(
                name=f"Sample {number}",
                template="sample",
                owner="benchmark",
                parameters={"db": str(self.data), "rows": 5 + number},
            )
            report = self.service.create_report(asked, at)
            self.store.enqueue(report, planned_runs(report, at + timedelta(milliseconds=number), []), None)

    def drain(self) -> None:
        """Wait until nothing is queued or running."""
        while any(self.service.runs_by_state().get(state, 0) for state in (RunState.QUEUED, RunState.RUNNING)):
            time.sleep(POLL)

    def check(self, runs: int) -> None:
        """Stop unless all of them succeeded: a failed run is quick."""
        found = self.service.runs(RunQuery(limit=runs + 1))
        succeeded = [run for run in found if run.state is RunState.SUCCEEDED]
        if len(succeeded) != runs:
            reasons = {run.error.message for run in found if run.error}
            raise SystemExit(f"{len(succeeded)} of {runs} runs succeeded: {reasons}")
