"""What the cost is made of: input, output and cache by list price, what the cache saved, and days out of line."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pandas as pd

from reports.kit.anomalies import LEAST, anomalies
from reports.kit.charts import Unavailable
from reports.kit.cost.study import Costs
from reports.kit.usage.rankings import DIMENSIONS, named

MODEL_KEYS = ["model", "provider"]
TOKENS = ["prompt_tokens", "completion_tokens", "cache_read_tokens", "cache_creation_tokens"]
PARTS = ("input", "cache", "output")
NOTABLE = 0.01  # of the period's cost a day: smaller spikes are left out, and so are users, teams and models below it
RISE = 0.25  # above what is usual, at least: smaller ones are no news, however regular the days before
SEEN = {"model": "Model", "team": "Team", "user": "User"}


@dataclass(frozen=True)
class Split:
    """Tokens and cost by model. `cached` is False where the source does not tell tokens of the cache."""

    frame: pd.DataFrame
    cached: bool


def split(costs: Costs) -> Split:
    """By model, the largest cost first: model, provider, the tokens of each kind, spend_usd and its parts.

    input_tokens = prompt_tokens - cache_read_tokens - cache_creation_tokens. The source stores one amount for all: it
    is split in proportion to what each kind would cost by list price; NaN where the model has no list price.
    """
    frame = _by_model(costs)
    cached = costs.data.has("cache_tokens") and bool(frame[TOKENS[2:]].notna().any().any())
    frame[TOKENS[2:]] = frame[TOKENS[2:]].fillna(0.0)
    read, created = frame["cache_read_tokens"], frame["cache_creation_tokens"]
    frame["input_tokens"] = (frame["prompt_tokens"] - read - created).clip(lower=0)
    listed = {
        "input": frame["input_tokens"] * frame["input_usd"],
        "cache": read * frame["cache_read_usd"] + created * frame["cache_creation_usd"],
        "output": frame["completion_tokens"] * frame["output_usd"],
    }
    whole = sum(listed.values(), start=pd.Series(0.0, index=frame.index))
    for part in PARTS:
        frame[f"{part}_cost"] = frame["spend_usd"] * listed[part] / whole.where(whole > 0)
    return Split(frame, cached)


def savings(costs: Costs) -> pd.DataFrame | Unavailable:
    """What the cache saved by list price, by model with such tokens: full_usd, paid_usd and saved_usd = full - paid.

    full_usd: all cache tokens at the price of input; paid_usd: those read and those written at their own prices.
    """
    if not costs.data.has("cache_tokens"):
        return Unavailable(costs.data.why_not("cache_tokens"))
    found = split(costs)
    if not found.cached:
        return Unavailable("The source does not tell tokens of the cache from others.")
    frame = found.frame
    read, created = frame["cache_read_tokens"], frame["cache_creation_tokens"]
    frame = frame.assign(
        full_usd=(read + created) * frame["input_usd"],
        paid_usd=read * frame["cache_read_usd"] + created * frame["cache_creation_usd"],
    )
    frame["saved_usd"] = frame["full_usd"] - frame["paid_usd"]
    frame = frame[(read + created) > 0]
    return frame.sort_values("saved_usd", ascending=False, kind="stable", ignore_index=True)


def _by_model(costs: Costs) -> pd.DataFrame:
    rows = costs.data.daily
    groups = rows.groupby(MODEL_KEYS, observed=True)
    frame = groups[[*TOKENS, "requests"]].sum(min_count=1).astype("float64")
    frame["spend_usd"] = groups["spend_usd"].agg(math.fsum).astype("float64")
    frame = frame.reset_index()
    frame[MODEL_KEYS] = frame[MODEL_KEYS].astype("object")  # no categories: names are joined and exchanged
    prices = costs.register("prices")
    if isinstance(prices, Unavailable):
        prices = pd.DataFrame(columns=[*MODEL_KEYS, "input_usd", "output_usd", "cache_read_usd", "cache_creation_usd"])
    for column in prices.columns[2:]:
        prices[column] = prices[column].astype("float64")
    frame = frame.merge(prices, on=MODEL_KEYS, how="left")
    frame["model"] = frame["model"].where(frame["model"] != "", DIMENSIONS["model"].unnamed)
    return frame.sort_values(["spend_usd", "model"], ascending=[False, True], kind="stable", ignore_index=True)


def spikes(costs: Costs) -> pd.DataFrame | Unavailable:
    """Days of the period whose cost is unusually high: day, what, spend_usd, usual_usd, score and the rule that fired.

    Judged by `kit.anomalies` over all days there are, history included: of everything, and of each model, team and user
    that makes at least a hundredth of the cost. A rise of less than RISE, or a hundredth of an average day's cost, is
    left out, and so is what usually costs nothing: there is no usual to be above.
    """
    known = int(costs.days.notna().sum())
    if known <= LEAST:
        days = "is one" if known == 1 else f"are {known or 'none'}"
        return Unavailable(f"It takes {LEAST + 1} days with data to tell what is usual; there {days}.")
    least = NOTABLE * costs.now.spend_usd / max(costs.known_days, 1)
    rows = []
    for what, series in _series(costs):
        for found in anomalies(series, since=costs.data.period.start):
            if found.usual > 0 and found.value - found.usual >= max(least, RISE * found.usual):
                rows.append((found.day, what, found.value, found.usual, found.score, found.rule))
    frame = pd.DataFrame(rows, columns=["day", "what", "spend_usd", "usual_usd", "score", "rule"])
    rise = (frame["spend_usd"] - frame["usual_usd"]).sort_values(ascending=False, kind="stable")
    return frame.loc[rise.index].reset_index(drop=True)


def _series(costs: Costs) -> list[tuple[str, pd.Series]]:
    """Cost a day of everything, and of what makes at least NOTABLE of the period's cost."""
    found = [("All usage", costs.days)]
    data = costs.data
    for dimension, label in SEEN.items():
        by = DIMENSIONS[dimension]
        if not data.has(dimension):
            continue
        now = data.daily.groupby(by.key, observed=True)["spend_usd"].sum()
        now.index = now.index.astype("object")
        names = named(now.reset_index(), data.daily, by).set_index("id")["name"]
        sums = data.sums(["day", by.key], ["spend_usd"]).set_index("day")
        for ident in now[now >= NOTABLE * costs.now.spend_usd].index:
            series = costs.by_day(sums.loc[sums[by.key] == ident, "spend_usd"])
            found.append((f"{label} {names[ident]}" if ident else str(names[ident]), series))
    return found
