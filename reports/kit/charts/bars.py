"""Horizontal bars with their figures beside them: shares of a whole, a split, one period against another."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import plotly.graph_objects as go

from reports.kit import format as fmt
from reports.kit.charts import axes
from reports.kit.charts.drawing import WIDTHS, Drawing, Measure, Unavailable
from reports.kit.charts.stacks import NAMED, fold
from reports.kit.markup import shortened
from reports.kit.palette import ACCENT, FONT_SIZE, INK, OTHER, PREVIOUS, QUIET, SERIES, pattern
from reports.kit.tables import Column

ROW_HEIGHT = 38  # px a bar takes
PAIR_HEIGHT = 54  # px two bars of one name take
MARGINS = 44


def share_bars(amounts: pd.Series, measure: Measure) -> Drawing | Unavailable:
    """Shares of a whole, indexed by name: the five largest, then the others, each with its amount and share."""
    whole = float(amounts.sum())
    if not whole > 0:
        return Unavailable(f"There are no {measure.label} to share.")
    parts = fold(amounts.to_frame().T).iloc[0]
    texts = [f"{fmt.percent(value / whole * 100)} · {measure.text(value)}" for value in parts]
    names = [str(part) for part in parts.index]
    colors = [OTHER if part.endswith(" others") else ACCENT for part in names]
    figure = go.Figure(drawn(list(map(float, parts)), texts, colors, names))
    names_axis(figure, names)
    figure.update_xaxes(range=[0, float(parts.max()) * stretch(texts, names)])
    full = amounts.sort_values(ascending=False, kind="stable")
    frame = pd.DataFrame({"name": [str(part) for part in full.index], "value": full.to_numpy()})
    columns = (
        Column("name", "Name"),
        Column("value", measure.label.capitalize(), measure.unit),
        Column("share", "Share", "percent", share="value"),
    )
    told = ", ".join(
        f"{shortened(name)} {fmt.percent(value / whole * 100)}" for name, value in zip(names, parts, strict=True)
    )
    return Drawing(
        figure, f"Bars of the share of {measure.label}: {told}.", frame, columns, MARGINS + ROW_HEIGHT * len(parts)
    )


def split_bars(frame: pd.DataFrame, measure: Measure) -> Drawing | Unavailable:
    """Rows of `frame` as bars, made up of its two to six columns (such as prompt and completion)."""
    if not float(frame.to_numpy().sum()) > 0:
        return Unavailable(f"There are no {measure.label}.")
    rows = _folded_rows(frame)
    names = [str(name) for name in rows.index]
    totals = rows.sum(axis=1)
    texts = [measure.text(float(total)) for total in totals]
    figure = go.Figure()
    for place, part in enumerate(rows):
        last = place == len(rows.columns) - 1
        bars = drawn([float(v) for v in rows[part]], texts if last else [""] * len(rows), SERIES[place], names)
        bars.marker.pattern = pattern("/" if place % 2 else "")
        figure.add_trace(bars)
    figure.update_layout(barmode="stack")
    names_axis(figure, names)
    figure.update_xaxes(range=[0, float(totals.max()) * stretch(texts, names, WIDTHS["full"])])
    key(figure, [str(part) for part in rows], list(SERIES))
    columns = (Column("_name", "Name"), *(Column(str(part), str(part).capitalize(), measure.unit) for part in rows))
    told = ", ".join(f"{shortened(name)} {text}" for name, text in zip(names, texts, strict=True))
    alt = f"Stacked bars of {measure.label} by {fmt.listed([str(part) for part in rows])}: {told}."
    figures = frame.reset_index(drop=True)
    figures.insert(0, "_name", [str(name) for name in frame.index])
    return Drawing(figure, alt, figures, columns, MARGINS + 20 + ROW_HEIGHT * len(rows))


def compared_bars(
    frame: pd.DataFrame,
    measure: Measure,
    *,
    labels: tuple[str, str],
) -> Drawing | Unavailable:
    """Two bars a row: column `value` for the period, and `previous` for the one before it where the frame has it."""
    if not float(frame["value"].sum()) > 0 and not float(frame.get("previous", frame["value"]).sum()) > 0:
        return Unavailable(f"There are no {measure.label} in this period.")
    rows = _folded_rows(frame)
    names = [str(name) for name in rows.index]
    texts = [measure.text(float(value)) for value in rows["value"]]
    figure = go.Figure(drawn([float(v) for v in rows["value"]], texts, ACCENT, names))
    columns = [Column("_name", "Name"), Column("value", f"{measure.label.capitalize()}, {labels[0]}", measure.unit)]
    if "previous" in rows:
        before = [measure.text(float(value)) for value in rows["previous"]]
        grey = drawn([float(v) for v in rows["previous"]], before, PREVIOUS, names)
        grey.marker.pattern = pattern("/")
        figure.add_trace(grey)
        columns += [
            Column("previous", f"{measure.label.capitalize()}, {labels[1]}", measure.unit),
            Column("change", "Change", "percent", change=("value", "previous")),
        ]
    figure.update_layout(barmode="group", bargap=0.3, bargroupgap=0.08)
    names_axis(figure, names)
    figure.update_xaxes(range=[0, float(rows.to_numpy().max()) * stretch(texts, names, WIDTHS["full"])])
    if "previous" in rows:
        key(figure, list(labels), [ACCENT, QUIET])
    told = ", ".join(f"{shortened(name)} {text}" for name, text in zip(names, texts, strict=True))
    figures = frame.reset_index(drop=True)
    figures.insert(0, "_name", [str(name) for name in frame.index])
    each = PAIR_HEIGHT if "previous" in rows else ROW_HEIGHT
    alt = f"Bars of {measure.label}, {labels[0]}: {told}."
    return Drawing(figure, alt, figures, tuple(columns), MARGINS + 20 + each * len(rows))


def _folded_rows(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows by their first column's size, those beyond the fifth as one row."""
    ordered = frame.sort_values(list(frame.columns[:1]), ascending=False, kind="stable")
    if len(ordered) <= NAMED + 1:
        return ordered
    rest = ordered.iloc[NAMED:]
    return pd.concat([ordered.head(NAMED), rest.sum().to_frame(f"{len(rest)} others").T])


def drawn(values: Sequence[float], texts: Sequence[str], color: str | Sequence[str], names: Sequence[str]) -> go.Bar:
    hover = [f"{axes.label(name)}: {axes.label(text)}" for name, text in zip(names, texts, strict=True)]
    return go.Bar(
        x=list(values),
        y=list(range(len(values))),
        orientation="h",
        marker={"color": color if isinstance(color, str) else list(color)},
        text=[axes.label(text) for text in texts],
        textposition="outside",
        textangle=0,
        cliponaxis=False,
        textfont={"color": INK, "size": FONT_SIZE},
        hovertext=hover,
        hoverinfo="text",
    )


def names_axis(figure: go.Figure, names: Sequence[str]) -> None:
    cut = [axes.label(name, axes.LONGEST_LABEL) for name in axes.short_names(names)]
    figure.update_yaxes(
        tickvals=list(range(len(names))),
        ticktext=cut,
        range=[len(names) - 0.5, -0.5],
        showgrid=False,
        zeroline=False,
        ticks="",
        ticklabelstandoff=6,
    )
    figure.update_xaxes(visible=False)
    figure.update_layout(bargap=0.35, margin={"l": _name_room(names), "r": 8, "t": 8, "b": 8})


def _name_room(names: Sequence[str]) -> int:
    return round(
        14 + axes.CHARACTER * max((min(len(name), axes.LONGEST_LABEL) for name in axes.short_names(names)), default=0)
    )


def stretch(texts: Sequence[str], names: Sequence[str], width: int = WIDTHS["half"]) -> float:
    """How much longer than its longest bar the axis must be for the words beside the bars."""
    room = width - _name_room(names) - 8
    words = 12 + axes.CHARACTER * max(map(len, texts), default=0)
    return room / max(room - words, room * 0.25)


def key(figure: go.Figure, names: Sequence[str], colors: Sequence[str], *, sign: str = "■ ", above: int = 6) -> None:
    """The names of kinds of marks in their colours, in one line `above` px above them."""
    text = "   ".join(
        f'<span style="color:{color}">{sign}{axes.label(name)}</span>'
        for name, color in zip(names, colors, strict=False)
    )
    figure.add_annotation(
        text=text, xref="paper", yref="paper", x=0, y=1, xanchor="left", yanchor="bottom", yshift=above, showarrow=False
    )
    figure.update_layout(margin={"t": 22 + above})
