"""One run through its stages, from a claim to succeeded, failed, queued again or given back.

Each state is written before and after an outside effect, never during. Nothing is published by an attempt that lost
its lease, and nothing is sent to subscribers unless the whole run succeeded.
"""

from __future__ import annotations

import contextlib
import threading
import traceback
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import structlog

from reports import bundle, cron, templates
from reports.archive import Archive
from reports.bundle import BUNDLE_FILE
from reports.errors import ArchiveError, GazetteError, LeaseLost, NotFound, RenderError, StageError
from reports.model import (
    LEASE,
    Artifact,
    Delivery,
    Format,
    LogLevel,
    Report,
    Run,
    RunError,
    RunKind,
    Stage,
    Subscription,
)
from reports.planning import DELIVER, REPEATS, owner_notice, report_deliveries
from reports.retry import run_retry_at
from reports.sources import Snapshot
from reports.store import Store
from runner import making, since_last, telling
from runner.lease import KeptLease, kept
from runner.making import Order, Stopwatch, Workshop
from runner.run_folder import run_folder
from runner.since_last import Previous

T = TypeVar("T")

log = structlog.get_logger("gazette.pipeline")

COMPARED_WITH = "compared_with"  # in provenance: the run whose results the notebook was given
MESSAGE_CHARACTERS = 4_000  # of an error's message and of its traceback: rows and pages show them
TRACEBACK_CHARACTERS = 20_000


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Pipeline:
    """All that runs need. `stopping` is set when the runner gives its runs back."""

    store: Store
    archive: Archive
    shop: Workshop
    notebooks_dir: Path
    runs_dir: Path
    stopping: threading.Event = field(default_factory=threading.Event)
    clock: Callable[[], datetime] = utc_now


@dataclass(frozen=True)
class Made:
    """The files of a run, and what is recorded about them."""

    files: dict[Format, Path]
    metrics: dict[str, Any]
    provenance: dict[str, Any]


class Released(Exception):
    """The runner is stopping; the run goes back unharmed."""


def execute_run(pipeline: Pipeline, run: Run) -> None:
    """Bring a claimed run to its end. Raises only what the database does when not even the failure can be written."""

    def extend() -> None:
        pipeline.store.extend_lease(run.id, run.attempt, LEASE)

    with kept(extend, name=run.id) as lease:
        attempt = _Attempt(pipeline, run, lease)
        _, error = caught(attempt.complete)
        if isinstance(error, LeaseLost):
            attempt.let_go()
        elif error is not None:
            attempt.end_badly(error)


def caught(act: Callable[[], T]) -> tuple[T, None] | tuple[None, Exception]:
    """What `act` gives, or the exception it raised: notebooks, libraries and peers may raise anything.

    The one place that catches all; the caller records the error where its owner sees it.
    """
    try:
        return act(), None
    except Exception as error:  # noqa: BLE001
        return None, error


class _Attempt:
    """One attempt of one run: what it stored and where it stands."""

    def __init__(self, pipeline: Pipeline, run: Run, lease: KeptLease) -> None:
        self.pipeline = pipeline
        self.store = pipeline.store
        self.run = run
        self.lease = lease
        self.watch = Stopwatch(self._enter)
        self.stored: list[str] = []
        self.log = log.bind(run=run.id, attempt=run.attempt, report=run.report_name)

    def complete(self) -> None:
        with run_folder(self.pipeline.runs_dir, f"{self.run.id}-{self.run.attempt}") as folder:
            self._complete_in(folder)

    def _complete_in(self, folder: Path) -> None:
        run, shop = self.run, self.pipeline.shop
        self._tell(f"Attempt {run.attempt} began.")
        self.watch.begin(Stage.EXTRACT)
        report, subscriptions = self._who_wants_it()
        previous = since_last.fetch_previous(self.store, self.pipeline.archive, run, folder)
        order = self._order(report, subscriptions, previous)
        snapshots = making.extract(order, shop, self.pipeline.clock())
        for line in telling.what_was_read(snapshots):
            self._tell(line)
        key = making.execution_key(order, snapshots, shop, run.report_id)
        # Without declared data nothing says that a notebook would show the same again.
        earlier = self._reuse(order, key, folder) if snapshots else None
        made = earlier or self._make(order, snapshots, folder)
        self.watch.begin(Stage.ARCHIVE)
        artifacts = [self._put(format, path) for format, path in made.files.items()]
        self.watch.begin(Stage.FINISH)
        compared_with = previous.run.id if previous else None
        provenance = {**run.provenance, **made.provenance, COMPARED_WITH: compared_with}
        provenance |= {"execution_key": key, "seconds": self.watch.seconds}
        deliveries = self._deliveries(report, made, previous, snapshots)
        self.store.finish_run(run.id, run.attempt, artifacts, made.metrics, provenance, deliveries)
        self._tell(telling.who_gets_it(deliveries))
        self.log.info("Run succeeded", action="run.succeeded", seconds=self.watch.seconds)

    def let_go(self) -> None:
        """Somebody else has the run: leave nothing of ours, and write nothing."""
        self.log.warning("Run is another's now", action="run.lease_lost")
        self._remove_stored()

    def end_badly(self, error: Exception) -> None:
        # While finishing, a lost connection leaves it open whether the run was published: then its files stay, and
        # if it was not, they are swept as orphans.
        if self.watch.stage is not Stage.FINISH:
            self._remove_stored()
        try:
            if isinstance(error, Released) or self.pipeline.stopping.is_set():
                self.store.release_run(self.run.id, self.run.attempt)
                self._tell("The runner is stopping and gave the run back; this attempt does not count.")
                self.log.info("Run given back", action="run.released")
            else:
                self._fail(error)
        except LeaseLost:
            self.log.warning("Run is another's now", action="run.lease_lost")

    def _enter(self, stage: Stage) -> None:
        if self.pipeline.stopping.is_set():
            raise Released
        self.lease.check()
        self.store.set_stage(self.run.id, self.run.attempt, stage.value)

    def _who_wants_it(self) -> tuple[Report | None, list[Subscription]]:
        """The report, unless it was deleted since or never saved, and the subscriptions this run will serve."""
        run = self.run
        try:
            report = self.store.report(run.report_id)
        except NotFound:
            return None, []
        if run.kind is RunKind.SCHEDULED and report.cron:
            cron.parse(report.cron)  # a schedule that became unreadable had this as its last run: say why
            cron.check_zone(report.zone)
        if run.kind is RunKind.PREVIEW:
            return report, []
        subscriptions = self.store.subscriptions(report.id)
        served = {delivery.subscription_id for delivery in report_deliveries(run, report, subscriptions)}
        return report, [each for each in subscriptions if each.id in served]

    def _order(self, report: Report | None, subscriptions: Sequence[Subscription], previous: Previous | None) -> Order:
        run = self.run
        template = templates.get(self.pipeline.notebooks_dir, run.template)
        formats = set(run.formats)
        for subscription in subscriptions if report else ():
            formats.update(subscription.formats)
        return Order(
            template=template,
            title=run.report_name,
            period=run.period,
            formats=tuple(format for format in Format if format in formats),
            parameters=run.parameters,
            filters=run.filters,
            sources=making.find_sources(self.store, template.datasets, run.sources),
            due_at=run.due_at,
            run_id=run.id,
            # Who asks for a report has just looked at, or imported, data that a shared extraction may not have.
            fresh_from=None if run.kind is RunKind.SCHEDULED else run.due_at,
            previous=previous.facts if previous else None,
        )

    def _make(self, order: Order, snapshots: dict[str, Snapshot], folder: Path) -> Made:
        shop = self.pipeline.shop
        making.lay_out(order, snapshots, folder, shop.currency)
        self.watch.begin(Stage.EXECUTE)
        notebook = making.execute(order, shop, folder)
        for line in telling.on_stderr(notebook):
            self._tell(line, LogLevel.WARNING)
        self.watch.begin(Stage.RENDER)
        rendering = making.render(order, shop, notebook, folder)
        kept = bundle.of_run(folder, order.template.digest, rendering.results)
        files = {file.format: file.path for file in rendering.files} | {Format.NOTEBOOK: notebook}
        files[Format.RESULTS] = bundle.write(kept, folder / BUNDLE_FILE)
        missing = [format.value for format in order.formats if format not in files]
        if missing:
            raise RenderError(missing[0], "the renderer left it out; see the runner's log")
        self._tell(telling.what_was_made(files, rendering.pages))
        for remark in rendering.remarks:
            self._tell(f"Mended in the notebook's own part: {remark}", LogLevel.WARNING)
            self.log.warning("The notebook's own part was mended", action="report.remark", remark=remark)
        facts = {"pages": rendering.pages, "remarks": list(rendering.remarks)}
        provenance = {**making.provenance(order, snapshots), **facts}
        return Made(files, rendering.results.metric_values(), provenance)

    def _reuse(self, order: Order, key: str, folder: Path) -> Made | None:
        """The files of an earlier run of the same report with the same template, values, days and data."""
        earlier = self.store.find_execution(key)
        if earlier is None:
            return None
        artifacts = {artifact.format: artifact for artifact in self.store.artifacts(earlier.id)}
        if not {*order.formats, Format.RESULTS} <= artifacts.keys():
            return None
        files = {}
        try:
            for format, artifact in artifacts.items():
                target = folder / Path(artifact.path).name
                files[format] = self.pipeline.archive.fetch(artifact.path, target, artifact.sha256)
            if self._says_otherwise(earlier, files[Format.RESULTS], order):
                return None
        except ArchiveError as error:
            self.log.warning("Earlier files are not usable", action="run.not_reused", run=earlier.id, error=str(error))
            return None
        self._tell(f"The same report was made before: the files of run {earlier.id} are used again.")
        self.log.info("Same report made before", action="run.reused", earlier=earlier.id)
        own = {DELIVER, REPEATS, "seconds"}  # of that run alone, not of its files
        facts = {name: value for name, value in earlier.provenance.items() if name not in own}
        return Made(files, earlier.metrics, {"made_by_run": earlier.id, **facts})

    def _says_otherwise(self, earlier: Run, results: Path, order: Order) -> bool:
        """Whether the earlier report tells what changed since another report than the last one now."""
        last = order.previous["run_id"] if order.previous else None
        asked = bundle.read(results).results.changes is not None
        return asked and earlier.provenance.get(COMPARED_WITH) != last

    def _put(self, format: Format, path: Path) -> Artifact:
        """Archive a file and read it back: `succeeded` means that it is there as it was made."""
        stored = self.pipeline.archive.put(self.run.id, self.run.attempt, path.name, path)
        self.stored.append(stored.path)
        self.pipeline.archive.verify(stored.path, stored.sha256)
        return Artifact(uuid.uuid4().hex, self.run.id, format, stored.path, stored.sha256, stored.bytes)

    def _deliveries(
        self, report: Report | None, made: Made, previous: Previous | None, snapshots: Mapping[str, Snapshot]
    ) -> list[Delivery]:
        """One for each subscription, already skipped where its condition is not met."""
        run = self.run
        if report is None or run.kind is RunKind.PREVIEW or not run.provenance.get(DELIVER, True):
            return []
        subscriptions = self.store.subscriptions(report.id)
        deliveries = report_deliveries(run, report, subscriptions)
        if not since_last.is_conditional(subscriptions):
            return deliveries
        results = made.files[Format.RESULTS]
        found = since_last.found_in(results, previous, self.pipeline.archive, snapshots, run.period)
        return since_last.decided(deliveries, subscriptions, found)

    def _fail(self, error: Exception) -> None:
        run, stage = self.run, self.watch.stage.value if self.watch.stage else self.run.stage
        retry_at = None if is_permanent(error) else run_retry_at(run.tries, self.pipeline.clock())
        notice = None if run.kind is RunKind.PREVIEW else owner_notice(run)
        told = run_error(error, stage)
        self.store.fail_run(run.id, run.attempt, told, retry_at, notice)
        again = f"tried again at {retry_at:%H:%M:%S} UTC" if retry_at else "not tried again by itself"
        self._tell(f"Failed in the stage {stage}, {again}: {told.message}", LogLevel.ERROR)
        self.log.warning(
            "Run failed" if retry_at is None else "Run failed and will be tried again",
            action="run.failed" if retry_at is None else "run.retry",
            stage=stage,
            error=str(error)[:MESSAGE_CHARACTERS],
            retry_at=retry_at.isoformat() if retry_at else None,
            exc_info=not isinstance(error, GazetteError),
        )

    def _tell(self, text: str, level: LogLevel = LogLevel.INFO) -> None:
        """One line more in the run's log, which people read; the runner's own log is for machines."""
        self.store.log_line(self.run.id, self.run.attempt, text, level)

    def _remove_stored(self) -> None:
        """Take this attempt's files out of the archive; what cannot be removed now is swept later."""
        for path in self.stored:
            with contextlib.suppress(ArchiveError):
                self.pipeline.archive.remove(path)


def is_permanent(error: Exception) -> bool:
    """Whether the same attempt again would fail the same way. What is not foreseen is tried again."""
    if isinstance(error, StageError):
        return error.permanent
    return isinstance(error, GazetteError)


def run_error(error: Exception, stage: str) -> RunError:
    """The error as the run's owner reads it."""
    foreseen = isinstance(error, GazetteError)
    trace = getattr(error, "traceback", "") if foreseen else "".join(traceback.format_exception(error))
    return RunError(
        stage=stage,
        kind=type(error).__name__,
        message=(str(error) or type(error).__name__)[:MESSAGE_CHARACTERS],
        cell=getattr(error, "cell", None) if foreseen else None,
        source=getattr(error, "source", "") if foreseen else "",
        line=getattr(error, "line", "") if foreseen else "",
        traceback=str(trace)[-TRACEBACK_CHARACTERS:],
    )
