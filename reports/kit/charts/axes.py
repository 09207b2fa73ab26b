"""What the builders share: round ticks from zero, days on an axis, gaps for missing days, labels beside lines.

Positions on the axis of days and hours are 0, 1, 2 ...; words stand at the ticks, so that nothing is turned or dropped.
"""

from __future__ import annotations

import html
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import pandas as pd
import plotly.graph_objects as go

from reports.kit import format as fmt
from reports.kit.charts.drawing import Measure
from reports.kit.markup import clean, shortened
from reports.kit.palette import FONT_SIZE, FULL_WIDTH, QUIET, hatch

STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
TICKS = 4  # wanted on an axis of amounts; there are three to six
LABEL_GAP = 16  # px between two labels at the end of their lines
CHARACTER = 7.0  # px a character takes at FONT_SIZE, on average and a little more
TICK_ROOM = {"day": 70, "short": 52}  # px that one label of a day takes with its space
LONGEST_LABEL = 22  # characters of a name in a picture; the table has it in full

_OF_PROVIDER = re.compile(r"[\w.-]+(/[\w.:@-]+)+")


@dataclass(frozen=True)
class Scale:
    """An axis of amounts from zero: where its ticks are and where it ends."""

    ticks: tuple[float, ...]
    top: float


def scale(maximum: float, *, whole: bool = False) -> Scale:
    """Round ticks for 0 to `maximum`; `whole` when only integers make sense. All zeros get one tick at zero."""
    if not maximum > 0:
        return Scale((0.0,), 1.0)
    raw = maximum / TICKS
    size = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * size for factor in STEPS if factor * size >= raw * 0.78)
    if whole:
        step = max(1.0, math.ceil(step))
    count = math.floor(maximum / step + 1e-9)
    return Scale(tuple(step * i for i in range(count + 1)), max(maximum * 1.06, step * count))


def amounts(figure: go.Figure, found: Scale, measure: Measure, title: str) -> None:
    """Give the figure its vertical axis, with the unit in words above it."""
    texts = [measure.tick(tick) for tick in found.ticks]
    figure.update_yaxes(range=[0, found.top], tickvals=list(found.ticks), ticktext=texts)
    figure.update_layout(margin={"l": max(40, round(12 + CHARACTER * max(map(len, texts))))})
    above(figure, label(title), shift=6)


def above(figure: go.Figure, text: str, *, shift: int) -> None:
    """Write a line in small quiet print over the left corner of the picture, `shift` px above it."""
    figure.add_annotation(
        text=text,
        xref="paper",
        yref="paper",
        x=0,
        y=1,
        xanchor="left",
        yanchor="bottom",
        yshift=shift,
        showarrow=False,
        font={"size": FONT_SIZE - 1, "color": QUIET},
    )


def label(text: str, longest: int = 0) -> str:
    """A name as text of a picture: its own markup stays text; cut to `longest` characters if given."""
    text = clean(text)
    if longest:
        text = shortened(text, longest)
    return html.escape(text, quote=False)  # Plotly knows no entity for quotes


def short_names(names: Sequence[str]) -> list[str]:
    """Names too long for a picture without what stands before their last slash, unless two would be the same.

    Only of names such as provider/model: a slash in any other name parts nothing.
    """
    cut = [
        name.rsplit("/", 1)[-1] if len(name) > LONGEST_LABEL and _OF_PROVIDER.fullmatch(name) else name
        for name in names
    ]
    return [short if cut.count(short) == 1 else name for name, short in zip(names, cut, strict=True)]


def day_ticks(days: Sequence[date], width: int) -> tuple[list[int], list[str]]:
    """Positions and words of as many days as fit: Mon 9 Nov, Tue 10 ..., or 9 Nov, every one, second, third, seventh.

    The month stands where it begins, so that names keep apart in a mail, where the picture is drawn narrower.
    """
    room = width - 150
    long = len(days) * TICK_ROOM["day"] <= room
    step = (
        1
        if long
        else next(s for s in (1, 2, 3, 5, 7, 14, 28, 56, 112, 365) if len(days) / s * TICK_ROOM["short"] <= room)
    )
    places = list(range(0, len(days), step))
    return places, [_weekday(days, i) if long else fmt.short_day(days[i]) for i in places]


def _weekday(days: Sequence[date], place: int) -> str:
    day, first = days[place], place == 0 or days[place].month != days[place - 1].month
    return f"{fmt.weekday(day)} {fmt.short_day(day) if first else day.day}"


def days_axis(figure: go.Figure, days: Sequence[date], *, room: float, width: int = FULL_WIDTH) -> None:
    """Name the days; `room` is what is left after the last position, and at least before the first."""
    places, words = day_ticks(days, width)
    figure.update_xaxes(range=[-_room_before(len(days), room), len(days) - 1 + room], tickvals=places, ticktext=words)


def _room_before(positions: int, room: float) -> float:
    """Enough for the first position's name to stand clear of the zero beside it."""
    return max(room, 0.35, positions * 0.02)


def hours_axis(figure: go.Figure, zone: str, *, room: float, step: int = 3) -> None:
    places = list(range(0, 24, step))
    figure.update_xaxes(
        range=[-_room_before(24, room), 23 + room],
        tickvals=places,
        ticktext=[f"{hour:02d}" for hour in places],
        title={
            "text": f"hour of the day, {label(zone)}",
            "font": {"size": FONT_SIZE - 1, "color": QUIET},
            "standoff": 8,
        },
    )
    figure.update_layout(margin={"b": 48})


def gaps(figure: go.Figure, missing: Sequence[int], top: float) -> None:
    """Hatch the positions without data and name each group of them once."""
    if not missing:
        return
    figure.add_trace(
        go.Bar(
            x=list(missing),
            y=[top] * len(missing),
            width=1,
            marker={"color": "#ffffff", "pattern": hatch(), "line": {"width": 0}},
            hovertext="no data",
            hoverinfo="text",
        )
    )
    for first, last in _groups(missing):
        figure.add_annotation(
            x=(first + last) / 2,
            y=top / 2,
            text="no data",
            textangle=-90 if last == first else 0,
            showarrow=False,
            bgcolor="#ffffff",
            font={"color": QUIET, "size": FONT_SIZE - 1},
        )


def _groups(positions: Sequence[int]) -> list[tuple[int, int]]:
    groups: list[tuple[int, int]] = []
    for place in sorted(positions):
        if groups and place == groups[-1][1] + 1:
            groups[-1] = (groups[-1][0], place)
        else:
            groups.append((place, place))
    return groups


@dataclass(frozen=True)
class EndLabel:
    text: str
    value: float  # where it would stand on the axis of amounts
    color: str


def end_labels(figure: go.Figure, labels: Sequence[EndLabel], top: float, plot_height: float) -> None:
    """Write names beside the end of the plot, moved apart where they would touch, and make room for them."""
    wanted = [entry.value / top * plot_height for entry in labels]
    for entry, place in zip(labels, spread(wanted, plot_height), strict=True):
        figure.add_annotation(
            xref="paper",
            x=1,
            y=place / plot_height * top,
            text=label(entry.text, LONGEST_LABEL),
            xanchor="left",
            xshift=8,
            showarrow=False,
            font={"color": entry.color},
        )
    longest = max((min(len(entry.text), LONGEST_LABEL) for entry in labels), default=0)
    figure.update_layout(margin={"r": round(18 + longest * CHARACTER)})


def spread(places: Sequence[float], height: float, gap: float = LABEL_GAP) -> list[float]:
    """The places in px, each at least `gap` from its neighbours and half of that from the axis, in their order and up
    to `height`."""
    order = sorted(range(len(places)), key=lambda i: places[i])
    found = [0.0] * len(places)
    lowest = gap / 2
    for i in order:
        found[i] = max(places[i], lowest)
        lowest = found[i] + gap
    highest = height
    for i in reversed(order):
        found[i] = min(found[i], highest)
        highest = found[i] - gap
    return found


def days_of(series: pd.Series | pd.DataFrame) -> list[date]:
    return [stamp.date() for stamp in pd.DatetimeIndex(series.index)]


def numbers(values: pd.Series) -> list[float | None]:
    """The values as JSON has them: None where there is no data."""
    return [None if fmt.is_missing(value) else float(value) for value in values]


def missing_places(values: Sequence[float | None]) -> list[int]:
    return [place for place, value in enumerate(values) if value is None]
