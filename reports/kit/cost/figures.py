"""The key figures of a cost report, each against the period before where that can be compared."""

from __future__ import annotations

from collections.abc import Callable

from reports.kit import format as fmt
from reports.kit import usage
from reports.kit.cards import metric
from reports.kit.charts import Unavailable
from reports.kit.cost.budgets import used
from reports.kit.cost.study import Costs
from reports.kit.usage.totals import Totals
from reports.results import Metric

MILLION = 1_000_000
RATES: dict[str, tuple[str, Callable[[Totals], int], float, str]] = {  # name -> label, divisor, times, "no ..."
    "spend_per_request": ("Cost per request", lambda of: of.requests, 1, "no requests"),
    "spend_per_million_tokens": ("Cost per 1M tokens", lambda of: of.total_tokens, MILLION, "no tokens"),
    "spend_per_user": ("Cost per active user", lambda of: of.active_users, 1, "no known user"),
}


def metrics(costs: Costs) -> dict[str, Metric]:
    """Every figure by name. Those of a cost report come first: spend_usd, spend_per_day, spend_per_request,
    spend_per_million_tokens, spend_per_user, month_projection (all usd), budget_used (percent).

    The figures of `kit.usage.metrics` follow.
    """
    others = usage.metrics(costs.data)
    before, days = costs.before, costs.known_days
    own = {
        "spend_usd": others.pop("spend_usd"),
        "spend_per_day": metric(
            "spend_per_day",
            "Average a day",
            costs.now.spend_usd / days if days else None,
            None if before is None else before.spend_usd / costs.data.period.days,
            unit="usd",
            note="" if days else "no day with data",
        ),
        **{name: _rate(costs, name) for name in RATES},
        "month_projection": _projection(costs),
        "budget_used": _budget(costs),
    }
    return own | others


def _rate(costs: Costs, name: str) -> Metric:
    label, divisor, times, nothing = RATES[name]
    now, before = (
        None if of is None or not divisor(of) else of.spend_usd / divisor(of) * times
        for of in (costs.now, costs.before)
    )
    return metric(name, label, now, before, unit="usd", note=nothing if now is None else "")


def _projection(costs: Costs) -> Metric:
    month = costs.month
    label = f"Expected for {month.name}" if month.days_left else f"Cost of {month.name}"
    if isinstance(month.expected, Unavailable):
        known = costs.days.dropna()
        note = "no cost is recorded" if len(known) and not known.any() else "too little history for a forecast"
        return metric("month_projection", label, None, unit="usd", note=note)
    low, high = (fmt.money(value, costs.data.currency) for value in (month.expected.low, month.expected.high))
    note = f"between {low} and {high}" if month.days_left else "the month is complete"
    return metric("month_projection", label, month.expected.value, unit="usd", note=note)


def _budget(costs: Costs) -> Metric:
    found = used(costs)
    if isinstance(found, Unavailable):
        return metric("budget_used", "Budget used", None, unit="percent", note="no budget known")
    return metric("budget_used", "Budget used", found.percent, unit="percent", note=found.words)
