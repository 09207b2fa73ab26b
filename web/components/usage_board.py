"""The figures, sentences, charts and rankings of Explore, made by the reports' own kit from one snapshot.

What is made is kept by the snapshot's hash, a few looks of all readers together, and holds no rows of the snapshot.
Nothing here asks who is looking: `Desk.usage` has done so before it gave the snapshot.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args

import streamlit as st

from reports.explored import UsageQuery
from reports.kit import Dataset, usage
from reports.kit.cards import cards_html
from reports.kit.header import coverage_warnings
from reports.kit.tables import visible_rows, with_derived
from reports.kit.usage.rankings import DIMENSIONS, Order, ranking_columns
from reports.kit.usage.tables import gone_words
from reports.sources import Snapshot
from reports.sources.known import Known, values_in
from web.components import charts
from web.components.charts import Chart

KEPT = 24  # looks; about half a megabyte each
CARDS = (
    "requests", "spend_usd", "active_users", "total_tokens", "prompt_tokens", "completion_tokens",
    "models", "success_rate", "spend_per_1000",
)  # fmt: skip
ROWS = 25  # of a ranking; all others are one row
ORDERS: Mapping[str, Order] = {each: each for each in get_args(Order)}


@dataclass(frozen=True)
class Overview:
    cards: str  # HTML, final and safe
    sentences: tuple[str, ...]
    warnings: tuple[str, ...]
    charts: tuple[Chart, ...]


@dataclass(frozen=True)
class Part:
    """One row of a ranking. `only` filters for it alone; "" for what cannot be: all others, the total, the unnamed."""

    only: str
    cells: tuple[str, ...]  # the first is its name


@dataclass(frozen=True)
class Parts:
    chart: Chart
    heads: tuple[charts.Head, ...]
    rows: tuple[Part, ...]
    found: int
    gone: str = ""  # what the change of the total counts beside the rows, to follow the caption


def data_of(snapshot: Snapshot, query: UsageQuery, currency: str) -> Dataset:
    return Dataset("usage", snapshot.path, dict(snapshot.meta), query.period, query.comparison, currency)


@st.cache_data(max_entries=KEPT, show_spinner=False)
def known(sha256: str, _snapshot: Snapshot) -> Known:
    """What the filters may be set to. `sha256` is the snapshot's, as below."""
    return values_in(_snapshot)


@st.cache_resource(max_entries=KEPT, show_spinner=False)  # frozen, so that no reader can change another's
def overview(sha256: str, _data: Dataset) -> Overview:
    figures = usage.metrics(_data)
    pictures = (
        ("requests", "Requests", usage.over_time(_data, "requests")),
        ("cost", "Cost", usage.over_time(_data, "spend_usd")),
        ("tokens-by-model", "Tokens by model", usage.tokens_by_model(_data)),
        ("rhythm", "When it is busy", usage.rhythm(_data)),
    )
    return Overview(
        cards=cards_html([figures[name] for name in CARDS], _data.currency),
        sentences=tuple(usage.sentences(_data)),
        warnings=tuple(coverage_warnings(_data, _data.period, _data.comparison)),
        charts=tuple(charts.made(name, title, drawn, _data.currency) for name, title, drawn in pictures),
    )


@st.cache_resource(max_entries=KEPT, show_spinner=False)
def parts(sha256: str, by: str, order: str, _data: Dataset) -> Parts:
    """Usage by one of DIMENSIONS, the largest first; none where the source does not tell them apart."""
    label = DIMENSIONS[by].label.lower()
    chart = charts.made(f"cost-by-{by}", f"Cost by {label}", usage.cost_by(_data, by), _data.currency)
    if not _data.has(by):
        return Parts(chart, (), (), 0)
    found = usage.ranking(_data, by, order=ORDERS[order], top_n=ROWS)
    columns = ranking_columns(_data, found, order=ORDERS[order])
    full = with_derived(found.frame, columns)
    rows = visible_rows(full, columns, total=True, max_rows=found.shown)
    heads = [column for column in columns if not column.sheet_only]
    return Parts(
        chart=chart,
        heads=tuple(charts.head(column) for column in heads),
        rows=tuple(
            Part("" if "_kind" in row else only(row, by), charts.cells(row, heads, _data.currency)) for row in rows
        ),
        found=len(found.frame),
        gone=gone_words(found),
    )


def only(row: Mapping[str, Any], by: str) -> str:
    """The filter for a row of a ranking alone. Keys go by what they are called: two of one name are not told apart."""
    id, name = str(row["id"]), str(row["name"])
    if by != "key" or not id:
        return id
    return "" if name.endswith(f" ({id})") else name
