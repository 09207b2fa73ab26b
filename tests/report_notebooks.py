"""Executed notebooks as the renderer meets them: one like `reports.kit` writes, one that uses no kit.

The numbers are drawn from a seed; only their shape is realistic.
"""

from __future__ import annotations

import html
import random
from collections.abc import Sequence
from dataclasses import asdict
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import nbformat
import pandas as pd
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from reports.results import Chart, Column, Metric, Table, append

PLOTLY = "application/vnd.plotly.v1+json"
TITLE = "Weekly usage summary"
FIRST_DAY = date(2026, 11, 9)
INK, ACCENT, GREY = "#23272e", "#0b57a4", "#6b7480"
MODELS = (("large", "#0b57a4", ""), ("mid", "#b5450f", "/"), ("small", "#2a7d5f", "."))
TOP_COLUMNS = (
    Column("user", "User"),
    Column("requests", "Requests", "count"),
    Column("tokens", "Tokens", "tokens"),
    Column("spend", "Cost", "usd"),
    Column("change", "Change", "percent"),
)


def days(count: int = 7) -> list[date]:
    return [FIRST_DAY + timedelta(days=number) for number in range(count)]


def layout(**own: Any) -> dict[str, Any]:
    axis = {"showgrid": False, "linecolor": "#9aa1ab", "ticks": "outside", "tickcolor": "#9aa1ab", "ticklen": 4}
    return {
        "font": {"family": "Source Sans 3, Segoe UI, Helvetica, Arial, sans-serif", "size": 13, "color": INK},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "xaxis": {**axis, "tickangle": 0},
        "yaxis": {"gridcolor": "#e4e7ec", "zerolinecolor": "#9aa1ab", "rangemode": "tozero", "tickformat": "~s"},
        "margin": {"l": 52, "r": 92, "t": 10, "b": 34},
        "showlegend": False,
        **own,
    }


def line_figure() -> dict[str, Any]:
    draw = random.Random(7)
    x = [f"{day:%a} {day.day} {day:%b}" for day in days()]
    now = [1_400_000 + draw.randrange(400_000) for _ in x]
    before = [value * 0.8 for value in now]
    label = {"x": x[-1], "xanchor": "left", "xshift": 10, "showarrow": False}
    return {
        "data": [
            {
                "type": "scatter",
                "mode": "lines",
                "x": x,
                "y": before,
                "line": {"color": GREY, "width": 2, "dash": "4px,3px"},
            },
            {"type": "scatter", "mode": "lines+markers", "x": x, "y": now, "line": {"color": ACCENT, "width": 3}},
        ],
        "layout": layout(
            annotations=[
                {**label, "y": now[-1], "text": "this week", "font": {"color": ACCENT}},
                {**label, "y": before[-1], "text": "week before", "font": {"color": "#555d68"}},
            ]
        ),
    }


def bar_figure() -> dict[str, Any]:
    draw = random.Random(8)
    data = [
        {
            "type": "bar",
            "name": name,
            "x": [f"{day:%a}" for day in days()],
            "y": [draw.randrange(100, 900) for _ in days()],
            "marker": {
                "color": color,
                "pattern": {"shape": sign, "fillmode": "overlay", "solidity": 0.2, "fgcolor": "#fff"},
            },
        }
        for name, color, sign in MODELS
    ]
    return {"data": data, "layout": layout(barmode="stack", bargap=0.35, margin={"l": 52, "r": 20, "t": 10, "b": 34})}


def heat_figure() -> dict[str, Any]:
    draw = random.Random(9)
    heat = {
        "type": "heatmap",
        "z": [[draw.randrange(20_000, 90_000) for _ in range(24)] for _ in range(7)],
        "x": [f"{hour:02d}" for hour in range(24)],
        "y": ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"],
        "colorscale": [[0, "#f2f6fb"], [1, "#08386b"]],
        "xgap": 2,
        "ygap": 2,
        "colorbar": {"thickness": 10, "tickformat": "~s", "outlinewidth": 0},
    }
    return {"data": [heat], "layout": layout(margin={"l": 52, "r": 20, "t": 10, "b": 34})}


def display(data: dict[str, Any], **facts: Any) -> Any:
    return new_output("display_data", data=data, metadata={"gazette": facts} if facts else {})


def piece(role: str, fragment: str, text: str) -> Any:
    return display({"text/html": fragment, "text/plain": text}, role=role)


def header(title: str = TITLE) -> Any:
    fragment = (
        f'<header class="report-header"><p class="kicker">Gazette · Usage summary</p>'
        f"<h1><bdi>{html.escape(title)}</bdi></h1>"
        '<p class="period"><strong>9 to 15 November 2026</strong> against 2 to 8 November 2026.</p>'
        '<p class="source">Days and hours in UTC. Source: usage, data as of 16 November 2026, 06:00 UTC.</p></header>'
    )
    lines = ["9 to 15 November 2026 (7 days).", "Against 2 to 8 November 2026.", "All users, teams and models."]
    return piece("header", fragment, "\n".join([title, *lines]))


KPIS = (
    ("Requests", "10.42\u00a0M", "up", "up 19.8\u00a0%", "8.70\u00a0M"),
    ("Cost", "$9,326.92", "up", "up 2.0\u00a0%", "$9,144.98"),
    ("Active users", "155", "steady", "steady", "155"),
    ("Prompt tokens", "6.57\u00a0B", "up", "up 8.1\u00a0%", "6.08\u00a0B"),
    ("Completion tokens", "882.90\u00a0M", "up", "up 3.9\u00a0%", "849.74\u00a0M"),
    ("Success rate", "99.1\u00a0%", "steady", "steady", "99.2\u00a0%"),
)
HIGHLIGHTS = (
    "Cost went up 2.0 % to $9,326.92; the large model carries 31 % of it.",
    "Ten users make 52 % of the cost.",
    "The busiest hour was Friday 20:00, with 97,403 requests, 1.5 times the median hour.",
)


def cards() -> Any:
    arrows = {"up": "↑", "steady": "→"}
    items = "".join(
        f'<li class="kpi"><span class="label">{label}</span> <span class="value">{value}</span> '
        f'<span class="delta {kind}"><span aria-hidden="true">{arrows[kind]}</span> {words} '
        f'<span class="prev">from {before}</span></span></li>'
        for label, value, kind, words, before in KPIS
    )
    text = "\n".join(f"{label}: {value} ({words} from {before})" for label, value, _, words, before in KPIS)
    return piece("metrics", f'<ul class="kpis">{items}</ul>', text.replace("\u00a0", " "))


def highlights() -> Any:
    items = "".join(f"<li>{html.escape(text)}</li>" for text in HIGHLIGHTS)
    return piece("highlights", f'<ul class="highlights">{items}</ul>', "\n".join(HIGHLIGHTS))


def table_html(ident: str, caption: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(
        f'<th scope="col"{" class=" + chr(34) + "num" + chr(34) if i else ""}>{c}</th>' for i, c in enumerate(columns)
    )
    body = "".join(
        f'<tr><th scope="row"><bdi>{html.escape(first)}</bdi></th>'
        + "".join(f'<td class="num">{html.escape(cell)}</td>' for cell in rest)
        + "</tr>"
        for first, *rest in rows
    )
    return (
        f'<div class="table-scroll" tabindex="0" role="region" aria-labelledby="{ident}-caption">'
        f'<table id="{ident}"><caption id="{ident}-caption">{caption}</caption><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def table(ident: str, caption: str, rows: Sequence[Sequence[str]]) -> Any:
    fragment = table_html(ident, caption, [column.label for column in TOP_COLUMNS], rows)
    return piece("table", fragment, caption)


def top_rows(count: int, name: str = "user-{:03d}") -> list[list[str]]:
    draw = random.Random(count)
    return [
        [
            name.format(i),
            f"{draw.randrange(10**4, 10**7):,}",
            f"{draw.random() * 900:.2f}\u00a0M",
            f"${draw.random() * 1000:,.2f}",
            "+3.1\u00a0%",
        ]
        for i in range(count)
    ]


def chart(name: str, title: str, figure: dict[str, Any], *, half: bool = False, height: int = 280) -> Any:
    rows = [[f"{day:%a}", "1,234"] for day in days()]
    figures = table_html(f"table-{name}-figures", title, ["Day", "Requests"], rows)
    return display(
        {PLOTLY: figure, "text/plain": f"{title}."},
        role="chart",
        name=name,
        title=title,
        alt=f"{title}: a picture of seven days.",
        width=425 if half else 860,
        height=height,
        layout="half" if half else "full",
        figures_html=f'<details class="figures"><summary>Figures: {title}</summary>{figures}</details>',
    )


def definitions() -> Any:
    fragment = (
        '<footer class="definitions"><h2>About these figures</h2><p>Source: usage. It covers all 7 days.</p>'
        "<dl><dt>Cost</dt><dd>What the gateway recorded, in USD.</dd>"
        "<dt>Active users</dt><dd>People with a request.</dd></dl></footer>"
    )
    return piece("definitions", fragment, "About these figures")


def kit_notebook(title: str = TITLE, rows: int = 10, name: str = "user-{:03d}") -> nbformat.NotebookNode:
    """A report as the kit emits it: three charts (two of them half), their figures, two tables."""

    def code(*shown: Any) -> Any:
        return new_code_cell("secret_source = 1", outputs=list(shown), execution_count=1)

    return new_notebook(
        cells=[
            new_markdown_cell(f"# {title}"),
            code(header(title)),
            code(cards()),
            new_markdown_cell("## What stands out"),
            code(highlights()),
            new_markdown_cell("## Requests a day"),
            code(chart("requests", "Requests a day", line_figure())),
            new_markdown_cell("## Cost by model"),
            code(chart("cost", "Cost by model", bar_figure(), half=True, height=290)),
            new_markdown_cell("## When it is busy"),
            code(chart("busy", "When it is busy", heat_figure(), half=True, height=290)),
            new_markdown_cell("## Top users by cost"),
            code(table("table-top", "Users with the highest cost", top_rows(rows, name))),
            new_markdown_cell("## Teams"),
            code(table("table-teams", "Teams by cost", top_rows(6, "team {}"))),
            code(definitions()),
        ]
    )


def kit_results(run_dir: Path, rows: int = 10) -> None:
    """The records and Parquet files beside a kit notebook."""
    lines = ["9 to 15 November 2026 (7 days).", "Against 2 to 8 November 2026."]
    append(run_dir, "header", {"title": TITLE, "lines": lines, "warnings": ["No data for 11 November 2026."]})
    metrics = (
        Metric("requests", "Requests", 10_420_123, 8_700_000),
        Metric("spend_usd", "Cost", 9326.921234, 9144.98, "usd"),
        Metric("latency", "Latency", None, None, "ms", "no timed requests"),
        Metric("new_users", "New users", 5, 0),
    )
    for metric in metrics:
        append(run_dir, "metric", asdict(metric))
    for text in HIGHLIGHTS:
        append(run_dir, "highlight", {"text": text})
    draw = random.Random(3)
    frame = pd.DataFrame(
        {
            "user": [f"user-{i:03d}" for i in range(rows)],
            "requests": [draw.randrange(10**7) for _ in range(rows)],
            "tokens": [draw.randrange(10**9) for _ in range(rows)],
            "spend": [draw.random() * 1000 for _ in range(rows)],
            "change": [draw.random() * 100 - 50 for _ in range(rows)],
        }
    )
    add_table(
        run_dir, Table("top", "Top users", "table-top.parquet", TOP_COLUMNS, "Users with the highest cost"), frame
    )
    add_table(run_dir, Table("teams", "Teams", "table-teams.parquet", TOP_COLUMNS), frame.head(6))
    daily = pd.DataFrame({"day": days(), "requests": range(7)})
    columns = (Column("day", "Day", "date"), Column("requests", "Requests", "count"))
    for name in ("requests", "cost", "busy"):
        add_table(
            run_dir, Table(f"{name}-figures", f"Figures: {name}", f"{name}.parquet", columns, "", "figures"), daily
        )
    append(run_dir, "chart", asdict(Chart("requests", "Requests a day", "Requests a day: seven days.")))
    append(run_dir, "chart", asdict(Chart("cost", "Cost by model", "Cost by model: seven days.", in_mail=True)))
    append(run_dir, "chart", asdict(Chart("busy", "When it is busy", "When it is busy: seven days.")))
    append(run_dir, "definition", {"term": "Cost", "meaning": "What the gateway recorded, in USD."})


def add_table(run_dir: Path, table: Table, frame: pd.DataFrame) -> None:
    frame.to_parquet(run_dir / table.file, index=False)
    append(run_dir, "table", asdict(table))


def plain_notebook() -> nbformat.NotebookNode:
    """A notebook of an analyst who uses no kit: a Plotly figure, a picture, data frames, prints and warnings."""
    frame = pd.DataFrame({"requests": [1200, 3400], "cost": [1.5, 22.75]}, index=pd.Index(["ana", "bo"], name="user"))
    levels = frame.copy()
    levels.columns = pd.MultiIndex.from_tuples([("use", "requests"), ("use", "cost")])
    figure = bar_figure()
    figure["layout"] |= {"title": {"text": "Cost by model"}, "margin": {"l": 52, "r": 20, "t": 50, "b": 34}}

    def code(*shown: Any) -> Any:
        return new_code_cell("import pandas as pd", outputs=list(shown), execution_count=1)

    def of_frame(value: pd.DataFrame) -> Any:
        return new_output(
            "execute_result", data={"text/html": value._repr_html_(), "text/plain": str(value)}, execution_count=1
        )

    return new_notebook(
        cells=[
            new_markdown_cell("# Analysis of use\n\nFrom $5 **up** to $6."),
            code(
                new_output("stream", name="stderr", text="FutureWarning: this is old"),
                new_output("stream", name="stdout", text="\x1b[31mrows\x1b[0m: <2>\n"),
            ),
            new_markdown_cell("## Frames"),
            code(of_frame(frame)),
            code(of_frame(levels)),
            new_markdown_cell("#### Pictures"),
            code(display({PLOTLY: figure, "text/plain": "Figure()"})),
            code(
                new_output("execute_result", data={"text/plain": "<Axes: xlabel='x'>"}, execution_count=1),
                display({"image/png": PIXEL, "text/plain": "<Figure size 640x480 with 1 Axes>"}),
            ),
        ]
    )


PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


def write(notebook: nbformat.NotebookNode, folder: Path) -> Path:
    path = folder / "executed.ipynb"
    nbformat.write(notebook, path)
    return path
