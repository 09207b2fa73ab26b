"""What a cost report reads beside usage, written as the sources write it: budgets, keys and list prices."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from kit_snapshots import MODELS

from reports.sources.billing import BUDGETS_FILE, BUDGETS_SCHEMA, KEYS_FILE, KEYS_SCHEMA, PRICES_FILE
from reports.sources.prices import PRICES_SCHEMA

CACHE_READ = 0.1  # of the price of input
CACHE_CREATION = 1.25

Budget = tuple[str, str, float, str, float | None]
BUDGETS: tuple[Budget, ...] = (("t-1", "Search", 40.0, "1mo", None), ("t-2", "Support", 900.0, "30d", None))
IDLE = ("k-idle", "forgotten", "u-001", "t-1")


def prices() -> list[dict[str, Any]]:
    """List prices of the synthetic models that have one."""
    return [
        {
            "model": model,
            "provider": provider,
            "input_usd": price_in,
            "output_usd": price_out,
            "cache_read_usd": price_in * CACHE_READ,
            "cache_creation_usd": price_in * CACHE_CREATION,
        }
        for model, (provider, _, price_in, price_out) in MODELS.items()
        if price_in
    ]


def write_billing(
    folder: Path, budgets: Sequence[Budget] = BUDGETS, keys: Sequence[tuple[str, str, str, str]] = (IDLE,)
) -> None:
    """The files into the folder of a usage snapshot; a kind without rows has no file."""
    for file, schema, rows in (
        (BUDGETS_FILE, BUDGETS_SCHEMA, [dict(zip(BUDGETS_SCHEMA.names, row, strict=True)) for row in budgets]),
        (KEYS_FILE, KEYS_SCHEMA, [dict(zip(KEYS_SCHEMA.names, row, strict=True)) for row in keys]),
        (PRICES_FILE, PRICES_SCHEMA, prices()),
    ):
        if rows:
            pq.write_table(pa.Table.from_pylist(rows, schema), folder / file)
