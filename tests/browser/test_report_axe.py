"""Every template's page, print and mail in a real browser without a network: accessible, still, of bearable size.

The demo's reports, made the way a person makes them: each template is executed once.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path
from typing import Any

import nbformat
import pytest
from axe_playwright_python.sync_playwright import Axe
from browsing import PATIENCE, RULES
from command import Gazette
from playwright.sync_api import Browser, Page

from runner.render.outputs import Chart, charts
from runner.render.paper import for_paper

TEMPLATES = ("usage_summary", "cost_analysis", "user_activity", "model_performance")
WIDTHS = (1440, 390, 320)  # CSS pixels: a desk, a phone, and the narrowest that WCAG 2.1 asks for
UNFOLDED_AT = 390  # the figures below the charts, too, are looked at on a phone
PAPER = 680  # what is between the margins of an A4 page
MAIL_WIDTHS = (800, 320)
UNIT_APART = re.compile(r">[^<]*?\d (?:%|[MBT]\b|ms\b|s\b)")
# A mail is shown inside a program's page, which has the landmarks: see docs/decisions.md.
OF_PAGES = ("landmark-one-main", "region")
MAX_HTML_BYTES, MAX_MAIL_BYTES = 400_000, 90_000
# Tables wider than the column they stand in; one that goes on in the next column has a box in each.
CUT_OFF = """[...document.querySelectorAll('.appendix table')]
    .filter(table => [...table.getClientRects()].some(box => box.width > table.parentElement.clientWidth + 8))
    .map(table => table.previousElementSibling.innerText)"""


@dataclass(frozen=True)
class Made:
    """The files of one report of the demo."""

    html: Path
    notebook: Path
    mail: EmailMessage


class Reader:
    """A browser that is offline, and all that went wrong in it."""

    def __init__(self, browser: Browser) -> None:
        self._context = browser.new_context()
        self._context.set_offline(True)
        self.page = self._context.new_page()
        self.page.set_default_timeout(PATIENCE)
        self.complaints: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))

    def open(self, path: Path) -> Page:
        self.asked.clear()
        self.page.goto(path.as_uri())
        return self.page

    @property
    def asked_besides(self) -> list[str]:
        return [url for url in self.asked if url != self.page.url and not url.startswith("data:")]

    def violations(self, but: tuple[str, ...] = ()) -> list[str]:
        found = Axe().run(self.page, options=RULES).response["violations"]
        return [
            f"{each['id']}: {node['html'][:200]}" for each in found for node in each["nodes"] if each["id"] not in but
        ]

    def narrow(self, width: int) -> None:
        self.page.set_viewport_size({"width": width, "height": 900})

    def scrolls_sideways(self) -> bool:
        return bool(self.page.evaluate("document.documentElement.scrollWidth > innerWidth"))

    def close(self) -> None:
        self._context.close()


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Made]:
    gazette = Gazette(tmp_path_factory.mktemp("demo"))
    runs = gazette.json("demo", "--once")["runs"]
    templates = {each["name"]: each["template"] for each in gazette.json("report", "list")["reports"]}
    return {templates[run["report"]]: _files(run) for run in runs}


def _files(run: dict[str, Any]) -> Made:
    paths = {each["format"]: Path(each["path"]) for each in run["artifacts"]}
    (delivery,) = run["deliveries"]
    message = BytesParser(policy=policy.default).parsebytes(Path(delivery["path"]).read_bytes())
    assert isinstance(message, EmailMessage)
    return Made(paths["html"], paths["notebook"], message)


@pytest.fixture(params=TEMPLATES)
def made(request: pytest.FixtureRequest, demo: dict[str, Made]) -> Made:
    return demo[request.param]


@pytest.fixture
def reader(browser: Browser) -> Iterator[Reader]:
    reader = Reader(browser)
    yield reader
    reader.close()


def test_every_template_is_looked_at(demo: dict[str, Made]) -> None:
    assert set(demo) == set(TEMPLATES) == {path.stem for path in (Path(__file__).parents[2] / "notebooks").glob("*")}


def test_the_page_is_accessible_on_every_screen_and_in_print(made: Made, reader: Reader) -> None:
    page = reader.open(made.html)
    for width in WIDTHS:
        reader.narrow(width)
        page.locator("details").evaluate_all(f"all => all.forEach(each => each.open = {width} === {UNFOLDED_AT})")
        assert reader.violations() == []
        assert not reader.scrolls_sideways(), f"the page scrolls sideways at {width} px"
    page.emulate_media(media="print")
    reader.narrow(PAPER)
    assert reader.violations() == []
    assert (reader.asked_besides, reader.complaints) == ([], [])


def test_what_is_printed_as_pdf_is_accessible(made: Made, reader: Reader, tmp_path: Path) -> None:
    notebook = nbformat.read(made.notebook, as_version=4)
    printed = tmp_path / "printed.html"
    printed.write_text(for_paper(made.html.read_text(encoding="utf-8"), charts(notebook)), encoding="utf-8")
    page = reader.open(printed)
    page.emulate_media(media="print")
    reader.narrow(PAPER)
    assert page.get_by_role("heading", name="Figures of the charts").is_visible()
    assert reader.violations() == []
    assert not reader.scrolls_sideways(), "a table is wider than the paper"
    assert page.evaluate(CUT_OFF) == [], "a table of the appendix is wider than its column"
    assert (reader.asked_besides, reader.complaints) == ([], [])


def test_no_figures_of_a_chart_are_wider_than_their_column_on_paper(
    demo: dict[str, Made], reader: Reader, tmp_path: Path
) -> None:
    """What is laid out in half a page is guessed from its words: here by what a browser makes of them."""
    page = demo["cost_analysis"].html.read_text(encoding="utf-8")
    names = ("anthropic/claude-sonnet-4-5", "gemini/gemini-2.5-pro", "Upper end of the interval", "hosted_vllm/llama")
    drawn = [
        figures(f"{wide} columns of {number}", [("Day", *(names * 3)[:wide]), (first, *[number] * wide)])
        for wide in range(1, 9)  # a stack has seven parts at the most
        for number in ("8", "$0.7761", "65,403", "100.0\N{NO-BREAK SPACE}%", "$1,234,567.89")
        for first in ("Mon 16 Nov 2026", "00:00", "anthropic/claude-sonnet-4-5")
    ]
    printed = tmp_path / "printed.html"
    printed.write_text(for_paper(page, drawn), encoding="utf-8")
    opened = reader.open(printed)
    opened.emulate_media(media="print")
    reader.narrow(PAPER)
    assert opened.locator(".appendix .columns table").count() > len(drawn) / 4
    assert opened.locator(".appendix > .part table").count() > len(drawn) / 4
    assert opened.evaluate(CUT_OFF) == []


def figures(title: str, rows: Sequence[Sequence[str]]) -> Chart:
    """A chart of which only the figures matter."""
    head, (first, *numbers) = rows
    heads = "".join(f'<th scope="col">{text}</th>' for text in head)
    cells = "".join(f'<td class="num">{number}</td>' for number in numbers)
    row = f'<tr><th scope="row">{first}</th>{cells}</tr>'
    table = f"<table><caption>{title}</caption><thead><tr>{heads}</tr></thead><tbody>{row}</tbody></table>"
    return Chart((0, 0), {}, "x", title, "alt", 700, 300, figures_html=table)


def test_the_mail_is_accessible_on_every_screen(made: Made, reader: Reader, tmp_path: Path) -> None:
    path = tmp_path / "mail.html"
    path.write_text(_html(made.mail), encoding="utf-8")
    page = reader.open(path)
    page.emulate_media(color_scheme="dark")
    assert reader.violations(OF_PAGES) == []
    page.emulate_media(color_scheme="light")
    assert page.locator("img").evaluate_all("all => all.map(each => each.naturalWidth)") == [1200]
    for width in MAIL_WIDTHS:
        reader.narrow(width)
        assert reader.violations(OF_PAGES) == []
        assert not reader.scrolls_sideways(), f"the mail scrolls sideways at {width} px"
    assert (reader.asked_besides, reader.complaints) == ([], [])


def _html(mail: EmailMessage) -> str:
    """The body with its pictures in it, as a mail program shows it."""
    body = mail.get_body(("html",))
    assert body is not None
    html = str(body.get_content())
    assert len(html.encode()) < MAX_MAIL_BYTES
    for part in mail.walk():
        if name := part.get("Content-ID"):
            data = base64.b64encode(part.get_payload(decode=True)).decode()
            html = html.replace(f"cid:{name.strip('<>')}", f"data:{part.get_content_type()};base64,{data}")
    assert "cid:" not in html
    return html


def test_numbers_of_a_mail_stay_beside_their_units(made: Made) -> None:
    body = made.mail.get_body(("html",))
    assert body is not None
    html = str(body.get_content())
    assert "\u00a0%" in html
    assert not UNIT_APART.findall(html)


def test_a_page_with_all_its_charts_is_small(made: Made) -> None:
    assert made.html.stat().st_size < MAX_HTML_BYTES


def test_the_demo_is_called_synthetic_once(made: Made) -> None:
    assert "Source: synthetic demo data, data as of" in made.html.read_text(encoding="utf-8")


def test_the_check_itself_finds_what_is_wrong(reader: Reader, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.html"
    wrong.write_text(
        "<html lang=en><title>t</title><main><h1>t</h1><h5>x</h5><p style='color:#aaa'>faint</p>"
        "<div style='width:900px'>wide</div><img src=https://example.org/a.png></main>"
    )
    reader.open(wrong)
    reader.narrow(390)
    assert {each.partition(":")[0] for each in reader.violations()} == {"color-contrast", "heading-order", "image-alt"}
    assert reader.scrolls_sideways()
    assert reader.asked_besides == ["https://example.org/a.png"]
    assert reader.complaints
