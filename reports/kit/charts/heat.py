"""Heat maps drawn as rectangles, so that print stays sharp; zero has the palest colour, no data is hatched."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import plotly.graph_objects as go

from reports.kit import format as fmt
from reports.kit.charts import axes
from reports.kit.charts.drawing import Drawing, Measure, Unavailable
from reports.kit.markup import shortened
from reports.kit.palette import FONT_SIZE, QUIET, hatch, shade
from reports.kit.tables import Column

CELL = 0.9  # of a column's width; the rest is the gap
LARGEST_ROW = 30  # px a row takes
SMALLEST_ROW = 22
MARGINS = 104


def heat_map(
    frame: pd.DataFrame,
    measure: Measure,
    *,
    outside: pd.DataFrame | None = None,
    axis_title: str = "",
    tick_step: int = 1,
) -> Drawing | Unavailable:
    """Amounts as shades: rows down, columns across, both named by the frame's index and columns.

    NaN is "no data" and hatched, 0 has the palest shade; cells that are True in `outside` are left blank.
    """
    known = [float(v) for v in frame.to_numpy().ravel() if not fmt.is_missing(float(v))]
    if not known:
        return Unavailable("The source has no data for these days.")
    top = max(known)
    figure = go.Figure()
    cells = _cells(frame, outside)
    _shaded(figure, cells, frame, measure, top)
    _hatched(figure, [(row, column) for row, column, value in cells if value is None])
    rows, columns = [str(name) for name in frame.index], [str(name) for name in frame.columns]
    height = MARGINS + len(rows) * (LARGEST_ROW if len(rows) <= 8 else SMALLEST_ROW)
    _axes(figure, rows, columns, axis_title, tick_step)
    _key(figure, measure, top, any(value is None for *_, value in cells))
    figures = frame.T.reset_index(drop=True)
    figures.columns = pd.Index(rows)
    figures.insert(0, "_name", columns)
    named = (
        Column("_name", axis_title[:1].upper() + axis_title[1:] or "Day"),
        *(Column(row, row, measure.unit) for row in rows),
    )
    return Drawing(figure, _alt(frame, measure, cells), figures, named, height)


def _cells(frame: pd.DataFrame, outside: pd.DataFrame | None) -> list[tuple[int, int, float | None]]:
    """Row, column and value (None: no data) of each cell inside the period."""
    found: list[tuple[int, int, float | None]] = []
    for row, values in enumerate(frame.to_numpy(dtype=float)):
        for column, value in enumerate(values):
            if outside is None or not bool(outside.iat[row, column]):
                found.append((row, column, None if fmt.is_missing(float(value)) else float(value)))
    return found


def _shaded(
    figure: go.Figure, cells: Sequence[tuple[int, int, float | None]], frame: pd.DataFrame, measure: Measure, top: float
) -> None:
    known = [(row, column, value) for row, column, value in cells if value is not None]
    texts = [
        f"{axes.label(str(frame.index[row]))}, {axes.label(str(frame.columns[column]))}: {measure.text(value)}"
        for row, column, value in known
    ]
    colors = [shade(value / top if top else 0.0) for *_, value in known]
    figure.add_trace(_rectangles([(row, column) for row, column, _ in known], colors, texts))


def _hatched(figure: go.Figure, places: Sequence[tuple[int, int]]) -> None:
    if places:
        bars = _rectangles(places, ["#ffffff"] * len(places), ["no data"] * len(places))
        bars.marker.pattern = hatch()
        figure.add_trace(bars)


def _rectangles(places: Sequence[tuple[int, int]], colors: Sequence[str], texts: Sequence[str]) -> go.Bar:
    return go.Bar(
        orientation="h",
        base=[column - CELL / 2 for _, column in places],
        x=[CELL] * len(places),
        y=[row for row, _ in places],
        width=CELL,
        marker={"color": list(colors), "line": {"width": 0}},
        hovertext=list(texts),
        hoverinfo="text",
    )


def _axes(figure: go.Figure, rows: Sequence[str], columns: Sequence[str], title: str, step: int) -> None:
    places = list(range(0, len(columns), step))
    figure.update_layout(barmode="overlay", margin={"l": _room(rows), "r": 8, "t": 34, "b": 48 if title else 30})
    figure.update_xaxes(
        range=[-0.55, len(columns) - 0.45],
        tickvals=places,
        ticktext=[axes.label(columns[place].removesuffix(":00")) for place in places],  # hours need no minutes
        linewidth=0,
        ticks="",
        title={"text": axes.label(title), "font": {"size": FONT_SIZE - 1, "color": QUIET}, "standoff": 8},
    )
    figure.update_yaxes(
        range=[len(rows) - 0.5, -0.5],
        tickvals=list(range(len(rows))),
        ticktext=[axes.label(row, axes.LONGEST_LABEL) for row in axes.short_names(rows)],
        showgrid=False,
        zeroline=False,
        ticks="",
    )


def _room(rows: Sequence[str]) -> int:
    return round(12 + axes.CHARACTER * max(min(len(row), axes.LONGEST_LABEL) for row in axes.short_names(rows)))


def _key(figure: go.Figure, measure: Measure, top: float, missing: bool) -> None:
    """What the shades mean, in one line above the map: 0, the scale, the most, and the hatch if there is one."""
    swatches = "".join(f'<span style="color:{shade(i / 7)}">■</span>' for i in range(8))
    first, _, rest = measure.label.partition(" ")
    words = f"{first.removesuffix('s')} {rest}".strip() if top == 1 else measure.label
    text = f"0 {swatches} {axes.label(measure.text(top))} {axes.label(words)}"
    text += "   ▨ no data" if missing else ""
    axes.above(figure, text, shift=8)


def _alt(frame: pd.DataFrame, measure: Measure, cells: Sequence[tuple[int, int, float | None]]) -> str:
    row, column, most = max(((r, c, v) for r, c, v in cells if v is not None), key=lambda cell: cell[2])
    where = f"{shortened(str(frame.index[row]))}, {frame.columns[column]}"
    text = f"Heat map of {measure.label}. Most, {measure.text(most)}: {where}."
    missing = sum(value is None for *_, value in cells)
    return text + (f" No data in {fmt.plural(missing, 'cell')}." if missing else "")
