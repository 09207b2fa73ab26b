"""The charts of a performance report; without single requests they show averages, and say so."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from reports.kit import format as fmt
from reports.kit.charts import Drawing, Measure, Unavailable, level_bars, points, range_bars, share_bars, stacked_daily
from reports.kit.performance.models import SLOW, scores
from reports.kit.performance.requests import UNKNOWN_CLASS, Performance
from reports.kit.usage.pictures import NO_USAGE
from reports.kit.usage.rankings import by_day

LATENCY = Measure("latency", "ms")
NO_SUCCESS = "No request succeeded in this period, so there is no latency to show."
NOT_TIMED = "The source does not record how long requests take."


def latency_by_model(found: Performance) -> Drawing | Unavailable:
    """From the median to the slowest twentieth of each model, most used first; averages where only those are known."""
    frame = scores(found).set_index("name")
    if (nothing := _nothing(found, frame)) is not None:
        return nothing
    if found.timed:
        ranges = frame[["p50", "p95"]].rename(columns={"p50": "low", "p95": "high"})
        return _with_note(range_bars(ranges, LATENCY, ("median (p50)", "slowest 5 % (p95)")), found)
    drawn = level_bars(frame["average"], Measure("average latency", "ms"))
    return _only_averages(drawn, found)


def volume_against_latency(found: Performance) -> Drawing | Unavailable:
    """Each model's requests against its latency: who is slow and much used."""
    return _against(found, "requests", Measure("requests in the period", "count"))


def cost_against_latency(found: Performance) -> Drawing | Unavailable:
    """Each model's cost of a million tokens against its latency; models without a cost are named above."""
    return _against(found, "price", Measure("cost per 1M tokens", "usd", found.data.currency))


def _against(found: Performance, column: str, across: Measure) -> Drawing | Unavailable:
    frame = scores(found).set_index("name")
    if (nothing := _nothing(found, frame)) is not None:
        return nothing
    slow = "p50" if found.timed else "average"
    tokens = frame["total_tokens"].where((frame["total_tokens"] > 0) & (frame["spend_usd"] > 0))
    frame["price"] = frame["spend_usd"] / tokens * 1e6
    rows = frame.rename(columns={column: "x", slow: "y", "provider": "group"})
    if rows["x"].isna().all():
        return Unavailable("No cost is recorded in this period.", nothing=True)
    drawn = points(rows[["x", "y", "group"]], across, Measure(SLOW[slow], "ms"), group="Provider")
    free = [str(name) for name in rows.index[rows["x"].isna() & rows["y"].notna()]]
    if free and isinstance(drawn, Drawing):
        verb = "has" if len(free) == 1 else "have"
        return replace(drawn, note=f"Not shown: {fmt.listed(free)}, which {verb} no cost in this period.")
    return drawn


def _nothing(found: Performance, frame: pd.DataFrame) -> Unavailable | None:
    """Why no latency can be drawn at all, or None."""
    if frame.empty:
        return Unavailable(NO_USAGE, nothing=True)
    if found.timed or frame["average"].notna().any():
        return None
    if not found.data.daily["successes"].sum():
        return Unavailable(NO_SUCCESS, nothing=True)
    return Unavailable(NOT_TIMED)


def _with_note(drawn: Drawing | Unavailable, found: Performance) -> Drawing | Unavailable:
    if isinstance(drawn, Unavailable) or not (text := counted_note(found)):
        return drawn
    return replace(drawn, note=text)


def counted_note(found: Performance) -> str:
    """How many of the timed requests the percentiles are of, where that is not all of them; else ''."""
    whole = int(found.data.daily["timed_requests"].fillna(0).sum())
    timed = found.now.timed if found.now else 0
    if not 0 < timed < whole:
        return ""
    return (
        f"Percentiles are of {fmt.full(timed)} of {fmt.full(whole)} timed requests; of the others only sums are known."
    )


def _only_averages(drawn: Drawing | Unavailable, found: Performance) -> Drawing | Unavailable:
    if isinstance(drawn, Unavailable):
        return drawn
    return replace(drawn, note=f"Averages; percentiles are not available. {found.why_not('performance')}")


def errors_by_day(found: Performance) -> Drawing | Unavailable:
    """Failed requests a day by class of error, in percent of the day's requests; of a single day how many by class."""
    data = found.data
    if not data.has("success_rate"):
        return Unavailable(data.why_not("success_rate"))
    days = by_day(data).set_index("day")
    if not days["requests"].sum() > 0:
        return Unavailable(NO_USAGE, nothing=True)
    if not days["failures"].sum() > 0:
        return Unavailable("No request failed.", nothing=True)
    counts = _classes(found, days)
    if data.period.days == 1:
        return share_bars(counts.sum(), Measure("failed requests"))
    rates = counts.div(days["requests"].where(days["requests"] > 0), axis=0) * 100
    rates = rates.where(days["requests"].ne(0), 0.0, axis=0)  # a day without requests had no failure
    drawn = stacked_daily(rates, Measure("failed share of requests", "percent"))
    if isinstance(drawn, Drawing) and not data.has("errors"):
        return replace(drawn, note=f"Classes of errors are not available. {found.why_not('errors')}")
    return drawn


def _classes(found: Performance, days: pd.DataFrame) -> pd.DataFrame:
    """Failures a day by class; what no single request accounts for has a part of its own. NaN on missing days."""
    if found.now is None or not found.data.has("errors"):
        return days[["failures"]].rename(columns={"failures": "failed requests"})
    errors = found.now.errors
    named = errors.assign(part=error_names(errors))
    frame = named.pivot_table(index="day", columns="part", values="failures", aggfunc="sum")
    frame.index = pd.DatetimeIndex(frame.index).as_unit(pd.DatetimeIndex(days.index).unit)
    frame = frame.reindex(days.index).fillna(0.0)
    rest = (days["failures"] - frame.sum(axis=1)).clip(lower=0).fillna(0.0)
    if rest.sum() > 0:
        frame[UNKNOWN_CLASS] = frame.get(UNKNOWN_CLASS, 0.0) + rest
    return frame.where(days["requests"].notna(), axis=0)


def error_names(errors: pd.DataFrame) -> pd.Series:
    """The class of each error, else its code, else that neither is known."""
    name = errors["error_class"].where(errors["error_class"] != "", errors["error_code"])
    return name.where(name != "", UNKNOWN_CLASS)
