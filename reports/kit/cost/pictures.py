"""The charts of a cost report: the course of the cost, what drove it, who makes it, where it may go."""

from __future__ import annotations

import calendar
from dataclasses import replace
from datetime import date, timedelta
from itertools import accumulate

import pandas as pd

from reports.kit import format as fmt
from reports.kit.charts import Course, Drawing, Steps, Unavailable, cumulative, outlook, pareto, step_bars
from reports.kit.cost.budgets import allowance
from reports.kit.cost.drivers import causes, drivers
from reports.kit.cost.study import Costs
from reports.kit.usage.rankings import by_day, by_hour, hours_agree, ranking
from reports.model import Period

CAUSE_WORDS = {"volume": "volume (tokens)", "mix": "mix of models", "price": "price of a token"}
HOURS = 24
NO_USAGE = "No usage was recorded in this period."


def course(costs: Costs) -> Drawing | Unavailable:
    """Cost added up over the period, against the period before and the budget's share; of a single day by the hour."""
    data = costs.data
    if not costs.now.requests:
        return Unavailable(NO_USAGE, nothing=True)
    if data.period.days == 1 and not hours_agree(data):
        why = data.why_not("hourly") if not data.has("hourly") else "The hours do not hold all of the cost."
        return Unavailable(f"A single day has a course only by the hour. {why}")
    hours = data.period.days == 1
    now = Course(fmt.short_days(data.period), _by_hour(costs) if hours else _added(by_day(data)["spend_usd"]))
    steps = Steps([f"{hour:02d}:00" for hour in range(HOURS)], zone=data.period.zone) if hours else _days(data.period)
    before = _before(costs, hours)
    budget, note = _budget(costs, hours)
    drawn = cumulative(now, before, budget, steps, costs.measure)
    return replace(drawn, note=note) if isinstance(drawn, Drawing) and note else drawn


def _days(period: Period) -> Steps:
    days = [period.start + timedelta(days=number) for number in range(period.days)]
    return Steps([fmt.day(day) for day in days], days)


def _added(days: pd.Series) -> list[float | None]:
    """Sums so far; a missing day has none, and those after it lack what it cost."""
    known = [None if fmt.is_missing(value) else float(value) for value in days]
    sums = list(accumulate(value or 0.0 for value in known))
    return [None if value is None else total for value, total in zip(known, sums, strict=True)]


def _by_hour(costs: Costs) -> list[float | None]:
    return _added(by_hour(costs.data)["spend_usd"])


def _before(costs: Costs, hours: bool) -> Course | None:
    data = costs.data
    if not data.comparable or data.comparison is None:
        return None
    if hours:
        rows = data.previous_hourly
        if rows is None:
            return None
        sums = rows.groupby(rows["hour"].dt.hour)["spend_usd"].sum().reindex(range(HOURS), fill_value=0.0)
        return Course(fmt.short_days(data.comparison), _added(sums))
    return Course(fmt.short_days(data.comparison), _added(by_day(data, previous=True)["spend_usd"]))


def _budget(costs: Costs, hours: bool) -> tuple[Course | None, str]:
    """The monthly budget's share of the days so far; or why the chart has no such line."""
    found = allowance(costs)
    if isinstance(found, Unavailable):
        return None, f"No line for the budget: {found.reason[:1].lower()}{found.reason[1:]}"
    amount, name = found
    period = costs.data.period
    if hours:
        share = amount / _month_days(period.end) / HOURS
        return Course(name, [share * (hour + 1) for hour in range(HOURS)]), ""
    days = [period.start + timedelta(days=number) for number in range(period.days)]
    return Course(name, list(accumulate(amount / _month_days(day) for day in days))), ""


def _month_days(day: date) -> int:
    return calendar.monthrange(day.year, day.month)[1]


def change_steps(costs: Costs) -> Drawing | Unavailable:
    """From the cost of the period before to that of this one: volume, mix and price, which add up to the change."""
    found = drivers(costs)
    if isinstance(found, Unavailable):
        return found
    data = costs.data
    assert data.comparison is not None and costs.before is not None
    parts = [(CAUSE_WORDS[cause], amount) for cause, amount in causes(found).items()]
    start = (fmt.short_days(data.comparison), costs.before.spend_usd)
    return step_bars(start, parts, fmt.short_days(data.period), costs.measure)


def spenders(costs: Costs) -> Drawing | Unavailable:
    """Users by their share of the cost, and how these add up."""
    found = ranking(costs.data, "user").frame
    return pareto(found.set_index("name")["spend_usd"], costs.measure, ("spender", "spenders"))


def forecast_chart(costs: Costs) -> Drawing | Unavailable:
    """Cost of the last weeks and what is expected, with its interval; how good that was before is written above it."""
    if isinstance(costs.outlook, Unavailable):
        return costs.outlook
    return outlook(costs.days, costs.outlook, costs.measure)
