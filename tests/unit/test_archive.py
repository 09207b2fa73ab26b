"""The archive, on disk and in memory: whole files, verified reads, no way out, nothing left behind."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import time
import uuid
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from reports import archive as archive_module
from reports.archive import Archive
from reports.errors import ArchiveError, ConfigError

CONTENT = b"%PDF-1.7 a report"
DIGEST = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture(params=["disk", "memory"])
def archive(request: pytest.FixtureRequest, tmp_path: Path) -> Archive:
    return Archive(str(tmp_path / "archive") if request.param == "disk" else f"memory://{uuid.uuid4().hex}")


@pytest.fixture
def on_disk(tmp_path: Path) -> Archive:
    return Archive(str(tmp_path / "archive"))


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source.pdf"
    path.write_bytes(CONTENT)
    return path


def soon() -> datetime:
    return datetime.now(UTC) + timedelta(minutes=1)


def none_known(_: Sequence[str]) -> set[str]:
    return set()


def files_below(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_what_is_put_is_read_back(archive: Archive, source: Path) -> None:
    stored = archive.put("run1", 2, "report.pdf", source)
    assert (stored.path, stored.sha256, stored.bytes) == ("run1/2/report.pdf", DIGEST, len(CONTENT))
    assert archive.read(stored.path) == CONTENT
    assert archive.read(stored.path, stored.sha256) == CONTENT
    with archive.open(stored.path) as file:
        assert file.read(4) == b"%PDF"
    archive.verify(stored.path, stored.sha256)


def test_fetch_gives_a_verified_copy(archive: Archive, source: Path, tmp_path: Path) -> None:
    stored = archive.put("run1", 1, "report.pdf", source)
    assert archive.fetch(stored.path, tmp_path / "copy.pdf", stored.sha256).read_bytes() == CONTENT


def test_attempts_do_not_meet(archive: Archive, source: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.pdf"
    other.write_bytes(b"of the second attempt")
    first = archive.put("run1", 1, "report.pdf", source)
    second = archive.put("run1", 2, "report.pdf", other)
    archive.verify(first.path, first.sha256)
    archive.verify(second.path, second.sha256)


def test_putting_again_replaces(archive: Archive, source: Path, tmp_path: Path) -> None:
    archive.put("run1", 1, "report.pdf", source)
    source.write_bytes(b"again")
    stored = archive.put("run1", 1, "report.pdf", source)
    assert archive.read(stored.path, stored.sha256) == b"again"


def test_a_large_file_goes_through_in_pieces(archive: Archive, tmp_path: Path) -> None:
    source = tmp_path / "large.bin"
    source.write_bytes(os.urandom(3 * archive_module.CHUNK + 17))
    stored = archive.put("run1", 1, "large.bin", source)
    assert stored.bytes == 3 * archive_module.CHUNK + 17
    assert stored.sha256 == hashlib.sha256(source.read_bytes()).hexdigest()
    archive.verify(stored.path, stored.sha256)


def test_an_altered_file_is_refused(on_disk: Archive, source: Path, tmp_path: Path) -> None:
    stored = on_disk.put("run1", 1, "report.pdf", source)
    (tmp_path / "archive" / stored.path).write_bytes(CONTENT + b"!")
    read: list[Callable[[], object]] = [
        lambda: on_disk.verify(stored.path, stored.sha256),
        lambda: on_disk.read(stored.path, stored.sha256),
        lambda: on_disk.fetch(stored.path, tmp_path / "copy.pdf", stored.sha256),
    ]
    for attempt in read:
        with pytest.raises(ArchiveError, match="not what was archived") as caught:
            attempt()
        assert caught.value.permanent
    assert not (tmp_path / "copy.pdf").exists()


def test_a_missing_file_is_said_to_be_missing(archive: Archive, tmp_path: Path) -> None:
    read: list[Callable[[], object]] = [
        lambda: archive.open("run1/1/report.pdf"),
        lambda: archive.read("run1/1/report.pdf"),
        lambda: archive.verify("run1/1/report.pdf", DIGEST),
        lambda: archive.fetch("run1/1/report.pdf", tmp_path / "copy.pdf", DIGEST),
        lambda: archive.put("run1", 1, "report.pdf", tmp_path / "never-written.pdf"),
    ]
    for attempt in read:
        with pytest.raises(ArchiveError, match="missing") as caught:
            attempt()
        assert caught.value.permanent


@pytest.mark.parametrize(
    "name", ["../escape", "..", ".", "", "a/b", "a\\b", ".hidden", "nul\0", "line\nbreak", "x" * 300, "naïve"]
)
def test_names_cannot_lead_out(archive: Archive, source: Path, name: str) -> None:
    with pytest.raises(ArchiveError, match="no path of the archive"):
        archive.put("run1", 1, name, source)


@pytest.mark.parametrize("run_id", ["..", "../../etc", "/etc", "", "a/../b"])
def test_run_ids_cannot_lead_out(archive: Archive, source: Path, run_id: str) -> None:
    with pytest.raises(ArchiveError):
        archive.put(run_id, 1, "report.pdf", source)
    with pytest.raises(ArchiveError):
        archive.remove_run(run_id)


@pytest.mark.parametrize("path", ["../secret", "/etc/passwd", "run1/../../secret", "~/secret"])
def test_paths_cannot_lead_out(archive: Archive, path: str) -> None:
    with pytest.raises(ArchiveError, match="no path of the archive"):
        archive.read(path)


@pytest.mark.parametrize("path", ["../secret", "/etc/passwd", "run1/../../secret"])
def test_removal_cannot_lead_out(archive: Archive, path: str) -> None:
    with pytest.raises(ArchiveError, match="no path of the archive"):
        archive.remove(path)


def test_removing_a_run_removes_all_its_attempts_only(archive: Archive, source: Path) -> None:
    archive.put("run1", 1, "report.pdf", source)
    archive.put("run1", 2, "report.pdf", source)
    kept = archive.put("run10", 1, "report.pdf", source)
    archive.remove_run("run1")
    archive.remove_run("run1")  # a purge that was cut short comes again
    assert archive.read(kept.path) == CONTENT
    for attempt in (1, 2):
        with pytest.raises(ArchiveError):
            archive.read(f"run1/{attempt}/report.pdf")


def test_orphans_are_old_files_of_no_run(archive: Archive, source: Path) -> None:
    kept = archive.put("run1", 1, "report.pdf", source)
    lost = archive.put("run1", 2, "report.pdf", source)
    assert archive.orphans(lambda paths: {kept.path} & set(paths), soon()) == [lost.path]
    assert archive.orphans(none_known, datetime.now(UTC) - timedelta(hours=1)) == []
    archive.remove(lost.path)
    assert archive.orphans(none_known, soon()) == [kept.path]


def test_an_empty_archive_has_no_orphans(archive: Archive) -> None:
    assert archive.orphans(none_known, soon()) == []


def test_orphans_are_asked_about_in_portions(on_disk: Archive, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive_module, "PATHS_AT_ONCE", 2)
    for number in range(5):
        on_disk.put(f"run{number}", 1, "report.pdf", source)
    portions: list[int] = []

    def known(paths: Sequence[str]) -> set[str]:
        portions.append(len(paths))
        return {path for path in paths if path.startswith("run3")}

    assert on_disk.orphans(known, soon()) == [f"run{number}/1/report.pdf" for number in (0, 1, 2, 4)]
    assert portions == [2, 2, 1]


def test_a_removed_orphan_leaves_no_empty_folder(on_disk: Archive, source: Path, tmp_path: Path) -> None:
    on_disk.put("run1", 1, "a.pdf", source)
    on_disk.put("run1", 1, "b.pdf", source)
    on_disk.remove("run1/1/a.pdf")
    assert files_below(tmp_path / "archive") == ["run1/1/b.pdf"]
    on_disk.remove("run1/1/b.pdf")
    assert list((tmp_path / "archive").iterdir()) == []


def test_a_failed_put_leaves_nothing_and_says_why(
    on_disk: Archive, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    (tmp_path / "archive" / "run1" / "1").mkdir(parents=True)
    with pytest.raises(ArchiveError, match="No space left on device") as caught:
        on_disk.put("run1", 1, "report.pdf", source)
    assert not caught.value.permanent
    assert files_below(tmp_path / "archive") == []


def test_the_name_appears_only_after_the_content_is_synced(
    on_disk: Archive, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    final, synced = tmp_path / "archive" / "run1" / "1" / "report.pdf", []
    fsync = os.fsync

    def watched(descriptor: int) -> None:
        is_folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        synced.append((is_folder, final.exists()))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", watched)
    on_disk.put("run1", 1, "report.pdf", source)
    assert (False, False) in synced, "the content is synced before the name is there"
    assert synced[-1] == (True, True), "the folder is synced after the rename"
    assert (False, True) not in synced


def test_a_file_being_written_is_an_orphan_only_when_old(on_disk: Archive, tmp_path: Path) -> None:
    partial = tmp_path / "archive" / "run1" / "1" / "report.pdf.abc.part"
    partial.parent.mkdir(parents=True)
    partial.write_bytes(b"half")
    hour_ago = time.time() - 3600
    assert on_disk.orphans(none_known, datetime.now(UTC) - timedelta(minutes=30)) == []
    os.utime(partial, (hour_ago, hour_ago))
    assert on_disk.orphans(none_known, datetime.now(UTC) - timedelta(minutes=30)) == ["run1/1/report.pdf.abc.part"]


def test_an_unknown_kind_of_place_names_the_setting() -> None:
    with pytest.raises(ConfigError, match="archive_url"):
        Archive("gopher-and-such://somewhere")
