"""How good the forecast of the kit is on real traffic: requests an hour of the ServeGen pools, a day ahead.

    python -m benchmarks.forecast [--data FOLDER]

From the ninth of the fourteen days on, each midnight forecasts the next 24 hours from what came before it alone. The
error is WAPE: sum |actual - forecast| / sum actual. Two baselines: the last value, and the same hour last week. The
share of actual values inside the interval of each forecast is printed beside its level. Exits with 1 where the
forecast is worse than the better baseline. The data are not part of the project: without them it says so.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from reports.kit.charts import Unavailable
from reports.kit.forecast import LEVEL, Forecast, forecast

DATA = Path(__file__).resolve().parents[1].parent / "shared" / "data" / "servegen"
FILE = "servegen_hourly.csv.gz"
START = pd.Timestamp("2026-11-02")  # a Monday; the file's hours are relative
DAY, WEEK = 24, 168
FIRST_ORIGIN = 8 * DAY  # a week for the baseline, and a day to test with


@dataclass(frozen=True)
class Score:
    """WAPE in percent of the forecast and of the baselines, and the percentage of actual values in the interval."""

    pool: str
    days: int
    ours: float
    last_value: float
    last_week: float
    inside: float

    @property
    def better_baseline(self) -> float:
        return min(self.last_value, self.last_week)


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--data", type=Path, default=DATA, help="folder with servegen_hourly.csv.gz")
    path = options.parse_args().data / FILE
    if not path.is_file():
        print(f"There is no {path}: this benchmark needs the ServeGen hours (--data FOLDER). Nothing was measured.")
        return 0
    print("Requests an hour, 24 hours ahead; error is WAPE")
    print(f"{'pool':24}{'forecasts':>10}{'ours':>9}{'last value':>12}{'last week':>11}{f'in {LEVEL:.0%}':>9}")
    worse, inside = False, []
    for pool, hours in pools(path).items():
        score = judge(pool, hours)
        if isinstance(score, str):
            print(f"{pool:24} {score}")
            continue
        print(
            f"{pool:24}{score.days:10}{score.ours:8.1f}%{score.last_value:11.1f}%{score.last_week:10.1f}%"
            f"{score.inside:8.0f}%"
        )
        worse = worse or score.ours > score.better_baseline
        inside.append(score.inside)
    if inside:
        print(f"the interval for {LEVEL:.0%} held {sum(inside) / len(inside):.0f}% of the actual values")
    print("worse than the better baseline" if worse else "no worse than the better baseline, for every pool")
    return int(worse)


def pools(path: Path) -> dict[str, pd.Series]:
    """Requests of every hour from a pool's first to its last; an hour without a client is zero."""
    sums: dict[str, dict[int, float]] = {}
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            hours = sums.setdefault(row["pool"], {})
            hours[int(row["hour"])] = hours.get(int(row["hour"]), 0.0) + float(row["requests"])
    return {pool: _series(hours) for pool, hours in sorted(sums.items())}


def _series(hours: dict[int, float]) -> pd.Series:
    index = pd.date_range(START + pd.Timedelta(hours=min(hours)), START + pd.Timedelta(hours=max(hours)), freq="h")
    return pd.Series([hours.get(hour, 0.0) for hour in range(min(hours), max(hours) + 1)], index=index)


def judge(pool: str, hours: pd.Series) -> Score | str:
    """The score of a pool, or why there is none."""
    if len(hours) < FIRST_ORIGIN + DAY:
        found = forecast(hours, DAY)
        why = found.reason if isinstance(found, Unavailable) else f"{len(hours)} hours hold no week to compare with."
        return f"no forecast: {why}"
    errors, whole, inside = np.zeros(3), 0.0, 0
    rounds = list(_rounds(hours))
    for past, actual, found in rounds:
        tries = (found.steps["mean"].to_numpy(), np.full(DAY, past[-1]), past[-WEEK : -WEEK + DAY])
        errors += [np.abs(actual - each).sum() for each in tries]
        whole += actual.sum()
        inside += int(((actual >= found.steps["low"]) & (actual <= found.steps["high"])).sum())
    ours, last_value, last_week = (errors / whole * 100).tolist()
    return Score(pool, len(rounds), ours, last_value, last_week, inside / (DAY * len(rounds)) * 100)


def _rounds(hours: pd.Series) -> Iterator[tuple[np.ndarray, np.ndarray, Forecast]]:
    """What was known, what came in the next day, and what was expected."""
    for origin in range(FIRST_ORIGIN, len(hours) - DAY + 1, DAY):
        found = forecast(hours.iloc[:origin], DAY)
        if not isinstance(found, Unavailable):
            yield hours.iloc[:origin].to_numpy(), hours.iloc[origin : origin + DAY].to_numpy(), found


if __name__ == "__main__":
    sys.exit(main())
