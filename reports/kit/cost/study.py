"""The spend of a report seen from all sides, worked out once: its days, its month, its budgets, its forecast.

Everything comes from one Dataset, so that cards, charts, tables and sentences agree. Nothing here displays anything.
"""

from __future__ import annotations

import calendar
import math
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from typing import Any

import pandas as pd
import pyarrow.parquet as pq

from reports.kit import format as fmt
from reports.kit.charts import Measure, Unavailable
from reports.kit.datasets import Dataset
from reports.kit.forecast import Bounds, Forecast, fill, forecast
from reports.kit.usage.totals import Totals, totals
from reports.model import Period

AHEAD = 14  # days a forecast shows at least
WEEK = 7
REGISTERS = {"budgets": "team budgets", "keys": "list of keys", "prices": "list prices"}


@dataclass(frozen=True)
class Month:
    """The calendar month of the period's last day: what it has cost so far, and what it will have cost.

    `spent` is what the days with data cost, `estimated` what its `missing` days may have, `expected` the whole month.
    """

    period: Period  # the whole month
    so_far: date
    spent: float
    estimated: float
    missing: int
    expected: Bounds | Unavailable

    @property
    def name(self) -> str:
        return f"{fmt.MONTHS[self.so_far.month - 1]} {self.so_far.year}"

    @property
    def days_left(self) -> int:
        return (self.period.end - self.so_far).days


@dataclass(frozen=True, eq=False)
class Costs:
    """What a cost report is made of. `monthly_budget`: for all usage together; None takes the budgets of the teams."""

    data: Dataset
    monthly_budget: float | None = None

    @cached_property
    def now(self) -> Totals:
        return totals(self.data.daily)

    @cached_property
    def before(self) -> Totals | None:
        return totals(self.data.previous) if self.data.comparable else None

    @property
    def measure(self) -> Measure:
        return Measure("cost", "usd", self.data.currency)

    @cached_property
    def days(self) -> pd.Series:
        """Cost of every day since the first the source knows, history included; NaN is a day without data."""
        return self.by_day(self.data.sums(["day"], ["spend_usd"]).set_index("day")["spend_usd"])

    def by_day(self, sums: pd.Series) -> pd.Series:
        """Sums indexed by day on all days there are data of: 0 where nothing was spent, NaN where data are missing."""
        first, last = self.known_from, self.data.period.end
        index = pd.date_range(first, last, freq="D")
        found = sums.copy()
        found.index = pd.DatetimeIndex(found.index).as_unit(index.unit)
        found = found.reindex(index, fill_value=0.0).astype("float64")
        missing = [day for day in index if day.date() in self.missing]
        found.loc[missing] = math.nan
        return found

    @cached_property
    def known_from(self) -> date:
        known = self.data.coverage.first_day
        return min(max(self.data.first_day, known) if known else self.data.period.start, self.data.period.end)

    @cached_property
    def missing(self) -> set[date]:
        return set(self.data.coverage.missing(Period(self.known_from, self.data.period.end)))

    @cached_property
    def known_days(self) -> int:
        """Days of the period with data."""
        return self.data.period.days - len(self.data.coverage.missing(self.data.period))

    @cached_property
    def outlook(self) -> Forecast | Unavailable:
        """Cost of at least the next 14 days, and to the end of the month."""
        return forecast(self.days, max(AHEAD, self._days_left))

    @property
    def _days_left(self) -> int:
        last = self.data.period.end
        return calendar.monthrange(last.year, last.month)[1] - last.day

    @cached_property
    def month(self) -> Month:
        last = self.data.period.end
        whole = month_of(last)
        known = self.days[self.days.index >= pd.Timestamp(whole.start)]
        estimated = self._estimated(known)
        spent = math.fsum(known.dropna())
        return Month(whole, last, spent, estimated, int(known.isna().sum()), self._expected(spent + estimated))

    def _estimated(self, part: pd.Series) -> float:
        if not part.isna().any() or self.days.isna().all():
            return 0.0
        filled = pd.Series(fill(self.days.to_numpy(dtype=float), WEEK), index=self.days.index)
        return math.fsum(filled[part.index[part.isna()]])

    def _expected(self, so_far: float) -> Bounds | Unavailable:
        if not self._days_left:
            return Bounds(so_far, so_far, so_far)
        if isinstance(self.outlook, Unavailable):
            return self.outlook
        rest = self.outlook.total(self._days_left)
        return Bounds(so_far + rest.value, so_far + rest.low, so_far + rest.high)

    def register(self, kind: str) -> pd.DataFrame | Unavailable:
        """One of the small files beside the usage, as it is: budgets, keys or prices."""
        path = self.data.folder / f"{kind}.parquet"
        if not path.exists():
            return Unavailable(f"The source has no {REGISTERS[kind]}.")
        frame: pd.DataFrame = pq.read_table(path).to_pandas()
        return frame

    def filtered_by(self, *but: str) -> str:
        """The first filter of the report other than `but`, in words; '' where there is none."""
        words = {"user_ids": "users", "model_ids": "models", "provider_ids": "providers", "key_aliases": "keys"}
        words["team_ids"] = "teams"
        chosen: dict[str, Any] = self.data.meta.get("filters") or {}
        return next((words[name] for name, values in chosen.items() if values and name not in but), "")


def costs(data: Dataset, *, monthly_budget: float | None = None) -> Costs:
    """The costs in `data`. `monthly_budget` is money for a calendar month and all usage of the report."""
    return Costs(data, monthly_budget)


def month_of(day: date) -> Period:
    return Period(day.replace(day=1), day.replace(day=calendar.monthrange(day.year, day.month)[1]))


def week_of(day: date) -> Period:
    monday = day - timedelta(days=day.weekday())
    return Period(monday, monday + timedelta(days=WEEK - 1))
