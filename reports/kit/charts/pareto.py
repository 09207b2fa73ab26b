"""Who makes most of it: shares in falling order as bars, and how they add up as a line on the same axis."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import plotly.graph_objects as go

from reports.kit import format as fmt
from reports.kit.charts import axes
from reports.kit.charts.drawing import Drawing, Measure, Unavailable
from reports.kit.palette import ACCENT, FONT_SIZE, QUIET, SERIES
from reports.kit.tables import Column

DRAWN = 40  # bars that can still be told apart
MOST = 80.0  # percent: the share whose makers are counted
HEIGHT = 300
TICKS = (0.0, 25.0, 50.0, 75.0, 100.0)
SHARE = Measure("share", "percent")
TOGETHER = SERIES[1]


def pareto(amounts: pd.Series, measure: Measure, who: tuple[str, str]) -> Drawing | Unavailable:
    """Amounts indexed by name, in any order; `who` are they, one and many ("spender", "spenders").

    The first DRAWN are drawn; the figures hold all. Amounts of zero make nothing and are left out.
    """
    ordered = amounts[amounts > 0].sort_values(ascending=False, kind="stable")
    if ordered.empty:
        return Unavailable(f"There is no {measure.label} to share.", nothing=True)
    if len(ordered) == 1:
        return Unavailable(f"One {who[0]} makes all of the {measure.label}.", nothing=True)
    shares = ordered / float(ordered.sum()) * 100
    together = shares.cumsum()
    count = int((together < MOST - 1e-9).sum()) + 1
    shown = min(len(ordered), DRAWN)
    places = list(range(1, shown + 1))
    names = [str(name) for name in ordered.index]
    figure = go.Figure(
        go.Bar(
            x=places,
            y=[float(share) for share in shares.iloc[:shown]],
            marker={"color": ACCENT},
            hovertext=_hover(names[:shown], ordered, shares, measure),
            hoverinfo="text",
        )
    )
    figure.add_trace(
        go.Scatter(
            x=places,
            y=[float(share) for share in together.iloc[:shown]],
            mode="lines+markers" if shown <= 20 else "lines",
            line={"color": TOGETHER, "width": 2},
            marker={"size": 6, "symbol": "diamond"},
            hovertext=[
                f"the first {place}: {fmt.percent(float(share))}"
                for place, share in zip(places, together, strict=False)
            ],
            hoverinfo="text",
        )
    )
    axes.amounts(figure, axes.Scale(TICKS, 106.0), SHARE, f"share of {measure.label}")
    _axis(figure, shown, len(ordered), who)
    most = fmt.percent(float(together.iloc[count - 1]), 0)
    told = f"{fmt.full(count)} of {fmt.plural(len(ordered), *who)} make{'s' * (count == 1)} {most}"
    ends = [
        axes.EndLabel("added up", float(together.iloc[shown - 1]), TOGETHER),
        axes.EndLabel("each", float(shares.iloc[shown - 1]), ACCENT),
    ]
    axes.end_labels(figure, ends, 106.0, HEIGHT - 84)
    frame = pd.DataFrame({"name": names, "value": list(ordered), "together": list(together)})
    columns = (
        Column("name", who[0].capitalize()),
        Column("value", measure.label.capitalize(), measure.unit),
        Column("share", "Share", "percent", share="value"),
        Column("together", "Added up", "percent"),
    )
    alt = f"Bars of each {who[0]}'s share of {measure.label}, the largest first, and a line that adds them up: {told}."
    return Drawing(figure, alt, frame, columns, HEIGHT, note=f"{told} of the {measure.label}.")


def _hover(names: Sequence[str], ordered: pd.Series, shares: pd.Series, measure: Measure) -> list[str]:
    return [
        f"{axes.label(name)}: {measure.text(float(value))}, {fmt.percent(float(share))}"
        for name, value, share in zip(names, ordered, shares, strict=False)
    ]


def _axis(figure: go.Figure, shown: int, there_are: int, who: tuple[str, str]) -> None:
    step = 1 if shown <= 20 else 5
    places = [1, *range(step, shown + 1, step)] if step > 1 else list(range(1, shown + 1))
    of = f", the first {shown} of {there_are}" if there_are > shown else ""
    figure.update_xaxes(
        range=[0.4, shown + 0.6],
        tickvals=places,
        ticktext=[str(place) for place in places],
        title={
            "text": f"{who[1]}, the largest first{of}",
            "font": {"size": FONT_SIZE - 1, "color": QUIET},
            "standoff": 8,
        },
    )
    figure.update_layout(margin={"b": 52}, bargap=0.25)
