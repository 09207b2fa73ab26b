"""Lines over days or hours: the period as a full line, the one before it as a dashed grey line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
import plotly.graph_objects as go

from reports.kit import format as fmt
from reports.kit.charts import axes
from reports.kit.charts.drawing import HEIGHT, Drawing, Measure, Unavailable
from reports.kit.palette import ACCENT, DASH, PREVIOUS, QUIET
from reports.kit.tables import Column
from reports.model import Period

MARKERS_UP_TO = 31  # days; beyond that the line alone is clearer
PLOT_HEIGHT = HEIGHT - 64  # px without the margins


@dataclass(frozen=True)
class Line:
    """One line: its values by position (None: no data), what each position is called, and the label at its end."""

    values: Sequence[float | None]
    names: Sequence[str]
    label: str


def daily_lines(
    current: pd.Series,
    previous: pd.Series | None,
    measure: Measure,
) -> Drawing | Unavailable:
    """Amounts a day against the days before. Series are indexed by day, with NaN for days without data.

    The n-th day stands over the n-th day of `previous`; None draws no comparison.
    """
    days = axes.days_of(current)
    now = Line(axes.numbers(current), [fmt.day(day) for day in days], fmt.short_days(Period(days[0], days[-1])))
    before = _before(previous)
    if all(value is None for value in now.values):
        return Unavailable("The source has no data for these days.")
    figure = _draw(now, before, measure, f"{measure.label} a day")
    axes.days_axis(figure, days, room=_room(len(days)))
    frame = pd.DataFrame({"day": days, "value": now.values})
    columns = [Column("day", "Day", "date"), Column("value", measure.label.capitalize(), measure.unit)]
    if before is not None:
        frame["previous"] = pd.Series(list(before.values)).reindex(range(len(days)))
        columns += [
            Column("previous", f"{measure.label.capitalize()}, {before.label}", measure.unit),
            Column("change", "Change", "percent", change=("value", "previous")),
        ]
    return Drawing(figure, _alt(now, before, measure, "day"), frame, tuple(columns))


def hourly_lines(
    current: pd.Series,
    previous: pd.Series | None,
    measure: Measure,
    *,
    labels: tuple[str, str],
    zone: str,
) -> Drawing:
    """Amounts an hour of one day, 24 values indexed 0 to 23, against another day; `labels` name the two lines."""
    hours = [f"{hour:02d}:00" for hour in range(24)]
    now = Line(axes.numbers(current), hours, labels[0])
    before = None if previous is None else Line(axes.numbers(previous), hours, labels[1])
    figure = _draw(now, before, measure, f"{measure.label} an hour")
    axes.hours_axis(figure, zone, room=_room(24))
    frame = pd.DataFrame({"hour": hours, "value": now.values})
    columns = [Column("hour", "Hour"), Column("value", measure.label.capitalize(), measure.unit)]
    if before is not None:
        frame["previous"] = list(before.values)
        columns.append(Column("previous", f"{measure.label.capitalize()}, {before.label}", measure.unit))
    return Drawing(figure, _alt(now, before, measure, "hour"), frame, tuple(columns))


def _before(previous: pd.Series | None) -> Line | None:
    if previous is None or previous.empty:
        return None
    days = axes.days_of(previous)
    names = [fmt.day(day) for day in days]
    return Line(axes.numbers(previous), names, fmt.short_days(Period(days[0], days[-1])))


def _draw(now: Line, before: Line | None, measure: Measure, unit_words: str) -> go.Figure:
    known = [value for line in (now, before) if line for value in line.values if value is not None]
    found = axes.scale(max(known, default=0.0), whole=measure.unit in {"count", "tokens"})
    figure = go.Figure()
    axes.gaps(figure, axes.missing_places(now.values), found.top)
    labels = []
    if before is not None:
        figure.add_trace(_trace(before, measure, {"color": PREVIOUS, "width": 2, "dash": DASH}, "lines"))
        labels.append(_end(before, QUIET))
    mode = "lines+markers" if len(now.values) <= MARKERS_UP_TO else "lines"
    figure.add_trace(_trace(now, measure, {"color": ACCENT, "width": 3}, mode))
    labels.append(_end(now, ACCENT))
    axes.amounts(figure, found, measure, unit_words)
    axes.end_labels(figure, labels, found.top, PLOT_HEIGHT)
    return figure


def _room(positions: int) -> float:
    """So little beside the outer points that the names of the lines stand close to their ends."""
    return max(0.12, positions * 0.012)


def _trace(line: Line, measure: Measure, style: dict[str, object], mode: str) -> go.Scatter:
    texts = [
        f"{axes.label(name)}: {'no data' if value is None else axes.label(measure.text(value))}"
        for name, value in zip(line.names, line.values, strict=True)
    ]
    return go.Scatter(
        x=list(range(len(line.values))),
        y=list(line.values),
        mode=mode,
        line=style,
        marker={"size": 7},
        hovertext=texts,
        hoverinfo="text",
        connectgaps=False,
    )


def _end(line: Line, color: str) -> axes.EndLabel:
    known = [value for value in line.values if value is not None]
    return axes.EndLabel(line.label, known[-1] if known else 0.0, color)


def _alt(now: Line, before: Line | None, measure: Measure, step: str) -> str:
    pairs = [(value, name) for value, name in zip(now.values, now.names, strict=True) if value is not None]
    (high, at_high), (low, at_low) = max(pairs, key=lambda p: p[0]), min(pairs, key=lambda p: p[0])
    each = "an hour" if step == "hour" else "a day"
    against = f", against {before.label}" if before else ""
    text = f"Line chart of {measure.label} {each}, {now.label}{against}. "
    ends = f"Highest {measure.text(high)} ({at_high}), lowest {measure.text(low)} ({at_low})."
    text += ends if high > low else f"Always {measure.text(high)}."
    missing = len(now.values) - len(pairs)
    return text + (f" No data for {fmt.plural(missing, step)}." if missing else "")
