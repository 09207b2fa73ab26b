"""The gate before a report leaves: whether everybody can read it, whatever they read it with.

Faults are of pieces that the kit or the renderer wrote; a report with one fails. What an analyst wrote is mended where
it can be (levels of headings, names of pictures, tables and links), and each mending is a remark to the analyst.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import lxml.html
from lxml.html import HtmlElement

from reports.errors import RenderError
from reports.notebook import level_gaps, markdown_headings
from runner.render.contrast import ENOUGH, faint_texts
from runner.render.outputs import Chart

NAMED = 3  # places of one fault that are named; the rest is counted
MAX_REMARKS = 50

_GENERATED_ALT = re.compile(r"Figure \d+|Picture without a description|Chart \d+")
_GENERATED_CAPTION = re.compile(r"Table \d+")
_HEADINGS = "self::h1 or self::h2 or self::h3 or self::h4 or self::h5 or self::h6"


def page_faults(root: HtmlElement) -> list[str]:
    """What would keep somebody from reading the page, each with where it is."""
    return [*_document_faults(root), *(_told(fault, found) for fault, found in _places(root) if found)]


def _document_faults(root: HtmlElement) -> Iterator[str]:
    if not root.get("lang"):
        yield "it has no language"
    if not (root.findtext(".//title") or "").strip():
        yield "it has no title"
    if len(root.xpath("//h1")) != 1:
        yield "it has not exactly one main heading"


def _places(root: HtmlElement) -> Iterator[tuple[str, list[HtmlElement]]]:
    ids = Counter(root.xpath("//@id"))
    yield "a heading skips a level", _skipping(root)
    yield "a heading is empty", root.xpath(f"//*[{_HEADINGS}][not(normalize-space())]")
    yield (
        "a picture has no text alternative",
        root.xpath("//img[not(normalize-space(@alt))] | //svg[@role='img'][not(normalize-space(@aria-label))]"),
    )
    yield "a table has no caption", root.xpath("//table[not(caption)]")
    yield "a header cell has no scope", root.xpath("//th[not(@scope)]")
    yield "a table has no header", root.xpath("//table[@id][not(.//th)]")
    yield "a link has no words", [link for link in root.xpath("//a[@href]") if not _name(link)]
    yield "an id is used twice", [e for e in root.xpath("//*[@id]") if ids[e.get("id", "")] > 1]
    yield "a label is missing", [e for e in root.xpath("//*") if not _labels_exist(e, ids)]


def _skipping(root: HtmlElement) -> list[HtmlElement]:
    headings = root.xpath(f"//*[{_HEADINGS}]")
    levels = [0, *(int(heading.tag[1]) for heading in headings)]
    return [heading for heading, before, level in zip(headings, levels, levels[1:], strict=False) if level > before + 1]


def _name(link: HtmlElement) -> str:
    alts = " ".join(link.xpath(".//img/@alt | .//svg/@aria-label"))
    return f"{link.get('aria-label', '')}{link.text_content()}{alts}".strip()


def _labels_exist(element: HtmlElement, ids: Counter[str]) -> bool:
    names = f"{element.get('aria-labelledby', '')} {element.get('aria-describedby', '')}".split()
    return all(name in ids for name in names)


def _told(fault: str, found: Sequence[HtmlElement]) -> str:
    places = list(dict.fromkeys(_where(element) for element in found))
    more = f" and {len(places) - NAMED} more" if len(places) > NAMED else ""
    return f"{fault} ({'; '.join(places[:NAMED])}{more})"


def _where(element: HtmlElement) -> str:
    """Where a reader finds the element: under which heading, and what it is called."""
    headings = element.xpath(f"(preceding::* | ancestor-or-self::*)[{_HEADINGS}][normalize-space()]")
    under = f" under “{_short(headings[-1].text_content())}”" if headings else ""
    own = element.get("id") or _short(str(element.text_content()))
    return f"<{element.tag}>{f' {own!r}' if own else ''}{under}"


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 60 else line[:59] + "…"


def check_charts(charts: Sequence[Chart], drawings: Sequence[str]) -> list[str]:
    """Remarks on figures of the notebook's own whose words are faint. Raises RenderError for one drawn by the kit."""
    remarks = []
    for chart, drawing in zip(charts, drawings, strict=True):
        faint = faint_texts(drawing)
        if not faint:
            continue
        said = f"the chart “{chart.title}”: {'; '.join(map(str, faint[:NAMED]))}, and {ENOUGH} to 1 is needed"
        if chart.by_kit:
            raise RenderError("chart", said, permanent=True)
        remarks.append(f"Words are hard to read in {said}; choose a darker colour.")
    return remarks


def remarks(notebook: Mapping[str, Any], page: str) -> list[str]:
    """What was mended in the analyst's own pieces, and how to do better."""
    root = lxml.html.document_fromstring(page)
    found = [*_heading_remarks(notebook), *(say(element) for element, say in _generated(root))]
    return list(dict.fromkeys(found))[:MAX_REMARKS]


def _heading_remarks(notebook: Mapping[str, Any]) -> Iterator[str]:
    texts = [str(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "markdown"]
    levels = [heading.level for text in texts for heading in markdown_headings(text)]
    for before, after in level_gaps(levels):
        yield f"A heading `{'#' * after}` follows `{'#' * before}`; it was raised to `{'#' * (before + 1)}`."


def _generated(root: HtmlElement) -> Iterator[tuple[HtmlElement, Callable[[HtmlElement], str]]]:
    for picture in root.xpath("//img | //svg[@role='img']"):
        alt = picture.get("alt") or picture.get("aria-label") or ""
        if _GENERATED_ALT.fullmatch(alt.strip()):
            yield picture, _undescribed
    for caption in root.xpath("//caption[starts-with(@id, 'frame-')]"):
        if _GENERATED_CAPTION.fullmatch(str(caption.text_content()).strip()):
            yield caption, _untitled


def _undescribed(picture: HtmlElement) -> str:
    alt = picture.get("alt") or picture.get("aria-label")
    advice = 'say what it shows in the cell\'s metadata {"gazette": {"alt": "..."}}, or use kit.chart(..., alt=...)'
    return f"“{alt}” has no description of its own; {advice}."


def _untitled(caption: HtmlElement) -> str:
    name = str(caption.text_content()).strip()
    return f"“{name}” has no title of its own; use kit.table(title, frame), or the caption of a pandas Styler."
