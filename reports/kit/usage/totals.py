"""The figures of a usage report: sums over all rows of a period, nothing rounded on the way."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pandas as pd

from reports.kit.cards import metric
from reports.kit.datasets import Dataset
from reports.results import Metric

OUTCOMES = {"successes", "failures", "success_rate"}  # known only where the source records them
FIGURES = {  # name -> label, unit
    "requests": ("Requests", "count"),
    "successes": ("Successful requests", "count"),
    "failures": ("Failed requests", "count"),
    "total_tokens": ("Total tokens", "tokens"),
    "prompt_tokens": ("Prompt tokens", "tokens"),
    "completion_tokens": ("Completion tokens", "tokens"),
    "spend_usd": ("Cost", "usd"),
    "spend_per_1000": ("Cost per 1,000 requests", "usd"),
    "active_users": ("Active users", "count"),
    "models": ("Models used", "count"),
    "success_rate": ("Success rate", "percent"),
}


@dataclass(frozen=True)
class Totals:
    """Sums over rows of usage. Tokens and requests are counts, `spend_usd` is money as stored."""

    requests: int
    successes: int
    failures: int
    prompt_tokens: int  # including those read from and written to a cache
    completion_tokens: int
    spend_usd: float
    active_users: int  # distinct users with a request; requests of unknown users count no user
    models: int  # distinct models with a request

    @property
    def total_tokens(self) -> int:
        return self.prompt_tokens + self.completion_tokens

    @property
    def success_rate(self) -> float | None:
        """successes / requests * 100; None without requests."""
        return self.successes / self.requests * 100 if self.requests else None

    @property
    def spend_per_1000(self) -> float | None:
        """spend / requests * 1,000; None without requests."""
        return self.spend_usd / self.requests * 1000 if self.requests else None


def totals(frame: pd.DataFrame) -> Totals:
    """The sums over `frame`, rows as of `Dataset.daily`; all zero for a frame without rows."""
    used = frame[frame["requests"] > 0]
    users = used["user_id"]
    return Totals(
        requests=int(frame["requests"].sum()),
        successes=int(frame["successes"].sum()),
        failures=int(frame["failures"].sum()),
        prompt_tokens=int(frame["prompt_tokens"].sum()),
        completion_tokens=int(frame["completion_tokens"].sum()),
        spend_usd=math.fsum(frame["spend_usd"]),
        active_users=int(users[users != ""].nunique()),
        models=int(used["model"].nunique()),
    )


def metrics(data: Dataset) -> dict[str, Metric]:
    """Every figure of a usage report by name, against the period before where that can be compared.

    Names and units: requests, successes, failures, models, active_users (count), prompt_tokens, completion_tokens,
    total_tokens (tokens), spend_usd, spend_per_1000 (usd), success_rate (percent).
    """
    now, before = totals(data.daily), totals(data.previous) if data.comparable else None
    return {name: _metric(data, now, before, name) for name in FIGURES}


def _metric(data: Dataset, now: Totals, before: Totals | None, name: str) -> Metric:
    label, unit = FIGURES[name]
    if name in OUTCOMES and not data.has("success_rate"):
        return metric(name, label, None, unit=unit, note="not recorded by the source")
    value = getattr(now, name)
    return metric(name, label, value, getattr(before, name, None), unit=unit, note="no requests" * (value is None))
