"""From one amount to another in steps: what was there, what each cause added or took, what is there now."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import pandas as pd
import plotly.graph_objects as go

from reports.kit.charts import axes, bars
from reports.kit.charts.drawing import WIDTHS, Drawing, Measure
from reports.kit.markup import shortened
from reports.kit.palette import ACCENT, PREVIOUS, SERIES, pattern
from reports.kit.tables import Column

MORE, LESS = SERIES[1], SERIES[2]


def step_bars(start: tuple[str, float], causes: Sequence[tuple[str, float]], end: str, measure: Measure) -> Drawing:
    """Bars from `start` (name, amount) over what each cause adds, or takes where below zero, to their sum `end`."""
    reached, total = [start[1]], start[1]
    for _, amount in causes:
        total += amount
        reached.append(total)
    names = [start[0], *(name for name, _ in causes), end]
    sizes = [start[1], *(amount for _, amount in causes), total]
    bases = [0.0, *(min(a, b) for a, b in pairwise(reached)), 0.0]
    kinds = [PREVIOUS, *(MORE if amount >= 0 else LESS for _, amount in causes), ACCENT]
    texts = [measure.text(start[1]), *(_signed(amount, measure) for _, amount in causes), measure.text(total)]
    figure = go.Figure()
    for place, (base, size, color) in enumerate(zip(bases, sizes, kinds, strict=True)):
        figure.add_trace(_bar(place, (base, abs(size)), color, (names[place], texts[place])))
        figure.add_annotation(
            x=base + abs(size), y=place, text=axes.label(texts[place]), xanchor="left", xshift=8, showarrow=False
        )
    for place, level in enumerate(reached):  # the level that the next bar begins at
        figure.add_shape(
            type="line", x0=level, x1=level, y0=place, y1=place + 1, line={"color": PREVIOUS, "width": 1}, layer="below"
        )
    bars.names_axis(figure, names)
    top = max([base + abs(size) for base, size in zip(bases, sizes, strict=True)] or [1.0]) or 1.0
    low = min([0.0, *bases])
    figure.update_xaxes(range=[low, low + (top - low) * bars.stretch(texts, names, WIDTHS["full"])])
    figure.update_layout(barmode="overlay", bargap=0.35)
    frame = pd.DataFrame({"name": names, "value": sizes})
    columns = (Column("name", "Step"), Column("value", measure.label.capitalize(), measure.unit))
    told = ", ".join(f"{shortened(name)} {text}" for name, text in zip(names, texts, strict=True))
    height = bars.MARGINS + bars.ROW_HEIGHT * len(names)
    return Drawing(figure, f"Bars of what changed the {measure.label}: {told}.", frame, columns, height)


def _bar(place: int, span: tuple[float, float], color: str, told: tuple[str, str]) -> go.Bar:
    return go.Bar(
        orientation="h",
        y=[place],
        base=[span[0]],
        x=[span[1]],
        marker={"color": color, "pattern": pattern({MORE: "/", LESS: "\\"}.get(color, ""))},
        hovertext=[f"{axes.label(told[0])}: {axes.label(told[1])}"],
        hoverinfo="text",
    )


def _signed(amount: float, measure: Measure) -> str:
    return ("+" if amount > 0 else "") + measure.text(amount)
