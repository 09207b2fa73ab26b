"""The guard: the small parent of one kernel, which leaves nothing of it behind.

It ends when the kernel ends or when the runner's end of the lifeline closes (also by `kill -9`), and before that it
ends every descendant, whatever session it moved to: as a subreaper it inherits the orphans. It runs no analyst's code.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import sys
from pathlib import Path

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
SIGNALLED = 128  # exit statuses above are 128 + the signal that ended the kernel, as shells say it


def stand_guard(lifeline: int) -> None:
    """Fork: the child returns as the kernel, the parent stays as its guard and never returns.

    `lifeline` is the reading end of a pipe whose only writing end the runner holds.
    """
    _prctl(PR_SET_CHILD_SUBREAPER, 1)
    guard = os.getpid()
    kernel = os.fork()
    if kernel:
        status = _watch(kernel, lifeline)
        _end_descendants()
        os._exit(status)
    os.close(lifeline)
    os.setsid()
    # The guard has one thread, so "the parent thread ended" and "the guard ended" are the same moment.
    _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != guard:
        os._exit(1)


def _watch(kernel: int, lifeline: int) -> int:
    """Wait for the kernel's end or the runner's; returns the exit status to end with."""
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    woken, wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    while True:
        status = _reap(kernel)
        if status is not None:
            return status
        ready, _, _ = select.select([woken, lifeline], [], [])
        if lifeline in ready:
            return SIGNALLED + signal.SIGKILL
        with contextlib.suppress(BlockingIOError):
            os.read(woken, 4096)


def _reap(kernel: int) -> int | None:
    """Take the dead children; the kernel's status if it is among them."""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return SIGNALLED + signal.SIGKILL
        if pid == 0:
            return None
        if pid == kernel:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else SIGNALLED - code


def _end_descendants() -> None:
    """Kill the children until there are none: theirs become ours, since we are their subreaper."""
    while True:
        for child in _children():
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


def _children() -> list[int]:
    try:
        return [int(pid) for pid in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()]
    except OSError:  # a Linux built without that file, or another system
        import psutil  # noqa: PLC0415 - a guard is small; only this rare path needs it

        return [child.pid for child in psutil.Process().children()]


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)
