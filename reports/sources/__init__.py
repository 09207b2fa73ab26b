"""Usage from anywhere as a snapshot: LiteLLM's database, files, any SQL database, or Gazette's own tables.

`extract` reads one period of one source into a folder of Parquet files with a hash. Sources are only ever read. The
adapters load when they are needed, so that importing this package costs neither SQLAlchemy nor pyarrow.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from reports.model import Filters, Period
from reports.sources.values import Request, Snapshot, Source, SourceReport

if TYPE_CHECKING:
    from reports.sources.daily import DailyRows
    from reports.sources.snapshot import Usage
    from reports.templates import Dataset

__all__ = ["Request", "Snapshot", "SnapshotCache", "Source", "SourceReport", "check", "extract"]

MAX_AGE = timedelta(minutes=2)  # runs of one tick, and a retry right after it, share one extraction


def extract(
    source: Source,
    dataset: Dataset,
    period: Period,
    comparison: Period | None,
    filters: Filters,
    target: Path,
    *,
    store_url: str,
    at: datetime,
) -> Snapshot:
    """Read what `dataset` wants of `source` into the new folder `target`.

    `at` is the moment of extraction (aware). Raises ExtractError: permanent where the same attempt again would fail
    the same way, such as a wrong column; not permanent where a connection was lost.
    """
    return extract_request(Request(source, dataset, period, comparison, filters, store_url, at), target)


def extract_request(request: Request, target: Path) -> Snapshot:
    from reports.sources import snapshot  # noqa: PLC0415  loads pyarrow

    with snapshot.complete_folder(target) as folder:
        if request.dataset.sql is not None:
            from reports.sources import sql  # noqa: PLC0415

            sql.extract_rows(request, folder)
        else:
            from reports.sources import daily  # noqa: PLC0415

            with daily.daily_rows(request, folder) as rows:
                usage = _usage(request, rows)
            snapshot.write_usage(request, usage, rows.count, folder)
    return snapshot.read_snapshot(target)


def check(source: Source, *, store_url: str) -> SourceReport:
    """What the source holds. Raises ExtractError where it cannot be reached."""
    if source.kind == "embedded":
        from reports.sources import embedded  # noqa: PLC0415

        return embedded.check(source, store_url)
    if source.kind == "litellm":
        from reports.sources import litellm_db  # noqa: PLC0415

        return litellm_db.check(source)
    if source.kind == "files":
        from reports.sources import files  # noqa: PLC0415

        return files.check(source)
    from reports.sources import sql  # noqa: PLC0415

    return sql.check(source)


def _usage(request: Request, daily: DailyRows) -> Usage:
    if request.source.kind == "embedded":
        from reports.sources import embedded  # noqa: PLC0415

        return embedded.read(request, daily)
    if request.source.kind == "litellm":
        from reports.sources import litellm_db  # noqa: PLC0415

        return litellm_db.read(request, daily)
    if request.source.kind == "files":
        from reports.sources import files  # noqa: PLC0415

        return files.read(request, daily)
    from reports.sources import sql  # noqa: PLC0415

    return sql.read(request, daily)


class SnapshotCache:
    """Shares one extraction per (source, dataset, period, comparison, filters) among concurrent and repeated runs."""

    def __init__(self, folder: Path) -> None:
        from reports.sources.snapshot import SnapshotCache as Cache  # noqa: PLC0415

        self._cache = Cache(folder)

    def extract(
        self,
        source: Source,
        dataset: Dataset,
        period: Period,
        comparison: Period | None,
        filters: Filters,
        *,
        store_url: str,
        at: datetime,
        max_age: timedelta = MAX_AGE,
    ) -> Snapshot:
        """As `extract`, from what is kept if it was extracted within `max_age` of `at`."""
        request = Request(source, dataset, period, comparison, filters, store_url, at)
        return self._cache.get(request, extract_request, max_age)

    def prune(self, older_than: datetime) -> int:
        """Remove snapshots extracted before `older_than` (aware); returns how many."""
        return self._cache.prune(older_than)
