"""Two reports in a row, as a person gets them: the second names what is new, and goes only to who wants it."""

from __future__ import annotations

import csv
from datetime import timedelta
from pathlib import Path
from typing import Any

import clock
import lxml.html
import pytest
from command import Gazette

COLUMNS = ("request_id", "started_at", "user_id", "model", "provider", "team_id")
AMOUNTS = ("prompt_tokens", "completion_tokens", "spend_usd")
FIRST = [("r1", "ann", "gpt-4o", 1000, 5.0), ("r2", "ben", "gpt-4o", 1000, 3.0), ("r3", "cem", "mini", 500, 0.5)]
MORE = [("r4", "ann", "sonnet", 9000, 12.0), ("r5", "dan", "gpt-4o", 700, 1.25)]


@pytest.fixture
def gazette(tmp_path: Path) -> Gazette:
    return Gazette(tmp_path)


def import_usage(gazette: Gazette, name: str, rows: list[tuple[str, str, str, int, float]]) -> None:
    at = f"{clock.today() - timedelta(days=2)}T12:00:00+00:00"
    path = gazette.folder / name
    with path.open("w", newline="", encoding="utf-8") as file:
        lines = csv.writer(file)
        lines.writerow((*COLUMNS, *AMOUNTS))
        lines.writerows((id, at, user, model, "p", "t", tokens, 10, spend) for id, user, model, tokens, spend in rows)
    assert gazette.json("usage", "import", path)["added"] == len(rows)


def run_now(gazette: Gazette) -> dict[str, Any]:
    (run,) = gazette.json("report", "run", "Weekly", "--wait")["runs"]
    shown: dict[str, Any] = gazette.json("runs", "show", run["id"])
    return shown


def told(run: dict[str, Any]) -> dict[str, str]:
    return {
        each["address"]: each["detail"] if each["state"] == "skipped" else each["state"] for each in run["deliveries"]
    }


def page(gazette: Gazette, run: dict[str, Any]) -> Any:
    (path,) = [each["path"] for each in run["artifacts"] if each["format"] == "html"]
    return lxml.html.parse(gazette.folder / "state" / "archive" / path).getroot()


def table(root: Any, name: str) -> list[list[str]]:
    rows = root.xpath(f"//table[@id='table-{name}']/tbody/tr")
    return [[cell.text_content().replace("\u00a0", " ") for cell in row] for row in rows]


def test_the_second_report_says_what_changed_and_goes_to_who_wants_it(gazette: Gazette) -> None:
    gazette.run("source", "add", "usage")
    import_usage(gazette, "first.csv", FIRST)
    asked = ("--name", "Weekly", "--period", "last_7_days", "--formats", "html")
    gazette.run("report", "add", "usage_summary", *asked)
    wishes = {"all": "always", "watch": "changed", "rich": "spend_usd>20", "poor": "spend_usd<20", "any": "has_data"}
    for name, wish in wishes.items():
        arguments = ("subscribe", "Weekly", "--outbox", name, "--formats", "html", "--send-if", wish)
        assert gazette.json(*arguments)["send_if"].replace(" ", "") == wish

    first = run_now(gazette)
    assert told(first) == {"rich": "spend_usd is 8.5, not above 20"} | dict.fromkeys(
        ("all", "watch", "poor", "any"), "sent"
    )
    assert "There is no earlier report to compare with." in page(gazette, first).text_content()

    same = run_now(gazette)
    assert told(same)["watch"] == "nothing changed since the last report"
    assert "It covered the same days. Nothing changed." in page(gazette, same).text_content()

    import_usage(gazette, "more.csv", MORE)
    second = run_now(gazette)
    assert told(second) == {"poor": "spend_usd is 21.75, not below 20"} | dict.fromkeys(
        ("all", "watch", "rich", "any"), "sent"
    )
    root = page(gazette, second)
    assert table(root, "changes-top-users") == [
        ["dan", "$1.25", "–", "new"],
        ["ann", "$17.00", "$5.00", "↑ up 240.0 %"],
    ]
    assert table(root, "changes-top-models") == [
        ["sonnet", "$12.00", "–", "new"],
        ["gpt-4o", "$9.25", "$8.00", "↑ up 15.6 %"],
    ]
    figures = {row[0]: row[1:] for row in table(root, "changes-figures")}
    assert figures["Requests"] == ["5", "3", "↑ up 66.7 %"]
    assert figures["Cost"] == ["$21.75", "$8.50", "↑ up 155.9 %"]
    mails = list((gazette.folder / "state" / "outbox").rglob("*.eml"))
    assert len(mails) == sum(outcome == "sent" for run in (first, same, second) for outcome in told(run).values())


@pytest.mark.parametrize(
    ("wish", "said"),
    [("sometimes", "send_if: must be always"), ("spend_usd>20%", "change>20%"), ("profit>1", "no figure 'profit'")],
)
def test_a_wish_that_cannot_be_met_is_refused(gazette: Gazette, wish: str, said: str) -> None:
    gazette.run("source", "add", "usage")
    gazette.run("report", "add", "usage_summary", "--name", "Weekly", "--formats", "html")
    if "profit" in wish:  # which figures there are is known from a run
        run_now(gazette)
    refused = gazette.run("subscribe", "Weekly", "--outbox", "x", "--send-if", wish, expect=2)
    assert said in refused.stderr


def test_the_file_for_the_next_run_is_nobodys_format(gazette: Gazette) -> None:
    refused = gazette.run("render", "usage_summary", "--formats", "html,results", expect=2)
    assert "formats: must be some of notebook, html, pdf, xlsx, mail; got results" in refused.stderr
