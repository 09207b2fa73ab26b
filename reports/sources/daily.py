"""The daily rows of a snapshot on their way to its file: a few days at a time, so that no period is ever held whole.

Adapters read a portion of days, hand its rows over and forget them. What a portion holds depends on how many rows the
days before it had; the file does not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa

from reports.sources import days, prices
from reports.sources.snapshot import DAILY_FILE, DAILY_SCHEMA, RowGroups, row_groups
from reports.sources.values import Request

ROWS_A_PORTION = 131_072  # that a portion should have
GROWTH = 4  # of a portion at most: the days to come may be busier than those before
MOST_DAYS = 31  # of a portion, however quiet the days before


def portions(first: date, last: date, read: Callable[[date, date], pa.Table]) -> Iterator[pa.Table]:
    """What `read` gives for all days from `first` to `last`, in their order; portions without rows are left out."""
    day, length = first, 1
    while day <= last:
        end = min(day + timedelta(days=length - 1), last)
        rows = read(day, end)
        count = (end - day).days + 1
        if rows.num_rows:
            yield rows
        fair = ROWS_A_PORTION * count // max(rows.num_rows, 1)
        length = max(1, min(fair, GROWTH * count, MOST_DAYS))
        day = end + timedelta(days=1)


@dataclass
class DailyRows:
    """Takes day rows in the order of days, no day in two portions; names and prices them and writes them down."""

    file: RowGroups
    priced_on: date
    models: set[tuple[str, str]] = field(default_factory=set)  # every model seen, with its provider

    @property
    def count(self) -> int:
        return self.file.rows

    def add(self, rows: pa.Table, names: days.Names, own_prices: prices.PriceList | None = None) -> None:
        named = days.with_names(rows, names)
        self.models |= prices.models_in(named)
        usd = prices.list_prices(named, self.priced_on, own_prices)
        self.file.add(named.append_column("list_price_usd", usd))


@contextmanager
def daily_rows(request: Request, folder: Path) -> Iterator[DailyRows]:
    """The daily rows of a new snapshot in `folder`; its file is complete when the block ends."""
    with row_groups(folder / DAILY_FILE, DAILY_SCHEMA) as file:
        yield DailyRows(file, request.last_day)
