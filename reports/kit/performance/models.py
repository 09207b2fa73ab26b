"""Models side by side: their score card, their points in charts, and which came and went."""

from __future__ import annotations

import numpy as np
import pandas as pd

from reports.kit.datasets import Dataset
from reports.kit.performance.requests import UNNAMED_MODEL, Performance, averages, by_model
from reports.kit.usage.rankings import DIMENSIONS, plain_texts, ranking

SLOW = {"p50": "median latency", "average": "average latency"}


def scores(found: Performance) -> pd.DataFrame:
    """One row a model, most requests first: counts, tokens and money as of a ranking, users, latency, and before.

    Columns: name, requests, successes, failures, total_tokens, spend_usd, users, average, p50, p95 (ms; NaN where not
    known), provider, previous_requests and previous_p95 where there is a comparison.
    """
    data = found.data
    frame = ranking(data, "model", order="requests").frame.drop(columns="id").set_index("name")
    daily = _named(data.daily)
    used = daily[(daily["requests"] > 0) & (daily["user_id"] != "")]
    frame["users"] = used.groupby("model")["user_id"].nunique().reindex(frame.index, fill_value=0)
    frame["average"] = averages(daily).reindex(frame.index)
    frame["provider"] = _providers(daily).reindex(frame.index)
    timed = by_model(found.now) if found.now is not None else pd.DataFrame(columns=["p50", "p95"], dtype="float64")
    frame = frame.join(timed[["p50", "p95"]])
    if data.comparable:
        before = _named(data.previous).groupby("model")["requests"].sum()
        frame["previous_requests"] = before.reindex(frame.index, fill_value=0)
        if found.timed_before is not None:
            frame["previous_p95"] = by_model(found.timed_before)["p95"].reindex(frame.index)
    return frame.reset_index()


def _named(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.assign(model=rows["model"].map(lambda model: model or UNNAMED_MODEL))


def _providers(daily: pd.DataFrame) -> pd.Series:
    """The provider that most of a model's requests went to."""
    sums = plain_texts(daily.groupby(["model", "provider"], observed=True)["requests"].sum().reset_index())
    most = sums.sort_values("requests", ascending=False, kind="stable").drop_duplicates("model").set_index("model")
    named: pd.Series = most["provider"].where(most["provider"] != "", DIMENSIONS["provider"].unnamed)
    return named


def came_and_went(data: Dataset) -> pd.DataFrame:
    """Models used in one of the two periods only, with when they were first and last used in all days that were read.

    Columns: name, status (new, back, retired), first_day, last_day, requests, previous_requests, spend_usd. `new`
    models have no request before the period as far as the history reaches, `back` ones had some before the comparison.
    """
    frame = _use(data)
    now, before, earlier = (frame[name] for name in ("requests", "previous_requests", "earlier_requests"))
    came, went = (now > 0) & (before == 0), (now == 0) & (before > 0)
    frame["status"] = np.select([came & (earlier > 0), came, went], ["back", "new", "retired"], "")
    frame = frame.assign(size=now + before)[came | went]
    frame = frame.sort_values(["status", "size"], ascending=[True, False], kind="stable")
    columns = ["name", "status", "first_day", "last_day", "requests", "previous_requests", "spend_usd"]
    return frame.reset_index(names="name")[columns]


def _use(data: Dataset) -> pd.DataFrame:
    """Requests of each model in the period, in the comparison and before it, and its first and last day of use."""
    days = _named(data.sums(["day", "model"], ["requests"])).query("requests > 0")
    compared = data.comparison or data.period
    since, before = pd.Timestamp(data.period.start), pd.Timestamp(compared.start)
    parts = {
        "requests": days[days["day"] >= since],
        "previous_requests": days[(days["day"] >= before) & (days["day"] < since)],
        "earlier_requests": days[days["day"] < before],
    }
    sums = {name: rows.groupby("model")["requests"].sum() for name, rows in parts.items()}
    frame = pd.DataFrame(sums).fillna(0).astype("int64")
    seen = days.groupby("model")["day"].agg(["min", "max"]).reindex(frame.index)
    frame["first_day"], frame["last_day"] = ([stamp.date() for stamp in seen[bound]] for bound in ("min", "max"))
    spent = _named(data.daily).groupby("model")["spend_usd"].sum()
    return frame.assign(spend_usd=spent.reindex(frame.index, fill_value=0.0))
