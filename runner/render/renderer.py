"""From one executed notebook to every wanted file: charts first, in one batch; then page, PDF, workbook and mail.

The page is always made, since PDF and mail come from it, and every file is checked before it counts.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Lock
from typing import Any

import nbformat

from reports.errors import RenderError
from reports.model import Format
from reports.results import Results, read_results
from runner.browser_path import find_browser
from runner.ports import RenderedFile, Rendering
from runner.render import accessibility, checks, excel, mail, paper, pdf, sheet_pictures
from runner.render.browser import Browser
from runner.render.charts import Drawing
from runner.render.html import language_of, render_html
from runner.render.outputs import Chart, charts

FILE_NAMES = {
    Format.HTML: "report.html",
    Format.PDF: "report.pdf",
    Format.XLSX: "report.xlsx",
    Format.MAIL: "mail.json",
}
MAIL_WIDTH = 600  # CSS pixels: what mail programs show without scaling
MAIL_SCALE = 2.0  # sharp on screens with two dots a pixel
MAIL_MIN_HEIGHT = 260


class ReportRenderer:
    """Implements ports.Renderer. The browser starts with the first report, or with `warm_up`.

    Raises ConfigError, when it is made, if `browser_path` names no program or this machine has no browser.
    """

    def __init__(self, browser_path: Path | None = None, *, currency: str = "USD") -> None:
        self._browser_path = find_browser(browser_path)
        self._currency = currency
        self._browser: Browser | None = None
        self._lock = Lock()

    def warm_up(self) -> None:
        """Load everything the first report would wait for: about 1.5 s."""
        self._running_browser().warm_up()
        language_of({"metadata": {}})

    def render(self, notebook: Path, run_dir: Path, formats: tuple[Format, ...], title: str) -> Rendering:
        """See ports.Renderer."""
        content = _read(notebook)
        results = read_results(run_dir)
        wanted = checks.expected(content)
        found = charts(content)
        drawings, mail_image, sheet_images = self._drawn(found, results, Format.XLSX in formats)
        remarks = accessibility.check_charts(found, drawings)
        page = render_html(content, found, drawings, title)
        checks.check_html(page, wanted)
        remarks += accessibility.remarks(content, page)
        files: list[RenderedFile] = []

        def keep(format: Format, write: Callable[[Path], object]) -> None:
            files.append(RenderedFile(format, _written(run_dir / FILE_NAMES[format], write)))

        pages = None
        if Format.HTML in formats:
            keep(Format.HTML, lambda path: path.write_text(page, encoding="utf-8"))
        if Format.PDF in formats:
            on_paper = paper.for_paper(page, found)
            printed = pdf.complete(self._running_browser().print_pdf(on_paper), title, language_of(content), on_paper)
            inventory = pdf.take_inventory(printed)
            checks.check_pdf(inventory, page)
            pages = inventory.pages
            keep(Format.PDF, lambda path: path.write_bytes(printed))
        if Format.XLSX in formats:
            pictures = sheet_pictures.pictures(found, sheet_images, page)
            source = excel.Source(run_dir, results, page, title, self._currency, language_of(content), pictures)
            keep(Format.XLSX, lambda path: checks.check_workbook(path, excel.write_workbook(path, source)))
        body = mail.compose(page, results, title, _mail_image(found, results, mail_image))
        keep(Format.MAIL, lambda path: path.write_text(json.dumps(body, ensure_ascii=False), encoding="utf-8"))
        return Rendering(tuple(files), results, pages, tuple(remarks))

    def close(self) -> None:
        with self._lock:
            browser, self._browser = self._browser, None
        if browser is not None:
            browser.close()

    def _running_browser(self) -> Browser:
        with self._lock:
            if self._browser is None:
                self._browser = Browser(self._browser_path)
            return self._browser

    def _drawn(self, found: Sequence[Chart], results: Results, for_sheets: bool) -> tuple[list[str], str, list[str]]:
        """All that the browser draws, in one batch: each chart as SVG, the mail's one, and those for sheets as PNG."""
        if not found:
            return [], "", []
        orders = [Drawing(chart.figure, chart.title, chart.width, chart.height) for chart in found]
        orders.append(_mail_order(_mail_chart(found, results)))
        if for_sheets:
            orders += sheet_pictures.orders(found)
        images = self._running_browser().draw(orders)
        count = len(found)
        return images[:count], images[count], images[count + 1 :]


def _read(path: Path) -> Any:
    try:
        return nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
    except (OSError, ValueError, nbformat.reader.NotJSONError) as error:
        raise RenderError(
            "html", f"the executed notebook {path.name} cannot be read: {error}", permanent=True
        ) from error


def _mail_order(chosen: Chart) -> Drawing:
    height = max(chosen.height, MAIL_MIN_HEIGHT)
    return Drawing(sheet_pictures.on_white(chosen), chosen.title, MAIL_WIDTH, height, "png", MAIL_SCALE)


def _mail_chart(found: Sequence[Chart], results: Results) -> Chart:
    marked = {chart.name for chart in results.charts if chart.in_mail}
    return next((chart for chart in found if chart.name in marked), found[0])


def _mail_image(found: Sequence[Chart], results: Results, png_base64: str) -> mail.Picture | None:
    if not found:
        return None
    chosen = _mail_chart(found, results)
    return mail.Picture(png_base64, chosen.title, chosen.alt, MAIL_WIDTH)


def _written(path: Path, write: Callable[[Path], object]) -> Path:
    """`path`, complete or not there at all: written beside it first."""
    unfinished = path.with_name(f".{path.name}.part")
    try:
        write(unfinished)
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        raise RenderError(path.suffix.lstrip("."), f"it cannot be written: {error.strerror}") from error
    return unfinished.replace(path)
