"""Days are read a portion at a time: the same snapshot comes of it, and no more than a portion is ever handed over."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import litellm_dump
import postgresql
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from reports.model import Filters, Period
from reports.sources import Snapshot, Source, daily, extract
from reports.sources.snapshot import RowGroups, row_groups
from reports.sources.usage_import import import_usage
from reports.templates import Dataset

FIRST = date(2026, 10, 5)
PERIOD = Period(
    date(2026, 10, 19), date(2026, 11, 1), "Europe/Berlin"
)  # with the comparison before it; clocks change on its last day
NOW = datetime(2026, 11, 2, 6, tzinfo=UTC)
DAILY = "day,user_id,model,provider,requests,prompt_tokens,completion_tokens,spend_usd"
EVENTS = "request_id,started_at,user_id,model,provider,prompt_tokens,completion_tokens,spend_usd"


def write_daily(folder: Path) -> Path:
    """Rows in no order; the first week and one day have none."""
    days = [FIRST + timedelta(days=number) for number in range(7, 28) if number != 16]
    rows = [f"{day},u{user},m{user % 3},p,{user + 1},{user},1,{user / 10}" for user in range(9) for day in days]
    path = folder / "daily.csv"
    path.write_text("\n".join([DAILY, *rows]) + "\n", encoding="utf-8")
    return path


def write_events(folder: Path) -> Path:
    moments = [datetime(2026, 10, 8, tzinfo=UTC) + timedelta(minutes=97 * number) for number in range(360)]
    rows = [
        f"r{number},{moment:%Y-%m-%dT%H:%M:%SZ},u{number % 7},m{number % 2},p,{number},1,0.1"
        for number, moment in enumerate(moments)
    ]
    path = folder / "events.csv"
    path.write_text("\n".join([EVENTS, *rows[::-1]]) + "\n", encoding="utf-8")
    return path


def take(source: Source, folder: Path, url: str, period: Period) -> Snapshot:
    target = folder / f"snapshot-{len(list(folder.iterdir()))}"
    wanted = Dataset("usage", single_requests=True)
    return extract(source, wanted, period, period.before(), Filters(), target, store_url=url, at=NOW)


def assert_the_same_in_portions(
    source: Source, folder: Path, monkeypatch: pytest.MonkeyPatch, url: str = "", period: Period = PERIOD
) -> None:
    monkeypatch.setattr(daily, "ROWS_A_PORTION", 1_000_000)
    whole = take(source, folder, url, period)
    assert whole.rows
    handed: list[int] = []
    add = daily.DailyRows.add

    def watched(self: daily.DailyRows, rows: pa.Table, *others: object) -> None:
        handed.append(rows.num_rows)
        add(self, rows, *others)  # type: ignore[arg-type]

    monkeypatch.setattr(daily.DailyRows, "add", watched)
    monkeypatch.setattr(daily, "ROWS_A_PORTION", 1)
    in_days = take(source, folder, url, period)
    assert len(handed) > 5 and max(handed) < whole.rows / 5
    for name in whole.meta["files"]:
        assert (in_days.path / name).read_bytes() == (whole.path / name).read_bytes(), name
    assert in_days.sha256 == whole.sha256


@pytest.mark.parametrize("write", [write_daily, write_events])
def test_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: object) -> None:
    path = write(tmp_path)  # type: ignore[operator]
    assert_the_same_in_portions(Source("usage", "files", str(path)), tmp_path, monkeypatch)


@pytest.mark.parametrize("write", [write_daily, write_events])
def test_own_tables(store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: object) -> None:
    import_usage(store_url, write(tmp_path), "usage", {}, {"data_dir": str(tmp_path)})  # type: ignore[operator]
    assert_the_same_in_portions(Source("usage", "embedded"), tmp_path, monkeypatch, store_url)


@pytest.mark.parametrize("logged", [True, False], ids=["days of the zone, from the log", "UTC days"])
def test_litellm(
    postgres_server: postgresql.PostgresServer,
    shared_dir: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    logged: bool,
) -> None:
    url = postgres_server.new_database()
    litellm_dump.load_dump(url, shared_dir)
    with litellm_dump.connect(url) as connection:  # its one day spread over eight
        if logged:
            connection.execute(
                """UPDATE "LiteLLM_SpendLogs" SET "startTime" = "startTime" - back, "endTime" = "endTime" - back,
                "completionStartTime" = "completionStartTime" - back FROM (SELECT request_id AS id, interval '1 day' *
                (row_number() OVER (ORDER BY request_id) % 8) AS back FROM "LiteLLM_SpendLogs") AS moved
                WHERE id = request_id"""
            )
            connection.execute("""UPDATE "LiteLLM_DailyUserSpend" SET api_requests = 1""")
            # PostgreSQL adds doubles up in any order; these have the same sum in each.
            connection.execute("""UPDATE "LiteLLM_SpendLogs" SET spend = floor(spend * 65536) / 65536""")
        else:
            connection.execute("""DELETE FROM "LiteLLM_SpendLogs\"""")
            connection.execute(
                """UPDATE "LiteLLM_DailyUserSpend" SET date = (date '2026-11-22' - back)::text FROM (SELECT id AS row,
                (row_number() OVER (ORDER BY id) % 8)::int AS back FROM "LiteLLM_DailyUserSpend") AS moved
                WHERE row = id"""
            )
    period = Period(date(2026, 11, 15), date(2026, 11, 22), "Europe/Berlin")
    assert_the_same_in_portions(Source("usage", "litellm", url), tmp_path, monkeypatch, period=period)


def test_portions_follow_how_much_the_days_before_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(daily, "ROWS_A_PORTION", 100)
    asked: list[int] = []

    def read(first: date, last: date) -> pa.Table:
        days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
        asked.append(len(days))
        a_day = [0 if day < date(2026, 10, 20) else 50 for day in days]
        return pa.table({"day": [day for day, rows in zip(days, a_day, strict=True) for _ in range(rows)]})

    found = [rows["day"].to_pylist() for rows in daily.portions(date(2026, 8, 1), date(2026, 11, 30), read)]
    assert sum(asked) == 122
    assert asked[:4] == [1, 4, 16, 31]
    assert asked[6:-1] and set(asked[6:-1]) == {2}
    flat = [day for rows in found for day in rows]
    assert flat == sorted(flat) and len(flat) == 42 * 50 and all(found)


def test_row_groups_are_full_however_rows_arrive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reports.sources.snapshot.ROW_GROUP_ROWS", 100)
    table = pa.table({"number": pa.array(range(1050)), "text": [f"t{number % 7}" for number in range(1050)]})
    contents = []
    for size in (1, 99, 100, 101, 1050):
        path = tmp_path / f"{size}.parquet"
        with row_groups(path, table.schema) as file:
            for start in range(0, 1050, size):
                file.add(table.slice(start, size))
                assert held(file) < 100
        contents.append(path.read_bytes())
    assert len(set(contents)) == 1
    assert pq.read_table(path).equals(table)
    assert pq.ParquetFile(path).num_row_groups == 11


def held(file: RowGroups) -> int:
    return sum(part.num_rows for part in file._waiting)
