"""What a cost report needs beside usage, as small files of a snapshot: team budgets, keys, list prices of models.

A source that keeps none of a kind has no file of it, and the report says so. Reads no source: adapters bring the rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

import pyarrow as pa

from reports.model import Filters
from reports.sources import prices

BUDGETS_FILE = "budgets.parquet"
KEYS_FILE = "keys.parquet"
PRICES_FILE = "prices.parquet"
MONTHLY = "1mo"  # what the embedded source's budgets are for: it keeps no durations
BUDGETS_SCHEMA = pa.schema(
    [
        ("team_id", pa.string()),
        ("team_name", pa.string()),
        ("max_budget_usd", pa.float64()),
        ("budget_duration", pa.string()),  # as LiteLLM writes it: 1d, 7d, 30d, 1mo; '' is never reset
        ("spent_usd", pa.float64()),  # as the source counts it since the last reset, when read; NULL: it does not
    ]
)
KEYS_SCHEMA = pa.schema([(name, pa.string()) for name in ("key_id", "key_alias", "user_id", "team_id")])

Budget = tuple[str, str | None, float | None, str | None, float | None]  # in the order of BUDGETS_SCHEMA
Key = tuple[str, str | None, str | None, str | None]


def budgets(rows: Iterable[Budget], filters: Filters) -> pa.Table:
    """Teams with a budget, of the wanted teams. Other filters do not change what a budget is."""
    found: list[tuple[Any, ...]] = [
        (team, name or "", float(budget), duration or "", spent)
        for team, name, budget, duration, spent in rows
        if budget is not None and (not filters.team_ids or team in filters.team_ids)
    ]
    return _table(sorted(found), BUDGETS_SCHEMA)


def keys(rows: Iterable[Key], filters: Filters) -> pa.Table:
    """Keys the source knows, used or not, of the wanted users, teams and aliases."""
    found: list[tuple[Any, ...]] = [
        (key, alias or "", user or "", team or "")
        for key, alias, user, team in rows
        if (not filters.user_ids or (user or "") in filters.user_ids)
        and (not filters.team_ids or (team or "") in filters.team_ids)
        and (not filters.key_aliases or (alias or key) in filters.key_aliases)
    ]
    return _table(sorted(found), KEYS_SCHEMA)


def files(
    models: Iterable[tuple[str, str]], on: date, own: prices.PriceList | None = None, **others: pa.Table
) -> dict[str, pa.Table]:
    """The files by name: list prices of `models` (with providers) as of a day, `budgets` and `keys`; none is empty."""
    tables = {PRICES_FILE: prices.price_table(models, on, own)}
    tables |= {
        named: others[kind] for kind, named in (("budgets", BUDGETS_FILE), ("keys", KEYS_FILE)) if kind in others
    }
    return {name: table for name, table in tables.items() if table.num_rows}


def _table(rows: Sequence[tuple[Any, ...]], schema: pa.Schema) -> pa.Table:
    columns = list(zip(*rows, strict=True)) or [()] * len(schema)
    return pa.table([pa.array(values, kind.type) for values, kind in zip(columns, schema, strict=True)], schema=schema)
