"""The folder one attempt works in, `runs/<run id>-<attempt>` below the data folder, and what tells a dead one.

A lock on a file beside the folder lives exactly as long as the runner that made it, `kill -9` included. Whoever finds
a folder without its lock ends what still runs there and removes it; nothing here reads a database.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from runner.execute.launcher import end_strays

LOCK_SUFFIX = ".lock"


@contextlib.contextmanager
def run_folder(runs_dir: Path, name: str) -> Iterator[Path]:
    """A new folder `name`, removed with all that is in it when the block ends."""
    folder = runs_dir.resolve() / name
    folder.parent.mkdir(parents=True, exist_ok=True)
    lock = folder.with_name(folder.name + LOCK_SUFFIX)
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        lock.unlink(missing_ok=True)
        os.close(descriptor)


def remove_dead(runs_dir: Path) -> list[str]:
    """Remove the folders whose runner is gone, after ending what it left running; their names."""
    removed = []
    for folder in sorted(path for path in runs_dir.glob("*") if path.is_dir()):
        with _dead(folder) as dead:
            if dead:
                end_strays(folder.resolve())
                shutil.rmtree(folder, ignore_errors=True)
                removed.append(folder.name)
    return removed


@contextlib.contextmanager
def _dead(folder: Path) -> Iterator[bool]:
    """Whether nobody holds the folder's lock; while the block lasts, we do."""
    lock = folder.with_name(folder.name + LOCK_SUFFIX)
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        yield False
    else:
        yield True
        lock.unlink(missing_ok=True)
    finally:
        os.close(descriptor)
