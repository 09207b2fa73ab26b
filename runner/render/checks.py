"""After rendering: count. A report that lost a chart, a table or a page on the way has failed, not succeeded.

What must be there is counted from the executed notebook, apart from the code that renders it; what is there, from the
finished files.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lxml.html
from lxml import etree
from lxml.html import HtmlElement

from reports.errors import RenderError
from runner.render.accessibility import page_faults
from runner.render.outputs import IMAGES, PLOTLY
from runner.render.pdf import Inventory

_SHEET = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}sheet"
_LOADED = re.compile(r"url\(\s*['\"]?(?!#|data:)|@import", re.IGNORECASE)


@dataclass(frozen=True)
class Expected:
    """What a notebook shows. `figure_tables` stand folded under charts in the HTML, and in an appendix of the PDF."""

    pictures: int
    tables: int
    figure_tables: int


def expected(notebook: Mapping[str, Any]) -> Expected:
    """Count the pictures and tables in the outputs of `notebook`."""
    pictures = tables = figure_tables = 0
    for cell in notebook["cells"]:
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            if PLOTLY in data:
                pictures += 1
                figures = str(output.get("metadata", {}).get("gazette", {}).get("figures_html", ""))
                figure_tables += figures.count("<table")
            elif "text/html" in data:
                tables += len(re.findall(r"<table[\s>]", str(data["text/html"]), re.IGNORECASE))
            elif any(mime in data for mime in IMAGES):
                pictures += 1
    return Expected(pictures, tables, figure_tables)


def check_html(page: str, wanted: Expected) -> None:
    """Raises RenderError naming what the page lost, or what in it is not accessible."""
    root = lxml.html.document_fromstring(page)
    pictures = len(root.xpath("//div[@class='chart']/svg[@role='img'] | //p[@class='image']/img"))
    tables = len(root.xpath("//table"))
    # Not fewer: text cells may hold pictures and tables of their own.
    if pictures < wanted.pictures:
        raise _lost("html", "charts and pictures", wanted.pictures, pictures)
    if tables < wanted.tables + wanted.figure_tables:
        raise _lost("html", "tables", wanted.tables + wanted.figure_tables, tables)
    faults = [*page_faults(root), *_outside(root, page)]
    if faults:
        raise RenderError("html", "; ".join(faults), permanent=True)


def _outside(root: HtmlElement, page: str) -> list[str]:
    """What would run, or be loaded from elsewhere."""
    rules = {
        "it has a script": not root.xpath("//script | //iframe | //object | //embed | //link | //base"),
        "it has an event handler": not root.xpath("//@*[starts-with(name(), 'on')]"),
        "it loads a file": all(
            str(source).startswith(("data:", "#")) for source in root.xpath("//@src | //image/@*[name()='href']")
        ),
        "its style loads a file": not any(
            _LOADED.search(str(text)) for text in root.xpath("//style/text() | //@style")
        ),
    }
    return [fault for fault, holds in rules.items() if not holds]


def check_pdf(found: Inventory, page: str) -> None:
    """Raises RenderError naming what the PDF lost against the page it was printed from."""
    if found.pages < 1 or found.empty_pages:
        numbers = ", ".join(map(str, found.empty_pages)) or "1"
        raise RenderError("pdf", f"nothing is on page {numbers}")
    root = lxml.html.document_fromstring(page)
    pictures = len(root.xpath("//svg[@role='img'] | //img"))
    tables = len(root.xpath("//table"))  # folded ones, too: print unfolds them, or has them in the appendix
    if found.figures != pictures:
        raise _lost("pdf", "charts and pictures with a text alternative", pictures, found.figures)
    if found.tables != tables:
        raise _lost("pdf", "tables", tables, found.tables)
    if found.unnamed_figures:
        raise RenderError("pdf", f"{found.unnamed_figures} pictures have no text alternative", permanent=True)


def check_workbook(path: Path, wanted: Sequence[str]) -> None:
    """Raises RenderError unless the workbook has exactly the `wanted` sheets, in this order."""
    try:
        with zipfile.ZipFile(path) as archive:
            root = etree.fromstring(archive.read("xl/workbook.xml"))
            broken = archive.testzip()
    except (OSError, KeyError, zipfile.BadZipFile, etree.XMLSyntaxError) as error:
        raise RenderError("xlsx", f"the workbook is damaged: {error}") from error
    if broken is not None:
        raise RenderError("xlsx", f"the workbook is damaged at {broken}")
    sheets = [sheet.get("name") for sheet in root.iter(_SHEET)]
    if sheets != list(wanted):
        lost = [name for name in wanted if name not in sheets]
        raise RenderError("xlsx", f"sheets are missing: {', '.join(lost) or 'their order changed'}")


def _lost(format: str, what: str, wanted: int, found: int) -> RenderError:
    return RenderError(format, f"the report has {wanted} {what}, the {format} has {found}")
