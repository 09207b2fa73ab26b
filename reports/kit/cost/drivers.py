"""What changed the cost: more or less use, other models, other prices. The three add up to the change, exactly."""

from __future__ import annotations

import math

import pandas as pd

from reports.kit.charts import Unavailable
from reports.kit.cost.study import Costs
from reports.kit.usage.rankings import DIMENSIONS, summed
from reports.kit.usage.tables import NO_USAGE

KEYS = ["model", "provider"]
CAUSES = ("volume", "mix", "price")


def drivers(costs: Costs) -> pd.DataFrame | Unavailable:
    """The change in cost by model and provider: name, previous_usd, volume, mix, price, change, spend_usd.

    With S cost, Q tokens of all models and s, q, p = s / q those of one, 0 before and 1 now:
    volume = (Q1 / Q0 - 1) * s0, more or fewer tokens spread over models as before;
    mix = q1 * p0 - Q1 / Q0 * s0, other models than before, at the prices before;
    price = s1 - q1 * p0, another price of a token: list prices, caching, and longer or shorter answers.
    A model that is new has no price before: p0 = p1, so all of it is mix. So volume + mix + price = s1 - s0 in each
    row, and S1 - S0 in all (the price-volume-mix analysis of management accounting).
    """
    data = costs.data
    if costs.before is None:
        return Unavailable(
            "Days without data leave nothing to compare with." if data.comparison else "The report compares nothing."
        )
    now, then = _sums(data.daily).add_suffix("_now"), _sums(data.previous).add_suffix("_before")
    if not costs.before.total_tokens and not costs.now.requests:
        return Unavailable(NO_USAGE, nothing=True)
    if not costs.before.total_tokens:
        return Unavailable("There were no tokens in the period before to compare with.", nothing=True)
    if not costs.before.spend_usd and not costs.now.spend_usd:
        return Unavailable("No cost is recorded in either period.", nothing=True)
    both = now.join(then, how="outer").fillna(0.0).reset_index()
    s1, s0 = both["spend_usd_now"], both["spend_usd_before"]
    q1, q0 = both["total_tokens_now"], both["total_tokens_before"]
    growth = costs.now.total_tokens / costs.before.total_tokens
    price_now = (s1 / q1.where(q1 > 0)).fillna(0.0)
    price_before = (s0 / q0.where(q0 > 0)).fillna(price_now)
    frame = pd.DataFrame(
        {
            "name": _names(both),
            "previous_usd": s0,
            "volume": (growth - 1) * s0,
            "mix": q1 * price_before - growth * s0,
            "price": s1 - q1 * price_before,
            "change": s1 - s0,
            "spend_usd": s1,
        }
    )
    frame = frame[(frame["previous_usd"] != 0) | (frame["spend_usd"] != 0)]
    order = frame["change"].abs().sort_values(ascending=False, kind="stable").index
    return frame.loc[order].reset_index(drop=True)


def _sums(rows: pd.DataFrame) -> pd.DataFrame:
    found = summed(rows, KEYS)
    found[KEYS] = found[KEYS].astype("object")  # the categories of two periods are not the same
    return found.set_index(KEYS)[["spend_usd", "total_tokens"]].astype("float64")


def causes(frame: pd.DataFrame) -> dict[str, float]:
    """Volume, mix and price of all models together."""
    return {cause: math.fsum(frame[cause]) for cause in CAUSES}


def _names(both: pd.DataFrame) -> list[str]:
    models = both["model"].where(both["model"] != "", DIMENSIONS["model"].unnamed)
    several = models.duplicated(keep=False)
    providers = both["provider"].where(both["provider"] != "", DIMENSIONS["provider"].unnamed)
    return [
        f"{model} ({provider})" if twice else model
        for model, provider, twice in zip(models, providers, several, strict=True)
    ]
