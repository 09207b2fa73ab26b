"""What stands out in a usage report, in sentences written from the data, and what its figures mean.

A sentence states figures that the report also shows; it judges nothing and guesses no cause.
"""

from __future__ import annotations

import math

import pandas as pd

from reports.kit import format as fmt
from reports.kit.cards import change_words
from reports.kit.datasets import Dataset
from reports.kit.markup import bold, quoted
from reports.kit.usage.rankings import ORDER_COLUMNS, Order, by_day, failures, hours_agree, order_of, ranking, unpriced
from reports.kit.usage.totals import Totals, totals
from reports.periods import in_words

MOST = 5  # sentences
NOTABLE_UNPRICED = 0.01  # of all tokens; less is left to its table
LEADERS = 10  # users whose share is named where there are clearly more
PEAK = 1.05  # times the middle hour or day; less is no peak


def sentences(data: Dataset, *, order: Order = "cost") -> list[str]:
    """Three to five sentences with **bold** figures: volume and cost, models, users, failures, unpriced or busiest.

    A period without usage gets the sentences that say so. `order` decides what "largest" means; where no cost is
    recorded, tokens and then requests take its place.
    """
    now = totals(data.daily)
    if not now.requests:
        return _nothing(data)
    by = order_of(data, order)
    found = [_volume(data, now), _models(data, by), _users(data, now, by), _failures(data, now)]
    found += [_unpriced(data, now), _busiest(data, now)]
    return [text for text in found if text][:MOST]


def _nothing(data: Dataset) -> list[str]:
    found = [f"**No usage was recorded** for {in_words(data.period)}."]
    if data.comparable and data.comparison:
        before = totals(data.previous).requests
        had = fmt.plural(before, "request") if before else "none either"
        found.append(f"The period before, {in_words(data.comparison)}, had {had}.")
    first, last = data.coverage.first_day, data.coverage.last_day
    if first and last:
        found.append(f"The source holds data from {fmt.day(first)} to {fmt.day(last)}.")
    return found


def _volume(data: Dataset, now: Totals) -> str:
    before = totals(data.previous) if data.comparable else None
    requests, cost = fmt.short(now.requests), fmt.money(now.spend_usd, data.currency)
    if before is None or not before.requests:
        people = _people(data, now)
        spent = f"cost **{cost}**" if now.spend_usd else "had no recorded cost"
        return f"**{fmt.plural(now.requests, 'request')}** from {people} {spent}; {_no_comparison(data)}."
    moved = _moved(now.requests, before.requests, requests, fmt.short(before.requests))
    if not now.spend_usd and not before.spend_usd:
        return f"Requests {moved}; no cost is recorded."
    spent = _moved(now.spend_usd, before.spend_usd, cost, fmt.money(before.spend_usd, data.currency))
    return f"Requests {moved}, and cost {spent}."


def _no_comparison(data: Dataset) -> str:
    if data.comparable:
        return "there was no usage in the period before"
    return "days without data leave nothing to compare with" if data.comparison else "it is compared with nothing"


def _moved(now: float, before: float, text: str, origin: str) -> str:
    words = change_words(now, before)
    if words == "new":
        return f"is new at **{text}**"
    if words == "steady":
        return f"stayed **steady** at **{text}** (from {origin})"
    return f"went **{words}** to **{text}** (from {origin})"


def _models(data: Dataset, by: Order) -> str:
    frame = ranking(data, "model", order=by).frame
    column = ORDER_COLUMNS[by]
    lead = frame.iloc[0]
    share = float(lead[column]) / math.fsum(frame[column]) * 100
    if len(frame) == 1:
        return f"All usage is of one model, {bold(lead['name'])}."
    text = f"{bold(lead['name'])} carries **{fmt.percent(share)}** of the {by}"
    if by != "requests":
        of_requests = lead["requests"] / frame["requests"].sum() * 100
        text += f" and {fmt.percent(of_requests)} of the requests"
    return text + _mover(data, frame) + "."


def _mover(data: Dataset, frame: pd.DataFrame) -> str:
    if "previous_spend_usd" not in frame or not frame["previous_spend_usd"].any():
        return ""  # from nothing, everything rose
    moves = frame["spend_usd"] - frame["previous_spend_usd"]
    place = int(moves.abs().to_numpy().argmax())
    move = float(moves.iloc[place])
    if not move:
        return ""
    way = "rose" if move > 0 else "fell"
    amount = fmt.money(abs(move), data.currency)
    whose = f"the cost of {quoted(frame['name'].iloc[place])}" if place else "its cost"
    return f"; {whose} {way} most, by {amount}"


def _people(data: Dataset, now: Totals) -> str:
    """Who made the requests, with those that no user is known for."""
    unknown = data.daily.loc[data.daily["user_id"] == "", "requests"].sum() > 0
    if not unknown:
        return fmt.plural(now.active_users, "user")
    return f"{fmt.plural(now.active_users, 'user')} and unknown ones" if now.active_users else "unknown users"


def _users(data: Dataset, now: Totals, by: Order) -> str:
    frame = ranking(data, "user", order=by).frame
    column, whole = ORDER_COLUMNS[by], float(math.fsum(frame[ORDER_COLUMNS[by]]))
    known = frame[frame["id"] != ""]
    if known.empty or not whole:
        return "No request could be traced to a known user." if known.empty else ""
    lead = known.iloc[0]
    if len(frame) == 1:
        return f"All usage is of one user, {bold(lead['name'])}."
    share = fmt.percent(float(lead[column]) / whole * 100)
    who = f"{bold(lead['name'])} leads with {share}"
    if now.active_users <= 2 * LEADERS:
        return f"Of {fmt.plural(now.active_users, 'active user')}, {who} of the {by}."
    leaders = fmt.percent(math.fsum(known[column].head(LEADERS)) / whole * 100)
    return f"The ten largest of {fmt.plural(now.active_users, 'user')} make **{leaders}** of the {by}; {who}."


def _failures(data: Dataset, now: Totals) -> str:
    if not data.has("success_rate"):
        return ""
    if not now.failures:
        return none_failed(now.requests)
    rate = fmt.percent(now.failures / now.requests * 100)
    by_model = failures(data, "model").query("failures > 0")
    model, count = str(by_model["name"].iloc[0]), int(by_model["failures"].iloc[0])
    many = f"**{fmt.plural(now.failures, 'request')} failed**, {rate} of all"
    if now.requests == 1:
        return f"**The one request failed**, on {quoted(model)}."
    if len(by_model) == 1:
        return f"{many}, {'each of them ' if now.failures > 1 else ''}on {quoted(model)}."
    if count == int(by_model["failures"].iloc[1]):
        return f"{many}, on {fmt.plural(len(by_model), 'model')}."
    return f"{many}; the most, {fmt.short(count)}, on {quoted(model)}."


def none_failed(requests: int) -> str:
    """That all of so many requests succeeded."""
    if requests == 1:
        return "**The one request succeeded.**"
    return f"**None of the {fmt.short(requests)} requests failed.**"


def _unpriced(data: Dataset, now: Totals) -> str:
    frame = unpriced(data)
    tokens = int(frame["unpriced_tokens"].sum())
    if not now.total_tokens or tokens / now.total_tokens < NOTABLE_UNPRICED:
        return ""
    listed = frame["list_price_usd"].dropna()
    price = f", worth {fmt.money(math.fsum(listed), data.currency)} at list price" if len(listed) else ""
    models = sorted(frame["model"].unique())
    where = quoted(models[0]) if len(models) == 1 else fmt.plural(len(models), "model")
    share = fmt.percent(tokens / now.total_tokens * 100)
    return f"**{share} of the tokens carry no cost**: {fmt.short(tokens)} on {where}{price}."


def _busiest(data: Dataset, now: Totals) -> str:
    if now.requests == 1:
        return ""
    if data.hourly is not None and hours_agree(data):
        series = data.hourly.groupby("hour")["requests"].sum()
        steps = pd.date_range(data.period.start, periods=data.period.days * 24, freq="h").as_unit("s")
        return _peak(series.reindex(steps, fill_value=0), "hour")
    series = by_day(data).set_index("day")["requests"].dropna()
    return _peak(series, "day") if len(series) > 1 else ""


def _peak(series: pd.Series, step: str) -> str:
    at, most = pd.DatetimeIndex(series.index)[int(series.to_numpy().argmax())], float(series.max())
    middle = float(series.median())
    when = fmt.long_day(at.date()) + (f", {at:%H}:00" if step == "hour" else "")
    text = f"The busiest {step} was **{when}** with {fmt.plural(int(most), 'request')}"
    if middle > 0 and most / middle >= PEAK:
        text += f", {most / middle:.1f} times the middle {step}"
    return text + "."


def terms() -> dict[str, str]:
    """What the figures of a usage report mean, by term."""
    return {
        "Change": "(current − previous) / previous × 100, against the same number of days immediately before, with the "
        "same filters. Within 1 % counts as steady; from zero counts as new. Rates move by percentage points.",
        "Cost": "As stored by the source, at its prices; never converted to another currency. Usage with tokens and no "
        "cost is listed as unpriced.",
        "Tokens": "Prompt plus completion tokens. Prompt tokens include those read from and written to a cache; failed "
        "requests can have some.",
        "Success rate": "Successful requests / all requests × 100.",
        "Active users": "Users with at least one request. Requests whose key belongs to nobody count in every total, "
        "and are listed as Unknown user.",
        "Models": "Model names with at least one request, as the source names them.",
        "Missing days": "Days the source has no data for. They are named and hatched, and never shown as zero.",
    }
