"""Where money could be saved, each with its figures and what it assumes. It does not judge how good answers are."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pandas as pd

from reports.kit import format as fmt
from reports.kit.charts import Unavailable
from reports.kit.cost.splits import split
from reports.kit.cost.study import Costs
from reports.kit.usage.rankings import ranking

COLUMNS = ("what", "why", "saving_usd", "assumption")
NAMED = 5  # users and keys that are named; the rest is counted
IDLE_DAYS = 7  # with fewer, nobody can be said to be idle
CHEAPER = 0.5  # of the cost at most, for another model to be worth a name
LEAST_USERS = 3  # a median of fewer says nothing


@dataclass(frozen=True)
class Limits:
    """What recommendations go by: USD a request from which a model counts as dear, times the median user's cost, and
    the share of a dear model's requests that is taken to be movable."""

    dear_request_usd: float = 0.01
    times_median: float = 3.0
    movable: float = 0.5


def advice(costs: Costs, limits: Limits | None = None) -> pd.DataFrame:
    """COLUMNS, the greatest saving first; saving_usd is for the period, NaN where none can be told."""
    limits = limits or Limits()
    rows = [*_cheaper(costs, limits), *_heavy(costs, limits), *_idle(costs)]
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    frame["saving_usd"] = frame["saving_usd"].astype("float64")
    return frame.sort_values("saving_usd", ascending=False, kind="stable", na_position="last", ignore_index=True)


def _cheaper(costs: Costs, limits: Limits) -> list[tuple[object, ...]]:
    """A cheaper model of those in use, for each whose request costs too much."""
    models = split(costs).frame
    rows: list[tuple[object, ...]] = []
    for model in models.itertuples(index=False):
        requests, spent = float(str(model.requests)), float(str(model.spend_usd))
        if not requests or spent / requests <= limits.dear_request_usd:
            continue
        others = models.assign(instead=_at_price_of(models, model))
        others = others[(others["instead"] < CHEAPER * spent) & (others["model"] != model.model)]
        same = others[others["provider"] == model.provider]
        if others.empty:
            continue
        best = (same if len(same) else others).sort_values("instead", kind="stable").iloc[-1]
        saving = limits.movable * (spent - float(best["instead"]))
        money = costs.data.currency
        why = (
            f"A request costs {fmt.money(spent / requests, money)}; with {best['model']} its tokens would cost "
            f"{fmt.money(float(best['instead']) / requests, money)} by list price"
        )
        share = fmt.percent(limits.movable * 100, 0)
        assumption = f"{share} of its requests can move, with as many tokens and good enough answers; list prices hold"
        rows.append((f"Use {best['model']} in the place of {model.model}", why, saving, assumption))
    return rows


def _at_price_of(models: pd.DataFrame, model: object) -> pd.Series:
    """What the tokens of `model` would cost at each model's list prices; NaN where it has none."""

    def tokens(name: str) -> float:
        return float(getattr(model, name))

    whole: pd.Series = (
        tokens("input_tokens") * models["input_usd"]
        + tokens("completion_tokens") * models["output_usd"]
        + tokens("cache_read_tokens") * models["cache_read_usd"]
        + tokens("cache_creation_tokens") * models["cache_creation_usd"]
    )
    return whole


def _heavy(costs: Costs, limits: Limits) -> list[tuple[object, ...]]:
    """Users who cost several times the median user."""
    users = ranking(costs.data, "user").frame
    spent = users[(users["id"] != "") & (users["spend_usd"] > 0)]
    if len(spent) < LEAST_USERS:
        return []
    middle = float(spent["spend_usd"].median())
    line = limits.times_median * middle
    heavy = spent[spent["spend_usd"] > line]
    if heavy.empty:
        return []
    above = math.fsum(heavy["spend_usd"]) - line * len(heavy)
    money = costs.data.currency
    why = (
        f"{fmt.plural(len(heavy), 'user')} cost more than {limits.times_median:g} times the median user "
        f"({fmt.money(middle, money)}): {_named(list(heavy['name']))}"
    )
    assumption = f"Each of them can do with {limits.times_median:g} times the median, {fmt.money(line, money)}"
    return [("Talk to the users far above the others", why, above, assumption)]


def _idle(costs: Costs) -> list[tuple[object, ...]]:
    """Keys the source knows that no request was made with on all the days there are, history included."""
    keys = costs.register("keys")
    known = len(costs.days)
    if isinstance(keys, Unavailable) or known < IDLE_DAYS or costs.filtered_by("user_ids", "team_ids", "key_aliases"):
        return []
    requests = costs.data.sums(["key_id"], ["requests"])
    used = set(requests.loc[requests["requests"] > 0, "key_id"])
    idle = keys[~keys["key_id"].isin(used)]
    if idle.empty:
        return []
    names = [alias or ident for alias, ident in zip(idle["key_alias"], idle["key_id"], strict=True)]
    why = f"{fmt.plural(len(idle), 'key')} without a request in {fmt.plural(known, 'day')}: {_named(names)}"
    return [("Withdraw idle keys", why, math.nan, "Nobody needs them; an idle key costs nothing and can be stolen")]


def _named(names: list[str]) -> str:
    more = [f"{len(names) - NAMED} more"] if len(names) > NAMED else []
    return fmt.listed([*names[:NAMED], *more])
