"""Every template's PDF before two independent checkers of PDF/UA-1, and by its own structure tree."""

from __future__ import annotations

import warnings
from collections import Counter
from pathlib import Path

import lxml.html
import outloud
import pdfua
import pikepdf
import pytest
import report_notebooks
from nbformat.v4 import new_markdown_cell
from report_cases import CASES, TEMPLATES, Press, Report

from reports.model import Format
from runner.render import ReportRenderer
from runner.render.pdf_tags import elements

# Judgements that no standard asks for, and why each is not followed:
# FIG-012 takes a text alternative with many figures for no language; TBL-010 a table of few rows for a shredded header;
# TBL-014 the rules between cards for a table.
OPINIONS = {"FIG-012", "TBL-010", "TBL-014"}
# PAG-001 takes the header of a table for a running title where six pages or more repeat it; each stays in its cell.
OF_LONG_TABLES = {"PAG-001"}
# With odd names: TXT-003 and TXT-005 where the machine has no font for a script; LNK-010 takes a name for an address.
OF_ODD_NAMES = {"TXT-003", "TXT-005", "LNK-010"}


@pytest.fixture(params=TEMPLATES)
def template(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=list(CASES))
def report(request: pytest.FixtureRequest, press: Press, template: str) -> Report:
    return press.report(template, request.param)


def spaced(text: str) -> str:
    return " ".join(text.split())


def outspoken(path: Path, *severities: str) -> list[str]:
    """What the second checker finds, but for the opinions; by default warnings too."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its PDF reader uses what Python will drop
        result = outloud.check(str(path))
    assert result.error is None
    wanted = severities or ("error", "warning")
    assert not [run for run in result.runs if run.status == "crashed"]
    return [
        f"{each.rule}: {each.message}"
        for each in result.findings
        if each.severity in wanted and each.rule not in OPINIONS
    ]


def test_both_checkers_find_no_fault(report: Report) -> None:
    path = report.path(Format.PDF)
    assert [f"{each.rule_id}: {each.message}" for each in pdfua.validate(path).findings] == []
    found = outspoken(path)
    if report.case == "odd names":
        found = [each for each in found if each.partition(":")[0] not in OF_ODD_NAMES]
    assert found == []


def test_the_document_says_what_it_is(report: Report) -> None:
    with pikepdf.open(report.path(Format.PDF)) as pdf:
        assert str(pdf.Root.Lang) == "en"
        assert bool(pdf.Root.MarkInfo.Marked)
        assert bool(pdf.Root.ViewerPreferences.DisplayDocTitle)
        with pdf.open_metadata() as metadata:
            assert metadata["dc:title"] == str(pdf.docinfo.Title) != ""
            assert metadata["pdfuaid:part"] == "1"


def test_headings_are_bookmarks(report: Report) -> None:
    root = lxml.html.document_fromstring(report.page)
    with pikepdf.open(report.path(Format.PDF)) as pdf, pdf.open_outline() as outline:
        (top,) = outline.root
        titles = [spaced(each.title) for each in (top, *top.children)]
        charts = [spaced(each.title) for each in top.children[-1].children]
    wanted = [spaced(heading.text_content()) for heading in root.xpath("//h1 | //h2")]
    figures = root.xpath("//details[@class='figures']/summary")
    if figures:
        wanted.append("Figures of the charts")
        assert charts == [spaced(each.text_content()).removeprefix("Figures: ") for each in figures]
    assert titles == wanted


def test_every_row_of_every_table_is_printed_once(report: Report) -> None:
    root = lxml.html.document_fromstring(report.page)
    with pikepdf.open(report.path(Format.PDF)) as pdf:
        found = Counter(kind for kind, _ in elements(pdf))
    assert (found["Table"], found["TR"]) == (len(root.xpath("//table")), len(root.xpath("//tr")))


def test_figures_have_alternatives_and_headers_have_scopes(report: Report) -> None:
    with pikepdf.open(report.path(Format.PDF)) as pdf:
        found = list(elements(pdf))
        assert all(str(each.get("/Alt", "")).strip() for kind, each in found if kind == "Figure")
        heads = [each for kind, each in found if kind == "TH"]
        scopes = [str(a["/Scope"]) for each in heads for a in each["/A"] if "/Scope" in a]
        tables = sum(kind == "Table" for kind, _ in found)
    assert len(scopes) == len(heads)
    assert tables == 0 or {"/Column", "/Row"} == set(scopes)


def test_bodies_of_list_items_hold_their_words(report: Report) -> None:
    with pikepdf.open(report.path(Format.PDF)) as pdf:
        items = [each for kind, each in elements(pdf) if kind == "LI"]
        bodies = [str(child["/S"]) for each in items for child in each["/K"]]
    assert bodies.count("/LBody") == len(items)
    assert set(bodies) <= {"/Lbl", "/LBody"}


def test_a_plain_notebook_with_links_has_no_fault(tmp_path: Path) -> None:
    notebook = report_notebooks.plain_notebook()
    text = "See [the handbook](https://example.org/handbook).\n\n1. one\n2. two\n   - deep\n\n> said\n\n`code`\n\n---\n"
    notebook.cells.append(new_markdown_cell(text))
    made = ReportRenderer()
    made.render(report_notebooks.write(notebook, tmp_path), tmp_path, (Format.PDF,), "Analysis of use")
    made.close()
    assert [each.message for each in pdfua.validate(tmp_path / "report.pdf").findings] == []
    assert outspoken(tmp_path / "report.pdf", "error") == []


def test_a_report_over_many_pages_has_no_fault(tmp_path: Path) -> None:
    made = ReportRenderer()
    notebook = report_notebooks.kit_notebook(rows=150)
    made.render(report_notebooks.write(notebook, tmp_path), tmp_path, (Format.PDF,), report_notebooks.TITLE)
    made.close()
    found = [each for each in outspoken(tmp_path / "report.pdf") if each.partition(":")[0] not in OF_LONG_TABLES]
    assert found == []


def test_the_checkers_find_faults(tmp_path: Path) -> None:
    pdf = pikepdf.Pdf.new()
    pdf.add_blank_page()
    pdf.pages[0].Contents = pdf.make_stream(b"0 0 9 9 re f")
    pdf.save(tmp_path / "bad.pdf")
    assert {"UA-01-005", "UA-06-001"} <= {each.rule_id for each in pdfua.validate(tmp_path / "bad.pdf").findings}
    assert outspoken(tmp_path / "bad.pdf")
