"""A runner's parts for tests: real store, archive, kernels and outbox, and a light renderer without a browser."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import nbformat
from examples import a_plain_report
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from reports.archive import Archive
from reports.messages.envelope import Envelope
from reports.model import ChannelKind, Format, Report, Run, Subscription
from reports.results import read_results
from reports.sources import SnapshotCache, Source
from reports.store import RunQuery, Store
from runner.deliver.outbox import OutboxChannel
from runner.execute.executor import PapermillExecutor
from runner.housekeeping import Premises
from runner.loop import Runner, RunnerOptions
from runner.making import Workshop
from runner.pipeline import Pipeline
from runner.ports import Channel, Executor, Limits, Receipt, RenderedFile, Rendering
from runner.sending import PostRoom
from runner.tick import tick

DUE = datetime(2026, 11, 16, 8, 0, tzinfo=UTC)
NOW = DUE + timedelta(seconds=1)
PARAMETERS = 'team: str = "all"'
LIMITS = Limits(wall=timedelta(seconds=60), cell=timedelta(seconds=30))


def write_notebook(folder: Path, name: str, *cells: str, **about: Any) -> Path:
    """A template with a parameters cell, the given code cells and `about` as its metadata `gazette`."""
    folder.mkdir(parents=True, exist_ok=True)
    parts = [new_markdown_cell("# Sample"), new_code_cell(PARAMETERS, metadata={"tags": ["parameters"]})]
    parts += [new_code_cell(textwrap.dedent(cell).strip()) for cell in cells]
    path = folder / f"{name}.ipynb"
    nbformat.write(new_notebook(cells=parts, metadata={"gazette": {"title": "Sample", **about}}), path)
    return path


class TextRenderer:
    """Writes a small file for every format; `error` is raised instead, `left_out` are not written."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.left_out: Sequence[Format] = ()
        self.calls = 0

    def render(self, notebook: Path, run_dir: Path, formats: tuple[Format, ...], title: str) -> Rendering:
        self.calls += 1
        if self.error is not None:
            raise self.error
        files = []
        for format in formats:
            if format not in self.left_out:
                path = run_dir / f"report.{format.value}"
                path.write_text(f"{title} as {format.value}")
                files.append(RenderedFile(format, path))
        mail = run_dir / "mail.json"
        mail.write_text(json.dumps({"title": title, "text": f"{title}\n", "html": f"<p>{title}</p>", "images": []}))
        return Rendering((*files, RenderedFile(Format.MAIL, mail)), read_results(run_dir), 1)

    def close(self) -> None: ...


class RecordingChannel:
    """Keeps what it was asked to send; raises the errors it was given, one a call."""

    def __init__(self, *errors: Exception | None) -> None:
        self.errors = list(errors)
        self.sent: list[Envelope] = []
        self.contents: list[dict[Format, str]] = []

    def send(self, envelope: Envelope) -> Receipt:
        error = self.errors.pop(0) if self.errors else None
        if error is not None:
            raise error
        self.sent.append(envelope)
        self.contents.append({format: path.read_text() for format, path in envelope.files.items()})
        return Receipt("taken")


@dataclass
class Plant:
    """Everything one runner has, in one folder."""

    folder: Path
    store: Store
    renderer: TextRenderer = field(default_factory=TextRenderer)
    executor: Executor = field(default_factory=PapermillExecutor)
    channels: dict[ChannelKind, Channel] = field(default_factory=dict)
    now: datetime = NOW
    pipeline: Pipeline = field(init=False)
    room: PostRoom = field(init=False)
    premises: Premises = field(init=False)

    def __post_init__(self) -> None:
        archive, snapshots = Archive(str(self.folder / "archive")), SnapshotCache(self.folder / "snapshots")
        outbox = OutboxChannel(self.folder / "outbox")
        channels: dict[ChannelKind, Channel] = dict.fromkeys(ChannelKind, outbox) | self.channels
        store_url = self.store.url.render_as_string(hide_password=False)
        shop = Workshop(self.executor, self.renderer, snapshots, store_url, LIMITS)
        runs_dir = self.folder / "runs"
        self.pipeline = Pipeline(self.store, archive, shop, self.folder / "notebooks", runs_dir, clock=lambda: self.now)
        self.room = PostRoom(
            self.store, archive, channels, "tester", self.folder / "sending", clock=lambda: self.now, jitter=lambda: 0.0
        )
        self.premises = Premises(self.store, archive, snapshots, runs_dir, timedelta(days=90))

    def notebook(self, *cells: str, name: str = "sample", **about: Any) -> Path:
        return write_notebook(self.folder / "notebooks", name, *cells, **about)

    def report(self, **changes: Any) -> Report:
        plain = a_plain_report(template="sample", formats=(Format.HTML, Format.XLSX), next_due_at=DUE)
        return self.store.add_report(replace(plain, **changes))

    def subscribe(self, id: str, **changes: Any) -> Subscription:
        plain = Subscription(id=id, report_id="r1", channel=ChannelKind.OUTBOX, address=id, formats=(Format.HTML,))
        return self.store.add_subscription(replace(plain, **changes))

    def claim(self) -> Run:
        """Tick, and claim the run that comes of it."""
        tick(self.store, self.now)
        run = self.store.claim_run("tester", timedelta(minutes=1))
        assert run is not None, "nothing to claim"
        return run

    def runs(self) -> list[Run]:
        return self.store.runs(RunQuery(limit=1000))

    def csv_source(self, *rows: str, name: str = "usage") -> Source:
        """A files source with daily usage rows: day, user_id, model, requests."""
        path = self.folder / f"{name}.csv"
        path.write_text(
            "\n".join(["day,user_id,model,requests,successes,prompt_tokens,completion_tokens,spend", *rows])
        )
        return self.store.add_source(Source(name, "files", str(path)))

    def runner(self, **options: Any) -> Runner:
        given = {"runner_id": "tester", "tick_seconds": 0.1, **options}
        return Runner(self.pipeline, self.room, self.premises, RunnerOptions(**given))
