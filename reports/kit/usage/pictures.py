"""The charts of a usage report, chosen by what there is to see: hours of a single day, days of a longer period."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pandas as pd

from reports.kit import format as fmt
from reports.kit.charts import (
    Drawing,
    Measure,
    Unavailable,
    compared_bars,
    daily_lines,
    heat_map,
    hourly_lines,
    share_bars,
    split_bars,
    stacked_daily,
    stacked_hourly,
)
from reports.kit.charts.stacks import fold
from reports.kit.datasets import Dataset
from reports.kit.usage.rankings import DIMENSIONS, by_day, hours_agree, named, summed

LABELS = {"requests": "requests", "spend_usd": "cost", "total_tokens": "tokens"}
UNITS = {"requests": "count", "spend_usd": "usd", "total_tokens": "tokens"}
HOURS = range(24)
WEEKDAYS = 7
NO_USAGE = "No usage was recorded in this period."
NO_COST = "No cost is recorded in this period; unpriced usage is listed below."


def measure(data: Dataset, column: str) -> Measure:
    return Measure(LABELS[column], UNITS[column], data.currency)


def over_time(data: Dataset, column: str) -> Drawing | Unavailable:
    """`column` (requests, spend_usd or total_tokens) over the period against the one before it.

    Days as lines; a single day by the hour, or, where the source has no hours, by model.
    """
    if not _any(data, column):
        return Unavailable(NO_COST if column == "spend_usd" and _any(data, "requests") else NO_USAGE, nothing=True)
    if data.period.days > 1:
        before = by_day(data, previous=True).set_index("day")[column] if data.comparable else None
        return daily_lines(by_day(data).set_index("day")[column], before, measure(data, column))
    if data.hourly is None:
        return _by_model(data, column)
    return _hours(data, column, data.hourly)


def _any(data: Dataset, column: str) -> bool:
    return bool(data.daily[column].sum() > 0 or data.previous[column].sum() > 0)


def _hours(data: Dataset, column: str, rows: pd.DataFrame) -> Drawing | Unavailable:
    today = fmt.short_days(data.period)
    before, name = None, ""
    if data.comparable and data.comparison:
        name = fmt.short_days(data.comparison)
        if data.previous_hourly is not None:
            before = _by_hour(data.previous_hourly, column)
        else:
            name = f"mean of {name}"  # only the day's sum is known: its mean hour still shows the level
            before = pd.Series(float(data.previous[column].sum()) / len(HOURS), index=list(HOURS))
    drawn = hourly_lines(
        _by_hour(rows, column), before, measure(data, column), labels=(today, name), zone=data.period.zone
    )
    return _with_note(drawn, data, rows)


def _by_hour(rows: pd.DataFrame, column: str) -> pd.Series:
    return rows.groupby(rows["hour"].dt.hour)[column].sum().reindex(list(HOURS), fill_value=0)


def _by_model(data: Dataset, column: str) -> Drawing | Unavailable:
    frame = _models(data.daily, column).to_frame("value")
    if data.comparable and data.comparison:
        before = _models(data.previous, column)
        frame = frame.reindex(frame.index.union(before.index), fill_value=0).assign(previous=before).fillna(0)
    labels = (fmt.short_days(data.period), fmt.short_days(data.comparison) if data.comparison else "")
    return compared_bars(frame, measure(data, column), labels=labels)


def _models(rows: pd.DataFrame, column: str) -> pd.Series:
    series = summed(rows, ["model"]).set_index("model")[column].astype("float64")
    return series.rename(index={"": DIMENSIONS["model"].unnamed})


def tokens_by_model(data: Dataset) -> Drawing | Unavailable:
    """Tokens a day by model; of a single day by the hour, or prompt against completion tokens a model."""
    counted = measure(data, "total_tokens")
    if not data.daily["total_tokens"].sum() > 0:
        return Unavailable(
            NO_USAGE if not data.daily["requests"].sum() > 0 else "No tokens were counted.", nothing=True
        )
    if data.period.days > 1:
        return stacked_daily(_days_by(data, "total_tokens", "model"), counted)
    if data.hourly is None:
        frame = summed(data.daily, ["model"]).set_index("model")
        frame = frame.sort_values("total_tokens", ascending=False).rename(index={"": DIMENSIONS["model"].unnamed})
        parts = frame[["prompt_tokens", "completion_tokens"]]
        return split_bars(parts.rename(columns={"prompt_tokens": "prompt", "completion_tokens": "completion"}), counted)
    frame = _pivot(data.hourly.assign(step=data.hourly["hour"].dt.hour), "total_tokens")
    drawn = stacked_hourly(frame.reindex(list(HOURS), fill_value=0), counted, zone=data.period.zone)
    return _with_note(drawn, data, data.hourly)


def cost_by(data: Dataset, dimension: str) -> Drawing | Unavailable:
    """Cost a day by one of DIMENSIONS; of a single day as shares, or by the hour for models with known hours."""
    if not data.has(dimension):
        return Unavailable(_sentence(data.why_not(dimension)))
    if not data.daily["spend_usd"].sum() > 0:
        return Unavailable(NO_COST if data.daily["requests"].sum() > 0 else NO_USAGE, nothing=True)
    spent = measure(data, "spend_usd")
    if data.period.days > 1:
        return stacked_daily(_days_by(data, "spend_usd", dimension), spent)
    if dimension == "model" and data.hourly is not None and hours_agree(data):
        frame = _pivot(data.hourly.assign(step=data.hourly["hour"].dt.hour), "spend_usd")
        return stacked_hourly(frame.reindex(list(HOURS), fill_value=0), spent, zone=data.period.zone)
    by = DIMENSIONS[dimension]
    found = named(summed(data.daily, [by.key]), data.daily, by).set_index("name")["spend_usd"]
    return share_bars(found, spent)


def _days_by(data: Dataset, column: str, dimension: str) -> pd.DataFrame:
    whole = by_day(data).set_index("day")["requests"]
    rows = data.daily.assign(step=data.daily["day"].dt.as_unit(whole.index.unit))  # type: ignore[attr-defined]
    frame = _pivot(rows, column, dimension)
    frame = frame.reindex(whole.index, fill_value=0).astype("float64")
    frame.loc[whole.isna()] = float("nan")
    return frame


def _pivot(rows: pd.DataFrame, column: str, dimension: str = "model") -> pd.DataFrame:
    by = DIMENSIONS[dimension]
    frame = rows.pivot_table(index="step", columns=by.key, values=column, aggfunc="sum", observed=True)
    ids = pd.DataFrame({by.key: [str(part) for part in frame.columns]})
    frame.columns = pd.Index(named(ids, rows, by)["name"], dtype="object")
    return frame.fillna(0).loc[:, lambda each: each.sum() > 0]  # a model with none would only be a name


def share_by_model(data: Dataset) -> Drawing | Unavailable:
    """Each model's share of the cost; of the requests where no cost is recorded at all."""
    column = "spend_usd" if data.daily["spend_usd"].sum() > 0 else "requests"
    if not data.daily[column].sum() > 0:
        return Unavailable(NO_USAGE, nothing=True)
    return share_bars(_models(data.daily, column), measure(data, column))


def rhythm(data: Dataset) -> Drawing | Unavailable:
    """When it is busy: weekday by hour; of a single day model by hour; without hours ISO weeks by weekday."""
    if not data.daily["requests"].sum() > 0:
        return Unavailable(NO_USAGE, nothing=True)
    if data.hourly is not None:
        drawn = _models_by_hour(data, data.hourly) if data.period.days == 1 else _weekday_by_hour(data, data.hourly)
        return _with_note(drawn, data, data.hourly)
    if data.period.days == 1:
        return Unavailable(f"It needs the time of each request. {_sentence(data.why_not('hourly'))}")
    return _weeks(data)


def _models_by_hour(data: Dataset, rows: pd.DataFrame) -> Drawing | Unavailable:
    frame = _pivot(rows.assign(step=rows["hour"].dt.hour), "requests").reindex(list(HOURS), fill_value=0)
    return _hour_map(fold(frame).T, Measure("requests"), data.period.zone)


def _weekday_by_hour(data: Dataset, rows: pd.DataFrame) -> Drawing | Unavailable:
    """Requests by weekday and hour: the mean of all Mondays, so that a period of any length is comparable."""
    missing = set(data.coverage.missing(data.period))
    days = [data.period.start + timedelta(days=i) for i in range(data.period.days)]
    counted = [sum(day.weekday() == number and day not in missing for day in days) for number in range(WEEKDAYS)]
    keys = [rows["hour"].dt.day_of_week.rename("weekday"), rows["hour"].dt.hour.rename("hour")]
    sums = rows.groupby(keys)["requests"].sum().unstack(fill_value=0)
    frame = sums.reindex(index=range(WEEKDAYS), columns=list(HOURS), fill_value=0).astype("float64")
    means = frame.div(pd.Series(counted), axis=0).where(pd.Series(counted) > 0, axis=0)
    means.index = pd.Index([name[:3] for name in fmt.WEEKDAYS])
    seen = {day.weekday() for day in days}
    means = means[[number in seen for number in range(WEEKDAYS)]]
    label = "requests an hour" if max(counted) <= 1 else "requests an hour, on average"
    return _hour_map(means, Measure(label), data.period.zone)


def _hour_map(frame: pd.DataFrame, counted: Measure, zone: str) -> Drawing | Unavailable:
    frame = frame.rename(columns=lambda hour: f"{hour:02d}:00")
    return heat_map(frame, counted, axis_title=f"hour of the day, {zone}", tick_step=3)


def _weeks(data: Dataset) -> Drawing | Unavailable:
    """Requests by ISO week and weekday, with the period before it where there is one."""
    series = by_day(data).set_index("day")["requests"].astype("float64")
    if data.comparable:
        series = pd.concat([by_day(data, previous=True).set_index("day")["requests"].astype("float64"), series])
    stamps = pd.DatetimeIndex(series.index)
    mondays = [stamp.date() - timedelta(days=stamp.weekday()) for stamp in stamps]
    order = sorted(set(mondays))
    shape = {"index": order, "columns": list(range(WEEKDAYS))}
    frame, outside = pd.DataFrame(float("nan"), **shape), pd.DataFrame(True, **shape)  # type: ignore[call-overload]
    for monday, stamp, value in zip(mondays, stamps, series, strict=True):
        frame.at[monday, stamp.weekday()] = value
        outside.at[monday, stamp.weekday()] = False
    names = [f"W{monday.isocalendar().week:02d}, {fmt.short_day(monday)}" for monday in order]
    frame.index = pd.Index(names)
    frame.columns = pd.Index([name[:3] for name in fmt.WEEKDAYS])
    return heat_map(frame, Measure("requests a day"), outside=outside, axis_title="")


def _with_note(drawn: Drawing | Unavailable, data: Dataset, hours: pd.DataFrame) -> Drawing | Unavailable:
    """Say it where the times of requests do not account for all of them, as with a trimmed request log."""
    timed, whole = int(hours["requests"].sum()), int(data.daily["requests"].sum())
    if isinstance(drawn, Unavailable) or timed == whole:
        return drawn
    return replace(drawn, note=f"The time of day is known for {fmt.full(timed)} of {fmt.plural(whole, 'request')}.")


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:].rstrip(".") + "."
