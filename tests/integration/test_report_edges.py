"""Every template on usage at the edges: none, one row, one user, odd names, missing days, nothing before.

Each report is right in all of its formats: its figures are recomputed from the rows, its sentences count right, and no
name or missing value breaks out of its place.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from functools import cache
from typing import Any

import lxml.html
import openpyxl
import pytest
import recomputed
from recomputed import COUNTS, Row
from report_cases import CASES, FIRST, LONGER, ODD_NAMES, TEMPLATES, WEEK, Press, Report, days

from reports.model import Format

EDGES = ("empty", "one row", "one user", "odd names", "missing days", "nothing before")
BROKEN = re.compile(r"\b(?:nan|NaN|NaT|inf|Infinity|None(?! of)|null|undefined)\b|<NA>|∞")
MANY_OF_ONE = re.compile(
    r"(?<![\d.,])1[ \u00a0](?:(?!M )\w+ )?(?:requests|users|tokens|models|days|keys|teams|rows|failures)\b"
)
CHANGE = re.compile(r"[+−]?\d[\d,]*\.\d\u00a0%|new|–|")
LONGEST_IN_SENTENCE = 60
ROUNDED = 0.006  # percentiles: durations may be kept to three significant digits
KNOWN = set(days(FIRST, WEEK.end))

SENTENCES = {  # of one row, which every template tells in the singular
    "usage_summary": [
        "1 request from 1 user cost $0.0025; there was no usage in the period before.",
        "All usage is of one model, mistral/small.",
        "All usage is of one user, Person 00.",
        "The one request succeeded.",
    ],
    "cost_analysis": [
        "1 request cost $0.0025; the period before cost nothing.",
        "All usage is of one model, mistral/small.",
        "All usage is of one user, Person 00.",
        "The one request succeeded.",
    ],
    "user_activity": [
        "1 user was active, against none in the period before: 1 new.",
        "Every request is by Person 00.",
        "Person 00 made 1 more request than before.",
    ],
    "model_performance": [
        "The one request succeeded.",
        "The request took 8.07 s.",
        "The answer began within 400 ms.",
        "Answers were written at 135 tokens a second.",
        "No answer came from the response cache.",
    ],
}


@pytest.fixture(params=TEMPLATES)
def template(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=EDGES)
def report(request: pytest.FixtureRequest, press: Press, template: str) -> Report:
    return press.report(template, request.param)


# What each format says


def page_of(report: Report) -> Any:
    root = lxml.html.document_fromstring(report.page)
    for each in root.xpath("//style"):
        each.drop_tree()
    return root


def said(element: Any) -> str:
    return " ".join(str(element.text_content()).split(" ")).strip()


def sentences(report: Report) -> list[str]:
    return [said(item).replace("\u00a0", " ") for item in page_of(report).xpath("//ul[@class='highlights']/li")]


def cards(report: Report) -> dict[str, tuple[str, str]]:
    """Label -> value and change."""
    items = page_of(report).xpath("//li[@class='kpi']")
    parts = [[said(part) for part in item.xpath("./span")] for item in items]
    return {label: (value, change) for label, value, change in parts}


def sheets(report: Report) -> dict[str, list[list[Any]]]:
    book = openpyxl.load_workbook(report.path(Format.XLSX), read_only=True)
    found = {sheet.title: [list(row) for row in sheet.iter_rows(values_only=True)] for sheet in book.worksheets}
    book.close()
    return found


def pdf_text(report: Report) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it is compiled against another Python
        import pymupdf  # noqa: PLC0415

        with pymupdf.open(report.path(Format.PDF)) as opened:
            return "\n".join(page.get_text() for page in opened)


def texts(report: Report) -> Iterator[tuple[str, str]]:
    """Every text of every format, and where it stands."""
    root = page_of(report)
    yield from (("html", text) for text in root.itertext())
    yield from (("alt", text) for text in root.xpath("//@aria-label | //@alt"))
    yield from (
        (f"xlsx, {title}", text)
        for title, rows in sheets(report).items()
        for row in rows
        for text in row
        if isinstance(text, str)
    )
    yield "mail", report.mail["text"]
    yield "pdf", pdf_text(report)


def test_nothing_reads_broken(report: Report) -> None:
    found = [(place, text) for place, text in texts(report) if BROKEN.search(_without_names(text))]
    assert found == []
    many = [(place, each) for place, text in texts(report) for each in MANY_OF_ONE.findall(text)]
    assert many == []


def _without_names(text: str) -> str:
    """Names may be anything."""
    for name in ODD_NAMES:
        text = text.replace(name, "")
    return text


def test_changes_are_percentages_or_words(report: Report) -> None:
    for table in page_of(report).xpath("//table"):
        heads = [said(head) for head in table.xpath("./thead//th")]
        for row in table.xpath("./tbody/tr"):
            cells = [said(cell) for cell in row.xpath("./th | ./td")]
            changes = [cell for head, cell in zip(heads, cells, strict=True) if head.startswith("Change in ")]
            assert all(CHANGE.fullmatch(change) for change in changes), (heads, cells)


# Figures, once more from the rows


@cache
def rows_of(case: str) -> list[Row]:
    found = []
    for row in CASES[case].rows():
        failed = int(row["status"] == "failure")
        own: Row = {"day": row["started_at"].date(), "requests": 1, "failures": failed, "successes": 1 - failed}
        own["ttft_ms"] = row["ttft_ms"] if row["ttft_ms"] < row["duration_ms"] else None  # it was not streamed
        found.append(dict.fromkeys(COUNTS, 0) | row | own | {"timed_requests": 1 - failed})
    return found


def case_of(case: str) -> recomputed.Case:
    known = KNOWN - set(CASES[case].missing)
    return recomputed.Case(rows_of(case), [*days(WEEK.start, WEEK.end)], known, rows_of(case))


def test_every_key_figure_is_recomputed(report: Report) -> None:
    case = case_of(report.case)
    (header, *rows) = sheets(report)["Key figures"]
    told = {row[header.index("Figure")]: row for row in rows}
    for at, column in ((case.days, "This period"), (case.before, "Period before")):
        if column == "Period before" and not case.comparable:
            assert {row[header.index(column)] for row in rows} == {None}
            continue
        expected = recomputed.figures(report.template, case, at)
        values = {name: told[name][header.index(column)] for name in expected}
        if column == "Period before":  # a figure that cannot be compared has none
            expected = {name: value for name, value in expected.items() if values[name] is not None or value == 0}
        wrong = {
            name: (values[name], value) for name, value in expected.items() if not close(name, values[name], value)
        }
        assert not wrong, column


def close(name: str, told: Any, expected: float | None) -> bool:
    if expected is None:
        return told in {None, "not available"}
    loose = any(word in name for word in ("p50", "p95", "first token"))
    return bool(told == pytest.approx(expected, rel=ROUNDED if loose else 1e-9, abs=1e-12))


def test_totals_change_as_the_cards_do(report: Report) -> None:
    """A board member compares the last row of a table with the figures above it."""
    shown = {label: change for label, (_, change) in cards(report).items()}
    for table in page_of(report).xpath("//table[not(ancestor::details)]"):
        heads = [said(head) for head in table.xpath("./thead//th")]
        for head, label in (("Change in cost", "Cost"), ("Change in requests", "Requests")):
            if head in heads and shown[label] and "comparison" not in shown[label]:
                (total,) = table.xpath("./tbody/tr[@class='total']")
                cell = said(total.xpath("./th | ./td")[heads.index(head)])
                words = shown[label].replace("↑ up ", "+").replace("↓ down ", "−")
                assert words.startswith((cell, "→ steady", "steady")), (head, cell, shown[label])


# The sentences and warnings of each case


def test_one_row_is_told_in_the_singular(press: Press, template: str) -> None:
    assert sentences(press.report(template, "one row")) == SENTENCES[template]


def test_one_user_is_named_and_not_ranked(press: Press, template: str) -> None:
    told = sentences(press.report(template, "one user"))
    if template in {"usage_summary", "user_activity"}:
        (named,) = [text for text in told if "Person 00." in text]
        assert named in {"All usage is of one user, Person 00.", "Every request is by Person 00."}
    assert not any("100.0 %" in text for text in told)
    assert 3 <= len(told) <= 5


def test_an_empty_period_says_so_and_draws_nothing(press: Press, template: str) -> None:
    report = press.report(template, "empty")
    assert sentences(report)[0] == "No usage was recorded for 16 to 22 November 2026."
    assert page_of(report).xpath("//*[@role='img']") == []
    assert "No usage was recorded" in report.mail["text"] and "No usage was recorded" in pdf_text(report)
    assert {value for value, _ in cards(report).values()} <= {"0", "$0.00", "not available"}
    assert not page_of(report).xpath("//p[@class='notice'][contains(., 'No usage')]"), "that is no fault"


def test_missing_days_are_named_everywhere(press: Press, template: str) -> None:
    report, warning = (
        press.report(template, "missing days"),
        "No data for 18 to 19 November 2026: missing here, not zero.",
    )
    (notice,) = page_of(report).xpath("//header//*[@class='notice']")
    assert warning in said(notice)
    for text in (report.mail["text"], pdf_text(report).replace("\n", " ")):
        assert warning in text
    assert any(warning in str(cell) for row in next(iter(sheets(report).values())) for cell in row)
    for value, change in cards(report).values():
        assert value == "not available" or not re.search(r"up|down|steady|new\b", change)


def test_days_without_use_are_zero_and_missing_ones_are_not(press: Press) -> None:
    table = page_of(press.report("usage_summary", "missing days")).xpath("//table[@id='table-over-time']")[0]
    rows = {said(row[0]): [said(cell) for cell in row[1:]] for row in table.xpath("./tbody/tr")}
    assert {*rows["Wed 18 Nov 2026"], *rows["Thu 19 Nov 2026"]} == {"no data"}
    table = page_of(press.report("usage_summary", "one row")).xpath("//table[@id='table-over-time']")[0]
    rows = {said(row[0]): [said(cell) for cell in row[1:]] for row in table.xpath("./tbody/tr")}
    assert rows["Mon 16 Nov 2026"] == ["0", "0", "0", "0", "$0.00", "–"]


def test_from_nothing_is_new_and_no_forecast(press: Press, template: str) -> None:
    report = press.report(template, "nothing before")
    changes = [change for _, change in cards(report).values()]
    assert any(change.startswith("new from") for change in changes)
    assert not any("%" in change or "points" in change for change in changes)
    if template == "cost_analysis":
        (value, why) = next(card for label, card in cards(report).items() if label.startswith("Expected for"))
        assert (value, why) == ("not available", "too little history for a forecast")
        assert "since the first above zero; there are 7." in report.page


# Names


def test_names_are_text_and_nothing_runs(press: Press, template: str) -> None:
    report = press.report(template, "odd names")
    root = page_of(report)
    assert root.xpath("//script | //img[@onerror] | //@onerror | //a[starts-with(@href, 'javascript')]") == []
    assert root.xpath("//a[not(starts-with(@href, '#'))]") == []
    for name in ODD_NAMES[:2]:
        assert name not in re.sub(r"&\w+;", "", report.page), "only escaped"
    book = openpyxl.load_workbook(report.path(Format.XLSX))
    assert not [cell.coordinate for sheet in book for row in sheet.iter_rows() for cell in row if cell.data_type == "f"]
    book.close()


def test_long_names_are_whole_in_tables_and_sheets_and_short_in_sentences(press: Press, template: str) -> None:
    report = press.report(template, "odd names")
    whole = {" ".join(name.split()) for name in (*ODD_NAMES[5:6], ODD_NAMES[0])}
    if template in {"usage_summary", "user_activity"}:
        whole.add(LONGER)
    cells = {" ".join(said(cell).split()) for cell in page_of(report).xpath("//table//th | //table//td")}
    assert whole <= cells
    sheet_cells = {" ".join(str(cell).split()) for rows in sheets(report).values() for row in rows for cell in row}
    assert whole <= sheet_cells
    alternatives = [str(text) for text in page_of(report).xpath("//*[@role='img']/@aria-label")]
    for text in (*sentences(report), *alternatives):
        assert "x" * (LONGEST_IN_SENTENCE + 1) not in text and ODD_NAMES[5].strip() not in text
    in_print = "".join(pdf_text(report).split())
    assert all("".join(name.split()) in in_print for name in whole)


def test_names_from_right_to_left_turn_nothing_else(press: Press, template: str) -> None:
    root = page_of(press.report(template, "odd names"))
    for element in root.xpath("//article//*[not(self::bdi or self::text or self::tspan)]"):
        own = "".join([element.text or "", *(child.tail or "" for child in element)])
        assert not re.search("[\u0590-\u06ff\u202a-\u202e]", own), (element.tag, own)
