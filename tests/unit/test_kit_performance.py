"""Percentiles, rates and model tables against plain Python over single requests that a real source extracted."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import timed_requests
from kit_snapshots import Plan, make_dataset, open_run
from timed_requests import MODELS, WEEK, dataset, durations, figures, percentile, requests, within, write_csv

from reports import kit
from reports.kit import performance
from reports.kit.charts import Drawing, Unavailable
from reports.kit.performance.pictures import counted_note
from reports.kit.performance.tables import by_code
from reports.model import Filters, Period
from reports.sources.performance import rounded_values

DAY = Period(date(2026, 11, 22), date(2026, 11, 22))
Found = list[timed_requests.Request]


@pytest.fixture(scope="module")
def found() -> Found:
    return requests()


@pytest.fixture(scope="module")
def read(found: Found, tmp_path_factory: pytest.TempPathFactory) -> performance.Performance:
    folder = tmp_path_factory.mktemp("run")
    return performance.read(dataset(folder, write_csv(folder / "requests.csv", found)))


def without(found: Found, folder: Path, *columns: str) -> performance.Performance:
    return performance.read(dataset(folder, write_csv(folder / "requests.csv", found, columns)))


def test_every_figure_is_what_the_requests_say(read: performance.Performance, found: Found) -> None:
    metrics = performance.metrics(read)
    now, before = figures(within(found, WEEK)), figures(within(found, WEEK.before()))
    assert {name: metrics[name].value for name in now} == pytest.approx(now, rel=1e-12)
    assert {name: metrics[name].previous for name in before} == pytest.approx(before, rel=1e-12)


@pytest.mark.parametrize(
    "filters", [Filters(user_ids=("ann",)), Filters(model_ids=("own/llama",), user_ids=("", "cem"))]
)
def test_filters_hold_for_every_figure(found: Found, tmp_path: Path, filters: Filters) -> None:
    source = write_csv(tmp_path / "requests.csv", found)
    metrics = performance.metrics(performance.read(dataset(tmp_path, source, filters=filters)))
    kept = [r for r in found if r["user_id"] in filters.user_ids and r["model"] in (filters.model_ids or MODELS)]
    now = figures(within(kept, WEEK))
    assert {name: metrics[name].value for name in now} == pytest.approx(now, rel=1e-12)


def test_days_are_those_of_the_zone(found: Found, tmp_path: Path) -> None:
    period = Period(date(2026, 11, 18), date(2026, 11, 20), "Asia/Tokyo")
    source = write_csv(tmp_path / "requests.csv", found)
    metrics = performance.metrics(performance.read(dataset(tmp_path, source, period)))
    local = [(datetime.fromisoformat(r["started_at"]) + timedelta(hours=9)).date() for r in found]
    kept = [r for r, day in zip(found, local, strict=True) if period.start <= day <= period.end]
    assert metrics["latency_p95"].value == percentile(durations(kept), 0.95)
    assert metrics["requests"].value == len(kept)


@pytest.mark.parametrize("share", [0.0, 0.5, 0.9, 0.95, 0.999, 1.0])
def test_percentiles_interpolate_as_numpy_does(share: float) -> None:
    rng = random.Random(share)
    for size in (1, 2, 3, 10, 57):
        values = [rng.randint(1, 30) for _ in range(size)]
        counts = Counter(values)
        frame = pd.DataFrame({"measure": "duration", "ms": list(counts), "requests": list(counts.values())})
        assert performance.percentile(frame, share) == pytest.approx(float(np.quantile(values, share)), rel=1e-12)


def test_nothing_timed_has_no_percentile() -> None:
    assert performance.percentile(pd.DataFrame({"measure": [], "ms": [], "requests": []}), 0.5) is None


def test_three_significant_digits_are_off_by_half_a_percent_at_most() -> None:
    rng = random.Random(1)
    values = [10 ** rng.uniform(-1, 7) for _ in range(5000)] + [0.1, 1.0, 9.995, 10.0, 99.95, 1000.0, 999.6, 3600000.0]
    kept = rounded_values(pa.array(values)).to_pylist()
    assert max(abs(after - value) / value for after, value in zip(kept, values, strict=True)) <= 0.005 + 1e-9
    assert len({f"{after:.6g}" for after in kept}) < 900 * 8 + 1
    assert rounded_values(pa.array([0.0, 123.0, 999.0, 1234.0])).to_pylist() == pytest.approx(
        [0.0, 123.0, 999.0, 1230.0]
    )


def test_many_requests_are_kept_rounded_and_say_so(
    found: Found, read: performance.Performance, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reports.sources.performance.EXACT_UP_TO", 100)
    rough = without(found, tmp_path)
    assert read.data.meta["performance"]["exact"] and not rough.data.meta["performance"]["exact"]
    exact, kept = performance.metrics(read), performance.metrics(rough)
    for name in ("latency_p50", "latency_p95", "ttft_p50"):
        assert kept[name].value == pytest.approx(exact[name].value, rel=0.005)
    assert any(kept[name].value != exact[name].value for name in ("latency_p50", "latency_p95", "ttft_p95"))
    assert kept["latency_average"].value == exact["latency_average"].value
    assert "within 0.5 %" in performance.terms(rough)["p50 and p95"]
    assert "within 0.5 %" not in performance.terms(read)["p50 and p95"]


def test_the_score_card_is_recomputed(read: performance.Performance, found: Found) -> None:
    scores = performance.scores(read).set_index("name")
    assert list(scores["requests"]) == sorted(scores["requests"], reverse=True)
    for model in MODELS:
        now = [r for r in within(found, WEEK) if r["model"] == model]
        before = [r for r in within(found, WEEK.before()) if r["model"] == model]
        row = scores.loc[model]
        assert row["requests"] == len(now) and row["previous_requests"] == len(before)
        assert row["users"] == len({r["user_id"] for r in now if r["user_id"]})
        assert row["p50"] == percentile(durations(now), 0.5)
        assert row["p95"] == percentile(durations(now), 0.95)
        assert row["previous_p95"] == percentile(durations(before), 0.95)
        assert row["average"] == pytest.approx(sum(durations(now)) / len(durations(now)))
        assert row["total_tokens"] == sum(r["prompt_tokens"] + r["completion_tokens"] for r in now)
        assert row["provider"] == (MODELS[model][0] or "Unknown provider")


def test_the_total_of_the_score_card_changes_as_all_requests_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A model that is used no more has no row, but had requests."""
    facts = {"user_id": "u1", "provider": "p", "successes": 1, "requests": 1}
    rows = [{"day": WEEK.before().end, "model": model, **facts} for model in ("kept", "gone")]
    pieces = open_run(monkeypatch, tmp_path, Plan(WEEK), [*rows, {"day": WEEK.end, "model": "kept", **facts}])
    performance.score_card(performance.read(kit.dataset("usage")))
    (table,) = (piece["text/plain"].splitlines() for piece in pieces.of("table"))
    assert [line.split("\t")[-1] for line in table[1:]] == ["Change in requests", "0.0 %", "−50.0 %"]


def test_more_failures_are_told_though_the_rate_is_steady(tmp_path: Path) -> None:
    facts = {"user_id": "u1", "model": "m", "provider": "p", "requests": 1000}
    days = ((WEEK.before().end, 5), (WEEK.end, 10))
    rows = [{"day": day, "failures": failed, "successes": 1000 - failed, **facts} for day, failed in days]
    told = performance.sentences(performance.read(make_dataset(tmp_path, Plan(WEEK), rows)))[0]
    words = told.replace("\u00a0", " ").replace("*", "")
    assert words == "99.0 % of 1,000 requests succeeded, 99.5 % in the period before; 10 failed (up 100.0 % from 5)."


def test_no_error_is_said_to_be_the_most_frequent_where_two_are(found: Found, tmp_path: Path) -> None:
    bad = {r["error_class"]: r for r in within(found, WEEK) if r["error_class"]}
    good = [r for r in found if r["status"] == "success"]
    told = performance.sentences(without([*good, *bad.values()], tmp_path))[0].replace("\u00a0", " ")
    assert told.endswith("; 2 failed, with 2 kinds of error.")


def test_errors_by_code_are_recomputed(read: performance.Performance, found: Found) -> None:
    failed = [r for r in within(found, WEEK) if r["status"] == "failure"]
    counts = Counter((r["error_class"] or "not known", r["error_code"]) for r in failed)
    table = by_code(read)
    rows = zip(table["error_class"], table["error_code"], table["failures"], strict=True)
    assert {(name, code): failures for name, code, failures in rows} == counts
    assert table["failures"].is_monotonic_decreasing
    before = [r for r in within(found, WEEK.before()) if r["status"] == "failure"]
    assert table["previous_failures"].sum() == len(before)
    lead = table.iloc[0]
    on_model = Counter(r["model"] for r in failed if r["error_class"] == lead["error_class"])
    assert on_model[lead["model"]] == max(on_model.values())


def test_error_rates_of_the_days_add_up(read: performance.Performance, found: Found) -> None:
    drawn = performance.errors_by_day(read)
    assert isinstance(drawn, Drawing)
    shown = drawn.figures.set_index("_step")
    for day in (WEEK.start, WEEK.end):
        of_day = [r for r in found if timed_requests.day_of(r) == day]
        failed = [r for r in of_day if r["status"] == "failure"]
        assert shown.loc[day].sum() == pytest.approx(100 * len(failed) / len(of_day))
        limited = sum(r["error_class"] == "RateLimitError" for r in failed)
        assert shown.loc[day, "RateLimitError"] == pytest.approx(100 * limited / len(of_day))
    assert {"Timeout", "500", "class not known"} <= set(shown.columns)
    assert "highest" in drawn.alt and "In all" not in drawn.alt


def test_errors_of_a_single_day_are_counted_by_class(found: Found, tmp_path: Path) -> None:
    drawn = performance.errors_by_day(performance.read(dataset(tmp_path, write_csv(tmp_path / "r.csv", found), DAY)))
    assert isinstance(drawn, Drawing)
    assert drawn.figures["value"].sum() == sum(r["status"] == "failure" for r in within(found, DAY))


def test_charts_have_every_model_with_its_own_sign(read: performance.Performance, found: Found) -> None:
    ranges, volume, cost = (
        performance.latency_by_model(read),
        performance.volume_against_latency(read),
        performance.cost_against_latency(read),
    )
    assert isinstance(ranges, Drawing) and isinstance(volume, Drawing) and isinstance(cost, Drawing)
    now = within(found, WEEK)
    for drawing in (ranges, volume):
        assert set(drawing.figures["_name"]) == set(MODELS)
    assert set(cost.figures["_name"]) == {"openai/gpt-4o", "anthropic/claude"}
    assert "own/llama" in cost.note
    low = ranges.figures.set_index("_name")["low"]
    assert low["own/llama"] == percentile(durations([r for r in now if r["model"] == "own/llama"]), 0.5)
    price = cost.figures.set_index("_name")["x"]
    mine = [r for r in now if r["model"] == "openai/gpt-4o"]
    tokens = sum(r["prompt_tokens"] + r["completion_tokens"] for r in mine)
    assert price["openai/gpt-4o"] == pytest.approx(sum(r["spend_usd"] for r in mine) / tokens * 1e6)
    symbols = [{trace.marker.symbol: trace.marker.color for trace in drawing.figure.data} for drawing in (volume, cost)]
    assert len(symbols[0]) == 3 and len(set(symbols[0].values())) == 3
    assert symbols[1].items() <= symbols[0].items(), "a provider keeps its sign and colour from chart to chart"
    for drawing in (volume, cost):
        names = {note.text for note in drawing.figure.layout.annotations}
        assert {"anthropic/claude", "openai/gpt-4o"} <= names
        assert drawing.figure.layout.xaxis.range[0] == drawing.figure.layout.yaxis.range[0] == 0
    assert ranges.figure.layout.xaxis.range[0] == 0


def test_adopted_and_retired_models(found: Found, tmp_path: Path) -> None:
    changed: Found = []
    for each in found:
        new = each["model"] == "own/llama" and timed_requests.day_of(each) >= WEEK.start
        old = each["model"] == "anthropic/claude" and timed_requests.day_of(each) < WEEK.start
        kept = each["model"] == "openai/gpt-4o"
        changed += [each] if new or old or kept else []
    early = dict(changed[0], started_at="2026-10-20T10:00:00+00:00", model="own/llama")
    seen = performance.came_and_went(without([*changed, early], tmp_path).data).set_index("name")
    assert dict(seen["status"]) == {"own/llama": "back", "anthropic/claude": "retired"}
    assert seen.loc["own/llama", "first_day"] == date(2026, 10, 20)
    assert seen.loc["anthropic/claude", "last_day"] < WEEK.start
    assert seen.loc["anthropic/claude", "requests"] == 0 < seen.loc["own/llama", "requests"]
    again = tmp_path / "again"
    again.mkdir()
    assert performance.came_and_went(without(changed, again).data).set_index("name").loc["own/llama", "status"] == "new"


def test_without_durations_only_times_are_missing(found: Found, tmp_path: Path) -> None:
    read = without(found, tmp_path, "duration_ms", "ttft_ms", "cache_hit")
    assert {"performance", "ttft", "cache_hit"} <= read.data.unavailable.keys() and read.data.has("errors")
    metrics = performance.metrics(read)
    for name in (
        "latency_average",
        "latency_p50",
        "latency_p95",
        "ttft_p50",
        "output_tokens_per_second",
        "cache_hit_rate",
    ):
        assert metrics[name].value is None and metrics[name].note
    assert metrics["success_rate"].value == figures_of_failures(found)
    for drawing in (performance.latency_by_model(read), performance.volume_against_latency(read)):
        assert isinstance(drawing, Unavailable) and "record" in drawing.reason
    assert isinstance(performance.errors_by_day(read), Drawing)
    assert 3 <= len(performance.sentences(read)) <= 5


def figures_of_failures(found: Found) -> float:
    now = within(found, WEEK)
    return 100 * sum(r["status"] == "success" for r in now) / len(now)


def test_with_days_only_there_is_an_average_and_a_reason(found: Found, tmp_path: Path) -> None:
    days = [
        {
            "day": timed_requests.day_of(r).isoformat(),
            "model": r["model"],
            "requests": 1,
            "failures": int(r["status"] == "failure"),
            "prompt_tokens": r["prompt_tokens"],
            "completion_tokens": r["completion_tokens"],
            "duration_sum_ms": r["duration_ms"] if r["status"] == "success" else 0,
            "timed_requests": int(r["status"] == "success" and r["duration_ms"] != ""),
        }
        for r in found
    ]
    read = performance.read(dataset(tmp_path, write_csv(tmp_path / "days.csv", days)))
    metrics = performance.metrics(read)
    assert read.now is None and "one row a day" in read.why_not("ttft")
    assert metrics["latency_average"].value == pytest.approx(figures(within(found, WEEK))["latency_average"])
    assert metrics["latency_average"].previous == pytest.approx(
        figures(within(found, WEEK.before()))["latency_average"]
    )
    assert metrics["latency_p95"].value is None and metrics["latency_p95"].note == "needs the time of each request"
    drawn = performance.latency_by_model(read)
    assert isinstance(drawn, Drawing) and drawn.note.startswith("Averages; percentiles are not available.")
    told = [text for text in performance.sentences(read) if "on average" in text and "took" in text]
    assert told and not any("95" in text for text in told)


def test_unclassed_errors_are_one_part_and_say_why(found: Found, tmp_path: Path) -> None:
    read = without(found, tmp_path, "error_class", "error_code")
    drawn = performance.errors_by_day(read)
    assert isinstance(drawn, Drawing) and list(drawn.figures.columns) == ["_step", "failed requests"]
    assert "not available" in drawn.note


def test_requests_added_up_count_but_have_no_percentile(found: Found, tmp_path: Path) -> None:
    """A row of three requests has a duration of all three: it belongs into the average and into nothing else."""
    packed = [dict(r, requests=1, failures=int(r["status"] == "failure"), timed_requests="") for r in found]
    good = next(r for r in packed if r["status"] == "success" and timed_requests.day_of(r) == WEEK.end)
    packed.append(dict(good, requests=3, timed_requests=3, duration_ms=9_000_000, ttft_ms=""))
    read = without(packed, tmp_path)
    metrics, alone = performance.metrics(read), figures(within(found, WEEK))
    assert metrics["latency_p95"].value == alone["latency_p95"]
    timed = len(durations(within(found, WEEK)))
    assert metrics["latency_average"].value == pytest.approx(
        (alone["latency_average"] * timed + 9_000_000) / (timed + 3)
    )
    assert (
        counted_note(read)
        == f"Percentiles are of {timed:,} of {timed + 3:,} timed requests; of the others only sums are known."
    )
    assert metrics["latency_p95"].previous is not None  # nearly all are timed one by one


def test_too_few_single_requests_do_not_stand_for_all(found: Found, tmp_path: Path) -> None:
    good = next(r for r in found if r["status"] == "success" and timed_requests.day_of(r) == WEEK.end)
    many = dict(good, requests=5000, timed_requests=5000, duration_ms=5_000_000, failures=0, ttft_ms="")
    packed = [dict(r, requests=1, timed_requests="", failures=int(r["status"] == "failure")) for r in found]
    read = without([*packed, many], tmp_path)
    metrics = performance.metrics(read)
    assert metrics["latency_p95"].value is None and metrics["latency_p95"].note == "too few single requests"
    assert metrics["cache_hit_rate"].value is None and metrics["output_tokens_per_second"].value is not None
    timed = len(durations(within(found, WEEK)))
    drawn = performance.latency_by_model(read)
    assert isinstance(drawn, Drawing) and f"Only {timed:,} of {timed + 5000:,}" in drawn.note.replace("\u00a0", " ")
    failed = sum(r["status"] == "failure" for r in within(found, WEEK))
    assert by_code(read)["failures"].sum() == failed, "errors are counted all the same"
    assert metrics["latency_average"].previous is not None and metrics["latency_p95"].previous is None


def test_parts_are_not_compared_with_parts(read: performance.Performance) -> None:
    assert read.now is not None and read.before is not None and read.timed_before is read.before
    few = replace(read.before, rows=read.before.rows.assign(timed_requests=1))
    part = replace(read, before=few)
    metrics = performance.metrics(part)
    assert metrics["latency_p50"].previous is None and "cannot be compared" in metrics["latency_p50"].note
    assert metrics["latency_average"].previous is not None
    assert by_code(part)["previous_failures"].sum() > 0


@pytest.mark.parametrize("kind", ["nothing", "failures"])
def test_odd_periods_read_right(found: Found, tmp_path: Path, kind: str) -> None:
    rows: Any = [r for r in found if timed_requests.day_of(r) < WEEK.start]
    if kind == "failures":
        rows += [r for r in within(found, WEEK) if r["status"] == "failure"]
    read = without(rows, tmp_path)
    metrics = performance.metrics(read)
    assert metrics["latency_p95"].value is None and metrics["latency_p95"].note == "no successful requests"
    for drawing in (performance.latency_by_model(read), performance.cost_against_latency(read)):
        assert isinstance(drawing, Unavailable) and drawing.nothing
    assert performance.sentences(read)
    assert "performance" not in read.data.unavailable, "a period without successes is no fault of the source"
