"""Charts of the reports' kit on a page: the picture with its text alternative, and its figures as a table below.

The table is folded and part of the page, so that whoever cannot see or point at the picture reads the same numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go
import streamlit as st
from markupsafe import Markup

from reports.kit.charts import Drawing, Unavailable
from reports.kit.markup import clean, plain
from reports.kit.tables import Column, cell_text, with_derived
from web.components import notices, tables

MAX_ROWS = 100  # of the figures; a report's sheet has all
CONFIG = {"displayModeBar": False, "showTips": False, "doubleClick": False}
Head = tables.Column


@dataclass(frozen=True)
class Chart:
    """A chart that is ready to be shown. Without a figure, `note` says why there is none."""

    name: str
    title: str
    figure: go.Figure | None
    alt: str = ""
    note: str = ""
    figures: Markup | str = ""  # the folded table


def made(name: str, title: str, drawing: Drawing | Unavailable, currency: str) -> Chart:
    if isinstance(drawing, Unavailable):
        return Chart(name, title, None, note=drawing.reason if drawing.nothing else f"Not available. {drawing.reason}")
    figure = drawing.figure.update_layout(height=drawing.height, dragmode=False)  # a finger scrolls the page
    return Chart(name, title, figure, clean(plain(drawing.alt)), drawing.note, _figures(title, drawing, currency))


def show(chart: Chart, *, headed: bool = False) -> None:
    """Under a heading of its own unless it is `headed` already; on a narrow screen the picture scrolls in its frame."""
    with st.container(key=f"chart_{chart.name.replace('-', '_')}"):
        if not headed:
            st.header(chart.title)
        if chart.note:
            st.info(notices.plain(chart.note))
        if chart.figure is not None:
            st.plotly_chart(chart.figure, key=f"picture_{chart.name}", theme=None, config=CONFIG, alt=chart.alt)
            st.html(chart.figures)


def head(column: Column) -> Head:
    return Head(column.label, number=column.numeric)


def cells(row: Mapping[str, Any], columns: Sequence[Column], currency: str, missing: str = "–") -> tuple[str, ...]:
    return tuple(clean(cell_text(row, column, missing, currency)) for column in columns)


def _figures(title: str, drawing: Drawing, currency: str) -> Markup:
    columns = [column for column in drawing.columns if not column.sheet_only]
    full = with_derived(drawing.figures, drawing.columns)
    rows: list[dict[str, Any]] = full.head(MAX_ROWS).to_dict("records")  # type: ignore[assignment]
    heading = f"Figures: {title}"
    caption = heading if len(full) <= MAX_ROWS else f"{heading}, the first {MAX_ROWS} of {len(full)} rows"
    table = tables.Table(
        caption,
        [head(each) for each in columns],
        [cells(row, columns, currency, "no data") for row in rows],
        quiet=True,
    )
    return Markup('<details class="gz-figures"><summary>{}</summary>{}</details>').format(
        heading, tables.to_html(table)
    )
