"""Reaping, pruning, sweeping and watching, on both databases and a real archive."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
import textwrap
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest
import sqlalchemy as sa
from running import DUE, LIMITS, NOW, Plant

from reports.archive import Archive
from reports.errors import ArchiveError, NotFound
from reports.model import MAX_ATTEMPTS, DeliveryKind, DeliveryState, RunKind, RunState
from reports.planning import planned_run
from reports.store.tables import deliveries as deliveries_table
from reports.store.tables import runs as runs_table
from runner import housekeeping
from runner.execute.launcher import ColdLauncher, KernelOrder, environment
from runner.execute.provisioner import SOCKETS_PREFIX, RunKernelManager
from runner.pipeline import execute_run
from runner.ports import Limits
from runner.run_folder import run_folder
from runner.sending import deliver_one

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture
def plant(plant: Plant) -> Plant:
    plant.notebook("1")
    return plant


def change(plant: Plant, table: sa.Table, **values: Any) -> None:
    with plant.store.writing() as connection:
        connection.execute(sa.update(table).values(**values))


def succeeded(plant: Plant, **report: Any) -> str:
    plant.report(**report)
    run = plant.claim()
    execute_run(plant.pipeline, run)
    assert plant.store.run(run.id).state is RunState.SUCCEEDED
    return run.id


# Reap


def test_a_dead_runners_run_is_queued_again_with_its_attempt_counted(plant: Plant) -> None:
    plant.report()
    run = plant.claim()
    assert not housekeeping.reap(plant.store)
    change(plant, runs_table, lease_until=LONG_AGO)
    assert housekeeping.reap(plant.store)
    back = plant.store.run(run.id)
    assert (back.state, back.tries) == (RunState.QUEUED, 1)
    assert plant.claim().attempt == 2


def test_a_run_whose_runners_keep_dying_fails_and_its_owner_is_told(plant: Plant) -> None:
    plant.report()
    for _ in range(MAX_ATTEMPTS):
        run = plant.claim()
        change(plant, runs_table, lease_until=LONG_AGO)
        housekeeping.reap(plant.store)
    assert plant.store.run(run.id).state is RunState.FAILED
    (notice,) = plant.store.deliveries(run.id)
    assert notice.kind is DeliveryKind.FAILURE


def test_a_dead_runners_delivery_is_sent_again_under_its_id(plant: Plant) -> None:
    plant.report()
    plant.subscribe("s1")
    execute_run(plant.pipeline, plant.claim())
    claimed = plant.store.claim_delivery("dead", timedelta(minutes=1))
    assert claimed is not None
    assert not housekeeping.reap(plant.store)
    change(plant, deliveries_table, lease_until=LONG_AGO)
    assert housekeeping.reap(plant.store)
    sent = deliver_one(plant.room)
    assert sent is not None
    assert (sent.id, sent.attempt, sent.state) == (claimed.id, 2, DeliveryState.SENT)


# Prune


def test_runs_past_their_retention_go_with_their_files(plant: Plant) -> None:
    run_id = succeeded(plant)
    now = datetime.now(UTC)
    assert housekeeping.prune(plant.premises, now + timedelta(days=89)) == 0
    assert housekeeping.prune(plant.premises, now + timedelta(days=91)) == 1
    with pytest.raises(NotFound):
        plant.store.run(run_id)
    assert not (plant.folder / "archive" / run_id).exists()


def test_all_that_is_past_its_retention_goes_however_much_it_is(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    report = plant.report()
    for days in range(3):
        due = DUE - timedelta(days=days)
        over = replace(planned_run(report, due, RunKind.SCHEDULED, {}), state=RunState.FAILED, finished_at=due)
        plant.store.add_run(over)
    monkeypatch.setattr(housekeeping, "PRUNED_AT_ONCE", 1)
    assert housekeeping.prune(plant.premises, DUE + timedelta(days=91)) == 3
    assert plant.runs() == []


def test_pinned_runs_stay(plant: Plant) -> None:
    run_id = succeeded(plant)
    plant.store.pin_run(run_id)
    assert housekeeping.prune(plant.premises, datetime.now(UTC) + timedelta(days=1000)) == 0
    assert plant.store.run(run_id).pinned


def test_previews_are_kept_for_a_day(plant: Plant) -> None:
    report = plant.report(cron="", next_due_at=None)
    plant.store.add_run(planned_run(report, NOW, RunKind.PREVIEW, {}))
    execute_run(plant.pipeline, plant.claim())
    now = datetime.now(UTC)
    assert housekeeping.prune(plant.premises, now + timedelta(hours=23)) == 0
    assert housekeeping.prune(plant.premises, now + timedelta(hours=25)) == 1


def test_a_run_with_a_delivery_on_its_way_is_not_pruned(plant: Plant) -> None:
    plant.report()
    plant.subscribe("s1")
    execute_run(plant.pipeline, plant.claim())
    assert housekeeping.prune(plant.premises, datetime.now(UTC) + timedelta(days=91)) == 0
    deliver_one(plant.room)
    assert housekeeping.prune(plant.premises, datetime.now(UTC) + timedelta(days=91)) == 1


@pytest.mark.parametrize("step", ["remove_run", "delete_run"])
def test_a_crash_between_the_steps_is_taken_up_later(plant: Plant, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    run_id = succeeded(plant)
    later = datetime.now(UTC) + timedelta(days=91)

    def crash(_: str) -> None:
        raise RuntimeError("power cut")

    with monkeypatch.context() as patch:
        patch.setattr(plant.premises.archive if step == "remove_run" else plant.store, step, crash)
        with pytest.raises(RuntimeError, match="power cut"):
            housekeeping.prune(plant.premises, later)
    with pytest.raises(NotFound):  # hidden at once: no visible run lacks its files
        plant.store.run(run_id)
    assert housekeeping.prune(plant.premises, later) == 1
    assert not (plant.folder / "archive" / run_id).exists()


def test_all_that_are_due_go_and_one_that_cannot_keeps_no_other(
    plant: Plant, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run_ids = [succeeded(plant, id=f"r{number}") for number in range(3)]
    monkeypatch.setattr(housekeeping, "PRUNED_AT_ONCE", 1)
    remove, stuck = Archive.remove_run, run_ids[0]

    def failing(self: Archive, run_id: str) -> None:
        if run_id == stuck:
            raise ArchiveError("read-only file system")
        remove(self, run_id)

    later = datetime.now(UTC) + timedelta(days=91)
    with monkeypatch.context() as patched:
        patched.setattr(Archive, "remove_run", failing)
        assert housekeeping.prune(plant.premises, later) == 2
    assert "prune.failed" in capsys.readouterr().out
    assert [path.name for path in (plant.folder / "archive").iterdir()] == [stuck]
    assert housekeeping.prune(plant.premises, later) == 1


# Sweep


def test_an_orphan_that_cannot_be_removed_keeps_no_other(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    source = plant.folder / "source"
    source.write_text("left by a crash")
    archive, remove = plant.premises.archive, Archive.remove
    stuck, other = (archive.put(run_id, 1, "report.html", source).path for run_id in ("a", "b"))

    def failing(self: Archive, path: str) -> None:
        if path == stuck:
            raise ArchiveError("read-only file system")
        remove(self, path)

    monkeypatch.setattr(Archive, "remove", failing)
    housekeeping.sweep(plant.premises, datetime.now(UTC) + timedelta(days=2))
    assert not (plant.folder / "archive" / other).exists()


def test_orphans_of_the_archive_are_swept_and_files_of_runs_are_not(plant: Plant) -> None:
    run_id = succeeded(plant)
    source = plant.folder / "source"
    source.write_text("left by a crash")
    orphan = plant.premises.archive.put("gone", 1, "report.html", source)
    now = datetime.now(UTC)
    assert housekeeping.sweep(plant.premises, now) == 0
    housekeeping.sweep(plant.premises, now + timedelta(days=2))
    assert not (plant.folder / "archive" / orphan.path).exists()
    for artifact in plant.store.artifacts(run_id):
        plant.premises.archive.verify(artifact.path, artifact.sha256)


def test_old_snapshots_are_swept(plant: Plant) -> None:
    plant.csv_source("2026-11-15,u1,gpt,3,3,20,6,0.75")
    plant.notebook("1", datasets={"usage": {"source": "usage"}})
    succeeded(plant)
    assert list((plant.folder / "snapshots").glob("*/*"))
    (kept,) = (plant.folder / "snapshots").iterdir()
    (kept / ".20261116T080000-1.0a1b.part").mkdir()  # of a runner that was killed while it extracted
    housekeeping.sweep(plant.premises, datetime.now(UTC))
    assert len(list(kept.iterdir())) == 2
    housekeeping.sweep(plant.premises, datetime.now(UTC) + timedelta(days=2))
    assert not list((plant.folder / "snapshots").iterdir())


def test_sockets_of_killed_runners_are_swept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    ended = subprocess.Popen(["true"])
    ended.wait()
    dead, new, ours = (
        tmp_path / f"{SOCKETS_PREFIX}{owner}" for owner in (f"{ended.pid}-a", f"{ended.pid}-b", f"{os.getpid()}-c")
    )
    for folder in (dead, new, ours):
        folder.mkdir()
    for folder in (dead, ours):
        os.utime(folder, (0, 0))
    assert housekeeping.remove_old_sockets(NOW) == 1
    assert {path.name for path in tmp_path.iterdir()} == {new.name, ours.name}


def test_sweeping_leaves_the_sockets_of_the_living(plant: Plant) -> None:
    """Whatever the clock says: tests that run at the same time have kernels, too."""
    kernel = RunKernelManager(ColdLauncher(), KernelOrder(plant.folder, LIMITS))
    housekeeping.sweep(plant.premises, datetime.now(UTC) + timedelta(days=2))
    assert kernel.folder.is_dir()
    asyncio.run(kernel.close())


def test_what_a_killed_runner_left_is_ended_and_removed(tmp_path: Path) -> None:
    code = f"""
        import subprocess, sys, time
        from pathlib import Path
        from runner.execute.launcher import ColdLauncher, KernelOrder, environment
        from runner.ports import Limits
        from runner.run_folder import run_folder
        with run_folder(Path({str(tmp_path)!r}), "r1-1") as folder:
            subprocess.Popen(["sleep", "7303"], env=environment(KernelOrder(folder, Limits())), start_new_session=True)
            print("ready", flush=True)
            time.sleep(60)
    """
    command = [sys.executable, "-c", textwrap.dedent(code)]
    with subprocess.Popen(command, cwd=Path(__file__).parents[2], stdout=subprocess.PIPE) as runner:
        assert runner.stdout is not None
        assert runner.stdout.readline() == b"ready\n"
        assert housekeeping.clear_dead_runs(tmp_path) == []  # it lives
        runner.kill()
        runner.wait()
    assert housekeeping.clear_dead_runs(tmp_path) == ["r1-1"]
    assert not [p for p in psutil.process_iter(["cmdline"]) if p.info["cmdline"] == ["sleep", "7303"]]
    assert not list(tmp_path.iterdir())


def test_living_run_folders_and_their_kernels_are_left_alone(tmp_path: Path) -> None:
    with run_folder(tmp_path, "r1-1") as folder:
        env = environment(KernelOrder(folder, Limits()))
        with subprocess.Popen(["sleep", "7304"], env=env) as child:
            assert housekeeping.clear_dead_runs(tmp_path) == []
            assert child.poll() is None
            child.kill()


# Watch


def test_a_due_time_that_nobody_takes_up_is_named(plant: Plant, capsys: pytest.CaptureFixture[str]) -> None:
    report = plant.report()
    assert housekeeping.watch(plant.store, DUE + timedelta(minutes=10)) == []
    assert [stuck.id for stuck in housekeeping.watch(plant.store, DUE + timedelta(minutes=20))] == ["r1"]
    assert "watch.stuck" in capsys.readouterr().out
    plant.store.update_report(replace(report, paused=True), report.version)
    assert housekeeping.watch(plant.store, DUE + timedelta(minutes=20)) == []
