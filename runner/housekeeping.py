"""Putting right what crashes leave and removing what has had its time: reap, prune, sweep, watch.

Each step may be repeated, and interrupted anywhere. Nothing here touches a run or a folder that somebody works on.
"""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import psutil
import structlog

from reports.archive import Archive
from reports.errors import ArchiveError
from reports.model import Report, Run, RunState
from reports.sources import SnapshotCache
from reports.store import Store
from runner.execute.provisioner import SOCKETS_PREFIX
from runner.run_folder import remove_dead

log = structlog.get_logger("gazette.housekeeping")

ORPHAN_AGE = timedelta(days=1)  # a run that is going on may have files in the archive that no row names yet
SNAPSHOT_AGE = timedelta(days=1)  # shared for minutes; kept a while for whoever looks into a failure
STUCK_AFTER = timedelta(minutes=15)  # a due time comes up every second; this long means that something is wrong
PRUNED_AT_ONCE = 500  # runs whose rows are read together
WATCHED = 100  # reports named in one look


@dataclass(frozen=True)
class Premises:
    """Where a runner keeps things."""

    store: Store
    archive: Archive
    snapshots: SnapshotCache
    runs_dir: Path
    retention: timedelta


def reap(store: Store) -> bool:
    """Take back runs and deliveries whose runner died; True if there were any."""
    runs, deliveries = store.reap_runs(), store.reap_deliveries()
    for run in runs:
        queued = run.state is RunState.QUEUED
        log.warning(
            "Run taken back from a dead runner" if queued else "Run failed: its runners died",
            action=f"reap.{run.state.value}",
            run=run.id,
            attempt=run.attempt,
            report=run.report_name,
        )
    for delivery in deliveries:
        log.warning("Delivery taken back from a dead runner", action="reap.delivery", delivery=delivery.id)
    return bool(runs or deliveries)


def prune(premises: Premises, now: datetime) -> int:
    """Remove the runs past their retention: hidden first, then their files, then the row. Returns how many.

    A run whose files cannot be removed is named and waits for the next time; it does not keep the others.
    """
    pruned, left = 0, set[str]()
    while runs := _prunable(premises, now, left):
        for run in runs:
            if _pruned(premises, run):
                pruned += 1
            else:
                left.add(run.id)
    if pruned:
        log.info("Runs past their retention removed", action="prune.runs", runs=pruned)
    return pruned


def _prunable(premises: Premises, now: datetime, left: set[str]) -> list[Run]:
    found = premises.store.prunable_runs(now, premises.retention, PRUNED_AT_ONCE + len(left))
    return [run for run in found if run.id not in left]


def _pruned(premises: Premises, run: Run) -> bool:
    if not premises.store.mark_pruned(run.id):
        return False
    try:
        premises.archive.remove_run(run.id)
    except ArchiveError as error:
        log.error("A run's files cannot be removed", action="prune.failed", run=run.id, error=str(error))
        return False
    premises.store.delete_run(run.id)
    return True


def sweep(premises: Premises, now: datetime) -> int:
    """Remove files of the archive that no run names, old snapshots, and what dead runners left. Returns how many."""
    orphans = premises.archive.orphans(premises.store.known_paths, now - ORPHAN_AGE)
    swept = sum(_swept(premises.archive, path) for path in orphans)
    swept += premises.snapshots.prune(now - SNAPSHOT_AGE) + remove_old_sockets(now - ORPHAN_AGE)
    if swept:
        log.info("Left-overs removed", action="sweep.files", files=swept)
    return swept


def _swept(archive: Archive, path: str) -> bool:
    try:
        archive.remove(path)
    except ArchiveError as error:
        log.error("A left-over file cannot be removed", action="sweep.failed", path=path, error=str(error))
        return False
    return True


def remove_old_sockets(older_than: datetime) -> int:
    """Folders with kernels' sockets are in the system's temporary folder; a killed runner leaves its own there.

    Old is not enough, for who works may have set its clock; nor is a process that is not seen, for it may live in
    another container that shares the folder.
    """
    old = [
        folder
        for folder in Path(tempfile.gettempdir()).glob(f"{SOCKETS_PREFIX}*-*")
        if not _is_alive(folder) and folder.stat().st_mtime < older_than.timestamp()
    ]
    for folder in old:
        shutil.rmtree(folder, ignore_errors=True)
    return len(old)


def _is_alive(sockets: Path) -> bool:
    owner = sockets.name.removeprefix(SOCKETS_PREFIX).split("-")[0]
    return owner.isdigit() and psutil.pid_exists(int(owner))


def clear_dead_runs(runs_dir: Path) -> list[str]:
    """End what dead runners left running and remove their runs' folders; the folders' names."""
    removed = remove_dead(runs_dir)
    for name in removed:
        log.warning("Left-overs of a dead runner removed", action="sweep.run_folder", folder=name)
    return removed


def watch(store: Store, now: datetime) -> list[Report]:
    """The reports whose due time has come long ago and is still not enqueued: nothing may be lost in silence."""
    stuck = store.due_reports(now - STUCK_AFTER, WATCHED)
    for report in stuck:
        log.error(
            "A due time was not taken up",
            action="watch.stuck",
            report=report.id,
            name=report.name,
            owner=report.owner,
            due_at=report.next_due_at.isoformat() if report.next_due_at else None,
        )
    return stuck
