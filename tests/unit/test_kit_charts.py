"""Charts of the kit: right marks, words instead of legends, zero apart from missing, and names that stay text."""

from __future__ import annotations

import json
import math
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import plotly.io as pio
import pytest
from kit_snapshots import Plan, open_run

from reports import kit
from reports.kit.charts import Drawing, Measure, Unavailable, axes, points, range_bars, stacks
from reports.kit.palette import INK, SERIES, shade
from reports.model import Period

REQUESTS = Measure("requests")
START = date(2026, 10, 1)


def series(values: list[float], start: date = START) -> pd.Series:
    return pd.Series(values, index=pd.date_range(start, periods=len(values), freq="D"), dtype="float64")


def drawn(drawing: Drawing | Unavailable) -> Drawing:
    assert isinstance(drawing, Drawing), drawing
    return drawing


def texts(figure: go.Figure) -> list[str]:
    return [annotation.text for annotation in figure.layout.annotations]


def lines(figure: go.Figure) -> list[Any]:
    return [trace for trace in figure.data if trace.type == "scatter"]


@pytest.mark.parametrize("days", [2, 7, 28, 31, 90, 366])
def test_day_ticks_never_collide(days: int) -> None:
    places, words = axes.day_ticks([START + timedelta(days=i) for i in range(days)], 880)
    assert len(places) == len(words) and places[0] == 0
    assert len(words) * axes.CHARACTER * max(map(len, words)) < 880 - 100
    steps = {b - a for a, b in pairwise(places)}
    assert len(steps) <= 1


@pytest.mark.parametrize("maximum", [0.0003, 0.9, 1, 3, 7, 42, 106, 1_730_000, 6.57e9])
def test_scales_start_at_zero_and_hold_the_maximum(maximum: float) -> None:
    found = axes.scale(maximum)
    assert found.ticks[0] == 0 and found.top >= maximum
    assert 3 <= len(found.ticks) <= 7
    assert found.ticks[-1] <= found.top


def test_counts_have_whole_ticks_and_zeros_a_flat_scale() -> None:
    assert axes.scale(2, whole=True).ticks == (0.0, 1.0, 2.0)
    assert axes.scale(0).ticks == (0.0,)
    assert axes.scale(math.nan).top == 1.0


@pytest.mark.parametrize("places", [[10, 12, 11], [0, 0, 0, 0], [200, 200, 199], [5, 100, 105]])
def test_labels_are_spread_in_their_order(places: list[float]) -> None:
    found = axes.spread(places, 200)
    ordered = [found[i] for i in sorted(range(len(places)), key=lambda i: places[i])]
    assert all(b - a >= axes.LABEL_GAP - 1e-9 for a, b in pairwise(ordered))
    assert min(found) >= axes.LABEL_GAP / 2 and max(found) <= 200  # no name lies on the axis


def test_drawings_look_the_same_where_others_set_a_default_template(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pio.templates, "default", "plotly_dark")
    drawing = drawn(kit.charts.daily_lines(series([10, 20, 30]), series([5, 0, 15]), REQUESTS))
    assert drawing.figure.layout.template.layout.font.color == INK


def test_daily_lines_compare_with_a_dashed_line_and_label_both() -> None:
    drawing = drawn(kit.charts.daily_lines(series([10, 20, 30]), series([5, 0, 15], date(2026, 9, 28)), REQUESTS))
    before, now = lines(drawing.figure)
    assert list(now.y) == [10, 20, 30] and list(before.y) == [5, 0, 15]
    assert before.line.dash and not now.line.dash
    assert {"1–3\u00a0Oct", "28–30\u00a0Sep"} <= set(texts(drawing.figure))
    assert drawing.figure.layout.yaxis.range[0] == 0
    assert drawing.figure.layout.template.layout.showlegend is False and drawing.figure.layout.title.text is None
    assert drawing.alt.replace("\u00a0", " ") == (
        "Line chart of requests a day, 1–3 Oct, against 28–30 Sep. "
        "Highest 30 (Sat 3 Oct 2026), lowest 10 (Thu 1 Oct 2026)."
    )
    assert list(drawing.figures["value"]) == [10, 20, 30]


def test_a_missing_day_is_hatched_and_named_and_a_day_of_zero_is_zero() -> None:
    drawing = drawn(kit.charts.daily_lines(series([10, math.nan, 0, 5]), None, REQUESTS))
    (now,) = lines(drawing.figure)
    assert list(now.y) == [10, None, 0, 5] and now.connectgaps is False
    (gap,) = [trace for trace in drawing.figure.data if trace.type == "bar"]
    assert list(gap.x) == [1] and gap.marker.pattern.shape == "/"
    assert "no data" in texts(drawing.figure)
    assert "No data for 1 day." in drawing.alt.replace("\u00a0", " ")
    assert "lowest 0 (Sat 3 Oct 2026)" in drawing.alt


def test_neighbouring_gaps_are_named_once() -> None:
    values = [1.0] * 31
    values[3:6] = [math.nan] * 3
    values[20] = math.nan
    drawing = drawn(kit.charts.daily_lines(series(values), None, REQUESTS))
    assert texts(drawing.figure).count("no data") == 2


def test_days_without_any_data_are_not_drawn() -> None:
    assert isinstance(kit.charts.daily_lines(series([math.nan] * 3), None, REQUESTS), Unavailable)


def test_all_zero_days_are_a_line_at_zero() -> None:
    drawing = drawn(kit.charts.daily_lines(series([0, 0]), None, REQUESTS))
    assert list(lines(drawing.figure)[0].y) == [0, 0]


def test_stacks_name_five_parts_and_sum_the_rest() -> None:
    frame = pd.DataFrame({f"m{i}": [float(10 - i), float(10 - i)] for i in range(8)}, index=series([0, 0]).index)
    folded = stacks.fold(frame)
    assert list(folded) == ["m0", "m1", "m2", "m3", "m4", "3 others"]
    assert folded.sum(axis=1).tolist() == frame.sum(axis=1).tolist()
    drawing = drawn(kit.charts.stacked_daily(frame, REQUESTS))
    bars = [trace for trace in drawing.figure.data if trace.type == "bar"]
    assert drawing.figure.layout.barmode == "stack"
    assert [bar.marker.color for bar in bars] == list(SERIES)
    shapes = [bar.marker.pattern.shape for bar in bars[:5]]
    assert len(set(shapes)) == 5 and {bar.marker.pattern.fillmode for bar in bars} == {"overlay"}
    assert sum(sum(bar.y) for bar in bars) == frame.to_numpy().sum()


def test_six_parts_need_no_rest() -> None:
    frame = pd.DataFrame({f"m{i}": [1.0] for i in range(6)}, index=series([0]).index)
    assert len(stacks.fold(frame).columns) == 6


def test_stacked_days_without_data_are_hatched() -> None:
    frame = pd.DataFrame({"a": [1.0, math.nan, 0.0]}, index=series([0, 0, 0]).index)
    drawing = drawn(kit.charts.stacked_daily(frame, REQUESTS))
    assert list(drawing.figure.data[-1].x) == [1]


def test_shares_are_bars_with_their_figures_beside_them() -> None:
    drawing = drawn(kit.charts.share_bars(pd.Series({"a": 75.0, "b": 25.0}), Measure("cost", "usd")))
    (bars,) = drawing.figure.data
    assert [text.replace("\u00a0", " ") for text in bars.text] == ["75.0 % · $75.00", "25.0 % · $25.00"]
    assert bars.orientation == "h" and bars.textposition == "outside"
    assert "a 75.0\u00a0%, b 25.0\u00a0%" in drawing.alt
    assert isinstance(kit.charts.share_bars(pd.Series({"a": 0.0}), REQUESTS), Unavailable)


def test_compared_and_split_bars_keep_every_row_in_their_figures() -> None:
    frame = pd.DataFrame(
        {"value": [float(i) for i in range(9)], "previous": [1.0] * 9}, index=[f"m{i}" for i in range(9)]
    )
    compared = drawn(kit.charts.compared_bars(frame, REQUESTS, labels=("now", "then")))
    assert len(compared.figures) == 9
    now, then = compared.figure.data
    assert sum(now.x) == 36 and sum(then.x) == 9 and then.marker.pattern.shape == "/"
    split = drawn(kit.charts.split_bars(frame.rename(columns={"value": "prompt", "previous": "completion"}), REQUESTS))
    assert sum(sum(bar.x) for bar in split.figure.data) == 45


def test_heat_maps_tell_zero_from_missing_and_from_outside() -> None:
    frame = pd.DataFrame([[0.0, 5.0], [math.nan, 10.0]], index=["Mon", "Tue"], columns=["00", "01"])
    outside = pd.DataFrame([[False, True], [False, False]], index=frame.index, columns=frame.columns)
    drawing = drawn(kit.charts.heat_map(frame, REQUESTS, outside=outside, axis_title="hour"))
    shaded, hatched = drawing.figure.data
    assert list(shaded.marker.color) == [shade(0), shade(1)]
    assert (list(hatched.base), list(hatched.y)) == ([-0.45], [1])
    assert hatched.marker.pattern.shape == "/"
    assert "no data" in texts(drawing.figure)[0]
    assert "Most, 10: Tue, 01." in drawing.alt
    assert {trace.type for trace in drawing.figure.data} == {"bar"}, "print needs vectors, not Plotly's heat map image"


def test_shades_go_from_zero_to_most() -> None:
    assert (shade(0), shade(1), shade(7)) == ("#f2f6fb", "#08386b", "#08386b")


def test_names_stay_text_and_are_cut_in_pictures_only() -> None:
    names = ["<b>bold</b>", "y" * 300]
    drawing = drawn(kit.charts.share_bars(pd.Series([2.0, 1.0], index=names), REQUESTS))
    ticks = drawing.figure.layout.yaxis.ticktext
    assert ticks[0] == "&lt;b&gt;bold&lt;/b&gt;"
    assert len(ticks[1]) == axes.LONGEST_LABEL and ticks[1].endswith("…")
    assert list(drawing.figures["name"]) == names


def test_many_points_and_ranges_are_told_by_their_ends() -> None:
    """Nobody can listen to twenty figures in a row; the table of figures has them."""
    names = list("abcd")
    frame = pd.DataFrame({"x": [1.0, 2.0, 3.0, 4.0], "y": [5.0, 9.0, 6.0, 7.0], "group": "g"}, index=names)
    dots = drawn(points(frame, Measure("requests"), Measure("latency", "ms"), group="G"))
    assert dots.alt.replace("\u00a0", " ") == (
        "4 points of latency against requests. Highest latency: b, 9 ms; lowest: a, 5 ms. "
        "Highest requests: d, 4; lowest: a, 1."
    )
    ranges = frame.rename(columns={"x": "low", "y": "high"})
    bars = drawn(range_bars(ranges, Measure("latency", "ms"), ("median", "slowest")))
    assert bars.alt.replace("\u00a0", " ") == (
        "Bars of latency from median to slowest: of 4 names, b 2 ms – 9 ms reaches highest and a 1 ms – 5 ms lowest."
    )
    few = drawn(range_bars(ranges.head(2), Measure("latency", "ms"), ("median", "slowest")))
    assert few.alt.replace("\u00a0", " ").endswith(": a 1 ms – 5 ms; b 2 ms – 9 ms.")


def test_days_name_their_month_where_it_begins() -> None:
    """In a mail the picture is 600 px wide: names of a week with the month in each would touch there."""
    days = [date(2026, 10, 29) + timedelta(days=number) for number in range(7)]
    _, words = axes.day_ticks(days, 880)
    told = [word.replace("\u00a0", " ") for word in words]
    assert told == ["Thu 29 Oct", "Fri 30", "Sat 31", "Sun 1 Nov", "Mon 2", "Tue 3", "Wed 4"]
    assert len(axes.day_ticks(days, 440)[0]) < 7


def test_long_names_lose_their_path_unless_two_would_be_the_same() -> None:
    assert axes.short_names(["anthropic/claude-sonnet-4", "openai/gpt-4o"]) == ["claude-sonnet-4", "openai/gpt-4o"]
    twins = ["provider-one-abc/same-model", "provider-two-abc/same-model"]
    assert axes.short_names(twins) == twins
    others = ["<script>alert(1)</script>", '=HYPERLINK("https://example.org")', "Sales and/or marketing, Berlin"]
    assert axes.short_names(others) == others


def test_chart_displays_json_alt_and_figures(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pieces = open_run(monkeypatch, tmp_path, Plan(Period(START, START), users=1))
    drawing = kit.charts.daily_lines(series([1, 2]), None, REQUESTS)
    kit.chart("requests", "Requests <a day>", drawing, in_mail=True, layout="half")
    (piece,) = pieces.of("chart")
    assert (piece["width"], piece["height"], piece["layout"]) == (428, 280, "half")
    plotly = piece["application/vnd.plotly.v1+json"]
    assert plotly["layout"]["width"] == 428 and "bdata" not in json.dumps(plotly)
    assert piece["alt"] == piece["text/plain"] and piece["alt"].startswith("Line chart")
    assert piece["figures_html"].startswith(
        '<details class="figures"><summary>Figures: Requests &lt;a day&gt;</summary>'
    )
    (chart,) = pieces.results.charts
    assert (chart.name, chart.alt, chart.in_mail) == ("requests", piece["alt"], True)
    (figures,) = pieces.results.tables
    assert figures.role == "figures"
    assert list(pd.read_parquet(tmp_path / figures.file)["value"]) == [1, 2]


def test_a_figure_of_ones_own_needs_words(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pieces = open_run(monkeypatch, tmp_path, Plan(Period(START, START), users=1))
    figure = go.Figure(go.Bar(x=["a"], y=pd.Series([1])))
    with pytest.raises(ValueError, match="needs alt="):
        kit.chart("own", "Own", figure)
    kit.chart("own", "Own", figure, alt="One bar.", figures=pd.DataFrame({"x": ["a"], "y": [1]}))
    assert pieces.of("chart")[0]["alt"] == "One bar."


def test_an_unavailable_chart_says_why(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pieces = open_run(monkeypatch, tmp_path, Plan(Period(START, START), users=1))
    kit.chart("x", "Rhythm", Unavailable("No hours <here>."))
    assert "Rhythm: not available. No hours &lt;here&gt;." in pieces.html("notice")
    assert pieces.of("chart") == [] and pieces.results.charts == ()
