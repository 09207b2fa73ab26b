"""Anomalies: robust scores recomputed with the standard library, and days judged as people would."""

from __future__ import annotations

import math
import statistics
from datetime import date

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.kit.anomalies import CUT, anomalies, robust_scores

START = date(2026, 11, 2)  # a Monday


def days(values: list[float]) -> pd.Series:
    return pd.Series(values, index=pd.date_range(START, periods=len(values), freq="D"), dtype="float64")


def by_hand(value: float, usual: list[float]) -> float:
    middle = statistics.median(usual)
    spread = statistics.median(abs(each - middle) for each in usual)
    return 0.6745 * (value - middle) / spread


@given(st.lists(st.floats(0, 1e6), min_size=5, max_size=30))
def test_scores_follow_the_formula(values: list[float]) -> None:
    middle = statistics.median(values)
    if statistics.median(abs(each - middle) for each in values) > 1e-6:
        assert robust_scores(values) == pytest.approx([by_hand(value, values) for value in values])


def test_a_spike_is_found_with_its_rule() -> None:
    values = [10.0, 11.0, 9.0, 10.5, 9.5, 10.0, 11.0, 40.0, 10.0, 9.0]
    (found,) = anomalies(days(values))
    others = values[:7] + values[8:]
    assert (found.day, found.value, found.usual) == (date(2026, 11, 9), 40.0, statistics.median(others))
    assert found.score == pytest.approx(by_hand(40.0, others))
    assert "above 9 other days" in found.rule and f"{found.score:.1f}" in found.rule and f"{CUT:g}" in found.rule


def test_a_fall_is_found_too() -> None:
    (found,) = anomalies(days([10.0, 11.0, 9.0, 10.5, 9.5, 10.0, 11.0, 0.5, 10.0, 9.0]))
    assert found.score < -CUT and "below" in found.rule


def test_weekends_are_compared_with_weekends() -> None:
    weeks = [100.0, 110.0, 90.0, 105.0, 95.0, 10.0, 5.0]
    values = [value * (1 + 0.02 * week * (-1) ** week) for week in range(7) for value in weeks]
    assert anomalies(days(values)) == []
    values[47] = 60.0  # a Saturday like no other, and yet no unusual day
    (found,) = anomalies(days(values))
    assert found.day.weekday() == 5 and "6 other Saturdays" in found.rule


def test_where_most_days_are_equal_the_mean_deviation_counts() -> None:
    values = [5.0] * 9 + [6.0] + [50.0]
    others = values[:-1]
    (found,) = [each for each in anomalies(days(values)) if each.value == 50]
    mean = sum(abs(each - 5) for each in others) / len(others)
    assert found.score == pytest.approx(0.7979 * 45 / mean, rel=1e-3)


def test_equal_days_hold_no_anomaly() -> None:
    assert anomalies(days([3.0] * 20)) == []
    assert robust_scores([3.0] * 5) == [0.0] * 5


def test_small_deviations_and_short_pasts_are_no_finding() -> None:
    calm = [100.0, 100.1, 99.9, 100.0, 100.1, 99.9, 100.0, 100.1, 99.9, 105.0]
    assert anomalies(days(calm)) == []
    assert anomalies(days([1.0, 1.1, 0.9, 1.0, 1.1, 0.9, 1.0, 90.0])) == []  # seven others


def test_missing_days_are_not_zeros_and_since_hides_what_is_known() -> None:
    values = [10.0, 11.0, math.nan, 10.5, 9.5, 60.0, 11.0, math.nan, 10.0, 9.0, 9.5, 50.0]
    assert [each.value for each in anomalies(days(values))] == [60.0, 50.0]
    assert [each.value for each in anomalies(days(values), since=date(2026, 11, 8))] == [50.0]
