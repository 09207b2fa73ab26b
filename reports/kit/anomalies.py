"""Values far from what is usual, found by robust z-scores, each with the rule that fired in words.

The median and the median absolute deviation stand for what is usual, so that a spike does not hide itself. Nothing here
says why a value is unusual.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from reports.kit import format as fmt

CUT = 3.5  # absolute scores above it are unusual: Iglewicz and Hoaglin (1993), How to Detect and Handle Outliers
MAD_FACTOR = 0.6745  # the 0.75 quantile of the normal distribution: makes the MAD a standard deviation there
MEAN_FACTOR = 0.7979  # sqrt(2 / pi), for the mean absolute deviation, where more than half of the values are equal
LEAST = 8  # values to know what is usual
SAME_WEEKDAY = 5  # other days of the same weekday, to compare a day with these alone
MINOR = 0.1  # of the median: a score may be great where values hardly vary, but a deviation this small is no finding


Values = npt.NDArray[Any]


@dataclass(frozen=True)
class Anomaly:
    """A day whose value is unusual: its robust z-score, and the median `usual` of the days it is compared with."""

    day: date
    value: float
    usual: float
    score: float
    rule: str


def anomalies(series: pd.Series, *, cut: float = CUT, since: date | None = None) -> list[Anomaly]:
    """The unusual days of `series`, amounts of any unit indexed by day (Timestamps); NaN is a day without data.

    score = 0.6745 * (value - median) / MAD, MAD = median |value - median|; |score| > `cut` fires. Where the MAD is 0,
    score = 0.7979 * (value - median) / mean absolute deviation. A day is compared with the others of its weekday where
    there are at least five, else with all others, if these are at least eight; without them nothing is found. The day
    itself is left out of what is usual. A deviation under a tenth of the median is never a finding. `since` leaves out
    findings, not values, before that day.
    """
    known = series.dropna().astype("float64")
    days = pd.DatetimeIndex(known.index)
    values, weekdays = known.to_numpy(), days.day_of_week.to_numpy()
    found = []
    for place in range(len(values)):
        day = days[place].date()
        if since is not None and day < since:
            continue
        anomaly = _judge(day, values, weekdays, (place, cut))
        if anomaly is not None:
            found.append(anomaly)
    return found


def robust_scores(values: Sequence[float]) -> list[float]:
    """The robust z-score of each value among all of them (same formula); zeros where all are equal."""
    numbers = np.asarray(values, dtype=float)
    if not len(numbers):
        return []
    middle, spread = _usual(numbers)
    return ((numbers - middle) / spread).tolist() if spread else [0.0] * len(numbers)


def _judge(day: date, values: Values, weekdays: Values, wanted: tuple[int, float]) -> Anomaly | None:
    place, cut = wanted
    others = np.arange(len(values)) != place
    same = others & (weekdays == weekdays[place])
    kind = f"other {fmt.WEEKDAYS[day.weekday()]}s" if same.sum() >= SAME_WEEKDAY else "other days"
    usual = values[same] if same.sum() >= SAME_WEEKDAY else values[others]
    if len(usual) < SAME_WEEKDAY or (kind == "other days" and len(usual) < LEAST):
        return None
    value = float(values[place])
    score, middle = _score(value, usual)
    if abs(score) <= cut or abs(value - middle) < MINOR * abs(middle):
        return None
    way = "above" if score > 0 else "below"
    size = fmt.short(abs(score)) if not np.isfinite(score) or abs(score) >= 100 else f"{abs(score):.1f}"
    rule = f"{size} robust deviations {way} {fmt.full(len(usual))} {kind}, unusual from {cut:g}"
    return Anomaly(day, value, middle, score, rule)


def _score(value: float, usual: Values) -> tuple[float, float]:
    """The robust z-score of a value, and the median it is measured from."""
    middle, spread = _usual(usual)
    return ((value - middle) / spread if spread else 0.0), middle


def _usual(values: Values) -> tuple[float, float]:
    """Their median, and how far they spread around it: a standard deviation, were they normal; 0 if all are equal."""
    middle = float(np.median(values))
    deviations = np.abs(values - middle)
    return middle, float(np.median(deviations)) / MAD_FACTOR or float(deviations.mean()) / MEAN_FACTOR
