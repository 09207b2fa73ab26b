"""Which users, teams, models, providers and keys a source has seen lately: what a form offers to filter by.

Read from the same extraction that feeds a report, so that what is offered is what its filters find.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from reports.model import Filters, Period
from reports.sources import check, extract
from reports.sources.values import Snapshot, Source
from reports.templates import Dataset

LOOK_BACK = timedelta(days=13)  # before the last day that the source holds
OFFERED = 500  # values of one filter, those with the most requests first; others can still be typed
COLUMNS = {  # filter -> column of its values, and of what people call them
    "team_ids": ("team_id", "team_name"),
    "user_ids": ("user_id", "user_name"),
    "model_ids": ("model", "model"),
    "provider_ids": ("provider", "provider"),
    "key_aliases": ("key_alias", "key_alias"),
}

Known = Mapping[str, Mapping[str, str]]  # filter -> value -> what people call it


def known_values(source: Source, store_url: str, at: datetime) -> Known:
    """The values of each filter, the most used first. Raises ExtractError where the source cannot be read."""
    last = check(source, store_url=store_url).last_day or at.date()
    period = Period(last - LOOK_BACK, last)
    with tempfile.TemporaryDirectory(prefix="gazette-known-") as folder:
        dataset = Dataset("usage", source=source.name)
        target = Path(folder) / "usage"
        snapshot = extract(source, dataset, period, None, Filters(), target, store_url=store_url, at=at)
        return values_in(snapshot)


def values_in(snapshot: Snapshot) -> Known:
    """Those of a usage snapshot, the most used of all its days first."""
    import pyarrow.parquet as pq  # noqa: PLC0415  loads pyarrow

    from reports.sources.snapshot import DAILY_FILE  # noqa: PLC0415

    texts = sorted({name for pair in COLUMNS.values() for name in pair})
    rows = pq.read_table(snapshot.path / DAILY_FILE, columns=[*texts, "requests"], read_dictionary=texts)
    rows = rows.unify_dictionaries()  # a million rows are added up in a quarter of the time that plain texts take
    return {filter: _most_used(rows, id, name) for filter, (id, name) in COLUMNS.items()}


def _most_used(rows: Any, id: str, name: str) -> dict[str, str]:
    keys = list(dict.fromkeys((id, name)))
    counted = rows.group_by(keys).aggregate([("requests", "sum")])
    for key in keys:
        place = counted.schema.get_field_index(key)
        counted = counted.set_column(place, key, counted[key].cast("string"))  # in the order of the texts
    ordered = counted.sort_by([("requests_sum", "descending"), *((key, "ascending") for key in keys)]).to_pydict()
    found: dict[str, str] = {}
    for value, called in zip(ordered[id], ordered[name], strict=True):
        if value and len(found) < OFFERED:
            found.setdefault(value, called or value)
    return found
