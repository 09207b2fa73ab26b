"""The data of a run as frames: days of the period, days it is compared with, hours where the source has them.

Reads snapshots only; which days are missing is the snapshot's word, so that a zero stays a zero.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from reports.errors import NotFound
from reports.kit.context import RunContext, current
from reports.model import Period

DAILY = "daily.parquet"
COUNTS = ("requests", "successes", "failures", "prompt_tokens", "completion_tokens")
LABELS = {
    "user_id", "user_name", "key_id", "key_alias", "team_id", "team_name", "model", "model_group", "provider",
    "endpoint",
}  # fmt: skip


@dataclass(frozen=True)
class Coverage:
    """What the source knows about: a day that is missing is not a day of zero."""

    missing_days: tuple[date, ...] = ()
    incomplete_days: tuple[date, ...] = ()
    first_day: date | None = None
    last_day: date | None = None

    def missing(self, period: Period | None) -> list[date]:
        return [day for day in self.missing_days if period and period.start <= day <= period.end]

    def incomplete(self, period: Period | None) -> list[date]:
        return [day for day in self.incomplete_days if period and period.start <= day <= period.end]


@dataclass(frozen=True)
class Dataset:
    """One dataset of the template. Usage datasets have `daily`, `previous` and `hourly`; SQL datasets have `data`."""

    name: str
    folder: Path
    meta: dict[str, Any]
    period: Period
    comparison: Period | None
    currency: str = "USD"

    @cached_property
    def daily(self) -> pd.DataFrame:
        """The period: one row per day, user, key, team, model, provider and endpoint; `day` is a midnight.

        Texts are categories in alphabetical order, of which '' is "none". Counts and tokens are integers, `spend_usd`
        is in the stored currency, missing durations and list prices are NaN. `total_tokens` = prompt_tokens +
        completion_tokens.
        """
        return self._days(self.period)

    @cached_property
    def previous(self) -> pd.DataFrame:
        """The same columns for the comparison period; no rows where nothing can be compared (see `comparable`)."""
        return self._days(self.comparison) if self.comparison and self.comparable else self.daily.iloc[:0]

    @cached_property
    def history(self) -> pd.DataFrame:
        """The same columns for the days before the comparison, as far back as the template's `history_days` reach."""
        return self._days(self._before) if self._before else self.daily.iloc[:0]

    @property
    def first_day(self) -> date:
        """The first day that was wanted: of the history, else of the comparison, else of the period."""
        compared = self.comparison or self.period
        return min(compared.start, self.period.start) - timedelta(days=int(self.meta.get("history_days") or 0))

    @cached_property
    def hourly(self) -> pd.DataFrame | None:
        """Hours of the period in its zone's wall time by model, or None: `unavailable["hourly"]` says why."""
        return self._hours(self.period)

    @cached_property
    def previous_hourly(self) -> pd.DataFrame | None:
        """Hours of the comparison period, or None where they were not extracted or cannot be compared."""
        frame = self._hours(self.comparison) if self.comparison and self.comparable else None
        return frame if frame is not None and len(frame) else None

    @cached_property
    def data(self) -> pd.DataFrame:
        """The rows of an SQL dataset, as the query named and typed them."""
        frame: pd.DataFrame = pq.read_table(self.folder / "data.parquet").to_pandas()
        return frame

    def file(self, name: str) -> pd.DataFrame | None:
        """A further file of the snapshot, such as `keys`, `budgets` or `prices`; None where the source keeps none."""
        path = self.folder / f"{name}.parquet"
        return pq.read_table(path).to_pandas() if path.exists() else None

    @cached_property
    def coverage(self) -> Coverage:
        known = self.meta.get("coverage", {})
        return Coverage(
            tuple(date.fromisoformat(day) for day in known.get("missing_days", ())),
            tuple(date.fromisoformat(day) for day in known.get("incomplete_days", ())),
            date.fromisoformat(known["first_day"]) if known.get("first_day") else None,
            date.fromisoformat(known["last_day"]) if known.get("last_day") else None,
        )

    @property
    def unavailable(self) -> dict[str, str]:
        """What the source does not have -> why, in a sentence for readers."""
        return dict(self.meta.get("unavailable") or {})

    @property
    def label(self) -> str:
        return str(self.meta.get("label") or self.meta.get("source") or self.name)

    @property
    def comparable(self) -> bool:
        """True if both periods are complete: a missing day would be read as a fall."""
        both = (self.period, self.comparison)
        return self.comparison is not None and not any(self.coverage.missing(each) for each in both)

    def has(self, part: str) -> bool:
        """False for what the source cannot give, such as `success_rate`, `provider`, `hourly`."""
        return part not in self.unavailable

    def why_not(self, part: str) -> str:
        """The reason why `part` is not available."""
        return self.unavailable.get(part, "the source does not have it.")

    def sums(self, keys: Sequence[str], columns: Sequence[str]) -> pd.DataFrame:
        """Sums of number `columns` by `keys` (such as day and user_id) over all days there are, history included.

        Only these columns are read, so that months of many users stay small. Sums of a count the source does not
        record are 0.
        """
        found = self._grouped(keys, [(column, "sum") for column in columns])
        return found.fillna(dict.fromkeys(columns, 0)).sort_values(list(keys), ignore_index=True)

    def last_days(self, keys: Sequence[str]) -> pd.DataFrame:
        """The last `day` with requests of each combination of text `keys`, over all days there are; earliest first."""
        found = self._grouped(keys, [("day", "max")], used=True)
        return found.sort_values(["day", *keys], ignore_index=True)

    def _grouped(self, keys: Sequence[str], wanted: Sequence[tuple[str, str]], *, used: bool = False) -> pd.DataFrame:
        """Daily rows added up by Arrow, which needs no frame of them; `used` leaves out those without a request."""
        columns = list(dict.fromkeys([*keys, *(column for column, _ in wanted)]))
        texts = [key for key in keys if key in LABELS]
        rows = [("requests", ">", 0)] if used else None
        table = pq.read_table(self.folder / DAILY, columns=columns, filters=rows, read_dictionary=texts)
        found = table.unify_dictionaries().group_by(list(keys)).aggregate(list(wanted))
        del table
        found = found.rename_columns([*keys, *(column for column, _ in wanted)])
        for text in texts:
            found = _replaced(found, text, found[text].cast(pa.string()))
        frame: pd.DataFrame = _with_midnights(found).to_pandas()
        return frame

    @property
    def _before(self) -> Period | None:
        last = min((self.comparison or self.period).start, self.period.start) - timedelta(days=1)
        return Period(self.first_day, last, self.period.zone) if self.first_day <= last else None

    def _days(self, period: Period) -> pd.DataFrame:
        """One column after the other: all of them in Arrow and in pandas at once would be twice the memory."""
        with pq.ParquetFile(self.folder / DAILY, read_dictionary=sorted(LABELS)) as file:
            day = file.read(columns=["day"])["day"]
            bounds = [pa.scalar(each, pa.date32()) for each in (period.start, period.end)]
            within = pc.and_(pc.greater_equal(day, bounds[0]), pc.less_equal(day, bounds[1]))
            columns = {name: _column(file, name, within) for name in file.schema_arrow.names}
        frame = pd.DataFrame(columns, copy=False)
        return frame.assign(total_tokens=frame["prompt_tokens"] + frame["completion_tokens"])

    def _hours(self, period: Period) -> pd.DataFrame | None:
        path = self.folder / "hourly.parquet"
        if not path.exists():
            return None
        frame: pd.DataFrame = pq.read_table(path).to_pandas()
        day = frame["hour"].dt.normalize()
        within = (day >= pd.Timestamp(period.start)) & (day <= pd.Timestamp(period.end))
        frame = frame[within].reset_index(drop=True)
        return frame.assign(total_tokens=frame["prompt_tokens"] + frame["completion_tokens"])


def _column(file: pq.ParquetFile, name: str, within: pa.ChunkedArray) -> pd.Series:
    rows = _with_midnights(file.read(columns=[name]).filter(within))[name]
    if name in LABELS:
        return pd.Series(_categories(rows))
    # A count the source does not record is null in every row and named in `unavailable`; sums must not choke on it.
    series: pd.Series = (rows.fill_null(0) if name in COUNTS else rows).to_pandas()
    return series


def _categories(column: pa.ChunkedArray) -> pd.Categorical:
    """Texts as categories, only those there are and in their order, so that groups come out as of plain texts."""
    encoded = (pc.fill_null(column, "") if column.null_count else column).unify_dictionaries().combine_chunks()
    encoded = encoded.chunk(0) if isinstance(encoded, pa.ChunkedArray) else encoded
    texts = pd.Index(encoded.dictionary.to_pandas(), dtype="str")
    codes = encoded.indices.to_numpy()
    used = np.flatnonzero(np.bincount(codes, minlength=len(texts)))
    used = used[texts[used].argsort()]
    places = np.empty(len(texts), dtype="int32")
    places[used] = np.arange(len(used))
    return pd.Categorical.from_codes(places[codes], categories=texts[used])


def _with_midnights(table: pa.Table) -> pa.Table:
    """Days as pandas knows them."""
    return _replaced(table, "day", table["day"].cast(pa.timestamp("s"))) if "day" in table.column_names else table


def _replaced(table: pa.Table, name: str, values: pa.ChunkedArray) -> pa.Table:
    return table.set_column(table.schema.get_field_index(name), name, values)


def dataset(name: str) -> Dataset:
    """The dataset the template declares under `name` in its metadata.

    Raises NotFound for a name the template does not declare.
    """
    return read_dataset(current(), name)


def read_dataset(run: RunContext, name: str) -> Dataset:
    folder = run.folder(name)
    if folder is None:
        raise NotFound("dataset", name)
    meta = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
    return Dataset(name, folder, meta, run.period, run.comparison, run.currency)
