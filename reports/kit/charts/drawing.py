"""A chart with everything that goes with it: the figure, its text alternative and its numbers as a table."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import pandas as pd
import plotly.graph_objects as go

from reports import results
from reports.kit import format as fmt
from reports.kit import tables
from reports.kit.context import current
from reports.kit.markup import clean, escape, identifier, plain
from reports.kit.output import record, show
from reports.kit.palette import FULL_WIDTH, HALF_WIDTH, dress
from reports.kit.sentences import notice, remark
from reports.kit.tables import Column

Layout = Literal["full", "half"]
WIDTHS = {"full": FULL_WIDTH, "half": HALF_WIDTH}
HEIGHT = 280  # px, unless the drawing needs another
MAX_FIGURE_ROWS = 100  # of the table in the page; the sheet has all


@dataclass(frozen=True)
class Measure:
    """What a chart counts: `label` reads well after a figure ("requests"), `unit` is one of results.Column."""

    label: str
    unit: str = "count"
    currency: str = "USD"

    def text(self, value: float) -> str:
        return fmt.figure(value, self.unit, self.currency)

    def tick(self, value: float) -> str:
        return fmt.axis(value, self.unit, self.currency)


@dataclass(frozen=True)
class Drawing:
    """A built chart. `alt` is plain text for those who do not see it; `figures` are its numbers, one row a mark."""

    figure: go.Figure
    alt: str
    figures: pd.DataFrame
    columns: tuple[Column, ...]
    height: int = HEIGHT
    note: str = ""  # a remark that belongs above the picture

    def __post_init__(self) -> None:
        dress(self.figure)


@dataclass(frozen=True)
class Unavailable:
    """Why there is no chart, as a sentence. `nothing`: there is simply nothing to show; the source lacks nothing."""

    reason: str
    nothing: bool = False


def chart(
    name: str,
    title: str,
    drawing: Drawing | Unavailable | go.Figure,
    *,
    alt: str = "",
    figures: pd.DataFrame | None = None,
    columns: Sequence[Column] = (),
    in_mail: bool = False,
    layout: Layout = "full",
    height: int | None = None,
) -> None:
    """Emit a chart with its text alternative and, folded below it, its figures.

    `drawing` comes from a builder of this package, or is any Plotly figure, for which `alt` must be given; `figures`
    and `columns` then are optional. `title` names the chart in tables, sheets and mails, never inside the picture.
    `in_mail` marks the chart a mail shows; `layout` "half" puts two neighbours side by side. An Unavailable becomes
    the sentence "Not available: ..." . Raises ValueError for a figure without a text alternative.
    """
    if isinstance(drawing, Unavailable):
        if drawing.nothing:
            remark(drawing.reason)
        else:
            notice(f"{title}: not available. {drawing.reason}")
        return
    drawn_by = "kit" if isinstance(drawing, Drawing) else "notebook"
    if not isinstance(drawing, Drawing):
        drawing = _foreign(name, drawing, alt, figures, columns)
    if drawing.note:
        remark(drawing.note)
    height = height or drawing.height
    width = WIDTHS[layout]
    drawing.figure.update_layout(width=width, height=height)
    text = clean(plain(alt or drawing.alt))
    html = _figures_html(name, title, drawing)
    facts = {"role": "chart", "name": name, "title": title, "alt": text, "width": width, "height": height}
    plotly = json.loads(drawing.figure.to_json())
    show(
        {"application/vnd.plotly.v1+json": plotly, "text/plain": text},
        {**facts, "layout": layout, "figures_html": html, "figures": _figures_name(name), "drawn_by": drawn_by},
    )
    record("chart", asdict(results.Chart(name, title, text, in_mail)))


def _foreign(
    name: str, figure: go.Figure, alt: str, figures: pd.DataFrame | None, columns: Sequence[Column]
) -> Drawing:
    if not alt:
        raise ValueError(f"The chart {name!r} needs alt=: one or two sentences that say what it shows.")
    frame = pd.DataFrame() if figures is None else figures.reset_index(drop=True)
    return Drawing(figure, alt, frame, tuple(columns) or _columns_of(frame))


def _columns_of(frame: pd.DataFrame) -> tuple[Column, ...]:
    return tuple(
        Column(str(column), str(column), "count" if frame[column].dtype.kind in "iuf" else "") for column in frame
    )


def _figures_name(name: str) -> str:
    """What the table of a chart's figures is called."""
    return f"{identifier(name)}-figures"


def _figures_html(name: str, title: str, drawing: Drawing) -> str:
    if drawing.figures.empty:
        return ""
    heading = f"Figures: {title}"
    ident = _figures_name(name)
    full = tables.with_derived(drawing.figures, drawing.columns)
    if current().run_dir is not None:
        tables.keep(ident, heading, full, drawing.columns, role="figures")
    rows: list[dict[str, Any]] = full.head(MAX_FIGURE_ROWS).to_dict("records")  # type: ignore[assignment]
    caption = title if len(full) <= MAX_FIGURE_ROWS else f"{title}, the first {MAX_FIGURE_ROWS} of {len(full)} rows"
    shown = [column for column in drawing.columns if not column.sheet_only]
    table = tables.table_html(ident, caption, rows, shown, missing="no data")
    return f'<details class="figures"><summary>{escape(heading)}</summary>{table}</details>'
