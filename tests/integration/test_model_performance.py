"""The model performance report in real kernels: a LiteLLM database, events and days, recomputed by SQL and Python."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import executed
import litellm_dump
import lxml.html
import nbformat
import pandas as pd
import postgresql
import pytest
import timed_requests
from executed import NOTEBOOKS, Executed
from kit_snapshots import Plan, usage_rows
from kit_snapshots import make_run as make_daily_run
from timed_requests import WEEK, dataset, figures, make_run, requests, within, write_csv

from reports import templates
from reports.kit import performance
from reports.model import Filters, Period, PeriodPolicy
from reports.results import RUN_DIR_VARIABLE
from reports.sources import Source
from reports.sources.usage_import import import_usage

NOTEBOOK = NOTEBOOKS / "model_performance.ipynb"
DUMP_DAY = Period(date(2026, 11, 22), date(2026, 11, 22))
NAMED = 9  # cards

FIGURES = """
    with log as (
        select *, coalesce(request_duration_ms, extract(epoch from "endTime" - "startTime") * 1000)::float8 as took,
        case when "completionStartTime" is distinct from "endTime"
            then (extract(epoch from "completionStartTime" - "startTime") * 1000)::float8 end as first
        from "LiteLLM_SpendLogs" where status = 'success' {where}
    )
    select percentile_cont(0.5) within group (order by took) as latency_p50,
        percentile_cont(0.95) within group (order by took) as latency_p95,
        percentile_cont(0.5) within group (order by first) as ttft_p50,
        percentile_cont(0.95) within group (order by first) as ttft_p95,
        sum(completion_tokens) / sum(took - coalesce(first, 0)) * 1000 as output_tokens_per_second,
        (count(*) filter (where cache_hit = 'True') * 100.0 / count(*))::float8 as cache_hit_rate
    from log
"""
DAYS = """
    select sum(api_requests)::float8 as requests, sum(failed_requests)::float8 as failures,
        (sum(successful_requests) * 100.0 / sum(api_requests))::float8 as success_rate,
        (sum(total_response_time_ms) / sum(timed_requests))::float8 as latency_average
    from "LiteLLM_DailyUserSpend" where true {where}
"""
MODELS = """
    select model, count(*), count(distinct "user") filter (where "user" <> ''),
        percentile_cont(0.5) within group (order by request_duration_ms) filter (where status = 'success'),
        percentile_cont(0.95) within group (order by request_duration_ms) filter (where status = 'success'),
        count(*) filter (where status = 'success') from "LiteLLM_SpendLogs" group by model
"""
ERRORS = """
    select metadata->'error_information'->>'error_class', metadata->'error_information'->>'error_code', count(*)
    from "LiteLLM_SpendLogs" where status = 'failure' group by 1, 2
"""


def execute(run_dir: Path) -> Executed:
    return executed.execute("model_performance", run_dir, {RUN_DIR_VARIABLE: str(run_dir)})


def run_of_dump(folder: Path, url: str, filters: Filters | None = None) -> Executed:
    make_run(folder, Source("proxy", "litellm", url), DUMP_DAY, filters)
    return execute(folder)


@pytest.fixture(scope="module")
def dump(dump_url: str, tmp_path_factory: pytest.TempPathFactory) -> Executed:
    return run_of_dump(tmp_path_factory.mktemp("dump"), dump_url)


def asked(url: str, statement: str) -> dict[str, float]:
    with litellm_dump.connect(url) as connection:
        cursor = connection.execute(statement)  # type: ignore[arg-type]
        assert cursor.description is not None
        row: Any = cursor.fetchone()
        return dict(zip([column.name for column in cursor.description], row, strict=True))


def rows(url: str, statement: str) -> list[tuple[Any, ...]]:
    with litellm_dump.connect(url) as connection:
        return connection.execute(statement).fetchall()  # type: ignore[arg-type,return-value]


def test_every_figure_is_what_sql_says(dump: Executed, dump_url: str) -> None:
    expected = asked(dump_url, FIGURES.format(where="")) | asked(dump_url, DAYS.format(where=""))
    values = dump.values()
    assert {name: values[name] for name in expected} == pytest.approx(expected, rel=1e-9)
    assert (expected["requests"], expected["failures"]) == (302, 27)
    assert values["cache_hit_rate"] == 0


def test_filters_hold_for_every_figure(dump_url: str, tmp_path: Path) -> None:
    found = run_of_dump(tmp_path, dump_url, Filters(model_ids=("openai/gpt-4o",), user_ids=("u-alice", "u-dave")))
    model = """ and model = 'openai/gpt-4o' and "{user}" in ('u-alice', 'u-dave')"""
    expected = asked(dump_url, FIGURES.format(where=model.format(user="user")))
    expected |= asked(dump_url, DAYS.format(where=model.format(user="user_id")))
    values = found.values()
    assert {name: values[name] for name in expected} == pytest.approx(expected, rel=1e-9)
    assert 0 < expected["requests"] < 302


def test_the_score_card_is_what_sql_says(dump: Executed, dump_url: str) -> None:
    sheet = dump.sheet("models").set_index("name")
    expected = rows(dump_url, MODELS)
    assert set(sheet.index) == {row[0] for row in expected}
    for model, count, users, p50, p95, good in expected:
        row = sheet.loc[model]
        assert (row["requests"], row["users"]) == (count, users)
        assert row["success_rate"] == pytest.approx(100 * good / count)
        assert math.isnan(row["p50"]) if p50 is None else row["p50"] == pytest.approx(p50)
        assert math.isnan(row["p95"]) if p95 is None else row["p95"] == pytest.approx(p95)
    spend, tokens = rows(
        dump_url, 'select sum(spend), sum(prompt_tokens + completion_tokens) from "LiteLLM_DailyUserSpend"'
    )[0]
    assert math.fsum(sheet["spend_usd"]) == pytest.approx(spend, rel=1e-12)
    assert sheet["total_tokens"].sum() == tokens
    footer = dump.footer("models")
    assert (footer["Requests"], footer["Users"]) == ("302", "4")
    assert footer["Median latency"].replace("\u00a0", " ") == f"{round(dump.values()['latency_p50'] or 0)} ms"


def test_errors_are_what_sql_says(dump: Executed, dump_url: str) -> None:
    sheet = dump.sheet("errors")
    found = list(zip(sheet["error_class"], sheet["error_code"], sheet["failures"], strict=True))
    assert sorted(found) == sorted(rows(dump_url, ERRORS))
    assert dump.footer("errors")["Failed requests"] == "27"
    assert any("RateLimitError (429), 25 times" in text for text in dump.results.highlights)


@pytest.fixture
def url(postgres_server: postgresql.PostgresServer, dump_url: str) -> Iterator[str]:
    """A database of its own that a test may change."""
    copy = postgres_server.new_database(dump_url.rsplit("/", 1)[1])
    yield copy
    postgres_server.drop_database(copy)


def change(url: str, statement: str) -> None:
    with litellm_dump.connect(url) as connection:
        connection.execute(statement)  # type: ignore[arg-type]


TIMES = {"latency_p50", "latency_p95", "ttft_p50", "ttft_p95", "cache_hit_rate"}


@pytest.mark.parametrize(
    ("statement", "gone", "kept"),
    [
        ('DROP TABLE "LiteLLM_SpendLogs"', TIMES, "latency_average"),
        ('DELETE FROM "LiteLLM_SpendLogs" WHERE spend > 0', TIMES, "latency_average"),
        (
            'ALTER TABLE "LiteLLM_SpendLogs" DROP COLUMN "completionStartTime"',
            {"ttft_p50", "ttft_p95"},
            "latency_p95",
        ),
        ('ALTER TABLE "LiteLLM_SpendLogs" DROP COLUMN cache_hit', {"cache_hit_rate"}, "latency_p95"),
        ('ALTER TABLE "LiteLLM_SpendLogs" DROP COLUMN "endTime"', set(), "latency_p95"),
        (
            'ALTER TABLE "LiteLLM_DailyUserSpend" DROP COLUMN timed_requests, DROP COLUMN total_response_time_ms',
            set(),
            "latency_average",
        ),
    ],
)
def test_what_a_database_lacks_is_not_available(
    url: str, dump: Executed, tmp_path: Path, statement: str, gone: set[str], kept: str
) -> None:
    change(url, statement)
    read = performance.read(dataset(tmp_path, Source("proxy", "litellm", url), DUMP_DAY))
    values = {name: metric.value for name, metric in performance.metrics(read).items()}
    assert {name for name in dump.values() if values[name] is None} == gone
    assert values[kept] == dump.values()[kept]
    assert (values["requests"], values["failures"]) == (302, 27)


def test_without_the_log_the_report_says_so(url: str, tmp_path: Path) -> None:
    change(url, 'DROP TABLE "LiteLLM_SpendLogs"')
    found = run_of_dump(tmp_path, url)
    assert "percentiles are not available" in found.html()
    assert "Errors by code: not available. The database has no table LiteLLM_SpendLogs" in found.html()
    assert "Average latency" in found.footer("models") and "p95 latency" not in found.footer("models")
    assert len(found.of("chart")) == 4


def test_a_duration_that_is_not_recorded_is_from_start_to_end(url: str, tmp_path: Path) -> None:
    change(url, """UPDATE "LiteLLM_SpendLogs" SET request_duration_ms = NULL WHERE "user" = 'u-bob'""")
    expected = asked(url, FIGURES.format(where=""))
    read = performance.read(dataset(tmp_path, Source("proxy", "litellm", url), DUMP_DAY))
    values = {name: metric.value for name, metric in performance.metrics(read).items()}
    assert {name: values[name] for name in expected} == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("zone", ["Asia/Kathmandu", "America/St_Johns"])
def test_days_of_another_zone_hold_their_own_requests(url: str, tmp_path: Path, zone: str) -> None:
    spread = """UPDATE "LiteLLM_SpendLogs" SET "startTime" = "startTime" - interval '1 minute' * {minutes},
        "endTime" = "endTime" - interval '1 minute' * {minutes},
        "completionStartTime" = "completionStartTime" - interval '1 minute' * {minutes}"""
    change(url, spread.format(minutes="(abs(hashtext(request_id)) % 1800)"))
    change(url, 'UPDATE "LiteLLM_DailyUserSpend" SET api_requests = 0')  # so that no day of the log falls short
    period = Period(date(2026, 11, 22), date(2026, 11, 22), zone)
    read = performance.read(dataset(tmp_path, Source("proxy", "litellm", url), period))
    wanted = f"""select percentile_cont(0.95) within group (order by request_duration_ms)::float8, count(*)::float8
        from "LiteLLM_SpendLogs" where status = 'success'
        and ("startTime" at time zone 'UTC' at time zone '{zone}')::date = '2026-11-22'"""
    [(p95, successes)] = rows(url, wanted)
    assert 0 < successes < 275
    assert performance.metrics(read)["latency_p95"].value == pytest.approx(p95)
    assert read.now is not None and read.now.timed == successes


def test_events_in_our_own_tables_say_the_same(store_url: str, tmp_path: Path) -> None:
    """Imported into SQLite and PostgreSQL and read from there, in a zone whose clock was put back not long ago."""
    found = requests(count=900)
    write_csv(tmp_path / "requests.csv", found)
    import_usage(store_url, tmp_path / "requests.csv", "gateway", {}, {})
    make_run(tmp_path / "run", Source("gateway", "embedded"), store_url=store_url)
    report = execute(tmp_path / "run")
    expected = figures(within(found, WEEK))
    values = report.values()
    assert {name: values[name] for name in expected} == pytest.approx(expected, rel=1e-9)
    previous = {metric.name: metric.previous for metric in report.results.metrics}
    before = figures(within(found, WEEK.before()))
    assert {name: previous[name] for name in before} == pytest.approx(before, rel=1e-9)
    assert report.sheet("errors")["failures"].sum() == expected["failures"]
    assert report.sheet("models")["requests"].sum() == expected["requests"]


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> Executed:
    folder = tmp_path_factory.mktemp("events")
    found = requests()
    found[0] |= {"model": "<script>alert(1)</script>", "error_class": "=cmd|' /C calc'!A0", "error_code": "💥"}
    found[0] |= {"status": "failure", "started_at": "2026-11-20T10:00:00+00:00"}
    make_run(folder, write_csv(folder / "requests.csv", found))
    return execute(folder)


def test_the_report_is_whole(events: Executed) -> None:
    assert {output.output_type for output in events.outputs} == {"display_data"}, "nothing is printed, nothing warns"
    assert events.html().count("<h1") == 1
    assert 3 <= len(events.results.highlights) <= 5
    assert len(events.of("chart")) == 4
    for chart in events.of("chart"):
        facts = chart.metadata["gazette"]
        assert facts["alt"] and "nan" not in facts["alt"] and facts["figures_html"].startswith("<details")
    assert [chart.name for chart in events.results.charts if chart.in_mail] == ["latency-by-model"]
    assert {table.name for table in events.results.tables if table.role == "table"} == {"models", "errors", "adopted"}
    (cards,) = events.of("metrics")
    assert cards.data["text/html"].count('class="kpi"') == NAMED
    pages = events.html() + "".join(each.metadata["gazette"]["figures_html"] for each in events.of("chart"))
    assert "<script" not in pages
    ids = lxml.html.fromstring(f"<main>{pages}</main>").xpath("//@id")
    assert len(ids) == len(set(ids))


def daily_run(folder: Path, **plan: Any) -> Executed:
    rows_of_days, _ = usage_rows(Plan(WEEK, users=3))
    for row in rows_of_days:
        row |= {"timed_requests": row["successes"], "duration_sum_ms": row["successes"] * 1234.0}
    make_daily_run(folder, Plan(WEEK, users=3, hourly=False, report="Model performance"), rows_of_days, **plan)
    return execute(folder)


def test_with_daily_rows_only_there_is_an_average(tmp_path: Path) -> None:
    values = daily_run(tmp_path).values()
    assert values["latency_average"] == pytest.approx(1234.0)
    assert values["latency_p95"] is None and values["ttft_p50"] is None


def test_a_source_without_latency_has_short_sections(shared_dir: Path, sqlite_url: str, tmp_path: Path) -> None:
    path = shared_dir / "data" / "servegen" / "servegen_hourly.csv.gz"
    import_usage(sqlite_url, path, "servegen", {}, {"day_zero": "2026-11-09", "data_dir": str(tmp_path)})
    make_run(tmp_path / "run", Source("servegen", "embedded"), store_url=sqlite_url)
    found = execute(tmp_path / "run")
    frame = pd.read_csv(path)
    week = frame[(frame["hour"] >= 7 * 24) & (frame["hour"] < 14 * 24)]
    assert found.values()["requests"] == int(week["requests"].sum())
    assert found.values()["latency_average"] is None
    assert found.of("chart") == [] and "Latency by model: not available." in found.html()
    sheet = found.sheet("models").set_index("name")["requests"]
    assert sheet.to_dict() == week.groupby("pool")["requests"].sum().astype(int).to_dict()
    assert 3 <= len(found.results.highlights) <= 5


def test_a_trace_without_models_or_users_is_a_correct_report(shared_dir: Path, tmp_path: Path) -> None:
    path = shared_dir / "data" / "azure" / "AzureLLMInferenceTrace_code.csv"
    day = Period(date(2023, 11, 16), date(2023, 11, 16))
    make_run(tmp_path, Source("azure", "files", str(path)), day)
    found = execute(tmp_path)
    trace = pd.read_csv(path)
    sheet = found.sheet("models")
    assert sheet["name"].tolist() == ["Unknown model"] and sheet["requests"].sum() == len(trace)
    assert sheet["total_tokens"].sum() == int(trace["ContextTokens"].sum() + trace["GeneratedTokens"].sum())
    assert "There is no complete period before" in found.html()


def test_a_period_without_usage_is_a_correct_report(tmp_path: Path) -> None:
    make_daily_run(tmp_path, Plan(WEEK, hourly=False), [])
    found = execute(tmp_path)
    assert found.values()["requests"] == 0 and found.values()["latency_p95"] is None
    assert found.of("chart") == [] and found.of("table") == []
    assert found.results.highlights[0].startswith("No usage was recorded")


def test_the_template_is_fit_to_publish() -> None:
    template = templates.load(NOTEBOOK)
    assert (template.title, template.period_policy) == ("Model performance", PeriodPolicy.LAST_7_DAYS)
    assert [(each.source, each.history_days, each.single_requests) for each in template.datasets] == [
        ("usage", timed_requests.HISTORY, True)
    ]
    assert all(parameter.help for parameter in template.parameters)
    assert templates.check(NOTEBOOK) == []


def test_the_template_is_stored_without_outputs_and_leaves_the_only_h1_to_the_kit() -> None:
    stored: Mapping[str, Any] = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    nbformat.validate(nbformat.from_dict(stored))
    assert len({cell["id"] for cell in stored["cells"]}) == len(stored["cells"])
    for cell in stored["cells"]:
        if cell["cell_type"] == "code":
            assert cell["outputs"] == [] and cell["execution_count"] is None
        else:
            assert "".join(cell["source"]).startswith("## ")
