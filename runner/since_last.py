"""What a run is compared with, and which of its deliveries are skipped because their condition is not met.

The last delivered run's results are laid out for the kernel as a read-only file. An earlier file that cannot be read
makes a report without a comparison, never a failed one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow.dataset as pads
import pyarrow.parquet as pq
import structlog

from reports import bundle, conditions
from reports.archive import Archive
from reports.bundle import BUNDLE_FILE, Bundle
from reports.errors import ArchiveError
from reports.model import Artifact, Delivery, DeliveryState, Format, Period, Run, SendIf, Subscription
from reports.sources import Snapshot
from reports.sources.snapshot import DAILY_FILE, DATA_FILE
from reports.store import Store

log = structlog.get_logger("gazette.since_last")

FOLDER = "previous"  # in a run's folder
READ_ONLY = 0o444


@dataclass(frozen=True)
class Previous:
    """The last delivered run of the same report and parameters, and its results."""

    run: Run
    kept: Artifact

    @property
    def facts(self) -> dict[str, Any]:
        """As Context.previous_run has it."""
        return {
            "run_id": self.run.id,
            "due_at": self.run.due_at.isoformat(),
            "period": self.run.period.to_json(),
            "file": f"{FOLDER}/{BUNDLE_FILE}",
        }


def fetch_previous(store: Store, archive: Archive, run: Run, folder: Path) -> Previous | None:
    """Lay out the results `run` is compared with; None where there are none, or none that can be read."""
    last = store.last_delivered_run(run.report_id, run.parameters_key)
    if last is None:
        return None
    kept = next((each for each in store.artifacts(last.id) if each.format is Format.RESULTS), None)
    if kept is None:
        return None
    target = folder / FOLDER / BUNDLE_FILE
    target.parent.mkdir(parents=True)
    if not _fetched(archive, kept, target):
        return None
    target.chmod(READ_ONLY)
    return Previous(last, kept)


def _fetched(archive: Archive, kept: Artifact, target: Path) -> bool:
    try:
        archive.fetch(kept.path, target, kept.sha256)
    except ArchiveError as error:
        log.warning("Earlier results are not usable", action="run.no_previous", run=kept.run_id, error=str(error))
        return False
    return True


def decided(
    deliveries: Sequence[Delivery], subscriptions: Iterable[Subscription], found: conditions.Found
) -> list[Delivery]:
    """The deliveries, skipped with the reason where the condition of their subscription is not met."""
    wishes = {subscription.id: subscription.send_if for subscription in subscriptions}
    return [_decided(each, conditions.unmet(wishes[each.subscription_id or ""], found)) for each in deliveries]


def _decided(delivery: Delivery, reason: str) -> Delivery:
    return replace(delivery, state=DeliveryState.SKIPPED, detail=reason) if reason else delivery


def is_conditional(subscriptions: Iterable[Subscription]) -> bool:
    return any(subscription.send_if.kind is not SendIf.ALWAYS for subscription in subscriptions)


def found_in(
    results: Path, previous: Previous | None, archive: Archive, snapshots: Mapping[str, Snapshot], period: Period
) -> conditions.Found:
    """What conditions are judged by. Raises ArchiveError if the results, just written, cannot be read."""
    now = bundle.read(results)
    before = _read(previous, archive, results.with_name("compared.zip"))
    return conditions.Found(
        has_data=has_data(now, snapshots, period),
        changed=None if before is None else changed(now, before),
        metrics=now.metrics,
        before={} if before is None else before.metrics,
    )


def _read(previous: Previous | None, archive: Archive, target: Path) -> Bundle | None:
    """From the archive again: the copy laid out was within the notebook's reach."""
    if previous is None or not _fetched(archive, previous.kept, target):
        return None
    try:
        return bundle.read(target)
    except ArchiveError as error:
        log.warning("Earlier results are not usable", action="run.no_previous", error=str(error))
        return None


def changed(now: Bundle, before: Bundle) -> bool | None:
    """Whether a figure or a row differs: as the section of the report found it, else over all that was recorded.

    None if neither run recorded anything that could differ.
    """
    from reports import comparison  # noqa: PLC0415  loads pandas: only where a subscription asks

    if now.results.changes is not None and now.results.changes.compared:
        return now.results.changes.anything
    if not any((now.metrics, now.tables, before.metrics, before.tables)):
        return None
    try:
        return comparison.compare(now, before).summary().anything
    except ArchiveError:
        return None


def has_data(now: Bundle, snapshots: Mapping[str, Snapshot], period: Period) -> bool | None:
    """Whether any dataset has a row for the period; without datasets, whether the report has a row or a figure.

    None if it recorded nothing either.
    """
    if snapshots:
        return any(_has_rows(snapshot.path, period) for snapshot in snapshots.values())
    if not now.metrics and not now.tables:
        return None
    return any(now.rows.values()) or any(metric.value for metric in now.metrics.values())


def _has_rows(folder: Path, period: Period) -> bool:
    daily = folder / DAILY_FILE
    if not daily.exists():
        return bool(pq.read_metadata(folder / DATA_FILE).num_rows)
    day = pads.field("day")
    within = (day >= period.start) & (day <= period.end)
    return bool(pads.dataset(daily).count_rows(filter=within))
