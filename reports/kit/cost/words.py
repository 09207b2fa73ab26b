"""What stands out in the cost, in sentences written from the data, and what its figures mean."""

from __future__ import annotations

from reports.kit import format as fmt
from reports.kit import usage
from reports.kit.cards import change_words
from reports.kit.charts import Unavailable
from reports.kit.cost.budgets import burn
from reports.kit.cost.drivers import causes, drivers
from reports.kit.cost.splits import spikes
from reports.kit.cost.study import Costs
from reports.kit.markup import bold, quoted
from reports.kit.usage.rankings import ranking

MOST = 5  # sentences
FEW = 3
CAUSES = {  # of a rise, of a fall
    "volume": ("More tokens", "Fewer tokens"),
    "mix": ("A dearer mix of models", "A cheaper mix of models"),
    "price": ("Dearer tokens of the same models", "Cheaper tokens of the same models"),
}


def sentences(costs: Costs) -> list[str]:
    """Three to five sentences: the cost and what drove it, who makes it, where the month leads, budgets, spikes."""
    if not costs.now.requests:
        return usage.sentences(costs.data)
    if not costs.now.spend_usd:
        return usage.sentences(costs.data, order="tokens")
    found = [_cost(costs), _drivers(costs), _month(costs), _budgets(costs), _spikes(costs), _leader(costs)]
    kept = [text for text in found if text][:MOST]
    if len(kept) < FEW:
        kept += [text for text in usage.sentences(costs.data)[1:] if text not in kept]
    return kept[:MOST]


def _money(costs: Costs, amount: float) -> str:
    return fmt.money(amount, costs.data.currency)


def _cost(costs: Costs) -> str:
    now, before = costs.now.spend_usd, costs.before
    text = f"**{fmt.plural(costs.now.requests, 'request')}** cost **{_money(costs, now)}**"
    if before is None:
        return f"{text}; there is no complete period before to compare with."
    words = change_words(now, before.spend_usd)
    if words == "new":
        return f"{text}; the period before cost nothing."
    return f"{text}, **{words}** from {_money(costs, before.spend_usd)}."


def _drivers(costs: Costs) -> str:
    frame = drivers(costs)
    if isinstance(frame, Unavailable) or frame.empty:
        return ""
    name, amount = max(causes(frame).items(), key=lambda each: abs(each[1]))
    if not amount:
        return ""
    model = frame.iloc[0]
    way, moved = "raised" if amount > 0 else "lowered", "rose" if model["change"] > 0 else "fell"
    text = f"{CAUSES[name][amount < 0]} **{way} the cost by {_money(costs, abs(amount))}**, the most of three causes"
    if len(frame) == 1 or not model["change"]:
        return f"{text}."
    return f"{text}; the cost of {quoted(model['name'])} {moved} most, by {_money(costs, abs(model['change']))}."


def _month(costs: Costs) -> str:
    month = costs.month
    if isinstance(month.expected, Unavailable):
        return ""
    whole = (month.period.start, month.period.end) == (costs.data.period.start, costs.data.period.end)
    if whole and not month.missing:
        return ""  # its cost was said
    if not month.days_left:
        return f"{month.name} has cost **{_money(costs, month.expected.value)}** in all."
    bounds = month.expected
    value, low, high = (_money(costs, each) for each in (bounds.value, bounds.low, bounds.high))
    within = f" (between {low} and {high})" if low != high else ""
    text = f"{month.name} is expected to cost **{value}**{within}"
    if month.missing:
        estimated = _money(costs, month.estimated)
        return f"{text}, {estimated} of it estimated for {fmt.plural(month.missing, 'day')} without data."
    return f"{text}, of which {_money(costs, month.spent)} is spent."


def _budgets(costs: Costs) -> str:
    frame = burn(costs)
    if isinstance(frame, Unavailable):
        return ""
    over, soon = (list(frame.loc[frame["state"] == state, "team"]) for state in ("over budget", "on course to exceed"))
    parts = [f"{fmt.listed([bold(name) for name in over[:3]])} {_is(over)} over budget"] if over else []
    if soon:
        budgets = "its budget" if len(soon) == 1 else "their budgets"
        parts.append(f"{fmt.listed([bold(name) for name in soon[:3]])} {_is(soon)} on course to exceed {budgets}")
    return f"{' and '.join(parts)}." if parts else ""


def _is(names: list[str]) -> str:
    return "is" if len(names) == 1 else "are"


def _spikes(costs: Costs) -> str:
    frame = spikes(costs)
    if isinstance(frame, Unavailable) or frame.empty:
        return ""
    top = frame.iloc[0]
    what = quoted(top["what"])
    usual = _money(costs, float(top["usual_usd"]))
    cost = _money(costs, float(top["spend_usd"]))
    return f"**{fmt.long_day(top['day'])} was unusual**: {what[:1].lower()}{what[1:]} cost {cost}, usually {usual}."


def _leader(costs: Costs) -> str:
    frame = ranking(costs.data, "team").frame
    frame = frame[frame["id"] != ""]
    if len(frame) < 2:
        return ""
    lead = frame.iloc[0]
    share = fmt.percent(float(lead["spend_usd"]) / costs.now.spend_usd * 100)
    return f"Of {fmt.plural(len(frame), 'team')}, {bold(lead['name'])} makes {share} of the cost."


def terms() -> dict[str, str]:
    """What the figures of a cost report mean, by term; those of `kit.usage.terms` follow."""
    return {
        "Average a day": "Cost / days of the period with data.",
        "Cost per active user": "All cost, that of unknown users included, / users with at least one request.",
        "Month": "The calendar month of the period's last day: what its days so far cost, plus the forecast for the "
        "rest. The interval is that of the forecast; days without data are estimated, not zero.",
        "Forecast": "Methods are tried on the days before: exponential smoothing with a weekly season, repeating last "
        "week, repeating the last day, and means of these. The mean of all is used unless another is clearly better. "
        "WAPE = sum of |actual − forecast| / sum of actual × 100, over forecasts from earlier days that knew nothing "
        "of what came after. The interval is as wide as the errors of these forecasts, and wider where they span few "
        "weeks, so that about the named share of the days to come lies within it.",
        "Budget": "Team budgets as the source keeps them, counted in their own days: a calendar month, an ISO week or "
        "a day. At this pace = spent / days so far × days of the budget. A monthly budget set for the report itself "
        "comes first.",
        "Volume, mix and price": "Volume: more or fewer tokens, spread over models and priced as before. Mix: other "
        "models than before, at the prices before; a new model is all mix. Price: the same models at another price of "
        "a token, by list price, caching, or longer and shorter answers. The three add up to the change.",
        "Cost of input, cache and output": "Sources store one amount; it is split in proportion to list prices.",
        "Cache savings": "Tokens read from and written to the cache at the list price of input, less what they cost "
        "at the cache's own list prices.",
        "Spikes": "Robust score = 0.6745 × (value − median) / median absolute deviation, above 3.5 (Iglewicz and "
        "Hoaglin 1993), against the same weekday where five others are known, and a quarter above that median or more.",
        **{term: text for term, text in usage.terms().items() if term not in {"Success rate", "Models"}},
    }
