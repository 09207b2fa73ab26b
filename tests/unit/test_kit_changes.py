"""The section "Since the last report": read as its reader would, and what it records."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import lxml.html
import pandas as pd
import pytest
from kit_snapshots import Pieces, Plan, open_run

from reports import bundle, kit
from reports.kit import context
from reports.model import Period
from reports.results import CONTEXT_FILE, RUN_DIR_VARIABLE, Changes, Context

WEEK = Period(date(2026, 11, 16), date(2026, 11, 22))
LAST_WEEK = WEEK.before()
DIGEST = "3f9c2ab41d77"  # of the plan's template
COLUMNS = [
    kit.Column("name", "User"),
    kit.Column("id", "User id", sheet_only=True),
    kit.Column("requests", "Requests", "count"),
    kit.Column("spend_usd", "Cost", "usd"),
]
Rows = list[tuple[str, int, float]]
BEFORE: Rows = [("Ann", 10, 10.0), ("Ben", 5, 2.0), ("Old", 1, 0.5)]
NOW: Rows = [("Ann", 10, 15.0), ("Ben", 5, 2.0), ("<b>Eve</b>", 2, 1.0)]


def report(rows: Rows, requests: int, title: str = "Users") -> None:
    spent = sum(spend for _, _, spend in rows)
    rate = kit.metric("rate", "Success rate", 99.0, unit="percent")
    kit.metrics(
        [kit.metric("requests", "Requests", requests), kit.metric("spend_usd", "Cost", spent, unit="usd"), rate]
    )
    frame = pd.DataFrame([(name, f"id-{name}", many, spend) for name, many, spend in rows], columns=names())
    kit.table(title, frame, COLUMNS)


def names() -> list[str]:
    return [column.name for column in COLUMNS]


def since(run_dir: Path, facts: dict[str, Any], **changes: Any) -> None:
    """Tell the run that an earlier one left its results."""
    made = Context.read(run_dir)
    replace(made, previous_run=facts, **changes).write(run_dir)
    context.forget()


@pytest.fixture
def pieces(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Pieces:
    """A run that follows one which reported BEFORE."""
    earlier = tmp_path / "earlier"
    earlier.mkdir()
    open_run(monkeypatch, earlier, Plan(LAST_WEEK, users=1))
    report(BEFORE, 16)
    kit.definitions({"Cost": "As stored."})
    run_dir = tmp_path / "run"
    run_dir.mkdir()
    pieces = open_run(monkeypatch, run_dir, Plan(WEEK, users=1))
    bundle.write(bundle.of_run(earlier, DIGEST), run_dir / "results.zip")
    since(run_dir, earlier_facts())
    return pieces


def earlier_facts(period: Period = LAST_WEEK) -> dict[str, Any]:
    due = "2026-11-16T06:00:00+00:00"
    return {"run_id": "00RUN", "due_at": due, "period": period.to_json(), "file": "results.zip"}


def prose(pieces: Pieces) -> str:
    return "\n".join(each["text/plain"] for each in pieces.of("changes"))


def table_rows(pieces: Pieces, ident: str) -> list[list[str]]:
    (html,) = [each["text/html"] for each in pieces.of("table") if f'id="table-{ident}"' in each["text/html"]]
    rows = lxml.html.fromstring(html).xpath("//tr")
    return [[cell.text_content().replace("\u00a0", " ") for cell in row.xpath("./th|./td")] for row in rows]


def test_the_first_report_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pieces = open_run(monkeypatch, tmp_path, Plan(WEEK, users=1))
    report(NOW, 17)
    kit.changes()
    assert prose(pieces) == "There is no earlier report to compare with."
    assert pieces.results.changes == Changes(compared=False)
    assert len(pieces.of("table")) == 1


def test_figures_and_rows_are_named(pieces: Pieces) -> None:
    report(NOW, 17)
    kit.changes()
    first, rest = prose(pieces).split("\n")
    assert first == "Compared with the report of 16 November 2026, 06:00 UTC for 9 to 15 November 2026."
    assert rest == "Steady, within 1 %: Success rate."
    assert table_rows(pieces, "changes-figures") == [
        ["Figure", "This report", "Last report", "Change"],
        ["Requests", "17", "16", "↑ up 6.2 %"],
        ["Cost", "$18.00", "$12.50", "↑ up 44.0 %"],
    ]
    assert table_rows(pieces, "changes-users") == [
        ["User", "Cost, this report", "Cost, last report", "Change"],
        ["<b>Eve</b>", "$1.00", "–", "new"],
        ["Old", "–", "$0.5000", "gone"],
        ["Ann", "$15.00", "$10.00", "↑ up 50.0 %"],
    ]
    assert pieces.results.changes == Changes(True, metrics=2, new_rows=1, gone_rows=1, changed_rows=1)


def test_tables_are_accessible_and_names_are_text(pieces: Pieces) -> None:
    report(NOW, 17)
    kit.changes()
    page = lxml.html.fromstring("<main>" + "".join(each["text/html"] for each in pieces.of("table")) + "</main>")
    assert len(page.xpath("//table")) == len(page.xpath("//table/caption[normalize-space()]")) == 3
    assert all(head.get("scope") for head in page.xpath("//th"))
    idents = page.xpath("//@id")
    assert len(idents) == len(set(idents))
    assert not page.xpath("//tbody//b"), "a name is never markup"


def test_every_row_goes_to_a_sheet_that_is_not_compared_next_time(pieces: Pieces) -> None:
    before = [*BEFORE, *((f"gone {n}", 1, 1.0 + n) for n in range(7))]
    earlier = pieces.run_dir.parent / "longer"
    write_earlier(earlier, before)
    bundle.write(bundle.of_run(earlier, DIGEST), pieces.run_dir / "results.zip")
    report(NOW, 17)
    kit.changes()
    rows = table_rows(pieces, "changes-users")
    assert any(
        "8 gone" in each["text/html"] and "5 of each, the largest by cost," in each["text/html"]
        for each in pieces.of("table")
    )
    assert [row[0] for row in rows if row[-1] == "gone"] == [f"gone {n}" for n in (6, 5, 4, 3, 2)], "the largest five"
    (record,) = [table for table in pieces.results.tables if table.role == "changes"]
    sheet = pd.read_parquet(pieces.run_dir / record.file)
    assert (sheet["words"] == "gone").sum() == 8
    assert set(bundle.of_run(pieces.run_dir, DIGEST).tables) == {"users"}


def write_earlier(folder: Path, rows: Rows) -> None:
    folder.mkdir()
    frame = pd.DataFrame([(name, f"id-{name}", many, spend) for name, many, spend in rows], columns=names())
    frame.to_parquet(folder / "users.parquet")
    columns = [{"name": column.name, "label": column.label, "unit": column.unit} for column in COLUMNS]
    record = {"kind": "table", "name": "users", "title": "Users", "file": "users.parquet", "columns": columns}
    (folder / "results.jsonl").write_text(json.dumps(record) + "\n")


def test_nothing_changed_is_said(pieces: Pieces) -> None:
    report(BEFORE, 16)
    since(pieces.run_dir, earlier_facts(WEEK))
    kit.changes()
    assert "It covered the same days. Nothing changed." in prose(pieces)
    assert "Steady" not in prose(pieces) and "No row" not in prose(pieces), "once is enough"
    assert len(pieces.of("table")) == 1
    assert pieces.results.changes == Changes(compared=True)
    assert not Changes(compared=True).anything


def test_a_period_of_another_length_is_said(pieces: Pieces) -> None:
    report(NOW, 17)
    since(pieces.run_dir, earlier_facts(Period(date(2026, 11, 14), date(2026, 11, 15))))
    kit.changes()
    assert "It covered 2 days, this one 7." in prose(pieces)


def test_another_template_and_other_definitions_are_said(pieces: Pieces) -> None:
    report(NOW, 17)
    since(pieces.run_dir, earlier_facts(), template_digest="other")
    kit.changes(terms={"Cost": "With tax.", "Tokens": "Prompt plus completion."})
    assert "The template was changed since then" in prose(pieces)
    assert "Defined in other words since then: Cost." in prose(pieces)


def test_only_the_named_tables_and_by_the_named_key(pieces: Pieces) -> None:
    report(NOW, 17)
    kit.changes(tables=[])
    assert [each for each in pieces.of("table") if "changes-users" in each["text/html"]] == []
    assert pieces.results.changes == Changes(compared=True, metrics=2)
    kit.changes(["users"], {"users": "spend_usd"})
    assert pieces.results.changes == Changes(True, metrics=2, new_rows=2, gone_rows=2, changed_rows=0)


def test_tables_that_cannot_be_compared_say_why(pieces: Pieces) -> None:
    report(NOW, 17)
    kit.changes(keys={"users": "no such column"})
    assert "Users cannot be compared: its columns are others than then." in prose(pieces)


def test_results_that_cannot_be_read_make_no_report_fail(pieces: Pieces) -> None:
    report(NOW, 17)
    (pieces.run_dir / "results.zip").write_bytes(b"torn")
    kit.changes()
    assert prose(pieces).startswith("The results of the last report cannot be read")
    assert pieces.results.changes == Changes(compared=False)


def test_figures_that_came_and_went(pieces: Pieces) -> None:
    kit.metrics([kit.metric("spend_usd", "Cost", None, unit="usd"), kit.metric("p95", "Latency", 120, unit="ms")])
    kit.changes(tables=[])
    assert table_rows(pieces, "changes-figures")[1:] == [
        ["Cost", "not available", "$12.50", "no comparison"],
        ["Latency", "120 ms", "–", "new"],
        ["Requests", "–", "16", "gone"],
        ["Success rate", "–", "99.0 %", "gone"],
    ]


def test_in_jupyterlab_it_says_that_there_is_nothing_to_compare(
    pieces: Pieces, monkeypatch: pytest.MonkeyPatch
) -> None:
    facts = Context(**json.loads((pieces.run_dir / CONTEXT_FILE).read_text()))
    monkeypatch.delenv(RUN_DIR_VARIABLE)
    monkeypatch.setattr(context, "_current", context.RunContext(facts, None))
    kit.changes()
    assert prose(pieces) == "There is no earlier report to compare with."


def test_long_lists_of_figures_are_cut_and_counted(pieces: Pieces, tmp_path: Path) -> None:
    earlier = tmp_path / "many"
    earlier.mkdir()
    for number in range(30):
        facts = {"kind": "metric", "name": f"m{number}", "label": f"Figure {number}", "value": 100}
        with (earlier / "results.jsonl").open("a") as file:
            file.write(json.dumps(facts) + "\n")
    bundle.write(bundle.of_run(earlier, DIGEST), pieces.run_dir / "results.zip")
    kit.metrics([kit.metric(f"m{n}", f"Figure {n}", 100 if n < 10 else 150) for n in range(30)])
    kit.changes(tables=[])
    assert len(table_rows(pieces, "changes-figures")) == 1 + 12
    assert any("20 of 30" in each["text/html"] and "12 are listed" in each["text/html"] for each in pieces.of("table"))
    assert "Steady, within 1 %: 10 figures." in prose(pieces)
