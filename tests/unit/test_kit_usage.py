"""Usage figures: exact sums, rankings that add up, the right picture for each length of period, honest sentences."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from kit_snapshots import Plan, exact, make_dataset, open_run, usage_rows

from reports import kit
from reports.kit.charts import Drawing, Unavailable
from reports.kit.usage import rankings
from reports.kit.usage.words import sentences
from reports.model import Period

DAY = Period(date(2026, 11, 22), date(2026, 11, 22))
WEEK = Period(date(2026, 11, 16), date(2026, 11, 22))
MONTH = Period(date(2026, 10, 1), date(2026, 10, 31))


def row(day: date, **values: Any) -> dict[str, Any]:
    base = {
        "day": day,
        "user_id": "u1",
        "user_name": "Ann",
        "model": "m1",
        "provider": "p1",
        "requests": 1,
        "successes": 1,
    }
    return base | values


def current(rows: list[dict[str, Any]], period: Period) -> list[dict[str, Any]]:
    return [each for each in rows if period.start <= each["day"] <= period.end]


def test_totals_equal_plain_sums(tmp_path: Path) -> None:
    rows, _ = usage_rows(Plan(WEEK))
    now = kit.usage.totals(make_dataset(tmp_path, Plan(WEEK)).daily)
    mine = current(rows, WEEK)
    for name in ("requests", "successes", "failures", "prompt_tokens", "completion_tokens"):
        assert getattr(now, name) == sum(each[name] for each in mine)
    assert now.spend_usd == exact(mine, "spend_usd")
    assert now.active_users == len({each["user_id"] for each in mine} - {""})
    assert now.models == len({each["model"] for each in mine})


def test_unknown_users_count_everywhere_but_not_as_active(tmp_path: Path) -> None:
    rows = [row(DAY.end), row(DAY.end, user_id="", user_name="", requests=5), row(DAY.end, user_id="idle", requests=0)]
    now = kit.usage.totals(make_dataset(tmp_path, Plan(DAY), rows).daily)
    assert (now.requests, now.active_users) == (6, 1)


@pytest.mark.parametrize("dimension", ["user", "model", "provider", "team"])
def test_every_ranking_adds_up(tmp_path: Path, dimension: str) -> None:
    data = make_dataset(tmp_path, Plan(WEEK))
    now, frame = kit.usage.totals(data.daily), kit.usage.ranking(data, dimension).frame
    for name in ("requests", "successes", "failures", "prompt_tokens", "completion_tokens", "total_tokens"):
        assert frame[name].sum() == getattr(now, name)
    assert math.fsum(frame["spend_usd"]) == pytest.approx(now.spend_usd, rel=1e-14)
    assert frame["spend_usd"].is_monotonic_decreasing


def test_an_unknown_user_keeps_a_row_when_it_is_small(tmp_path: Path) -> None:
    rows = [row(DAY.end, user_id=f"u{i}", user_name=f"P{i}", spend_usd=10.0 + i) for i in range(12)]
    rows.append(row(DAY.end, user_id="", user_name="", spend_usd=0.5))
    found = kit.usage.ranking(make_dataset(tmp_path, Plan(DAY), rows), "user", top_n=10)
    assert found.shown == 11
    assert list(found.frame["name"][:11]) == [f"P{11 - i}" for i in range(10)] + ["Unknown user"]
    assert found.frame["spend_usd"].sum() == sum(each["spend_usd"] for each in rows)


@pytest.mark.parametrize(
    ("ids", "words"),
    [(["a", "b"], "from 2 users cost"), (["a", ""], "from 1 user and unknown ones cost"), ([""], "from unknown users")],
)
def test_the_first_sentence_says_who_asked(tmp_path: Path, ids: list[str], words: str) -> None:
    rows = [row(DAY.end, user_id=ident, user_name=ident, spend_usd=1.0) for ident in ids]
    assert words in sentences(make_dataset(tmp_path, Plan(DAY), rows))[0].replace("\u00a0", " ")


def test_people_of_one_name_are_told_apart_and_the_latest_name_counts(tmp_path: Path) -> None:
    rows = [
        row(WEEK.start, user_id="a", user_name="Old"),
        row(WEEK.end, user_id="a", user_name="Sam"),
        row(WEEK.end, user_id="b", user_name="Sam"),
        row(WEEK.end, user_id="c", user_name=""),
    ]
    frame = kit.usage.ranking(make_dataset(tmp_path, Plan(WEEK), rows), "user").frame
    assert set(frame["name"]) == {"Sam (a)", "Sam (b)", "c"}


def test_order_decides_the_ranking(tmp_path: Path) -> None:
    rows = [row(DAY.end, user_id="a", spend_usd=2.0), row(DAY.end, user_id="b", user_name="Bo", requests=9)]
    data = make_dataset(tmp_path, Plan(DAY), rows)
    assert kit.usage.ranking(data, "user", order="cost").frame["id"].tolist() == ["a", "b"]
    assert kit.usage.ranking(data, "user", order="requests").frame["id"].tolist() == ["b", "a"]
    with pytest.raises(KeyError):
        kit.usage.ranking(data, "planet")


def test_days_without_usage_are_zero_and_missing_days_are_not(tmp_path: Path) -> None:
    missing, zero = MONTH.start + timedelta(days=3), MONTH.start + timedelta(days=5)
    frame = rankings.by_day(make_dataset(tmp_path, Plan(MONTH, users=2, missing=[missing], zero=[zero])))
    assert len(frame) == 31
    by_day = frame.set_index("day")["requests"]
    assert math.isnan(by_day[pd.Timestamp(missing)]) and by_day[pd.Timestamp(zero)] == 0


def test_hours_must_agree_to_stand_for_the_day(tmp_path: Path) -> None:
    rows, hours = usage_rows(Plan(DAY, users=3))
    whole = make_dataset(tmp_path / "a", Plan(DAY), rows, hours)
    assert rankings.by_time(whole)[1][0].name == "hour"
    assert rankings.by_hour(whole)["requests"].sum() == kit.usage.totals(whole.daily).requests
    trimmed = make_dataset(tmp_path / "b", Plan(DAY), rows, hours[1:])
    assert rankings.by_time(trimmed)[1][0].name == "day"
    note = kit.usage.over_time(trimmed, "requests")
    assert isinstance(note, Drawing) and note.note.startswith("The time of day is known for ")
    assert isinstance(kit.usage.over_time(whole, "requests"), Drawing)


def pictures(data: kit.Dataset) -> dict[str, Drawing | Unavailable]:
    return {
        "requests": kit.usage.over_time(data, "requests"),
        "cost": kit.usage.over_time(data, "spend_usd"),
        "tokens": kit.usage.tokens_by_model(data),
        "share": kit.usage.share_by_model(data),
        "rhythm": kit.usage.rhythm(data),
    }


@pytest.mark.parametrize("days", [1, 2, 7, 28, 31, 90])
@pytest.mark.parametrize("hourly", [True, False])
def test_every_length_of_period_has_its_pictures(tmp_path: Path, days: int, hourly: bool) -> None:
    period = Period(date(2026, 11, 22) - timedelta(days=days - 1), date(2026, 11, 22))
    data = make_dataset(tmp_path, Plan(period, users=3, hourly=hourly))
    now = kit.usage.totals(data.daily)
    found = pictures(data)
    if days == 1 and not hourly:
        assert isinstance(found.pop("rhythm"), Unavailable)
    assert all(isinstance(each, Drawing) and each.alt for each in found.values())
    requests, tokens = found["requests"], found["tokens"]
    assert isinstance(requests, Drawing) and isinstance(tokens, Drawing)
    assert requests.figures["value"].sum() == now.requests
    assert tokens.figures.iloc[:, 1:].to_numpy().sum() == now.total_tokens


def test_a_single_day_stands_beside_the_hours_of_the_day_before(tmp_path: Path) -> None:
    data = make_dataset(tmp_path, Plan(DAY, previous_hours=True))
    drawing = kit.usage.over_time(data, "requests")
    assert isinstance(drawing, Drawing)
    assert drawing.figures["previous"].sum() == kit.usage.totals(data.previous).requests
    assert "against 21\u00a0Nov" in drawing.alt


def test_a_single_day_without_earlier_hours_stands_beside_their_mean(tmp_path: Path) -> None:
    data = make_dataset(tmp_path, Plan(DAY))
    drawing = kit.usage.over_time(data, "requests")
    assert isinstance(drawing, Drawing) and "mean of 21\u00a0Nov" in drawing.alt
    assert drawing.figures["previous"].nunique() == 1


def test_weekdays_are_means_and_missing_ones_have_no_data(tmp_path: Path) -> None:
    rows, hours = usage_rows(Plan(MONTH, users=3))
    data = make_dataset(tmp_path, Plan(MONTH, users=3), rows, hours)
    drawing = kit.usage.rhythm(data)
    assert isinstance(drawing, Drawing)
    thursdays = [each for each in hours if each["hour"].weekday() == 3 and each["hour"].hour == 13]
    assert drawing.figures["Thu"].iloc[13] == pytest.approx(sum(each["requests"] for each in thursdays) / 5)
    gone = make_dataset(tmp_path / "gone", Plan(WEEK, users=3, missing=[WEEK.start]))
    drawing = kit.usage.rhythm(gone)
    assert isinstance(drawing, Drawing) and drawing.figures["Mon"].isna().all()
    assert not drawing.figures["Tue"].isna().any()


def test_unpriced_usage_is_successful_and_free_and_has_its_list_price(tmp_path: Path) -> None:
    rows = [
        row(DAY.end, prompt_tokens=100, list_price_usd=0.5),
        row(DAY.end, user_id="u2", prompt_tokens=50, list_price_usd=None),
        row(DAY.end, model="m2", prompt_tokens=10),
        row(DAY.end, model="m3", prompt_tokens=10, successes=0, failures=1),
        row(DAY.end, model="m4", prompt_tokens=10, spend_usd=0.1),
    ]
    frame = rankings.unpriced(make_dataset(tmp_path, Plan(DAY), rows))
    assert frame["model"].tolist() == ["m1", "m2"]
    assert frame["unpriced_tokens"].tolist() == [150, 10]
    assert frame["list_price_usd"].iloc[0] == 0.5 and math.isnan(frame["list_price_usd"].iloc[1])


def test_failures_add_up_by_model_and_by_user(tmp_path: Path) -> None:
    data = make_dataset(tmp_path, Plan(WEEK))
    for dimension in ("model", "user"):
        assert rankings.failures(data, dimension)["failures"].sum() == kit.usage.totals(data.daily).failures


def test_no_model_is_said_to_fail_most_where_two_do(tmp_path: Path) -> None:
    rows = [row(DAY.end, model=model, requests=9, successes=8, failures=1) for model in ("m1", "m2")]
    told = sentences(make_dataset(tmp_path, Plan(DAY), rows))
    assert "**2\u00a0requests failed**, 11.1\u00a0% of all, on 2\u00a0models." in told


def test_the_total_failure_rate_is_that_of_all_requests(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    rows = [row(DAY.end, requests=10, successes=5, failures=5), row(DAY.end, model="m2", requests=90, successes=90)]
    pieces = open_run(monkeypatch, tmp_path, Plan(DAY), rows)
    kit.usage.failed_tables(kit.dataset("usage"))
    by_model, by_user = (piece["text/plain"].splitlines()[2:] for piece in pieces.of("table"))
    assert by_model == ["m1\t5\t50.0 %\t100.0 %", "All others (1)\t0\t0.0 %\t0.0 %", "Total\t5\t5.0 %\t100.0 %"]
    assert by_user == ["Ann\t5\t5.0 %\t100.0 %", "Total\t5\t5.0 %\t100.0 %"]


def test_what_the_source_does_not_record_is_not_zero(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    plan = Plan(DAY, unavailable={"success_rate": "No such column.", "provider": "No provider column."})
    rows = [row(DAY.end, successes=None, failures=None, spend_usd=1.0, prompt_tokens=5)]
    pieces = open_run(monkeypatch, tmp_path, plan, rows)
    data = kit.dataset("usage")
    figures = kit.usage.metrics(data)
    assert [figures[name].value for name in ("successes", "failures", "success_rate")] == [None, None, None]
    assert figures["requests"].value == 1
    kit.usage.top_table(data, "user")
    assert "Failed" not in pieces.html("table")
    kit.usage.top_table(data, "provider")
    kit.usage.failed_tables(data)
    notices = [piece["text/plain"] for piece in pieces.of("notice")]
    assert notices == [
        "Providers: not available. No provider column.",
        "Failed requests: not available. No such column.",
    ]
    assert not any("failed" in text for text in sentences(data))


def test_only_the_page_says_that_it_has_the_first_rows(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pieces = open_run(monkeypatch, tmp_path, Plan(DAY, users=5))
    kit.usage.top_table(kit.dataset("usage"), "user", top_n=2)
    (record,) = pieces.results.tables
    assert record.caption == "All users by cost"
    assert "The first 2 of 5, by cost" in pieces.html("table")


@pytest.mark.parametrize("period", [DAY, WEEK, MONTH])
def test_three_to_five_sentences(tmp_path: Path, period: Period) -> None:
    found = sentences(make_dataset(tmp_path, Plan(period)))
    assert 3 <= len(found) <= 5
    assert all(text.endswith(".") and "nan" not in text for text in found)


def test_sentences_state_the_figures(tmp_path: Path) -> None:
    before = DAY.start - timedelta(days=1)
    rows = [
        row(before, requests=100, successes=100, spend_usd=10.0, prompt_tokens=10),
        row(DAY.end, requests=150, successes=140, failures=10, spend_usd=12.0, prompt_tokens=10),
        row(DAY.end, user_id="", model="m2", requests=50, successes=50, spend_usd=36.0, prompt_tokens=10),
    ]
    hours = [
        {
            "hour": datetime.combine(DAY.end, time(20)),
            "model": "m1",
            "requests": 200,
            "failures": 10,
            "prompt_tokens": 20,
        }
        | {"completion_tokens": 0, "spend_usd": 48.0}
    ]
    found = [text.replace("\u00a0", " ") for text in sentences(make_dataset(tmp_path, Plan(DAY), rows, hours))]
    assert found == [
        "Requests went **up 100.0 %** to **200** (from 100), and cost went **up 380.0 %** to **$48.00** (from $10.00).",
        "**m2** carries **75.0 %** of the cost and 25.0 % of the requests; its cost rose most, by $36.00.",
        "Of 1 active user, **Ann** leads with 25.0 % of the cost.",
        "**10 requests failed**, 5.0 % of all, each of them on m1.",
        "The busiest hour was **Sunday 22 November, 20:00** with 200 requests.",
    ]


def test_a_period_without_usage_says_so(tmp_path: Path) -> None:
    data = make_dataset(tmp_path, Plan(WEEK), [])
    found = sentences(data)
    assert found[0] == "**No usage was recorded** for 16 to 22 November 2026."
    assert all(isinstance(each, Unavailable) for each in pictures(data).values())
    assert kit.usage.totals(data.daily).spend_usd == 0


def test_free_usage_is_ranked_by_tokens(tmp_path: Path) -> None:
    rows = [row(DAY.end, prompt_tokens=10), row(DAY.end, model="m2", prompt_tokens=30)]
    data = make_dataset(tmp_path, Plan(DAY), rows)
    assert any("**m2** carries" in text and "of the tokens" in text for text in sentences(data))
    assert isinstance(kit.usage.over_time(data, "spend_usd"), Unavailable)
    share = kit.usage.share_by_model(data)
    assert isinstance(share, Drawing) and "share of requests" in share.alt


def test_without_a_cost_tables_and_sentences_do_not_speak_of_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    rows = [row(day, model=f"m{part}", prompt_tokens=part) for day in (WEEK.end, WEEK.before().end) for part in (1, 3)]
    pieces = open_run(monkeypatch, tmp_path, Plan(WEEK), rows)
    data = kit.dataset("usage")
    kit.usage.top_table(data, "model")
    (table,) = (piece["text/plain"].splitlines() for piece in pieces.of("table"))
    assert table[0] == "All models by tokens" and "Share of tokens" in table[1]
    assert [line.split("\t")[0] for line in table[2:]] == ["m3", "m1", "Total"]
    assert sentences(data)[0] == "Requests stayed **steady** at **2** (from 2); no cost is recorded."
    alone = make_dataset(tmp_path / "alone", Plan(WEEK), rows[:2])
    assert sentences(alone)[0].startswith("**2\u00a0requests** from 1\u00a0user had no recorded cost; ")


def test_history_before_the_comparison_does_not_count(tmp_path: Path) -> None:
    rows = [row(WEEK.start - timedelta(days=8), requests=1000), row(WEEK.end)]
    data = make_dataset(tmp_path, Plan(WEEK), rows)
    assert kit.usage.totals(data.daily).requests == 1
    assert data.previous.empty and data.comparable


def test_a_run_without_comparison_has_no_previous(tmp_path: Path) -> None:
    data = replace(make_dataset(tmp_path, Plan(WEEK)), comparison=None)
    assert not data.comparable and data.previous.empty
    assert {metric.previous for metric in kit.usage.metrics(data).values()} == {None}
    assert "compared with nothing" in sentences(data)[0]


def test_a_model_without_tokens_is_no_part_of_the_stack(tmp_path: Path) -> None:
    rows = [row(WEEK.start, prompt_tokens=10), row(WEEK.end, model="failed only", successes=0, failures=1)]
    drawing = kit.usage.tokens_by_model(make_dataset(tmp_path, Plan(WEEK), rows))
    assert isinstance(drawing, Drawing) and [column.label for column in drawing.columns] == ["Day", "m1"]
