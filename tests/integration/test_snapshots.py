"""Snapshots: deterministic, whole or not there, verified when read, shared among those who want the same."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from reports.errors import ExtractError, InvalidInput
from reports.model import Filters, Period
from reports.sources import Snapshot, SnapshotCache, Source, extract
from reports.sources.snapshot import DAILY_SCHEMA, HOURLY_SCHEMA, complete_folder, read_snapshot
from reports.templates import Dataset

AT = datetime(2026, 11, 23, 6, tzinfo=UTC)
DAYS = Period(date(2026, 11, 20), date(2026, 11, 21))
HEADER = "request_id,started_at,user_id,model,prompt_tokens,completion_tokens,spend_usd"
ROWS = [
    f"r{n},2026-11-{20 + n % 2}T{n % 24:02d}:15:00Z,u{n % 7},m{n % 3},{n},{n * 2},{n * 0.1 + 1e-9 * n}"
    for n in range(500)
]
USAGE = Dataset("usage", single_requests=True)


@pytest.fixture
def source(tmp_path: Path) -> Source:
    return write(tmp_path, ROWS)


def write(tmp_path: Path, rows: list[str]) -> Source:
    path = tmp_path / "usage.csv"
    path.write_text("\n".join([HEADER, *rows]) + "\n", encoding="utf-8")
    return Source("exports", "files", str(path), label="Exports of the gateway")


def take(source: Source, target: Path, at: datetime = AT, period: Period = DAYS) -> Snapshot:
    return extract(source, USAGE, period, period.before(), Filters(), target, store_url="", at=at)


def test_the_format_is_what_readers_were_promised(source: Source, tmp_path: Path) -> None:
    snapshot = take(source, tmp_path / "s")
    daily = pq.read_table(snapshot.path / "daily.parquet")
    assert daily.schema.equals(DAILY_SCHEMA)
    assert daily.column_names[:11] == [
        "day", "user_id", "user_name", "key_id", "key_alias", "team_id", "team_name",
        "model", "model_group", "provider", "endpoint",
    ]  # fmt: skip
    assert pq.read_table(snapshot.path / "hourly.parquet").schema.equals(HOURLY_SCHEMA)
    assert pq.read_schema(snapshot.path / "hourly.parquet").field("hour").type == pa.timestamp("ms")
    assert snapshot.rows == daily.num_rows
    files = ["daily", "errors", "hourly", "latencies", "performance"]
    assert {path.name for path in snapshot.path.iterdir()} == {*(f"{name}.parquet" for name in files), "meta.json"}


def test_meta_holds_every_fact(source: Source, tmp_path: Path) -> None:
    filters = Filters(user_ids=("u1",), model_ids=("m1", "m2"))
    target = tmp_path / "s"
    snapshot = extract(source, USAGE, DAYS, DAYS.before(), filters, target, store_url="", at=AT)
    meta = json.loads((target / "meta.json").read_text(encoding="utf-8"))
    assert meta == snapshot.meta
    assert meta["source"] == "exports"
    assert meta["kind"] == "files"
    assert meta["label"] == "Exports of the gateway"
    assert meta["synthetic"] is False
    assert meta["extracted_at"] == "2026-11-23T06:00:00+00:00"
    assert (meta["zone"], meta["day_zone"]) == ("UTC", "UTC")
    assert meta["filters"] == {"user_ids": ["u1"], "model_ids": ["m1", "m2"]}
    assert meta["period"] == {"start": "2026-11-20", "end": "2026-11-21", "zone": "UTC"}
    assert meta["comparison"] == {"start": "2026-11-18", "end": "2026-11-19", "zone": "UTC"}
    assert meta["coverage"]["missing_days"] == ["2026-11-18", "2026-11-19"]
    assert meta["data_as_of"] == "2026-11-21T23:15:00+00:00"
    assert {"daily.parquet", "hourly.parquet"} <= set(meta["files"])


def test_history_lies_before_the_comparison(source: Source, tmp_path: Path) -> None:
    dataset = Dataset("usage", history_days=10)
    snapshot = extract(source, dataset, DAYS, DAYS.before(), Filters(), tmp_path / "s", store_url="", at=AT)
    assert snapshot.meta["coverage"]["missing_days"][0] == "2026-11-08"


def test_equal_rows_give_equal_bytes_whenever_and_in_whatever_order(source: Source, tmp_path: Path) -> None:
    first = take(source, tmp_path / "a")
    later = take(source, tmp_path / "b", at=AT + timedelta(hours=5))
    turned = take(write(tmp_path, ROWS[::-1]), tmp_path / "c")
    for other in (later, turned):
        assert other.sha256 == first.sha256
        for name in first.meta["files"]:
            assert (other.path / name).read_bytes() == (first.path / name).read_bytes()


@pytest.mark.parametrize("change", ["a row less", "one digit of spend", "a label", "a period"])
def test_the_hash_covers_rows_and_facts(source: Source, tmp_path: Path, change: str) -> None:
    first = take(source, tmp_path / "a")
    period = DAYS
    if change == "a row less":
        write(tmp_path, ROWS[:-1])
    elif change == "one digit of spend":
        write(tmp_path, [*ROWS[:-1], ROWS[-1].rpartition(",")[0] + ",50.900000498"])
    elif change == "a label":
        source = replace(source, label="Another")
    else:
        period = Period(DAYS.start, DAYS.start)
    assert take(source, tmp_path / "b", period=period).sha256 != first.sha256


def test_sums_are_exact(tmp_path: Path) -> None:
    rows = [f"r{n},2026-11-20T10:00:00Z,u,m,1,1,0.1" for n in range(10)]  # naively 0.9999999999999999
    daily = pq.read_table(take(write(tmp_path, rows), tmp_path / "s").path / "daily.parquet")
    assert daily["spend_usd"].to_pylist() == [1.0]


def test_a_folder_that_failed_leaves_nothing(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "s"
    with pytest.raises(KeyboardInterrupt), complete_folder(target) as folder:
        (folder / "half.parquet").write_bytes(b"PAR1")
        assert not target.exists()
        raise KeyboardInterrupt
    assert list(target.parent.iterdir()) == []


def test_a_missing_source_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ExtractError):
        take(Source("gone", "files", str(tmp_path / "gone.csv")), tmp_path / "s" / "s")
    assert list((tmp_path / "s").iterdir()) == []


def test_an_altered_or_incomplete_snapshot_is_refused(source: Source, tmp_path: Path) -> None:
    folder = take(source, tmp_path / "s").path
    assert read_snapshot(folder).rows == 42
    content = (folder / "daily.parquet").read_bytes()
    (folder / "daily.parquet").write_bytes(content[:-1] + b"X")
    with pytest.raises(ExtractError, match=r"altered: daily\.parquet"):
        read_snapshot(folder)
    (folder / "daily.parquet").unlink()
    with pytest.raises(ExtractError, match="not complete"):
        read_snapshot(folder)


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(InvalidInput, match="embedded, litellm, files, sql"):
        Source("x", "ftp")  # type: ignore[arg-type]


def cached(cache: SnapshotCache, source: Source, at: datetime = AT, filters: Filters = Filters()) -> Snapshot:  # noqa: B008
    return cache.extract(source, USAGE, DAYS, DAYS.before(), filters, store_url="", at=at)


def test_the_cache_gives_the_same_snapshot_for_a_while(source: Source, tmp_path: Path) -> None:
    cache = SnapshotCache(tmp_path / "cache")
    first = cached(cache, source)
    assert cached(cache, source, AT + timedelta(seconds=90)).path == first.path
    assert cached(cache, source, AT + timedelta(minutes=5)).path != first.path


def test_another_cache_over_the_same_folder_shares_too(source: Source, tmp_path: Path) -> None:
    first = cached(SnapshotCache(tmp_path / "cache"), source)
    assert cached(SnapshotCache(tmp_path / "cache"), source).path == first.path


def test_other_wishes_are_other_snapshots(source: Source, tmp_path: Path) -> None:
    cache = SnapshotCache(tmp_path / "cache")
    first = cached(cache, source)
    assert cached(cache, source, filters=Filters(user_ids=("u1",))).path != first.path
    assert cached(cache, replace(source, label="Another")).path != first.path
    assert cached(cache, source).path == first.path


def test_many_at_once_share_one_extraction(source: Source, tmp_path: Path) -> None:
    cache, found, start = SnapshotCache(tmp_path / "cache"), [], threading.Barrier(8)

    def ask() -> None:
        start.wait()
        found.append(cached(cache, source).path)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1
    assert len(list((tmp_path / "cache").glob("*/*"))) == 1
    assert not cache._cache._locks, "what was ever asked for is not remembered"


def test_a_failure_is_not_kept(source: Source, tmp_path: Path) -> None:
    cache, path = SnapshotCache(tmp_path / "cache"), Path(source.url)
    path.rename(path.with_suffix(".away"))
    with pytest.raises(ExtractError):
        cached(cache, source)
    path.with_suffix(".away").rename(path)
    assert cached(cache, source).rows == 42


def test_a_damaged_snapshot_in_the_cache_is_made_again(source: Source, tmp_path: Path) -> None:
    cache = SnapshotCache(tmp_path / "cache")
    first = cached(cache, source)
    (first.path / "daily.parquet").write_bytes(b"nothing")
    second = cached(cache, source)
    assert (second.path != first.path, second.rows) == (True, 42)


def test_prune_removes_what_is_old(source: Source, tmp_path: Path) -> None:
    cache = SnapshotCache(tmp_path / "cache")
    first = cached(cache, source)
    now = datetime.fromtimestamp(first.path.stat().st_mtime, UTC)
    assert cache.prune(now - timedelta(hours=1)) == 0
    assert cache.prune(now + timedelta(hours=1)) == 1
    assert not first.path.exists()


def test_single_requests_are_read_only_where_they_are_asked_for(source: Source, tmp_path: Path) -> None:
    plain = extract(source, Dataset("usage"), DAYS, None, Filters(), tmp_path / "s", store_url="", at=AT)
    names = {path.name for path in plain.path.iterdir()}
    assert "daily.parquet" in names and not names & {"performance.parquet", "latencies.parquet", "errors.parquet"}
    assert not plain.meta["unavailable"].keys() & {"performance", "ttft", "cache_hit", "errors"}
