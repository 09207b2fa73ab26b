"""The one browser of a runner: it draws charts and prints PDFs for every run, from any thread.

A thread of its own holds the event loop that owns the browser; callers wait for its answers. A browser or tab that
died is replaced and the work tried once more. It never loads anything from the network or the disk.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, TypeVar

from reports.errors import RenderError
from runner.render.charts import ChartTab, Drawing
from runner.render.devtools import BrowserGone, CommandFailed, Connection
from runner.render.tab import open_tab

T = TypeVar("T")


class Browser:
    """A thread-safe front of one Chromium. It starts on first use; `close` ends it and leaves nothing behind."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run_loop, name="browser", daemon=True)
        self._connection: Connection | None = None
        self._charts: ChartTab | None = None
        self._starting = asyncio.Lock()
        self._drawing = asyncio.Lock()
        self._closed = False
        self._thread.start()

    def draw(self, drawings: Sequence[Drawing]) -> list[str]:
        """All `drawings` in one batch: SVG text or base64 PNG. Raises RenderError."""
        return self._call("chart", self._draw(drawings)) if drawings else []

    def print_pdf(self, html: str) -> bytes:
        """The page as Chromium's tagged PDF; nothing in it runs. Raises RenderError."""
        return self._call("pdf", self._print(html))

    def warm_up(self) -> None:
        """Start the browser and load plotly.js before the first report needs them."""
        self._call("chart", self._retried(self._with_charts(lambda charts: charts.draw(()))))

    @property
    def process_id(self) -> int | None:
        return self._connection.process_id if self._connection is not None else None

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        asyncio.run_coroutine_threadsafe(self._drop(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run_loop(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()
        self._loop.run_until_complete(self._loop.shutdown_default_executor())

    def _call(self, format: str, work: Coroutine[Any, Any, T]) -> T:
        if self._closed:
            work.close()
            raise RenderError(format, "the browser was closed; the runner is stopping")
        try:
            return asyncio.run_coroutine_threadsafe(work, self._loop).result()
        except BrowserGone as error:
            raise RenderError(format, f"{error}; check that the browser at {self._path} starts") from error
        except CommandFailed as error:
            raise RenderError(format, f"the browser refused: {error}") from error
        except TimeoutError as error:
            raise RenderError(format, "the browser did not answer in time; make the report smaller") from error

    async def _draw(self, drawings: Sequence[Drawing]) -> list[str]:
        return await self._retried(self._with_charts(lambda charts: charts.draw(drawings)))

    def _with_charts(self, work: Callable[[ChartTab], Awaitable[T]]) -> Callable[[Connection], Coroutine[Any, Any, T]]:
        async def on(connection: Connection) -> T:
            async with self._drawing:
                return await work(await self._chart_tab(connection))

        return on

    async def _chart_tab(self, connection: Connection) -> ChartTab:
        if self._charts is not None and self._charts.worn_out:
            worn, self._charts = self._charts, None
            await worn.close()
        if self._charts is None:
            self._charts = await ChartTab.open(connection)
        return self._charts

    async def _print(self, html: str) -> bytes:
        async def on(connection: Connection) -> bytes:
            tab = await open_tab(connection, scripts=False)
            try:
                await tab.set_content(html)
                return await tab.print_pdf()
            finally:
                await tab.close()

        return await self._retried(on)

    async def _retried(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        """`work` on the running browser; once more on a new one if it or its tab died."""
        connection = await self._running()
        try:
            return await work(connection)
        except BrowserGone:
            await self._drop(connection)
        except TimeoutError:
            await self._drop(connection)  # a tab that hangs cannot be closed
            raise
        return await work(await self._running())

    async def _running(self) -> Connection:
        async with self._starting:
            if self._closed:
                raise BrowserGone("the browser was closed")
            if self._connection is not None and not self._connection.alive:
                await self._end(self._connection)
            if self._connection is None:
                self._connection = await Connection.open(self._path)
            return self._connection

    async def _drop(self, connection: Connection | None = None) -> None:
        """End the browser, unless `connection` is named and another one has taken its place meanwhile."""
        async with self._starting:
            current = self._connection
            if current is not None and connection in (None, current):
                await self._end(current)

    async def _end(self, connection: Connection) -> None:
        self._connection, self._charts = None, None
        await connection.close()
