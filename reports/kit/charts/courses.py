"""How an amount grows over a period against the one before and a budget, and how it may go on: lines with a band."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import pandas as pd
import plotly.graph_objects as go

from reports.kit import format as fmt
from reports.kit.charts import axes
from reports.kit.charts.drawing import HEIGHT, Drawing, Measure, Unavailable
from reports.kit.charts.lines import MARKERS_UP_TO
from reports.kit.forecast import Forecast
from reports.kit.palette import ACCENT, DASH, FONT_SIZE, PREVIOUS, QUIET, SERIES
from reports.kit.tables import Column

PLOT_HEIGHT = HEIGHT - 64  # px without the margins
BUDGET = SERIES[1]
BUDGET_DASH = "1px,3px"
BAND = "rgba(11,87,164,0.16)"  # the accent, so pale that lines stay clear on it


@dataclass(frozen=True)
class Course:
    """One line of amounts so far: a value for each step (None: not known), and its name."""

    name: str
    values: Sequence[float | None]


@dataclass(frozen=True)
class Steps:
    """What the places of the horizontal axis are: days, or the hours of one day in `zone`."""

    names: Sequence[str]
    days: Sequence[date] = ()
    zone: str = ""

    @property
    def word(self) -> str:
        return "day" if self.days else "hour"


def cumulative(
    now: Course, before: Course | None, budget: Course | None, steps: Steps, measure: Measure
) -> Drawing | Unavailable:
    """Amounts added up from the first step: the period as a full line, the one before dashed, a budget dotted."""
    lines = [course for course in (before, budget, now) if course]
    known = [value for course in lines for value in course.values if value is not None]
    if not known or not max(known) > 0:
        return Unavailable(f"There is no {measure.label} to add up.", nothing=True)
    found = axes.scale(max(known))
    figure, labels = go.Figure(), []
    styles = {
        "before": ({"color": PREVIOUS, "width": 2, "dash": DASH}, QUIET),
        "budget": ({"color": BUDGET, "width": 2, "dash": BUDGET_DASH}, BUDGET),
        "now": ({"color": ACCENT, "width": 3}, ACCENT),
    }
    axes.gaps(figure, axes.missing_places(now.values), found.top)
    for kind, course in (("before", before), ("budget", budget), ("now", now)):
        if course is None:
            continue
        line, color = styles[kind]
        values = list(course.values)[: len(steps.names)]
        trace = _trace(Course(course.name, values), steps.names, measure, line)
        if kind == "now" and len(values) <= MARKERS_UP_TO:  # a day between two without data has no line
            trace.update(mode="lines+markers", marker={"size": 7})
        figure.add_trace(trace)
        labels.append(axes.EndLabel(course.name, _last(values), color))
    axes.amounts(figure, found, measure, f"{measure.label} so far")
    axes.end_labels(figure, labels, found.top, PLOT_HEIGHT)
    room = max(0.12, len(steps.names) * 0.012)
    if steps.days:
        axes.days_axis(figure, steps.days, room=room)
    else:
        axes.hours_axis(figure, steps.zone, room=room)
    frame = pd.DataFrame({"_step": list(steps.days if steps.days else steps.names)})
    columns = [Column("_step", steps.word.capitalize(), "date" if steps.days else "")]
    for column, course in (("value", now), ("previous", before), ("budget", budget)):
        if course is not None:
            frame[column] = pd.Series(list(course.values), dtype="float64").reindex(range(len(frame)))
            columns.append(Column(column, f"{measure.label.capitalize()} so far, {course.name}", measure.unit))
    told = [f"{course.name} with {measure.text(_last(course.values))}" for course in (now, before, budget) if course]
    alt = f"Lines of {measure.label} added up by {steps.word}. At the end: {fmt.listed(told)}."
    return Drawing(figure, alt, frame, tuple(columns))


def outlook(past: pd.Series, expected: Forecast, measure: Measure, *, shown: int = 35) -> Drawing:
    """The last `shown` days of `past` as a full line, then the forecast, dashed, within its interval.

    `past` is indexed by day, NaN is a day without data. The figures hold the days to come alone.
    """
    recent = past.iloc[-shown:]
    ahead = expected.steps
    days = axes.days_of(recent) + axes.days_of(ahead)
    top = max(float(recent.max()), float(ahead["high"].max()))
    found, start = axes.scale(top), len(recent)
    figure = go.Figure()
    axes.gaps(figure, axes.missing_places(axes.numbers(recent)), found.top)
    places = list(range(start, start + len(ahead)))
    figure.add_trace(
        go.Scatter(
            x=[*places, *reversed(places)],
            y=[*ahead["high"], *reversed(list(ahead["low"]))],
            fill="toself",
            fillcolor=BAND,
            line={"width": 0},
            mode="lines",
            hoverinfo="skip",
        )
    )
    names = [fmt.day(day) for day in days]
    last = axes.numbers(recent)[-1]
    joined = [*([last] if last is not None else []), *map(float, ahead["mean"])]
    dashed = {"color": ACCENT, "width": 2, "dash": DASH}
    figure.add_trace(
        _trace(Course("forecast", joined), names[len(days) - len(joined) :], measure, dashed, len(days) - len(joined))
    )
    figure.add_trace(
        _trace(Course("actual", axes.numbers(recent)), names[:start], measure, {"color": ACCENT, "width": 3})
    )
    axes.amounts(figure, found, measure, f"{measure.label} a day")
    axes.days_axis(figure, days, room=max(0.12, len(days) * 0.012))
    percent = fmt.percent(expected.level * 100, 0)
    ends = [
        axes.EndLabel(f"{percent} interval", float(ahead["high"].iloc[-1]), QUIET),
        axes.EndLabel("forecast", float(ahead["mean"].iloc[-1]), ACCENT),
    ]
    axes.end_labels(figure, ends, found.top, PLOT_HEIGHT)
    figure.add_vline(x=start - 0.5, line={"color": PREVIOUS, "width": 1})
    figure.add_annotation(
        x=start - 0.5, y=1, yref="paper", yanchor="bottom", text="forecast from here", showarrow=False, xanchor="right",
        font={"size": FONT_SIZE - 1, "color": QUIET},
    )  # fmt: skip
    frame = ahead.reset_index(drop=True).assign(_day=axes.days_of(ahead))
    columns = (
        Column("_day", "Day", "date"),
        Column("mean", f"{measure.label.capitalize()}, forecast", measure.unit),
        Column("low", f"Lower end of the {percent} interval", measure.unit),
        Column("high", f"Upper end of the {percent} interval", measure.unit),
    )
    whole = expected.total(len(ahead))
    alt = (
        f"Line chart of {measure.label} a day with a forecast for {fmt.short_day(axes.days_of(ahead)[0])} to "
        f"{fmt.short_day(axes.days_of(ahead)[-1])}: {measure.text(whole.value)} in all, between "
        f"{measure.text(whole.low)} and {measure.text(whole.high)}."
    )
    return Drawing(figure, alt, frame[["_day", "mean", "low", "high"]], columns, note=expected.words())


def _trace(
    course: Course, names: Sequence[str], measure: Measure, line: dict[str, object], start: int = 0
) -> go.Scatter:
    values, of = course.values, axes.label(course.name)
    texts = [
        f"{axes.label(name)}, {of}: {'no data' if value is None else axes.label(measure.text(value))}"
        for name, value in zip(names, values, strict=False)
    ]
    return go.Scatter(
        x=list(range(start, start + len(values))),
        y=list(values),
        mode="lines",
        line=line,
        hovertext=texts,
        hoverinfo="text",
        connectgaps=False,
    )


def _last(values: Sequence[float | None]) -> float:
    known = [value for value in values if value is not None]
    return known[-1] if known else 0.0
