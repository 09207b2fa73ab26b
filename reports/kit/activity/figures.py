"""The figures of a report on users, against the period before where that can be compared."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from reports.kit.activity.people import MIN_HISTORY_DAYS, Groups, People
from reports.kit.activity.spread import gini
from reports.kit.cards import metric
from reports.results import Metric

LEADERS = 10  # users whose share of all requests is a figure
GROUPS = {  # name -> label, the field of Groups
    "active_users": ("Active users", "active"),
    "new_users": ("New users", "new"),
    "returning_users": ("Returning users", "returning"),
    "back_users": ("Came back", "back"),
    "dormant_users": ("Dormant users", "dormant"),
}
SPREAD = {  # name -> label, unit
    "requests_per_user": ("Requests per user", "number"),
    "middle_user_requests": ("Requests of the middle user", "number"),
    "top_10_share": ("Share of the top 10", "percent"),
    "gini": ("Gini coefficient", "number"),
}


@dataclass(frozen=True)
class Spread:
    """How requests are spread over the active users; None without an active user.

    requests_per_user: requests of known users / active users. middle_user_requests: their median. top_10_share:
    requests of the ten most active known users / all requests, of unknown users too, * 100. gini: of the requests of
    the active users.
    """

    requests_per_user: float | None = None
    middle_user_requests: float | None = None
    top_10_share: float | None = None
    gini: float | None = None


def spread(requests: pd.Series, whole: int) -> Spread:
    """`requests` of each active user, the most active first, and `whole`, all requests there were."""
    if requests.empty:
        return Spread()
    return Spread(
        requests_per_user=int(requests.sum()) / len(requests),
        middle_user_requests=float(requests.median()),
        top_10_share=int(requests.head(LEADERS).sum()) / whole * 100,
        gini=gini(requests.tolist()),
    )


def metrics(people: People) -> dict[str, Metric]:
    """Every figure about users by name; what the data cannot tell has no value, and the card says why.

    Names and units: active_users, new_users, returning_users, back_users, dormant_users (count), requests_per_user,
    middle_user_requests, gini (number), top_10_share (percent).
    """
    found = {name: _group(people, name, label, field) for name, (label, field) in GROUPS.items()}
    now = spread(people.requests, int(people.data.daily["requests"].sum()))
    before = None
    if people.before:
        before = spread(people.previous_requests, int(people.data.previous["requests"].sum()))
    for name, (label, unit) in SPREAD.items():
        value = getattr(now, name)
        found[name] = metric(
            name, label, value, getattr(before, name, None), unit=unit, note="no active user" * (value is None)
        )
    return found


def _group(people: People, name: str, label: str, field: str) -> Metric:
    value, note = _size(people.now, field), ""
    if value is None:
        history = field == "new" or (field == "back" and people.now.returning is not None)
        note = f"needs {MIN_HISTORY_DAYS} days of earlier data" if history else "no comparison"
    return metric(name, label, value, _size(people.before, field), note=note)


def _size(groups: Groups | None, field: str) -> int | None:
    found = getattr(groups, field, None)
    return None if found is None else len(found)
