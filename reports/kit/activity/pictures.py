"""The charts of a report on users, from its People: users a day, how use is shared, and who stays."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta

import pandas as pd

from reports.kit import format as fmt
from reports.kit.activity import drawings
from reports.kit.activity.people import MIN_HISTORY_DAYS, People
from reports.kit.charts import Drawing, Measure, Unavailable, daily_lines, heat_map
from reports.model import Period

USERS = Measure("active users")
LEAD_DAYS = 27  # days before a single day that stand beside it
WEEK = timedelta(days=7)
LEAST_COLUMNS = 8  # of the retention map; fewer would make each a wide bar
MOST_COHORTS = 12  # weeks whose new users are followed: a quarter


def daily_actives(people: People) -> Drawing | Unavailable:
    """Known users with a request, day by day, against the period before; a single day after the four weeks to it."""
    span, first = people.data.period, people.first_known_day
    if people.days.empty:
        return Unavailable("No known user made a request.", nothing=True)
    if span.days == 1:
        if first is None or first >= span.start:
            return Unavailable("A single day has no course, and no earlier day is known.", nothing=True)
        start = max(first, span.start - timedelta(days=LEAD_DAYS))
        return daily_lines(actives(people, Period(start, span.end)), None, USERS)
    compared = people.data.comparison if people.before else None
    return daily_lines(actives(people, span), actives(people, compared) if compared else None, USERS)


def actives(people: People, span: Period) -> pd.Series:
    """Distinct known users with a request for each day of `span`; NaN for days the source has no data for."""
    days = pd.date_range(span.start, span.end, freq="D", name="day")
    counts = people.within(span).groupby("day")["user_id"].nunique()
    counts.index = pd.DatetimeIndex(counts.index).as_unit(days.unit)
    series = counts.reindex(days, fill_value=0).astype("float64")
    missing = [pd.Timestamp(day) for day in people.data.coverage.missing(span)]
    return series.mask(series.index.isin(missing) & (series == 0))


def lorenz(people: People) -> Drawing | Unavailable:
    """How evenly the requests of the period are spread over its active users, with the Gini coefficient."""
    return drawings.lorenz_curve(people.requests.tolist())


def requests_per_user(people: People) -> Drawing | Unavailable:
    """How many users made how many requests in the period."""
    return drawings.users_by_requests(people.requests.tolist())


@dataclass(frozen=True)
class Retention:
    """New users by the ISO week of their first request, and how many of them were active in the weeks after.

    `sizes`: users by the Monday of that week. `active`: the same rows, columns 0, 1, 2 ... weeks later; NaN where a
    day of the week has no data, and where the week is not over (`outside`). Weeks without new users have no row.
    """

    sizes: pd.Series
    active: pd.DataFrame
    outside: pd.DataFrame

    @property
    def shares(self) -> pd.DataFrame:
        """active / size * 100."""
        return self.active.div(self.sizes, axis=0) * 100

    def after(self, weeks: int) -> float | None:
        """Share, in percent, of all new users who were active `weeks` weeks later, where that is known."""
        if weeks not in self.active:
            return None
        known = self.active[weeks].notna()
        whole = float(self.sizes[known].sum())
        return float(self.active[weeks][known].sum()) / whole * 100 if whole else None


def weekly_retention(people: People) -> Retention | Unavailable:
    """Users first seen in the last twelve whole weeks whose first week lies MIN_HISTORY_DAYS after the data begin."""
    first = people.first_known_day
    if first is None:
        return Unavailable("The source has no data for these days.")
    mondays = _weeks(first + timedelta(days=MIN_HISTORY_DAYS), people.data.period.end)
    if len(mondays) < 2:
        known = fmt.plural((people.data.period.end - first).days + 1, "day")
        return Unavailable(
            f"It follows users from their first week on, and needs {MIN_HISTORY_DAYS} days of data before that week "
            f"and two whole weeks after; the source has {known}, from {fmt.day(first)} on."
        )
    firsts = _monday(people.days.groupby("user_id")["day"].min())
    sizes = firsts[firsts.isin(mondays)].value_counts().sort_index()
    if sizes.empty:
        return Unavailable(f"Nobody used it for the first time since {fmt.day(mondays[0].date())}.", nothing=True)
    return _followed(people, firsts, sizes, mondays)


def _followed(people: People, firsts: pd.Series, sizes: pd.Series, mondays: list[pd.Timestamp]) -> Retention:
    weeks = people.days.assign(week=_monday(people.days["day"]), first=people.days["user_id"].map(firsts))
    pairs = weeks.drop_duplicates(["user_id", "week"]).groupby(["first", "week"]).size()
    gaps = {day - timedelta(days=day.weekday()) for day in people.data.coverage.missing_days}
    longest = (mondays[-1] - sizes.index[0]) // WEEK
    columns = list(range(max(longest + 1, LEAST_COLUMNS)))
    active = pd.DataFrame(0.0, index=sizes.index, columns=columns)
    outside = pd.DataFrame(False, index=sizes.index, columns=columns)
    for monday in pd.DatetimeIndex(sizes.index):
        for later in columns:
            week = monday + later * WEEK
            active.at[monday, later] = float("nan") if week.date() in gaps else float(pairs.get((monday, week), 0))
            if week > mondays[-1]:
                active.at[monday, later], outside.at[monday, later] = float("nan"), True
    return Retention(sizes, active, outside)


def _weeks(first: date, last: date) -> list[pd.Timestamp]:
    """The Mondays of the last whole weeks within the days from `first` to `last`."""
    start = first + timedelta(days=-first.weekday() % 7)
    whole = max(0, ((last - start).days + 1) // 7)
    return [pd.Timestamp(start + n * WEEK) for n in range(whole)][-MOST_COHORTS:]


def _monday(days: pd.Series) -> pd.Series:
    mondays: pd.Series = days - pd.to_timedelta(days.dt.day_of_week, unit="D")
    return mondays


def retention(people: People) -> Drawing | Unavailable:
    """Of the users who were new in a week: the share that was active one, two, three ... weeks later."""
    found = weekly_retention(people)
    if isinstance(found, Unavailable):
        return found
    shares = found.shares
    shares.index = pd.Index(list(map(_named, pd.DatetimeIndex(found.sizes.index), found.sizes)))
    outside = found.outside.set_axis(shares.index)
    drawn = heat_map(
        shares,
        Measure("of the week's new users active", "percent"),
        outside=outside,
        axis_title="weeks after the first request",
    )
    return drawn if isinstance(drawn, Unavailable) else replace(drawn, alt=_retention_alt(found))


def _named(monday: pd.Timestamp, size: int) -> str:
    return f"W{monday.isocalendar().week:02d}, {fmt.short_day(monday.date())}: {fmt.full(size)} new"


def _retention_alt(found: Retention) -> str:
    new = fmt.plural(int(found.sizes.sum()), "new user")
    text = f"Heat map of weekly retention: {new} in {fmt.plural(len(found.sizes), 'week')} of first use. "
    told = [(weeks, found.after(weeks)) for weeks in (1, 4, 8)]
    words = [f"{fmt.percent(share)} after {fmt.plural(weeks, 'week')}" for weeks, share in told if share is not None]
    return text + (f"Active again: {fmt.listed(words)}." if words else "The weeks after are not over yet.")
