"""The two pictures that only a report on users has: the Lorenz curve, and users by how much they use it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from reports.kit import format as fmt
from reports.kit.activity.spread import Floats, SizeClass, gini, lorenz, size_classes
from reports.kit.charts import Drawing, Measure, Unavailable, axes
from reports.kit.palette import ACCENT, DASH, FONT_SIZE, PREVIOUS, QUIET
from reports.kit.tables import Column

SHARES = Measure("share of requests", "percent")
QUARTERS = (0.0, 25.0, 50.0, 75.0, 100.0)
MOST_POINTS = 200  # of the curve; more cannot be told apart
STEPS = 10  # rows of the figures beside it, at most
MOST_MARKERS = 25  # users; each is a point that can be told from the next
LORENZ_HEIGHT = 320
CLASSES_HEIGHT = 270


def lorenz_curve(requests: Sequence[int]) -> Drawing | Unavailable:
    """The share of requests that the least active users make, against equal use; with the Gini coefficient.

    `requests` of each active user, in any order.
    """
    index = gini(requests)
    if index is None or len(requests) < 2:
        reason = "There is only one active user to look at." if len(requests) else "No known user made a request."
        return Unavailable(reason, nothing=True)
    users, shares = lorenz(requests)
    kept = np.unique(np.linspace(0, len(users) - 1, min(len(users), MOST_POINTS)).round().astype(int))
    figure = go.Figure(_curve(users[kept] * 100, shares[kept] * 100, len(requests) <= MOST_MARKERS))
    figure.add_trace(
        go.Scatter(
            x=[0, 100], y=[0, 100], mode="lines", hoverinfo="skip", line={"color": PREVIOUS, "width": 2, "dash": DASH}
        )
    )
    _square(figure)
    _say(figure, (47, 54), "equal use", QUIET, "right")
    _say(figure, (3, 96), f"Gini coefficient {index:.2f}", ACCENT, "left")
    frame = _steps(users, shares)
    columns = (Column("users", "Least active users", "percent"), Column("requests", "Share of requests", "percent"))
    return Drawing(figure, _lorenz_alt(users, shares, index), frame, columns, LORENZ_HEIGHT)


def _curve(users: Floats, shares: Floats, markers: bool) -> go.Scatter:
    told = [
        f"least active {fmt.percent(user)} of users: {fmt.percent(share)} of requests"
        for user, share in zip(users, shares, strict=True)
    ]
    return go.Scatter(
        x=[round(float(user), 2) for user in users],
        y=[round(float(share), 3) for share in shares],
        mode="lines+markers" if markers else "lines",
        line={"color": ACCENT, "width": 3},
        marker={"size": 6},
        hovertext=told,
        hoverinfo="text",
    )


def _square(figure: go.Figure) -> None:
    axes.amounts(figure, axes.Scale(QUARTERS, 100.0), SHARES, SHARES.label)
    figure.update_xaxes(
        range=[0, 102],
        tickvals=list(QUARTERS),
        ticktext=[SHARES.tick(value) for value in QUARTERS],
        title={
            "text": "share of active users, the least active first",
            "font": {"size": FONT_SIZE - 1, "color": QUIET},
            "standoff": 8,
        },
    )
    figure.update_layout(margin={"b": 52, "r": 28})


def _say(figure: go.Figure, at: tuple[float, float], text: str, color: str, anchor: str) -> None:
    figure.add_annotation(x=at[0], y=at[1], text=text, xanchor=anchor, showarrow=False, font={"color": color})


def _steps(users: Floats, shares: Floats) -> pd.DataFrame:
    """The curve at tenths of the users, or at each user where there are no more."""
    places = users[1:] if len(users) - 1 <= STEPS else np.linspace(0, 1, STEPS + 1)[1:]
    return pd.DataFrame({"users": places * 100, "requests": np.interp(places, users, shares) * 100})


def _lorenz_alt(users: Floats, shares: Floats, index: float) -> str:
    half, tenth = (float(np.interp(place, users, shares)) * 100 for place in (0.5, 0.9))
    return (
        f"Lorenz curve of the requests of {fmt.plural(len(users) - 1, 'active user')}: the less active half makes "
        f"{fmt.percent(half)} of them, the most active tenth {fmt.percent(100 - tenth)}. "
        f"Gini coefficient {index:.2f}, where 0 is equal use."
    )


def users_by_requests(requests: Sequence[int]) -> Drawing | Unavailable:
    """How many users made how many requests, in classes that grow with the number."""
    classes = size_classes(requests)
    if not classes:
        return Unavailable("No known user made a request.", nothing=True)
    if len(classes) == 1:  # a picture of one bar tells less than a sentence
        return Unavailable(_one_class(classes[0], requests), nothing=True)
    counts = [each.count for each in classes]
    found = axes.scale(max(counts) * 1.08, whole=True)  # room for the figures above the bars
    figure = go.Figure(
        go.Bar(
            x=list(range(len(classes))),
            y=counts,
            marker={"color": ACCENT},
            text=[fmt.full(count) if count else "" for count in counts],
            textposition="outside",
            cliponaxis=False,
            hovertext=[f"{each.label} requests: {fmt.plural(each.count, 'user')}" for each in classes],
            hoverinfo="text",
        )
    )
    axes.amounts(figure, found, Measure("users"), "users")
    _classes_axis(figure, classes)
    frame = pd.DataFrame({"requests": [each.label for each in classes], "users": counts})
    columns = (
        Column("requests", "Requests of a user"),
        Column("users", "Users", "count"),
        Column("share", "Share of users", "percent", share="users"),
    )
    return Drawing(figure, _classes_alt(classes, len(requests)), frame, columns, CLASSES_HEIGHT)


def _one_class(only: SizeClass, requests: Sequence[int]) -> str:
    if only.count == 1:
        return f"The only active user made {fmt.plural(max(requests), 'request')}."
    made = "1 request" if only.label == "1" else f"{only.label} requests"
    return f"Each of the {fmt.full(only.count)} active users made {made}."


def _classes_axis(figure: go.Figure, classes: Sequence[SizeClass]) -> None:
    figure.update_xaxes(
        range=[-0.7, max(len(classes), 6) - 0.3],  # few classes keep slim bars
        tickvals=list(range(len(classes))),
        ticktext=[axes.label(each.label).replace("–", "–<br>") for each in classes],
        title={
            "text": "requests of a user in the period",
            "font": {"size": FONT_SIZE - 1, "color": QUIET},
            "standoff": 8,
        },
    )
    figure.update_layout(bargap=0.25, margin={"b": 70, "t": 30})


def _classes_alt(classes: Sequence[SizeClass], users: int) -> str:
    most = max(classes, key=lambda each: each.count)
    if len(classes) == 1:
        return (
            f"One bar: {fmt.plural(users, 'active user')} made {_requests(most.label)}{' each' if users > 1 else ''}."
        )
    return (
        f"Bars of how many of {fmt.plural(users, 'active user')} made how many requests, from {classes[0].label} to "
        f"{classes[-1].label}. Most, {fmt.plural(most.count, 'user')}, made {most.label}."
    )


def _requests(label: str) -> str:
    return f"{label} request{'s' * (label != '1')}"
