"""Who used it: known users of a period as sets, told apart by what they did before.

Requests of unknown users (an empty user id) count in every total of a report, and never as a user. What the data
cannot tell is None here, with the reason; it is never taken for zero.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property

import pandas as pd

from reports.kit import format as fmt
from reports.kit.datasets import Dataset
from reports.model import Period

MIN_HISTORY_DAYS = 28  # four weeks: who uses it once a month, or comes back from a holiday, is not taken for new


@dataclass(frozen=True)
class Groups:
    """Ids of the known users of one period; None where the data do not reach back far enough to tell.

    active: at least one request. new: active, and never seen on an earlier day. returning: active now and in the
    period before. back: active now and earlier, but not in the period before. dormant: active in the period before,
    not now. So active = new + returning + back, and the period before had returning + dormant.
    """

    active: frozenset[str]
    new: frozenset[str] | None
    returning: frozenset[str] | None
    back: frozenset[str] | None
    dormant: frozenset[str] | None


@dataclass(frozen=True)
class People:
    """The known users of a dataset, day by day, over the history, the comparison and the period."""

    data: Dataset

    @cached_property
    def days(self) -> pd.DataFrame:
        """One row per day and known user with a request: day (a midnight), user_id, requests."""
        frame = self.data.sums(("day", "user_id"), ("requests",))
        return frame[(frame["requests"] > 0) & (frame["user_id"] != "")].reset_index(drop=True)

    @cached_property
    def now(self) -> Groups:
        return self._groups(self.data.period, compared=self.data.comparable)

    @cached_property
    def before(self) -> Groups | None:
        """The users of the comparison, judged by the days before it; None where nothing can be compared."""
        span = self.data.comparison
        if span is None or not self.data.comparable:
            return None
        earlier = span.before()
        covered = earlier.start >= self.data.first_day and not self.data.coverage.missing(earlier)
        return self._groups(span, compared=covered)

    @cached_property
    def requests(self) -> pd.Series:
        """Requests of each known active user in the period, by user id, the most active first."""
        return self._requests(self.data.period)

    @cached_property
    def previous_requests(self) -> pd.Series:
        """The same for the comparison; empty where nothing can be compared."""
        return self._requests(self.data.comparison) if self.before and self.data.comparison else self.requests.iloc[:0]

    @property
    def first_known_day(self) -> date | None:
        """The first day of the history that the source has data for."""
        return next(iter(self._known_days(self.data.period.end + timedelta(days=1))), None)

    @property
    def why_no_new(self) -> str:
        """Why new users cannot be told: a sentence."""
        days = len(self._known_days(self.data.period.start))
        begin = self.data.coverage.first_day
        since = f"; its data begin on {fmt.day(begin)}" if begin and days else ""
        has = f"{fmt.plural(days, 'day')}" if days else "none"
        return f"New users need {MIN_HISTORY_DAYS} days of data before the period, and the source has {has}{since}."

    def within(self, span: Period) -> pd.DataFrame:
        """The rows of `days` of one period."""
        day = self.days["day"]
        return self.days[(day >= pd.Timestamp(span.start)) & (day <= pd.Timestamp(span.end))]

    def _requests(self, span: Period) -> pd.Series:
        sums = self.within(span).groupby("user_id", observed=True)["requests"].sum().reset_index()
        return sums.sort_values(["requests", "user_id"], ascending=[False, True]).set_index("user_id")["requests"]

    def _groups(self, span: Period, *, compared: bool) -> Groups:
        active = _ids(self.within(span))
        compared_with = _ids(self.within(span.before())) if compared else None
        told = len(self._known_days(span.start)) >= MIN_HISTORY_DAYS
        earlier = _ids(self.days[self.days["day"] < pd.Timestamp(span.start)]) if told else None
        return Groups(
            active=active,
            new=None if earlier is None else active - earlier,
            returning=None if compared_with is None else active & compared_with,
            back=None if earlier is None or compared_with is None else (active & earlier) - compared_with,
            dormant=None if compared_with is None else compared_with - active,
        )

    def _known_days(self, before: date) -> list[date]:
        """The days of the history, up to the one before `before`, that the source has data for."""
        begin, coverage = self.data.first_day, self.data.coverage
        missing = set(coverage.missing_days)
        days = [begin + timedelta(days=n) for n in range((before - begin).days)]
        return [day for day in days if day not in missing and coverage.first_day and day >= coverage.first_day]


def people(data: Dataset) -> People:
    """The users of `data`. To tell who is new, its template asks for `history_days`, 90 or so, in the metadata."""
    return People(data)


def _ids(days: pd.DataFrame) -> frozenset[str]:
    return frozenset(days["user_id"].unique())
