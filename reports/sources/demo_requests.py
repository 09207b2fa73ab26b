"""The last days of the synthetic usage, request by request: when each began, how long it took, what came from a cache.

Splits rows of `demo` so that their requests, tokens and failures add up to the same; only answers from the cache cost
nothing. The same seed gives the same requests.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

DETAILED_DAYS = 16  # two weeks of a report and of its comparison, and the days until it is due
SEED = 11
STREAMED = 0.7  # of the requests: their first token is timed
CACHED = 0.02  # answers that a response cache gives to people
CACHED_BOT = 0.16  # and to the support chatbot, which is asked the same things again and again
CACHE_MS = 35.0
SPREAD = 0.55  # sigma of a duration's logarithm: the slowest twentieth takes 2.5 times the middle one
FIRST_TOKEN = 0.17  # of an answer's duration passes before its first token, on average
HOUR_US = 3600 * 1_000_000
TOKENS = ("prompt_tokens", "completion_tokens", "cache_read_tokens", "cache_creation_tokens")
Floats = npt.NDArray[np.floating[Any]]
Counts = npt.NDArray[np.int64]


def detailed(rows: pa.Table, *, seed: int) -> pa.Table:
    """Rows of usage_events, one an hour of a client and model, as one row a request, with ttft_ms and cache_hit."""
    random = np.random.default_rng([seed, SEED])
    count = rows["requests"].to_numpy()
    row = np.repeat(np.arange(rows.num_rows), count)
    starts = np.concatenate(([0], np.cumsum(count)[:-1])) if len(count) else count
    weight = random.lognormal(0, 0.6, len(row))
    failed = rows["failures"].to_numpy()[row] > 0
    found = rows.take(pa.array(row))
    split = {name: _split(rows[name].to_numpy(), weight, row, starts) for name in TOKENS}
    cached = ~failed & (random.random(len(row)) < _chance(found))
    spend = _priced(rows["spend_usd"].to_numpy(), weight, row, starts)
    took = _durations(random, rows, weight, row, starts)
    took = np.where(cached, CACHE_MS * random.lognormal(0, 0.3, len(row)), took)
    first = took * np.clip(FIRST_TOKEN * random.lognormal(0, 0.45, len(row)), 0.02, 0.9)
    streamed = ~failed & ~cached & (random.random(len(row)) < STREAMED)
    moment = found["started_at"].cast(pa.int64()).to_numpy() + random.integers(0, HOUR_US, len(row))
    new = {
        "started_at": pa.array(moment).cast(pa.timestamp("us")),
        "requests": pa.array(np.ones(len(row), dtype=np.int64)),
        "failures": pa.array(failed.astype(np.int64)),
        **{name: pa.array(values) for name, values in split.items()},
        "spend_usd": pa.array(np.where(cached, 0.0, np.round(spend, 8))),
        "duration_ms": pa.array(np.round(took), mask=failed),
        "timed_requests": pa.array((~failed).astype(np.int64)),
        "ttft_ms": pa.array(np.round(first), mask=~streamed),
        "cache_hit": pa.array(cached, mask=failed),
    }
    kept = {name: found[name] for name in found.column_names}
    return pa.table(kept | new)


def undetailed(rows: pa.Table) -> pa.Table:
    """The rows as they are, with the columns that only single requests have."""
    size = rows.num_rows
    return rows.append_column("ttft_ms", pa.nulls(size, pa.float64())).append_column(
        "cache_hit", pa.nulls(size, pa.bool_())
    )


def _chance(found: pa.Table) -> Floats:
    bot = pc.equal(found["user_id"], "svc-chatbot").to_numpy()
    return np.where(bot, CACHED_BOT, CACHED)


def _split(totals: Counts, weight: Floats, row: Counts, starts: Counts) -> Counts:
    """Whole numbers that add up to the total of each row: differences of rounded running shares."""
    running = np.cumsum(weight)
    before = np.concatenate(([0.0], running))[starts]
    whole = np.add.reduceat(weight, starts) if len(starts) else weight
    reached = np.rint(totals[row] * np.clip((running - before[row]) / whole[row], 0.0, 1.0)).astype(np.int64)
    last = np.append(starts[1:], len(row)) - 1
    reached[last] = totals
    previous = np.concatenate(([0], reached[:-1]))
    previous[starts] = 0
    return reached - previous


def _priced(totals: Floats, weight: Floats, row: Counts, starts: Counts) -> Floats:
    whole = np.add.reduceat(weight, starts) if len(starts) else weight
    share: Floats = totals[row] * weight / whole[row]
    return share


def _durations(random: np.random.Generator, rows: pa.Table, weight: Floats, row: Counts, starts: Counts) -> Floats:
    """Around the mean of the row: long answers take longer, and some wait for no visible reason."""
    mean = pc.fill_null(rows["duration_ms"], 0.0).to_numpy() / rows["requests"].to_numpy()
    size = weight / (np.add.reduceat(weight, starts) / rows["requests"].to_numpy())[row] if len(starts) else weight
    took: Floats = mean[row] * (0.35 + 0.65 * size) * random.lognormal(-(SPREAD**2) / 2, SPREAD, len(row))
    return np.maximum(took, 1.0)
