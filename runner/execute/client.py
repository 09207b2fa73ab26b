"""Papermill's notebook client over one of our kernels: cell after cell, under both limits, to the last one or an error.

It owns an event loop for the length of one run and closes it, so that a runner's threads keep nothing behind.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from typing import Any

from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import NBClientEngine

from runner.execute import failures
from runner.execute.launcher import LOG_FILE, SCRATCH
from runner.execute.provisioner import RunKernelManager
from runner.ports import Limits

START_SECONDS = 60.0  # a kernel is ready within one on an idle machine
IOPUB_SECONDS = 30  # for outputs still under way when a cell has ended
LEAST_SECONDS = 0.01  # nbclient takes 0 for "no limit"

quiet = logging.getLogger("gazette.cells")  # what nbclient logs, our errors say better
quiet.setLevel(logging.CRITICAL)


class RunClient(PapermillNotebookClient):  # type: ignore[misc]
    """Raises ExecutionError and ExecutionTimeout, nothing of nbclient's own."""

    def __init__(self, nb_man: Any, kernel: RunKernelManager, limits: Limits) -> None:
        super().__init__(
            nb_man,
            km=kernel,
            kernel_name="python3",
            timeout_func=self._seconds_left,
            iopub_timeout=IOPUB_SECONDS,
            shell_timeout_interval=1,
            force_raise_errors=True,
            on_cell_executed=self._on_cell_executed,
            log=quiet,
        )
        self.kernel = kernel
        self.limits = limits
        self.started = 0.0
        self.index: int | None = None
        self.reply: dict[str, Any] = {}

    def execute(self, **_: Any) -> Any:
        with asyncio.Runner() as loop:
            loop.run(self._run())
        return self.nb

    async def _run(self) -> None:
        try:
            await self._start()
            self.started = time.monotonic()
            for index, cell in enumerate(self.nb.cells):
                await self._run_cell(index, cell)
            await self._take_leave()
        finally:
            with contextlib.suppress(RuntimeError):  # channels that never started
                if self.kc is not None:
                    self.kc.stop_channels()
            await self.kernel.close()

    async def _start(self) -> None:
        try:
            self.kc = await self.kernel.start(START_SECONDS)
        except (RuntimeError, OSError) as error:
            raise failures.kernel_died(None, await self._status(), self._log() or str(error)) from error

    async def _run_cell(self, index: int, cell: Any) -> None:
        self.index = index
        self.reply = {}
        self.nb_man.cell_start(cell, index)
        try:
            await self.async_execute_cell(cell, index)
            if any(item.get("source") == "ask_exit" for item in self.reply.get("payload", [])):
                raise failures.cell_ended_kernel(self._place())
        except CellExecutionError as error:
            self.nb_man.cell_exception(cell, cell_index=index)
            raise failures.cell_failed(self._place(), self.reply) from error
        except CellTimeoutError as error:
            raise self._timed_out() from error
        except DeadKernelError as error:
            raise failures.kernel_died(self._place(), await self._status(), self._log()) from error
        finally:
            self.nb_man.cell_complete(cell, cell_index=index)

    async def _take_leave(self) -> None:
        """One more exchange: a kernel that died after its last answer has not succeeded."""
        try:
            answer = await self.async_wait_for_reply(self.kc.kernel_info())
        except DeadKernelError as error:
            place = None if self.index is None else self._place()
            raise failures.kernel_died(place, await self._status(), self._log()) from error
        if answer is not None:
            self.nb.metadata["language_info"] = answer["content"]["language_info"]
        self.set_widgets_metadata()

    async def _on_cell_executed(self, *, execute_reply: dict[str, Any] | None, **_: Any) -> None:
        self.reply = execute_reply["content"] if execute_reply else {}

    def _seconds_left(self, _cell: Any = None) -> float:
        wall = self.limits.wall.total_seconds() - (time.monotonic() - self.started)
        return max(LEAST_SECONDS, min(wall, self.limits.cell.total_seconds()))

    def _timed_out(self) -> Exception:
        of_notebook = time.monotonic() - self.started >= self.limits.wall.total_seconds()
        limit = self.limits.wall if of_notebook else self.limits.cell
        return failures.timed_out(self._place(), limit, of_notebook=of_notebook)

    def _place(self) -> failures.CellPlace:
        assert self.index is not None
        return failures.place_of(self.nb.cells, self.index)

    async def _status(self) -> int | None:
        return await self.kernel.provisioner.poll()

    def _log(self) -> str:
        with contextlib.suppress(OSError):
            return (self.kernel.order.run_dir / SCRATCH / LOG_FILE).read_text(errors="replace")
        return ""


class GazetteEngine(NBClientEngine):  # type: ignore[misc]
    """Papermill's engine with the kernel and the limits of a run."""

    @classmethod
    def execute_managed_notebook(
        cls, nb_man: Any, kernel_name: str, *, kernel: RunKernelManager, limits: Limits, **_: Any
    ) -> None:
        RunClient(nb_man, kernel, limits).execute()
