"""A day of a real LiteLLM proxy: every figure of the report is what SQL over its own tables says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import openpyxl
import pytest
from command import Gazette, path_of
from litellm_dump import connect

DAY = "2026-11-22"
TOTALS = f"""
    select sum(api_requests)::bigint as requests, sum(successful_requests)::bigint as successes,
           sum(failed_requests)::bigint as failures, sum(prompt_tokens)::bigint as prompt_tokens,
           sum(completion_tokens)::bigint as completion_tokens,
           (sum(prompt_tokens) + sum(completion_tokens))::bigint as total_tokens,
           count(distinct user_id) filter (where user_id <> '') as active_users, count(distinct model) as models
    from "LiteLLM_DailyUserSpend" where date = '{DAY}'
"""
SPEND = f"""select sum(spend::text::numeric), sum(spend) from "LiteLLM_DailyUserSpend" where date = '{DAY}'"""
SUMS = {
    "Requests": "requests",
    "Failed": "failures",
    "Prompt tokens": "prompt_tokens",
    "Completion tokens": "completion_tokens",
    "Cost": "spend_usd",
}


@pytest.fixture(scope="module")
def rendered(dump_url: str, tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("litellm")
    gazette = Gazette(folder)
    plain = dump_url.replace("+psycopg", "")
    assert gazette.json("source", "add", "litellm", plain)["kind"] == "litellm"
    arguments = ("--formats", "html,pdf,xlsx", "--out", folder / "out", "--at", "2026-11-23T06:00Z")
    return gazette.json("render", "usage_summary", "--source", "litellm", *arguments)


@pytest.fixture(scope="module")
def html(rendered: Any) -> str:
    return path_of(rendered, "html").read_text(encoding="utf-8")


def test_period_is_the_day(rendered: Any) -> None:
    assert rendered["period"] == {"start": DAY, "end": DAY, "zone": "UTC"}


def test_metrics_are_what_sql_says(rendered: Any, dump_url: str) -> None:
    with connect(dump_url) as connection:
        cursor = connection.execute(TOTALS)
        assert cursor.description is not None
        names = [column.name for column in cursor.description]
        expected = dict(zip(names, cursor.fetchone() or (), strict=True))
    assert expected["requests"] == 302
    assert {name: rendered["metrics"][name] for name in names} == expected


def test_spend_to_the_last_stored_digit(rendered: Any, dump_url: str) -> None:
    """The sum of what is stored, digit by digit; and what PostgreSQL itself answers."""
    with connect(dump_url) as connection:
        exact, added = connection.execute(SPEND).fetchone() or (None, None)
    assert rendered["metrics"]["spend_usd"] == float(str(exact)) == added


def test_every_table_of_the_sheet_adds_up(rendered: Any) -> None:
    book = openpyxl.load_workbook(path_of(rendered, "xlsx"))
    metrics = rendered["metrics"]
    added_up = set()
    for sheet in book.worksheets:
        header = [str(cell.value).partition(" (")[0] for cell in sheet[1]]
        if "Requests" not in header:
            continue
        for label in set(header) & SUMS.keys():
            place = header.index(label)
            values = [row[place] for row in sheet.iter_rows(min_row=2, values_only=True)]
            assert sum(values) == pytest.approx(metrics[SUMS[label]], rel=1e-12), (sheet.title, label)
        added_up.add(sheet.title)
    assert {"Users", "Models", "Providers", "Teams"} <= added_up


def test_nothing_is_hidden(html: str) -> None:
    assert "Unknown user" in html  # the key that belongs to nobody
    assert "Unpriced usage" in html
    assert "anthropic/claude-sonnet-4-20250514" in html  # tokens at no cost
    text = html.replace("<strong>", "").replace("</strong>", "").replace("\N{NO-BREAK SPACE}", " ")
    assert "27 requests failed, 8.9 % of all" in text


def test_filters_hold_for_every_figure(rendered: Any, dump_url: str, tmp_path: Path) -> None:
    gazette = Gazette(tmp_path)
    gazette.run("source", "add", "litellm", dump_url)
    arguments = ("--at", "2026-11-23T06:00Z", "--out", tmp_path / "out", "--filter", "team_ids=team-research")
    filtered = gazette.json("render", "usage_summary", *arguments)["metrics"]
    with connect(dump_url) as connection:
        research = """
            select sum(d.api_requests)::bigint, sum(d.prompt_tokens)::bigint from "LiteLLM_DailyUserSpend" d
            join "LiteLLM_VerificationToken" t on t.token = d.api_key where t.team_id = 'team-research'
        """
        expected = connection.execute(research).fetchone()
    assert (filtered["requests"], filtered["prompt_tokens"]) == expected
    assert filtered["requests"] < rendered["metrics"]["requests"]
