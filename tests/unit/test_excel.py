"""The workbook: exact numbers, real dates, text that stays text, names that fit, and nothing lost."""

from __future__ import annotations

import random
import re
import string
import zipfile
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd
import pytest
import report_notebooks
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree
from openpyxl.workbook.workbook import Workbook
from PIL import Image

from reports.errors import RenderError
from reports.results import Column, Results, Table, append, read_results
from runner.render.excel import Source, write_workbook
from runner.render.excel_cells import MAX_NAME, clean_text, number_format, sheet_names
from runner.render.excel_pictures import Picture
from runner.render.excel_tables import table_names

EMPTY_PAGE = "<!doctype html><html><body><h1>t</h1></body></html>"


def write(run_dir: Path, page: str = EMPTY_PAGE, currency: str = "USD") -> tuple[Workbook, list[str]]:
    path = run_dir / "report.xlsx"
    names = write_workbook(path, Source(run_dir, read_results(run_dir), page, "A title", currency))
    return openpyxl.load_workbook(path), names


def written(run_dir: Path, frame: pd.DataFrame, *columns: Column) -> Any:
    """The sheet of one table of `frame`."""
    shown = columns or tuple(Column(str(name), str(name)) for name in frame)
    report_notebooks.add_table(run_dir, Table("data", "Data", "data.parquet", shown), frame)
    return write(run_dir)[0]["Data"]


def naive(*parts: int) -> datetime:
    """An instant as a cell holds it, without a zone."""
    return datetime(*parts)  # type: ignore[arg-type]  # noqa: DTZ001


def rows(sheet: Any) -> list[list[Any]]:
    return [[cell.value for cell in row] for row in sheet.iter_rows()]


def test_the_sheets_are_summary_tables_figures_definitions(tmp_path: Path) -> None:
    report_notebooks.kit_results(tmp_path)
    book, names = write(tmp_path)
    figures = ["Figures requests", "Figures cost", "Figures busy"]
    assert book.sheetnames == names == ["Summary", "Key figures", "Top users", "Teams", *figures, "Definitions"]


def test_numbers_are_exactly_the_tables(tmp_path: Path) -> None:
    report_notebooks.kit_results(tmp_path)
    sheet = write(tmp_path)[0]["Top users"]
    frame = pd.read_parquet(tmp_path / "table-top.parquet")
    assert rows(sheet)[1:] == frame.to_numpy().tolist()
    assert all(type(row[3]) is float for row in rows(sheet)[1:])


def test_units_decide_number_formats(tmp_path: Path) -> None:
    report_notebooks.kit_results(tmp_path)
    sheet = write(tmp_path)[0]["Top users"]
    formats = [cell.number_format for cell in sheet[2]]
    assert formats == ["General", "#,##0", "#,##0", number_format("usd"), '0.00" %"']


def test_every_program_shows_the_sign_and_the_digits(tmp_path: Path) -> None:
    """Of three conditions LibreOffice drops the minus in the last, and General does not fit a narrow column there."""
    columns = (Column("name", "Name"), Column("usd", "Cost", "usd"), Column("score", "Score", "number"))
    frame = pd.DataFrame({"name": list("abcd"), "usd": [-0.07, 0.07, -7.0, 0.0], "score": [-4.18342, 4.0, 0.5, 2000.5]})
    sheet = written(tmp_path, frame, *columns)
    small, *others = [cell.number_format for cell in sheet["B"][1:]]
    assert small == '"$"0.0000' and set(others) == {number_format("usd")}
    assert [cell.number_format for cell in sheet["C"][1:]] == ["#,##0.00", "#,##0", "#,##0.00", "#,##0"]
    assert rows(sheet)[1][1:] == [-0.07, -4.18342]


def test_a_text_beside_a_number_keeps_its_distance(tmp_path: Path) -> None:
    columns = (Column("day", "Day", "date"), Column("cost", "Cost", "usd"), Column("why", "Why"), Column("who", "Who"))
    frame = pd.DataFrame({"day": [date(2026, 11, 9)], "cost": [1.0], "why": ["=1"], "who": ["Ann"]})
    sheet = written(tmp_path, frame, *columns)
    assert [[cell.alignment.indent for cell in row] for row in sheet.iter_rows()] == [[0, 0, 1, 0]] * 2
    assert sheet["C2"].data_type == "s"


def test_the_cover_says_what_a_chart_shows_and_not_its_figures(tmp_path: Path) -> None:
    report_notebooks.kit_results(tmp_path)
    image = BytesIO()
    Image.new("RGB", (4, 4)).save(image, "PNG")
    alt = "Bars of the share of cost: one 70.0 %, two 30.0 %."
    picture = Picture("Cost", alt, image.getvalue(), table="cost-figures")
    source = Source(tmp_path, read_results(tmp_path), EMPTY_PAGE, "A title", pictures=(picture,))
    write_workbook(tmp_path / "report.xlsx", source)
    told = rows(openpyxl.load_workbook(tmp_path / "report.xlsx")["Summary"])
    assert [row[2] for row in told if row[0] == "Figures cost"] == ["Bars of the share of cost."]


def test_another_currency_is_only_another_sign() -> None:
    assert "€" in number_format("usd", "EUR")
    assert "CHF " in number_format("usd", "CHF")
    assert '"' not in number_format("usd", '"x').replace('"x ', "").replace('"', "", 6)


def test_headers_are_frozen_filtered_and_wide_enough(tmp_path: Path) -> None:
    report_notebooks.kit_results(tmp_path)
    sheet = write(tmp_path)[0]["Top users"]
    (table,) = sheet.tables.values()
    assert sheet.freeze_panes == "B2"
    assert table.ref == "A1:E11"
    assert [column.name for column in table.tableColumns] == [cell.value for cell in sheet[1]]
    assert table.autoFilter.ref == table.ref
    assert all(9 <= sheet.column_dimensions[letter].width <= 60 for letter in "ABCDE")


@pytest.mark.parametrize(
    "text",
    [
        "=1+1",
        "=cmd|'/c calc'!A1",
        "+1",
        "-1",
        "@SUM(A1)",
        "\t=1",
        "#N/A",
        "TRUE",
        "1e5",
        "007",
        "2026-01-01",
        "",
        " x ",
    ],
)
def test_text_stays_text(tmp_path: Path, text: str) -> None:
    cell = written(tmp_path, pd.DataFrame({"text": [text, "y"]}))["A2"]
    assert (cell.value or "") == text
    assert not text or cell.data_type == "s"
    assert cell.quotePrefix is bool(text.startswith(("=", "+", "-", "@", "\t")))


def test_no_sheet_of_hostile_text_holds_a_formula(tmp_path: Path) -> None:
    hostile = '=HYPERLINK("https://example.org")'
    report_notebooks.add_table(
        tmp_path, Table("d", hostile, "d.parquet", (Column("a", hostile),), hostile), pd.DataFrame({"a": [hostile]})
    )
    append(tmp_path, "header", {"title": "=1", "lines": ["=2"], "warnings": ["=3"]})
    append(tmp_path, "highlight", {"text": "=4"})
    append(tmp_path, "definition", {"term": "=5", "meaning": "=6"})
    append(tmp_path, "metric", {"name": "m", "label": "=7", "value": 1, "note": "=8"})
    book, _ = write(tmp_path)
    cells = [cell for sheet in book for row in sheet.iter_rows() for cell in row if cell.value is not None]
    assert {cell.value for cell in cells} >= {f"={number}" for number in (1, 2, 4, 5, 6, 7, 8)}
    assert all(cell.data_type != "f" for cell in cells)


def test_characters_no_workbook_can_hold_are_replaced(tmp_path: Path) -> None:
    sheet = written(tmp_path, pd.DataFrame({"text": ["a\x00b\x1bc\ufffe", "line\nbreak"]}))
    assert (sheet["A2"].value, sheet["A3"].value) == ("a\ufffdb\ufffdc\ufffd", "line\nbreak")


def test_lone_surrogates_are_replaced() -> None:
    assert clean_text("a\ud800b😀") == "a\ufffdb😀"


def test_long_text_is_cut_at_what_a_cell_holds() -> None:
    assert len(clean_text("x" * 40_000)) == 32_767


def test_days_and_instants_are_dates(tmp_path: Path) -> None:
    at = datetime(2026, 11, 9, 12, 30, tzinfo=UTC)
    frame = pd.DataFrame(
        {
            "day": [date(2026, 11, 9)],
            "berlin": pd.Series([at]).dt.tz_convert("Europe/Berlin"),
            "naive": [naive(2026, 11, 9, 1, 2, 3)],
            "length": [timedelta(minutes=90)],
        }
    )
    sheet = written(tmp_path, frame)
    assert [cell.value for cell in sheet[1]] == ["day", "berlin (Europe/Berlin)", "naive", "length"]
    assert sheet["A2"].value == naive(2026, 11, 9)
    assert sheet["A2"].number_format == "yyyy-mm-dd"
    assert sheet["B2"].value == naive(2026, 11, 9, 13, 30)
    assert sheet["C2"].value == naive(2026, 11, 9, 1, 2, 3)
    assert sheet["D2"].value == timedelta(minutes=90)


def test_missing_values_are_empty_cells(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {"a": [1.5, None], "b": pd.array([None, 3], dtype="Int64"), "c": ["x", None], "d": [pd.NaT, pd.Timestamp(0)]}
    )
    assert rows(written(tmp_path, frame))[1:] == [[1.5, None, "x", None], [None, 3, None, naive(1970, 1, 1)]]


def test_odd_values_are_kept_readable(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {"a": [float("inf"), 1.0], "b": [True, False], "c": [Decimal("1.10"), Decimal("2.5")], "d": [[1], [2, 3]]}
    )
    assert rows(written(tmp_path, frame))[1:] == [["∞", True, 1.1, "[1]"], [1, False, 2.5, "[2, 3]"]]


def test_labels_are_made_unique_since_a_table_needs_it(tmp_path: Path) -> None:
    frame = pd.DataFrame({"a": [1], "b": [2], "c": [3]})
    sheet = written(tmp_path, frame, Column("a", "Cost"), Column("b", "cost"), Column("c", ""))
    assert [cell.value for cell in sheet[1]] == ["Cost", "cost (2)", "Column 3"]


def test_a_table_without_rows_has_its_header(tmp_path: Path) -> None:
    sheet = written(tmp_path, pd.DataFrame({"a": pd.Series([], dtype="int64")}))
    assert rows(sheet) == [["a"]]
    assert not sheet.tables


@given(st.lists(st.text(max_size=60), max_size=12))
def test_sheet_names_are_always_valid(titles: list[str]) -> None:
    names = sheet_names(titles)
    assert len({name.lower() for name in names}) == len(titles)
    for name in names:
        assert 0 < len(name.encode("utf-16-le", "surrogatepass")) // 2 <= MAX_NAME
        assert not set(name) & set("[]:*?/\\")
        assert not name.startswith("'")
        assert name.lower() != "history"
        name.encode("utf-8")


def test_long_equal_titles_get_numbers() -> None:
    names = sheet_names(["x" * 40, "X" * 40, "a/b:c", "a?b*c"])
    assert names == ["x" * 31, "X" * 27 + " (2)", "a b c", "a b c (2)"]


def test_the_summary_says_what_the_report_says(tmp_path: Path) -> None:
    report_notebooks.kit_results(tmp_path)
    sheet = write(tmp_path)[0]["Summary"]
    lines = rows(sheet)
    first = [line[0] for line in lines]
    assert first[:4] == [
        report_notebooks.TITLE,
        "9 to 15 November 2026 (7 days).",
        "Against 2 to 8 November 2026.",
        "Note: No data for 11 November 2026.",
    ]
    assert set(report_notebooks.HIGHLIGHTS) <= set(first)
    assert lines[first.index("Top users")] == ["Top users", 10, "Users with the highest cost"]


def test_key_figures_are_a_table_of_their_own(tmp_path: Path) -> None:
    report_notebooks.kit_results(tmp_path)
    sheet = write(tmp_path)[0]["Key figures"]
    (table,) = sheet.tables.values()
    assert (table.displayName, table.ref) == ("Key_figures", "A1:G5")
    metrics = {line[0]: line[1:] for line in rows(sheet)}
    assert [line[4] for line in list(metrics.values())[1:]] == ["number", "USD", "milliseconds", "number"]
    assert metrics["Requests"][:4] == [10_420_123, 8_700_000, 19.77, "up"]
    assert metrics["Cost"][:2] == [9326.921234, 9144.98]
    assert metrics["Latency"] == ["not available", None, None, None, "milliseconds", "no timed requests"]
    assert metrics["New users"][:4] == [5, 0, None, "new"]


def test_every_sheet_is_reached_from_the_cover(tmp_path: Path) -> None:
    report_notebooks.kit_results(tmp_path)
    book, names = write(tmp_path)
    links = {
        cell.value: cell.hyperlink.location for row in book["Summary"].iter_rows() for cell in row if cell.hyperlink
    }
    assert links == {name: f"'{name}'!A1" for name in names[1:]}


def test_a_link_to_a_sheet_with_a_quote_is_quoted(tmp_path: Path) -> None:
    report_notebooks.add_table(
        tmp_path, Table("d", "Ada's", "d.parquet", (Column("a", "A"),)), pd.DataFrame({"a": [1]})
    )
    book, _ = write(tmp_path)
    assert [cell.hyperlink.location for row in book["Summary"].iter_rows() for cell in row if cell.hyperlink] == [
        "'Ada''s'!A1"
    ]


def test_tables_are_named_after_their_sheets(tmp_path: Path) -> None:
    report_notebooks.kit_results(tmp_path)
    book, _ = write(tmp_path)
    names = {sheet.title: list(sheet.tables) for sheet in book}
    assert names["Summary"] == []
    assert names["Top users"] == ["Top_users"]
    assert names["Figures requests"] == ["Figures_requests"]
    assert names["Definitions"] == ["Definitions"]


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("Top users", "Top_users"),
        ("Top 10", "Top_10"),
        ("TOP10", "Table_TOP10"),
        ("R1C1", "Table_R1C1"),
        ("c", "Table_c"),
        ("2026", "Table_2026"),
        ("مستخدم", "Table"),
        ("", "Table"),
        ("a/b: c", "a_b_c"),
    ],
)
def test_table_names_are_valid(title: str, name: str) -> None:
    assert table_names([title]) == [name]


@given(st.lists(st.text(max_size=80), max_size=12))
def test_table_names_are_always_valid(titles: list[str]) -> None:
    names = table_names(titles)
    assert len({name.lower() for name in names}) == len(titles)
    for name in names:
        assert re.fullmatch(r"[A-Za-z][0-9A-Za-z_]{0,70}", name)
        assert not re.fullmatch(r"[A-Za-z]{1,3}\d+|[RrCc]\d*|[Rr]\d+[Cc]\d+", name)


def test_the_file_says_what_it_is(tmp_path: Path) -> None:
    report_notebooks.kit_results(tmp_path)
    book, _ = write(tmp_path)
    properties = book.properties
    assert (properties.title, properties.creator, properties.language) == ("A title", "Gazette", "en")
    assert properties.subject == "9 to 15 November 2026 (7 days)."
    assert {sheet.oddHeader.left.text for sheet in book} == {"&A"}


def pictures_of(path: Path) -> dict[str, str]:
    """Name and text alternative of every picture, read from the file itself."""
    with zipfile.ZipFile(path) as archive:
        roots = [etree.fromstring(archive.read(name)) for name in archive.namelist() if "drawings/drawing" in name]
    facts = [each for root in roots for each in root.iter("{*}cNvPr")]
    return {each.get("name"): each.get("descr") for each in facts}


def png(width: int, height: int) -> bytes:
    content = BytesIO()
    Image.new("RGB", (width, height), "white").save(content, "PNG")
    return content.getvalue()


def test_a_chart_stands_beside_its_figures_with_its_alternative(tmp_path: Path) -> None:
    report_notebooks.kit_results(tmp_path)
    beside = Picture("Requests", "Line of <requests> & more: =1", png(1290, 420), width=860, table="requests-figures")
    alone = Picture("Sales", "Sales by month", png(300, 100), "png")
    path = tmp_path / "report.xlsx"
    names = write_workbook(path, Source(tmp_path, read_results(tmp_path), EMPTY_PAGE, "t", pictures=(beside, alone)))
    assert names[-2:] == ["Charts", "Definitions"]
    assert pictures_of(path) == {"Requests": "Line of <requests> & more: =1", "Sales": "Sales by month"}
    book = openpyxl.load_workbook(path)
    (image,) = book["Figures requests"]._images
    assert (image.anchor._from.col, image.anchor._from.row) == (3, 1)
    assert (image.anchor.ext.width, image.anchor.ext.height) == (860 * 9525, 280 * 9525)
    assert [row[0] for row in rows(book["Charts"]) if row[0]] == ["Sales", "Sales by month"]


def test_pictures_below_each_other_do_not_overlap(tmp_path: Path) -> None:
    pictures = tuple(Picture(f"p{number}", "alt", png(200, 90 * number)) for number in range(1, 4))
    path = tmp_path / "report.xlsx"
    write_workbook(path, Source(tmp_path, Results(), EMPTY_PAGE, "t", pictures=pictures))
    sheet = openpyxl.load_workbook(path)["Charts"]
    titles = [row[0].row for row in sheet.iter_rows() if str(row[0].value).startswith("p")]
    tops = [image.anchor._from.row for image in sheet._images]
    assert tops == titles
    bottoms = [top + image.anchor.ext.height / 9525 / 20 for top, image in zip(tops, sheet._images, strict=True)]
    assert all(bottom < title for bottom, title in zip(bottoms, titles[1:], strict=False))


def test_a_report_without_tables_says_so(tmp_path: Path) -> None:
    book, names = write(tmp_path)
    assert names == ["Summary"]
    assert any("shows no table" in str(line[0]) for line in rows(book["Summary"]))


def test_tables_add_up_for_a_real_reader(tmp_path: Path) -> None:
    report_notebooks.kit_results(tmp_path, rows=300)
    write(tmp_path)
    read = pd.read_excel(tmp_path / "report.xlsx", sheet_name="Top users")
    kept = pd.read_parquet(tmp_path / "table-top.parquet")
    assert read["Requests"].sum() == kept["requests"].sum()
    assert read["Cost"].tolist() == kept["spend"].tolist()


@pytest.mark.parametrize("file", ["../outside.parquet", "/etc/hostname"])
def test_a_table_outside_of_the_run_is_refused(tmp_path: Path, file: str) -> None:
    run_dir = tmp_path / "run"
    run_dir.mkdir()
    pd.DataFrame({"a": [1]}).to_parquet(tmp_path / "outside.parquet")
    results = Results(tables=(Table("d", "D", file, (Column("a", "a"),)),))
    with pytest.raises(RenderError, match="outside of its run"):
        write_workbook(run_dir / "x.xlsx", Source(run_dir, results, EMPTY_PAGE, "t"))


@pytest.mark.parametrize(
    ("file", "columns", "message"),
    [
        ("none.parquet", ("a",), "cannot be read"),
        ("bad.parquet", ("a",), "cannot be read"),
        ("d.parquet", ("a", "z"), "lacks z"),
    ],
)
def test_a_table_that_is_not_there_fails_by_name(
    tmp_path: Path, file: str, columns: tuple[str, ...], message: str
) -> None:
    pd.DataFrame({"a": [1]}).to_parquet(tmp_path / "d.parquet")
    (tmp_path / "bad.parquet").write_bytes(b"no parquet")
    results = Results(tables=(Table("d", "Costs", file, tuple(Column(name, name) for name in columns)),))
    with pytest.raises(RenderError, match=f"'Costs'.*{message}"):
        write_workbook(tmp_path / "x.xlsx", Source(tmp_path, results, EMPTY_PAGE, "t"))


def test_a_table_larger_than_a_sheet_is_refused_not_cut(tmp_path: Path) -> None:
    pd.DataFrame({"a": range(1_048_576)}).to_parquet(tmp_path / "d.parquet")
    results = Results(tables=(Table("d", "D", "d.parquet", (Column("a", "a"),)),))
    with pytest.raises(RenderError, match="1,048,576 rows and a sheet holds 1,048,575"):
        write_workbook(tmp_path / "x.xlsx", Source(tmp_path, results, EMPTY_PAGE, "t"))


def test_many_cells_are_streamed(tmp_path: Path) -> None:
    draw = random.Random(1)
    frame = pd.DataFrame({letter: [draw.random() for _ in range(6000)] for letter in string.ascii_lowercase[:10]})
    sheet = written(tmp_path, frame)
    assert (sheet.max_row, sheet.max_column) == (6001, 10)
    assert sheet["J6001"].value == frame["j"].iloc[-1]


def test_figures_follow_tables_whatever_their_order(tmp_path: Path) -> None:
    for name, role in (("f", "figures"), ("t", "table")):
        table = Table(name, name, f"{name}.parquet", (Column("a", "a"),), role=role)
        report_notebooks.add_table(tmp_path, table, pd.DataFrame({"a": [1]}))
    assert write(tmp_path)[1] == ["Summary", "t", "f"]
    assert asdict(read_results(tmp_path).tables[0])["role"] == "figures"


PLAIN_PAGE = (
    "<!doctype html><html><body><h1>t</h1><h2>Frames</h2><table><caption id='frame-1'>Table 1</caption>"
    "<thead><tr><th>user</th><th>requests</th><th>note</th></tr></thead><tbody>"
    "<tr><th>ana</th><td>1,200</td><td>=1+1</td></tr><tr><th>bo</th><td>3.5</td><td>\u2007</td></tr></tbody></table>"
    "<table><caption id='table-x-caption'>of the kit</caption><tr><td>1</td></tr></table></body></html>"
)


def test_data_frames_without_a_name_become_sheets_of_numbers(tmp_path: Path) -> None:
    book, names = write(tmp_path, PLAIN_PAGE)
    assert names == ["Summary", "Frames"]
    assert rows(book["Frames"]) == [["user", "requests", "note"], ["ana", 1200, "=1+1"], ["bo", 3.5, None]]
    assert book["Frames"]["C2"].data_type == "s"
