"""From the middle to the slow end: one bar a name from its lower to its upper value, both written beside it.

Values are not added up, so names beyond those drawn stay in the table of figures instead of becoming "others".
"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import plotly.graph_objects as go

from reports.kit import format as fmt
from reports.kit.charts import axes, bars
from reports.kit.charts.drawing import Drawing, Measure, Unavailable
from reports.kit.markup import shortened
from reports.kit.palette import ACCENT, FONT_SIZE, INK, QUIET
from reports.kit.tables import Column

DRAWN = 12  # names; more would be a table
ALL_TOLD = 3  # bars that are all told in the text alternative
NARROWEST = 600  # px: so wide a mail draws it, and the words beside the bars are as long there
AXIS_ROOM = 52  # px for the ticks below and the key above


def range_bars(frame: pd.DataFrame, measure: Measure, labels: tuple[str, str]) -> Drawing | Unavailable:
    """Rows of `frame`, indexed by name, from column `low` to column `high`; `labels` say what the two are.

    The order of the frame is kept. Further columns of numbers go into the figures as they are.
    """
    known = frame.dropna(subset=["low", "high"])
    if known.empty:
        return Unavailable(f"There are no {measure.label} in this period.")
    rows = known.head(DRAWN)
    names, places = [str(name) for name in rows.index], list(range(len(rows)))
    low, high = ([float(value) for value in rows[column]] for column in ("low", "high"))
    texts = [f"{measure.text(a)} {fmt.EN_DASH} {measure.text(b)}" for a, b in zip(low, high, strict=True)]
    figure = go.Figure()
    for place in places:
        line = {"color": ACCENT, "width": 5}
        figure.add_trace(
            go.Scatter(x=[low[place], high[place]], y=[place] * 2, mode="lines", line=line, hoverinfo="skip")
        )
    figure.add_trace(_ends(low, places, "circle", ACCENT, _hover(names, labels[0], low, measure)))
    figure.add_trace(_ends(high, places, "diamond", "#ffffff", _hover(names, labels[1], high, measure)))
    figure.update_yaxes(showgrid=False)
    bars.names_axis(figure, names)
    _amounts(figure, high, texts, names, measure)
    bars.key(figure, [f"● {labels[0]}", f"◇ {labels[1]}"], [ACCENT, ACCENT], sign="")
    alt = f"Bars of {measure.label} from {labels[0]} to {labels[1]}: {_told(names, texts, high)}."
    columns = (
        Column("_name", "Name"),
        Column("low", labels[0][:1].upper() + labels[0][1:], measure.unit),
        Column("high", labels[1][:1].upper() + labels[1][1:], measure.unit),
    )
    return Drawing(figure, alt, _figures(known), columns, AXIS_ROOM + bars.ROW_HEIGHT * len(rows) + 24)


def level_bars(values: pd.Series, measure: Measure) -> Drawing | Unavailable:
    """One bar a name, such as the average of each model; the order of the series is kept."""
    known = values.dropna()
    if known.empty:
        return Unavailable(f"There are no {measure.label} in this period.")
    shown = known.head(DRAWN)
    names = [str(name) for name in shown.index]
    texts = [measure.text(float(value)) for value in shown]
    figure = go.Figure(bars.drawn([float(value) for value in shown], texts, ACCENT, names))
    bars.names_axis(figure, names)
    figure.update_xaxes(range=[0, max(float(shown.max()), 1e-9) * bars.stretch(texts, names, NARROWEST)])
    told = ", ".join(f"{shortened(name)} {text}" for name, text in zip(names, texts, strict=True))
    columns = (Column("_name", "Name"), Column("value", measure.label.capitalize(), measure.unit))
    figures = _figures(known.to_frame("value"))
    height = bars.MARGINS + bars.ROW_HEIGHT * len(shown)
    return Drawing(figure, f"Bars of {measure.label}: {told}.", figures, columns, height)


def _told(names: Sequence[str], texts: Sequence[str], high: Sequence[float]) -> str:
    """Each bar of a few; of more those with the greatest and the least upper value: the figures have all."""
    told = [f"{shortened(name)} {text}" for name, text in zip(names, texts, strict=True)]
    if len(told) <= ALL_TOLD:
        return "; ".join(told)
    most, least = high.index(max(high)), high.index(min(high))
    return f"of {len(told)} names, {told[most]} reaches highest and {told[least]} lowest"


def _figures(known: pd.DataFrame) -> pd.DataFrame:
    figures = known.reset_index(drop=True)
    figures.insert(0, "_name", [str(name) for name in known.index])
    return figures


def _hover(names: Sequence[str], label: str, values: Sequence[float], measure: Measure) -> list[str]:
    return [f"{axes.label(name)}, {label}: {measure.text(value)}" for name, value in zip(names, values, strict=True)]


def _ends(values: Sequence[float], places: Sequence[int], symbol: str, fill: str, hover: Sequence[str]) -> go.Scatter:
    return go.Scatter(
        x=list(values),
        y=list(places),
        mode="markers",
        marker={"symbol": symbol, "size": 11, "color": fill, "line": {"color": ACCENT, "width": 2}},
        hovertext=list(hover),
        hoverinfo="text",
    )


def _amounts(
    figure: go.Figure, high: Sequence[float], texts: Sequence[str], names: Sequence[str], measure: Measure
) -> None:
    """An axis from zero below the bars, and the two values to the right of each."""
    found = axes.scale(max(high))
    figure.update_xaxes(
        visible=True,
        showgrid=True,
        gridcolor="#e4e7ec",
        rangemode="tozero",
        range=[0, max(high) * bars.stretch(texts, names, NARROWEST)],
        tickvals=list(found.ticks),
        ticktext=[measure.tick(tick) for tick in found.ticks],
        tickfont={"color": QUIET, "size": FONT_SIZE - 1},
    )
    figure.update_layout(margin={"b": 34})
    for place, (value, text) in enumerate(zip(high, texts, strict=True)):
        figure.add_annotation(
            x=value, y=place, text=axes.label(text), xanchor="left", xshift=12, showarrow=False, font={"color": INK}
        )
