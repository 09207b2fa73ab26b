"""The header, the cards, the highlights and the footer of a report."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import lxml.html
import pytest
from kit_snapshots import Plan, open_run

from reports import kit
from reports.errors import NotFound
from reports.kit.cards import change_words
from reports.model import Period

WEEK = Period(date(2026, 11, 16), date(2026, 11, 22), "Europe/Berlin")


def text_of(html: str) -> str:
    return " ".join(lxml.html.fromstring(html).text_content().replace("\u00a0", " ").split())


def test_the_header_says_what_which_days_and_from_where(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pieces = open_run(monkeypatch, tmp_path, Plan(WEEK, users=1))
    kit.report("Usage summary")
    html = pieces.html("header")
    assert html.count("<h1") == 1
    text = text_of(html)
    assert "Gazette · Usage summary" in text and "Usage summary for the board" in text
    assert "16 to 22 November 2026 against 9 to 15 November 2026" in text
    assert "All users, teams and models." in text
    assert "Europe/Berlin" in text
    assert "Test gateway (synthetic data), data as of 23 November 2026, 06:30 CET" in text
    assert "notice" not in html
    header = pieces.results.header
    assert header is not None and header.title == "Usage summary for the board"
    assert header.lines[0] == "16 to 22 November 2026 (7 days)." and header.warnings == ()


def test_filters_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    filters = {"team_ids": ["<b>"], "model_ids": [f"m{i}" for i in range(8)]}
    pieces = open_run(monkeypatch, tmp_path, Plan(WEEK, users=1, filters=filters))
    kit.report("Usage summary")
    assert "Only team <b> and models m0, m1, m2, m3, m4, 3 more." in text_of(pieces.html("header"))


def test_missing_days_are_named_and_stop_the_comparison(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    missing = [WEEK.start, WEEK.start + timedelta(days=1)]
    pieces = open_run(monkeypatch, tmp_path, Plan(WEEK, users=1, missing=missing))
    kit.report("Usage summary")
    header = pieces.results.header
    assert header is not None
    assert header.warnings[0] == "No data for 16 to 17 November 2026: missing here, not zero."
    assert header.warnings[1].startswith("No comparison")
    assert "No data for 16 to 17 November" in text_of(pieces.html("header"))
    assert not kit.dataset("usage").comparable


def test_a_missing_day_of_the_comparison_is_no_zero(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pieces = open_run(monkeypatch, tmp_path, Plan(WEEK, users=1, missing=[WEEK.start - timedelta(days=1)]))
    usage = kit.dataset("usage")
    figures = kit.usage.metrics(usage)
    assert {metric.previous for metric in figures.values()} == {None}
    kit.metrics(list(figures.values()))
    assert text_of(pieces.html("metrics")).count("no comparison") == len(figures)
    assert usage.previous.empty


def test_cards_say_the_change_in_words(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pieces = open_run(monkeypatch, tmp_path, Plan(WEEK, users=1))
    cards = [
        kit.metric("requests", "Requests", 10_420_000, 8_700_000),
        kit.metric("cost", "Cost", 90.0, 100.0, unit="usd"),
        kit.metric("users", "Users", 155, 155),
        kit.metric("models", "Models", 3, 0),
        kit.metric("rate", "Success rate", 95.0, 99.0, unit="percent"),
        kit.metric("latency", "Latency", None, unit="ms", note="the source has <none>"),
        kit.metric("lonely", "Lonely", 5),
        kit.metric("free", "Earned", 0.0, 0.0, unit="usd"),
    ]
    kit.metrics(cards, also=[kit.metric("hidden", "Hidden", 1)])
    items = [text_of(lxml.html.tostring(li, encoding="unicode")) for li in lxml.html.fromstring(pieces.html("metrics"))]
    assert items == [
        "Requests 10.42 M ↑ up 19.8 % from 8.70 M",
        "Cost $90.00 ↓ down 10.0 % from $100.00",
        "Users 155 → steady from 155",
        "Models 3 new from 0",
        "Success rate 95.0 % ↓ down 4.0 points from 99.0 %",
        "Latency not available the source has <none>",
        "Lonely 5 no comparison",
        "Earned $0.00 none recorded in either period",
    ]
    assert 'aria-hidden="true">↑' in pieces.html("metrics")
    values = pieces.results.metric_values()
    assert values["requests"] == 10_420_000 and values["latency"] is None and values["hidden"] == 1


@pytest.mark.parametrize(
    ("now", "before", "words"),
    [(101, 100, "steady"), (101.1, 100, "up 1.1 %"), (0, 0, "steady"), (1, 0, "new"), (1, None, "no comparison")],
)
def test_change_words(now: float, before: float | None, words: str) -> None:
    assert change_words(now, before).replace("\u00a0", " ") == words


def test_highlights_are_safe_and_recorded_plain(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pieces = open_run(monkeypatch, tmp_path, Plan(WEEK, users=1))
    kit.highlights(["**Up** by 2\u00a0%", "<img src=x> leads"])
    html = pieces.html("highlights")
    assert "<strong>Up</strong>" in html and "<img" not in html
    assert pieces.results.highlights == ("Up by 2 %", "<img src=x> leads")


def test_the_footer_says_where_figures_come_from(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pieces = open_run(monkeypatch, tmp_path, Plan(WEEK, users=1, missing=[WEEK.start]))
    kit.definitions(kit.usage.terms())
    text = text_of(pieces.html("definitions"))
    assert "It covers 6 of 7 days." in text
    assert "Template usage_summary 3f9c2ab41d77. Run 01RUN." in text
    terms = dict(pieces.results.definitions)
    assert "Unknown user" in terms["Active users"] and "never converted" in terms["Cost"]


def test_an_undeclared_dataset_is_not_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    open_run(monkeypatch, tmp_path, Plan(WEEK, users=1))
    with pytest.raises(NotFound, match="dataset 'orders'"):
        kit.dataset("orders")


def test_period_and_comparison(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    open_run(monkeypatch, tmp_path, Plan(WEEK, users=1))
    assert kit.period() == WEEK
    assert kit.comparison() == WEEK.before()
    assert kit.currency() == "USD"
