"""The cost of usage: drivers that add up, budgets, months, splits, spikes and advice, each against plain sums."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from cost_snapshots import BUDGETS, IDLE, Budget, write_billing
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kit_snapshots import Plan, make_dataset, usage_rows

from reports.kit import cost
from reports.kit.charts import Drawing, Unavailable, cumulative, pareto, step_bars
from reports.kit.charts.courses import Course, Steps
from reports.kit.charts.drawing import Measure
from reports.kit.cost.advice import Limits
from reports.kit.cost.budgets import allowance, used, window
from reports.kit.cost.drivers import CAUSES, causes
from reports.model import Period

WEEK = Period(date(2026, 11, 16), date(2026, 11, 22))
MONTH_START = date(2026, 11, 1)
USD = Measure("cost", "usd")
Row = dict[str, Any]
Make = Callable[..., cost.Costs]


def row(day: date, usd: float, tokens: int = 1000, model: str = "m", **others: Any) -> Row:
    facts = {"day": day, "model": model, "provider": "p", "requests": 10, "successes": 10, "prompt_tokens": tokens}
    return {**facts, "spend_usd": usd, "user_id": "u1", "team_id": "t-1", "key_id": "k1", **others}


@pytest.fixture
def make(tmp_path: Path) -> Make:
    def made(rows: list[Row], plan: Plan | None = None, budgets: Any = BUDGETS, **options: Any) -> cost.Costs:
        plan = plan or Plan(WEEK, history_days=56)
        keys = options.pop("keys", (IDLE,))
        data = make_dataset(tmp_path, plan, rows, options.pop("hourly", None))
        write_billing(data.folder, budgets, keys)
        return cost.costs(data, **options)

    return made


def every_day(plan: Plan, usd: Callable[[date], float]) -> list[Row]:
    days = (plan.period.end - plan.first_day).days + 1
    return [row(day, usd(day)) for day in (plan.first_day + timedelta(days=number) for number in range(days))]


# What drove the change


amounts = st.tuples(st.floats(0, 1e5), st.integers(0, 10**9))


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(amounts, amounts), min_size=1, max_size=6))
def test_volume_mix_and_price_add_up_to_the_change(make: Make, models: list[tuple[Any, Any]]) -> None:
    rows = []
    for number, ((usd0, tokens0), (usd1, tokens1)) in enumerate(models):
        rows.append(row(WEEK.before().start, usd0, tokens0, f"m{number}"))
        rows.append(row(WEEK.start, usd1, tokens1, f"m{number}"))
    found = cost.drivers(make(rows))
    before, now = (math.fsum(usd for usd, _ in part) for part in zip(*models, strict=True))
    if isinstance(found, Unavailable):
        assert sum(tokens for _, tokens in [pair[0] for pair in models]) == 0
        return
    scale = max(1.0, before, now, float(found[list(CAUSES)].abs().to_numpy().max(initial=0.0)))
    assert sum(causes(found).values()) == pytest.approx(now - before, abs=1e-9 * scale)
    for line in found.itertuples():
        assert line.volume + line.mix + line.price == pytest.approx(line.change, abs=1e-9 * scale)
        assert line.spend_usd - line.previous_usd == pytest.approx(line.change, abs=1e-9 * scale)


def test_each_cause_alone(make: Make) -> None:
    old, new = WEEK.before().start, WEEK.start

    def causes_of(rows: list[Row]) -> dict[str, float]:
        found = cost.drivers(make(rows))
        assert isinstance(found, pd.DataFrame)
        return {name: round(value, 9) for name, value in causes(found).items()}

    twice = [row(old, 4, 100, "a"), row(old, 6, 300, "b"), row(new, 8, 200, "a"), row(new, 12, 600, "b")]
    assert causes_of(twice) == {"volume": 10, "mix": 0, "price": 0}
    moved = [row(old, 4, 100, "a"), row(old, 2, 100, "b"), row(new, 6, 150, "a"), row(new, 1, 50, "b")]
    assert causes_of(moved) == {"volume": 0, "mix": 1, "price": 0}
    dearer = [row(old, 4, 100, "a"), row(new, 5, 100, "a")]
    assert causes_of(dearer) == {"volume": 0, "mix": 0, "price": 1}
    replaced = [row(old, 4, 100, "a"), row(new, 1, 100, "b")]
    assert causes_of(replaced) == {"volume": 0, "mix": -3, "price": 0}


def test_without_a_period_before_nothing_drove_anything(make: Make) -> None:
    missing = make([row(WEEK.start, 1.0)], Plan(WEEK, missing=[WEEK.before().end]))
    assert isinstance(cost.drivers(missing), Unavailable)
    nothing = make([row(WEEK.start, 1.0)])
    found = cost.drivers(nothing)
    assert isinstance(found, Unavailable) and "no tokens" in found.reason
    free = cost.drivers(make([row(WEEK.before().start, 0.0), row(WEEK.start, 0.0)]))
    assert isinstance(free, Unavailable) and free.nothing and "No cost is recorded" in free.reason


def test_models_of_two_providers_are_told_apart(make: Make) -> None:
    rows = [row(WEEK.before().start, 1.0), row(WEEK.start, 2.0), row(WEEK.start, 3.0, provider="q")]
    found = cost.drivers(make(rows))
    assert isinstance(found, pd.DataFrame)
    assert set(found["name"]) == {"m (p)", "m (q)"}


# Month, forecast and budgets


def test_the_month_is_what_was_spent_and_what_is_expected(make: Make) -> None:
    plan = Plan(WEEK, history_days=56)
    costs = make(every_day(plan, lambda day: 2.0 if day.weekday() >= 5 else 10.0))
    month = costs.month
    spent = sum(2.0 if day.weekday() >= 5 else 10.0 for day in (MONTH_START + timedelta(days=n) for n in range(22)))
    rest = 10.0 * 6 + 2.0 * 2  # Monday 23 to Monday 30 November
    assert (month.name, month.days_left, month.missing) == ("November 2026", 8, 0)
    assert month.spent == pytest.approx(spent)
    assert not isinstance(month.expected, Unavailable)
    assert month.expected.value == pytest.approx(spent + rest, rel=0.01)
    assert month.spent <= month.expected.low <= month.expected.value <= month.expected.high


def test_a_missing_day_of_the_month_is_estimated_not_zero(make: Make) -> None:
    gap = date(2026, 11, 18)
    plan = Plan(WEEK, history_days=56, missing=[gap])
    rows = [each for each in every_day(plan, lambda day: 5.0 + day.weekday()) if each["day"] != gap]
    costs = make(rows, plan)
    assert costs.month.missing == 1
    assert costs.month.estimated == pytest.approx(7.0)  # a Wednesday
    assert "estimated" in " ".join(cost.sentences(costs))


def test_a_complete_month_needs_no_forecast(make: Make) -> None:
    period = Period(date(2026, 11, 30), date(2026, 11, 30))
    costs = make([row(period.end, 3.0), row(date(2026, 11, 20), 4.0)], Plan(period, history_days=56))
    month = costs.month
    assert not isinstance(month.expected, Unavailable)
    assert (month.days_left, month.expected.value, month.expected.low, month.expected.high) == (0, 7.0, 7.0, 7.0)
    assert cost.metrics(costs)["month_projection"].label == "Cost of November 2026"


def test_too_little_history_gives_no_projection(make: Make) -> None:
    costs = make([row(WEEK.end, 3.0)], Plan(Period(WEEK.end, WEEK.end)))
    assert isinstance(costs.month.expected, Unavailable)
    found = cost.metrics(costs)["month_projection"]
    assert found.value is None and "too little history" in found.note
    free = make([row(WEEK.end, 0.0)])
    assert cost.metrics(free)["month_projection"].note == "no cost is recorded"
    assert isinstance(cost.forecast_chart(costs), Unavailable)


@pytest.mark.parametrize(
    ("duration", "start", "end"),
    [
        ("1mo", date(2026, 11, 1), date(2026, 11, 30)),
        ("30d", date(2026, 11, 1), date(2026, 11, 30)),
        ("7d", date(2026, 11, 16), date(2026, 11, 22)),
        ("1d", date(2026, 11, 18), date(2026, 11, 18)),
    ],
)
def test_budgets_have_their_own_days(duration: str, start: date, end: date) -> None:
    assert window(duration, date(2026, 11, 18)) == Period(start, end)


def test_a_budget_without_a_calendar_has_none() -> None:
    assert window("", date(2026, 11, 18)) is None
    assert window("45d", date(2026, 11, 18)) is None


def test_burn_counts_the_days_of_the_budget(make: Make) -> None:
    budgets: tuple[Budget, ...] = (
        ("t-1", "Search", 50.0, "1mo", None),
        ("t-2", "Support", 100.0, "7d", None),
        ("t-3", "", 10.0, "", 9.5),
        ("t-4", "Silent", 10.0, "", None),
    )
    rows = [row(date(2026, 10, 31), 1000.0), row(MONTH_START, 30.0), row(WEEK.end, 30.0)]
    rows += [row(date(2026, 11, 15), 500.0, team_id="t-2"), row(WEEK.start, 40.0, team_id="t-2")]
    found = cost.burn(make(rows, budgets=budgets))
    assert isinstance(found, pd.DataFrame)
    lines = found.set_index("team_id")
    assert (lines.at["t-1", "spent_usd"], lines.at["t-1", "state"]) == (60.0, "over budget")
    assert lines.at["t-1", "expected_usd"] == pytest.approx(60 / 22 * 30)
    assert (lines.at["t-2", "spent_usd"], lines.at["t-2", "elapsed"], lines.at["t-2", "state"]) == (40, 100, "within")
    assert (lines.at["t-3", "team"], lines.at["t-3", "spent_usd"], lines.at["t-3", "used"]) == ("t-3", 9.5, 95.0)
    assert lines.at["t-4", "state"] == "not counted"
    assert found["team_id"].iloc[0] == "t-1"


def test_a_budget_on_course_to_be_exceeded_is_named(make: Make) -> None:
    budgets = (("t-1", "Search", 80.0, "1mo", None),)
    found = make([row(MONTH_START, 35.0), row(WEEK.end, 30.0)], budgets=budgets)
    frame = cost.burn(found)
    assert isinstance(frame, pd.DataFrame)
    assert list(frame["state"]) == ["on course to exceed"]
    assert any("on course to exceed" in text for text in cost.sentences(found))


def test_filters_to_a_part_of_a_team_leave_no_budget(make: Make) -> None:
    rows = [row(WEEK.end, 30.0)]
    assert isinstance(cost.burn(make(rows, Plan(WEEK, filters={"team_ids": ["t-1"]}))), pd.DataFrame)
    found = cost.burn(make(rows, Plan(WEEK, filters={"model_ids": ["m"]})))
    assert isinstance(found, Unavailable) and "models" in found.reason


def test_a_source_without_budgets_says_so(make: Make, tmp_path: Path) -> None:
    costs = make([row(WEEK.end, 30.0)], budgets=())
    assert isinstance(cost.burn(costs), Unavailable)
    metric = cost.metrics(costs)["budget_used"]
    assert (metric.value, metric.note) == (None, "no budget known")


def test_the_budget_of_the_report_comes_first(make: Make) -> None:
    rows = [row(MONTH_START, 20.0), row(WEEK.end, 30.0), row(date(2026, 10, 31), 99.0)]
    found = used(make(rows, monthly_budget=200.0))
    assert not isinstance(found, Unavailable)
    assert found.percent == pytest.approx(25.0) and "$200.00 for November 2026" in found.words
    of_teams = used(make(rows))
    assert not isinstance(of_teams, Unavailable)
    assert of_teams.percent == pytest.approx(50 / 940 * 100) and "2" in of_teams.words


def test_team_budgets_are_a_line_only_where_they_hold_for_everything(make: Make) -> None:
    all_in = [row(WEEK.end, 30.0), row(WEEK.end, 5.0, team_id="t-2")]
    found = allowance(make(all_in))
    assert not isinstance(found, Unavailable)
    assert found[0] == 940.0
    not_all = allowance(make([*all_in, row(WEEK.end, 5.0, team_id="")]))
    assert isinstance(not_all, Unavailable) and "87.5" in not_all.reason


# Charts


def test_the_course_adds_up_to_the_cost(make: Make) -> None:
    plan = Plan(WEEK)
    rows = every_day(plan, lambda day: 1.0 + day.day / 10)
    drawn = cost.course(make(rows, plan, monthly_budget=300.0))
    assert isinstance(drawn, Drawing)
    now = [each["spend_usd"] for each in rows if each["day"] >= WEEK.start]
    assert list(drawn.figures["value"]) == pytest.approx([sum(now[: n + 1]) for n in range(7)])
    assert list(drawn.figures["budget"]) == pytest.approx([10.0 * (n + 1) for n in range(7)])
    before = [each["spend_usd"] for each in rows if each["day"] < WEEK.start]
    assert drawn.figures["previous"].iloc[-1] == pytest.approx(sum(before))
    assert "$" in drawn.alt and "nan" not in drawn.alt


def test_one_day_without_hours_has_no_course(make: Make) -> None:
    found = cost.course(make([row(WEEK.end, 3.0)], Plan(Period(WEEK.end, WEEK.end))))
    assert isinstance(found, Unavailable) and "hour" in found.reason


def test_a_missing_day_breaks_the_line(make: Make) -> None:
    plan = Plan(WEEK, missing=[WEEK.start + timedelta(days=2)])
    rows = [each for each in every_day(plan, lambda _: 1.0) if each["day"] not in plan.missing]
    drawn = cost.course(make(rows, plan))
    assert isinstance(drawn, Drawing)
    assert math.isnan(drawn.figures["value"].iloc[2])
    assert "previous" not in drawn.figures


def test_steps_begin_where_the_last_ended() -> None:
    drawn = step_bars(("before", 10.0), [("up", 5.0), ("down", -8.0)], "now", USD)
    bars = [(trace.base[0], trace.x[0]) for trace in drawn.figure.data]
    assert bars == [(0.0, 10.0), (10.0, 5.0), (7.0, 8.0), (0.0, 7.0)]
    assert list(drawn.figures["value"]) == [10.0, 5.0, -8.0, 7.0]
    assert "−$8.00" in drawn.alt and "+$5.00" in drawn.alt


def test_pareto_counts_who_makes_four_fifths() -> None:
    drawn = pareto(pd.Series({"a": 5.0, "b": 50.0, "c": 30.0, "d": 15.0, "e": 0.0}), USD, ("spender", "spenders"))
    assert isinstance(drawn, Drawing)
    assert list(drawn.figures["name"]) == ["b", "c", "d", "a"]
    assert list(drawn.figures["together"]) == pytest.approx([50, 80, 95, 100])
    assert drawn.note.startswith("2 of 4") and drawn.note.endswith("make 80\N{NO-BREAK SPACE}% of the cost.")
    assert isinstance(pareto(pd.Series({"a": 0.0}), USD, ("spender", "spenders")), Unavailable)
    alone = pareto(pd.Series({"a": 5.0, "b": 0.0}), USD, ("spender", "spenders"))
    assert isinstance(alone, Unavailable) and alone.reason == "One spender makes all of the cost."


def test_a_course_of_nothing_is_no_chart() -> None:
    empty = Course("now", [0.0, 0.0])
    assert isinstance(cumulative(empty, None, None, Steps(["a", "b"], zone="UTC"), USD), Unavailable)


def test_a_day_between_days_without_data_is_seen() -> None:
    days = [WEEK.start + timedelta(days=number) for number in range(3)]
    drawn = cumulative(Course("now", [None, 2.0, None]), None, None, Steps(["a", "b", "c"], days), USD)
    assert isinstance(drawn, Drawing)
    hatched, line = drawn.figure.data
    assert list(hatched.x) == [0, 2] and hatched.hovertext == "no data"
    assert "markers" in line.mode


# Splits, savings, spikes and advice


def priced(**others: Any) -> Row:
    tokens = {"prompt_tokens": 1000, "completion_tokens": 100, "cache_read_tokens": 400, "cache_creation_tokens": 100}
    return {**row(WEEK.end, 0.0, model="openai/gpt-4o", provider="openai"), **tokens, **others}


def test_the_cost_is_split_by_list_price(make: Make) -> None:
    found = cost.split(make([priced(spend_usd=0.3), row(WEEK.end, 2.0, model="nobody/knows")]))
    lines = found.frame.set_index("model")
    line = lines.loc["openai/gpt-4o"]
    listed = {"input": 500 * 2.5e-6, "cache": 400 * 2.5e-7 + 100 * 3.125e-6, "output": 100 * 1e-5}
    for part, amount in listed.items():
        assert line[f"{part}_cost"] == pytest.approx(0.3 * amount / sum(listed.values()))
    assert line["input_tokens"] == 500
    assert math.isnan(lines.at["nobody/knows", "input_cost"]) and lines.at["nobody/knows", "spend_usd"] == 2.0


def test_the_cache_saves_what_input_would_have_cost(make: Make) -> None:
    found = cost.savings(make([priced(spend_usd=0.3)]))
    assert isinstance(found, pd.DataFrame)
    assert found["saved_usd"].sum() == pytest.approx(500 * 2.5e-6 - (400 * 2.5e-7 + 100 * 3.125e-6))


def test_without_columns_of_the_cache_there_are_no_savings(make: Make) -> None:
    plan = Plan(WEEK, unavailable={"cache_tokens": "This version does not record it."})
    rows = [priced(spend_usd=0.3, cache_read_tokens=None, cache_creation_tokens=None)]
    costs = make(rows, plan)
    assert str(cost.savings(costs)) == str(Unavailable("This version does not record it."))
    assert not cost.split(costs).cached
    assert cost.split(costs).frame["input_tokens"].sum() == 1000


def test_a_spike_is_listed_for_all_it_touches(make: Make) -> None:
    plan = Plan(WEEK, history_days=56)
    spike = date(2026, 11, 18)
    rows = every_day(plan, lambda day: 40.0 if day == spike else 4.0 + (day.day % 3) / 10)
    found = cost.spikes(make(rows, plan))
    assert isinstance(found, pd.DataFrame)
    assert set(found["day"]) == {spike}
    assert set(found["what"]) == {"All usage", "Model m", "Team t-1", "User u1"}
    assert (found["spend_usd"] == 40).all() and found["rule"].str.contains("other Wednesdays").all()
    assert any("Wednesday 18 November was unusual" in text for text in cost.sentences(make(rows, plan)))


def test_spikes_need_days_to_know_what_is_usual(make: Make) -> None:
    found = cost.spikes(make([row(WEEK.end, 3.0)], Plan(Period(WEEK.end, WEEK.end))))
    assert isinstance(found, Unavailable) and "9 days" in found.reason


def test_a_dear_model_gets_a_cheaper_one_of_its_provider(make: Make) -> None:
    dear = priced(requests=10, prompt_tokens=100_000, completion_tokens=10_000, spend_usd=0.4)
    cheap = priced(model="openai/gpt-4o-mini", spend_usd=0.001, requests=10)
    frame = cost.advice(make([dear, cheap], keys=()))
    (line,) = frame.itertuples()
    assert line.what == "Use openai/gpt-4o-mini in the place of openai/gpt-4o"
    instead = 99_500 * 1.5e-7 + 10_000 * 6e-7 + 400 * 1.5e-8 + 100 * 1.5e-7 * 1.25
    assert line.saving_usd == pytest.approx(0.5 * (0.4 - instead))
    assert "50" in line.assumption
    assert cost.advice(make([dear, cheap], keys=()), Limits(dear_request_usd=0.05)).empty


def test_users_far_above_the_median_and_idle_keys_are_named(make: Make) -> None:
    rows = [row(WEEK.end, usd, user_id=f"u{n}", user_name=f"User {n}") for n, usd in enumerate([1.0, 1.0, 1.0, 7.0])]
    frame = cost.advice(make([*rows, row(WEEK.end, 90.0, user_id="")])).set_index("what")
    heavy = frame.loc["Talk to the users far above the others"]
    assert "User 3" in heavy["why"] and heavy["saving_usd"] == pytest.approx(7 - 3 * 1.0)
    assert "forgotten" in frame.loc["Withdraw idle keys", "why"]
    used_key = [row(WEEK.end, 1.0, key_id="k-idle")]
    assert "Withdraw idle keys" not in set(cost.advice(make(used_key))["what"])


# Key figures and sentences


def test_key_figures_of_a_plain_week(make: Make) -> None:
    plan = Plan(WEEK, users=8, history_days=56)
    rows, _ = usage_rows(plan)
    costs = make(rows, plan)
    now = [each for each in rows if each["day"] >= WEEK.start]
    before = [each for each in rows if WEEK.before().start <= each["day"] < WEEK.start]
    found = cost.metrics(costs)
    for name, value, previous in (
        ("spend_usd", *(math.fsum(each["spend_usd"] for each in part) for part in (now, before))),
        ("spend_per_day", *(math.fsum(each["spend_usd"] for each in part) / 7 for part in (now, before))),
        ("spend_per_request", *(_per(part, "requests") for part in (now, before))),
        (
            "spend_per_million_tokens",
            *(1e6 * _per(part, "prompt_tokens", "completion_tokens") for part in (now, before)),
        ),
    ):
        assert (found[name].value, found[name].previous) == (pytest.approx(value), pytest.approx(previous)), name
    assert list(found)[:7] == [
        "spend_usd", "spend_per_day", "spend_per_request", "spend_per_million_tokens",
        "spend_per_user", "month_projection", "budget_used",
    ]  # fmt: skip
    assert 3 <= len(cost.sentences(costs)) <= 5
    json.dumps([vars(metric) for metric in found.values()], allow_nan=False)


def _per(rows: list[Row], *names: str) -> float:
    return math.fsum(each["spend_usd"] for each in rows) / sum(each[name] for each in rows for name in names)


def test_nothing_used_is_said_and_free_usage_too(make: Make) -> None:
    assert cost.sentences(make([]))[0].startswith("**No usage was recorded**")
    free = cost.sentences(make([row(WEEK.end, 0.0), row(WEEK.before().end, 0.0)]))
    assert 3 <= len(free) <= 5


def test_every_term_is_explained_once() -> None:
    terms = cost.terms()
    assert {"Month", "Forecast", "Budget", "Volume, mix and price", "Cost"} <= set(terms)
    assert all(text.endswith(".") for text in terms.values())
