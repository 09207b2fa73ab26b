"""One report made by hand, with no schedule, no run and no row: what `gazette render` does.

The same stages as a run's, in a folder that is removed afterwards; the wanted files are copied out.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from reports.model import Filters, Format, JsonDict, Period, Stage
from reports.settings import Settings
from reports.sources import SnapshotCache
from reports.store import Store
from reports.templates import Template
from runner import making
from runner.execute.executor import PapermillExecutor
from runner.making import Order, Stopwatch, Workshop
from runner.ports import Executor, Renderer
from runner.wiring import limits_of, make_renderer

Progress = Callable[[Stage], None]


@dataclass(frozen=True)
class RenderRequest:
    """What to make. `sources` maps a dataset of the template to a source's name."""

    parameters: JsonDict
    period: Period
    formats: tuple[Format, ...]
    filters: Filters = field(default_factory=Filters)
    sources: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Work:
    """One report to make as if it were due at `at`, and the folder for its files."""

    template: Template
    request: RenderRequest
    out_dir: Path
    at: datetime
    progress: Progress = lambda _: None


@dataclass(frozen=True)
class RenderedArtifact:
    format: Format
    path: Path
    sha256: str
    bytes: int


@dataclass(frozen=True)
class Rendered:
    """What was made: the wanted files, the days they cover, the named figures and how long each stage took."""

    artifacts: tuple[RenderedArtifact, ...]
    period: Period
    metrics: JsonDict
    seconds: dict[str, float]
    pages: int | None = None
    remarks: tuple[str, ...] = ()  # what was mended in the notebook's own pieces


def render_once(settings: Settings, work: Work) -> Rendered:
    """Make the report and put its files into `out_dir`, named after the template.

    Raises NotFound for a source that is not there, and the StageErrors of extract, execute and render.
    """
    executor, renderer = PapermillExecutor(), make_renderer(settings)
    try:
        return render_with(settings, executor, renderer, work)
    finally:
        executor.close()
        renderer.close()


def render_with(settings: Settings, executor: Executor, renderer: Renderer, work: Work) -> Rendered:
    """As `render_once`, with an executor and a renderer that stay open: for many reports in a row."""
    template, request = work.template, work.request
    order = _order(settings, template, request, work.at)
    watch = Stopwatch(work.progress)
    with tempfile.TemporaryDirectory(prefix="gazette-render-") as name:
        folder, snapshots = Path(name) / "run", SnapshotCache(Path(name) / "snapshots")
        folder.mkdir(mode=0o700)
        shop = Workshop(executor, renderer, snapshots, settings.store_url, limits_of(settings), settings.currency)
        watch.begin(Stage.EXTRACT)
        extracted = making.extract(order, shop, work.at)
        making.lay_out(order, extracted, folder, shop.currency)
        watch.begin(Stage.EXECUTE)
        notebook = making.execute(order, shop, folder)
        watch.begin(Stage.RENDER)
        rendering = making.render(order, shop, notebook, folder)
        watch.end()
        made = {file.format: file.path for file in rendering.files} | {Format.NOTEBOOK: notebook}
        wanted = {format: made[format] for format in order.formats}
        artifacts = tuple(_keep(format, path, template.name, work.out_dir) for format, path in wanted.items())
    return Rendered(
        artifacts, request.period, rendering.results.metric_values(), watch.seconds, rendering.pages, rendering.remarks
    )


def _order(settings: Settings, template: Template, request: RenderRequest, at: datetime) -> Order:
    store = Store(settings.store_url)
    try:
        sources = making.find_sources(store, template.datasets, request.sources)
    finally:
        store.close()
    return Order(
        template=template,
        title=template.title,
        period=request.period,
        formats=request.formats,
        parameters=request.parameters,
        filters=request.filters,
        sources=sources,
        due_at=at,
    )


def _keep(format: Format, made: Path, name: str, out_dir: Path) -> RenderedArtifact:
    out_dir.mkdir(parents=True, exist_ok=True)
    kept = out_dir / f"{name}{made.suffix}"
    shutil.copyfile(made, kept)
    content = kept.read_bytes()
    return RenderedArtifact(format, kept, hashlib.sha256(content).hexdigest(), len(content))
