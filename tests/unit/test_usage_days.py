"""Days and hours of odd time zones, sums, gaps and list prices, against slow and plain ways to compute them."""

from __future__ import annotations

import math
import random
from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest

from reports.sources import days
from reports.sources.cells import counts, dates, moments, numbers, texts_of
from reports.sources.prices import Price, list_prices, price_of
from reports.sources.snapshot import COUNTS, DIMENSIONS

# A day and a zone where clocks change, among them: half an hour, at midnight, and a day that never was.
CHANGES = [
    ("Europe/Berlin", date(2026, 3, 29)),
    ("Europe/Berlin", date(2026, 10, 25)),
    ("America/New_York", date(2026, 11, 1)),
    ("Australia/Lord_Howe", date(2026, 4, 5)),
    ("Atlantic/Azores", date(2026, 3, 29)),
    ("America/Havana", date(2026, 3, 8)),
    ("Africa/Cairo", date(2026, 4, 24)),
    ("Asia/Kathmandu", date(2026, 1, 1)),
    ("Pacific/Apia", date(2011, 12, 30)),
    ("Pacific/Chatham", date(2026, 9, 27)),
]


def events(moments_: list[datetime], **columns: Any) -> pa.Table:
    size = len(moments_)
    values: dict[str, Any] = {name: ["x"] * size for name in DIMENSIONS} | {name: [1] * size for name in COUNTS}
    values |= {"spend_usd": [0.1] * size, "duration_sum_ms": [None] * size, "timed_requests": [None] * size} | columns
    values["quarter"] = [int(moment.timestamp()) // 900 for moment in moments_]
    return pa.table({name: pa.array(values[name]) for name in days.EVENT_ROWS.names}).cast(days.EVENT_ROWS)


@pytest.mark.parametrize(("zone", "day"), CHANGES)
def test_days_and_hours_are_those_of_the_wall_clock(zone: str, day: date) -> None:
    chance = random.Random(f"{zone} {day}")
    start = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(days=2)
    found = [start + timedelta(seconds=chance.randrange(4 * 86400)) for _ in range(2000)]
    by_day: dict[date, int] = defaultdict(int)
    by_hour: dict[datetime, int] = defaultdict(int)
    for moment in found:
        wall = moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
        by_day[wall.date()] += 1
        by_hour[wall.replace(minute=0, second=0, microsecond=0)] += 1
    placed = days.place_days(events(found), zone)
    assert dict(zip(placed["day"].to_pylist(), placed["requests"].to_pylist(), strict=True)) == dict(by_day)
    hours = days.place_hours(events(found), zone)
    assert dict(zip(hours["hour"].to_pylist(), hours["requests"].to_pylist(), strict=True)) == dict(by_hour)


@pytest.mark.parametrize(("zone", "day"), CHANGES)
def test_the_span_of_a_day_holds_that_day_and_nothing_else(zone: str, day: date) -> None:
    for each in days.days_of(day - timedelta(days=2), day + timedelta(days=2)):
        start, end = days.span(each, each, zone)
        moment = start
        while moment < end:
            assert moment.astimezone(ZoneInfo(zone)).date() == each
            moment += timedelta(minutes=15)
        assert (end - timedelta(minutes=15)).astimezone(ZoneInfo(zone)).date() <= each
        assert end.astimezone(ZoneInfo(zone)).date() > each


@pytest.mark.parametrize(
    ("zone", "first", "last", "same"),
    [
        ("UTC", date(2026, 1, 1), date(2026, 12, 31), True),
        ("Europe/London", date(2026, 1, 5), date(2026, 2, 5), True),
        ("Europe/London", date(2026, 3, 20), date(2026, 4, 5), False),
        ("Africa/Abidjan", date(2026, 1, 1), date(2026, 12, 31), True),
        ("Europe/Berlin", date(2026, 1, 1), date(2026, 1, 1), False),
    ],
)
def test_utc_days_are_known_as_such(zone: str, first: date, last: date, same: bool) -> None:
    assert days.is_utc(first, last, zone) is same


def test_sums_do_not_depend_on_order_and_are_exact() -> None:
    chance = random.Random(7)
    spend = [chance.uniform(0, 1) * 10 ** chance.randrange(-9, 4) for _ in range(999)]
    moment = [datetime(2026, 11, 20, 10, tzinfo=UTC)] * len(spend)
    for _ in range(3):
        chance.shuffle(spend)
        [total] = days.place_days(events(moment, spend_usd=spend), "UTC")["spend_usd"].to_pylist()
        assert total == math.fsum(spend)


def test_what_nobody_measured_stays_null() -> None:
    moment = [datetime(2026, 11, 20, 10, tzinfo=UTC)] * 3
    placed = days.place_days(events(moment, user_id=["a", "a", "b"], timed_requests=[None, 4, None]), "UTC")
    assert placed["timed_requests"].to_pylist() == [4, None]
    assert placed["duration_sum_ms"].to_pylist() == [None, None]


def test_many_distinct_texts_do_not_overflow_the_key() -> None:
    size = 3000
    moment = [datetime(2026, 11, 20, 10, tzinfo=UTC)] * size
    texts = {
        name: [f"{(index * 7919 + place) % size:05d}" for index in range(size)] for place, name in enumerate(DIMENSIONS)
    }
    placed = days.place_days(events(moment, **texts), "UTC")
    assert placed.num_rows == size
    assert placed["user_id"].to_pylist() == sorted(texts["user_id"])


def test_no_rows_stay_no_rows() -> None:
    assert days.place_days(events([]), "Asia/Tokyo").num_rows == 0
    assert days.place_hours(events([]), "Asia/Tokyo").num_rows == 0


NOV = [date(2026, 11, number) for number in range(1, 31)]


def judged(zone: str, known: days.Known, rows: list[date]) -> tuple[list[int], list[int]]:
    coverage = days.judge(NOV[9], NOV[15], zone, known, rows)
    return [day.day for day in coverage.missing_days], [day.day for day in coverage.incomplete_days]


def test_zero_is_told_from_missing() -> None:
    present = NOV[9:13]  # the 10th to the 13th have rows
    known = days.known_days(present, {NOV[13]: True}, {})  # the 14th is known to be empty
    assert judged("UTC", known, present) == ([15, 16], [])
    assert (known.first_day, known.last_day) == (NOV[9], NOV[13])


def test_a_begun_day_is_incomplete_and_where_it_ends_counts() -> None:
    noon = datetime(2026, 11, 13, 12, tzinfo=UTC)
    known = days.known_days(NOV[9:13], {}, {NOV[12]: noon})
    assert judged("UTC", known, NOV[9:13]) == ([14, 15, 16], [13])
    # In Auckland the 13th is over by then (11:00 UTC) and the 14th has begun; the 10th began before the data.
    assert judged("Pacific/Auckland", known, NOV[9:14]) == ([15, 16], [10, 14])


def test_data_into_the_last_hour_are_the_whole_day() -> None:
    late = datetime(2026, 11, 13, 23, 5, tzinfo=UTC)
    assert judged("UTC", days.known_days(NOV[9:13], {}, {NOV[12]: late}), NOV[9:13]) == ([14, 15, 16], [])


def test_a_listed_incomplete_day_stays_so_although_later_days_follow() -> None:
    known = days.known_days(NOV[9:16], {NOV[11]: False}, {NOV[11]: datetime(2026, 11, 12, 8, tzinfo=UTC)})
    assert judged("UTC", known, NOV[9:16]) == ([], [12])


def test_nothing_known_is_all_missing() -> None:
    assert judged("UTC", days.known_days([], {}, {}), []) == ([10, 11, 12, 13, 14, 15, 16], [])


DAY = date(2026, 11, 22)


def test_list_prices_of_known_and_unknown_models() -> None:
    sonnet = price_of("anthropic/claude-sonnet-4-20250514", "anthropic", DAY)
    assert sonnet == Price(3e-6, 15e-6, 0.3e-6, 3.75e-6)
    assert price_of("hosted_vllm/llama-3.3-70b", "hosted_vllm", DAY) is not None
    assert price_of("unknown-model", "", DAY) is None
    assert price_of("", "openai", DAY) is None


def test_a_sources_own_price_comes_first() -> None:
    own = {("openai/gpt-4o", "openai"): Price(1e-6, 2e-6, 0.0, 0.0), ("m", ""): Price(5e-6, 5e-6, 0.0, 0.0)}
    assert price_of("openai/gpt-4o", "openai", DAY, own) == own["openai/gpt-4o", "openai"]
    assert price_of("m", "anybody", DAY, own) == own["m", ""]


def test_cache_tokens_are_part_of_the_prompt_and_priced_apart() -> None:
    rows = pa.table(
        {
            "model": ["m", "nobody's", "m"],
            "provider": ["p", "p", "q"],
            "prompt_tokens": [100, 1, 10],
            "completion_tokens": [10, 1, 0],
            "cache_read_tokens": [60, 0, None],
            "cache_creation_tokens": [20, 0, None],
        }
    )
    own = {("m", "p"): Price(1.0, 3.0, 0.1, 2.0), ("m", "q"): Price(1.0, 1.0, 1.0, 1.0)}
    assert list_prices(rows, DAY, own).to_pylist() == [20 * 1.0 + 60 * 0.1 + 20 * 2.0 + 10 * 3.0, None, 10.0]


def bad(found: tuple[Any, Any]) -> list[bool]:
    return list(found[1].to_pylist())


def test_counts_are_whole_numbers_from_zero_up() -> None:
    found = counts(pa.array(["7", " 8 ", "9.0", "1.5", "-1", "1e3", "", None, "x", "999999999999999"]))
    assert found[0].to_pylist() == [7, 8, 9, None, None, None, None, None, None, 999999999999999]
    assert bad(found) == [False, False, False, True, True, True, False, False, True, False]
    assert counts(pa.array([1.0, 1.5, -1.0, float("nan"), None]))[0].to_pylist() == [1, None, None, None, None]
    assert counts(pa.array([10**15 - 1]))[0].to_pylist() == [10**15 - 1]


@pytest.mark.parametrize(
    "column",
    [
        pa.array(["7", "1000000000000001"]),
        pa.array([7, 2**60]),
        pa.array([7, 2**63 + 5], pa.uint64()),
        pa.array([7, 1e18]),
    ],
    ids=["text", "int64", "uint64", "float64"],
)
def test_numbers_whose_sum_would_overflow_are_bad(column: pa.Array) -> None:
    for read in (counts, numbers):
        assert read(column)[0].to_pylist() == [7, None]
        assert bad(read(column)) == [False, True]


def test_numbers_are_finite_and_from_zero_up() -> None:
    found = numbers(pa.array(["0.1", "1e-7", ".5", "-0.1", "nan", "inf", "1,5", ""]))
    assert found[0].to_pylist() == [0.1, 1e-7, 0.5, None, None, None, None, None]
    assert bad(found) == [False, False, False, True, True, True, True, False]


def test_moments_in_every_form() -> None:
    texts = {
        "2026-11-20T08:30:00Z": "2026-11-20T08:30:00",
        "2026-11-20 08:30:00.1234567": "2026-11-20T07:30:00.123456",
        "2026-11-20 08:30": "2026-11-20T07:30:00",
        "2026-11-20": "2026-11-19T23:00:00",
        "2026-11-20T08:30:00-05:00": "2026-11-20T13:30:00",
        "1763627400": "2025-11-20T08:30:00",
        "1763627400500": "2025-11-20T08:30:00.500000",
    }
    found = moments(pa.array(list(texts)), "Europe/Berlin")[0].to_pylist()
    assert [moment.isoformat() for moment in found] == list(texts.values())
    wrong = ["2026-02-30 10:00:00", "2026-11-20T25:00:00", "20.11.2026", "noon", "2026-11-20 08:30:00"]
    wrong_one = moments(pa.array(wrong), "UTC")
    assert bad(wrong_one) == [True, True, True, True, False]
    assert wrong_one[0].to_pylist()[-1].isoformat() == "2026-11-20T08:30:00"


def test_a_moment_is_read_alike_whatever_stands_beside_it() -> None:
    texts = ["1763627400", "1763627400.5", "1763627400500", "2026-11-20T08:30:00.123456789Z", "2026-11-20"]
    alone = moments(pa.array(texts), "Europe/Berlin")[0].to_pylist()
    assert None not in alone
    beside = moments(pa.array([*texts, "2026-11-20T25:00:00"]), "Europe/Berlin")
    assert beside[0].to_pylist() == [*alone, None]
    assert bad(beside) == [False] * len(texts) + [True]


def test_a_column_of_days_is_one_of_their_first_moments() -> None:
    found = moments(pa.array([date(2026, 11, 20), None]), "Europe/Berlin")
    assert found[0].to_pylist() == [datetime(2026, 11, 19, 23), None]  # noqa: DTZ001  as the values: UTC


@pytest.mark.parametrize("year", ["0001", "1969", "2200", "9999"])
def test_days_far_from_any_usage_are_bad(year: str) -> None:
    for read in (dates(pa.array([f"{year}-12-31"])), moments(pa.array([f"{year}-12-31T23:59:59"]), "UTC")):
        assert read[0].to_pylist() == [None]
        assert bad(read) == [True]
    assert bad(moments(pa.array([float("nan"), 1e300]), "UTC")) == [True, True]


def test_days_that_never_were_are_bad() -> None:
    found = dates(pa.array(["2026-11-20", "2026-02-30", "20261120", ""]))
    assert found[0].to_pylist() == [date(2026, 11, 20), None, None, None]
    assert bad(found) == [False, True, True, False]


def test_texts_that_no_database_takes_are_bad() -> None:
    assert bad(texts_of(pa.array(["fine", "nul\0", "x" * 256, None]))) == [False, True, True, False]
    assert texts_of(pa.array([1, 2]))[0].to_pylist() == ["1", "2"]
    as_bytes = texts_of(pa.array(["J\u00fcrgen".encode(), "J\u00fcrgen".encode("latin-1"), None]))
    assert (as_bytes[0].to_pylist(), bad(as_bytes)) == (["J\u00fcrgen", None, None], [False, True, False])
