"""Every template on every kind of source, in all formats: each key figure and each table's total once more by hand.

The figures come from `recomputed`, which reads the sources' raw rows and knows nothing of the kit.
"""

from __future__ import annotations

import io
import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import openpyxl
import pikepdf
import pytest
import recomputed
from command import Gazette
from litellm_dump import connect
from recomputed import Case, Row, by, figures, spend, tokens, total

from reports.settings import Settings
from runner.commands.demo import prepare_usage
from runner.commands.workplace import opened_service, utc_now

TEMPLATES = ("usage_summary", "cost_analysis", "user_activity", "model_performance")
SOURCES = ("demo", "litellm", "servegen")
DAYS = 7
DAY_ZERO = date(2026, 11, 2)
MAX_HTML_BYTES = 400_000
ROUNDED = 0.006  # percentiles of many requests are of three significant digits: within 0.5 %
PERCENTILES = ("p50", "p95", "first token")
# Checked below, each in its own way.
OTHERWISE = {"Budget used"}


@dataclass(frozen=True)
class Origin:
    """One source, filled: the command that renders from it, its rows, and what else is known of it."""

    gazette: Gazette
    source: str
    rows: list[Row]
    at: str
    last: date
    requests: list[Row] = field(default_factory=list)
    budgets: dict[str, float] = field(default_factory=dict)

    @cached_property
    def case(self) -> Case:
        days = [self.last - timedelta(days=back) for back in reversed(range(DAYS))]
        return Case(self.rows, days, {row["day"] for row in self.rows}, self.requests)


@dataclass(frozen=True)
class Made:
    template: str
    origin: Origin
    answer: Any

    @property
    def case(self) -> Case:
        return self.origin.case

    def path(self, format: str) -> Path:
        return next(Path(item["path"]) for item in self.answer["artifacts"] if item["format"] == format)

    @cached_property
    def book(self) -> dict[str, list[dict[str, Any]]]:
        """Sheet -> its rows by the labels of its header."""
        book = openpyxl.load_workbook(self.path("xlsx"), read_only=True)
        found = {}
        for sheet in book.worksheets:
            header, *body = [*sheet.iter_rows(values_only=True)] or [()]
            # Of a row that ends in empty cells, these are left out.
            found[sheet.title] = [dict.fromkeys(header) | dict(zip(header, row, strict=False)) for row in body]
        book.close()
        return found

    def sheet(self, title: str) -> list[dict[str, Any]]:
        return self.book.get(title, [])

    def sum(self, title: str, label: str) -> float:
        """Of a column; labels may end in what tells them apart, such as a unit in brackets."""
        values = [value for row in self.sheet(title) for name, value in row.items() if name.split(" (")[0] == label]
        return math.fsum(value for value in values if value is not None)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Origin:
    gazette = Gazette(tmp_path_factory.mktemp("demo"))
    with opened_service(Settings(data_dir=gazette.folder / "state")) as service:
        prepare_usage(service, utc_now())
    database = gazette.folder / "state" / "gazette.db"
    rows = recomputed.demo_rows(database)
    last = max(row["day"] for row in rows)
    singles = [row for row in rows if row["requests"] == 1]
    at = f"{last + timedelta(days=1)}T06:00Z"
    return Origin(gazette, "demo", rows, at, last, singles, recomputed.demo_budgets(database))


@pytest.fixture(scope="module")
def litellm(dump_url: str, tmp_path_factory: pytest.TempPathFactory) -> Origin:
    gazette = Gazette(tmp_path_factory.mktemp("litellm"))
    gazette.run("source", "add", "proxy", dump_url)
    with connect(dump_url) as connection:
        rows, requests = recomputed.litellm_rows(connection), recomputed.litellm_requests(connection)
    return Origin(gazette, "proxy", rows, "2026-11-23T06:00Z", date(2026, 11, 22), requests)


@pytest.fixture(scope="module")
def servegen(shared_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Origin:
    path = shared_dir / "data" / "servegen" / "servegen_hourly.csv.gz"
    gazette = Gazette(tmp_path_factory.mktemp("servegen"))
    gazette.run("usage", "import", path, "--source", "servegen", "--day-zero", DAY_ZERO)
    rows = recomputed.servegen_rows(path, DAY_ZERO)
    return Origin(gazette, "servegen", rows, "2026-11-16T06:00Z", date(2026, 11, 15))


@pytest.fixture(
    scope="module", params=[(template, source) for source in SOURCES for template in TEMPLATES], ids="-".join
)
def made(request: pytest.FixtureRequest) -> Made:
    template, name = request.param
    origin: Origin = request.getfixturevalue(name)
    options = ("--formats", "html,pdf,xlsx", "--out", origin.gazette.folder / "out", "--at", origin.at)
    week = ("--period", "last_n_days", "--days", str(DAYS), "--source", origin.source)
    return Made(template, origin, origin.gazette.json("render", template, *options, *week))


def test_all_formats_are_made(made: Made) -> None:
    page = made.path("html").read_bytes()
    assert page.startswith(b"<!doctype html>") and len(page) < MAX_HTML_BYTES
    with pikepdf.open(io.BytesIO(made.path("pdf").read_bytes())) as pdf:
        assert pdf.pages and "/StructTreeRoot" in pdf.Root
    assert len(made.book) >= 3
    days = made.case.days
    assert (made.answer["period"]["start"], made.answer["period"]["end"]) == (str(days[0]), str(days[-1]))


def close(name: str, value: Any, expected: float | None) -> bool:
    if expected is None or not isinstance(value, int | float):
        return value is None and expected is None
    loose = any(word in name for word in PERCENTILES)
    return bool(value == pytest.approx(expected, rel=ROUNDED if loose else 1e-9, abs=1e-12))


def test_every_key_figure_is_recomputed(made: Made) -> None:
    case, sheet = made.case, {row["Figure"]: row for row in made.sheet("Key figures")}
    now, before = figures(made.template, case, case.days), figures(made.template, case, case.before)
    special = {name for name in sheet if name in OTHERWISE or name.startswith("Expected for ")}
    assert set(sheet) - special == set(now), "a figure that nobody recomputes, or one that is gone"
    told = {name: sheet[name]["This period"] for name in now}
    wrong = {name: (told[name], now[name]) for name in now if not close(name, _value(told[name]), now[name])}
    assert not wrong
    if not case.comparable:
        assert {row["Period before"] for row in sheet.values()} == {None}
        return
    told = {name: sheet[name]["Period before"] for name in now}
    wrong = {name: (told[name], before[name]) for name in now if not close(name, _value(told[name]), before[name])}
    assert not wrong


def _value(cell: Any) -> Any:
    return None if cell == "not available" else cell


def test_the_answer_of_the_command_is_what_the_sheet_says(made: Made) -> None:
    told = [_value(row["This period"]) for row in made.sheet("Key figures")]
    assert sorted(filter(None, told)) == pytest.approx(sorted(filter(None, made.answer["metrics"].values())))


# Tables. Sheet -> label -> what its column adds up to.

Totals = dict[str, dict[str, float]]
PARTS: dict[str, Callable[[list[Row]], float]] = {
    "Requests": lambda rows: total(rows, "requests"),
    "Successes": lambda rows: total(rows, "successes"),
    "Failed": lambda rows: total(rows, "failures"),
    "Failed requests": lambda rows: total(rows, "failures"),
    "Prompt tokens": lambda rows: total(rows, "prompt_tokens"),
    "Completion tokens": lambda rows: total(rows, "completion_tokens"),
    "Total tokens": tokens,
    "Tokens": tokens,
    "Cost": spend,
}
# Sheets that do not hold all usage of the period.
PARTIAL = {
    "Summary", "Key figures", "Definitions", "Budgets", "Cache savings", "Dormant keys", "Outliers", "Recommendations",
    "Rises", "Falls", "Spikes", "Unknown user", "Unpriced usage", "Adopted and retired models", "Changes",
}  # fmt: skip


def test_every_table_adds_up_to_the_usage_of_the_period(made: Made) -> None:
    rows = made.case.now
    checked = 0
    for title in made.book:
        if title in PARTIAL or title.startswith("Figures "):
            continue
        for label, compute in PARTS.items():
            if any(name == label for name in made.sheet(title)[0]):
                assert made.sum(title, label) == pytest.approx(compute(rows), rel=1e-9), (title, label)
                checked += 1
    assert checked >= (4 if made.case.tells_outcomes else 3)


def groups(rows: list[Row], key: str, value: str) -> list[float]:
    return sorted(by(rows, key, value).values())


ENTRIES = {
    "Users": "user_id",
    "Models": "model",
    "Providers": "provider",
    "Teams": "team_id",
    "Charge-back by team": "team_id",
    "Charge-back by key": "key_id",
}


def test_every_entry_of_a_ranking_is_recomputed(made: Made) -> None:
    for title, key in ENTRIES.items():
        for label, value in {"Requests": "requests", "Cost": "spend_usd"}.items():
            if made.sheet(title):
                told = sorted(row[label] for row in made.sheet(title))
                assert told == pytest.approx(groups(made.case.now, key, value), rel=1e-9, abs=1e-12), (title, label)


def test_days_are_recomputed(made: Made) -> None:
    for row in made.sheet("Days"):
        mine = made.case.of([row["Day"].date()])
        told = [row[label] for label in ("Requests", "Prompt tokens", "Cost")]
        known = row["Day"].date() in made.case.known
        expected = [PARTS[label](mine) for label in ("Requests", "Prompt tokens", "Cost")]
        assert told == (pytest.approx(expected) if known else [None] * 3)


def test_failures_add_up(made: Made) -> None:
    failed = total(made.case.now, "failures")
    for title, key in {"Failures by model": "model", "Failures by user": "user_id"}.items():
        if made.sheet(title):
            told = sorted(row["Failed requests"] for row in made.sheet(title))
            assert told == groups(made.case.now, key, "failures") and sum(told) == failed
    if made.template == "usage_summary":
        assert bool(made.sheet("Failures by model")) == bool(failed)
    if made.sheet("Errors"):
        assert made.sum("Errors", "Failed requests") == failed


def test_a_source_that_tells_no_outcomes_is_not_said_to_have_none_that_failed(made: Made) -> None:
    page = made.path("html").read_text(encoding="utf-8")
    assert made.case.tells_outcomes == (made.origin.source != "servegen")
    told = "The source does not tell which requests failed." in page
    assert told == (not made.case.tells_outcomes and made.template in {"usage_summary", "model_performance"})
    if not made.case.tells_outcomes:
        assert not re.search(r"requests failed[.,;]", page.replace("which requests failed.", ""))


def test_unpriced_usage_is_recomputed(made: Made) -> None:
    """Successful usage with tokens at no cost, row by row as the source stores them by day and dimension."""
    if made.template not in {"usage_summary", "cost_analysis"}:
        return
    merged: dict[tuple[Any, ...], Row] = {}
    for row in made.case.now:
        key = (row["day"], *(row[name] for name in recomputed.DIMENSIONS))
        found = merged.setdefault(key, dict.fromkeys((*recomputed.COUNTS, "spend_usd"), 0))
        for name in found:
            found[name] += row[name] or 0
    served = "successes" if made.case.tells_outcomes else "requests"
    free = [row for row in merged.values() if not row["spend_usd"] and tokens([row]) and row[served]]
    assert made.sum("Unpriced usage", "Unpriced requests") == total(free, served)
    assert made.sum("Unpriced usage", "Unpriced tokens") == tokens(free)


def test_users_that_moved_add_up_to_the_change(made: Made) -> None:
    if made.template != "user_activity" or not made.case.comparable:
        return
    change = total(made.case.now, "requests") - total(made.case.previous, "requests")
    assert made.sum("Rises", "Difference") + made.sum("Falls", "Difference") == change
    now, before = by(made.case.now, "user_id"), by(made.case.previous, "user_id")
    moved = sorted(now.get(user, 0) - before.get(user, 0) for user in {*now, *before})
    told = [row["Difference"] for title in ("Rises", "Falls") for row in made.sheet(title)]
    assert sorted(told) == [difference for difference in moved if difference]


def test_unknown_users_and_dormant_keys_are_recomputed(made: Made) -> None:
    if made.template != "user_activity":
        return
    unknown = [row for row in made.case.now if not row["user_id"]]
    for label in ("Requests", "Tokens", "Cost"):
        assert made.sum("Unknown user", label) == pytest.approx(PARTS[label](unknown))
    used = {row["key_id"] for row in made.case.now if row["requests"]} | {""}
    first, begin = made.case.before[0] - timedelta(days=90), made.case.days[0]  # as far as the template looks back
    old = [row for row in made.case.rows if first <= row["day"] < begin and row["key_id"] not in used]
    told = {row["Key id"]: row["Requests before"] for row in made.sheet("Dormant keys") if row["Requests before"]}
    assert told == {key: requests for key, requests in by(old, "key_id").items() if requests}


def test_the_drivers_of_cost_add_up_to_its_change(made: Made) -> None:
    sheet = made.sheet("What drove the change")
    assert bool(sheet) == (made.template == "cost_analysis" and made.case.comparable and spend(made.case.now) > 0)
    if not sheet:
        return
    before, now = spend(made.case.previous), spend(made.case.now)
    assert made.sum("What drove the change", "Cost before") == pytest.approx(before)
    assert made.sum("What drove the change", "Change") == pytest.approx(now - before)
    for row in sheet:
        parts = [row[label] or 0 for label in ("Volume", "Mix", "Price")]
        assert math.fsum(parts) == pytest.approx(row["Change"], abs=1e-9)
    used = [sum(by(rows, "model", name).get("", 0) for name in ("prompt_tokens",)) for rows in (made.case.now,)]
    assert used == [0]
    growth = tokens(made.case.now) / tokens(made.case.previous)
    assert made.sum("What drove the change", "Volume") == pytest.approx(before * (growth - 1))


def test_tokens_by_kind_add_up(made: Made) -> None:
    if not made.sheet("Input, output and cache"):
        return
    rows, parts = made.case.now, {}
    for label in ("Input", "Cache read", "Cache written", "Output", "Cost"):
        parts[label] = made.sum("Input, output and cache", label)
    assert parts["Cache read"] == total(rows, "cache_read_tokens")
    assert parts["Cache written"] == total(rows, "cache_creation_tokens")
    assert parts["Input"] + parts["Cache read"] + parts["Cache written"] == total(rows, "prompt_tokens")
    assert parts["Output"] == total(rows, "completion_tokens")
    assert parts["Cost"] == pytest.approx(spend(rows))
    for row in made.sheet("Cache savings"):
        assert row["Saved"] == pytest.approx((row["Without a cache"] or 0) - (row["With it"] or 0), abs=1e-9)


def test_budgets_count_the_month_of_the_last_day(made: Made) -> None:
    if made.template != "cost_analysis" or not made.origin.budgets:
        return
    last = made.case.days[-1]
    month = [row for row in made.case.rows if row["day"] <= last and row["day"] >= last.replace(day=1)]
    spent = {team: usd for team, usd in by(month, "team_id", "spend_usd").items() if team in made.origin.budgets}
    assert {row["Team id"]: row["Spent"] for row in made.sheet("Budgets")} == pytest.approx(spent)
    assert {row["Team id"]: row["Budget"] for row in made.sheet("Budgets")} == made.origin.budgets
    (used,) = [row["This period"] for row in made.sheet("Key figures") if row["Figure"] == "Budget used"]
    assert used == pytest.approx(math.fsum(spent.values()) / math.fsum(made.origin.budgets.values()) * 100)


def test_the_expected_month_is_what_was_spent_and_what_is_forecast(made: Made) -> None:
    expected = [row for row in made.sheet("Key figures") if row["Figure"].startswith("Expected for ")]
    assert bool(expected) == (made.template == "cost_analysis")
    if not expected or _value(expected[0]["This period"]) is None:
        return
    last = made.case.days[-1]
    month = [row for row in made.case.rows if (row["day"].year, row["day"].month) == (last.year, last.month)]
    forecast = [
        row[label]
        for row in made.sheet("Figures Forecast")
        for label in row
        if label.endswith("forecast") and _same_month(row["Day"], last)
    ]
    whole = spend(row for row in month if row["day"] <= last) + math.fsum(forecast)
    assert expected[0]["This period"] == pytest.approx(whole)


def _same_month(moment: datetime, day: date) -> bool:
    return (moment.year, moment.month) == (day.year, day.month) and moment.date() > day
