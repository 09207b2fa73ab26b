"""The figures of every report, once more: from a source's raw rows by DOMAIN's formulas, without a line of the kit.

A row is a plain dict: day, user_id, key_id, team_id, model, provider, requests, successes, failures, tokens of four
kinds, spend_usd, and where it is a single request its duration_ms, ttft_ms and cache_hit.
"""

from __future__ import annotations

import csv
import gzip
import math
import sqlite3
import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import psycopg

Row = dict[str, Any]
TOKENS = ("prompt_tokens", "completion_tokens", "cache_read_tokens", "cache_creation_tokens")
OUTCOMES = ("successes", "failures")  # None where the source does not tell
COUNTS = ("requests", *OUTCOMES, *TOKENS)
MIN_HISTORY_DAYS = 28  # known days before the period, to tell who is new


@dataclass(frozen=True)
class Case:
    """All usage a source holds, and the days of one report with those it is compared with."""

    rows: list[Row]
    days: list[date]  # of the period
    known: set[date]  # days the source has data for
    requests: list[Row] = field(default_factory=list)  # single ones, where they are not `rows` themselves

    @property
    def before(self) -> list[date]:
        return [day - timedelta(days=len(self.days)) for day in self.days]

    @property
    def comparable(self) -> bool:
        return {*self.days, *self.before} <= self.known

    @property
    def tells_outcomes(self) -> bool:
        return tells_outcomes(self.rows)

    def of(self, days: Sequence[date]) -> list[Row]:
        wanted = set(days)
        return [row for row in self.rows if row["day"] in wanted]

    @cached_property
    def now(self) -> list[Row]:
        return self.of(self.days)

    @cached_property
    def previous(self) -> list[Row]:
        return self.of(self.before)

    def singles(self, days: Sequence[date]) -> list[Row]:
        return [row for row in self.requests if row["day"] in set(days)]


# Raw rows, each read as its source stores it


def demo_rows(database: Path, source: str = "demo") -> list[Row]:
    with sqlite3.connect(database) as connection:
        connection.row_factory = sqlite3.Row
        found = connection.execute("select * from usage_events where source = ?", (source,)).fetchall()
    rows = []
    for each in found:
        row = dict(each) | {"day": date.fromisoformat(each["started_at"][:10])}
        row["successes"] = row["requests"] - row["failures"]
        rows.append(row)
    return rows


def demo_budgets(database: Path) -> dict[str, float]:
    with sqlite3.connect(database) as connection:
        return dict(connection.execute("select team_id, budget_usd from teams where budget_usd is not null"))


def servegen_rows(path: Path, day_zero: date) -> list[Row]:
    """Tokens of an hour are requests times their mean, to the nearest whole number (halves to even)."""
    rows = []
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        for each in csv.DictReader(file):
            requests = float(each["requests"])
            tokens = [round(requests * float(each[name] or 0)) for name in ("input_tokens_mean", "output_tokens_mean")]
            row: Row = dict.fromkeys(COUNTS, 0) | dict.fromkeys(("key_id", "team_id", "provider"), "")
            row |= {"day": day_zero + timedelta(days=int(each["hour"]) // 24), "user_id": each["client_id"]}
            row |= {"model": each["pool"], "requests": int(requests), "spend_usd": 0.0}
            row |= dict.fromkeys(OUTCOMES)
            rows.append(row | {"prompt_tokens": tokens[0], "completion_tokens": tokens[1]})
    return rows


LITELLM_DAYS = """
    select d.date, coalesce(d.user_id, ''), coalesce(d.api_key, ''), coalesce(t.team_id, ''), coalesce(d.model, ''),
           coalesce(d.custom_llm_provider, ''), d.api_requests, d.successful_requests, d.failed_requests,
           d.prompt_tokens, d.completion_tokens, d.cache_read_input_tokens, d.cache_creation_input_tokens, d.spend,
           d.total_response_time_ms, d.timed_requests
    from "LiteLLM_DailyUserSpend" d left join "LiteLLM_VerificationToken" t on t.token = d.api_key
"""
LITELLM_LOGS = """
    select "startTime"::date, model, status = 'failure',
           coalesce(request_duration_ms, extract(epoch from "endTime" - "startTime") * 1000)::float,
           case when "completionStartTime" is distinct from "endTime"
                then extract(epoch from "completionStartTime" - "startTime")::float * 1000 end,
           completion_tokens, case cache_hit when 'True' then 1 when 'False' then 0 end
    from "LiteLLM_SpendLogs"
"""
DIMENSIONS = ("user_id", "key_id", "team_id", "model", "provider")


def litellm_rows(connection: psycopg.Connection[Any]) -> list[Row]:
    names = ("day", *DIMENSIONS, *COUNTS, "spend_usd", "duration_ms", "timed_requests")
    rows = [dict(zip(names, row, strict=True)) for row in connection.execute(LITELLM_DAYS)]
    return [row | {"day": date.fromisoformat(row["day"])} for row in rows]


def litellm_requests(connection: psycopg.Connection[Any]) -> list[Row]:
    names = ("day", "model", "failures", "duration_ms", "ttft_ms", "completion_tokens", "cache_hit")
    rows = [dict(zip(names, row, strict=True)) for row in connection.execute(LITELLM_LOGS)]
    return [row | {"requests": 1, "failures": int(row["failures"])} for row in rows]


# Figures, as DOMAIN.md and the definitions of each report say


def tells_outcomes(rows: Iterable[Row]) -> bool:
    return all(row["successes"] is not None for row in rows)


def total(rows: Iterable[Row], name: str) -> int:
    return sum(row[name] or 0 for row in rows)


def spend(rows: Iterable[Row]) -> float:
    return math.fsum(row["spend_usd"] for row in rows)


def tokens(rows: Iterable[Row]) -> int:
    return sum(row["prompt_tokens"] + row["completion_tokens"] for row in rows)


def users(rows: Iterable[Row]) -> set[str]:
    return {row["user_id"] for row in rows if row["user_id"] and row["requests"] > 0}


def by(rows: Iterable[Row], key: str, value: str = "requests") -> dict[str, Any]:
    found: dict[str, list[Any]] = {}
    for row in rows:
        found.setdefault(row[key], []).append(row[value])
    return {name: math.fsum(values) if value == "spend_usd" else sum(values) for name, values in found.items()}


def ratio(part: float, whole: float, scale: float = 1.0) -> float | None:
    return part / whole * scale if whole else None


def usage_figures(rows: list[Row]) -> dict[str, float | None]:
    requests, cost, told = total(rows, "requests"), spend(rows), tells_outcomes(rows)
    return {
        "Requests": requests,
        "Successful requests": total(rows, "successes") if told else None,
        "Failed requests": total(rows, "failures") if told else None,
        "Prompt tokens": total(rows, "prompt_tokens"),
        "Completion tokens": total(rows, "completion_tokens"),
        "Total tokens": tokens(rows),
        "Cost": cost,
        "Active users": len(users(rows)),
        "Models used": len({row["model"] for row in rows if row["requests"] > 0}),
        "Success rate": ratio(total(rows, "successes"), requests, 100) if told else None,
        "Cost per 1,000 requests": ratio(cost, requests, 1000),
    }


def cost_figures(case: Case, days: Sequence[date]) -> dict[str, float | None]:
    rows = case.of(days)
    cost = spend(rows)
    return {
        "Average a day": ratio(cost, len(set(days) & case.known)),
        "Cost per request": ratio(cost, total(rows, "requests")),
        "Cost per 1M tokens": ratio(cost, tokens(rows), 1_000_000),
        "Cost per active user": ratio(cost, len(users(rows))),
    }


def spread_figures(rows: list[Row]) -> dict[str, float | None]:
    mine = sorted(value for user, value in by(rows, "user_id").items() if user and value)
    if not mine:
        return dict.fromkeys(("Requests per user", "Requests of the middle user", "Share of the top 10"))
    area = math.fsum((2 * place - len(mine) - 1) * value for place, value in enumerate(mine, 1))
    return {
        "Requests per user": sum(mine) / len(mine),
        "Requests of the middle user": statistics.median(mine),
        "Share of the top 10": sum(mine[-10:]) / total(rows, "requests") * 100,
        "Gini coefficient": area / (len(mine) * sum(mine)),
    }


def group_figures(case: Case, days: Sequence[date]) -> dict[str, float | None]:
    """Users by what they did before; None where the days before are not known."""
    first = days[0]
    before = [day - timedelta(days=len(days)) for day in days]
    active, earlier_days = users(case.of(days)), [day for day in case.known if day < first]
    old = users(case.of(before)) if set(before) <= case.known and set(days) <= case.known else None
    earlier = users(case.of(earlier_days)) if len(earlier_days) >= MIN_HISTORY_DAYS else None
    return {
        "New users": None if earlier is None else len(active - earlier),
        "Returning users": None if old is None else len(active & old),
        "Came back": None if old is None or earlier is None else len((active & earlier) - old),
        "Dormant users": None if old is None else len(old - active),
    }


def percentile(values: list[float], share: float) -> float | None:
    """Between two values by their distance, as NumPy and PostgreSQL's percentile_cont do."""
    if not values:
        return None
    ordered = sorted(values)
    place = (len(ordered) - 1) * share
    low, high = ordered[math.floor(place)], ordered[math.ceil(place)]
    return low + (high - low) * (place - math.floor(place))


def latency_figures(case: Case, days: Sequence[date]) -> dict[str, float | None]:
    rows, singles = case.of(days), [row for row in case.singles(days) if not row["failures"]]
    timed = [row for row in rows if row.get("duration_ms") is not None and (row.get("timed_requests") or 0) > 0]
    took = [row["duration_ms"] for row in singles if row["duration_ms"] is not None]
    first = [row["ttft_ms"] for row in singles if row["ttft_ms"] is not None]
    written = [row for row in singles if row["duration_ms"] is not None]
    seconds = math.fsum(row["duration_ms"] - (row["ttft_ms"] or 0) for row in written) / 1000
    hits = [row["cache_hit"] for row in singles if row["cache_hit"] is not None]
    return {
        "Average latency": ratio(math.fsum(row["duration_ms"] for row in timed), total(timed, "timed_requests")),
        "Median latency (p50)": percentile(took, 0.5),
        "Slowest 5 % (p95)": percentile(took, 0.95),
        "Median time to first token": percentile(first, 0.5),
        "Time to first token, p95": percentile(first, 0.95),
        "Output tokens a second": ratio(total(written, "completion_tokens"), seconds),
        "Cache-hit rate": ratio(sum(hits), len(hits), 100),
    }


Figures = Callable[[Case, Sequence[date]], dict[str, float | None]]
OWN: dict[str, tuple[Figures, ...]] = {
    "usage_summary": (),
    "cost_analysis": (cost_figures,),
    "user_activity": (group_figures, lambda case, days: spread_figures(case.of(days))),
    "model_performance": (latency_figures,),
}


def figures(template: str, case: Case, days: Sequence[date]) -> dict[str, float | None]:
    found = usage_figures(case.of(days))
    for compute in OWN[template]:
        found |= compute(case, days)
    return found
