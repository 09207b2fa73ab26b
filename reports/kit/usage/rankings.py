"""Usage by user, model, provider, team, day or hour: frames whose rows add up to the totals of the report."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

from reports.kit.datasets import Dataset
from reports.kit.tables import Column

Order = Literal["cost", "tokens", "requests"]
ORDER_COLUMNS = {"cost": "spend_usd", "tokens": "total_tokens", "requests": "requests"}
COUNTS = ("requests", "successes", "failures", "prompt_tokens", "completion_tokens", "total_tokens")


@dataclass(frozen=True)
class Dimension:
    """What usage can be listed by: its identifying column, the column with its name, and the name of the empty id."""

    key: str
    name: str
    label: str
    unnamed: str


DIMENSIONS = {
    "user": Dimension("user_id", "user_name", "User", "Unknown user"),
    "model": Dimension("model", "model", "Model", "Unknown model"),
    "provider": Dimension("provider", "provider", "Provider", "Unknown provider"),
    "team": Dimension("team_id", "team_name", "Team", "No team"),
    "key": Dimension("key_id", "key_alias", "Key", "No key"),
}


@dataclass(frozen=True)
class Ranking:
    """All entries, the largest first, and how many of them a top table shows.

    Columns of `frame`: id, name, requests, successes, failures, prompt_tokens, completion_tokens, total_tokens,
    spend_usd, and previous_spend_usd where there is a comparison (0 for an entry that was not there). `before_usd` is
    what all entries of the comparison cost, the `gone` ones included, which cost something then and are not listed.
    """

    dimension: Dimension
    frame: pd.DataFrame
    shown: int
    before_usd: float = 0.0
    gone: int = 0


def ranking(data: Dataset, dimension: str, *, order: Order = "cost", top_n: int = 10) -> Ranking:
    """Usage of the period by one of DIMENSIONS. An entry without id keeps a row of its own among those shown.

    Raises KeyError for another dimension.
    """
    by = DIMENSIONS[dimension]
    frame = named(summed(data.daily, [by.key]), data.daily, by)
    before_usd, gone = 0.0, 0
    if data.comparable:
        before = summed(data.previous, [by.key]).set_index(by.key)["spend_usd"]
        frame["previous_spend_usd"] = frame["id"].map(before).fillna(0.0).astype("float64")
        before_usd, gone = math.fsum(before), int((before.drop(frame["id"], errors="ignore") > 0).sum())
    columns = [ORDER_COLUMNS[order], "total_tokens", "requests"]
    frame = frame.sort_values([*columns, "name"], ascending=[False, False, False, True], kind="stable")
    frame, shown = _with_unnamed_shown(frame.reset_index(drop=True), top_n)
    return Ranking(by, frame, shown, before_usd, gone)


def order_of(data: Dataset, wanted: Order) -> Order:
    """`wanted`, or tokens, then requests, where nothing of it is recorded that could order anything."""
    choices: tuple[Order, ...] = (wanted, "tokens", "requests")
    return next((order for order in choices if data.daily[ORDER_COLUMNS[order]].sum() > 0), wanted)


def named(frame: pd.DataFrame, rows: pd.DataFrame, by: Dimension) -> pd.DataFrame:
    """`frame` with columns id and name: an id's latest name, else the id, both where two share a name."""
    found = frame.rename(columns={by.key: "id"})
    label = found["id"].astype("object")
    if by.name != by.key:
        label = label.map(_latest_names(rows, by)).where(lambda name: name.notna(), label)
    label = label.where(found["id"] != "", by.unnamed)
    shared = label.duplicated(keep=False) & (label != found["id"])
    label = label.where(~shared, label.astype(str) + " (" + found["id"].astype(str) + ")")
    found.insert(1, "name", label.astype(str))
    return found


def _latest_names(rows: pd.DataFrame, by: Dimension) -> pd.Series[str]:
    named = rows.loc[rows[by.name] != "", ["day", by.key, by.name]].drop_duplicates()
    latest = named.sort_values("day", kind="stable").drop_duplicates(by.key, keep="last")
    return plain_texts(latest).set_index(by.key)[by.name]


def _with_unnamed_shown(frame: pd.DataFrame, top_n: int) -> tuple[pd.DataFrame, int]:
    places = frame.index[frame["id"] == ""]
    if len(places) == 0 or places[0] < top_n:
        return frame, top_n
    order = list(frame.index)
    order.remove(places[0])
    order.insert(top_n, places[0])
    return frame.loc[order].reset_index(drop=True), top_n + 1


def summed(frame: pd.DataFrame, keys: Sequence[str]) -> pd.DataFrame:
    """Counts and money of `frame` summed by `keys`; money by math.fsum, so that the order of rows does not matter."""
    groups = frame.groupby(list(keys), sort=True, observed=True, dropna=False)
    result = groups[[column for column in COUNTS if column in frame]].sum()
    result["spend_usd"] = groups["spend_usd"].agg(math.fsum).astype("float64")
    return plain_texts(result.reset_index())


def plain_texts(frame: pd.DataFrame) -> pd.DataFrame:
    """A small frame with texts in the place of categories, to which other texts may be added."""
    return frame.astype(dict.fromkeys(frame.select_dtypes("category"), "str"))


def ranking_columns(data: Dataset, found: Ranking, *, order: Order = "cost") -> list[Column]:
    """The columns of a top table: figures, share of what it is ordered by, change in cost where there is one."""
    by = found.dimension
    columns = [
        Column("name", by.label),
        Column("id", f"{by.label} id", sheet_only=True),
        *_figure_columns(data),
        Column("share", f"Share of {order}", "percent", share=ORDER_COLUMNS[order]),
    ]
    if by.key == by.name:
        del columns[1]
    if "previous_spend_usd" in found.frame:
        columns.append(Column("previous_spend_usd", "Cost before", "usd", sheet_only=True, total=found.before_usd))
        columns.append(Column("change", "Change in cost", "percent", change=("spend_usd", "previous_spend_usd")))
    return columns


def _figure_columns(data: Dataset) -> list[Column]:
    unknown = set() if data.has("success_rate") else {"successes", "failures"}
    columns = [
        Column("requests", "Requests", "count"),
        Column("successes", "Successes", "count", sheet_only=True),
        Column("failures", "Failed", "count"),
        Column("prompt_tokens", "Prompt tokens", "tokens"),
        Column("completion_tokens", "Completion tokens", "tokens"),
        Column("total_tokens", "Total tokens", "tokens", sheet_only=True),
        Column("spend_usd", "Cost", "usd"),
    ]
    return [column for column in columns if column.name not in unknown]


def by_time(data: Dataset) -> tuple[pd.DataFrame, list[Column]]:
    """Every day of the period, or every hour of a single day where hours are known and complete; and its columns.

    A day of zero is a row of zeros, a missing day a row of missing values.
    """
    if data.period.days == 1 and hours_agree(data):
        return by_hour(data), [Column("hour", "Hour"), *_hour_columns(data)]
    columns = [Column("day", "Day", "date"), *_figure_columns(data)]
    if data.has("success_rate"):
        columns.append(Column("success_rate", "Success rate", "percent", ratio=("successes", "requests")))
    frame = by_day(data)
    return frame.assign(day=[stamp.date() for stamp in frame["day"]]), columns


def _hour_columns(data: Dataset) -> list[Column]:
    return [column for column in _figure_columns(data) if column.name != "successes"]


def by_day(data: Dataset, *, previous: bool = False) -> pd.DataFrame:
    """Sums a day with a row for every day of the period (or of the comparison); missing days hold NaN."""
    period = data.comparison if previous and data.comparison else data.period
    days = pd.date_range(period.start, period.end, freq="D", name="day")
    rows = data.previous if previous else data.daily
    frame = summed(rows, ["day"]).set_index("day")
    frame.index = pd.DatetimeIndex(frame.index).as_unit(days.unit)
    frame = frame.reindex(days, fill_value=0)
    missing = [pd.Timestamp(day) for day in data.coverage.missing(period) if pd.Timestamp(day) not in set(rows["day"])]
    if missing:
        frame = frame.astype("float64")
        frame.loc[missing] = math.nan
    return frame.reset_index()


def by_hour(data: Dataset) -> pd.DataFrame:
    """Sums for each of the 24 hours of a single day, `hour` as 00:00 to 23:00."""
    rows = data.hourly
    if rows is None:
        raise ValueError("The dataset has no hours; ask hours_agree first.")
    frame = summed(rows.assign(hour=rows["hour"].dt.hour), ["hour"]).set_index("hour")
    frame = frame.reindex(range(24), fill_value=0).reset_index()
    return frame.assign(hour=[f"{hour:02d}:00" for hour in frame["hour"]])


def hours_agree(data: Dataset) -> bool:
    """True if the hours hold exactly the requests and tokens of the days, and money to a rounding of sums."""
    hours = data.hourly
    if hours is None:
        return False
    same = all(int(hours[c].sum()) == int(data.daily[c].sum()) for c in ("requests", "failures", "total_tokens"))
    return same and math.isclose(math.fsum(hours["spend_usd"]), math.fsum(data.daily["spend_usd"]), rel_tol=1e-9)


def failures(data: Dataset, dimension: str) -> pd.DataFrame:
    """Failed requests by one of DIMENSIONS, most first: name, failures, and requests of the same entry.

    Entries without a failure stay, at the end, so that the rate of all rows is the report's own.
    """
    frame = ranking(data, dimension, order="requests").frame
    frame = frame.sort_values(["failures", "name"], ascending=[False, True], kind="stable")
    return frame[["name", "failures", "requests"]].reset_index(drop=True)


def unpriced(data: Dataset) -> pd.DataFrame:
    """Successful usage with tokens but no cost, by model and provider: unpriced, cached or free.

    Columns: model, provider, unpriced_requests, unpriced_tokens, list_price_usd (NaN where no list price is known).
    """
    daily = data.daily
    served = "successes" if data.has("success_rate") else "requests"  # a failed request costs nothing and is no finding
    rows = daily[(daily["spend_usd"] == 0) & (daily["total_tokens"] > 0) & (daily[served] > 0)]
    groups = rows.groupby(["model", "provider"], observed=True)
    frame = groups.agg(unpriced_requests=(served, "sum"), unpriced_tokens=("total_tokens", "sum"))
    frame["list_price_usd"] = groups["list_price_usd"].agg(_known_sum).astype("float64")
    frame = plain_texts(frame.reset_index()).sort_values("unpriced_tokens", ascending=False, kind="stable")
    return frame.assign(
        model=frame["model"].where(frame["model"] != "", DIMENSIONS["model"].unnamed),
        provider=frame["provider"].where(frame["provider"] != "", DIMENSIONS["provider"].unnamed),
    ).reset_index(drop=True)


def _known_sum(values: pd.Series[Any]) -> float:
    known = values.dropna()
    return math.fsum(known) if len(known) else math.nan
