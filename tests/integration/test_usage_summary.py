"""The usage summary in real kernels: each figure and table recomputed from plain rows, for days, weeks and months."""

from __future__ import annotations

import json
import math
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import clock
import lxml.html
import nbformat
import pytest
import sqlalchemy as sa
from executed import NOTEBOOKS, Executed, execute
from executed import execute_run as run_notebook
from kit_snapshots import Plan, exact, usage_rows

from reports import templates
from reports.model import Period, PeriodPolicy
from reports.results import Results
from reports.store.tables import sources
from reports.store.usage_tables import coverage, daily_usage, users

NOTEBOOK = NOTEBOOKS / "usage_summary.ipynb"
DAY = Period(date(2026, 11, 22), date(2026, 11, 22), "Europe/Berlin")
WEEK = Period(date(2026, 11, 16), date(2026, 11, 22))
MONTH = Period(date(2026, 10, 1), date(2026, 10, 31))
NAMES = ("<script>alert(1)</script>", "مستخدم", "x" * 300, "=cmd|' /C calc'!A0")
SUMMED = ("requests", "successes", "failures", "prompt_tokens", "completion_tokens", "total_tokens")


def execute_run(run_dir: Path, plan: Plan, daily: Any = None, hourly: Any = None, **values: Any) -> Executed:
    return run_notebook("usage_summary", run_dir, plan, daily, hourly, **values)


def within(rows: list[dict[str, Any]], period: Period) -> list[dict[str, Any]]:
    return [row for row in rows if period.start <= row["day"] <= period.end]


def figures(rows: list[dict[str, Any]]) -> dict[str, float]:
    """The figures of a usage report by plain Python, knowing nothing of the kit."""
    sums: dict[str, float] = {name: sum(row[name] for row in rows) for name in SUMMED[:5]}
    sums["total_tokens"] = sums["prompt_tokens"] + sums["completion_tokens"]
    sums["spend_usd"] = exact(rows, "spend_usd")
    sums["active_users"] = len({row["user_id"] for row in rows if row["user_id"] and row["requests"] > 0})
    sums["models"] = len({row["model"] for row in rows if row["requests"] > 0})
    sums["success_rate"] = 100 * sums["successes"] / sums["requests"]
    sums["spend_per_1000"] = 1000 * sums["spend_usd"] / sums["requests"]
    return sums


def number(text: str) -> int:
    return int(text.replace(",", ""))


PLANS = {
    "day": Plan(DAY, names=NAMES),
    "day-without-hours": Plan(DAY, hourly=False),
    "week": Plan(WEEK, names=NAMES),
    "month": Plan(MONTH, zero=[date(2026, 10, 20)]),
}


@pytest.fixture(scope="module", params=list(PLANS))
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Plan, Executed]:
    plan = PLANS[request.param]
    return plan, execute_run(tmp_path_factory.mktemp(request.param), plan)


def test_every_figure_equals_the_rows(case: tuple[Plan, Executed]) -> None:
    plan, executed = case
    rows, _ = usage_rows(plan)
    now, before = figures(within(rows, plan.period)), figures(within(rows, plan.period.before()))
    metrics = {metric.name: metric for metric in executed.results.metrics}
    assert {name: metrics[name].value for name in now} == now
    assert {name: metrics[name].previous for name in now} == before


@pytest.mark.parametrize("name", ["top-users", "top-models", "top-providers", "top-teams", "over-time"])
def test_every_sheet_adds_up(case: tuple[Plan, Executed], name: str) -> None:
    plan, executed = case
    rows, _ = usage_rows(plan)
    now, sheet = figures(within(rows, plan.period)), executed.sheet(name)
    summed = [column for column in SUMMED if column in sheet]
    assert {"requests", "failures", "prompt_tokens", "completion_tokens"} <= set(summed)
    assert {column: sheet[column].sum() for column in summed} == {column: now[column] for column in summed}
    assert math.fsum(sheet["spend_usd"]) == pytest.approx(now["spend_usd"], rel=1e-12)


def test_every_table_of_the_page_adds_up(case: tuple[Plan, Executed]) -> None:
    plan, executed = case
    rows, _ = usage_rows(plan)
    now = figures(within(rows, plan.period))
    for output in executed.of("table"):
        root = lxml.html.fromstring(output.data["text/html"])
        heads = [head.text_content() for head in root.xpath("//thead//th")]
        *body, total = [[cell.text_content() for cell in row.xpath("./th|./td")] for row in root.xpath("//tbody/tr")]
        assert total[0] == "Total"
        for label, name in {"Requests": "requests", "Failed": "failures", "Failed requests": "failures"}.items():
            if label in heads:
                place = heads.index(label)
                assert sum(number(row[place]) for row in body) == number(total[place]) == now[name]


def test_failures_and_unpriced_usage_are_shown(case: tuple[Plan, Executed]) -> None:
    plan, executed = case
    rows = within(usage_rows(plan)[0], plan.period)
    for name in ("failures-by-model", "failures-by-user"):
        assert executed.sheet(name)["failures"].sum() == figures(rows)["failures"]
    free = [row for row in rows if row["spend_usd"] == 0 and row["successes"] and row["prompt_tokens"]]
    sheet = executed.sheet("unpriced-usage")
    assert sheet["unpriced_tokens"].sum() == sum(row["prompt_tokens"] + row["completion_tokens"] for row in free)
    assert sheet["list_price_usd"].sum() == pytest.approx(exact(free, "list_price_usd"))


def test_top_users_are_recomputed(case: tuple[Plan, Executed]) -> None:
    plan, executed = case
    spent: dict[str, list[float]] = {}
    for row in within(usage_rows(plan)[0], plan.period):
        spent.setdefault(row["user_id"], []).append(row["spend_usd"])
    sheet = executed.sheet("top-users").set_index("id")["spend_usd"]
    assert {user: sheet[user] for user in spent} == {user: math.fsum(each) for user, each in spent.items()}
    shown = executed.sheet("top-users")
    assert shown.loc[shown["id"] == "", "name"].tolist() == ["Unknown user"]
    assert not any("Unknown user leads" in text for text in executed.results.highlights)


def test_the_report_is_whole(case: tuple[Plan, Executed]) -> None:
    plan, executed = case
    kinds = {output.output_type for output in executed.outputs}
    assert kinds == {"display_data"}, "nothing is printed and nothing warns"
    assert executed.html().count("<h1") == 1
    assert 3 <= len(executed.results.highlights) <= 5
    charts = executed.of("chart")
    assert len(charts) == len(executed.results.charts) == (4 if plan.period.days == 1 and not plan.hourly else 5)
    assert [chart.name for chart in executed.results.charts if chart.in_mail] == ["requests"]
    for chart in charts:
        facts = chart.metadata["gazette"]
        assert facts["alt"] and facts["figures_html"].startswith("<details") and "nan" not in facts["alt"]
        assert chart.data["application/vnd.plotly.v1+json"]["data"]
    for role in ("header", "metrics", "highlights", "definitions"):
        assert len(executed.of(role)) == 1
    tables = [table for table in executed.results.tables if table.role == "table"]
    assert len(tables) == len(executed.of("table")) == 8
    assert len({table.name for table in executed.results.tables}) == len(executed.results.tables)


def test_names_are_text_everywhere(case: tuple[Plan, Executed]) -> None:
    _, executed = case
    pages = executed.html() + "".join(each.metadata["gazette"]["figures_html"] for each in executed.of("chart"))
    assert "<script" not in pages and "style=" not in pages
    ids = lxml.html.fromstring(f"<main>{pages}</main>").xpath("//@id")
    assert len(ids) == len(set(ids))


def test_missing_days_are_named_not_counted_as_zero(tmp_path: Path) -> None:
    missing = [date(2026, 11, 18)]
    executed = execute_run(tmp_path, Plan(WEEK, users=4, missing=missing))
    header = executed.results.header
    assert header is not None and "18 November 2026" in header.warnings[0]
    assert {metric.previous for metric in executed.results.metrics} == {None}
    days = executed.sheet("over-time").set_index("day")["requests"]
    assert math.isnan(days[missing[0]]) and days.notna().sum() == 6
    row = next(
        each for each in lxml.html.fromstring(executed.html()).xpath("//tr") if "18 Nov 2026" in each.text_content()
    )
    assert "no data" in row.text_content()


def test_a_period_without_usage_is_a_correct_report(tmp_path: Path) -> None:
    executed = execute_run(tmp_path, Plan(WEEK), [])
    values = executed.results.metric_values()
    assert values["requests"] == 0 and values["spend_usd"] == 0 and values["success_rate"] is None
    assert executed.results.highlights[0].startswith("No usage was recorded")
    assert executed.of("chart") == [] and executed.of("table") == []
    assert executed.html().count("No usage was recorded in this period.") >= 10


def test_parameters_change_the_tables(tmp_path: Path) -> None:
    executed = execute_run(tmp_path, Plan(DAY, users=9, hourly=False), top_n=3, rank_by="requests")
    (users_table,) = [each for each in executed.of("table") if 'id="table-top-users"' in each.data["text/html"]]
    assert "All others (" in users_table.data["text/html"] and "Share of requests" in users_table.data["text/html"]
    assert executed.sheet("top-users")["requests"].drop(index=3, errors="ignore").is_monotonic_decreasing


def test_the_template_is_fit_to_publish() -> None:
    template = templates.load(NOTEBOOK)
    assert (template.title, template.period_policy) == ("Usage summary", PeriodPolicy.PREVIOUS_DAY)
    assert [(each.name, each.source) for each in template.datasets] == [("usage", "usage")]
    assert {parameter.name for parameter in template.parameters} == {"top_n", "rank_by"}
    assert all(parameter.help for parameter in template.parameters)
    assert templates.check(NOTEBOOK) == []


def test_the_template_is_stored_without_outputs_and_leaves_the_only_h1_to_the_kit() -> None:
    stored = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    nbformat.validate(nbformat.from_dict(stored))
    assert len({cell["id"] for cell in stored["cells"]}) == len(stored["cells"])
    for cell in stored["cells"]:
        if cell["cell_type"] == "code":
            assert cell["outputs"] == [] and cell["execution_count"] is None
        else:
            assert "".join(cell["source"]).startswith("## ")


@pytest.mark.parametrize("source", ["usage", "demo"])
def test_it_runs_outside_a_run_from_the_project_database(sqlite_url: str, tmp_path: Path, source: str) -> None:
    """As in JupyterLab: started in the notebooks folder, nothing set but where the project's database is.

    The template names the source `usage`; where there is only one, of another name, it is the one meant.
    """
    yesterday = clock.yesterday()
    key = {"source": source, "key_id": "k", "team_id": "", "model_group": "", "provider": "p", "endpoint": ""}
    rows = [
        {**key, "day": yesterday - timedelta(days=back), "user_id": user, "model": "m", "requests": 7, "successes": 6}
        | {"failures": 1, "prompt_tokens": 100, "completion_tokens": 10, "spend_usd": 0.1 + back}
        for user in ("ann", "")
        for back in (0, 1)
    ]
    engine = sa.create_engine(sqlite_url)
    with engine.begin() as connection:
        known = {"name": source, "kind": "embedded", "url": "", "options": {}, "label": ""}
        connection.execute(sa.insert(sources), [known])
        connection.execute(sa.insert(daily_usage), rows)
        connection.execute(sa.insert(users), [{"source": source, "user_id": "ann", "name": "Ann", "email": ""}])
        covered = [{"source": source, "day": day, "complete": True} for day in {row["day"] for row in rows}]
        connection.execute(sa.insert(coverage), covered)
    engine.dispose()
    folder = tmp_path / "elsewhere" / "notebooks"
    folder.mkdir(parents=True)
    (folder / NOTEBOOK.name).write_bytes(NOTEBOOK.read_bytes())
    executed = execute("usage_summary", folder, {"GAZETTE_DATABASE_URL": sqlite_url})
    assert {output.output_type for output in executed.outputs} == {"display_data"}
    (metrics,) = executed.of("metrics")
    text = metrics.data["text/plain"]
    assert "Requests: 14 (steady from 14)" in text
    assert "Cost: $0.2000 (down 90.9 % from $2.20)" in text
    assert "Active users: 1" in text
    assert "Unknown user" in executed.html() and "Ann" in executed.html()
    assert executed.results == Results(), "outside a run nothing is recorded"
    assert [path.name for path in folder.iterdir()] == [NOTEBOOK.name]
