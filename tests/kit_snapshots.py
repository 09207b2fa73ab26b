"""Synthetic usage snapshots for the tests of the kit: real Parquet files in the format the sources write."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from reports.kit import context
from reports.kit.context import RunContext
from reports.kit.datasets import Dataset
from reports.model import Period
from reports.results import RUN_DIR_VARIABLE, Context, Results, read_results

TEXTS = (
    "user_id",
    "user_name",
    "key_id",
    "key_alias",
    "team_id",
    "team_name",
    "model",
    "model_group",
    "provider",
    "endpoint",
)
COUNTS = (
    "requests",
    "successes",
    "failures",
    "prompt_tokens",
    "completion_tokens",
    "cache_read_tokens",
    "cache_creation_tokens",
)
FLOATS = ("spend_usd", "duration_sum_ms", "list_price_usd")
SCHEMA = pa.schema(
    [("day", pa.date32())]
    + [(name, pa.string()) for name in TEXTS]
    + [(name, pa.int64()) for name in COUNTS]
    + [(name, pa.float64()) for name in FLOATS]
    + [("timed_requests", pa.int64())]
)
HOURLY = pa.schema(
    [("hour", pa.timestamp("s")), ("model", pa.string())]
    + [(name, pa.int64()) for name in ("requests", "failures", "prompt_tokens", "completion_tokens")]
    + [("spend_usd", pa.float64())]
)
MODELS = {  # model -> provider, share of requests, USD a token in and out
    "openai/gpt-4o": ("openai", 0.30, 2.5e-6, 1e-5),
    "anthropic/claude-sonnet-4": ("anthropic", 0.20, 3e-6, 1.5e-5),
    "openai/gpt-4o-mini": ("openai", 0.24, 1.5e-7, 6e-7),
    "mistral/large": ("mistral", 0.10, 2e-6, 6e-6),
    "meta/llama-3.3-70b": ("self-hosted", 0.08, 0.0, 0.0),
    "google/gemini-2.5-flash": ("google", 0.05, 3e-7, 2.5e-6),
    "deepseek/deepseek-chat": ("deepseek", 0.03, 2.7e-7, 1.1e-6),
}
LIST_PRICE = 1e-6  # USD a token of the unpriced model
UNKNOWN_EVERY = 9  # each ninth user is unknown


@dataclass
class Plan:
    """What a synthetic snapshot holds."""

    period: Period
    users: int = 24
    hourly: bool = True
    missing: Sequence[date] = ()
    zero: Sequence[date] = ()
    names: Sequence[str] = ()  # given to the first users
    volume: int = 400  # requests of the largest user a day
    filters: dict[str, list[str]] = field(default_factory=dict)
    unavailable: dict[str, str] = field(default_factory=dict)
    seed: int = 7
    previous_hours: bool = False
    report: str = "Usage summary for the board"
    history_days: int = 0  # before the comparison

    @property
    def first_day(self) -> date:
        return self.period.before().start - timedelta(days=self.history_days)


def usage_rows(plan: Plan) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Daily and hourly rows that agree with each other, for the history, the comparison and the period."""
    rng = random.Random(plan.seed)
    daily: list[dict[str, Any]] = []
    hourly: dict[tuple[datetime, str], dict[str, Any]] = {}
    day = plan.first_day
    while day <= plan.period.end:
        if day not in plan.missing and day not in plan.zero:
            for row, hour in _day_rows(rng, plan, day):
                daily.append(row)
                if day >= plan.period.start or plan.previous_hours:
                    _add_hour(hourly, row, hour)
        day += timedelta(days=1)
    return _merged(daily), sorted(hourly.values(), key=lambda r: (r["hour"], r["model"]))


def _day_rows(rng: random.Random, plan: Plan, day: date) -> Iterable[tuple[dict[str, Any], int]]:
    level = (0.45 if day.weekday() >= 5 else 1.0) * (1.15 if day >= plan.period.start else 1.0)
    for user in range(plan.users):
        for model, (provider, share, price_in, price_out) in MODELS.items():
            requests = int(plan.volume * level * share / (1 + user * 0.35) * rng.uniform(0.6, 1.4))
            for hour in _hours(rng, requests):
                yield _row(rng, plan, day, user, model, provider, (price_in, price_out)), hour


def _hours(rng: random.Random, requests: int) -> list[int]:
    """A handful of hours, as packets of requests, mostly in working time."""
    return [min(23, max(0, round(rng.gauss(13, 4)))) for _ in range(min(requests, 4))]


def _row(
    rng: random.Random, plan: Plan, day: date, user: int, model: str, provider: str, price: tuple[float, float]
) -> dict[str, Any]:
    unknown = user % UNKNOWN_EVERY == UNKNOWN_EVERY - 1
    requests = rng.randint(1, 120)
    failures = rng.choice([0] * 12 + [1, 2]) if requests > 3 else 0
    prompt, completion = requests * rng.randint(300, 1800), (requests - failures) * rng.randint(40, 500)
    name = plan.names[user] if user < len(plan.names) else f"Person {user:02d}"
    return {
        "day": day,
        "user_id": "" if unknown else f"u-{user:03d}",
        "user_name": "" if unknown else name,
        "key_id": f"k-{user:03d}",
        "key_alias": f"key {user}",
        "team_id": f"t-{user % 4}" if user % 4 else "",
        "team_name": ["", "Search", "Support", "Research"][user % 4],
        "model": model,
        "model_group": model.split("/")[1],
        "provider": provider,
        "endpoint": "/chat/completions",
        "requests": requests,
        "successes": requests - failures,
        "failures": failures,
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "cache_read_tokens": prompt // 10,
        "cache_creation_tokens": 0,
        "spend_usd": prompt * price[0] + completion * price[1],
        "duration_sum_ms": None,
        "list_price_usd": (prompt + completion) * LIST_PRICE if not price[0] else None,
        "timed_requests": None,
    }


def _add_hour(hourly: dict[tuple[datetime, str], dict[str, Any]], row: dict[str, Any], hour: int) -> None:
    at = datetime.combine(row["day"], time(hour))
    found = hourly.setdefault(
        (at, row["model"]),
        {"hour": at, "model": row["model"], "spend_usd": 0.0}
        | dict.fromkeys(("requests", "failures", "prompt_tokens", "completion_tokens"), 0),
    )
    for name in ("requests", "failures", "prompt_tokens", "completion_tokens", "spend_usd"):
        found[name] += row[name]


def _merged(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One row a day and set of dimensions, as a snapshot has it."""
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in rows:
        key = (row["day"], *(row[name] for name in TEXTS))
        if key not in found:
            found[key] = dict(row)
            continue
        for name in (*COUNTS, "spend_usd"):
            found[key][name] += row[name]
        if row["list_price_usd"] is not None:
            found[key]["list_price_usd"] += row["list_price_usd"]
    return list(found.values())


def write_snapshot(folder: Path, plan: Plan, daily: list[dict[str, Any]], hourly: list[dict[str, Any]] | None) -> None:
    """The files of a usage snapshot from plain rows; rows may leave out what they do not care about."""
    folder.mkdir(parents=True, exist_ok=True)
    defaults = dict.fromkeys(TEXTS, "") | dict.fromkeys(COUNTS, 0) | {"spend_usd": 0.0}
    pq.write_table(pa.Table.from_pylist([defaults | row for row in daily], SCHEMA), folder / "daily.parquet")
    unavailable = dict(plan.unavailable)
    if hourly is not None:
        pq.write_table(pa.Table.from_pylist(hourly, HOURLY), folder / "hourly.parquet")
    else:
        unavailable.setdefault("hourly", "The source has daily rows only.")
    meta = {
        "source": "usage",
        "kind": "embedded",
        "label": "Test gateway",
        "synthetic": True,
        "extracted_at": datetime(2026, 11, 23, 6, 0, tzinfo=UTC).isoformat(),
        "zone": plan.period.zone,
        "day_zone": plan.period.zone,
        "filters": plan.filters,
        "coverage": {
            "missing_days": [day.isoformat() for day in plan.missing],
            "incomplete_days": [],
            "first_day": plan.first_day.isoformat(),
            "last_day": plan.period.end.isoformat(),
        },
        "unavailable": unavailable,
        "history_days": plan.history_days,
        "data_as_of": datetime(2026, 11, 23, 5, 30, tzinfo=UTC).isoformat(),
        "rows": len(daily),
        "files": {},
    }
    (folder / "meta.json").write_text(json.dumps(meta), encoding="utf-8")


def make_run(
    run_dir: Path,
    plan: Plan,
    daily: list[dict[str, Any]] | None = None,
    hourly: list[dict[str, Any]] | None = None,
) -> Context:
    """A run's folder as the runner prepares it: a snapshot and context.json. Rows default to those of the plan."""
    if daily is None:
        daily, hours = usage_rows(plan)
        hourly = hours if plan.hourly else None
    write_snapshot(run_dir / "data" / "usage", plan, daily, hourly)
    facts = Context(
        report=plan.report,
        template="usage_summary",
        period=plan.period.to_json(),
        comparison=plan.period.before().to_json(),
        filters=plan.filters,
        datasets={"usage": str(run_dir / "data" / "usage")},
        due_at="2026-11-23T06:00:00+00:00",
        run_id="01RUN",
        template_digest="3f9c2ab41d77",
    )
    facts.write(run_dir)
    return facts


def make_dataset(run_dir: Path, plan: Plan, daily: Any = None, hourly: Any = None) -> Dataset:
    """The dataset of such a run without a kernel around it."""
    run = RunContext(make_run(run_dir, plan, daily, hourly), run_dir)
    folder = run.folder("usage")
    assert folder is not None
    meta = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
    return Dataset("usage", folder, meta, run.period, run.comparison)


def exact(rows: Iterable[dict[str, Any]], name: str) -> float:
    return math.fsum(row[name] for row in rows)


@dataclass
class Pieces:
    """What a notebook displayed: MIME data with the gazette metadata, in order."""

    run_dir: Path
    outputs: list[tuple[dict[str, Any], dict[str, Any]]] = field(default_factory=list)

    def collect(self, data: dict[str, Any], *, raw: bool, metadata: dict[str, Any]) -> None:
        assert raw
        json.dumps(data, allow_nan=False)  # what is no JSON never leaves a kernel
        self.outputs.append((data, metadata["gazette"]))

    def of(self, role: str) -> list[dict[str, Any]]:
        return [{**data, **facts} for data, facts in self.outputs if facts["role"] == role]

    def html(self, role: str) -> str:
        (piece,) = self.of(role)
        return str(piece["text/html"])

    @property
    def results(self) -> Results:
        return read_results(self.run_dir)


def open_run(
    monkeypatch: pytest.MonkeyPatch, run_dir: Path, plan: Plan, daily: Any = None, hourly: Any = None
) -> Pieces:
    """Make this process the kernel of a run, and collect what it displays instead of sending it to a client."""
    make_run(run_dir, plan, daily, hourly)
    monkeypatch.setenv(RUN_DIR_VARIABLE, str(run_dir))
    context.forget()
    pieces = Pieces(run_dir)
    monkeypatch.setattr("reports.kit.output.display", pieces.collect)
    return pieces
