"""The synthetic usage: the same every time, shaped like real use, complete enough to show every section."""

from __future__ import annotations

import itertools
import math
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from reports.errors import InvalidInput
from reports.model import Filters, Period
from reports.sources import Snapshot, extract
from reports.sources.demo import LABEL, DemoUsage, generate, load_demo
from reports.sources.demo_cast import MODELS, clients
from reports.sources.demo_presence import AWAY, JOIN_EVERY, LEAVE, STAY, presence
from reports.sources.demo_requests import DETAILED_DAYS, detailed
from reports.sources.usage_import import import_usage
from reports.templates import Dataset

LAST = date(2026, 11, 21)


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    rows = generate(LAST).to_pandas()
    return rows.assign(day=rows["started_at"].dt.date, hour=rows["started_at"].dt.hour)


def take(demo: DemoUsage, url: str, target: Path, days: int = 7) -> Snapshot:
    period = Period(demo.last_day - timedelta(days=days - 1), demo.last_day)
    at = datetime(2026, 11, 22, 6, tzinfo=UTC)
    return extract(demo.source, Dataset("usage"), period, period.before(), Filters(), target, store_url=url, at=at)


def test_the_same_seed_gives_the_same_rows() -> None:
    assert generate(LAST, 10, 7).equals(generate(LAST, 10, 7))
    assert not generate(LAST, 10, 7).equals(generate(LAST, 10, 8))


def test_totals_are_written_down() -> None:
    rows = generate(LAST, 30, 7)
    again = generate(LAST, 30, 7)
    assert math.fsum(rows["spend_usd"].to_pylist()) == math.fsum(again["spend_usd"].to_pylist())
    assert sum(rows["requests"].to_pylist()) > 100_000


def test_every_day_of_the_time_has_usage(frame: pd.DataFrame) -> None:
    assert frame["day"].nunique() == 120
    assert (frame["day"].min(), frame["day"].max()) == (LAST - timedelta(days=119), LAST)


def test_a_few_clients_make_most_requests(frame: pd.DataFrame) -> None:
    by_client = frame.groupby("key_id")["requests"].sum().sort_values(ascending=False)
    assert 0.4 < by_client.head(5).sum() / by_client.sum() < 0.8
    assert len(by_client) == len(clients()) == 43


def test_weekends_and_nights_are_quiet(frame: pd.DataFrame) -> None:
    people = frame[frame["user_id"].str.startswith("user-")]
    daily = people.groupby("day")["requests"].sum()
    weekend = daily[[day.weekday() >= 5 for day in daily.index]].mean()
    assert weekend < 0.4 * daily[[day.weekday() < 5 for day in daily.index]].mean()
    hourly = people.groupby("hour")["requests"].sum()
    assert hourly[10] > 8 * hourly[3]


def test_use_grows(frame: pd.DataFrame) -> None:
    daily = frame.groupby("day")["requests"].sum()
    assert daily.tail(28).sum() > 1.2 * daily.head(28).sum()


def test_one_day_goes_wrong_for_one_provider(frame: pd.DataFrame) -> None:
    struck = frame[frame["provider"] == "anthropic"].groupby("day")[["requests", "failures"]].sum()
    rate = struck["failures"] / struck["requests"]
    assert rate.idxmax() == LAST - timedelta(days=9)
    assert rate.max() > 5 * rate.median()


def test_failures_have_classes_and_cost_nothing(frame: pd.DataFrame) -> None:
    failed = frame[frame["failures"] > 0]
    assert set(failed["error_class"]) == {"RateLimitError", "Timeout", "InternalServerError", "BadRequestError"}
    assert (failed["spend_usd"] == 0).all()
    assert (failed["failures"] == failed["requests"]).all()
    assert failed["prompt_tokens"].sum() > 0


def test_spend_follows_the_list_prices(frame: pd.DataFrame) -> None:
    for model in MODELS:
        rows = frame[(frame["model"] == model.name) & (frame["cache_hit"] != True)]  # noqa: E712  it may be NULL
        read, fresh = rows["cache_read_tokens"].sum(), (rows["prompt_tokens"] - rows["cache_read_tokens"])
        fresh = fresh[rows["failures"] == 0].sum()
        usd = (
            fresh * model.input
            + read * model.input * model.cache_price
            + rows["completion_tokens"].sum() * model.output
        )
        assert rows["spend_usd"].sum() == pytest.approx(usd / 1e6, rel=1e-4)
    assert (frame["cache_read_tokens"] <= frame["prompt_tokens"]).all()


def test_oddities_are_there_to_be_shown(frame: pd.DataFrame) -> None:
    unpriced = frame[(frame["spend_usd"] == 0) & (frame["failures"] == 0) & (frame["cache_hit"] != True)]  # noqa: E712
    assert set(unpriced["model"]) == {"hosted_vllm/llama-3.3-70b"}
    assert frame[frame["user_id"] == ""]["requests"].sum() > 100  # a key nobody is known to hold
    newest = frame[frame["model"] == "openai/gpt-5-mini"]
    assert newest["day"].min() >= LAST - timedelta(days=40)
    assert frame[frame["key_id"] == "key-40"]["day"].max() < LAST - timedelta(days=80)  # idle since
    assert frame["provider"].nunique() == 4


def test_the_last_days_hold_single_requests(frame: pd.DataFrame) -> None:
    recent = frame[frame["day"] > LAST - timedelta(days=DETAILED_DAYS)]
    assert (recent["requests"] == 1).all()
    assert frame[frame["day"] <= LAST - timedelta(days=DETAILED_DAYS)]["ttft_ms"].isna().all()
    good, failed = recent[recent["failures"] == 0], recent[recent["failures"] == 1]
    assert good["duration_ms"].min() > 0 and failed["duration_ms"].isna().all()
    assert (good["ttft_ms"].dropna() < good["duration_ms"][good["ttft_ms"].notna()]).all()
    assert 0.6 < good["ttft_ms"].notna().mean() < 0.8
    assert 0.01 < good["cache_hit"].mean() < 0.1
    assert (good[good["cache_hit"] == True]["spend_usd"] == 0).all()  # noqa: E712
    assert 2 < good["duration_ms"].quantile(0.95) / good["duration_ms"].quantile(0.5) < 6
    slowest = good.groupby("model")["duration_ms"].median().idxmax()
    assert slowest == "gemini/gemini-2.5-pro"


def test_single_requests_add_up_to_the_rows_they_were_split_from() -> None:
    sums = ["requests", "failures", "prompt_tokens", "completion_tokens", "cache_read_tokens", "cache_creation_tokens"]
    rows = generate(LAST, DETAILED_DAYS + 2)
    whole = rows.filter(pc.is_null(rows["cache_hit"])).drop_columns(["ttft_ms", "cache_hit"])
    whole = whole.filter(pc.less(whole["started_at"], pa.scalar(datetime(2026, 11, 6))))  # noqa: DTZ001  before the last
    assert pc.max(whole["requests"]).as_py() > 1
    split = detailed(whole, seed=1)
    assert split.num_rows == pc.sum(whole["requests"]).as_py()
    assert {name: pc.sum(split[name]).as_py() for name in sums} == {name: pc.sum(whole[name]).as_py() for name in sums}
    assert min(pc.min(split[name]).as_py() for name in sums) == 0


def test_it_loads_and_reports(store_url: str, tmp_path: Path) -> None:
    demo = load_demo(store_url, "usage", LAST, days=20)
    assert (demo.source.kind, demo.source.synthetic, demo.source.label) == ("embedded", True, LABEL)
    snapshot = take(demo, store_url, tmp_path / "s")
    rows = pd.read_parquet(snapshot.path / "daily.parquet")
    assert snapshot.meta["synthetic"] is True
    assert snapshot.meta["label"] == "synthetic demo data"
    assert snapshot.meta["unavailable"] == {}
    assert snapshot.meta["coverage"]["missing_days"] == snapshot.meta["coverage"]["incomplete_days"] == []
    assert rows["day"].nunique() == 14
    assert rows["team_name"].nunique() == 7  # six, and no team
    assert "Ada Krüger" in set(rows["user_name"])
    assert rows["timed_requests"].sum() == rows["successes"].sum()
    priced = rows[rows["spend_usd"] > 0]
    assert priced["list_price_usd"].notna().all()
    assert rows[rows["spend_usd"] == 0]["list_price_usd"].max() > 0  # what unpriced usage would have cost
    hours = pd.read_parquet(snapshot.path / "hourly.parquet")
    assert hours["requests"].sum() == rows["requests"].sum()


def test_loading_again_replaces_it(store_url: str, tmp_path: Path) -> None:
    load_demo(store_url, "usage", LAST - timedelta(days=3), days=10)
    demo = load_demo(store_url, "usage", LAST, days=5)
    snapshot = take(demo, store_url, tmp_path / "s", days=5)
    rows = pd.read_parquet(snapshot.path / "daily.parquet")
    assert rows["requests"].sum() == demo.requests
    assert math.fsum(rows["spend_usd"]) == pytest.approx(demo.spend_usd, abs=1e-9)
    assert snapshot.meta["coverage"]["missing_days"][-1] == (LAST - timedelta(days=5)).isoformat()


def test_it_never_replaces_other_data(sqlite_url: str, tmp_path: Path) -> None:
    path = tmp_path / "real.csv"
    path.write_text("started_at,prompt_tokens,completion_tokens\n2026-11-20T10:00:00Z,1,1\n", encoding="utf-8")
    import_usage(sqlite_url, path, "usage", {}, {})
    with pytest.raises(InvalidInput, match="no demo data"):
        load_demo(sqlite_url, "usage", LAST, days=2)


def test_people_join_leave_and_come_back(frame: pd.DataFrame) -> None:
    """So that a report on users has something to tell."""
    days = frame[frame["user_id"] != ""].groupby("user_id")["day"]
    first, last = days.min(), days.max()
    assert (first <= LAST - timedelta(days=85)).sum() >= 25
    assert (first > LAST - timedelta(days=85)).sum() >= 8
    assert (last < LAST - timedelta(days=28)).sum() >= 6
    longest = days.apply(lambda seen: max([(b - a).days for a, b in itertools.pairwise(sorted(set(seen)))], default=0))
    assert (longest >= 20).sum() >= 2


def test_days_off_by_chance_change_no_level() -> None:
    factors = presence([False] * 40, np.zeros(5000, dtype=bool), 7)
    assert factors[:STAY].min() == 1.0
    always = [client for client in range(STAY + 1, 40, JOIN_EVERY) if client not in {*LEAVE, *AWAY}]
    assert factors[always].mean(axis=1) == pytest.approx(np.ones(len(always)), abs=0.1)
    assert (factors[always] == 0).any(axis=1).all()
    assert presence([True] * 40, np.ones(10, dtype=bool), 7).min() == 1.0
