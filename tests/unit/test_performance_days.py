"""Days and digits that databases compute for single requests, against the wall clock and plain arithmetic."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest
import sqlalchemy as sa

from reports.sources import days
from reports.sources.cells import truths
from reports.sources.performance import day_number, rounded, rounded_values

CHANGES = [
    ("UTC", date(2026, 11, 1)),
    ("Europe/Berlin", date(2026, 3, 29)),
    ("Europe/Berlin", date(2026, 10, 25)),
    ("Australia/Lord_Howe", date(2026, 4, 5)),
    ("America/Havana", date(2026, 3, 8)),
    ("Asia/Kathmandu", date(2026, 1, 1)),
    ("Pacific/Apia", date(2011, 12, 30)),
    ("America/Sao_Paulo", date(2018, 11, 4)),
]


def answered(table: sa.Table, values: Sequence[float], asked: Any) -> list[Any]:
    """Each value with what the database makes of it, in their order."""
    with sa.create_engine("sqlite://").connect() as connection:
        table.create(connection)
        connection.execute(sa.insert(table), [{"value": value} for value in values])
        return list(connection.execute(sa.select(table.c.value, asked).order_by(sa.literal_column("rowid"))))


@pytest.mark.parametrize(("zone", "day"), CHANGES)
def test_sql_places_each_quarter_in_the_day_of_the_wall_clock(zone: str, day: date) -> None:
    first, last = day - timedelta(days=3), day + timedelta(days=3)
    start, end = days.span(first, last, zone)
    quarters = range(int(start.timestamp()) // 900, int(end.timestamp()) // 900)
    table = sa.Table("given", sa.MetaData(), sa.Column("value", sa.BigInteger))
    rows = answered(table, list(quarters), day_number(table.c.value, first, last, zone))
    assert len(rows) == len(quarters) > 6 * 90
    for each, number in rows:
        wall = datetime.fromtimestamp(each * 900, ZoneInfo(zone))
        assert days.EPOCH + timedelta(days=number) == wall.date()


def test_sql_and_arrow_keep_the_same_three_digits() -> None:
    rng = random.Random(3)
    values = [10 ** rng.uniform(-1, 6) for _ in range(400)] + [1.0, 10.0, 999.4, 1000.0, 1234.0, 0.1]
    table = sa.Table("given", sa.MetaData(), sa.Column("value", sa.Double))
    found = [kept for _, kept in answered(table, values, rounded(table.c.value))]
    assert found == pytest.approx(rounded_values(pa.array(values)).to_pylist(), rel=1e-9)
    assert max(abs(after - value) / value for after, value in zip(found, values, strict=True)) <= 0.005 + 1e-9


def test_truths_of_logs_and_files() -> None:
    values, bad = truths(pa.array(["True", "false", "None", "", None, " 1 ", "maybe"]))
    assert values.to_pylist() == [True, False, False, None, None, True, None]
    assert bad.to_pylist() == [False] * 6 + [True]
    assert truths(pa.array([True, None]))[0].to_pylist() == [True, None]
