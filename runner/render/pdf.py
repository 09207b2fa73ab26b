"""Complete Chromium's tagged PDF to PDF/UA-1 and read back what is in it.

Adds what the browser leaves out: an XMP title and conformance mark, a role for each non-standard structure type, the
title in the window's bar; `pdf_tags` finishes the tags. Drawing and text stay as they are.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import lxml.html
import pikepdf
from lxml.html import HtmlElement
from pikepdf import Name, Pdf

from reports.errors import RenderError
from runner.render.pdf_tags import describe_links, elements, finish_tags, name_bookmarks

# ISO 32000-1, 14.8.4: the types every reader knows. Chromium adds HTML's own, which must be mapped to these.
_STANDARD = set(
    """
    Document Part Art Sect Div BlockQuote Caption TOC TOCI Index NonStruct Private P H H1 H2 H3 H4 H5 H6 L LI Lbl LBody
    Table TR TH TD THead TBody TFoot Span Quote Note Reference BibEntry Code Link Annot Ruby RB RT RP Warichu WT WP
    Figure Formula Form
    """.split()  # noqa: SIM905  a list of fifty quoted words reads worse
)
HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
_BLOCKS = frozenset({"Aside", "Title", "FENote", "DocumentFragment"})


@dataclass(frozen=True)
class Inventory:
    """What a PDF holds by its own structure tree."""

    pages: int
    empty_pages: tuple[int, ...]  # numbers of pages without any content but the margin's
    figures: int  # with a text alternative
    unnamed_figures: int
    tables: int
    headings: int


def complete(printed: bytes, title: str, language: str, page: str) -> bytes:
    """`printed` as PDF/UA-1; `page` is the HTML it was printed from. Raises RenderError if it is no tagged PDF."""
    html = lxml.html.document_fromstring(page)
    with _opened(printed) as pdf:
        root = pdf.Root
        if Name.StructTreeRoot not in root:
            raise RenderError("pdf", "the browser printed it without tags; use Chromium 131 or newer")
        root.Lang = pikepdf.String(language)
        root.ViewerPreferences = pikepdf.Dictionary(DisplayDocTitle=True)
        finish_tags(pdf)
        describe_links(pdf, _links(html))
        name_bookmarks(pdf, (str(heading.text_content()) for heading in html.iter(*HEADINGS)))
        root.StructTreeRoot.RoleMap = _role_map(pdf)
        with pdf.open_metadata(set_pikepdf_as_editor=False) as metadata:
            metadata["dc:title"] = title
            metadata["dc:language"] = {language}
            metadata["pdfuaid:part"] = "1"
        pdf.docinfo["/Title"] = title
        pdf.docinfo["/Creator"] = "Gazette"
        output = BytesIO()
        pdf.save(output, object_stream_mode=pikepdf.ObjectStreamMode.generate)
        return output.getvalue()


def _links(page: HtmlElement) -> dict[str, str]:
    """The words of each address the page links to; the first where there are several."""
    words: dict[str, str] = {}
    for link in page.iter("a"):
        words.setdefault(link.get("href", ""), " ".join(link.text_content().split()))
    return words


def take_inventory(data: bytes) -> Inventory:
    """Count pages, figures, tables and headings. Raises RenderError if `data` is no PDF."""
    with _opened(data) as pdf:
        counted: Counter[str] = Counter()
        named = 0
        for kind, element in elements(pdf):
            counted[kind] += 1
            named += kind == "Figure" and bool(str(element.get("/Alt", "")))
        return Inventory(
            pages=len(pdf.pages),
            empty_pages=_empty_pages(pdf),
            figures=named,
            unnamed_figures=counted["Figure"] - named,
            tables=counted["Table"],
            headings=sum(counted[f"H{level}"] for level in range(1, 7)),
        )


def _opened(data: bytes) -> Pdf:
    try:
        return Pdf.open(BytesIO(data))
    except pikepdf.PdfError as error:
        raise RenderError("pdf", f"what the browser printed is no PDF: {error}") from error


def _role_map(pdf: Pdf) -> pikepdf.Dictionary:
    own = {kind for kind, _ in elements(pdf)} - _STANDARD
    roles = {kind: Name.Div if kind in _BLOCKS else Name.Span for kind in own | {"Em", "Strong"}}
    return pikepdf.Dictionary({f"/{kind}": role for kind, role in sorted(roles.items())})


def _empty_pages(pdf: Pdf) -> tuple[int, ...]:
    """Pages no structure element points to: what stands in the margins is marked as an artifact."""
    parents = _number_tree(pdf.Root.StructTreeRoot.get("/ParentTree")) if Name.StructTreeRoot in pdf.Root else {}
    return tuple(
        number
        for number, page in enumerate(pdf.pages, 1)
        if not parents.get(int(page.obj.get("/StructParents", -1)), False)
    )


def _number_tree(node: Any) -> dict[int, bool]:
    """Key -> whether its value is a list with something in it."""
    if node is None:
        return {}
    found: dict[int, bool] = {}
    numbers = list(node.get("/Nums", []))
    for key, value in zip(numbers[::2], numbers[1::2], strict=True):
        found[int(key)] = isinstance(value, pikepdf.Array) and any(
            isinstance(item, pikepdf.Dictionary) for item in list(value)
        )
    for child in node.get("/Kids", []):
        found |= _number_tree(child)
    return found
