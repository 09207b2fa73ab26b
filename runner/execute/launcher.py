"""Where kernels come from: a KernelOrder in, a LaunchedKernel out.

The cold launcher starts a new interpreter for every run; a warm one may take its place behind the same port. A kernel
gets an environment of its own and nothing of the runner's: no settings, no database URL, no secret.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Protocol

import psutil

from reports.results import RUN_DIR_VARIABLE
from runner.execute.guard import SIGNALLED
from runner.ports import Limits

SCRATCH = "tmp"  # the kernel's HOME and TMPDIR, inside the run's folder
LOG_FILE = "kernel.log"  # in SCRATCH: what native code writes when it crashes
END_SECONDS = 5.0  # for the guard to end everything below it; killing takes milliseconds
PROJECT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class KernelOrder:
    """One kernel for one run."""

    run_dir: Path
    limits: Limits
    zone: str = "UTC"


class LaunchedKernel(Protocol):
    @property
    def pid(self) -> int: ...

    def poll(self) -> int | None:
        """None while the kernel lives, else its exit status: above 128 it is 128 + the signal that ended it."""
        ...

    def end(self) -> None:
        """End the kernel and every descendant, and wait until they are gone. Any thread may call it, repeatedly."""
        ...


class KernelLauncher(Protocol):
    def launch(self, order: KernelOrder, connection_file: Path) -> LaunchedKernel:
        """Start a kernel that serves `connection_file`, works in the order's folder and keeps to its limits."""
        ...


@dataclass
class ColdKernel:
    """A kernel in its own interpreter under its guard."""

    guard: subprocess.Popen[bytes]
    lifeline: int
    run_dir: Path
    _lock: Lock = field(default_factory=Lock)
    _ended: bool = False

    @property
    def pid(self) -> int:
        return self.guard.pid

    def poll(self) -> int | None:
        status = self.guard.poll()
        return None if status is None else _as_status(status)

    def end(self) -> None:
        with self._lock:
            if self._ended:
                return
            self._ended = True
            os.close(self.lifeline)
            try:
                orderly = self.guard.wait(END_SECONDS) >= 0
            except subprocess.TimeoutExpired:
                orderly = False
            if not orderly:  # a cell killed or stopped its guard
                _end_family(self.guard.pid)
                self.guard.wait()
                end_strays(self.run_dir)


class ColdLauncher:
    """Starts `python -m runner.execute.kernel` for every order."""

    def launch(self, order: KernelOrder, connection_file: Path) -> LaunchedKernel:
        scratch = order.run_dir / SCRATCH
        scratch.mkdir(mode=0o700, exist_ok=True)
        reading, writing = os.pipe()
        try:
            with (scratch / LOG_FILE).open("wb") as log:
                guard = subprocess.Popen(  # its own session: a Ctrl-C at the runner's terminal is not for kernels
                    _command(order.limits, connection_file, reading),
                    cwd=order.run_dir,
                    env=environment(order),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    pass_fds=(reading,),
                    start_new_session=True,
                )
        except OSError:
            os.close(writing)
            raise
        finally:
            os.close(reading)
        return ColdKernel(guard, writing, order.run_dir)


def _command(limits: Limits, connection_file: Path, lifeline: int) -> list[str]:
    cpu_seconds = int(limits.wall.total_seconds() * (os.cpu_count() or 1)) + 1
    options = {
        "--connection-file": connection_file,
        "--lifeline": lifeline,
        "--memory": limits.memory_bytes,
        "--cpu": cpu_seconds,
        "--output": limits.output_bytes,
    }
    flags = [str(part) for option in options.items() for part in option]
    # -P: the run's folder is no place to import `runner` from
    return [sys.executable, "-P", "-m", "runner.execute.kernel", *flags]


def environment(order: KernelOrder) -> dict[str, str]:
    """All variables a kernel sees, made from nothing."""
    scratch = str(order.run_dir / SCRATCH)
    variables = {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), *os.get_exec_path()]),
        "HOME": scratch,
        "TMPDIR": scratch,
        "LANG": "C.UTF-8",
        "TZ": order.zone,
        RUN_DIR_VARIABLE: str(order.run_dir),
        "PYTHONHASHSEED": "0",  # the same data gives the same order of sets
        "OPENBLAS_NUM_THREADS": "1",  # several runs share the machine
        "OMP_NUM_THREADS": "1",
        "PLOTLY_RENDERER": "plotly_mimetype",  # the figure itself, which the renderer draws
    }
    if not _installed():
        variables["PYTHONPATH"] = str(PROJECT)
    return variables


@cache
def _installed() -> bool:
    """Whether Python finds Gazette from any folder; metadata beside the sources does not count."""
    elsewhere = [entry for entry in sys.path if Path(entry).resolve() != PROJECT]
    return any(True for _ in importlib.metadata.distributions(name="gazette", path=elsewhere))


def _as_status(code: int) -> int:
    return code if code >= 0 else SIGNALLED - code


def _end_family(pid: int) -> None:
    with contextlib.suppress(psutil.Error):
        guard = psutil.Process(pid)
        for process in [*guard.children(recursive=True), guard]:
            with contextlib.suppress(psutil.Error):
                process.kill()


def strays(folder: Path) -> Iterator[psutil.Process]:
    """The living whose environment says that they belong to a run in `folder` or below."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            marker = _environment_of(process).get(RUN_DIR_VARIABLE)
            if marker and Path(marker).is_relative_to(folder) and process.pid != os.getpid():
                yield process


def _environment_of(process: psutil.Process) -> Mapping[str, str]:
    environ: Mapping[str, str] = process.environ()
    return environ


def end_strays(folder: Path) -> int:
    """Kill what is left of the runs in `folder`; returns how many there were."""
    found = list(strays(folder))
    for process in found:
        with contextlib.suppress(psutil.Error):
            process.send_signal(signal.SIGKILL)
    psutil.wait_procs(found, timeout=END_SECONDS)
    return len(found)
