"""Stacked bars over days or hours: how an amount is made up of its parts, the largest at the bottom."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import pandas as pd
import plotly.graph_objects as go

from reports.kit import format as fmt
from reports.kit.charts import axes
from reports.kit.charts.drawing import Drawing, Measure, Unavailable
from reports.kit.markup import shortened
from reports.kit.palette import OTHER, PATTERNS, SERIES, pattern
from reports.kit.tables import Column

NAMED = 5  # parts with a colour of their own; the rest is one part
HEIGHT = 300
PLOT_HEIGHT = HEIGHT - 76


def stacked_daily(frame: pd.DataFrame, measure: Measure) -> Drawing | Unavailable:
    """Amounts a day by part: rows are days (all NaN: no data), columns are parts. Five parts are named."""
    days = axes.days_of(frame)
    if frame.isna().to_numpy().all():
        return Unavailable("The source has no data for these days.")
    parts = fold(frame)
    figure = _draw(parts, [fmt.day(day) for day in days], measure, f"{measure.label} a day")
    axes.days_axis(figure, days, room=0.5)
    figures = parts.reset_index(drop=True)
    figures.insert(0, "_step", days)
    return _drawing(figure, figures, Column("_step", "Day", "date"), measure, "day")


def stacked_hourly(frame: pd.DataFrame, measure: Measure, *, zone: str) -> Drawing:
    """Amounts an hour of one day by part: 24 rows indexed 0 to 23, columns are parts."""
    hours = [f"{hour:02d}:00" for hour in range(24)]
    parts = fold(frame)
    figure = _draw(parts, hours, measure, f"{measure.label} an hour")
    axes.hours_axis(figure, zone, room=0.5)
    figures = parts.reset_index(drop=True)
    figures.insert(0, "_step", hours)
    return _drawing(figure, figures, Column("_step", "Hour"), measure, "hour")


def fold(frame: pd.DataFrame, named: int = NAMED) -> pd.DataFrame:
    """The columns by size, the largest first; those beyond `named` become one column "n others"."""
    order = frame.sum().sort_values(ascending=False, kind="stable").index
    if len(order) <= named + 1:
        return frame[list(order)]
    rest = list(order[named:])
    return frame[list(order[:named])].assign(**{f"{len(rest)} others": frame[rest].sum(axis=1, min_count=1)})


def color(place: int, name: object) -> str:
    return OTHER if str(name).endswith(" others") else SERIES[place % len(SERIES)]


def _draw(parts: pd.DataFrame, steps: Sequence[str], measure: Measure, unit_words: str) -> go.Figure:
    totals = parts.sum(axis=1)
    found = axes.scale(float(totals.max()), whole=measure.unit in {"count", "tokens"})
    figure = go.Figure()
    missing = [place for place, empty in enumerate(parts.isna().all(axis=1)) if empty]
    for place, part in enumerate(parts):
        values = axes.numbers(parts[part])
        figure.add_trace(
            go.Bar(
                x=list(range(len(parts))),
                y=values,
                marker={"color": color(place, part), "pattern": pattern(PATTERNS[place % len(PATTERNS)])},
                hovertext=[
                    f"{axes.label(step)}, {axes.label(str(part))}: {measure.text(value or 0)}"
                    for step, value in zip(steps, values, strict=True)
                ],
                hoverinfo="text",
            )
        )
    axes.gaps(figure, missing, found.top)
    figure.update_layout(barmode="stack", bargap=0.3 if len(parts) <= 31 else 0.1)
    axes.amounts(figure, found, measure, unit_words)
    axes.end_labels(figure, _labels(parts), found.top, PLOT_HEIGHT)
    return figure


def _labels(parts: pd.DataFrame) -> list[axes.EndLabel]:
    """Each part's name at the middle of its piece of the last bar that is not empty."""
    filled = parts[parts.sum(axis=1) > 0]
    last = (filled if len(filled) else parts).fillna(0).iloc[-1]
    labels, base = [], 0.0
    names = axes.short_names([str(part) for part in parts])
    for place, (part, value) in enumerate(last.items()):
        labels.append(axes.EndLabel(names[place], base + float(value) / 2, color(place, part)))
        base += float(value)
    return labels


def _drawing(figure: go.Figure, figures: pd.DataFrame, first: Column, measure: Measure, step: str) -> Drawing:
    parts = [str(column) for column in figures.columns[1:]]
    columns = (first, *(Column(part, part, measure.unit) for part in parts))
    return Drawing(figure, _alt(figures, parts, measure, step), figures, columns, HEIGHT)


def _alt(figures: pd.DataFrame, parts: Sequence[str], measure: Measure, step: str) -> str:
    if measure.unit == "percent":  # rates of different days do not add up
        return _alt_of_rates(figures, parts, measure, step)
    sums = figures[list(parts)].sum()
    whole = float(sums.sum())
    shares = [f"{shortened(part)} {fmt.percent(float(sums[part]) / whole * 100)}" for part in parts] if whole else []
    each = "an hour" if step == "hour" else "a day"
    made = f" In all {measure.text(whole)}: {', '.join(shares)}." if shares else " All are zero."
    return f"Stacked bars of {measure.label} {each} in {fmt.plural(len(parts), 'part')}.{made}"


def _alt_of_rates(figures: pd.DataFrame, parts: Sequence[str], measure: Measure, step: str) -> str:
    totals = axes.numbers(figures[list(parts)].sum(axis=1, min_count=1))
    known = [(total, at) for total, at in zip(totals, figures["_step"], strict=True) if total is not None]
    each = "an hour" if step == "hour" else "a day"
    ends = []
    for word, (total, at) in (("highest", max(known, key=_total)), ("lowest", min(known, key=_total))):
        named = fmt.day(at) if isinstance(at, date) else str(at)
        ends.append(f"{word} {measure.text(total)} ({named})")
    made = f"made up of {fmt.listed([shortened(part) for part in parts])}"
    return f"Stacked bars of {measure.label} {each}, {made}: {', '.join(ends)}."


def _total(pair: tuple[float, object]) -> float:
    return pair[0]
