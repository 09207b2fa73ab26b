"""A thin client of one browser over its DevTools pipe: start, send, await events, close.

It knows the protocol and nothing of reports; one event loop owns a Connection. Kaleido's own engine, choreographer
1.4, was tried first and left for measured reasons: it reads answers in 10 kB steps with quadratic copying (5 MB: 0.9 s,
20 MB: 11.8 s), needs 2.2 s to start where this needs 0.2 s, blocks the event loop for 1.5 s when the browser dies,
leaves the browser running when its wrapper process is killed, and hands it the runner's whole environment.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil

from reports.model import JsonDict

COMMAND_SECONDS = 60.0  # longest wait for one answer; printing a hundred pages takes about 2 s
CLOSE_SECONDS = 3.0  # a browser that has not left by then is killed
PROFILE_PREFIX = "gazette-browser-"  # then the runner's process id, so that a later runner can sweep

# No sandbox flag here: it is added for root only. Everything that would reach the network, keep state on disk or
# throttle a tab that nobody looks at is off; any request that remains ends at a closed port.
FLAGS = (
    "--headless",
    "--disable-gpu",
    "--hide-scrollbars",
    "--mute-audio",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-extensions",
    "--disable-component-update",
    "--disable-component-extensions-with-background-pages",
    "--disable-background-networking",
    "--disable-client-side-phishing-detection",
    "--disable-domain-reliability",
    "--disable-sync",
    "--disable-default-apps",
    "--disable-breakpad",
    "--disable-crash-reporter",
    "--disable-dev-shm-usage",
    "--disable-background-timer-throttling",
    "--disable-backgrounding-occluded-windows",
    "--disable-renderer-backgrounding",
    "--disable-ipc-flooding-protection",
    "--disable-features=Translate,OptimizationHints,MediaRouter,PaintHolding,DialMediaRouteProvider",
    "--metrics-recording-only",
    "--no-pings",
    "--password-store=basic",
    "--use-mock-keychain",
    "--font-render-hinting=none",
    "--force-color-profile=srgb",
    "--proxy-server=127.0.0.1:9",
    "--proxy-bypass-list=<-loopback>",
    "--host-resolver-rules=MAP * ~NOTFOUND",
)

# The browser reads commands from descriptor 3 and answers on 4. The shell moves them there and becomes the browser,
# which spares `preexec_fn`, unsafe in a process with threads.
_MOVE_PIPES = 'exec 3<&0 4>&1 </dev/null >/dev/null; exec "$@"'

_TAB_CRASHED = "a tab of the browser crashed"


class BrowserGone(Exception):
    """The browser ended, or one of its tabs crashed; a new one may succeed."""


class CommandFailed(Exception):
    """The browser understood a command and refused it."""


class _Messages(asyncio.Protocol):
    """Cuts the browser's bytes into messages, which end with a NUL."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._parts: list[bytes] = []

    def data_received(self, data: bytes) -> None:
        *ends, rest = data.split(b"\0")
        for end in ends:
            self._connection._receive(b"".join((*self._parts, end)))
            self._parts.clear()
        if rest:
            self._parts.append(rest)

    def connection_lost(self, exc: Exception | None) -> None:
        self._connection._lost()


class Connection:
    """A running browser. Only the event loop that opened it may use it."""

    def __init__(self, program: subprocess.Popen[bytes], profile: Path) -> None:
        self._program = program
        self._profile = profile
        self._writer: asyncio.WriteTransport | None = None
        self._reader: asyncio.ReadTransport | None = None
        self._answers: dict[int, tuple[str, asyncio.Future[JsonDict]]] = {}
        self._events: dict[tuple[str, str], asyncio.Future[JsonDict]] = {}
        self._crashed: set[str] = set()  # sessions of tabs that crashed, and never answer again
        self._last_id = 0
        self.alive = True

    @classmethod
    async def open(cls, path: Path) -> Connection:
        """Start the browser at `path` with an empty profile of its own; raises BrowserGone if it ends at once."""
        sweep_profiles()
        profile = Path(tempfile.mkdtemp(prefix=f"{PROFILE_PREFIX}{os.getpid()}-"))
        command_reader, command_writer = os.pipe()
        answer_reader, answer_writer = os.pipe()
        try:
            program = _start(path, profile, command_reader, answer_writer)
        finally:
            os.close(command_reader)
            os.close(answer_writer)
        connection = cls(program, profile)
        try:
            await connection._attach(command_writer, answer_reader)
            await connection.send("Browser.getVersion", timeout=20.0)
        except (BrowserGone, TimeoutError) as error:
            await connection.close()
            raise BrowserGone(f"the browser at {path} did not start") from error
        return connection

    async def _attach(self, command_writer: int, answer_reader: int) -> None:
        loop = asyncio.get_running_loop()
        reading, _ = await loop.connect_read_pipe(lambda: _Messages(self), os.fdopen(answer_reader, "rb", 0))
        writing, _ = await loop.connect_write_pipe(asyncio.BaseProtocol, os.fdopen(command_writer, "wb", 0))
        self._reader, self._writer = reading, writing

    @property
    def process_id(self) -> int:
        return self._program.pid

    async def send(
        self,
        method: str,
        params: Mapping[str, Any] | None = None,
        *,
        session: str = "",
        timeout: float = COMMAND_SECONDS,
    ) -> JsonDict:
        """One command and its answer. Raises BrowserGone, CommandFailed or TimeoutError."""
        if not self.alive or self._writer is None:
            raise BrowserGone("the browser is not running")
        if session in self._crashed:
            raise BrowserGone(_TAB_CRASHED)
        self._last_id += 1
        number = self._last_id
        message: JsonDict = {"id": number, "method": method, "params": dict(params or {})}
        if session:
            message["sessionId"] = session
        answer: asyncio.Future[JsonDict] = asyncio.get_running_loop().create_future()
        self._answers[number] = (session, answer)
        # Lone surrogates have no UTF-8 form, and the browser never answers a message it cannot read.
        text = json.dumps(message, ensure_ascii=False, allow_nan=False)
        self._writer.write(text.encode("utf-8", "replace") + b"\0")
        try:
            async with asyncio.timeout(timeout):
                return await answer
        finally:
            self._answers.pop(number, None)

    def expect(self, session: str, event: str) -> asyncio.Future[JsonDict]:
        """A future of the next such event; ask before provoking it."""
        future: asyncio.Future[JsonDict] = asyncio.get_running_loop().create_future()
        self._events[session, event] = future
        return future

    def forget(self, session: str) -> None:
        """Drop what still waits for a closed tab."""
        self._crashed.discard(session)
        for key in [key for key in self._events if key[0] == session]:
            self._events.pop(key).cancel()

    def _receive(self, raw: bytes) -> None:
        message: JsonDict = json.loads(raw)
        if "id" in message:
            _, answer = self._answers.pop(message["id"], ("", None))
            if answer is None or answer.done():
                return  # nobody waits any more
            if "error" in message:
                answer.set_exception(CommandFailed(str(message["error"].get("message", "refused"))))
            else:
                answer.set_result(message["result"])
            return
        session, event = message.get("sessionId", ""), message["method"]
        if event == "Inspector.targetCrashed":
            self._crashed.add(session)
            self._fail(BrowserGone(_TAB_CRASHED), session)
            return
        expected = self._events.pop((session, event), None)
        if expected is not None and not expected.done():
            expected.set_result(message.get("params", {}))

    def _lost(self) -> None:
        self.alive = False
        self._fail(BrowserGone("the browser ended unexpectedly"))

    def _fail(self, error: BrowserGone, session: str | None = None) -> None:
        """Let everything that waits, of one tab or of all, fail now."""
        answers = [future for of, future in self._answers.values() if session in (None, of)]
        events = [future for (of, _), future in self._events.items() if session in (None, of)]
        for future in (*answers, *events):
            if not future.done():
                future.set_exception(error)
                future.exception()  # retrieved: an event nobody awaits any more is no warning

    async def close(self) -> None:
        """End the browser with all its processes and remove its profile."""
        if self.alive:
            with contextlib.suppress(BrowserGone, CommandFailed, TimeoutError):  # it is ended below
                await self.send("Browser.close", timeout=CLOSE_SECONDS)
        self.alive = False
        for transport in (self._writer, self._reader):
            if transport is not None:
                transport.close()
        await asyncio.to_thread(self._end)

    def _end(self) -> None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._program.wait(CLOSE_SECONDS)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._program.pid, signal.SIGKILL)  # it leads a session of its own: children go with it
        self._program.wait()
        for _ in range(5):  # a dying child may still write into the profile
            shutil.rmtree(self._profile, ignore_errors=True)
            if not self._profile.exists():
                break


def _start(path: Path, profile: Path, command_reader: int, answer_writer: int) -> subprocess.Popen[bytes]:
    flags = [*FLAGS, f"--user-data-dir={profile}", "--remote-debugging-pipe"]
    if os.geteuid() == 0:
        flags.append("--no-sandbox")  # Chromium refuses to run as root with its sandbox on
    return subprocess.Popen(
        ["/bin/sh", "-c", _MOVE_PIPES, "sh", str(path), *flags, "about:blank"],
        stdin=command_reader,
        stdout=answer_writer,
        stderr=subprocess.DEVNULL,
        # Nothing of the runner's environment: the page's renderer could be made to tell it.
        env={"PATH": os.defpath, "HOME": str(profile), "LANG": "C.UTF-8", "TZ": "UTC"},
        start_new_session=True,
    )


def sweep_profiles() -> None:
    """Remove the browser profiles of runners that were killed."""
    for profile in Path(tempfile.gettempdir()).glob(f"{PROFILE_PREFIX}*-*"):
        owner = profile.name.removeprefix(PROFILE_PREFIX).split("-")[0]
        if owner.isdigit() and not psutil.pid_exists(int(owner)):
            shutil.rmtree(profile, ignore_errors=True)
