"""What a run needs from outside, as contracts: an Executor, a Renderer and Channels.

Each adapter is held to its docstring by one test suite. Errors cross these borders only as `StageError`s.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol

from reports.messages.envelope import Envelope
from reports.model import Format
from reports.results import Results
from reports.templates import Template


@dataclass(frozen=True)
class Limits:
    wall: timedelta = timedelta(minutes=10)  # for the whole notebook
    cell: timedelta = timedelta(minutes=5)
    memory_bytes: int = 4 * 1024**3  # address space of the kernel
    output_bytes: int = 10 * 1024**2  # of all outputs together; beyond that they are cut, and say so


@dataclass(frozen=True)
class RenderedFile:
    format: Format
    path: Path  # complete and closed


@dataclass(frozen=True)
class Rendering:
    files: tuple[RenderedFile, ...]
    results: Results
    pages: int | None = None  # of the PDF
    remarks: tuple[str, ...] = ()  # what was mended in the notebook's own pieces, for the analyst


@dataclass(frozen=True)
class Receipt:
    """What became of a hand-over. `detail` is for people: the path written, the peer's answer."""

    detail: str
    path: str | None = None


class Executor(Protocol):
    def execute(
        self,
        template: Template,
        parameters: Mapping[str, Any],
        run_dir: Path,
        limits: Limits,
        *,
        zone: str = "UTC",
    ) -> Path:
        """Run a deep copy of the template with `parameters` in a fresh kernel whose working folder is `run_dir`.

        The kernel sees a scrubbed environment and the folder's own files, no database URL and no secret. Returns the
        executed notebook's path inside `run_dir`. Raises ExecutionError (names the cell, its source line and the
        error; also for a `sys.exit`, a dead kernel and `input()`) or ExecutionTimeout. Whatever happens, neither the
        kernel nor a child of it is alive afterwards. Two calls may run at the same time in two threads.
        """
        ...

    def close(self) -> None: ...


class Renderer(Protocol):
    def render(self, notebook: Path, run_dir: Path, formats: tuple[Format, ...], title: str) -> Rendering:
        """Make every wanted format, and the mail, from one executed notebook and the folder's results.

        Files are written into `run_dir`. Raises RenderError if a format cannot be made or lost a chart, a table or a
        page on the way. Two calls may run at the same time in two threads.
        """
        ...

    def close(self) -> None: ...


class Channel(Protocol):
    def send(self, envelope: Envelope) -> Receipt:
        """Hand one delivery over to its one address, with an id that derives from the delivery alone.

        Raises DeliveryError: `permanent` when the peer refused for good, `unknown` when its answer was lost after the
        content was handed over, `retry_after` when the peer said when to come again.
        """
        ...
