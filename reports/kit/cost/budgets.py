"""Budgets and how fast they burn: what teams may spend, what they have spent, where that leads.

A budget counts all usage of a team, so a report that is filtered to some of it says nothing of budgets.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import date

import pandas as pd

from reports.kit import format as fmt
from reports.kit.charts import Unavailable
from reports.kit.cost.study import Costs, month_of, week_of
from reports.model import Period

COLUMNS = (
    "team_id",
    "team",
    "budget_usd",
    "window",
    "spent_usd",
    "used",
    "elapsed",
    "expected_usd",
    "state",
)
MONTHS, WEEKS, DAYS = {"1mo", "30d", "31d"}, {"7d", "1w"}, {"1d", "24h"}  # as LiteLLM resets them: at its calendar


@dataclass(frozen=True)
class Use:
    """How much of which budget is used: percent, and a few words on the budget."""

    percent: float
    words: str


def burn(costs: Costs) -> pd.DataFrame | Unavailable:
    """Teams with a budget, the most used first: COLUMNS; `used` and `elapsed` in percent.

    spent_usd: cost of the team in the budget's own days up to the period's end; for a budget that is never reset, what
    the source itself has counted. expected_usd = spent / days so far * days of the window: the pace so far, kept up.
    """
    found = costs.register("budgets")
    other = costs.filtered_by("team_ids")
    if isinstance(found, Unavailable):
        return found
    if other:
        return Unavailable(f"A budget counts all usage of a team, and this report holds that of some {other} only.")
    spent = costs.data.sums(["day", "team_id"], ["spend_usd"])
    rows = [_row(costs, team, spent[spent["team_id"] == team.team_id]) for team in found.itertuples(index=False)]
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    return frame.sort_values(["used", "team"], ascending=[False, True], kind="stable", ignore_index=True)


def window(duration: str, day: date) -> Period | None:
    """The days a budget is for, those around `day`; None for one that is never reset, or not with the calendar."""
    duration = re.sub(r"\s", "", duration.lower())
    if duration in MONTHS:
        return month_of(day)
    if duration in WEEKS:
        return week_of(day)
    return Period(day, day) if duration in DAYS else None


def _row(costs: Costs, team: tuple[object, ...], days: pd.DataFrame) -> tuple[object, ...]:
    team_id, name, budget, duration, counted = team
    last = costs.data.period.end
    span = window(str(duration), last)
    budget = float(str(budget))
    if span is None:
        words = f"every {duration}, as the source counts it" if duration else "never reset, as the source counts it"
        spent = math.nan if fmt.is_missing(counted) else float(str(counted))
        return _judged((team_id, name or team_id, budget, words, spent), None, None)
    inside = days[(days["day"] >= pd.Timestamp(span.start)) & (days["day"] <= pd.Timestamp(last))]
    gone = (last - span.start).days + 1
    unknown = len(costs.data.coverage.missing(Period(span.start, last)))
    spent = math.fsum(inside["spend_usd"]) if unknown < gone else math.nan
    return _judged((team_id, name or team_id, budget, _words(span), spent), gone / span.days, spent / gone * span.days)


def _judged(row: tuple[object, ...], elapsed: float | None, expected: float | None) -> tuple[object, ...]:
    budget, spent = float(str(row[2])), float(str(row[4]))
    used = spent / budget * 100 if budget else math.inf if spent else 0.0
    state = "within"
    if math.isnan(spent):
        state = "not counted"
    elif spent > budget:
        state = "over budget"
    elif expected is not None and expected > budget:
        state = "on course to exceed"
    return (
        *row,
        used,
        math.nan if elapsed is None else elapsed * 100,
        math.nan if expected is None else expected,
        state,
    )


def _words(span: Period) -> str:
    if span.days == 1:
        return fmt.short_day(span.start)
    return fmt.short_days(span) if span.days < 28 else f"{fmt.MONTHS[span.start.month - 1]} {span.start.year}"


def used(costs: Costs) -> Use | Unavailable:
    """The share of the budget that is used: of the monthly budget if one is set, else of all team budgets together."""
    if costs.monthly_budget:
        month = costs.month
        words = f"of {fmt.money(costs.monthly_budget, costs.data.currency)} for {month.name}"
        return Use(month.spent / costs.monthly_budget * 100, words)
    found = burn(costs)
    if isinstance(found, Unavailable):
        return found
    known = found.dropna(subset=["spent_usd"])
    budget = math.fsum(known["budget_usd"])
    if not budget:
        return Unavailable("No team has a budget above zero whose use is known.")
    words = f"of {fmt.money(budget, costs.data.currency)} for {fmt.plural(len(known), 'team')} with a budget"
    return Use(math.fsum(known["spent_usd"]) / budget * 100, words)


def allowance(costs: Costs) -> tuple[float, str] | Unavailable:
    """Money for a calendar month that all cost of the report stands against, and what it is called.

    Team budgets only count as that where every cost is of a team that has one, and all are monthly.
    """
    if costs.monthly_budget:
        return costs.monthly_budget, "share of the budget"
    found = burn(costs)
    if isinstance(found, Unavailable):
        return found
    budgets = costs.register("budgets")
    assert isinstance(budgets, pd.DataFrame)
    monthly = budgets[[duration in MONTHS for duration in budgets["budget_duration"]]]
    if monthly.empty:
        return Unavailable("The team budgets are not for a calendar month.")
    rows = costs.data.daily
    covered = math.fsum(rows.loc[rows["team_id"].isin(set(monthly["team_id"])), "spend_usd"])
    if not math.isclose(covered, costs.now.spend_usd, rel_tol=1e-9):
        share = covered / costs.now.spend_usd * 100 if costs.now.spend_usd else 0.0
        return Unavailable(f"Teams with a monthly budget make {fmt.percent(share)} of the cost.")
    return math.fsum(monthly["max_budget_usd"]), "team budgets' share"
