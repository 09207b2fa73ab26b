"""Forecasts: what known series lead to, errors recomputed by hand, and silence where the past says too little."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks import forecast as benchmark
from reports.kit.charts import Unavailable
from reports.kit.forecast import LEVEL, Forecast, fill, forecast

LAST, WEEK_AGO = "the last value", "the same day of last week"
PATTERN = np.array([10.0, 11.0, 12.0, 11.0, 10.0, 3.0, 2.0])


def days(values: np.ndarray | list[float], start: str = "2026-09-07") -> pd.Series:
    return pd.Series(np.asarray(values, dtype=float), index=pd.date_range(start, periods=len(values), freq="D"))


def weekly(count: int, noise: float = 0.0, seed: int = 1) -> pd.Series:
    random = np.random.default_rng(seed)
    return days(np.resize(PATTERN, count) * np.exp(random.normal(0, noise, count)))


def made(series: pd.Series, horizon: int) -> Forecast:
    found = forecast(series, horizon)
    assert isinstance(found, Forecast)
    return found


@pytest.mark.parametrize("count", [14, 20, 23, 40])
def test_a_clean_week_repeats(count: int) -> None:
    found = made(weekly(count), 10)
    expected = np.resize(PATTERN, count + 10)[count:]
    assert found.steps["mean"].to_numpy() == pytest.approx(expected, rel=0.02, abs=0.05)
    assert found.error < 2
    assert found.method != LAST
    first, last = found.steps.index[0], found.steps.index[-1]
    assert (first - weekly(count).index[-1]).days == 1 and (last - first).days == 9


def test_the_interval_holds_the_forecast_and_widens() -> None:
    found = made(weekly(60, 0.2), 14)
    low, mean, high = (found.steps[name].to_numpy() for name in ("low", "mean", "high"))
    assert (low >= 0).all() and (low < mean).all() and (mean < high).all()
    ratio = high / mean
    assert ratio[7:].max() >= ratio[:7].min() - 1e-9


def test_the_interval_holds_about_as_much_as_it_says() -> None:
    inside = total = 0
    for seed in range(8):
        series = weekly(84, 0.15, seed)
        found, actual = made(series.iloc[:70], 14), series.iloc[70:]
        inside += int(((actual >= found.steps["low"]) & (actual <= found.steps["high"])).sum())
        total += len(actual)
    assert 0.7 <= inside / total <= 0.9


@pytest.mark.parametrize(("count", "seasons", "t"), [(30, 2.0, 1.8856), (58, 6.0, 1.4398)])
def test_the_interval_is_as_wide_as_the_errors_and_few_weeks_make_it(count: int, seasons: float, t: float) -> None:
    """t: the 0.9 quantile of Student's distribution, from a printed table; of the normal one it is 1.2816."""
    found = made(weekly(count, 0.3), 7)
    assert found.tested == seasons
    start, expected = found._scale.start, found._trial.expected[found.method]
    assert start is not None
    width = np.quantile(np.abs(np.log((found._trial.actual + start) / (expected + start))), 0.8) * t / 1.2816
    assert np.log((found.steps["high"] + start) / (found.steps["mean"] + start)).to_numpy() == pytest.approx(
        width, rel=1e-3
    )


def test_errors_are_those_of_forecasts_that_knew_only_the_past() -> None:
    """WAPE of the two simplest methods, with loops and without the kit. 30 days: 16 to fit with, 7 ahead, 8 origins."""
    series = weekly(30, 0.3)
    values = series.to_numpy()
    found = made(series, 7)
    assert (found.ahead, found.origins) == (7, 8)
    missed, whole = {LAST: 0.0, WEEK_AGO: 0.0}, 0.0
    for origin in range(16, 24):
        for step in range(7):
            actual = values[origin + step]
            missed[LAST] += abs(actual - values[origin - 1])
            missed[WEEK_AGO] += abs(actual - values[origin + step - 7])
            whole += abs(actual)
    errors = {found.method: found.error, **found.rejected}
    for method, amount in missed.items():
        assert errors[method] == pytest.approx(amount / whole * 100)


def test_the_words_say_method_error_and_what_is_simpler() -> None:
    found = made(weekly(60, 0.2), 14)
    words = found.words().replace("\N{NO-BREAK SPACE}", " ")
    assert f"Forecast by {found.method}" in words and "80 %" in words
    assert f"{found.error:.1f} % (WAPE)" in words
    assert f"{LAST} by {found.rejected[LAST]:.1f} %" in words
    assert "12 forecasts" in words and "estimated" not in words


@pytest.mark.parametrize("count", [0, 1, 6, 13])
def test_too_little_history_is_said(count: int) -> None:
    found = forecast(weekly(count), 7)
    assert isinstance(found, Unavailable)
    assert "at least 14\N{NO-BREAK SPACE}days with data" in found.reason
    assert str(count or "none") in found.reason


def test_missing_days_are_no_zeros_and_leading_ones_are_no_past() -> None:
    series = weekly(35)
    gone = [series.index[place] for place in (20, 27, 34)]
    found = made(series.where(~series.index.isin(gone)), 7)
    assert found.steps["mean"].to_numpy() == pytest.approx(np.resize(PATTERN, 42)[35:], rel=0.02, abs=0.05)
    assert found.filled == 3 and "3\N{NO-BREAK SPACE}missing days of the past were estimated" in found.words()
    led = pd.concat([days([math.nan] * 40, "2026-07-29"), series])
    assert made(led, 7).filled == 0
    short = pd.concat(
        [days([math.nan] * 40, "2026-08-28"), weekly(13).set_axis(pd.date_range("2026-10-07", periods=13))]
    )
    assert isinstance(forecast(short, 7), Unavailable)


def test_estimates_lie_between_the_same_places_of_other_weeks() -> None:
    values = np.array([1, 2, 3, 4, 5, 6, 7, math.nan, 4, 5, 6, 7, 8, 9, 3, 6, 7, 8, 9, 10, 11], dtype=float)
    assert fill(values, 7)[7] == 2  # between 1, a week before, and 3, a week after
    only = np.array([math.nan, 2.0, 4.0])
    assert fill(only, 7).tolist() == [3.0, 2.0, 4.0]


def test_with_too_many_gaps_or_nothing_at_all_there_is_a_reason() -> None:
    holes = weekly(40)
    holes.iloc[::3] = math.nan
    assert "too many" in str(forecast(holes, 7))
    assert "is zero" in str(forecast(days([0.0] * 30), 7))


def test_only_whole_days_and_hours_are_steps() -> None:
    with pytest.raises(ValueError, match="every day or every hour"):
        forecast(weekly(30).drop(pd.Timestamp("2026-09-10")), 7)


def test_hours_have_a_daily_season() -> None:
    hours = np.resize(np.arange(24.0) + 1, 24 * 9)
    series = pd.Series(hours, index=pd.date_range("2026-11-01", periods=len(hours), freq="h"))
    found = made(series, 24)
    assert found.step == "hour"
    assert found.steps["mean"].to_numpy() == pytest.approx(np.arange(24.0) + 1, rel=0.05, abs=0.3)
    short = forecast(series.iloc[:47], 24)
    assert isinstance(short, Unavailable) and "48\N{NO-BREAK SPACE}hours" in short.reason


def test_series_below_zero_have_an_interval_too() -> None:
    found = made(weekly(40, 0.1) - 7, 7)
    assert (found.steps["low"] < 0).any()
    assert (found.steps["low"] <= found.steps["high"]).all()


def test_totals_are_sums_with_an_interval_of_sums() -> None:
    found = made(weekly(70, 0.25), 14)
    whole = found.total(7)
    assert whole.value == pytest.approx(found.steps["mean"].iloc[:7].sum())
    assert whole.low < whole.value < whole.high
    assert whole.high - whole.low < (found.steps["high"] - found.steps["low"]).iloc[:7].sum(), "errors even out"
    nothing = found.total(0)
    assert (nothing.value, nothing.low, nothing.high) == (0, 0, 0)
    with pytest.raises(ValueError, match="14 steps"):
        found.total(15)


def test_beyond_what_was_tested_bounds_are_added_up() -> None:
    found = made(weekly(14, 0.1), 14)
    assert found.ahead < 14
    whole = found.total(14)
    assert whole.high == pytest.approx(found.steps["high"].sum())


def test_the_kit_loads_without_the_heavy_library() -> None:
    script = "import sys, reports.kit; print('statsmodels' in sys.modules, 'scipy' in sys.modules)"
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert answer.stdout.split() == ["False", "False"]


def test_on_real_traffic_it_is_no_worse_than_the_better_baseline(shared_dir: Path) -> None:
    found = benchmark.pools(shared_dir / "data" / "servegen" / benchmark.FILE)
    scores = {pool: benchmark.judge(pool, hours) for pool, hours in found.items()}
    judged = [score for score in scores.values() if isinstance(score, benchmark.Score)]
    assert len(judged) == 3 and len(scores) == 5
    for score in judged:
        assert score.ours <= score.better_baseline
        assert 70 <= score.inside <= 90
    assert sum(score.inside for score in judged) / len(judged) == pytest.approx(100 * LEVEL, abs=5)
    assert all("at least 48" in why for why in scores.values() if isinstance(why, str))


def test_the_benchmark_says_what_it_lacks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["forecast", "--data", str(tmp_path)])
    assert benchmark.main() == 0
    assert "There is no" in capsys.readouterr().out
