"""The files of runs, on disk or wherever fsspec reaches (s3://, memory://): put whole, read verified, removed by run.

A path is run id / attempt / name and never holds a report's name, so two attempts never meet. On disk a file appears
under its name only when it is complete and synced. The archive knows no database; `Store` knows which files belong.
"""

from __future__ import annotations

import hashlib
import os
import re
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, BinaryIO, cast

import fsspec
from fsspec.implementations.local import LocalFileSystem

from reports.errors import ArchiveError, ConfigError

CHUNK = 1 << 20  # 1 MiB: bounds the memory of a copy
PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,199}")  # one step of a path: nothing hidden, no separator, no ".."
PATHS_AT_ONCE = 1000  # how many paths `orphans` asks about in one go

KnownPaths = Callable[[Sequence[str]], set[str]]  # those of the given paths that belong to a run; Store.known_paths


@dataclass(frozen=True)
class StoredFile:
    """A file of the archive: its path below the archive's root, its digest and its size."""

    path: str
    sha256: str
    bytes: int


class Archive:
    """`location` is a folder or an fsspec URL; raises ConfigError if nothing can be reached there."""

    def __init__(self, location: str) -> None:
        try:
            self._files, root = fsspec.core.url_to_fs(location)
        except (ValueError, ImportError) as error:
            raise ConfigError("archive_url", f"must be a folder or a URL that fsspec knows: {error}") from error
        self._root = str(root).rstrip("/")
        self._on_disk = isinstance(self._files, LocalFileSystem)

    def put(self, run_id: str, attempt: int, name: str, source: Path) -> StoredFile:
        """Copy `source` in as run_id/attempt/name; it is there whole or not at all. Raises ArchiveError."""
        path = _checked(run_id, str(attempt), name)
        put = _put_on_disk if self._on_disk else self._put_elsewhere
        with _explained(name, "be archived"):
            sha256, size = put(source, self._at(path))
        return StoredFile(path, sha256, size)

    def open(self, path: str) -> BinaryIO:
        """The file for reading, not verified; raises ArchiveError if it is missing."""
        with _explained(path, "be read"):
            return cast(BinaryIO, self._files.open(self._at(_checked(*path.split("/"))), "rb"))

    def read(self, path: str, sha256: str | None = None) -> bytes:
        """The file's content, verified where `sha256` is given."""
        with self.open(path) as file, _explained(path, "be read"):
            content = file.read()
        if sha256 is not None:
            _compare(path, hashlib.sha256(content).hexdigest(), sha256)
        return content

    def fetch(self, path: str, to: Path, sha256: str) -> Path:
        """Copy the file to the local path `to`; raises ArchiveError, and leaves nothing, if it was altered."""
        try:
            with self.open(path) as file, to.open("wb") as target, _explained(path, "be read"):
                digest, _ = _copy(file, target)
            _compare(path, digest, sha256)
        except ArchiveError:
            to.unlink(missing_ok=True)
            raise
        return to

    def verify(self, path: str, sha256: str) -> None:
        """Raises ArchiveError if the file is missing or is not what was archived."""
        with self.open(path) as file, _explained(path, "be read"):
            digest, _ = _copy(file, None)
        _compare(path, digest, sha256)

    def remove_run(self, run_id: str) -> None:
        """Remove all files of all attempts; fine if there are none."""
        folder = self._at(_checked(run_id))
        with _explained(run_id, "be removed"):
            if self._files.exists(folder):
                self._files.rm(folder, recursive=True)

    def remove(self, path: str) -> None:
        """Remove one file, such as an orphan, and its folders if that leaves them empty."""
        if not {"", ".", ".."}.isdisjoint(path.split("/")):  # an orphan may otherwise have any name
            raise ArchiveError(f"{path!r} is no path of the archive", permanent=True)
        with _explained(path, "be removed"):
            self._files.rm_file(self._at(path))
            if self._on_disk:
                _remove_empty_folders(Path(self._at(path)).parent, Path(self._root))

    def orphans(self, known: KnownPaths, older_than: datetime) -> list[str]:
        """Files last changed before `older_than` that belong to no run: what a crash left between rename and commit.

        `known` answers which of some paths belong to a run. The age keeps files of runs that are going on.
        """
        old = [path for path in self._paths() if self._changed(path) < older_than]
        orphans: list[str] = []
        for first in range(0, len(old), PATHS_AT_ONCE):
            some = old[first : first + PATHS_AT_ONCE]
            belonging = known(some)
            orphans += [path for path in some if path not in belonging]
        return orphans

    def _paths(self) -> list[str]:
        if not self._files.exists(self._root):
            return []
        return sorted(str(found)[len(self._root) + 1 :] for found in self._files.find(self._root))

    def _changed(self, path: str) -> datetime:
        try:
            changed: datetime = self._files.modified(self._at(path))
        except FileNotFoundError:  # removed since it was listed
            return datetime.max.replace(tzinfo=UTC)
        return changed if changed.tzinfo else changed.replace(tzinfo=UTC)

    def _at(self, path: str) -> str:
        return f"{self._root}/{path}"

    def _put_elsewhere(self, source: Path, target: str) -> tuple[str, int]:
        """Object stores show an object only when it is complete."""
        self._files.makedirs(target.rsplit("/", 1)[0], exist_ok=True)
        with source.open("rb") as file, self._files.open(target, "wb") as stored:
            return _copy(file, stored)


def _checked(*parts: str) -> str:
    """The path of these steps if each is a plain name: nothing that comes from outside may lead out of the archive."""
    path = "/".join(parts)
    if not all(PART.fullmatch(part) for part in parts):
        raise ArchiveError(f"{path!r} is no path of the archive", permanent=True)
    return path


def _put_on_disk(source: Path, target: str) -> tuple[str, int]:
    final = Path(target)
    _make_folders(final.parent)
    partial = final.parent / f"{final.name}.{uuid.uuid4().hex}.part"
    try:
        with source.open("rb") as file, partial.open("xb") as stored:
            written = _copy(file, stored)
            stored.flush()
            os.fsync(stored.fileno())
        partial.replace(final)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    _sync_folder(final.parent)
    return written


def _make_folders(folder: Path) -> None:
    """Make the folder and those above it, each synced into the one that holds it."""
    if not folder.is_dir():
        _make_folders(folder.parent)
        folder.mkdir(exist_ok=True)
        _sync_folder(folder.parent)


def _sync_folder(folder: Path) -> None:
    """A rename is safe from a power cut only when the folder that holds the name is synced too."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove_empty_folders(folder: Path, root: Path) -> None:
    while folder != root and root in folder.parents:
        try:
            folder.rmdir()
        except OSError:  # something else is in it
            return
        folder = folder.parent


def _copy(source: IO[Any], target: IO[Any] | None) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    while chunk := source.read(CHUNK):
        digest.update(chunk)
        size += len(chunk)
        if target is not None:
            target.write(chunk)
    return digest.hexdigest(), size


def _compare(path: str, found: str, expected: str) -> None:
    if found != expected:
        raise ArchiveError(
            f"{path} is not what was archived (sha256 {found[:12]}…, expected {expected[:12]}…); "
            "restore it from a backup, or run the report again",
            permanent=True,
        )


@contextmanager
def _explained(what: str, act: str) -> Iterator[None]:
    """Translate what the file system says; a missing file will be missing the next time too."""
    try:
        yield
    except FileNotFoundError as error:
        raise ArchiveError(f"{what} cannot {act}: it is missing", permanent=True) from error
    except OSError as error:
        raise ArchiveError(f"{what} cannot {act}: {error.strerror or error}") from error
