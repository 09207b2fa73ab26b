"""From an executed notebook to complete files: every chart, table and page arrives, in every format."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from typing import Any

import lxml.html
import nbformat
import openpyxl
import pikepdf
import pytest
import report_notebooks
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from PIL import Image

from reports.errors import ConfigError, RenderError
from reports.model import REPORT_FORMATS, Format
from runner.ports import Renderer, Rendering
from runner.render import ReportRenderer, checks, pdf, renderer
from runner.render.pdf import take_inventory

MAX_HTML_BYTES = 400_000


@pytest.fixture(scope="module")
def shop() -> Iterator[ReportRenderer]:
    made = ReportRenderer()
    made.warm_up()
    yield made
    made.close()


def render(
    shop: Renderer, notebook: nbformat.NotebookNode, folder: Path, *formats: Format, title: str = report_notebooks.TITLE
) -> Rendering:
    return shop.render(report_notebooks.write(notebook, folder), folder, formats or REPORT_FORMATS, title)


def paths(rendering: Rendering) -> dict[Format, Path]:
    return {file.format: file.path for file in rendering.files}


def page_of(rendering: Rendering) -> Any:
    return lxml.html.document_fromstring(paths(rendering)[Format.HTML].read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def report(shop: ReportRenderer, tmp_path_factory: pytest.TempPathFactory) -> Rendering:
    folder = tmp_path_factory.mktemp("report")
    report_notebooks.kit_results(folder)
    return render(shop, report_notebooks.kit_notebook(), folder)


@pytest.fixture(scope="module")
def plain(shop: ReportRenderer, tmp_path_factory: pytest.TempPathFactory) -> Rendering:
    return render(shop, report_notebooks.plain_notebook(), tmp_path_factory.mktemp("plain"))


def test_every_wanted_file_is_there_and_nothing_unfinished(report: Rendering) -> None:
    files = paths(report)
    assert set(files) == {Format.HTML, Format.PDF, Format.XLSX, Format.MAIL}
    folder = files[Format.HTML].parent
    assert not list(folder.glob(".*"))
    assert report.results.header is not None
    assert report.pages == 2


@pytest.mark.parametrize("wanted", [(), (Format.PDF,), (Format.XLSX,), (Format.HTML, Format.XLSX)])
def test_only_wanted_formats_and_the_mail_are_written(
    shop: ReportRenderer, tmp_path: Path, wanted: tuple[Format, ...]
) -> None:
    path = report_notebooks.write(report_notebooks.plain_notebook(), tmp_path)
    rendering = shop.render(path, tmp_path, wanted, "t")
    assert set(paths(rendering)) == {*wanted, Format.MAIL}
    assert (rendering.pages is not None) == (Format.PDF in wanted)


def test_the_page_stands_alone_and_is_small(report: Rendering) -> None:
    path = paths(report)[Format.HTML]
    text = path.read_text(encoding="utf-8")
    assert path.stat().st_size < MAX_HTML_BYTES
    assert "<script" not in text
    assert "default-src 'none'" in text
    assert not re.findall(r'(?:src|href)="(?!data:|#)', text)
    assert "secret_source" not in text


def test_the_page_has_one_heading_sections_and_a_pair(report: Rendering) -> None:
    root = page_of(report)
    assert root.xpath("//h1//text()") == [report_notebooks.TITLE]
    assert root.get("lang") == "en"
    assert root.findtext(".//title") == report_notebooks.TITLE
    headings = ["What stands out", "Requests a day", "Cost by model", "When it is busy", "Top users by cost", "Teams"]
    assert root.xpath("//section/h2/text()") == headings
    assert root.xpath("//div[@class='two']/section/h2/text()") == ["Cost by model", "When it is busy"]


def test_each_chart_is_one_picture_followed_by_its_figures(report: Rendering) -> None:
    root = page_of(report)
    charts = root.xpath("//div[@class='chart']/svg[@role='img']")
    assert [chart.get("aria-label") for chart in charts] == [
        f"{title}: a picture of seven days." for title in ("Requests a day", "Cost by model", "When it is busy")
    ]
    assert all(chart.getparent().getnext().tag == "details" for chart in charts)
    assert not root.xpath("//details/@open")


def test_ids_of_several_charts_do_not_meet(report: Rendering) -> None:
    text = paths(report)[Format.HTML].read_text(encoding="utf-8")
    ids = re.findall(r'\bid="([^"]+)"', text)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r"url\(#([^)]+)\)", text)) <= set(ids)


def test_the_pdf_is_tagged_named_and_numbered(report: Rendering) -> None:
    with pikepdf.open(paths(report)[Format.PDF]) as opened:
        assert str(opened.Root.Lang) == "en"
        assert bool(opened.Root.MarkInfo.Marked)
        assert bool(opened.Root.ViewerPreferences.DisplayDocTitle)
        assert {"/Em", "/Strong"} <= set(opened.Root.StructTreeRoot.RoleMap.keys())
        with opened.open_metadata() as metadata:
            assert metadata["dc:title"] == report_notebooks.TITLE
            assert metadata["pdfuaid:part"] == "1"
        with opened.open_outline() as outline:
            assert [entry.title for entry in outline.root] == [report_notebooks.TITLE]
            assert "Teams" in [child.title for child in outline.root[0].children]


def test_every_structure_type_of_the_pdf_is_standard_or_mapped(report: Rendering) -> None:
    with pikepdf.open(paths(report)[Format.PDF]) as opened:
        used = {kind for kind, _ in pdf.elements(opened)}
        mapped = {str(key).lstrip("/") for key in dict(opened.Root.StructTreeRoot.RoleMap)}
    assert used - pdf._STANDARD <= mapped


def test_the_pdf_has_every_chart_and_table_of_the_page(report: Rendering) -> None:
    found = take_inventory(paths(report)[Format.PDF].read_bytes())
    assert (found.figures, found.unnamed_figures, found.tables, found.empty_pages) == (3, 0, 2 + 3, ())
    assert found.pages == report.pages


def test_charts_are_vectors_in_the_pdf(report: Rendering) -> None:
    path = paths(report)[Format.PDF]
    assert path.stat().st_size < 200_000
    with pikepdf.open(path) as opened:
        images = [o for o in opened.objects if isinstance(o, pikepdf.Stream) and o.get("/Subtype") == "/Image"]
    assert len(images) <= 2  # the heat map's colour scale, which Plotly itself draws as a picture


def test_header_rows_are_repeated_on_each_page_of_a_long_table(shop: ReportRenderer, tmp_path: Path) -> None:
    rendering = render(shop, report_notebooks.kit_notebook(rows=150), tmp_path, Format.PDF)
    assert rendering.pages is not None
    assert rendering.pages >= 4
    assert take_inventory(paths(rendering)[Format.PDF].read_bytes()).tables == 2 + 3


def test_the_workbook_has_the_tables(report: Rendering) -> None:
    book = openpyxl.load_workbook(paths(report)[Format.XLSX], read_only=True)
    assert book.sheetnames[:3] == ["Summary", "Key figures", "Top users"]
    book.close()


def test_the_mail_shows_the_marked_chart_sharply(report: Rendering) -> None:
    body = json.loads(paths(report)[Format.MAIL].read_text(encoding="utf-8"))
    (image,) = body["images"]
    assert image["alt"] == "Cost by model: a picture of seven days."
    picture = Image.open(BytesIO(base64.b64decode(image["png_base64"])))
    assert picture.width == 1200
    assert picture.convert("RGB").getpixel((2, 2)) == (255, 255, 255)
    assert picture.getchannel("A").getextrema() == (255, 255) if picture.mode == "RGBA" else True
    assert set(body) == {"text", "html", "images"}


def test_a_notebook_without_the_kit_is_shown_as_it_is(plain: Rendering) -> None:
    root = page_of(plain)
    assert root.xpath("//h1/text()") == ["Analysis of use"]
    assert root.xpath("//pre/text()") == ["rows: <2>"]
    assert root.xpath("//strong/text()") == ["up"]
    assert root.xpath("//svg/@aria-label") == ["Chart: Cost by model"]
    assert root.xpath("//img/@alt") == ["Figure 1"]
    assert root.xpath("//caption/text()") == ["Table 1", "Table 2"]
    text = root.text_content()
    for hidden in ("FutureWarning", "Axes", "import pandas", "Figure()", "\x1b"):
        assert hidden not in text


def test_data_frames_of_a_notebook_without_the_kit_become_sheets(plain: Rendering) -> None:
    book = openpyxl.load_workbook(paths(plain)[Format.XLSX])
    assert book.sheetnames == ["Summary", "Frames", "Frames (2)", "Charts"]
    assert [[cell.value for cell in row] for row in book["Frames"]] == [
        ["user", "requests", "cost"],
        ["ana", 1200, 1.5],
        ["bo", 3400, 22.75],
    ]


def shown(*outputs: Any, text: str = "# t") -> nbformat.NotebookNode:
    return new_notebook(cells=[new_markdown_cell(text), new_code_cell("1", outputs=list(outputs))])


def test_hostile_outputs_become_harmless(shop: ReportRenderer, tmp_path: Path) -> None:
    attack = '<script>alert(1)</script><img src="https://example.org/x.png"><p onclick="x()">kept</p>'
    notebook = shown(
        new_output("display_data", data={"text/html": attack}),
        new_output("display_data", data={"application/javascript": "alert(2)"}),
        new_output("display_data", data={"text/markdown": "[x](javascript:alert(3)) <script>alert(4)</script>"}),
        new_output("stream", text="<script>alert(5)</script>"),
        text="# t\n<script>alert(6)</script>\n\n![x](https://example.org/y.png) ![z](/etc/passwd)",
    )
    text = paths(render(shop, notebook, tmp_path, Format.HTML))[Format.HTML].read_text(encoding="utf-8")
    assert "example.org" not in text
    assert "passwd" not in text
    assert re.findall(r"alert\(\d\)", text) == ["alert(5)"]
    assert "&lt;script&gt;alert(5)" in text
    assert "kept" in text


def test_long_names_do_not_break_the_report(shop: ReportRenderer, tmp_path: Path) -> None:
    notebook = report_notebooks.kit_notebook(title="T" * 300, rows=12, name="n" * 300 + "{}")
    rendering = render(shop, notebook, tmp_path, title="T" * 300)
    found = take_inventory(paths(rendering)[Format.PDF].read_bytes())
    assert (found.figures, found.tables) == (3, 2 + 3)


@pytest.mark.parametrize("title", ["</title><script>alert(1)</script>", 'a "b" \\ c', "日本 😀", "a\nb"])
def test_odd_titles_are_only_text(shop: ReportRenderer, tmp_path: Path, title: str) -> None:
    rendering = render(shop, report_notebooks.plain_notebook(), tmp_path, title=title)
    assert page_of(rendering).findtext(".//title").split() == title.split()
    assert not page_of(rendering).xpath("//script")


def test_an_empty_notebook_is_a_report_with_a_title(shop: ReportRenderer, tmp_path: Path) -> None:
    rendering = render(shop, new_notebook(cells=[]), tmp_path, title="Nothing yet")
    assert page_of(rendering).xpath("//h1/text()") == ["Nothing yet"]
    assert rendering.pages == 1


def test_an_unreadable_notebook_fails_for_good(shop: ReportRenderer, tmp_path: Path) -> None:
    (tmp_path / "executed.ipynb").write_text("{broken")
    with pytest.raises(RenderError, match="cannot be read") as caught:
        shop.render(tmp_path / "executed.ipynb", tmp_path, (Format.HTML,), "t")
    assert caught.value.permanent


def test_a_chart_that_cannot_be_drawn_fails_by_its_title(shop: ReportRenderer, tmp_path: Path) -> None:
    figure = report_notebooks.chart(
        "c", "Broken chart", {"data": [{"type": "choropleth", "locations": ["DEU"], "z": [1]}]}
    )
    with pytest.raises(RenderError, match="'Broken chart' cannot be drawn"):
        render(shop, shown(figure), tmp_path)


def lose_last_drawing(monkeypatch: pytest.MonkeyPatch, drawn: str) -> None:
    original = renderer.render_html

    def lossy(notebook: Any, charts: Any, drawings: Any, title: str) -> str:
        page = original(notebook, charts, drawings, title)
        start = page.rindex('<div class="chart"')
        return page[:start] + drawn + page[page.index("</svg>", start) + len("</svg></div>") :]

    monkeypatch.setattr(renderer, "render_html", lossy)


def test_a_chart_lost_on_the_way_to_the_page_fails(
    shop: ReportRenderer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lose_last_drawing(monkeypatch, "")
    with pytest.raises(RenderError, match="has 3 charts and pictures, the html has 2") as caught:
        render(shop, report_notebooks.kit_notebook(), tmp_path)
    assert caught.value.format == "html"
    assert not (tmp_path / "report.html").exists()


@pytest.mark.parametrize(
    ("style", "message"),
    [
        ("svg{display:none!important}", "has 3 charts and pictures with a text alternative, the pdf has 0"),
        (".table-scroll{display:none!important}", "has 5 tables, the pdf has 3"),
        (".appendix{display:none!important}", "has 5 tables, the pdf has 2"),
        (".two{visibility:hidden}", "the pdf has 1"),
        ("article{margin-top:400mm}", "nothing is on page 1"),
    ],
)
def test_what_is_lost_on_the_way_to_the_pdf_fails(
    shop: ReportRenderer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, style: str, message: str
) -> None:
    original = renderer.render_html
    lossy = lambda *given: original(*given).replace("</style>", f"{style}</style>", 1)  # noqa: E731
    monkeypatch.setattr(renderer, "render_html", lossy)
    with pytest.raises(RenderError, match=message) as caught:
        render(shop, report_notebooks.kit_notebook(), tmp_path)
    assert caught.value.format == "pdf"


def test_a_sheet_lost_on_the_way_fails(shop: ReportRenderer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    report_notebooks.kit_results(tmp_path)
    original = renderer.excel.write_workbook
    monkeypatch.setattr(renderer.excel, "write_workbook", lambda *given: [*original(*given), "Lost"])
    with pytest.raises(RenderError, match="sheets are missing: Lost"):
        render(shop, report_notebooks.kit_notebook(), tmp_path)


def test_two_threads_render_different_reports_at_once(shop: ReportRenderer, tmp_path: Path) -> None:
    def one(number: int) -> bool:
        folder = tmp_path / str(number)
        folder.mkdir()
        report_notebooks.kit_results(folder)
        rendering = render(
            shop, report_notebooks.kit_notebook(title=f"Report {number}"), folder, title=f"Report {number}"
        )
        with pikepdf.open(paths(rendering)[Format.PDF]) as opened:
            return page_of(rendering).xpath("//h1//text()") == [f"Report {number}"] == [str(opened.docinfo.Title)]

    with ThreadPoolExecutor(2) as pool:
        assert all(pool.map(one, range(8)))


def test_the_checks_count_what_the_renderer_writes(report: Rendering) -> None:
    wanted = checks.expected(report_notebooks.kit_notebook())
    text = paths(report)[Format.HTML].read_text(encoding="utf-8")
    checks.check_html(text, wanted)
    checks.check_pdf(take_inventory(paths(report)[Format.PDF].read_bytes()), text)


def test_closing_twice_is_fine_and_a_closed_renderer_starts_again(tmp_path: Path) -> None:
    own = ReportRenderer()
    own.close()
    render(own, report_notebooks.plain_notebook(), tmp_path, Format.HTML)
    own.close()
    own.close()


def test_a_browser_that_is_not_there_is_told_when_the_renderer_is_made() -> None:
    with pytest.raises(ConfigError, match=r"browser: .*/no/such/browser"):
        ReportRenderer(Path("/no/such/browser"))


def test_a_wide_table_is_printed_within_the_page(shop: ReportRenderer, tmp_path: Path) -> None:
    head = "".join(f"<th>long column {number}</th>" for number in range(16))
    row = "".join(f"<td>{number * 111111.123456789}</td>" for number in range(16))
    frame = f"<table><thead><tr>{head}</tr></thead><tbody>{f'<tr>{row}</tr>' * 5}</tbody></table>"
    rendering = render(shop, shown(new_output("display_data", data={"text/html": frame})), tmp_path, Format.PDF)
    assert take_inventory(paths(rendering)[Format.PDF].read_bytes()).tables == 1
