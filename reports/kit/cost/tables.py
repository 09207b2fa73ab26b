"""The tables of a cost report. Each says why where the source cannot fill it."""

from __future__ import annotations

import math

import pandas as pd

from reports.kit import format as fmt
from reports.kit.charts import Unavailable
from reports.kit.cost.advice import Limits, advice
from reports.kit.cost.budgets import burn
from reports.kit.cost.drivers import drivers
from reports.kit.cost.splits import savings, spikes, split
from reports.kit.cost.study import Costs
from reports.kit.sentences import notice, remark
from reports.kit.tables import Column, table
from reports.kit.usage.rankings import DIMENSIONS, Dimension, named, ranking, summed

NO_USAGE = "No usage was recorded in this period."


def chargeback_table(costs: Costs, dimension: str, *, top_n: int = 10) -> None:
    """Emit what to charge: cost by team or by key, with the key's team and user; the sheet has every row."""
    data, by = costs.data, DIMENSIONS[dimension]
    found = ranking(data, dimension, top_n=top_n)
    frame = _with_gone(costs, found.frame, by)
    columns = [Column("name", by.label), Column("id", f"{by.label} id", sheet_only=True)]
    if dimension == "key":
        frame = frame.assign(**_owners(costs, frame["id"]))
        columns += [Column("user", "User"), Column("team", "Team")]
    columns += [
        Column("requests", "Requests", "count"),
        Column("total_tokens", "Tokens", "tokens"),
        Column("spend_usd", "Cost", "usd"),
        Column("share", "Share", "percent", share="spend_usd"),
    ]
    if "previous_spend_usd" in frame:
        columns.append(Column("previous_spend_usd", "Cost before", "usd"))
        columns.append(Column("change", "Change", "percent", change=("spend_usd", "previous_spend_usd")))
    plural = f"{by.label.lower()}s"
    whole = f"All {plural}, by cost"
    first = f"The first {found.shown} of {fmt.full(len(frame))} {plural}, by cost"
    table(
        f"Charge-back by {by.label.lower()}",
        frame,
        columns,
        caption=first if len(frame) > found.shown else whole,
        sheet_caption=whole,
        total=True,
        max_rows=found.shown,
        empty=NO_USAGE,
    )


def _with_gone(costs: Costs, frame: pd.DataFrame, by: Dimension) -> pd.DataFrame:
    """`frame` and a row for each entry that only the period before has, so that the cost before adds up."""
    if "previous_spend_usd" not in frame:
        return frame
    before = summed(costs.data.previous, [by.key])
    gone = before[~before[by.key].isin(set(frame["id"])) & (before["spend_usd"] > 0)]
    if gone.empty:
        return frame
    left = named(gone, costs.data.previous, by)
    left = left.assign(previous_spend_usd=left["spend_usd"], spend_usd=0.0, requests=0, total_tokens=0)
    left = left.sort_values(["previous_spend_usd", "name"], ascending=[False, True], kind="stable")
    return pd.concat([frame, left[list(frame.columns)]], ignore_index=True)


def _owners(costs: Costs, keys: pd.Series) -> dict[str, list[str]]:
    """The latest user and team of each key, by name; what has no key has no one owner."""
    dimensions = [DIMENSIONS[column] for column in ("user", "team")]
    rows = costs.data.last_days(["key_id", *(part for by in dimensions for part in (by.key, by.name))])
    rows = rows[rows["key_id"] != ""].drop_duplicates("key_id", keep="last").set_index("key_id")
    found: dict[str, list[str]] = {}
    for column, by in zip(("user", "team"), dimensions, strict=True):
        pairs = zip(rows.index, rows[by.name], rows[by.key], strict=True)
        names = {key: str(name or ident or by.unnamed) for key, name, ident in pairs}
        found[column] = [names.get(key, "") for key in keys]
    return found


def budget_table(costs: Costs) -> None:
    """Emit the budgets of teams and how far they are used, the most used first."""
    frame = burn(costs)
    if isinstance(frame, Unavailable):
        notice(f"Budgets: not available. {frame.reason}")
        return
    columns = [
        Column("team", "Team"),
        Column("team_id", "Team id", sheet_only=True),
        Column("window", "Budget for"),
        Column("budget_usd", "Budget", "usd"),
        Column("spent_usd", "Spent", "usd"),
        Column("used", "Used", "percent", ratio=("spent_usd", "budget_usd")),
        Column("elapsed", "Time gone", "percent"),
        Column("expected_usd", "At this pace", "usd"),
        Column("state", "State"),
    ]
    table("Budgets", frame, columns, caption="Team budgets, up to the last day of the period", total=len(frame) > 1)


def driver_table(costs: Costs, *, top_n: int = 10) -> None:
    """Emit the change in cost by model as volume, mix and price; nothing where the chart already says why not."""
    frame = drivers(costs)
    if isinstance(frame, Unavailable) or frame.empty:
        return
    columns = [
        Column("name", "Model"),
        Column("previous_usd", "Cost before", "usd"),
        Column("volume", "Volume", "usd"),
        Column("mix", "Mix", "usd"),
        Column("price", "Price", "usd"),
        Column("spend_usd", "Cost", "usd"),
        Column("change", "Change", "usd"),
    ]
    table(
        "What drove the change",
        frame,
        columns,
        caption="Change in cost by model: cost before + volume + mix + price = cost",
        total=True,
        max_rows=top_n,
    )


def split_table(costs: Costs, *, top_n: int = 10) -> None:
    """Emit input, output and cache of each model: tokens, and the cost in proportion to list prices."""
    found = split(costs)
    if not costs.data.has("cache_tokens"):
        notice(f"Cache: not available. {costs.data.why_not('cache_tokens')}")
    cache = [
        Column("cache_read_tokens", "Cache read", "tokens"),
        Column("cache_creation_tokens", "Cache written", "tokens", sheet_only=True),
    ]
    costs_of = [Column(f"{part}_cost", f"{part.capitalize()} cost", "usd") for part in ("input", "cache", "output")]
    columns = [
        Column("model", "Model"),
        Column("provider", "Provider", sheet_only=True),
        Column("input_tokens", "Input", "tokens"),
        *(cache if found.cached else []),
        Column("completion_tokens", "Output", "tokens"),
        *(column for column in costs_of if found.cached or column.name != "cache_cost"),
        Column("spend_usd", "Cost", "usd"),
    ]
    table(
        "Input, output and cache",
        found.frame,
        columns,
        caption="Tokens by kind, and the cost split in proportion to list prices",
        total=True,
        max_rows=top_n,
        missing="no list price",
        empty=NO_USAGE,
    )


def savings_table(costs: Costs, *, top_n: int = 10) -> None:
    """Emit what reading from the cache saved by list price, less what writing to it cost."""
    if not costs.now.requests:
        remark(NO_USAGE)
        return
    frame = savings(costs)
    if isinstance(frame, Unavailable):
        notice(f"Cache savings: not available. {frame.reason}")
        return
    columns = [
        Column("model", "Model"),
        Column("cache_read_tokens", "Cache read", "tokens"),
        Column("cached_share", "Of its input", "percent", ratio=("cache_read_tokens", "prompt_tokens")),
        Column("full_usd", "Without a cache", "usd"),
        Column("paid_usd", "With it", "usd"),
        Column("saved_usd", "Saved", "usd"),
    ]
    frame = frame[[column.name for column in columns if not column.derived] + ["prompt_tokens"]]
    table(
        "Cache savings",
        frame,
        columns,
        caption="Tokens read from and written to a cache, at list prices",
        total=True,
        max_rows=top_n,
        missing="no list price",
        empty="No tokens were read from a cache." if len(costs.data.daily) else NO_USAGE,
    )


def spike_table(costs: Costs, *, top_n: int = 10) -> None:
    """Emit the days of unusually high cost with the rule that fired, or the sentence that there were none."""
    frame = spikes(costs)
    if isinstance(frame, Unavailable):
        notice(f"Spikes: not available. {frame.reason}")
        return
    columns = [
        Column("what", "What"),
        Column("day", "Day", "date"),
        Column("spend_usd", "Cost", "usd", total=0.0),  # of all, of teams and of users: they overlap, no sum of them
        Column("usual_usd", "Usually", "usd", total=0.0),
        Column("score", "Score", "number", sheet_only=True),
        Column("rule", "Why it is listed"),
    ]
    more = f", the first {top_n} of {fmt.full(len(frame))}; the sheet has all" if len(frame) > top_n else ""
    table(
        "Spikes",
        frame,
        columns,
        caption=f"Days of unusual cost, the greatest rise first{more}",
        max_rows=top_n,
        empty="No day's cost was unusually high.",
    )


def advice_table(costs: Costs, limits: Limits | None = None) -> None:
    """Emit recommendations with their figures, what they could save in a period like this, and what they assume."""
    if not costs.now.requests:
        remark(NO_USAGE)
        return
    columns = [
        Column("what", "Recommendation"),
        Column("why", "Why"),
        Column("saving_usd", "Could save", "usd"),
        Column("assumption", "If"),
    ]
    frame = advice(costs, limits)
    table(
        "Recommendations",
        frame.assign(saving_usd=[math.nan if value is None else value for value in frame["saving_usd"]]),
        columns,
        caption="Recommendations, with what each assumes; savings are for a period like this one",
        empty="Nothing stands out: no dear model with a cheaper one in use, no user far above the others, no idle key.",
    )
