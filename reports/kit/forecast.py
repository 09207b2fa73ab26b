"""Forecasts that say how good they are: what comes next, within which bounds, and how wrong it would have been before.

Several plain methods are tried on the series' own past and the best of them is used; where the past is too short for
that, there is a reason instead of a forecast. Missing values are never taken for zero, and nothing here draws.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pandas as pd

from reports.kit import format as fmt
from reports.kit.charts.drawing import Unavailable

LEVEL = 0.8  # of the values to come should lie within the interval
ORIGINS = 12  # forecasts of a back-test; each fits every method once
SEASONS = 2  # full seasons that a seasonal method needs
CLEARLY = 0.7  # of the mean's error: only a method that is so much better in the past replaces the mean of all
MISSING = 0.25  # of the steps; with more of them missing the series says too little
START = 0.05  # of the mean, added before logarithms: zeros have one, and small values do not weigh too much
ENOUGH = 4  # past sums from which an interval of sums is judged; with fewer, bounds are added up

Values = npt.NDArray[np.float64]
Method = Callable[[Values, int], Values]


@dataclass(frozen=True)
class Grid:
    """What a step is: its name, steps of the shortest season and of all seasons, and what a season is called."""

    step: str
    seasons: tuple[int, ...]
    words: tuple[str, ...]  # of each season: where its value is taken from
    rhythm: str


GRIDS = {
    "D": Grid("day", (7,), ("the same day of last week",), "weekly"),
    "h": Grid("hour", (24, 168), ("the same hour of the day before", "the same hour of last week"), "daily"),
}


ALL = "the mean of all methods"
SEASONAL = "the mean of the seasonal methods"
LAST = "the last value"
SIMPLEST = {LAST, *(grid.words[-1] for grid in GRIDS.values())}  # what a forecast must be measured against


@dataclass(frozen=True)
class Bounds:
    """A figure to come with the bounds of its interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class _Scale:
    """Where errors are measured: on started logarithms (Tukey 1977), or as they are where a series goes below zero."""

    start: float | None

    def errors(self, actual: Values, expected: Values, steps: int = 1) -> Values:
        """actual against expected, each a sum of `steps` values; NaN where the actual is not known."""
        if self.start is None:
            return actual - expected
        start = self.start * steps
        found: Values = np.log((actual + start) / (expected + start))
        return found

    def bounds(self, value: Values, width: Values, steps: int = 1) -> tuple[Values, Values]:
        if self.start is None:
            return value - width, value + width
        start = self.start * steps
        return np.maximum((value + start) * np.exp(-width) - start, 0.0), (value + start) * np.exp(width) - start


@dataclass(frozen=True)
class _Trial:
    """A back-test: rows are origins, columns steps ahead; NaN where the actual value is missing."""

    actual: Values
    expected: Mapping[str, Values]

    def error(self, method: str) -> float:
        """WAPE in percent: sum |actual - forecast| / sum |actual| * 100 over all origins and steps ahead."""
        known = ~np.isnan(self.actual)
        whole = float(np.abs(self.actual[known]).sum())
        missed = float(np.abs(self.actual - self.expected[method])[known].sum())
        return missed / whole * 100 if whole else math.inf

    def errors(self, method: str, scale: _Scale) -> Values:
        expected = self.expected[method]
        return scale.errors(self.actual, expected if scale.start is None else np.maximum(expected, 0.0))


@dataclass(frozen=True)
class Forecast:
    """What comes next. `steps` is indexed by the steps to come and has the columns mean, low and high.

    `error` is the WAPE in percent of a rolling-origin back-test (Hyndman and Athanasopoulos, Forecasting: Principles
    and Practice, 3rd ed., 5.10 and 5.8): sum |actual - forecast| / sum |actual| * 100 over `origins` forecasts of up to
    `ahead` steps, each made only from what was known before it. `rejected` holds the same error of the other methods.
    Half the interval is q * t / z, taken by season ahead: q is the error that `level` of the back-test's errors do not
    exceed, t and z are the (1 + level) / 2 quantiles of Student's t with n degrees of freedom and of the normal
    distribution. That is how much wider a prediction interval must be whose scale is estimated from n values (Student
    1908; Geisser 1993, Predictive Inference, 2.2). n counts the seasons of the back-test, not its errors, for errors of
    one season are alike. They are measured on started logarithms, so that it is never below zero for a series that is
    not. `benchmarks/forecast.py` prints the share of real values that it holds.
    """

    steps: pd.DataFrame
    method: str
    error: float
    rejected: Mapping[str, float]
    origins: int
    ahead: int
    level: float
    step: str
    filled: int = 0  # missing values of the past that were estimated for the fit
    tested: float = 1.0  # seasons the back-test spans
    _scale: _Scale = field(default=_Scale(None), repr=False)
    _trial: _Trial = field(default=_Trial(np.empty((0, 0)), {}), repr=False)

    def total(self, count: int) -> Bounds:
        """The sum of the first `count` steps. Its interval comes from the sums of the back-test where there are enough.

        Otherwise the bounds of the steps are added up, which is wider. Raises ValueError beyond the steps there are.
        """
        if not 0 <= count <= len(self.steps):
            raise ValueError(f"The forecast has {len(self.steps)} steps, not {count}.")
        part = self.steps.iloc[:count]
        value = math.fsum(part["mean"])
        width = self._width_of_sums(count)
        if width is None:
            return Bounds(value, math.fsum(part["low"]), math.fsum(part["high"]))
        low, high = self._scale.bounds(np.array([value]), np.array([width]), count)
        return Bounds(value, float(low[0]), float(high[0]))

    def _width_of_sums(self, count: int) -> float | None:
        if not 0 < count <= self.ahead:
            return None
        actual = self._trial.actual[:, :count].sum(axis=1)
        expected = self._trial.expected[self.method][:, :count].sum(axis=1)
        errors = self._scale.errors(actual, expected, count)
        errors = np.abs(errors[~np.isnan(errors)])
        return _width(errors, self.level, self.tested) if len(errors) >= ENOUGH else None

    def words(self) -> str:
        """How good it is: the method, its error in the back-test, and what the simplest methods would have missed."""
        text = (
            f"Forecast by {self.method}; its interval should hold {fmt.percent(self.level * 100, 0)} of the values. "
            f"In a back-test of {fmt.plural(self.origins, 'forecast')}, up to {fmt.plural(self.ahead, self.step)} "
            f"ahead, it missed the actual values by {fmt.percent(self.error)} (WAPE)"
        )
        simple = [(name, error) for name, error in self.rejected.items() if name in SIMPLEST and math.isfinite(error)]
        if simple:
            others = [f"{name} by {fmt.percent(error)}" for name, error in simple]
            text += f"; repeating {fmt.listed(others)}"
        text += "."
        if self.filled:
            text += f" {fmt.plural(self.filled, f'missing {self.step}')} of the past {_was(self.filled)} estimated."
        return text


def _was(count: int) -> str:
    return "was" if count == 1 else "were"


def forecast(past: pd.Series, horizon: int, *, level: float = LEVEL) -> Forecast | Unavailable:
    """The `horizon` steps after `past`, or why there is no forecast.

    `past` holds amounts of any unit, indexed by every day or every hour without gaps (Timestamps); NaN is missing, 0 is
    zero. Days need 14 with data (two weeks), hours 48 (two days), from the first above zero on: what came before any
    use says nothing about it. The methods: exponential smoothing with an additive
    season (Holt-Winters without trend, statsmodels), the value a season ago, the last value, and the mean of them all
    (Bates and Granger 1969). The mean is used unless another method's error in the back-test is less than CLEARLY times
    its own: a choice among few tests is easily wrong. A past too short to test a method with does without it. Raises
    ValueError for other steps than days and hours.
    """
    grid = _grid(past)
    known = _since_first_use(past)
    values = known.to_numpy(dtype=float)
    reason = _too_little(values, grid, after_zeros=len(known) < len(past.loc[past.first_valid_index() :]))
    if reason:
        return Unavailable(reason)
    filled = fill(values, grid.seasons[0])
    first = _first_origin(len(values), grid)
    methods = _methods(grid, first)
    trial = _back_test(values, horizon, (first, grid.seasons[0]), methods)
    errors = {name: trial.error(name) for name in trial.expected}
    best = _choice(errors)
    tested = (len(values) - first) / grid.seasons[0]
    scale = _Scale(START * float(filled.mean()) if float(filled.min()) >= 0 else None)
    mean = _expected(filled, horizon, methods)[best]
    if scale.start is not None:
        mean = np.maximum(mean, 0.0)
    low, high = scale.bounds(mean, _widths(trial.errors(best, scale), horizon, grid.seasons[0], (level, tested)))
    index = pd.date_range(known.index[-1], periods=horizon + 1, freq=known.index[1] - known.index[0])[1:]
    return Forecast(
        steps=pd.DataFrame({"mean": mean, "low": low, "high": high}, index=index),
        method=best,
        error=errors[best],
        rejected={name: error for name, error in errors.items() if name != best},
        origins=len(trial.actual),
        ahead=trial.actual.shape[1],
        level=level,
        step=grid.step,
        filled=int(np.isnan(values).sum()),
        tested=tested,
        _scale=scale,
        _trial=trial,
    )


def fill(values: Values, season: int) -> Values:
    """The values with each missing one estimated: the mean of the nearest known ones whole seasons before and after.

    A place of the season that is nowhere known takes the mean of all.
    """
    found = values.copy()
    for place in np.flatnonzero(np.isnan(values)):
        before = values[place % season : place : season]
        after = values[place + season :: season]
        near = [part[~np.isnan(part)][edge] for part, edge in ((before, -1), (after, 0)) if (~np.isnan(part)).any()]
        found[place] = np.mean(near) if near else np.nanmean(values)
    return found


def _grid(past: pd.Series) -> Grid:
    index = pd.DatetimeIndex(past.index)
    if len(index) < 2:
        return GRIDS["D"]
    gaps = index[1:] - index[:-1]
    for length, grid in ((pd.Timedelta(days=1), GRIDS["D"]), (pd.Timedelta(hours=1), GRIDS["h"])):
        if (gaps == length).all():
            return grid
    raise ValueError("A forecast needs every day or every hour in its index, each once, in order; NaN marks gaps.")


def _since_first_use(past: pd.Series) -> pd.Series:
    """From the first value that is not zero on; where all are zero, from the first that is known."""
    used = past[past.notna() & (past != 0)]
    first = used.index[0] if len(used) else past.first_valid_index()
    return past.iloc[:0] if first is None else past.loc[first:]


def _too_little(values: Values, grid: Grid, *, after_zeros: bool) -> str:
    known, needed = int((~np.isnan(values)).sum()), SEASONS * grid.seasons[0]
    if known < needed:
        since = " since the first above zero" if after_zeros else ""
        return (
            f"A {grid.rhythm} season needs at least {fmt.plural(needed, grid.step)} with data{since}; "
            f"there {'is' if known == 1 else 'are'} {fmt.full(known) if known else 'none'}."
        )
    missing = len(values) - known
    if missing > MISSING * len(values):
        return f"Of {fmt.plural(len(values), grid.step)}, {fmt.full(missing)} are missing: too many for a forecast."
    return "" if np.nansum(np.abs(values)) > 0 else f"Every {grid.step} so far is zero."


def _back_test(values: Values, horizon: int, start: tuple[int, int], methods: Mapping[str, Method]) -> _Trial:
    """Forecasts from earlier origins, each made only from what was known before it, beside what then came.

    `start` is the first origin and the season by which missing values are estimated.
    """
    first, season = start
    ahead = min(horizon, max(1, (len(values) - first) // 2))
    last = len(values) - ahead
    origins = np.unique(np.linspace(first, last, min(ORIGINS, last - first + 1)).round().astype(int))
    known = [fill(values[:origin], season) for origin in origins]
    found = [_expected(past, ahead, methods) for past in known]
    expected = {name: np.array([each[name] for each in found]) for name in found[0]}
    return _Trial(np.array([values[origin : origin + ahead] for origin in origins]), expected)


def _first_origin(length: int, grid: Grid) -> int:
    """The least past a tested forecast is made from: two seasons, or one where that leaves nothing to test with."""
    short, long = grid.seasons[0], grid.seasons[-1]
    fit = _least_for_smoothing(short)
    for first in (max(fit, long), fit):
        if length - first >= short:
            return first
    return short


def _methods(grid: Grid, least: int) -> dict[str, Method]:
    """The methods that `least` values are enough for, by their names in words; the last value is the last of them."""
    found: dict[str, Method] = {}
    if least >= _least_for_smoothing(grid.seasons[0]):
        found[f"exponential smoothing with a {grid.rhythm} season"] = _smoothing(grid.seasons[0])
    for season, words in zip(grid.seasons, grid.words, strict=True):
        if season <= least:
            found[words] = _repeat(season)
    return {**found, LAST: _repeat(1)}


def _expected(past: Values, horizon: int, methods: Mapping[str, Method]) -> dict[str, Values]:
    """What each method expects, and the means of them: each method works once."""
    each = {name: method(past, horizon) for name, method in methods.items()}
    means = {ALL: np.mean(list(each.values()), axis=0)}
    if len(each) > 2:  # smoothing, and the last season or more
        means[SEASONAL] = np.mean([values for name, values in each.items() if name != LAST], axis=0)
    return {**means, **each}


def _least_for_smoothing(season: int) -> int:
    """Two seasons, and what statsmodels needs to find its first level and season from."""
    return max(SEASONS * season, 10 + 2 * (season // 2))


def _repeat(season: int) -> Method:
    def method(past: Values, horizon: int) -> Values:
        return np.resize(past[-season:], horizon)

    return method


def _smoothing(season: int) -> Method:
    def method(past: Values, horizon: int) -> Values:
        from statsmodels.tsa.holtwinters import ExponentialSmoothing  # noqa: PLC0415  seconds, and only for a forecast

        with warnings.catch_warnings():  # a search that stops early still gives a forecast; its error is measured
            warnings.simplefilter("ignore")
            model = ExponentialSmoothing(
                past, seasonal="add", seasonal_periods=season, initialization_method="heuristic"
            )
            found: Values = np.asarray(model.fit(use_brute=False).forecast(horizon), dtype=float)
        return found if np.isfinite(found).all() else np.resize(past[-season:], horizon)

    return method


def _choice(errors: Mapping[str, float]) -> str:
    best = min(errors, key=lambda name: errors[name])
    return best if errors[best] < CLEARLY * errors[ALL] else ALL


def _widths(errors: Values, horizon: int, season: int, wanted: tuple[float, float]) -> Values:
    """Half the interval of each step ahead: the errors of its season ahead, and never narrower than before."""
    widths, widest = np.zeros(horizon), 0.0
    for start in range(0, horizon, season):
        block = np.abs(errors[:, start : start + season])
        block = block[~np.isnan(block)]
        widest = max(widest, _width(block, *wanted) if block.size else 0.0)
        widths[start : start + season] = widest
    return widths


def _width(errors: Values, level: float, seasons: float) -> float:
    """The error that `level` of these do not exceed, widened for being known from so few seasons; see Forecast."""
    from scipy.special import ndtri, stdtrit  # noqa: PLC0415  as slow to load as statsmodels, which needs it too

    upper = (1 + level) / 2
    return float(np.quantile(errors, level) * stdtrit(seasons, upper) / ndtri(upper))
