"""Named points: one amount against another, each point with its name beside it and a sign of its group's own.

Names are written where they touch neither points nor each other; a name without such a place stays in the figures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
import plotly.graph_objects as go

from reports.kit import format as fmt
from reports.kit.charts import axes, bars
from reports.kit.charts.drawing import WIDTHS, Drawing, Measure, Unavailable
from reports.kit.markup import shortened
from reports.kit.palette import FONT_SIZE, GRID, INK, OTHER, QUIET, SERIES
from reports.kit.tables import Column

HEIGHT = 340
MARGIN = {"l": 64, "r": 24, "t": 56, "b": 52}
SIZE = 13  # px of a point
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "cross", "circle-open")  # the sixth is all other groups
SIGNS = ("●", "■", "◆", "▲", "✚", "○")
ALL_TOLD = 3  # points that are all told in the text alternative
NAMED = 15  # points with a name, the first of the frame; more would not be read
LONGEST_IN_KEY = 18  # characters; all groups stand in one line
GROUPS = len(SYMBOLS) - 1
CHARACTER = 6.3  # px a character of a name takes, on average and a little more
LINE = FONT_SIZE + 4  # px that a line of text is high
ROOM = 1.08  # of the greatest value, so that no point lies on the edge


@dataclass(frozen=True)
class Box:
    """A rectangle in px from the lower left of the plot."""

    left: float
    bottom: float
    right: float
    top: float

    def touches(self, other: Box) -> bool:
        apart = self.right <= other.left or other.right <= self.left
        return not (apart or self.top <= other.bottom or other.top <= self.bottom)

    def within(self, width: float, height: float) -> bool:
        return self.left >= 0 and self.bottom >= 0 and self.right <= width + MARGIN["r"] and self.top <= height


def points(frame: pd.DataFrame, across: Measure, up: Measure, *, group: str) -> Drawing | Unavailable:
    """Rows of `frame`, indexed by name, the most important first: columns `x`, `y` and `group`, which `group` names.

    Both axes begin at zero.
    """
    known = frame.dropna(subset=["x", "y"])
    if known.empty:
        return Unavailable(f"There is nothing to set {across.label} against {up.label} with.")
    groups = list(dict.fromkeys(str(each) for each in frame["group"]))  # a group keeps its sign where it has no point
    wide, high = (axes.scale(float(known[column].max())) for column in ("x", "y"))
    tops = (max(wide.top, float(known["x"].max()) * ROOM), max(high.top, float(known["y"].max()) * ROOM))
    figure = go.Figure()
    drawn = [name for name in groups if (known["group"].astype(str) == name).any()]
    for name in drawn:
        figure.add_trace(_trace(known[known["group"].astype(str) == name], name, _place(groups, name), (across, up)))
    axes.amounts(figure, high, up, up.label)
    ticks = [across.tick(tick) for tick in wide.ticks]
    title = {"text": axes.label(across.label), "font": {"size": FONT_SIZE - 1, "color": QUIET}, "standoff": 8}
    figure.update_xaxes(range=[0, tops[0]], tickvals=list(wide.ticks), ticktext=ticks, title=title)
    figure.update_xaxes(showgrid=True, gridcolor=GRID)
    figure.update_yaxes(range=[0, tops[1]])
    figure.update_layout(margin=MARGIN)
    _names(figure, known, tops)
    named = [(name, _place(groups, name)) for name in drawn if _place(groups, name) < GROUPS]
    rest = len(drawn) - len(named)
    if rest:
        named.append((f"{rest} others" if rest > 1 else drawn[-1], GROUPS))
    signs = [f"{SIGNS[place]} {shortened(name, LONGEST_IN_KEY)}" for name, place in named]
    bars.key(figure, signs, [_color(place) for _, place in named], sign="", above=22)
    return Drawing(figure, _alt(known, across, up), *_figures(known, across, up, group), HEIGHT)


def _place(groups: Sequence[str], name: str) -> int:
    return min(groups.index(name), GROUPS)


def _color(place: int) -> str:
    return OTHER if place == GROUPS else SERIES[place]


def _trace(rows: pd.DataFrame, group: str, place: int, measures: tuple[Measure, Measure]) -> go.Scatter:
    across, up = measures
    hover = [
        f"{axes.label(str(name))}, {axes.label(group)}: {across.text(x)}, {up.text(y)}"
        for name, x, y in zip(rows.index, rows["x"], rows["y"], strict=True)
    ]
    return go.Scatter(
        x=[float(value) for value in rows["x"]],
        y=[float(value) for value in rows["y"]],
        mode="markers",
        cliponaxis=False,
        marker={
            "symbol": SYMBOLS[place],
            "size": SIZE,
            "color": _color(place),
            "line": {"width": 1, "color": "#ffffff"},
        },
        hovertext=hover,
        hoverinfo="text",
    )


def _names(figure: go.Figure, known: pd.DataFrame, tops: tuple[float, float]) -> None:
    """Write each name right, left, above or below its point: at the first place that is free."""
    width = WIDTHS["full"] - MARGIN["l"] - MARGIN["r"]
    height = HEIGHT - MARGIN["t"] - MARGIN["b"]
    at = [(x / tops[0] * width, y / tops[1] * height) for x, y in zip(known["x"], known["y"], strict=True)]
    taken = [Box(x - SIZE / 2, y - SIZE / 2, x + SIZE / 2, y + SIZE / 2) for x, y in at]
    texts = axes.short_names([str(name) for name in known.index])
    for (x, y), text in list(zip(at, texts, strict=True))[:NAMED]:
        shown = axes.label(text, axes.LONGEST_LABEL)
        long = CHARACTER * min(len(text), axes.LONGEST_LABEL)
        box = next((box for box in _places(x, y, long) if _free(box, taken, width, height)), None)
        if box is None:
            continue
        taken.append(box)
        figure.add_annotation(
            x=box.left / width * tops[0],
            y=(box.bottom + box.top) / 2 / height * tops[1],
            text=shown,
            xanchor="left",
            yanchor="middle",
            showarrow=False,
            font={"color": INK, "size": FONT_SIZE - 1},
        )


def _places(x: float, y: float, long: float) -> list[Box]:
    gap = SIZE / 2 + 3
    right = Box(x + gap, y - LINE / 2, x + gap + long, y + LINE / 2)
    left = Box(x - gap - long, y - LINE / 2, x - gap, y + LINE / 2)
    above = Box(x - long / 2, y + gap, x + long / 2, y + gap + LINE)
    below = Box(x - long / 2, y - gap - LINE, x + long / 2, y - gap)
    far = gap + LINE * 0.7
    aside = [
        Box(x + side, y + up, x + side + long, y + up + LINE)
        for side in (gap / 2, -gap / 2 - long)
        for up in (gap, -far - LINE / 2)
    ]
    return [right, left, above, below, *aside]


def _free(box: Box, taken: Sequence[Box], width: float, height: float) -> bool:
    return box.within(width, height) and not any(box.touches(other) for other in taken)


def _alt(known: pd.DataFrame, across: Measure, up: Measure) -> str:
    """Every point of a few; of more those at the ends, for nobody can listen to all: the figures have them."""
    if len(known) <= ALL_TOLD:
        told = [
            f"{shortened(str(name))}: {across.text(x)}, {up.text(y)}"
            for name, x, y in zip(known.index, known["x"], known["y"], strict=True)
        ]
        return f"Points of {up.label} against {across.label}. {'; '.join(told)}."
    names = [shortened(str(name)) for name in known.index]
    ends = [
        f"Highest {measure.label}: {names[values.argmax()]}, {measure.text(values.max())}; "
        f"lowest: {names[values.argmin()]}, {measure.text(values.min())}."
        for measure, values in ((up, known["y"].to_numpy()), (across, known["x"].to_numpy()))
    ]
    return f"{fmt.full(len(known))} points of {up.label} against {across.label}. {' '.join(ends)}"


def _figures(known: pd.DataFrame, across: Measure, up: Measure, group: str) -> tuple[pd.DataFrame, tuple[Column, ...]]:
    figures = known[["group", "x", "y"]].reset_index(drop=True)
    figures.insert(0, "_name", [str(name) for name in known.index])
    heads = [measure.label[:1].upper() + measure.label[1:] for measure in (across, up)]
    columns = (
        Column("_name", "Name"),
        Column("group", group),
        Column("x", heads[0], across.unit),
        Column("y", heads[1], up.unit),
    )
    return figures, columns
