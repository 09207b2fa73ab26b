"""The figures of a performance report: rates, percentiles and speeds of a period against the one before."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from reports.kit import usage
from reports.kit.cards import metric
from reports.kit.performance.requests import DURATION, TTFT, Performance, Requests, average, percentile
from reports.results import Metric

FIGURES = {  # name -> label, unit, what it needs
    "latency_average": ("Average latency", "ms", "latency"),
    "latency_p50": ("Median latency (p50)", "ms", "performance"),
    "latency_p95": ("Slowest 5 % (p95)", "ms", "performance"),
    "ttft_p50": ("Median time to first token", "ms", "ttft"),
    "ttft_p95": ("Time to first token, p95", "ms", "ttft"),
    "output_tokens_per_second": ("Output tokens a second", "tokens", "latency"),
    "cache_hit_rate": ("Cache-hit rate", "percent", "cache_hit"),
}
SHORT = {  # a card has no room for a sentence
    "performance": "needs the time of each request",
    "ttft": "first tokens are not recorded",
    "cache_hit": "cache hits are not recorded",
    "latency": "durations are not recorded",
}


def metrics(found: Performance) -> dict[str, Metric]:
    """Every figure by name: those of `kit.usage.metrics`, and the names of FIGURES.

    latency_average, latency_p50, latency_p95, ttft_p50, ttft_p95 (ms), output_tokens_per_second (tokens),
    cache_hit_rate (percent). A figure that the source cannot give is None with the reason as its note.
    """
    return usage.metrics(found.data) | {name: _metric(found, name) for name in FIGURES}


def _metric(found: Performance, name: str) -> Metric:
    label, unit, needs = FIGURES[name]
    compute = _COMPUTED[name]
    value = compute(found.now, found.data.daily)
    before = compute(found.timed_before, found.data.previous) if _comparable(found, name) else None
    return metric(name, label, value, before, unit=unit, note=_note(found, value, before, needs))


def _comparable(found: Performance, name: str) -> bool:
    """An average is one of days; all else is compared only where both periods come from single requests, or neither."""
    single = found.now is not None and not found.now.left_out
    same = single == (found.timed_before is not None)
    return found.data.comparable and (name == "latency_average" or same)


def _note(found: Performance, value: float | None, before: float | None, needs: str) -> str:
    if value is None:
        few = found.now is not None and found.now.left_out and needs != "latency"
        return "too few single requests" if few else SHORT[needs] if _succeeded(found) else "no successful requests"
    return "cannot be compared with the period before" if before is None and found.data.comparable else ""


def _succeeded(found: Performance) -> bool:
    return bool(found.data.daily["successes"].sum() > 0)


def _average(timed: Requests | None, daily: pd.DataFrame) -> float | None:
    of_days = average(daily)
    return of_days if of_days is not None or timed is None else average(timed.rows)


def output_speed(timed: Requests | None, daily: pd.DataFrame) -> float | None:
    """Output tokens / seconds they were written in; of daily rows with a duration for each success otherwise."""
    if timed is not None and timed.rows["output_ms"].sum() > 0:
        return float(timed.rows["output_tokens"].sum() / timed.rows["output_ms"].sum() * 1000)
    rows = daily[(daily["timed_requests"] == daily["successes"]) & (daily["duration_sum_ms"] > 0)]
    seconds = rows["duration_sum_ms"].sum() / 1000
    return float(rows["completion_tokens"].sum() / seconds) if seconds > 0 else None


def _percentile(share: float, measure: str) -> Callable[[Requests | None, pd.DataFrame], float | None]:
    return lambda timed, _: None if timed is None else percentile(timed.latencies, share, measure)


def _cache_hits(timed: Requests | None, _: pd.DataFrame) -> float | None:
    known = 0 if timed is None else int(timed.rows["cache_known"].sum())
    return float(timed.rows["cache_hits"].sum() / known * 100) if timed is not None and known else None


_COMPUTED: dict[str, Callable[[Requests | None, pd.DataFrame], float | None]] = {
    "latency_average": _average,
    "latency_p50": _percentile(0.5, DURATION),
    "latency_p95": _percentile(0.95, DURATION),
    "ttft_p50": _percentile(0.5, TTFT),
    "ttft_p95": _percentile(0.95, TTFT),
    "output_tokens_per_second": output_speed,
    "cache_hit_rate": _cache_hits,
}
