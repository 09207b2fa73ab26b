"""The user activity report in real kernels: figures and tables recomputed from plain rows, by SQL and from files."""

from __future__ import annotations

import csv
import gzip
import json
import math
import statistics
from collections import Counter
from collections.abc import Iterable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import clock
import nbformat
import openpyxl
import pytest
from command import Gazette
from executed import NOTEBOOKS, Executed, execute, execute_run
from kit_snapshots import Plan, exact, usage_rows
from litellm_dump import connect

from reports import templates
from reports.model import Period, PeriodPolicy
from reports.sources import Source
from reports.sources.demo import load_demo
from reports.store import Store

NOTEBOOK = NOTEBOOKS / "user_activity.ipynb"
DAY = Period(date(2026, 11, 22), date(2026, 11, 22), "Europe/Berlin")
WEEK = Period(date(2026, 11, 16), date(2026, 11, 22))
MONTH = Period(date(2026, 10, 1), date(2026, 10, 31))
NAMES = ("<script>alert(1)</script>", "مستخدم", "x" * 300, "=cmd|' /C calc'!A0")
SUMMED = ("requests", "successes", "failures", "prompt_tokens", "completion_tokens")
GROUPS = ("active_users", "new_users", "returning_users", "back_users", "dormant_users")

Rows = list[dict[str, Any]]


def rows_of(plan: Plan) -> Rows:
    """The plan's rows, less the users who are not there: some come late, some leave, one stays away for a while."""
    return [row for row in usage_rows(plan)[0] if _is_there(row, plan)]


def _is_there(row: dict[str, Any], plan: Plan) -> bool:
    number, start = int(row["key_id"][2:]), plan.period.start
    before = plan.period.before().start
    if number % 6 == 1:
        return bool(row["day"] >= start)  # new
    if number % 6 == 2:
        return bool(row["day"] < start)  # dormant
    if number % 6 == 3:
        return bool(row["day"] < before or row["day"] >= start)  # back
    if number % 6 == 4:
        return bool(row["day"] >= before)  # new in the comparison
    return number % 7 != 5 or bool(row["day"] < before)  # long gone


def users(rows: Iterable[dict[str, Any]], first: date, last: date) -> set[str]:
    return {row["user_id"] for row in rows if first <= row["day"] <= last and row["user_id"] and row["requests"] > 0}


def groups(rows: Rows, period: Period, first: date) -> dict[str, int]:
    """The users of a period by plain sets, knowing nothing of the kit."""
    before = period.before()
    now, was = users(rows, period.start, period.end), users(rows, before.start, before.end)
    earlier = users(rows, first, period.start - timedelta(days=1))
    sets = (now, now - earlier, now & was, (now & earlier) - was, was - now)
    return dict(zip(GROUPS, map(len, sets), strict=True))


def spread(rows: Rows) -> dict[str, float]:
    requests: Counter[str] = Counter()
    for row in rows:
        if row["user_id"]:
            requests[row["user_id"]] += row["requests"]
    amounts = sorted(requests.values(), reverse=True)
    pairs = sum(abs(a - b) for a in amounts for b in amounts)
    return {
        "requests_per_user": sum(amounts) / len(amounts),
        "middle_user_requests": statistics.median(amounts),
        "top_10_share": 100 * sum(amounts[:10]) / sum(row["requests"] for row in rows),
        "gini": pairs / (2 * len(amounts) * sum(amounts)),
    }


def within(rows: Rows, period: Period) -> Rows:
    return [row for row in rows if period.start <= row["day"] <= period.end]


PLANS = {
    "day": Plan(DAY, names=NAMES, history_days=60),
    "week": Plan(WEEK, names=NAMES, history_days=60, hourly=False),
    "month": Plan(MONTH, users=18, history_days=90, zero=[date(2026, 10, 20)]),
}


@pytest.fixture(scope="module", params=list(PLANS))
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Plan, Rows, Executed]:
    plan = PLANS[request.param]
    rows = rows_of(plan)
    hours = usage_rows(plan)[1] if plan.hourly else None
    return plan, rows, execute_run("user_activity", tmp_path_factory.mktemp(request.param), plan, rows, hours)


Case = tuple[Plan, Rows, Executed]


def test_users_equal_plain_sets(case: Case) -> None:
    plan, rows, executed = case
    metrics = {metric.name: metric for metric in executed.results.metrics}
    now = groups(rows, plan.period, plan.first_day)
    assert {name: metrics[name].value for name in GROUPS} == now
    assert all(now.values()), "every group has somebody"
    assert now["active_users"] == now["new_users"] + now["returning_users"] + now["back_users"]
    earlier = groups(rows, plan.period.before(), plan.first_day)
    assert {name: metrics[name].previous for name in GROUPS} == earlier
    assert earlier["active_users"] == now["returning_users"] + now["dormant_users"]


def test_figures_equal_plain_rows(case: Case) -> None:
    plan, rows, executed = case
    metrics = {metric.name: metric for metric in executed.results.metrics}
    for values, period in (("value", plan.period), ("previous", plan.period.before())):
        mine = within(rows, period)
        for name, expected in spread(mine).items():
            assert getattr(metrics[name], values) == pytest.approx(expected), name
        assert {name: getattr(metrics[name], values) for name in SUMMED} == {
            name: sum(row[name] for row in mine) for name in SUMMED
        }
        assert getattr(metrics["spend_usd"], values) == pytest.approx(exact(mine, "spend_usd"))


def test_the_users_add_up_to_the_figures(case: Case) -> None:
    plan, rows, executed = case
    now, sheet = within(rows, plan.period), executed.sheet("users")
    assert {name: sheet[name].sum() for name in SUMMED} == {name: sum(row[name] for row in now) for name in SUMMED}
    assert math.fsum(sheet["spend_usd"]) == pytest.approx(exact(now, "spend_usd"))
    for _, user in sheet.iterrows():
        own = [row for row in now if row["user_id"] == user["id"]]
        assert user["requests"] == sum(row["requests"] for row in own)
        assert user["models"] == len({row["model"] for row in own})
        assert user["last_active"] == max(row["day"] for row in own)
    counted = Counter(sheet["group"])
    words = {"new_users": "new", "returning_users": "returning", "back_users": "came back"}
    expected = groups(rows, plan.period, plan.first_day)
    assert {name: counted[word] for name, word in words.items()} == {name: expected[name] for name in words}
    total = executed.shown("users")[-1]
    assert total["User"] == "Total" and number(total["Requests"]) == sheet["requests"].sum()


def test_movers_add_up_to_the_change(case: Case) -> None:
    plan, rows, executed = case
    now, before = within(rows, plan.period), within(rows, plan.period.before())
    change = sum(row["requests"] for row in now) - sum(row["requests"] for row in before)
    assert executed.sheet("rises")["difference"].sum() + executed.sheet("falls")["difference"].sum() == change
    assert executed.sheet("rises")["difference"].is_monotonic_decreasing
    assert executed.sheet("falls")["difference"].is_monotonic_increasing


def test_dormant_keys_equal_plain_sets(case: Case) -> None:
    plan, rows, executed = case
    used = {row["key_id"] for row in within(rows, plan.period)}
    last: dict[str, date] = {}
    for row in rows:
        if row["key_id"] not in used:
            last[row["key_id"]] = max(row["day"], last.get(row["key_id"], row["day"]))
    sheet = executed.sheet("dormant-keys")
    assert dict(zip(sheet["key_id"], sheet["last_used"], strict=True)) == last
    assert sheet["last_used"].is_monotonic_decreasing
    assert sheet["requests"].sum() == sum(row["requests"] for row in rows if row["key_id"] in last)


def test_unknown_use_adds_up(case: Case) -> None:
    plan, rows, executed = case
    unknown = [row for row in within(rows, plan.period) if not row["user_id"]]
    assert executed.sheet("unknown-user")["requests"].sum() == sum(row["requests"] for row in unknown) > 0
    everybody = executed.sheet("users").set_index("name")["requests"]
    assert everybody["Unknown user"] == sum(row["requests"] for row in unknown)


def test_charts_have_the_figures_of_the_rows(case: Case) -> None:
    plan, rows, executed = case
    actives = executed.sheet("actives-figures").set_index("day")["value"]
    assert actives.to_dict() == {day: len(users(rows, day, day)) for day in actives.index}
    classes = executed.sheet("requests-per-user-figures")
    assert classes["users"].sum() == len(users(rows, plan.period.start, plan.period.end))
    expected = 7 if plan.hourly or plan.period.days > 1 else 6
    assert len(executed.results.charts) + 2 == expected
    assert [chart.name for chart in executed.results.charts if chart.in_mail] == ["actives"]


def test_the_report_is_whole(case: Case) -> None:
    _, _, executed = case
    assert {output.output_type for output in executed.outputs} == {"display_data"}, "nothing is printed, nothing warns"
    assert executed.html().count("<h1") == 1 and len(executed.of("definitions")) == 1
    assert 3 <= len(executed.results.highlights) <= 5
    pages = executed.html() + "".join(each.metadata["gazette"]["figures_html"] for each in executed.of("chart"))
    assert "<script" not in pages and "style=" not in pages
    texts = [*executed.results.highlights, *(chart.alt for chart in executed.results.charts)]
    assert not any("nan" in text.split() or "None" in text for text in texts)


def number(text: str) -> int:
    return int(text.replace(",", ""))


# Odd periods


def test_a_short_history_says_so_in_place_of_a_number(tmp_path: Path) -> None:
    plan = Plan(WEEK, users=12, history_days=0, hourly=False)
    executed = execute_run("user_activity", tmp_path, plan)
    values = executed.results.metric_values()
    assert values["new_users"] is None and values["back_users"] is None and values["returning_users"] == 11
    assert "needs 28 days of earlier data" in executed.html()
    assert "Weekly retention: not available. It follows users" in executed.html()
    assert "New users need 28 days of data before the period" in executed.results.highlights[0]


def test_a_period_without_usage_is_a_correct_report(tmp_path: Path) -> None:
    executed = execute_run("user_activity", tmp_path, Plan(WEEK, history_days=60), [])
    values = executed.results.metric_values()
    assert {values[name] for name in GROUPS} == {0} and values["gini"] is None
    assert executed.results.highlights[0].startswith("No usage was recorded")
    assert executed.of("chart") == [] and executed.of("table") == []


def test_a_period_of_missing_days_calls_no_key_dormant(tmp_path: Path) -> None:
    days = [WEEK.start + timedelta(days=n) for n in range(7)]
    executed = execute_run("user_activity", tmp_path, Plan(WEEK, users=3, history_days=40, missing=days))
    assert "Dormant keys: not available. The source has no data for these days." in executed.html()
    assert executed.results.metric_values()["dormant_users"] is None


def test_one_user(tmp_path: Path) -> None:
    plan = Plan(WEEK, users=1, history_days=40, hourly=False)
    executed = execute_run("user_activity", tmp_path, plan, top_n=5)
    values = executed.results.metric_values()
    assert (values["active_users"], values["returning_users"], values["top_10_share"]) == (1, 1, 100.0)
    assert "There is only one active user to look at." in executed.html()
    assert executed.results.highlights[0] == "The same user was active as in the period before."


# Sources


def test_a_litellm_proxy_is_what_sql_says(dump_url: str, tmp_path: Path) -> None:
    gazette = Gazette(tmp_path)
    gazette.run("source", "add", "litellm", dump_url.replace("+psycopg", ""))
    where = ("--period", "previous_day", "--at", "2026-11-23T06:00Z", "--formats", "xlsx", "--out", tmp_path / "out")
    rendered = gazette.json("render", "user_activity", *where)
    with connect(dump_url) as connection:
        by_user = connection.execute(
            """select user_id, sum(api_requests)::bigint from "LiteLLM_DailyUserSpend" where date = '2026-11-22'
               group by user_id order by 2 desc"""
        ).fetchall()
    known = [int(str(count)) for user, count in by_user if user]
    metrics = rendered["metrics"]
    assert metrics["active_users"] == len(known) and metrics["requests"] == sum(int(str(n)) for _, n in by_user) == 302
    assert metrics["requests_per_user"] == pytest.approx(sum(known) / len(known))
    assert metrics["top_10_share"] == pytest.approx(sum(known[:10]) / 302 * 100)
    assert metrics["new_users"] is None and metrics["returning_users"] is None, "its data begin on that day"
    book = openpyxl.load_workbook(rendered["artifacts"][0]["path"])
    header, *rows = book["Users"].iter_rows(values_only=True)
    assert sum(row[header.index("Requests")] for row in rows) == 302


def test_servegen_is_what_its_file_says(shared_dir: Path, tmp_path: Path) -> None:
    gazette, file = Gazette(tmp_path), shared_dir / "data" / "servegen" / "servegen_hourly.csv.gz"
    gazette.json("usage", "import", file, "--day-zero", "2026-11-02")
    where = ("--period", "previous_week", "--at", "2026-11-16T06:00Z", "--formats", "xlsx", "--out", tmp_path / "out")
    rendered = gazette.json("render", "user_activity", *where)
    weeks: tuple[Counter[str], Counter[str]] = (Counter(), Counter())
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        for row in csv.DictReader(lines):
            weeks[int(row["hour"]) // (7 * 24)][row["client_id"]] += round(float(row["requests"]))
    before, now = ({user: count for user, count in week.items() if count} for week in weeks)
    metrics = rendered["metrics"]
    assert metrics["active_users"] == len(now) and metrics["requests"] == sum(now.values())
    assert metrics["returning_users"] == len(now.keys() & before.keys())
    assert metrics["dormant_users"] == len(before.keys() - now.keys())
    assert metrics["new_users"] is None, "a week of history tells no new users"
    assert metrics["middle_user_requests"] == statistics.median(now.values())
    top = sorted(now.values(), reverse=True)[:10]
    assert metrics["top_10_share"] == pytest.approx(sum(top) / sum(now.values()) * 100)
    book = openpyxl.load_workbook(rendered["artifacts"][0]["path"])
    header, *rows = book["Users"].iter_rows(values_only=True)
    sheet = {str(row[header.index("User")]): row[header.index("Requests")] for row in rows}
    assert sheet == now, "the page has twenty, the sheet has all"


def test_it_runs_outside_a_run_on_the_only_source(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in JupyterLab, on demo data named `demo`: the figures are those of the month before today's."""
    monkeypatch.setenv("GAZETTE_DATABASE_URL", sqlite_url)
    today = clock.today()
    demo = load_demo(sqlite_url, "demo", today - timedelta(days=1), days=70)
    store = Store(sqlite_url)
    store.add_source(Source("demo", "embedded", label="Demo"))
    end = today.replace(day=1) - timedelta(days=1)
    start = end.replace(day=1)
    with store.reading() as connection:
        counted = connection.exec_driver_sql(
            "select sum(requests), count(distinct nullif(user_id, '')) from usage_events"
            f" where started_at >= '{start}' and started_at < '{end + timedelta(days=1)}'"
        ).one()
    store.close()
    assert demo.first_day <= start
    folder = tmp_path / "elsewhere" / "notebooks"
    folder.mkdir(parents=True)
    (folder / NOTEBOOK.name).write_bytes(NOTEBOOK.read_bytes())
    executed = execute("user_activity", folder, {})
    (cards,) = executed.of("metrics")
    text = cards.data["text/plain"]
    assert f"Active users: {counted[1]} (" in text and f"Requests: {counted[0]:,} (" in text
    assert "Source: Demo" in executed.html()
    assert [path.name for path in folder.iterdir()] == [NOTEBOOK.name]


# The template


def test_the_template_is_fit_to_publish() -> None:
    template = templates.load(NOTEBOOK)
    assert (template.title, template.period_policy) == ("User activity", PeriodPolicy.PREVIOUS_MONTH)
    assert [(each.name, each.source, each.history_days) for each in template.datasets] == [("usage", "usage", 90)]
    assert {parameter.name for parameter in template.parameters} == {"top_n", "rank_by"}
    assert all(parameter.help for parameter in template.parameters)
    assert templates.check(NOTEBOOK) == []


def test_the_template_is_stored_without_outputs_and_leaves_the_only_h1_to_the_kit() -> None:
    stored = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    nbformat.validate(nbformat.from_dict(stored))
    for cell in stored["cells"]:
        if cell["cell_type"] == "code":
            assert cell["outputs"] == [] and cell["execution_count"] is None
        else:
            assert "".join(cell["source"]).startswith("## ")
