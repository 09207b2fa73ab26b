"""What Explore is asked for, as its URL says it: days, comparison, filters in the order they were chosen, parts.

Pure. Every link of the page is one of these values written out, so that whatever is on the screen can be sent on.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from reports import periods
from reports.errors import InvalidInput
from reports.explored import UsageQuery
from reports.intake import MAX_NAME
from reports.model import Filters, Period, PeriodPolicy
from reports.sources.known import Known
from web.components import period_text

FIELDS = {  # URL -> Filters
    "user": "user_ids",
    "team": "team_ids",
    "model": "model_ids",
    "provider": "provider_ids",
    "key": "key_aliases",
}
NOUNS = {"user": "User", "team": "Team", "model": "Model", "provider": "Provider", "key": "Key"}
PARTS = {name: NOUNS[name] for name in ("model", "user", "team", "provider", "key")}  # the first is the usual one
ORDERS = {"cost": "Cost", "tokens": "Tokens", "requests": "Requests"}
OWN = "own"
PERIODS = {
    "last_7_days": "Last 7 days",
    "last_30_days": "Last 30 days",
    "last_90_days": "Last 90 days",
    "previous_week": "Previous week",
    "previous_month": "Previous month",
    OWN: "Own dates",
}
AGAINST = {"": "The period before", "nothing": "Nothing"}
MAX_DAYS = 366  # of own dates; a report is the place for more
MONDAY = "0 7 * * 1"
Filter = tuple[str, tuple[str, ...]]  # one of FIELDS and the ids that are wanted


@dataclass(frozen=True)
class Asked:
    """One look at the page. `by` is one of PARTS, `order` one of ORDERS; the others are as in the URL."""

    source: str = ""
    period: str = "last_7_days"
    dates: str = ""
    against: str = ""
    filters: tuple[Filter, ...] = ()
    by: str = "model"
    order: str = "cost"

    def query(self, at: datetime, zone: str) -> UsageQuery:
        """Raises InvalidInput("dates", ...) for own dates that are none."""
        period = period_of(self.period, self.dates, at, zone)
        return UsageQuery(self.source, period, None if self.against else period.before(), self.wanted)

    @property
    def wanted(self) -> Filters:
        return Filters(**{FIELDS[name]: ids for name, ids in self.filters})

    def url(self) -> dict[str, str | Sequence[str]]:
        """The query of the URL that shows this; what is usual is left out."""
        usual = Asked()
        own = self.dates if self.period == OWN else ""
        plain = {"source": self.source, "period": self.period, "dates": own, "against": self.against}
        plain |= {"by": self.by, "order": self.order}
        kept = {name: value for name, value in plain.items() if value != getattr(usual, name)}
        return {**kept, **dict(self.filters)}

    def drilled(self, name: str, id: str) -> Asked:
        """Only this one, taken apart by what is not fixed yet."""
        filters = (*(each for each in self.filters if each[0] != name), (name, (id,)))
        fixed = {each for each, ids in filters if len(ids) == 1}
        return replace(self, filters=filters, by=next((each for each in PARTS if each not in fixed), self.by))

    def trail(self) -> list[Asked]:
        """The way here: all usage, then one filter more each time; the last is this one."""
        steps = [replace(self, filters=self.filters[:count]) for count in range(len(self.filters))]
        return [*steps, self]


def chosen(url: Mapping[str, Sequence[str]]) -> tuple[Filter, ...]:
    """The filters of a URL in its order."""
    found = ((name, tuple(dict.fromkeys(filter(None, ids)))) for name, ids in url.items() if name in FIELDS)
    return tuple((name, ids) for name, ids in found if ids)


def period_of(choice: str, dates: str, at: datetime, zone: str) -> Period:
    """The days of one of PERIODS at `at`, as days of `zone`; own dates end today at the latest."""
    if choice == OWN:
        return _own(dates, at, zone)
    if choice in {"last_30_days", "last_90_days"}:
        days = int(choice.split("_")[1])
        return periods.compute(PeriodPolicy.LAST_N_DAYS, at, zone, days=days)
    return periods.compute(PeriodPolicy(choice), at, zone)


def _own(text: str, at: datetime, zone: str) -> Period:
    try:
        found = period_text.days(text)
    except InvalidInput as error:
        raise InvalidInput("dates", error.message) from error
    if found is None:
        raise InvalidInput("dates", f"are empty. {period_text.EXPECTED}")
    first, last = found
    today = at.astimezone(ZoneInfo(zone)).date()
    if first > today:
        raise InvalidInput("dates", "lie in the future. Write days that have been.")
    last = min(last, today)
    if last - first >= timedelta(days=MAX_DAYS):
        raise InvalidInput("dates", f"are {(last - first).days + 1} days; at most {MAX_DAYS} can be shown at once.")
    return Period(first, last, zone)


def words(filter: Filter, names: Known) -> str:
    """For instance "Model gpt-4o" or "Users Ada, Ben", by the names that are known."""
    name, ids = filter
    known = names.get(FIELDS[name], {})
    noun = NOUNS[name] if len(ids) == 1 else f"{NOUNS[name]}s"
    return f"{noun} {', '.join(known.get(id) or id for id in ids)}"


def counted(count: int, by: str) -> str:
    noun = NOUNS[by].lower()
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def monday_report(asked: Asked, names: Known) -> dict[str, str]:
    """The fields of a new report of this source and these filters, each Monday on the week before: its page's query."""
    only = "; ".join(words(each, names) for each in asked.filters)
    name = f"Weekly usage: {only}" if only else "Weekly usage"
    return {
        "template": "usage_summary",
        "name": name if len(name) <= MAX_NAME else f"{name[: MAX_NAME - 1]}…",
        "filters": json.dumps(asked.wanted.to_json(), ensure_ascii=False, separators=(",", ":")),
        "period_policy": PeriodPolicy.PREVIOUS_WEEK.value,
        "cron": MONDAY,
        "send": "me",
        **({"source": asked.source} if asked.source else {}),
    }
