"""Single requests drawn from a seed, as a file that a source reads, and a run's folder with what was extracted of it.

The plain rows are what tests recompute figures from; nothing here knows how the kit or the sources compute.
"""

from __future__ import annotations

import csv
import json
import random
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from reports.kit.context import RunContext
from reports.kit.datasets import Dataset
from reports.model import Filters, Period
from reports.results import Context
from reports.sources import Source, extract
from reports.templates import Dataset as Wanted

WEEK = Period(date(2026, 11, 16), date(2026, 11, 22))
MODELS = {
    "openai/gpt-4o": ("openai", 2000, 4e-6),
    "anthropic/claude": ("anthropic", 4200, 9e-6),
    "own/llama": ("", 900, 0.0),
}
ERRORS = (("RateLimitError", "429"), ("Timeout", "408"), ("", "500"), ("", ""))
HISTORY = 28  # days, as the template wants them
Request = dict[str, Any]


def requests(period: Period = WEEK, *, count: int = 3000, seed: int = 5) -> list[Request]:
    """Requests of the period and of the one before it; every value is what a gateway would have written down."""
    rng = random.Random(seed)
    first = period.before().start
    seconds = (period.end - first).days * 86400 + 86399
    start = datetime(first.year, first.month, first.day, tzinfo=UTC)
    return [_request(rng, start + timedelta(seconds=rng.randrange(seconds))) for _ in range(count)]


def _request(rng: random.Random, at: datetime) -> Request:
    model = rng.choices(list(MODELS), (5, 3, 1))[0]
    provider, middle, price = MODELS[model]
    failed, tokens = rng.random() < 0.06, rng.randint(20, 900)
    took = max(1, round(rng.lognormvariate(0, 0.6) * middle))
    streamed = not failed and rng.random() < 0.6
    error = rng.choices(ERRORS, (5, 3, 1, 1))[0] if failed else ("", "")
    completion = 0 if failed else tokens
    return {
        "started_at": at.isoformat(),
        "user_id": rng.choice(["ann", "bob", "cem", ""]),
        "key_id": "k",
        "model": model,
        "provider": provider,
        "prompt_tokens": 3 * tokens,
        "completion_tokens": completion,
        "spend_usd": 0.0 if failed else 4 * tokens * price,
        "status": "failure" if failed else "success",
        "duration_ms": took if rng.random() < 0.98 else "",  # some were never timed; failures are, and must not count
        "ttft_ms": max(1, took // rng.randint(3, 20)) if streamed else "",
        "cache_hit": rng.choices(["True", "False", "None", ""], (1, 5, 5, 1))[0],
        "error_class": error[0],
        "error_code": error[1],
    }


def day_of(request: Request) -> date:
    return datetime.fromisoformat(request["started_at"]).date()


def within(found: Sequence[Request], period: Period) -> list[Request]:
    return [request for request in found if period.start <= day_of(request) <= period.end]


def write_csv(path: Path, found: Sequence[Request], without: Sequence[str] = ()) -> Source:
    """The requests as a CSV file, less the columns that this gateway does not record."""
    columns = [name for name in found[0] if name not in without]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(found)
    return Source("gateway", "files", str(path))


def make_run(
    run_dir: Path,
    source: Source,
    period: Period = WEEK,
    filters: Filters | None = None,
    *,
    store_url: str = "",
) -> Context:
    """A run's folder as the runner prepares it, with what was extracted of `source`."""
    filters = filters or Filters()
    before, at = period.before(), datetime(2026, 11, 23, 6, tzinfo=UTC)
    wanted = Wanted("usage", history_days=HISTORY, single_requests=True)
    data = run_dir / "data" / "usage"
    extract(source, wanted, period, before, filters, data, store_url=store_url, at=at)
    facts = Context(
        report="Model performance",
        template="model_performance",
        period=period.to_json(),
        comparison=before.to_json(),
        filters=filters.to_json(),
        datasets={"usage": str(data)},
        due_at=at.isoformat(),
        run_id="01RUN",
    )
    facts.write(run_dir)
    return facts


def dataset(run_dir: Path, source: Source, period: Period = WEEK, **more: Any) -> Dataset:
    """The dataset of such a run without a kernel around it."""
    run = RunContext(make_run(run_dir, source, period, **more), run_dir)
    folder = run.folder("usage")
    assert folder is not None
    meta = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
    return Dataset("usage", folder, meta, run.period, run.comparison)


def percentile(values: Sequence[float], share: float) -> float:
    """As PostgreSQL's percentile_cont: between the two neighbours, by the distance to them."""
    ordered = sorted(values)
    place = (len(ordered) - 1) * share
    low, part = int(place), place - int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * part


def durations(found: Sequence[Request], column: str = "duration_ms") -> list[float]:
    return [float(r[column]) for r in found if r["status"] == "success" and r[column] != ""]


def figures(found: Sequence[Request]) -> dict[str, float]:
    """The figures of a performance report by plain Python."""
    good = [request for request in found if request["status"] == "success"]
    took, first = durations(found), durations(found, "ttft_ms")
    timed = [r for r in good if r["duration_ms"] != ""]
    streamed = [r for r in good if r["ttft_ms"] != "" and (r["duration_ms"] == "" or r["ttft_ms"] < r["duration_ms"])]
    first = [float(r["ttft_ms"]) for r in streamed]
    pairs = [(r["completion_tokens"], r["duration_ms"] - (r["ttft_ms"] if r in streamed else 0)) for r in timed]
    pairs = [(tokens, ms) for tokens, ms in pairs if ms > 0]
    cached = [r["cache_hit"] for r in good if r["cache_hit"]]
    return {
        "requests": len(found),
        "success_rate": 100 * len(good) / len(found),
        "failures": len(found) - len(good),
        "latency_average": sum(took) / len(took),
        "latency_p50": percentile(took, 0.5),
        "latency_p95": percentile(took, 0.95),
        "ttft_p50": percentile(first, 0.5),
        "ttft_p95": percentile(first, 0.95),
        "output_tokens_per_second": 1000 * sum(t for t, _ in pairs) / sum(ms for _, ms in pairs),
        "cache_hit_rate": 100 * cached.count("True") / len(cached),
    }
