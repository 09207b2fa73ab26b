"""Any SQL database as a source: the analyst's query with bound days, typed rows, errors that say what to do."""

from __future__ import annotations

import json
import sqlite3
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa

from reports.errors import ConfigError, ExtractError
from reports.model import Filters, Period
from reports.sources import Snapshot, Source, check, extract
from reports.sources.columns import NO_OUTCOMES
from reports.sources.query import ROWS_A_CHUNK
from reports.templates import Dataset

NOW = datetime(2026, 11, 23, 6, tzinfo=UTC)
WEEK = Period(date(2026, 11, 16), date(2026, 11, 22))
Ask = Callable[..., Snapshot]


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A warehouse with a table of orders, once on each database."""
    if request.param == "sqlite":
        warehouse = f"sqlite:///{tmp_path / 'warehouse.db'}"
    else:
        warehouse = request.getfixturevalue("postgres_server").new_database()
    engine = sa.create_engine(warehouse)
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "CREATE TABLE orders (id INTEGER, day DATE, placed_at TIMESTAMP, price NUMERIC(10,2))"
        )
        insert = sa.text("INSERT INTO orders VALUES (:id, :day, :at, :price)")
        days = [f"2026-11-{number:02d}" for number in range(10, 25)]
        rows = [{"id": id, "day": day, "at": f"{day} 23:30:00", "price": id + 0.25} for id, day in enumerate(days)]
        connection.execute(insert, rows)
    engine.dispose()
    return warehouse


@pytest.fixture
def ask(url: str, tmp_path: Path) -> Ask:
    count = iter(range(100))

    def ask_one(
        statement: str, period: Period = WEEK, comparison: Period | None = None, history_days: int = 0
    ) -> Snapshot:
        dataset = Dataset("orders", connection="warehouse", sql=statement, history_days=history_days)
        folder = tmp_path / f"snapshot-{next(count)}"
        source = Source("warehouse", "sql", url)
        return extract(source, dataset, period, comparison, Filters(), folder, store_url="", at=NOW)

    return ask_one


def data(snapshot: Snapshot) -> pd.DataFrame:
    return pd.read_parquet(snapshot.path / "data.parquet")


def test_start_and_end_are_bound_and_both_belong_to_the_period(ask: Ask) -> None:
    snapshot = ask("SELECT id, day, price FROM orders WHERE day BETWEEN :start AND :end ORDER BY id")
    rows = data(snapshot)
    assert len(rows) == snapshot.rows == 7
    assert [str(day) for day in rows["day"]][:: len(rows) - 1] == ["2026-11-16", "2026-11-22"]
    assert rows["price"].tolist() == [6.25, 7.25, 8.25, 9.25, 10.25, 11.25, 12.25]
    assert rows["price"].dtype == "float64"  # a number, although the database says NUMERIC


def test_instants_are_those_of_the_zone(ask: Ask) -> None:
    statement = "SELECT id FROM orders WHERE placed_at >= :start_at AND placed_at < :end_at ORDER BY id"
    tokyo = Period(WEEK.start, WEEK.end, "Asia/Tokyo")  # begins at 15:00 UTC the day before
    assert data(ask(statement, tokyo))["id"].tolist() == [5, 6, 7, 8, 9, 10, 11]
    assert data(ask(statement))["id"].tolist() == [6, 7, 8, 9, 10, 11, 12]


def test_the_comparison_and_history_can_be_asked_for(ask: Ask) -> None:
    statement = "SELECT count(*) AS n FROM orders WHERE day BETWEEN :previous_start AND :end"
    assert data(ask(statement, comparison=WEEK.before()))["n"].tolist() == [13]
    assert data(ask("SELECT count(*) AS n FROM orders WHERE day BETWEEN :start AND :end", history_days=2))["n"][0] == 9
    with pytest.raises(ExtractError, match=":previous_start; it can have :start, :end"):
        ask(statement)


def test_rows_keep_the_order_of_the_query(ask: Ask) -> None:
    rows = data(ask("SELECT id FROM orders ORDER BY id DESC"))
    assert rows["id"].tolist() == list(range(14, -1, -1))


def test_no_rows_still_have_columns(ask: Ask) -> None:
    snapshot = ask("SELECT id, price FROM orders WHERE id > 1000")
    assert (snapshot.rows, list(data(snapshot).columns)) == (0, ["id", "price"])


def test_meta_tells_where_rows_come_from(ask: Ask) -> None:
    snapshot = ask("SELECT 1 AS one")
    meta = json.loads((snapshot.path / "meta.json").read_text(encoding="utf-8"))
    assert (meta["source"], meta["kind"], meta["period"]["start"]) == ("warehouse", "sql", "2026-11-16")
    assert list(meta["files"]) == ["data.parquet"]


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("SELECT nothing FROM orders", "nothing"),
        ("SELECT * FROM no_such_table", "no_such_table"),
        ("SELEKT 1", "SELEKT"),
        ("SELECT id FROM orders WHERE day > :since", ":since"),
        ("SELECT id, id FROM orders", "id twice"),
    ],
)
def test_a_wrong_query_fails_for_good_and_says_why(ask: Ask, statement: str, told: str) -> None:
    with pytest.raises(ExtractError) as caught:
        ask(statement)
    assert caught.value.permanent
    assert told in str(caught.value)


@pytest.mark.parametrize(
    "statement", ["DELETE FROM orders", "DROP TABLE orders", "INSERT INTO orders (id) VALUES (99)"]
)
def test_a_query_cannot_write(ask: Ask, url: str, statement: str) -> None:
    with pytest.raises(ExtractError) as caught:
        ask(statement)
    assert caught.value.permanent
    assert data(ask("SELECT count(*) AS n FROM orders"))["n"].tolist() == [15]


def test_values_are_bound_not_pasted(ask: Ask) -> None:
    statement = """SELECT ':start, 08:30, a::b, it''s :x' AS text, :start AS bound -- not :this
        /* nor :that
        */"""
    [row] = data(ask(statement)).to_dict("records")
    assert row == {"text": ":start, 08:30, a::b, it's :x", "bound": "2026-11-16"}


def test_a_server_that_is_not_there_is_worth_another_attempt(tmp_path: Path) -> None:
    source = Source("warehouse", "sql", "postgresql://nobody:hush-hush@127.0.0.1:1/none")
    dataset = Dataset("orders", connection="warehouse", sql="SELECT 1")
    with pytest.raises(ExtractError) as caught:
        extract(source, dataset, WEEK, None, Filters(), tmp_path / "s", store_url="", at=NOW)
    assert not caught.value.permanent
    assert "hush-hush" not in str(caught.value)


def test_a_locked_database_is_worth_another_attempt() -> None:
    from reports.sources.query import _passing  # noqa: PLC0415

    assert _passing(sqlite3.OperationalError("database is locked"))
    assert not _passing(sqlite3.OperationalError("no such column: nothing"))


def test_a_missing_file_is_not_made(tmp_path: Path) -> None:
    source = Source("warehouse", "sql", f"sqlite:///{tmp_path / 'typo.db'}")
    with pytest.raises(ExtractError, match="does not exist"):
        check(source, store_url="")
    assert not (tmp_path / "typo.db").exists()


@pytest.mark.parametrize("url", ["no url", "oracle+nothing://db", "postgresql+asyncpg2://db"])
def test_a_url_nobody_can_use_names_the_source(url: str) -> None:
    with pytest.raises(ConfigError, match="source warehouse"):
        check(Source("warehouse", "sql", url), store_url="")


def test_check_lists_tables(url: str) -> None:
    assert "orders" in check(Source("warehouse", "sql", url), store_url="").tables


def test_the_embedded_source_takes_no_queries(tmp_path: Path) -> None:
    dataset = Dataset("secrets", connection="usage", sql="SELECT secret FROM subscriptions")
    with pytest.raises(ExtractError, match="takes no queries"):
        source = Source("usage", "embedded")
        extract(source, dataset, WEEK, None, Filters(), tmp_path / "s", store_url="sqlite://", at=NOW)


def test_odd_values_become_what_parquet_knows(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'odd.db'}"
    with sqlite3.connect(tmp_path / "odd.db") as connection:
        connection.execute("CREATE TABLE odd (mixed, empty, bytes BLOB, flag)")
        connection.executemany(
            "INSERT INTO odd VALUES (?, ?, ?, ?)", [(1, None, b"\x01\xff", 1), ("two", None, None, 0)]
        )
    dataset = Dataset("odd", connection="odd", sql="SELECT * FROM odd")
    snapshot = extract(Source("odd", "sql", url), dataset, WEEK, None, Filters(), tmp_path / "s", store_url="", at=NOW)
    table = pq.read_table(snapshot.path / "data.parquet")
    assert table["mixed"].to_pylist() == ["1", "two"]
    assert table["empty"].to_pylist() == [None, None]
    assert table.schema.field("empty").type == pa.string()
    assert table["bytes"].to_pylist() == ["01ff", None]


def test_chunks_join_although_a_column_begins_with_nothing(tmp_path: Path) -> None:
    rows = ROWS_A_CHUNK + 10
    statement = f"""WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows})
        SELECT i, CASE WHEN i > {ROWS_A_CHUNK} THEN 'late' END AS word FROM n"""
    sqlite3.connect(tmp_path / "big.db").close()
    (tmp_path / "big.db").touch()
    dataset = Dataset("big", connection="big", sql=statement)
    source = Source("big", "sql", f"sqlite:///{tmp_path / 'big.db'}")
    snapshot = extract(source, dataset, WEEK, None, Filters(), tmp_path / "s", store_url="", at=NOW)
    table = pq.read_table(snapshot.path / "data.parquet")
    assert (table.num_rows, table["word"].null_count) == (rows, ROWS_A_CHUNK)


def test_a_query_can_give_usage(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "gateway.db") as connection:
        connection.execute("CREATE TABLE calls (at TEXT, who TEXT, engine TEXT, tin INTEGER, tout INTEGER, usd REAL)")
        rows = [
            ("2026-11-21 08:00:00", "ann", "m1", 10, 1, 0.5),
            ("2026-11-22 09:00:00", "bob", "m2", 20, 2, 0.25),
            ("2026-10-01 09:00:00", "bob", "m2", 99, 9, 9.0),
        ]
        connection.executemany("INSERT INTO calls VALUES (?, ?, ?, ?, ?, ?)", rows)
    options = {
        "sql": "SELECT * FROM calls WHERE at >= :start_at AND at < :end_at",
        "map": {
            "started_at": "at",
            "user_id": "who",
            "model": "engine",
            "prompt_tokens": "tin",
            "completion_tokens": "tout",
        },
    }
    options["map"] |= {"spend_usd": "usd"}  # type: ignore[operator]
    source = Source("gateway", "sql", f"sqlite:///{tmp_path / 'gateway.db'}", options)
    bob = Filters(user_ids=("bob",))
    for filters, requests, spend in ((Filters(), 2, 0.75), (bob, 1, 0.25)):
        folder = tmp_path / f"s{requests}"
        snapshot = extract(source, Dataset("usage"), WEEK, WEEK.before(), filters, folder, store_url="", at=NOW)
        rows_ = pd.read_parquet(snapshot.path / "daily.parquet")
        assert (rows_["requests"].sum(), rows_["spend_usd"].sum()) == (requests, spend)
        assert pd.read_parquet(snapshot.path / "hourly.parquet")["requests"].sum() == requests
        assert snapshot.meta["unavailable"]["success_rate"] == NO_OUTCOMES
    options["map"] |= {"status": "'success'"}  # type: ignore[operator]
    told = extract(source, Dataset("usage"), WEEK, None, Filters(), tmp_path / "told", store_url="", at=NOW)
    assert "success_rate" not in told.meta["unavailable"]


def test_bad_rows_of_a_query_are_numbered_over_all_its_portions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reports.sources.query.ROWS_A_CHUNK", 2)
    with sqlite3.connect(tmp_path / "gateway.db") as connection:
        connection.execute("CREATE TABLE calls (day, requests, prompt_tokens, completion_tokens, user)")
        rows = [("2026-11-21", 1, 1, 1, None)] * 4 + [("2026-11-22", 1, "many", 1, "ann")]
        connection.executemany("INSERT INTO calls VALUES (?, ?, ?, ?, ?)", rows)
    source = Source("gateway", "sql", f"sqlite:///{tmp_path / 'gateway.db'}", {"sql": "SELECT * FROM calls"})
    snapshot = extract(source, Dataset("usage"), WEEK, None, Filters(), tmp_path / "s", store_url="", at=NOW)
    assert pd.read_parquet(snapshot.path / "daily.parquet")["requests"].tolist() == [4]
    assert "the query, row 5: prompt_tokens" in snapshot.meta["unavailable"]["rows"]


def test_a_missing_driver_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(ConfigError, match=r"source usage: .*pip install 'gazette\[postgres\]'"):
        check(Source("usage", "sql", "postgresql://nobody@127.0.0.1/none"), store_url="")


def test_a_connection_without_a_query_gives_no_usage(url: str, tmp_path: Path) -> None:
    with pytest.raises(ExtractError, match="option `sql`"):
        source = Source("warehouse", "sql", url)
        extract(source, Dataset("usage"), WEEK, None, Filters(), tmp_path / "s", store_url="", at=NOW)
