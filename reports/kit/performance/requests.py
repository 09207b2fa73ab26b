"""Single requests of a usage dataset: how long they took, what they waited for, what went wrong.

Reads the snapshot's own files of them; a source without single requests leaves `now` empty, and the days still tell an
average. Percentiles interpolate between neighbours, as PostgreSQL's percentile_cont does.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from reports.kit import format as fmt
from reports.kit.datasets import Dataset
from reports.kit.usage.rankings import DIMENSIONS
from reports.model import Period

DURATION, TTFT = "duration", "ttft"  # measures of latencies.parquet
UNNAMED_MODEL = DIMENSIONS["model"].unnamed
NOT_ASKED = 'The template does not ask for single requests; "single_requests": true in its dataset does.'
NEARLY_ALL = 0.9  # of the timed requests are timed one by one
ENOUGH = 0.5  # of them; fewer are no fair sample of all, since requests alone in their hour differ from others
UNKNOWN_CLASS = "class not known"


@dataclass(frozen=True)
class Requests:
    """Single requests of one period: `rows` add up by day, model and provider, `latencies` count by ms, `errors`."""

    rows: pd.DataFrame
    latencies: pd.DataFrame
    errors: pd.DataFrame
    left_out: int = 0  # timed requests that were too few to say anything, and are not in rows and latencies

    @property
    def timed(self) -> int:
        return int(self.rows["timed_requests"].sum())


@dataclass(frozen=True)
class Performance:
    """A dataset with its single requests; `now` and `before` are None where the source has none to compare."""

    data: Dataset
    now: Requests | None
    before: Requests | None

    @property
    def timed(self) -> bool:
        """True if percentiles of the period are known."""
        return self.now is not None and self.now.timed > 0

    @property
    def timed_before(self) -> Requests | None:
        """The period before where its times can be compared: nearly all requests of both were timed one by one.

        Percentiles of a part may differ from those of another part although nothing has changed.
        """
        both = ((self.now, self.data.daily), (self.before, self.data.previous))
        return self.before if all(_nearly_all(requests, daily) for requests, daily in both) else None

    def why_not(self, part: str) -> str:
        """Why `part` (performance, ttft, cache_hit, errors) is not available, as a sentence."""
        reasons = self.data.unavailable
        if self.now is not None and self.now.left_out and part != "errors":
            known, whole = fmt.full(self.now.left_out), fmt.plural(_timed_in(self.data.daily), "timed request")
            return f"Only {known} of {whole} are recorded one by one, too few to stand for all."
        return reasons.get(part) or reasons.get("performance") or NOT_ASKED


def read(data: Dataset) -> Performance:
    """The single requests of a usage dataset, for the period and what it is compared with."""
    known = data.meta.get("performance")
    if not known:
        return Performance(data, None, None)
    first, last = (date.fromisoformat(known[name]) for name in ("first_day", "last_day"))

    def within(period: Period | None, daily: pd.DataFrame) -> Requests | None:
        if period is None or period.start < first or period.end > last:
            return None
        rows, latencies, errors = (_rows(data, name, period) for name in ("performance", "latencies", "errors"))
        found = Requests(rows, latencies, errors)
        return found if found.timed >= ENOUGH * _timed_in(daily) else _untimed(found)

    before = within(data.comparison, data.previous) if data.comparable else None
    return Performance(data, within(data.period, data.daily), before)


def _untimed(found: Requests) -> Requests:
    """The requests with their errors and without their times."""
    nothing = dict.fromkeys(("timed_requests", "ttft_requests", "output_tokens", "output_ms", "cache_known"), 0)
    return Requests(found.rows.assign(**nothing), found.latencies.iloc[:0], found.errors, found.timed)


def _timed_in(daily: pd.DataFrame) -> int:
    return int(daily["timed_requests"].fillna(0).sum())


def _nearly_all(requests: Requests | None, daily: pd.DataFrame) -> bool:
    return requests is not None and not requests.left_out and requests.timed >= NEARLY_ALL * _timed_in(daily)


def _rows(data: Dataset, name: str, period: Period) -> pd.DataFrame:
    bounds = [("day", ">=", period.start), ("day", "<=", period.end)]
    frame: pd.DataFrame = pq.read_table(data.folder / f"{name}.parquet", filters=bounds).to_pandas()
    frame["day"] = pd.to_datetime(frame["day"])
    return frame.assign(model=frame["model"].where(frame["model"] != "", UNNAMED_MODEL))


def percentile(latencies: pd.DataFrame, share: float, measure: str = DURATION) -> float | None:
    """The ms that `share` (0 to 1) of the requests took at most, between neighbours by their distance.

    `latencies` are rows of `Requests.latencies`; None without one of that measure.
    """
    rows = latencies[latencies["measure"] == measure]
    counts: Any = rows.groupby("ms")["requests"].sum().sort_index()
    if counts.empty:
        return None
    values, reached = counts.index.to_numpy(dtype=float), np.cumsum(counts.to_numpy())
    place = (int(reached[-1]) - 1) * share
    lower, upper = (int(np.searchsorted(reached, each, side="right")) for each in (np.floor(place), np.ceil(place)))
    return float(values[lower] + (values[upper] - values[lower]) * (place - np.floor(place)))


def by_model(found: Requests, measure: str = DURATION) -> pd.DataFrame:
    """p50 and p95 in ms and how many requests they are of, indexed by model."""
    rows = found.latencies[found.latencies["measure"] == measure]
    models = sorted(rows["model"].unique())
    parts = [rows[rows["model"] == model] for model in models]
    frame = pd.DataFrame(
        {
            "p50": [percentile(part, 0.5, measure) for part in parts],
            "p95": [percentile(part, 0.95, measure) for part in parts],
            "timed": [int(part["requests"].sum()) for part in parts],
        },
        index=pd.Index(models, name="model"),
    )
    return frame.astype({"p50": "float64", "p95": "float64", "timed": "int64"})


def averages(rows: pd.DataFrame) -> pd.Series:
    """Average latency in ms by model, of rows of `Dataset.daily` or `Requests.rows`: sum of ms / timed requests."""
    named = rows.assign(model=rows["model"].map(lambda model: model or UNNAMED_MODEL))
    sums = named.groupby("model", observed=True)[["duration_sum_ms", "timed_requests"]].sum()
    return (sums["duration_sum_ms"] / sums["timed_requests"].where(sums["timed_requests"] > 0)).astype("float64")


def average(rows: pd.DataFrame) -> float | None:
    """total response time / timed requests, in ms; None where nothing was timed."""
    timed = rows["timed_requests"].sum()
    return float(rows["duration_sum_ms"].sum() / timed) if timed > 0 else None
