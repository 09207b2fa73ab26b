"""The rows behind the tables on users; each frame adds up to the figures of the report."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace

import pandas as pd

from reports.kit.activity.people import People
from reports.kit.anomalies import CUT, robust_scores
from reports.kit.usage import Order, ranking
from reports.kit.usage.rankings import DIMENSIONS, Ranking, named, summed

GROUP_WORDS = {"new": "new", "returning": "returning", "back": "came back"}
UNOWNED = "nobody known"
MIN_JUDGED = 10  # active users; fewer have no usual amount


def users(people: People, *, order: Order = "requests", top_n: int = 20) -> Ranking:
    """Every user of the period, unknown ones in one row, as `kit.usage.ranking`, with what only this report knows.

    More columns: models (distinct), last_active (a day), group ("new", "returning", "came back", "" where it cannot
    be told), previous_requests where there is a comparison.
    """
    data, found = people.data, ranking(people.data, "user", order=order, top_n=top_n)
    used = data.daily.loc[data.daily["requests"] > 0, ["user_id", "model", "day"]]
    by_user = used.groupby("user_id", observed=True)
    ids = found.frame["id"]
    frame = found.frame.assign(
        models=ids.map(by_user["model"].nunique()).fillna(0).astype("int64"),
        last_active=_days(ids, by_user["day"].max()),
        group=[_group(people, str(id)) for id in ids],
    )
    if people.before:
        before = data.previous.groupby("user_id", observed=True)["requests"].sum()
        frame["previous_requests"] = ids.map(before).fillna(0).astype("int64")
    return replace(found, frame=frame)


def _days(ids: Iterable[object], last: pd.Series) -> pd.Series:
    """The day of each id in `last`, midnights by id; None for an id without one."""
    days = {id: stamp.date() for id, stamp in last.items() if not pd.isna(stamp)}
    return pd.Series([days.get(id) for id in ids], dtype="object")


def _group(people: People, user: str) -> str:
    fields = (field for field in GROUP_WORDS if user in (getattr(people.now, field) or ()))
    return next((GROUP_WORDS[field] for field in fields), "")


def moves(people: People) -> pd.DataFrame:
    """Users, unknown ones as one, whose requests rose or fell, by the difference, the largest rise first.

    Columns: id, name, requests, previous_requests, difference. No rows where nothing can be compared. The differences
    add up to the change in requests.
    """
    data, key = people.data, ["user_id"]
    if not people.before:
        return pd.DataFrame({"id": [], "name": [], "requests": [], "previous_requests": [], "difference": []})
    now, before = (summed(rows, key)[["user_id", "requests"]] for rows in (data.daily, data.previous))
    both = now.merge(before.rename(columns={"requests": "previous_requests"}), on="user_id", how="outer")
    both = both.fillna({"requests": 0, "previous_requests": 0}).astype(
        {"requests": "int64", "previous_requests": "int64"}
    )
    names = [rows[["day", "user_id", "user_name"]] for rows in (data.previous, data.daily)]
    frame = named(both, pd.concat(names), DIMENSIONS["user"])
    frame["difference"] = frame["requests"] - frame["previous_requests"]
    frame = frame[frame["difference"] != 0]
    return frame.sort_values(["difference", "name"], ascending=[False, True], ignore_index=True)


def dormant_keys(people: People) -> pd.DataFrame:
    """Keys that exist, or were used in the history or the comparison, and were not in the period; last used first.

    Columns: key_id, name (alias, else the beginning of the id), owner, team, last_used (a day), unused_days (to the end
    of the period), requests (before the period). Keys that were never used in the days there are come last, without a
    day. They are known where the source keeps a list of keys, and left out where a filter hides some of their use.
    """
    data = people.data
    begin = pd.Timestamp(data.period.start)
    owners = ["key_id", "key_alias", "user_id", "user_name", "team_id", "team_name"]
    days = data.last_days(owners)
    last = days[days["key_id"] != ""].drop_duplicates("key_id", keep="last").set_index("key_id")
    idle = _never_used(people, set(last.index))
    last = last[last["day"] < begin]
    requests = data.sums(["key_id"], ["requests"]).set_index("key_id")["requests"]
    used = pd.DataFrame(
        {
            "key_id": last.index,
            "name": [key_name(str(id), str(alias)) for id, alias in last["key_alias"].items()],
            "owner": _first(last["user_name"], last["user_id"], UNOWNED),
            "team": _first(last["team_name"], last["team_id"], DIMENSIONS["team"].unnamed),
            "last_used": _days(last.index, last["day"]),
            "unused_days": (pd.Timestamp(data.period.end) - last["day"]).dt.days.to_numpy(),
            "requests": requests.reindex(last.index).to_numpy(),
        }
    )
    used = used.sort_values(["unused_days", "requests", "name"], ascending=[True, False, True])
    return pd.concat([used, idle], ignore_index=True) if len(idle) else used.reset_index(drop=True)


def _never_used(people: People, used: set[str]) -> pd.DataFrame:
    """The keys the source lists beside those `used`, in the columns of `dormant_keys`."""
    listed, filters = people.data.file("keys"), people.data.meta.get("filters") or {}
    if listed is None or filters.get("model_ids") or filters.get("provider_ids"):
        return pd.DataFrame()
    idle = listed[~listed["key_id"].isin(used)]
    users, teams = (_names(people, dimension) for dimension in ("user", "team"))
    frame = pd.DataFrame(
        {
            "key_id": idle["key_id"],
            "name": list(map(key_name, idle["key_id"], idle["key_alias"])),
            "owner": [users.get(id) or id or UNOWNED for id in idle["user_id"]],
            "team": [teams.get(id) or id or DIMENSIONS["team"].unnamed for id in idle["team_id"]],
            "last_used": None,
            "unused_days": math.nan,
            "requests": 0,
        }
    )
    return frame.sort_values("name")


def _names(people: People, dimension: str) -> dict[str, str]:
    """Id -> name, of all users or teams that the days there are tell of."""
    by = DIMENSIONS[dimension]
    rows = people.data.last_days([by.key, by.name])
    return dict(zip(rows[by.key], rows[by.name], strict=True))


def _first(names: pd.Series, ids: pd.Series, unnamed: str) -> list[str]:
    return [str(name or id or unnamed) for name, id in zip(names, ids, strict=True)]


def key_name(id: str, alias: str) -> str:
    """A key as people know it; a long id, such as a hash, by its beginning."""
    return alias or (id if len(id) <= 16 else f"{id[:12]}…")


def unknown_keys(people: People) -> pd.DataFrame:
    """Usage of the period that belongs to no known user, by key, the most requests first.

    Columns: name, key_id, the sums of `kit.usage.rankings.summed`, last_active (a day).
    """
    rows = people.data.daily[people.data.daily["user_id"] == ""]
    frame = summed(rows, ["key_id"])
    last = rows[rows["requests"] > 0].groupby("key_id", observed=True)["day"].max()
    aliases = rows[rows["key_alias"] != ""].drop_duplicates("key_id", keep="last").set_index("key_id")["key_alias"]
    frame["name"] = [key_name(str(id), str(aliases.get(id, ""))) if id else "No key" for id in frame["key_id"]]
    frame["last_active"] = _days(frame["key_id"], last)
    return frame.sort_values(["requests", "name"], ascending=[False, True], ignore_index=True)


def outliers(people: People) -> pd.DataFrame:
    """Known users far above or below the others in requests, tokens a request or cost a request.

    Columns: name, what, value, usual (the median of all users with such a value), times (value / usual), score. The
    score is that of the logarithms, since use is skewed: `anomalies.robust_scores`. No rows for under MIN_JUDGED.
    """
    found = ranking(people.data, "user", order="requests").frame
    known = found[(found["id"] != "") & (found["requests"] > 0)]
    if len(known) < MIN_JUDGED:
        return pd.DataFrame({name: [] for name in ("name", "what", "value", "usual", "times", "score")})
    amounts = {
        "requests": known["requests"],
        "tokens a request": known["total_tokens"] / known["requests"],
        f"cost of 1,000 requests, {people.data.currency}": known["spend_usd"] / known["requests"] * 1000,
    }
    parts = [_outside(known["name"], what, values) for what, values in amounts.items()]
    frame = pd.concat(parts)
    return frame.sort_values("score", key=lambda score: -score.abs(), kind="stable", ignore_index=True)


def _outside(names: pd.Series, what: str, values: pd.Series) -> pd.DataFrame:
    values = values[values > 0].astype("float64")
    scores = robust_scores([math.log10(value) for value in values])
    usual = float(values.median()) if len(values) >= MIN_JUDGED else math.nan
    frame = pd.DataFrame(
        {"name": names[values.index], "what": what, "value": values, "usual": usual, "times": values / usual}
    ).assign(score=scores)
    return frame[frame["score"].abs() > CUT] if len(values) >= MIN_JUDGED else frame.iloc[:0]
