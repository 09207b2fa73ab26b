"""The cost analysis in real kernels: figures and tables recomputed from plain rows, and on a real LiteLLM database."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from datetime import date
from pathlib import Path
from typing import Any

import lxml.html
import nbformat
import openpyxl
import pytest
from command import Gazette, path_of
from cost_snapshots import BUDGETS, IDLE, write_billing
from executed import NOTEBOOKS, Executed, execute
from kit_snapshots import MODELS, Plan, exact, make_run, usage_rows
from litellm_dump import connect

from reports import templates
from reports.model import Period, PeriodPolicy
from reports.results import RUN_DIR_VARIABLE

NOTEBOOK = NOTEBOOKS / "cost_analysis.ipynb"
DAY = Period(date(2026, 11, 22), date(2026, 11, 22), "Europe/Berlin")
WEEK = Period(date(2026, 11, 16), date(2026, 11, 22))
MONTH = Period(date(2026, 10, 1), date(2026, 10, 31))
NAMES = ("<script>alert(1)</script>", "مستخدم", "x" * 300, "=cmd|' /C calc'!A0")
CARDS = 9  # three rows of three: none stands alone
Rows = list[dict[str, Any]]

PLANS = {
    "day": Plan(DAY, users=9, names=NAMES, history_days=28, previous_hours=True),
    "day-without-hours": Plan(DAY, users=5, hourly=False),
    "week": Plan(WEEK, users=12, names=NAMES, history_days=56),
    "month": Plan(MONTH, users=9, zero=[date(2026, 10, 20)]),
}


def execute_plan(run_dir: Path, plan: Plan, rows: Rows | None = None, billing: bool = True, **values: Any) -> Executed:
    run_dir.mkdir(exist_ok=True)
    make_run(run_dir, plan, rows)
    if billing:
        write_billing(run_dir / "data" / "usage")
    return execute("cost_analysis", run_dir, {RUN_DIR_VARIABLE: str(run_dir)}, values)


@pytest.fixture(scope="module", params=list(PLANS))
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Plan, Rows, Executed]:
    plan = PLANS[request.param]
    return plan, usage_rows(plan)[0], execute_plan(tmp_path_factory.mktemp(request.param), plan, monthly_budget=500.0)


def within(rows: Rows, period: Period) -> Rows:
    return [row for row in rows if period.start <= row["day"] <= period.end]


def figures(rows: Rows, days: int) -> dict[str, float]:
    """The figures by plain Python, knowing nothing of the kit."""
    spend, tokens = exact(rows, "spend_usd"), sum(row["prompt_tokens"] + row["completion_tokens"] for row in rows)
    users = len({row["user_id"] for row in rows if row["user_id"] and row["requests"]})
    return {
        "spend_usd": spend,
        "spend_per_day": spend / days,
        "spend_per_request": spend / sum(row["requests"] for row in rows),
        "spend_per_million_tokens": spend / tokens * 1e6,
        "spend_per_user": spend / users,
        "requests": sum(row["requests"] for row in rows),
        "total_tokens": tokens,
        "active_users": users,
    }


def grouped(rows: Rows, *names: str) -> dict[Any, float]:
    parts: dict[Any, list[float]] = defaultdict(list)
    for row in rows:
        parts[tuple(row[name] for name in names) if len(names) > 1 else row[names[0]]].append(row["spend_usd"])
    return {name: math.fsum(values) for name, values in parts.items()}


def test_every_figure_equals_the_rows(case: tuple[Plan, Rows, Executed]) -> None:
    plan, rows, executed = case
    now, before = within(rows, plan.period), within(rows, plan.period.before())
    metrics = {metric.name: metric for metric in executed.results.metrics}
    assert {name: metrics[name].value for name in figures(now, 1)} == pytest.approx(figures(now, plan.period.days))
    assert {name: metrics[name].previous for name in figures(now, 1)} == pytest.approx(
        figures(before, plan.period.days)
    )


def test_month_and_budget_are_those_of_the_calendar(case: tuple[Plan, Rows, Executed]) -> None:
    plan, rows, executed = case
    metrics = executed.results.metric_values()
    month = exact(within(rows, plan.period) + _earlier(plan, rows), "spend_usd")
    assert metrics["budget_used"] == pytest.approx(month / 500 * 100)
    if plan.period == MONTH:
        assert metrics["month_projection"] == pytest.approx(month)
    elif plan.history_days:
        assert metrics["month_projection"] > month
    else:
        assert metrics["month_projection"] is None


def _earlier(plan: Plan, rows: Rows) -> Rows:
    """Rows of the month of the period's end before the period."""
    first = plan.period.end.replace(day=1)
    return [row for row in rows if first <= row["day"] < plan.period.start]


@pytest.mark.parametrize("name", ["charge-back-by-team", "charge-back-by-key", "input-output-and-cache"])
def test_every_charge_is_recomputed(case: tuple[Plan, Rows, Executed], name: str) -> None:
    plan, rows, executed = case
    now = within(rows, plan.period)
    sheet = executed.sheet(name)
    if name == "input-output-and-cache":
        spent = grouped(now, "model", "provider")
        found = {(row.model, row.provider): row.spend_usd for row in sheet.itertuples()}
        assert sheet["input_tokens"].sum() + sheet["cache_read_tokens"].sum() == sum(
            row["prompt_tokens"] for row in now
        )
    else:
        spent = grouped(now, "team_id" if name.endswith("team") else "key_id")
        found = {row.id: row.spend_usd for row in sheet.itertuples() if row.requests}
        before = within(rows, plan.period.before())
        assert math.fsum(sheet["previous_spend_usd"]) == pytest.approx(exact(before, "spend_usd"))
        assert sheet["requests"].sum() == sum(row["requests"] for row in now)
    assert found == pytest.approx(spent)


def test_the_causes_add_up_to_the_change(case: tuple[Plan, Rows, Executed]) -> None:
    plan, rows, executed = case
    now, before = (exact(within(rows, each), "spend_usd") for each in (plan.period, plan.period.before()))
    sheet = executed.sheet("what-drove-the-change")
    assert math.fsum(math.fsum(sheet[cause]) for cause in ("volume", "mix", "price")) == pytest.approx(now - before)
    assert math.fsum(sheet["change"]) == pytest.approx(now - before)
    steps = executed.sheet("change-steps-figures")["value"].tolist()
    assert math.fsum(steps[:-1]) == pytest.approx(steps[-1]) == pytest.approx(now)


def test_budgets_burn_what_their_teams_spent(case: tuple[Plan, Rows, Executed]) -> None:
    plan, rows, executed = case
    spent = grouped(within(rows, plan.period) + _earlier(plan, rows), "team_id")
    sheet = executed.sheet("budgets").set_index("team_id")
    assert {team: sheet.at[team, "spent_usd"] for team, *_ in BUDGETS} == pytest.approx(
        {team: spent.get(team, 0.0) for team, *_ in BUDGETS}
    )
    assert sheet["budget_usd"].to_dict() == {team: budget for team, _, budget, *_ in BUDGETS}


def test_cache_savings_are_those_of_the_price_list(case: tuple[Plan, Rows, Executed]) -> None:
    plan, rows, executed = case
    saved = [row["cache_read_tokens"] * MODELS[row["model"]][2] * 0.9 for row in within(rows, plan.period)]
    assert executed.sheet("cache-savings")["saved_usd"].sum() == pytest.approx(math.fsum(saved))


def test_the_pareto_and_the_course_end_at_the_cost(case: tuple[Plan, Rows, Executed]) -> None:
    plan, rows, executed = case
    spend = exact(within(rows, plan.period), "spend_usd")
    spenders = executed.sheet("spenders-figures")
    assert spenders["value"].sum() == pytest.approx(spend)
    assert spenders["together"].iloc[-1] == pytest.approx(100)
    if plan.hourly or plan.period.days > 1:
        assert executed.sheet("cost-so-far-figures")["value"].dropna().iloc[-1] == pytest.approx(spend)
    for chart in ("cost-by-model", "cost-by-provider"):
        parts = executed.sheet(f"{chart}-figures").select_dtypes("number").drop(columns="share", errors="ignore")
        assert parts.to_numpy().sum() == pytest.approx(spend)


def test_the_forecast_says_how_good_it_is_or_why_there_is_none(case: tuple[Plan, Rows, Executed]) -> None:
    plan, _, executed = case
    html = executed.html().replace("\N{NO-BREAK SPACE}", " ")
    days = (plan.period.end - plan.first_day).days + 1
    if days < 14:
        assert f"Forecast: not available. A weekly season needs at least 14 days with data; there are {days}." in html
        assert "forecast" not in [chart.name for chart in executed.results.charts]
        return
    assert "In a back-test of" in html and "(WAPE)" in html and "repeating" in html
    sheet = executed.sheet("forecast-figures")
    assert len(sheet) == 14
    assert (sheet["low"] <= sheet["mean"]).all() and (sheet["mean"] <= sheet["high"]).all()


def test_the_report_is_whole(case: tuple[Plan, Rows, Executed]) -> None:
    plan, _, executed = case
    assert {output.output_type for output in executed.outputs} == {"display_data"}, "nothing is printed or warns"
    html = executed.html()
    assert html.count("<h1") == 1 and html.count('class="kpi"') == CARDS
    assert "nan" not in lxml.html.fromstring(f"<main>{html}</main>").text_content().lower().split()
    assert 3 <= len(executed.results.highlights) <= 5
    days = (plan.period.end - plan.first_day).days + 1
    assert (IDLE[1] in html) == (days >= 7), "an idle key is named, where there are days to tell it from"
    for chart in executed.of("chart"):
        facts = chart.metadata["gazette"]
        assert facts["alt"] and "nan" not in facts["alt"] and facts["figures_html"].startswith("<details")
    pages = html + "".join(each.metadata["gazette"]["figures_html"] for each in executed.of("chart"))
    assert "<script" not in pages and "style=" not in pages
    ids = lxml.html.fromstring(f"<main>{pages}</main>").xpath("//@id")
    assert len(ids) == len(set(ids))


def test_what_a_source_lacks_is_said(tmp_path: Path) -> None:
    why = "This version does not record it."
    plan = Plan(WEEK, users=4, hourly=False, unavailable={"cache_tokens": why, "provider": why})
    rows = [{**row, "cache_read_tokens": None, "cache_creation_tokens": None} for row in usage_rows(plan)[0]]
    executed = execute_plan(tmp_path, plan, rows, billing=False)
    html = executed.html()
    for text in (
        f"Cache savings: not available. {why}",
        f"Cache: not available. {why}",
        f"Cost by provider: not available. {why}",
        "Budgets: not available. The source has no team budgets.",
    ):
        assert text in html, text
    assert executed.results.metric_values()["budget_used"] is None
    sheet = executed.sheet("input-output-and-cache")
    assert sheet["input_cost"].isna().all() and "cache_read_tokens" not in sheet


def test_a_period_without_usage_is_a_correct_report(tmp_path: Path) -> None:
    executed = execute_plan(tmp_path, Plan(WEEK), [])
    values = executed.results.metric_values()
    assert values["spend_usd"] == 0 and values["spend_per_request"] is None
    assert executed.of("chart") == []
    assert executed.results.highlights[0].startswith("No usage was recorded")
    assert executed.html().count("No usage was recorded in this period.") >= 8


def test_the_template_is_fit_to_publish() -> None:
    template = templates.load(NOTEBOOK)
    assert (template.title, template.period_policy) == ("Cost analysis", PeriodPolicy.LAST_7_DAYS)
    assert [(each.name, each.source, each.history_days) for each in template.datasets] == [("usage", "usage", 56)]
    assert {parameter.name for parameter in template.parameters} == {"top_n", "monthly_budget", "dear_request"}
    assert all(parameter.help for parameter in template.parameters)
    assert templates.check(NOTEBOOK) == []
    stored = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    nbformat.validate(nbformat.from_dict(stored))
    assert all(cell["outputs"] == [] for cell in stored["cells"] if cell["cell_type"] == "code")


# A day of a real LiteLLM proxy


@pytest.fixture(scope="module")
def rendered(dump_url: str, tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("litellm")
    gazette = Gazette(folder)
    gazette.json("source", "add", "litellm", dump_url.replace("+psycopg", ""))
    arguments = ("--formats", "html,xlsx", "--out", folder / "out", "--at", "2026-11-23T06:00Z")
    return gazette.json("render", "cost_analysis", "--source", "litellm", "--period", "previous_day", *arguments)


def test_figures_of_the_proxy_are_what_sql_says(rendered: Any, dump_url: str) -> None:
    with connect(dump_url) as connection:
        sums = connection.execute(
            "select sum(spend), sum(api_requests), sum(prompt_tokens + completion_tokens), "
            "count(distinct user_id) filter (where user_id <> '') from \"LiteLLM_DailyUserSpend\" "
            "where date = '2026-11-22'"
        ).fetchone()
        budget = connection.execute(
            'select sum(spend) / sum(max_budget) * 100 from "LiteLLM_TeamTable" where max_budget is not null'
        ).fetchone()
    assert sums is not None and budget is not None
    spend, requests, tokens, users = (float(str(value)) for value in sums)
    metrics = rendered["metrics"]
    assert metrics["spend_usd"] == metrics["spend_per_day"] == spend
    assert metrics["spend_per_request"] == pytest.approx(spend / requests)
    assert metrics["spend_per_million_tokens"] == pytest.approx(spend / tokens * 1e6)
    assert metrics["spend_per_user"] == pytest.approx(spend / users)
    assert metrics["budget_used"] == pytest.approx(float(str(budget[0])))
    assert metrics["month_projection"] is None


def test_charges_of_the_proxy_are_what_sql_says(rendered: Any, dump_url: str) -> None:
    with connect(dump_url) as connection:
        charged = dict(
            connection.execute(
                'select d.api_key, sum(d.spend) from "LiteLLM_DailyUserSpend" d group by d.api_key'
            ).fetchall()
        )
    book = openpyxl.load_workbook(path_of(rendered, "xlsx"))
    sheet = next(each for each in book.worksheets if each.title.startswith("Charge-back by key"))
    head = [str(cell.value).partition(" (")[0] for cell in sheet[1]]
    rows = list(sheet.iter_rows(min_row=2, values_only=True))
    found = {str(row[head.index("Key id")] or ""): row[head.index("Cost")] for row in rows}
    assert found == pytest.approx(charged)


def test_the_proxys_one_day_reads_right(rendered: Any) -> None:
    html = path_of(rendered, "html").read_text(encoding="utf-8").replace("\N{NO-BREAK SPACE}", " ")
    text = " ".join(lxml.html.fromstring(html).text_content().split())
    assert "A weekly season needs at least 14 days with data; there is 1." in text
    assert "It takes 9 days with data to tell what is usual; there is one." in text
    assert "never reset, as the source counts it" in text
    assert "Days without data leave nothing to compare with." in text
    assert "Unpriced usage" in text and "Unknown user" in text
