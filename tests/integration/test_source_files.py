"""Files read straight at extraction: one or a folder of them, with a column map, bad rows named."""

from __future__ import annotations

import gzip
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from reports.errors import ExtractError
from reports.model import Filters, Period
from reports.sources import Snapshot, Source, check, extract
from reports.sources.usage_import import import_usage
from reports.templates import Dataset

NOW = datetime(2026, 11, 23, 6, tzinfo=UTC)
DAYS = Period(date(2026, 11, 20), date(2026, 11, 22))
HEADER = "started_at,user_id,key_id,key_alias,model,prompt_tokens,completion_tokens,spend_usd,duration_ms"
FIRST = f"{HEADER}\n2026-11-20T08:00:00Z,ann,k1,ann-key,m1,100,10,0.1,1000\n2026-11-20T23:50:00Z,bob,k2,,m2,50,5,0.2,\n"
SECOND = f"{HEADER}\n2026-11-22T12:00:00Z,ann,k1,ann-key,m1,7,1,0.3,500\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "usage"
    place.mkdir()
    (place / "2026-11-20.csv").write_text(FIRST, encoding="utf-8")
    (place / "2026-11-22.csv.gz").write_bytes(gzip.compress(SECOND.encode()))
    (place / "notes.txt").write_text("not usage", encoding="utf-8")
    return place


def source(place: Path, **options: Any) -> Source:
    return Source("exports", "files", str(place), options)


def take(of: Source, tmp_path: Path, period: Period = DAYS, filters: Filters = Filters()) -> Snapshot:  # noqa: B008
    folder = tmp_path / f"snapshot-{len(list(tmp_path.iterdir()))}"
    return extract(of, Dataset("usage"), period, None, filters, folder, store_url="", at=NOW)


def daily(snapshot: Snapshot) -> pd.DataFrame:
    return pd.read_parquet(snapshot.path / "daily.parquet")


def test_a_folder_is_read_as_one(folder: Path, tmp_path: Path) -> None:
    snapshot = take(source(folder), tmp_path)
    rows = daily(snapshot)
    assert rows["prompt_tokens"].tolist() == [100, 50, 7]
    assert rows["day"].tolist() == [date(2026, 11, 20), date(2026, 11, 20), date(2026, 11, 22)]
    assert rows["key_alias"].tolist() == ["ann-key", "", "ann-key"]
    hours = pd.read_parquet(snapshot.path / "hourly.parquet")
    assert hours["hour"].dt.hour.tolist() == [8, 23, 12]


def test_durations_that_nobody_measured_are_null(folder: Path, tmp_path: Path) -> None:
    rows = daily(take(source(folder), tmp_path)).set_index(["day", "user_id"])
    assert rows.loc[(date(2026, 11, 20), "ann"), ["duration_sum_ms", "timed_requests"]].tolist() == [1000.0, 1]
    assert pd.isna(rows.loc[(date(2026, 11, 20), "bob"), "duration_sum_ms"])


def test_days_are_those_of_the_zone(folder: Path, tmp_path: Path) -> None:
    rows = daily(take(source(folder), tmp_path, Period(DAYS.start, DAYS.end, "Asia/Tokyo")))
    assert rows["day"].tolist() == [date(2026, 11, 20), date(2026, 11, 21), date(2026, 11, 22)]


def test_days_between_files_are_missing_and_the_begun_one_incomplete(folder: Path, tmp_path: Path) -> None:
    coverage = take(source(folder), tmp_path).meta["coverage"]
    assert (coverage["missing_days"], coverage["incomplete_days"]) == (["2026-11-21"], ["2026-11-22"])


@pytest.mark.parametrize(
    ("filters", "tokens"),
    [
        (Filters(user_ids=("ann",)), 107),
        (Filters(model_ids=("m2",)), 50),
        (Filters(key_aliases=("ann-key",)), 107),
        (Filters(key_aliases=("k2",)), 50),
        (Filters(user_ids=("nobody",)), 0),
    ],
)
def test_filters_hold_for_days_and_hours(folder: Path, tmp_path: Path, filters: Filters, tokens: int) -> None:
    snapshot = take(source(folder), tmp_path, filters=filters)
    assert daily(snapshot)["prompt_tokens"].sum() == tokens
    assert pd.read_parquet(snapshot.path / "hourly.parquet")["prompt_tokens"].sum() == tokens
    assert snapshot.meta["coverage"]["missing_days"] == ["2026-11-21"]


def test_daily_rows_of_parquet_files(tmp_path: Path) -> None:
    days = pd.DataFrame({"date": [date(2026, 11, 20), date(2026, 11, 21)], "n": [5, 6], "tin": [1, 2], "tout": [3, 4]})
    days.to_parquet(tmp_path / "days.parquet")
    mapping = {"requests": "n", "prompt_tokens": "tin", "completion_tokens": "tout", "model": "'m'"}
    snapshot = take(source(tmp_path / "days.parquet", map=mapping), tmp_path)
    assert daily(snapshot)["requests"].tolist() == [5, 6]
    assert set(daily(snapshot)["model"]) == {"m"}
    assert snapshot.file("hourly.parquet") is None
    assert "hourly" in snapshot.meta["unavailable"]


def test_bad_rows_are_counted_and_named(folder: Path, tmp_path: Path) -> None:
    with (folder / "2026-11-20.csv").open("a", encoding="utf-8") as file:
        file.write("2026-11-20T09:00:00Z,ann,k1,,m1,many,1,0,\n")
    snapshot = take(source(folder), tmp_path)
    told = snapshot.meta["unavailable"]["rows"]
    assert told == (
        "1 row could not be used: 2026-11-20.csv, row 3: prompt_tokens 'many' is no whole number from 0 to 10^15."
    )
    assert daily(snapshot)["requests"].sum() == 3


def test_files_and_their_import_report_the_same(folder: Path, tmp_path: Path, sqlite_url: str) -> None:
    for path in sorted(folder.glob("*.csv*")):
        import_usage(sqlite_url, path, "imported", {}, {})
    for zone in ("UTC", "Australia/Lord_Howe"):
        period = Period(DAYS.start, DAYS.end, zone)
        straight = take(source(folder), tmp_path, period)
        embedded = Source("imported", "embedded")
        target = tmp_path / f"imported-{zone[:3]}"
        stored = extract(embedded, Dataset("usage"), period, None, Filters(), target, store_url=sqlite_url, at=NOW)
        shared = {name: digest for name, digest in stored.meta["files"].items() if name != "keys.parquet"}
        assert straight.meta["files"] == shared  # byte for byte; an import also keeps the keys
        told = [snapshot.meta["unavailable"]["success_rate"] for snapshot in (straight, stored)]
        assert told == ["The source does not tell which requests failed."] * 2


def test_a_folder_tells_outcomes_where_all_its_files_do(folder: Path, tmp_path: Path) -> None:
    for path in list(folder.glob("*.csv*")):
        path.unlink()
    told = f"{HEADER},status\n2026-11-21T12:00:00Z,ann,k1,,m1,7,1,0.3,500,failure\n"
    (folder / "2026-11-21.csv").write_text(told, encoding="utf-8")
    assert "success_rate" not in take(source(folder), tmp_path).meta["unavailable"]
    (folder / "2026-11-20.csv").write_text(FIRST, encoding="utf-8")
    assert "success_rate" in take(source(folder), tmp_path).meta["unavailable"]


def test_real_files_need_no_import(shared_dir: Path, tmp_path: Path) -> None:
    place = shared_dir / "data" / "servegen" / "servegen_hourly.csv.gz"
    snapshot = take(source(place, day_zero="2026-11-02"), tmp_path, Period(date(2026, 11, 2), date(2026, 11, 15)))
    assert daily(snapshot)["requests"].sum() == int(pd.read_csv(place)["requests"].sum())


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("", "", "no CSV or Parquet file at its path"),
        ("a.csv", "x,y\n1,2\n", "started_at: no column of the file is it"),
        ("a.csv", "pool,client_id,hour,requests,input_tokens_mean,output_tokens_mean\n", "--day-zero"),
    ],
)
def test_files_that_cannot_be_used_fail_for_good(tmp_path: Path, name: str, text: str, told: str) -> None:
    place = tmp_path / "files"
    place.mkdir()
    if name:
        (place / name).write_text(text, encoding="utf-8")
    with pytest.raises(ExtractError) as caught:
        take(source(place), tmp_path)
    assert caught.value.permanent
    assert told in str(caught.value)


def test_a_folder_holds_one_kind_of_rows(folder: Path, tmp_path: Path) -> None:
    (folder / "z.csv").write_text("day,requests,prompt_tokens,completion_tokens\n2026-11-20,1,1,1\n", encoding="utf-8")
    with pytest.raises(ExtractError, match=r"z\.csv holds other rows"):
        take(source(folder), tmp_path)


def test_check_reads_every_file(folder: Path) -> None:
    report = check(source(folder), store_url="")
    assert report.tables == ("2026-11-20.csv", "2026-11-22.csv.gz")
    assert (report.rows, report.first_day, report.last_day) == (3, date(2026, 11, 20), date(2026, 11, 22))
