"""How much of its disk the data folder takes, part by part; counted every five minutes at most, for it may be large."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

PARTS = {"archive": "Archive's files", "snapshots": "Snapshots", "outbox": "Outbox"}
REST = "Database and the rest"
KEPT_SECONDS = 300


@dataclass(frozen=True)
class Part:
    name: str
    bytes: int


@st.cache_data(ttl=KEPT_SECONDS, show_spinner=False)
def used(folder: Path) -> list[Part]:
    """The parts of the folder, and all of it."""
    sizes = dict.fromkeys([*PARTS.values(), REST], 0)
    for path, size in _files(folder):
        sizes[PARTS.get(path.relative_to(folder).parts[0], REST)] += size
    return [*(Part(name, size) for name, size in sizes.items()), Part("All of it", sum(sizes.values()))]


def free(folder: Path) -> int:
    there = next(path for path in (folder, *folder.parents) if path.exists())
    return shutil.disk_usage(there).free


def _files(folder: Path) -> Iterator[tuple[Path, int]]:
    for parent, _, names in os.walk(folder):
        for name in names:
            path = Path(parent, name)
            try:
                yield path, path.lstat().st_size
            except FileNotFoundError:  # a run tidied up meanwhile
                continue
