"""LiteLLM's database as a source: figures equal SQL over it, and what is missing says so."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import litellm_dump
import pandas as pd
import postgresql
import psycopg
import pytest

from reports.errors import ConfigError, ExtractError
from reports.model import Filters, Period
from reports.sources import Snapshot, Source, check, extract
from reports.templates import Dataset

DAY = date(2026, 11, 22)
PERIOD = Period(DAY, DAY)
NEXT_MORNING = datetime(2026, 11, 23, 6, tzinfo=UTC)
USAGE = Dataset("usage", single_requests=True)
Extract = Callable[..., Snapshot]


@pytest.fixture
def url(postgres_server: postgresql.PostgresServer, dump_url: str) -> Iterator[str]:
    """A database of its own that a test may change."""
    copy = postgres_server.new_database(dump_url.rsplit("/", 1)[1])
    yield copy
    postgres_server.drop_database(copy)


@pytest.fixture
def source(url: str) -> Source:
    return Source("proxy", "litellm", url)


@pytest.fixture
def take(source: Source, tmp_path: Path) -> Extract:
    """Extract the day of the data, or what `changes` of the arguments say."""
    count = iter(range(100))

    def extract_one(period: Period = PERIOD, filters: Filters = Filters(), **changes: Any) -> Snapshot:  # noqa: B008
        return extract(
            changes.get("source", source),
            USAGE,
            period,
            changes.get("comparison", period.before()),
            filters,
            tmp_path / f"snapshot-{next(count)}",
            store_url="",
            at=NEXT_MORNING,
        )

    return extract_one


def daily(snapshot: Snapshot) -> pd.DataFrame:
    return pd.read_parquet(snapshot.path / "daily.parquet")


def hourly(snapshot: Snapshot) -> pd.DataFrame:
    return pd.read_parquet(snapshot.path / "hourly.parquet")


def sql(url: str, statement: str) -> list[tuple[Any, ...]]:
    with litellm_dump.connect(url) as connection:
        return connection.execute(statement).fetchall()  # type: ignore[arg-type,return-value]


def change(url: str, statement: str) -> None:
    with litellm_dump.connect(url) as connection:
        connection.execute(statement)  # type: ignore[arg-type]


def test_every_total_is_what_sql_over_the_daily_rows_says(take: Extract, url: str) -> None:
    rows = daily(take())
    [wanted] = sql(
        url,
        """SELECT sum(api_requests), sum(successful_requests), sum(failed_requests), sum(prompt_tokens),
        sum(completion_tokens), sum(total_response_time_ms), sum(timed_requests)
        FROM "LiteLLM_DailyUserSpend" WHERE date = '2026-11-22'""",
    )
    names = ["requests", "successes", "failures", "prompt_tokens", "completion_tokens", "duration_sum_ms"]
    assert [int(rows[name].sum()) for name in [*names, "timed_requests"]] == [int(value) for value in wanted]
    assert wanted[:3] == (302, 275, 27)


def test_spend_is_exact_to_the_last_stored_digit(take: Extract, url: str) -> None:
    stored = [row[0] for row in sql(url, 'SELECT spend FROM "LiteLLM_DailyUserSpend"')]
    rows = daily(take())
    assert math.fsum(rows["spend_usd"]) == math.fsum(stored)
    assert sorted(rows["spend_usd"]) == sorted(stored)  # each as it stands, none rounded on the way
    assert round(math.fsum(stored), 4) == 0.1213


def test_users_models_and_rows(take: Extract) -> None:
    rows = daily(take())
    assert len(rows) == 14
    assert set(rows["user_id"]) == {"u-alice", "u-bob", "u-carol", "u-dave", ""}
    assert rows["model"].nunique() == 4
    assert rows["day"].unique().tolist() == [DAY]
    assert rows["requests"].dtype == "int64"


def test_ids_have_their_names(take: Extract) -> None:
    rows = daily(take()).set_index("user_id")
    assert set(rows.loc["u-alice", "user_name"]) == {"Alice"}
    assert set(rows.loc["u-alice", "team_name"]) == {"research"}
    assert set(rows.loc["u-carol", "team_id"]) == {"team-support"}
    assert set(rows.loc["u-dave", "key_alias"]) == {"dave-1795345619"}


def test_an_email_stands_in_for_a_missing_alias(take: Extract, url: str) -> None:
    change(url, """UPDATE "LiteLLM_UserTable" SET user_alias = '' WHERE user_id = 'u-bob'""")
    rows = daily(take()).set_index("user_id")
    assert set(rows.loc["u-bob", "user_name"]) == {"bob@example.org"}


def test_an_unmapped_key_keeps_its_row_and_stays_without_a_user(take: Extract) -> None:
    rows = daily(take())
    [unmapped] = rows[rows["user_id"] == ""].to_dict("records")
    assert (unmapped["requests"], unmapped["failures"], unmapped["user_name"], unmapped["team_id"]) == (1, 1, "", "")
    assert unmapped["key_id"].startswith("3f23a310")


def test_unpriced_usage_shows_its_list_price(take: Extract) -> None:
    rows = daily(take())
    unpriced = rows[(rows["spend_usd"] == 0) & (rows["prompt_tokens"] > 0)]
    assert set(unpriced["model"]) == {"anthropic/claude-sonnet-4-20250514"}
    prompt, completion = unpriced["prompt_tokens"].sum(), unpriced["completion_tokens"].sum()
    assert unpriced["list_price_usd"].sum() == pytest.approx(prompt * 3e-6 + completion * 15e-6)
    assert rows[rows["model"] == "unknown-model"]["list_price_usd"].isna().all()


def test_hours_come_from_the_log_and_agree_with_the_days(take: Extract) -> None:
    snapshot = take()
    hours, rows = hourly(snapshot), daily(snapshot)
    assert hours["hour"].unique().tolist() == [pd.Timestamp("2026-11-22 11:00")]
    by_model = rows.groupby("model")[["requests", "failures", "prompt_tokens", "completion_tokens"]].sum()
    counted = hours.set_index("model")[["requests", "failures", "prompt_tokens", "completion_tokens"]]
    pd.testing.assert_frame_equal(counted, by_model)
    assert math.fsum(hours["spend_usd"]) == pytest.approx(math.fsum(rows["spend_usd"]), abs=1e-12)


@pytest.mark.parametrize(
    ("zone", "hour"),
    [("Asia/Kolkata", "16:00"), ("America/Los_Angeles", "03:00"), ("Europe/Berlin", "12:00"), ("UTC", "11:00")],
)
def test_hours_are_wall_time_of_the_zone(take: Extract, zone: str, hour: str) -> None:
    snapshot = take(Period(DAY, DAY, zone))
    assert hourly(snapshot)["hour"].unique().tolist() == [pd.Timestamp(f"2026-11-22 {hour}")]
    assert snapshot.meta["day_zone"] == zone
    assert "local_days" not in snapshot.meta["unavailable"]


def test_days_of_another_zone_are_cut_from_the_log(take: Extract, url: str) -> None:
    change(url, """UPDATE "LiteLLM_SpendLogs" SET "startTime" = '2026-11-22 23:30:00' WHERE "user" = 'u-bob'""")
    rows = daily(take(Period(DAY, date(2026, 11, 23), "Europe/Berlin")))
    by_day = rows.groupby("day")["requests"].sum().to_dict()
    assert by_day == {DAY: 302 - 78, date(2026, 11, 23): 78}
    assert set(rows[rows["day"] == date(2026, 11, 23)]["user_id"]) == {"u-bob"}
    assert int(rows["timed_requests"].sum()) == 275


def test_london_in_winter_has_utc_days(take: Extract) -> None:
    snapshot = take(Period(DAY, DAY, "Europe/London"))
    assert (snapshot.meta["day_zone"], snapshot.rows) == ("UTC", 14)


@pytest.mark.parametrize("gone", ['DROP TABLE "LiteLLM_SpendLogs"', 'DELETE FROM "LiteLLM_SpendLogs" WHERE spend > 0'])
def test_without_the_whole_log_days_stay_utc_days_and_say_so(take: Extract, url: str, gone: str) -> None:
    change(url, gone)
    snapshot = take(Period(DAY, DAY, "Europe/Berlin"))
    assert snapshot.meta["day_zone"] == "UTC"
    assert daily(snapshot)["requests"].sum() == 302
    assert snapshot.file("hourly.parquet") is None
    assert {"hourly", "local_days"} <= snapshot.meta["unavailable"].keys()
    assert "Europe/Berlin" in snapshot.meta["unavailable"]["local_days"]


def test_a_trimmed_log_is_told_by_its_counts(take: Extract, url: str) -> None:
    change(url, """DELETE FROM "LiteLLM_SpendLogs" WHERE "user" = 'u-bob'""")
    reason = take().meta["unavailable"]["hourly"]
    assert "2026-11-22" in reason
    assert "224 of 302" in reason


def test_hours_stay_where_only_the_comparison_was_trimmed(take: Extract, url: str) -> None:
    change(
        url,
        """INSERT INTO "LiteLLM_DailyUserSpend" (id, user_id, date, api_key, model, api_requests, updated_at)
        VALUES ('old', 'u-bob', '2026-11-21', 'k', 'openai/gpt-4o', 5, now())""",
    )
    snapshot = take()
    assert hourly(snapshot)["requests"].sum() == 302
    assert daily(snapshot)["requests"].sum() == 307


@pytest.mark.parametrize(
    ("column", "section", "ours"),
    [
        ("total_response_time_ms", "latency", "duration_sum_ms"),
        ("timed_requests", "latency", "timed_requests"),
        ("cache_read_input_tokens", "cache_tokens", "cache_read_tokens"),
        ("successful_requests", "success_rate", "successes"),
    ],
)
def test_a_missing_column_is_null_and_named_never_zero(
    take: Extract, url: str, column: str, section: str, ours: str
) -> None:
    change(url, f'ALTER TABLE "LiteLLM_DailyUserSpend" DROP COLUMN {column}')
    snapshot = take()
    assert daily(snapshot)[ours].isna().all()
    assert column in snapshot.meta["unavailable"][section]
    assert daily(snapshot)["requests"].sum() == 302


def test_missing_tables_of_names_are_named(take: Extract, url: str) -> None:
    change(
        url, 'DROP TABLE "LiteLLM_UserTable"; DROP TABLE "LiteLLM_TeamTable"; DROP TABLE "LiteLLM_VerificationToken"'
    )
    snapshot = take()
    assert {"user_name", "team_name", "key_alias"} <= snapshot.meta["unavailable"].keys()
    rows = daily(snapshot)
    assert rows["requests"].sum() == 302
    # The team still comes from what was booked on it.
    assert set(rows[rows["user_id"] == "u-carol"]["team_id"]) == {"team-support"}


def test_another_database_is_refused_with_what_is_missing(
    postgres_server: postgresql.PostgresServer, take: Extract
) -> None:
    empty = postgres_server.new_database()
    with pytest.raises(ExtractError, match="has no table LiteLLM_DailyUserSpend") as caught:
        take(source=Source("proxy", "litellm", empty))
    assert caught.value.permanent


@pytest.mark.parametrize(
    ("filters", "requests"),
    [
        (Filters(user_ids=("u-alice", "u-bob")), 152),
        (Filters(user_ids=("",)), 1),
        (Filters(team_ids=("team-support",)), 149),
        (Filters(team_ids=("",)), 1),
        (Filters(model_ids=("openai/gpt-4o-mini",)), 132),
        (Filters(provider_ids=("anthropic",)), 63),
        (Filters(key_aliases=("carol-1795345619",)), 78),
        (Filters(team_ids=("team-research",), model_ids=("openai/gpt-4o",)), 47),
        (Filters(key_aliases=("nobody's",)), 0),
        (Filters(user_ids=('\'; DROP TABLE "LiteLLM_DailyUserSpend"; --',)), 0),
    ],
)
def test_filters_hold_for_days_and_hours_alike(take: Extract, filters: Filters, requests: int) -> None:
    for zone in ("UTC", "Asia/Tokyo"):
        snapshot = take(Period(DAY, DAY, zone), filters)
        assert daily(snapshot)["requests"].sum() == requests
        assert hourly(snapshot)["requests"].sum() == requests


def test_a_filter_that_nothing_passes_makes_zeros_not_gaps(take: Extract) -> None:
    assert take(filters=Filters(user_ids=("nobody",))).meta["coverage"]["missing_days"] == ["2026-11-21"]


def test_coverage_names_missing_and_incomplete_days(take: Extract) -> None:
    snapshot = take(Period(DAY, date(2026, 11, 23)))
    assert snapshot.meta["coverage"] == {
        "missing_days": ["2026-11-20", "2026-11-21", "2026-11-23"],
        "incomplete_days": ["2026-11-22"],  # the proxy's last request was at 11:07
        "first_day": "2026-11-22",
        "last_day": "2026-11-22",
    }
    assert snapshot.meta["data_as_of"] == "2026-11-22T11:07:33.497000+00:00"


def test_quiet_days_between_others_can_be_declared_zeros(take: Extract, url: str, source: Source) -> None:
    change(url, """UPDATE "LiteLLM_DailyUserSpend" SET date = '2026-11-20' WHERE user_id = 'u-bob'""")
    assert take().meta["coverage"]["missing_days"] == ["2026-11-21"]
    told = replace(source, options={"empty_days": "zero"})
    assert take(source=told).meta["coverage"]["missing_days"] == []


@pytest.mark.parametrize(
    "statement",
    [
        'DELETE FROM "LiteLLM_UserTable" RETURNING user_id',
        "SELECT nextval('counter')",
        'DROP TABLE "LiteLLM_UserTable"',
    ],
)
def test_nothing_can_be_written(url: str, source: Source, tmp_path: Path, statement: str) -> None:
    change(url, "CREATE SEQUENCE counter")
    dataset = Dataset("rows", connection="proxy", sql=statement)
    with pytest.raises(ExtractError, match="could not be read") as caught:
        extract(source, dataset, PERIOD, None, Filters(), tmp_path / "never", store_url="", at=NEXT_MORNING)
    assert caught.value.permanent
    assert not list(tmp_path.iterdir())
    assert sql(url, 'SELECT count(*) FROM "LiteLLM_UserTable"') == [(5,)]
    assert sql(url, "SELECT is_called FROM counter") == [(False,)]


def test_the_same_data_give_the_same_snapshot(take: Extract, url: str) -> None:
    first = take()
    change(url, 'CREATE TABLE moved AS SELECT * FROM "LiteLLM_DailyUserSpend" ORDER BY id DESC')
    change(url, 'DELETE FROM "LiteLLM_DailyUserSpend"; INSERT INTO "LiteLLM_DailyUserSpend" SELECT * FROM moved')
    assert take().sha256 == first.sha256
    change(url, """UPDATE "LiteLLM_DailyUserSpend" SET spend = spend + 0.0001 WHERE user_id = 'u-bob'""")
    assert take().sha256 != first.sha256


def test_a_lost_connection_is_worth_another_attempt_and_tells_no_password(take: Extract, url: str) -> None:
    elsewhere = url.rsplit(":", 1)[0].replace("postgres:", "postgres:hush-hush").rpartition("@")[0] + "@127.0.0.1:1/db"
    with pytest.raises(ExtractError) as caught:
        take(source=Source("proxy", "litellm", elsewhere))
    assert not caught.value.permanent
    assert "hush-hush" not in str(caught.value)


def test_a_password_comes_from_the_environment(take: Extract, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    password = psycopg.conninfo.conninfo_to_dict(url.replace("+psycopg", ""))["password"]
    hidden = Source("proxy", "litellm", url.replace(str(password), "${GAZETTE_SOURCE_PASSWORD}"))
    with pytest.raises(ConfigError, match="GAZETTE_SOURCE_PASSWORD"):
        take(source=hidden)
    monkeypatch.setenv("GAZETTE_SOURCE_PASSWORD", str(password))
    snapshot = take(source=hidden)
    assert snapshot.rows == 14
    assert str(password) not in (snapshot.path / "meta.json").read_text(encoding="utf-8")


def test_check_reports_tables_columns_and_days(source: Source, url: str) -> None:
    change(url, 'ALTER TABLE "LiteLLM_DailyUserSpend" DROP COLUMN timed_requests')
    report = check(source, store_url="")
    assert (report.first_day, report.last_day, report.rows) == (DAY, DAY, 14)
    assert report.missing == {"LiteLLM_DailyUserSpend": ("timed_requests",)}
    assert "LiteLLM_SpendLogs" in report.tables
    assert any("timed_requests" in note for note in report.notes)


def test_single_requests_of_days_and_models_are_what_sql_says(take: Extract, url: str) -> None:
    snapshot = take()
    rows = pd.read_parquet(snapshot.path / "performance.parquet").set_index("model")
    wanted = """SELECT model, count(*), count(*) FILTER (WHERE status = 'success'),
        coalesce(sum(request_duration_ms) FILTER (WHERE status = 'success'), 0),
        count(*) FILTER (WHERE status = 'success' AND "completionStartTime" <> "endTime"),
        count(cache_hit) FILTER (WHERE status = 'success') FROM "LiteLLM_SpendLogs" GROUP BY model"""
    names = ["requests", "successes", "duration_sum_ms", "ttft_requests", "cache_known"]
    assert {model: tuple(rows.loc[model, names]) for model in rows.index} == {
        model: tuple(float(value) for value in values) for model, *values in sql(url, wanted)
    }
    latencies = pd.read_parquet(snapshot.path / "latencies.parquet").query("measure == 'duration'")
    assert latencies["requests"].sum() == 275
    assert (latencies["ms"] * latencies["requests"]).sum() == 6022
    assert snapshot.meta["performance"] == {"first_day": "2026-11-21", "last_day": "2026-11-22", "exact": True}


def test_errors_have_their_class_and_code(take: Extract) -> None:
    errors = pd.read_parquet(take().path / "errors.parquet")
    by_code = errors.groupby(["error_class", "error_code"])["failures"].sum().to_dict()
    assert by_code == {
        ("RateLimitError", "429"): 25,
        ("KeyNotFoundError", "401"): 1,
        ("ProxyModelNotFoundError", "400"): 1,
    }


@pytest.mark.parametrize(
    ("statement", "gone"),
    [
        ('DROP TABLE "LiteLLM_SpendLogs"', {"performance", "ttft", "cache_hit", "errors"}),
        ('ALTER TABLE "LiteLLM_SpendLogs" DROP COLUMN metadata', {"errors"}),
        ('ALTER TABLE "LiteLLM_SpendLogs" DROP COLUMN "completionStartTime"', {"ttft"}),
    ],
)
def test_what_single_requests_do_not_tell_has_its_reason(
    take: Extract, url: str, statement: str, gone: set[str]
) -> None:
    change(url, statement)
    snapshot = take()
    told = snapshot.meta["unavailable"]
    assert {name for name in ("performance", "ttft", "cache_hit", "errors") if name in told} == gone
    assert (snapshot.file("errors.parquet") is None) == ("performance" in gone)
