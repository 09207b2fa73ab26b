"""Notebooks of any domain, most without the kit: no output of theirs is lost in the page, the PDF or the workbook."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

import lxml.html
import nbformat
import openpyxl
import pandas as pd
import pikepdf
import pytest
from command import ROOT, Gazette
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from reports import templates
from reports.model import REPORT_FORMATS, Format
from runner.execute.executor import PapermillExecutor
from runner.ports import Limits
from runner.render import ReportRenderer
from runner.render.html import LEFT_OUT
from runner.render.pdf import take_inventory

NOTEBOOKS = ROOT / "tests" / "notebooks"
PLOTLY = "application/vnd.plotly.v1+json"
PICTURES = {PLOTLY, "image/png", "image/gif", "image/svg+xml"}


@dataclass
class Made:
    """An executed notebook and what was rendered from it."""

    notebook: Any
    files: dict[Format, Path]

    @property
    def outputs(self) -> list[Any]:
        return [output for cell in self.notebook.cells for output in cell.get("outputs", [])]

    def data(self, mime: str) -> list[str]:
        return [output.data[mime] for output in self.outputs if mime in output.get("data", {})]

    @property
    def page(self) -> Any:
        return lxml.html.fromstring(self.files[Format.HTML].read_text(encoding="utf-8"))

    @property
    def text(self) -> str:
        return squeezed(self.page.text_content())

    @property
    def book(self) -> dict[str, list[list[Any]]]:
        book = openpyxl.load_workbook(self.files[Format.XLSX])
        return {sheet.title: [list(row) for row in sheet.iter_rows(values_only=True)] for sheet in book.worksheets}


def squeezed(text: str) -> str:
    return " ".join(text.split())


@pytest.fixture(scope="module")
def shop() -> Iterator[ReportRenderer]:
    made = ReportRenderer()
    yield made
    made.close()


def rendered(shop: ReportRenderer, notebook: Path, folder: Path, title: str) -> Made:
    found = shop.render(notebook, folder, REPORT_FORMATS, title)
    return Made(nbformat.read(notebook, as_version=4), {file.format: file.path for file in found.files})


def make(shop: ReportRenderer, name: str, folder: Path, **values: Any) -> Made:
    template = templates.load(NOTEBOOKS / f"{name}.ipynb")
    assert templates.check(template.path) == []
    executor = PapermillExecutor()
    try:
        notebook = executor.execute(template, values, folder, Limits())
    finally:
        executor.close()
    return rendered(shop, notebook, folder, template.title)


@pytest.fixture(scope="module")
def sales(shop: ReportRenderer, tmp_path_factory: pytest.TempPathFactory) -> Made:
    return make(shop, "shop_sales", tmp_path_factory.mktemp("sales"), since="2026-11-17")


@pytest.fixture(scope="module")
def sensors(shop: ReportRenderer, tmp_path_factory: pytest.TempPathFactory) -> Made:
    return make(shop, "sensor_readings", tmp_path_factory.mktemp("sensors"))


# Whatever the notebook


@pytest.fixture(params=["sales", "sensors"])
def made(request: pytest.FixtureRequest) -> Made:
    found: Made = request.getfixturevalue(request.param)
    return found


def test_every_picture_is_in_the_page_and_in_the_pdf_with_a_name(made: Made) -> None:
    pictures = [output for output in made.outputs if PICTURES & output.get("data", {}).keys()]
    embedded = sum(len(re.findall("<img|<svg", html)) for html in made.data("text/html"))
    named = made.page.xpath("//svg[@role='img']/@aria-label | //img/@alt")
    assert len(named) == len(pictures) + embedded >= 6
    assert all(named) and len(set(named)) == len(named)
    found = take_inventory(made.files[Format.PDF].read_bytes())
    assert (found.figures, found.unnamed_figures) == (len(named), 0)


def test_every_table_is_in_all_three_formats(made: Made) -> None:
    tables = sum(html.count("<table") for html in made.data("text/html"))
    written = [cell.source for cell in made.notebook.cells if cell.cell_type == "markdown"] + made.data("text/markdown")
    tables += sum(len(re.findall(r"^\|[-|]+\|$", text, re.MULTILINE)) for text in written)
    assert len(made.page.xpath("//table")) == tables >= 4
    assert take_inventory(made.files[Format.PDF].read_bytes()).tables == tables
    assert len(made.book) == tables + 1 + ("Charts" in made.book)  # the summary
    assert made.page.xpath("count(//table[caption][thead/tr/th[@scope='col']])") == tables


def test_every_cell_of_every_frame_is_shown(made: Made) -> None:
    shown = {squeezed(cell.text_content()) for cell in made.page.xpath("//td | //th")}
    for html in made.data("text/html"):
        cells = lxml.html.fromstring(f"<div>{html}</div>").xpath(".//tbody//td | .//tbody//th")
        assert {squeezed(cell.text_content()) for cell in cells} <= shown | {""}


def test_everything_printed_and_every_plain_value_is_shown(made: Made) -> None:
    printed = [output.text for output in made.outputs if output.output_type == "stream" and output.name == "stdout"]
    values = [output.data["text/plain"] for output in made.outputs if output.get("data", {}).keys() == {"text/plain"}]
    said = [text for text in values if "<Axes" not in text and "BarContainer" not in text]
    assert printed and said
    for text in [*printed, *said]:
        assert squeezed(text) in made.text


def test_headings_are_in_the_page_and_the_pdf(made: Made) -> None:
    headings = [
        line.lstrip("# ")
        for cell in made.notebook.cells
        for line in cell.source.splitlines()
        if cell.cell_type == "markdown" and line.startswith("#")
    ]
    assert made.page.xpath("//h1/text() | //h2/text()") == headings
    data = made.files[Format.PDF].read_bytes()
    assert take_inventory(data).headings == len(headings)
    with pikepdf.open(BytesIO(data)) as pdf, pdf.open_outline() as outline:
        assert [child.title for child in outline.root[0].children] == headings[1:]


def test_nothing_is_a_remark_on_what_is_missing(made: Made) -> None:
    assert "[Not in the report" not in made.text
    assert made.text.count(LEFT_OUT) == len(made.data("application/vnd.vegalite.v6+json"))


# Shop sales: pandas and matplotlib


def test_a_day_given_as_text_is_a_day_in_the_notebook(sales: Made) -> None:
    assert "8 sales since 17 November 2026" in sales.text
    assert "datetime.date(2026, 11, 18)" in sales.text


def test_matplotlib_draws_in_the_kernel(sales: Made) -> None:
    assert len(sales.data("image/png")) == 5
    assert len(sales.data("image/svg+xml")) == 1
    assert [output for output in sales.outputs if output.output_type == "stream" and output.name == "stderr"] == []
    assert "Axes" not in sales.text and "BarContainer" not in sales.text


def sold() -> pd.DataFrame:
    """The notebook's own rows, read from its source."""
    cells = nbformat.read(NOTEBOOKS / "shop_sales.ipynb", as_version=4).cells
    text = next(cell.source for cell in cells if "SALES =" in cell.source).split('"""')[1]
    frame = pd.read_csv(StringIO(text), dtype={"article": str})
    return frame[frame["day"] >= "2026-11-17"].assign(earned=lambda rows: rows["pieces"] * rows["price"])


def test_the_sheets_hold_what_pandas_showed(sales: Made) -> None:
    rows = sold()
    for name, keys in {"By shop": ["shop"], "By article and shop (2)": ["article"]}.items():
        header, *body = sales.book[name]
        for column in {"pieces", "earned"} & set(header):
            by_key = {row[header.index(keys[0])]: row[header.index(column)] for row in body}
            assert by_key == pytest.approx(rows.groupby(keys[0])[column].sum().to_dict())
    header, *body = sales.book["By article and shop"]
    expected = rows.pivot_table(index="article", columns="shop", values=["earned", "pieces"], aggfunc="sum")
    assert header == ["shop / article", *(" / ".join(names) for names in expected.columns)]
    assert [row[0] for row in body] == ["0071", "0105", "2400"], "an article number is no number"
    assert [row[1:] for row in body] == [pytest.approx(row) for row in expected.to_numpy().tolist()]


# Sensors: one output of every kind


def test_every_kind_of_output_has_its_content(sensors: Made) -> None:
    assert {"Chart: Temperature by sensor", "Chart: How warm it was", "Chart: Spread by sensor"} <= set(
        sensors.page.xpath("//div[@class='chart']/svg/@aria-label")
    )
    assert sensors.page.xpath("//svg[@aria-label='Rising']/*"), "the drawing inside a sentence"
    assert {"A photograph of the store", "The store from outside"} <= set(sensors.page.xpath("//img/@alt"))
    assert sensors.page.xpath("//svg[contains(., 'door open')]")
    text = sensors.text
    for said in (
        r"T = \frac{1}{n}\sum_i T_i",
        r"\sigma^2 = 0.5",
        '"sensor": "door"',
        '"battery": 0.83',
        "{'open': 3, 'closed': 21}",
        "Alarm(sensor='door', celsius=6.9)",
        "Gauge at 83 %",
        "<Ticket 4711: check the door>",
        "FloatSlider(value=6.0, description='limit')",
        "counted: 72 readings",
    ):
        assert said in text
    assert "counting ..." not in text, "the display was updated"
    assert sensors.page.xpath("//p[contains(., 'warmest')]/strong/text()") == ["door"]
    assert sensors.page.xpath("//ul/li/text()") == ["first", "second"]


def test_a_styler_keeps_its_formats_and_caption(sensors: Made) -> None:
    assert "Degrees Celsius by sensor" in sensors.page.xpath("//caption/text()")
    sheets = sensors.book
    assert sheets["Styled tables"][0] == ["sensor", "min", "mean", "max"]
    assert sheets["Styled tables"][1] == ["door", 5.0, 6.01, 7.0]
    assert sheets["Styled tables (2)"][1] == ["5,0", "6,0", "7,0"], "a comma may mean either"
    assert sheets["Styled tables (3)"][1] == ["north", datetime(2026, 11, 22), 4.0]  # noqa: DTZ001
    assert sheets["HTML and data"] == [["room", "volume"], ["A", 12], ["B", 7.5]]
    assert sheets["Text, Markdown and formulas"] == [["place", "alarm"], ["door", "yes"]]


# What cannot be shown is said


FOLIUM = '<div style="width:100%"><iframe srcdoc="&lt;p&gt;a map&lt;/p&gt;"></iframe></div>'
SPRITES = (
    '<svg style="position:absolute;width:0;height:0"><defs><symbol id="i"><path d="M0 0h1"/></symbol></defs></svg>'
)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"text/html": FOLIUM, "text/plain": "<folium.folium.Map object at 0x7f00>"}, LEFT_OUT),
        ({"text/html": "<div id=x></div><script>draw()</script>"}, LEFT_OUT),
        ({"application/pdf": "JVBERi0=", "text/plain": "<Figure size 640x480 with 1 Axes>"}, LEFT_OUT),
        ({"application/vnd.vegalite.v6+json": {}, "text/plain": "alt.Chart(...)"}, "alt.Chart(...)"),
        ({"text/html": FOLIUM, "text/plain": "A map of the shops"}, "A map of the shops"),
        ({"text/html": "<script>setup()</script><style>p{}</style><!-- x -->"}, ""),
        ({"application/javascript": "setup()", "text/plain": "<IPython.core.display.Javascript object>"}, ""),
        ({"application/vnd.bokehjs_load.v0+json": "", "application/javascript": "x"}, ""),
        ({"text/plain": "<matplotlib.lines.Line2D at 0x7f2f>"}, ""),
        ({"text/plain": "[<matplotlib.lines.Line2D at 0x7f2f>]"}, ""),
        ({"text/plain": "(array([1.]),\n array([2.]),\n <BarContainer object of 10 artists>)"}, ""),
        ({"text/plain": "array([<Axes: >, <Axes: >], dtype=object)"}, ""),
        ({"text/plain": "Text(0.5, 1.0, 'Title')"}, ""),
        ({"text/plain": "<Order 42>"}, "<Order 42>"),
        ({"text/plain": "Texture(3)"}, "Texture(3)"),
        (
            {"text/html": '<p>x <img src="https://example.org/a.png" alt="our shop"></p>'},
            "x [Not in the report: a picture from elsewhere, our shop]",
        ),
        ({"text/html": "<p>y <svg><path d=M0></svg></p>"}, "y [Not in the report: a drawing that is no valid SVG"),
        ({"text/html": f"<p>z</p>{SPRITES}<svg class=icon><use xlink:href='#i'/></svg>"}, "z"),
    ],
)
def test_what_needs_a_live_notebook_is_named_and_what_shows_nothing_is_not(
    shop: ReportRenderer, tmp_path: Path, data: dict[str, Any], expected: str
) -> None:
    cells = [new_markdown_cell("# t"), new_code_cell("1", outputs=[new_output("display_data", data=data)])]
    path = tmp_path / "executed.ipynb"
    nbformat.write(new_notebook(cells=cells), path)
    shop.render(path, tmp_path, (Format.HTML,), "t")
    page = lxml.html.fromstring((tmp_path / "report.html").read_text(encoding="utf-8"))
    shown = squeezed(page.xpath("string(//article)")).removeprefix("t").strip()
    assert shown.startswith(expected) if expected else shown == ""


def test_drawings_stay_in_their_cells(shop: ReportRenderer, tmp_path: Path) -> None:
    spark = '<svg width="20" height="8"><title>{0} &nbsp;rises</title><path d="M0 8L20 0"/></svg>'
    rows = "".join(f"<tr><th>{name}</th><td>{spark.format(name)}</td></tr>" for name in ("a", "b"))
    html = f"<table><thead><tr><th>name</th><th>trend</th></tr></thead><tbody>{rows}</tbody></table>"
    path = tmp_path / "executed.ipynb"
    nbformat.write(
        new_notebook(cells=[new_code_cell("1", outputs=[new_output("display_data", data={"text/html": html})])]), path
    )
    made = rendered(shop, path, tmp_path, "Sparklines")
    assert made.page.xpath("//td/svg[@role='img']/@aria-label") == ["a rises", "b rises"]
    assert take_inventory(made.files[Format.PDF].read_bytes()).figures == 2


def test_what_is_folded_on_the_page_is_in_the_pdf(shop: ReportRenderer, tmp_path: Path) -> None:
    table = "<table><thead><tr><th>a</th><th>b</th></tr></thead><tbody><tr><td>1</td><td>2</td></tr></tbody></table>"
    html = (
        f'<details><summary>More</summary>{table}<svg width="9" height="9"><rect width="9" height="9"/></svg></details>'
    )
    path = tmp_path / "executed.ipynb"
    nbformat.write(
        new_notebook(cells=[new_code_cell("1", outputs=[new_output("display_data", data={"text/html": html})])]), path
    )
    found = take_inventory(rendered(shop, path, tmp_path, "Folded").files[Format.PDF].read_bytes())
    assert (found.tables, found.figures) == (1, 1)


# A domain of its own with the kit and a query


ORDERS = [
    ("2026-11-16", "Rail", 120, 840.5, 310.25, 3),
    ("2026-11-16", "Road", 60, 300.0, 150.1, 6),
    ("2026-11-18", "Sea", 5, 9000.0, 990.0, 0),
    ("2026-11-20", "Rail", 80, 620.0, 208.4, 1),
    ("2026-11-22", "Road", 40, 210.0, 99.95, 9),
    ("2026-11-23", "Road", 999, 1.0, 1.0, 1),  # after the period
]


def test_a_query_of_another_domain_becomes_a_report(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "warehouse.db") as connection:
        connection.execute(
            "create table orders (day text, carrier text, parcels int, weight_kg real, cost real, late int)"
        )
        connection.executemany("insert into orders values (?, ?, ?, ?, ?, ?)", ORDERS)
        totals = "select sum(parcels), sum(cost), 100.0 * (sum(parcels) - sum(late)) / sum(parcels) from orders"
        within = "day between '2026-11-16' and '2026-11-22' and day <> '2026-11-18'"
        expected = connection.execute(f"{totals} where {within}").fetchone()
        by_carrier = (
            f"select carrier, sum(parcels), sum(late), sum(cost) from orders where {within} group by 1 order by 2 desc"
        )
        carriers = connection.execute(by_carrier).fetchall()
    gazette = Gazette(tmp_path, {"notebooks_dir": str(NOTEBOOKS)})
    gazette.run("source", "add", "warehouse", f"sqlite:///{tmp_path / 'warehouse.db'}", "--kind", "sql")
    options = ("--formats", "html,pdf,xlsx", "--out", tmp_path / "out", "--at", "2026-11-23T06:00Z")
    made = gazette.json("render", "warehouse_orders", *options, "-p", "holiday=2026-11-18", "-p", "top_n=1")
    assert made["period"] == {"start": "2026-11-16", "end": "2026-11-22", "zone": "UTC"}
    assert [made["metrics"][name] for name in ("parcels", "cost", "on_time")] == pytest.approx(expected)
    sheets = openpyxl.load_workbook(tmp_path / "out" / "warehouse_orders.xlsx")
    body = list(sheets["Carriers"].iter_rows(min_row=2, values_only=True))
    assert [row[0] for row in body] == [row[0] for row in carriers]
    assert [(*row[1:3], row[4]) for row in body] == [pytest.approx(row[1:]) for row in carriers]
    page = lxml.html.fromstring((tmp_path / "out" / "warehouse_orders.html").read_text(encoding="utf-8"))
    rows = page.xpath("//table[@id='table-carriers']//th[@scope='row']")
    assert [row.text_content() for row in rows] == ["Rail", "All others (1)", "Total"]
    assert page.xpath("//svg/@aria-label") == ["Bars of the parcels of 3 days."]
