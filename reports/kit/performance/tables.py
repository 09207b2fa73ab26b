"""The tables of a performance report: each model's score card, errors by code, models that came and went."""

from __future__ import annotations

import pandas as pd

from reports.kit import format as fmt
from reports.kit.performance.figures import metrics
from reports.kit.performance.models import came_and_went, scores
from reports.kit.performance.requests import Performance
from reports.kit.sentences import notice, remark
from reports.kit.tables import Column, table
from reports.kit.usage.pictures import NO_USAGE

WORDS = {"new": "adopted", "back": "used again", "retired": "no longer used"}


def score_card(found: Performance, *, top_n: int = 15) -> None:
    """Emit a row for each model, most requests first; the total row has the users and percentiles of all together."""
    data, figures = found.data, metrics(found)
    timed = [
        Column("p50", "Median latency", "ms", total=figures["latency_p50"].value),
        Column("p95", "p95 latency", "ms", total=figures["latency_p95"].value),
    ]
    average = Column("average", "Average latency", "ms", total=figures["latency_average"].value, sheet_only=found.timed)
    columns = [
        Column("name", "Model"),
        Column("provider", "Provider", sheet_only=True),
        Column("requests", "Requests", "count"),
        Column("users", "Users", "count", total=figures["active_users"].value),
        Column("success_rate", "Success rate", "percent", ratio=("successes", "requests")),
        *(timed if found.timed else []),
        average,
        Column("tokens_per_request", "Tokens a request", "tokens", ratio=("total_tokens", "requests")),
        Column("price", "Cost per 1M tokens", "usd_per_million", ratio=("spend_usd", "total_tokens")),
        *_sums(),
    ]
    frame = scores(found)
    if not data.has("success_rate"):
        columns = [column for column in columns if column.name not in {"success_rate", "successes", "failures"}]
    if not found.timed and figures["latency_average"].value is None:
        columns.remove(average)
    if "previous_requests" in frame:
        whole = int(data.previous["requests"].sum())  # of models that are used no more, too: they have no row
        columns.append(Column("previous_requests", "Requests before", "count", sheet_only=True, total=whole))
        columns.append(Column("change", "Change in requests", "percent", change=("requests", "previous_requests")))
    if "previous_p95" in frame and found.timed:
        columns.insert(-1, Column("previous_p95", "p95 latency before", "ms", sheet_only=True))
    caption = "Models by requests" if len(frame) > 1 else "The model's requests, speed and price"
    table("Models", frame, columns, name="models", caption=caption, total=True, max_rows=top_n, empty=NO_USAGE)


def _sums() -> list[Column]:
    return [
        Column("successes", "Successes", "count", sheet_only=True),
        Column("failures", "Failed requests", "count", sheet_only=True),
        Column("total_tokens", "Total tokens", "tokens", sheet_only=True),
        Column("spend_usd", "Cost", "usd", sheet_only=True),
    ]


def errors_table(found: Performance, *, top_n: int = 10) -> None:
    """Emit failed requests by class and code of error, with the model that had most of them, most frequent first."""
    data = found.data
    if not data.has("success_rate"):
        notice(f"Errors: not available. {data.why_not('success_rate')}")
        return
    failures = int(data.daily["failures"].sum())
    if not failures:
        remark("No request failed." if data.daily["requests"].sum() else NO_USAGE)
        return
    if found.now is None or not data.has("errors"):
        notice(f"Errors by code: not available. {found.why_not('errors')}")
        return
    frame = by_code(found)
    columns = [
        Column("error_class", "Error"),
        Column("error_code", "Code"),
        Column("failures", "Failed requests", "count"),
        Column("share", "Share of failures", "percent", share="failures"),
        Column("model", "Most often on"),
        Column("models", "Models", "count", total=int(found.now.errors["model"].nunique())),
    ]
    coded = bool((frame["error_code"] != "").any())
    if not coded:
        del columns[1]
    if "previous_failures" in frame:
        columns.append(Column("previous_failures", "Failed before", "count", sheet_only=True))
        columns.append(Column("change", "Change", "percent", change=("failures", "previous_failures")))
    caption = f"Failed requests by class {'and code ' if coded else ''}of error"
    table("Errors", frame, columns, name="errors", caption=caption, total=True, max_rows=top_n)


def by_code(found: Performance) -> pd.DataFrame:
    """Failures by class and code, most first, those that only the period before had at the end.

    Columns: error_class, error_code, failures, model (with most of them), models (how many), previous_failures where
    there is a comparison.
    """
    assert found.now is not None
    keys = ["error_class", "error_code"]
    errors = found.now.errors
    by_each = errors.groupby([*keys, "model"])["failures"].sum().reset_index()
    by_each = by_each.sort_values("failures", ascending=False, kind="stable")
    frame = by_each.groupby(keys).agg(
        failures=("failures", "sum"), model=("model", "first"), models=("model", "nunique")
    )
    if found.before is not None:
        before = found.before.errors.groupby(keys)["failures"].sum()
        frame = frame.reindex(frame.index.union(before.index))
        frame["previous_failures"] = before.reindex(frame.index, fill_value=0)
        frame = frame.fillna({"failures": 0, "model": "", "models": 0})
        frame = frame.astype({"failures": "int64", "models": "int64", "previous_failures": "int64"})
    frame = frame.reset_index().sort_values(["failures", *keys], ascending=[False, True, True], kind="stable")
    named = frame["error_class"].where(frame["error_class"] != "", "not known")
    found_codes: pd.DataFrame = frame.assign(error_class=named).reset_index(drop=True)
    return found_codes


def adopted_table(found: Performance) -> None:
    """Emit models used in the period or in the one before only, or the sentence that there is none."""
    data = found.data
    if not data.comparable or data.comparison is None:
        notice("Adopted and retired models: not available. There is no complete period before to compare with.")
        return
    frame = came_and_went(data)
    frame = frame.assign(status=[WORDS[status] for status in frame["status"]])
    columns = [
        Column("name", "Model"),
        Column("status", "What happened"),
        Column("first_day", "First use", "date"),
        Column("last_day", "Last use", "date"),
        Column("requests", "Requests", "count"),
        Column("previous_requests", "Requests before", "count"),
        Column("spend_usd", "Cost", "usd"),
    ]
    same = "The same models were used as in the period before."
    empty = same if data.daily["requests"].sum() else NO_USAGE
    first = max(filter(None, (data.first_day, data.coverage.first_day)))
    caption = f"Models used in one of the two periods only; first use is looked up from {fmt.day(first)} on"
    table("Adopted and retired models", frame, columns, name="adopted", caption=caption, empty=empty)
