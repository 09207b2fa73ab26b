"""Tables of the kit: accessible, safe with odd names, exact in the sheet, and adding up."""

from __future__ import annotations

import math
from datetime import date
from pathlib import Path

import lxml.html
import pandas as pd
import pytest
from kit_snapshots import Pieces, Plan, open_run

from reports import kit
from reports.kit import tables
from reports.model import Period

DAY = Period(date(2026, 11, 22), date(2026, 11, 22))
COLUMNS = [
    kit.Column("name", "Name"),
    kit.Column("requests", "Requests", "count"),
    kit.Column("spend_usd", "Cost", "usd"),
    kit.Column("share", "Share", "percent", share="spend_usd"),
    kit.Column("rate", "Success", "percent", ratio=("successes", "requests")),
    kit.Column("change", "Change", "percent", change=("spend_usd", "before")),
    kit.Column("id", "Id", sheet_only=True),
]
FRAME = pd.DataFrame(
    {
        "name": ["<script>alert(1)</script>", "x" * 300, "مستخدم", "plain"],
        "id": ["a", "b", "c", "d"],
        "requests": [10, 20, 30, 40],
        "successes": [10, 10, 30, 0],
        "spend_usd": [0.1, 0.2, 0.3, 0.0],
        "before": [0.05, 0.0, 0.3, 0.0],
    }
)


@pytest.fixture
def pieces(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Pieces:
    return open_run(monkeypatch, tmp_path, Plan(DAY, users=1))


def cells(html: str) -> list[list[str]]:
    rows = lxml.html.fromstring(html).xpath("//tbody/tr")
    return [[cell.text_content().replace("\u00a0", " ") for cell in row.xpath("./th|./td")] for row in rows]


def test_a_table_is_one_region_with_a_caption_and_scoped_headers(pieces: Pieces) -> None:
    kit.table("Top users", FRAME, COLUMNS, caption="By cost", total=True)
    root = lxml.html.fromstring(pieces.html("table"))
    assert root.get("class") == "table-scroll" and root.get("role") == "region" and root.get("tabindex") == "0"
    (caption,) = root.xpath("./table/caption")
    assert caption.get("id") == root.get("aria-labelledby") and caption.text_content() == "By cost"
    assert len(root.xpath("//thead/tr")) == 1
    assert all(head.get("scope") == "col" for head in root.xpath("//thead//th"))
    widths = {len(row.xpath("./th|./td")) for row in root.xpath("//tr")}
    assert widths == {6}
    assert all(row.xpath("./th[@scope='row']") for row in root.xpath("//tbody/tr"))
    assert {cell.get("class") for cell in root.xpath("//tbody//td")} == {"num"}


def test_numbers_and_days_are_told_apart_for_their_print(pieces: Pieces) -> None:
    frame = pd.DataFrame({"name": ["a"], "count": [1], "day": [DAY.end], "text": ["b"]})
    columns = [kit.Column(name, name, unit) for name, unit in zip(frame, ("", "count", "date", ""), strict=True)]
    kit.table("Days", frame, columns)
    row = lxml.html.fromstring(pieces.html("table")).xpath("//tbody/tr/*")
    assert [cell.get("class") for cell in row] == [None, "num", "date", None]


def test_names_from_data_are_text(pieces: Pieces) -> None:
    kit.table("Users", FRAME, COLUMNS)
    html = pieces.html("table")
    assert "<script" not in html and "&lt;script&gt;" in html
    assert f"<bdi>{'x' * 300}</bdi>" in html
    assert "<bdi>مستخدم</bdi>" in html
    assert "style=" not in html


def test_rows_beyond_the_limit_are_summed_and_rates_are_of_the_sums(pieces: Pieces) -> None:
    kit.table("Users", FRAME, COLUMNS, total=True, max_rows=2)
    *_, others, total = cells(pieces.html("table"))
    assert others == ["All others (2)", "70", "$0.3000", "50.0 %", "42.9 %", "0.0 %"]
    assert total == ["Total", "100", "$0.6000", "100.0 %", "50.0 %", "+71.4 %"]


def test_new_and_missing_values_are_words(pieces: Pieces) -> None:
    frame = FRAME.assign(requests=pd.array([10, None, 30, 40], dtype="Int64"))
    kit.table("Users", frame, COLUMNS, missing="no data")
    first, second, _, last = cells(pieces.html("table"))
    assert first[-1] == "+100.0 %"
    assert second[1] == "no data" and second[-1] == "new"
    assert last[-1] == "0.0 %"


def test_the_sheet_has_every_row_exactly(pieces: Pieces) -> None:
    kit.table("Top users", FRAME, COLUMNS, total=True, max_rows=1)
    (record,) = pieces.results.tables
    assert (record.title, record.role) == ("Top users", "table")
    assert [column.name for column in record.columns] == [column.name for column in COLUMNS]
    sheet = pd.read_parquet(pieces.run_dir / record.file)
    assert list(sheet["spend_usd"]) == [0.1, 0.2, 0.3, 0.0]
    assert list(sheet["name"]) == list(FRAME["name"])
    assert list(sheet["id"]) == ["a", "b", "c", "d"]
    assert sheet["share"].sum() == pytest.approx(100)
    assert pd.isna(sheet["change"].iloc[1])


def test_a_sheet_that_holds_more_than_the_page_says_so_in_a_caption_of_its_own(pieces: Pieces) -> None:
    kit.table("First", FRAME, COLUMNS, caption="The first of 4", sheet_caption="All 4", max_rows=1)
    kit.table("Whole", FRAME, COLUMNS, caption="By cost")
    assert [record.caption for record in pieces.results.tables] == ["All 4", "By cost"]
    captions = [lxml.html.fromstring(piece["text/html"]).xpath("string(//caption)") for piece in pieces.of("table")]
    assert captions == ["The first of 4", "By cost"]


def test_two_tables_of_one_title_keep_their_own_files(pieces: Pieces) -> None:
    kit.table("Users", FRAME.head(1), COLUMNS)
    kit.table("Users", FRAME, COLUMNS)
    first, second = pieces.results.tables
    assert first.file != second.file
    assert len(pd.read_parquet(pieces.run_dir / first.file)) == 1
    ids = [lxml.html.fromstring(piece["text/html"]).xpath("./table/@id")[0] for piece in pieces.of("table")]
    assert len(set(ids)) == 2


def test_an_empty_frame_is_a_sentence_and_no_sheet(pieces: Pieces) -> None:
    kit.table("Users", FRAME.head(0), COLUMNS, empty="Nobody used it.")
    assert pieces.of("table") == []
    assert "Nobody used it." in pieces.html("notice")
    assert pieces.results.tables == ()


def test_a_missing_column_is_an_error(pieces: Pieces) -> None:
    with pytest.raises(KeyError, match="nothing"):
        kit.table("Users", FRAME, [*COLUMNS, kit.Column("nothing", "Nothing", "count")])


def test_sums_do_not_round_on_the_way() -> None:
    frame = pd.DataFrame({"spend_usd": [1e16, 1.0, -1e16, 0.1]})
    assert tables.sums_of(frame) == {"spend_usd": math.fsum([1e16, 1.0, -1e16, 0.1])}
    assert tables.sums_of(pd.DataFrame({"x": [math.nan]})) == {"x": None}


def test_plain_text_says_the_same(pieces: Pieces) -> None:
    kit.table("Users", FRAME.tail(1), COLUMNS, total=True)
    (piece,) = pieces.of("table")
    assert "plain\t40\t$0.00" in piece["text/plain"] and "Total" in piece["text/plain"]
