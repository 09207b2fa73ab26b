"""Making the files of one report: extract, execute, render, in one folder. No run, no lease, no archive.

`gazette render` and the pipeline both come here, so that a report made by hand is the report that is delivered.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from platform import python_version
from typing import Any

from reports.model import Filters, Format, JsonDict, Period, Stage
from reports.results import Context
from reports.sources import MAX_AGE, Snapshot, SnapshotCache, Source, registry
from reports.store import Store
from reports.templates import Dataset, Template
from runner.ports import Executor, Limits, Renderer, Rendering

DATASETS = "datasets"  # folder of a run's snapshots
READ_ONLY = 0o444
PACKAGES = ("gazette", "pandas", "papermill", "nbconvert", "plotly", "kaleido")

OnStage = Callable[[Stage], None]


@dataclass(frozen=True)
class Order:
    """What to make. `sources` maps a dataset of the template to the source that serves it."""

    template: Template
    title: str
    period: Period
    formats: tuple[Format, ...]
    parameters: JsonDict = field(default_factory=dict)
    filters: Filters = field(default_factory=Filters)
    sources: Mapping[str, Source] = field(default_factory=dict)
    due_at: datetime | None = None
    run_id: str = ""
    fresh_from: datetime | None = None  # data extracted before this moment will not do
    previous: Mapping[str, Any] | None = None  # see Context.previous_run


@dataclass(frozen=True)
class Workshop:
    """What making needs, for as long as the runner lives."""

    executor: Executor
    renderer: Renderer
    snapshots: SnapshotCache
    store_url: str
    limits: Limits = field(default_factory=Limits)
    currency: str = "USD"


@dataclass
class Stopwatch:
    """Tells the stages apart: how long each took, and which is going on."""

    on_stage: OnStage = lambda _: None
    seconds: dict[str, float] = field(default_factory=dict)
    stage: Stage | None = None
    _since: float = 0.0

    def begin(self, stage: Stage) -> None:
        """Raises what `on_stage` raises: a lost lease stops the work here."""
        self.end()
        self.stage, self._since = stage, time.monotonic()
        self.on_stage(stage)

    def end(self) -> None:
        if self.stage is not None:
            self.seconds[self.stage.value] = round(time.monotonic() - self._since, 3)
        self.stage = None


def extract(order: Order, shop: Workshop, at: datetime) -> dict[str, Snapshot]:
    """The snapshots the template declares, by dataset; runs that want the same share one. Raises ExtractError."""
    max_age = MAX_AGE if order.fresh_from is None else min(MAX_AGE, max(at - order.fresh_from, timedelta()))
    return {
        dataset.name: shop.snapshots.extract(
            order.sources[dataset.name],
            dataset,
            order.period,
            order.period.before(),
            order.filters,
            store_url=shop.store_url,
            at=at,
            max_age=max_age,
        )
        for dataset in order.template.datasets
    }


def lay_out(order: Order, snapshots: Mapping[str, Snapshot], folder: Path, currency: str) -> None:
    """Put the data and the facts of the run where its kernel finds them: copies, read-only."""
    for name, snapshot in snapshots.items():
        target = folder / DATASETS / name
        target.mkdir(parents=True)
        for file in snapshot.path.iterdir():
            # A copy: through a link to the shared snapshot, one notebook could change another's data.
            shutil.copyfile(file, target / file.name)
            (target / file.name).chmod(READ_ONLY)
    Context(
        report=order.title,
        template=order.template.name,
        period=order.period.to_json(),
        comparison=order.period.before().to_json(),
        filters=order.filters.to_json(),
        datasets={name: f"{DATASETS}/{name}" for name in snapshots},
        parameters=order.parameters,
        due_at=order.due_at.isoformat() if order.due_at else "",
        run_id=order.run_id,
        template_digest=order.template.digest,
        currency=currency,
        previous_run=order.previous,
    ).write(folder)


def execute(order: Order, shop: Workshop, folder: Path) -> Path:
    """The executed notebook. Raises ExecutionError and ExecutionTimeout."""
    return shop.executor.execute(order.template, order.parameters, folder, shop.limits, zone=order.period.zone)


def render(order: Order, shop: Workshop, notebook: Path, folder: Path) -> Rendering:
    """Every wanted format and the mail. Raises RenderError."""
    return shop.renderer.render(notebook, folder, order.formats, order.title)


def execution_key(order: Order, snapshots: Mapping[str, Snapshot], shop: Workshop, report_id: str) -> str:
    """Equal keys give equal files: the same template, values, days and data, made by the same versions."""
    facts = {
        "report": [report_id, order.title],
        "template": order.template.digest,
        "parameters": order.parameters,
        "period": order.period.to_json(),
        "filters": order.filters.to_json(),
        "snapshots": {name: snapshot.sha256 for name, snapshot in snapshots.items()},
        "currency": shop.currency,
        "versions": versions(),
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def find_sources(store: Store, datasets: Sequence[Dataset], chosen: Mapping[str, str]) -> dict[str, Source]:
    """The source of every dataset: the one chosen, else the one the template names, else the only one there is.

    Raises NotFound, which lists the sources there are.
    """
    there = {source.name: source for source in store.sources()}
    return {each.name: registry.serving(each, there, chosen.get(each.name)) for each in datasets}


def versions() -> dict[str, str]:
    """Of all that takes part in making a report."""
    return {"python": python_version(), **{name: _version(name) for name in PACKAGES}}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def provenance(order: Order, snapshots: Mapping[str, Snapshot]) -> dict[str, Any]:
    """From what the report was made, so that its figures can be traced."""
    return {
        "template_digest": order.template.digest,
        "parameters": order.parameters,
        "filters": order.filters.to_json(),
        "snapshots": {
            name: {
                "sha256": snapshot.sha256,
                "rows": snapshot.rows,
                "source": snapshot.meta["source"],
                "extracted_at": snapshot.meta["extracted_at"],
            }
            for name, snapshot in snapshots.items()
        },
        "versions": versions(),
    }
