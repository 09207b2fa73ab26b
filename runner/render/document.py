"""Arrange the pieces of a report into one document: a header, sections under their headings, pairs side by side.

Works on clean HTML in which charts are still placeholders; it moves and numbers, and never changes a text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import lxml.html
from lxml.html import HtmlElement
from lxml.html.builder import E

from runner.render.tables import fill_empty_cells

# On a printed page in the ordinary size; print shrinks a table with more.
COLUMNS_THAT_FIT = 9
LETTERS_THAT_FIT = 92
LETTERS_OF_A_NAME, LETTERS_OF_A_TEXT = 15, 8  # what report.css keeps for a row's header and for another text

_HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
_REFERENCES = ("aria-labelledby", "aria-describedby", "aria-controls", "aria-details", "headers")


def arrange(body: str, title: str) -> str:
    """The report's `<article>`. `body` is a row of `<div class="cell">` and `<div class="output">`, as the notebook
    has them; `title` becomes the h1 where the notebook has none."""
    article = lxml.html.fragment_fromstring(body, create_parent="article")
    _name_images(article)
    _name_links(article)
    _make_ids_unique(article)
    _unwrap_blocks(article)
    _one_heading(article, title)
    _close_level_gaps(article)
    fill_empty_cells(article)
    _mark_wide_tables(article)
    _make_sections(article)
    _pair_halves(article)
    return str(lxml.html.tostring(article, encoding="unicode"))


def _name_images(article: HtmlElement) -> None:
    """Say where a picture would have been loaded from elsewhere, and name those without a name."""
    for image in list(article.iter("img")):
        if not image.get("src"):
            alt = " ".join(image.get("alt", "").split())
            said = E.span({"class": "left-out"}, f"[Not in the report: a picture from elsewhere{alt and f', {alt}'}]")
            said.tail = image.tail
            image.getparent().replace(image, said)
        elif not image.get("alt", "").strip():
            image.set("alt", "Picture without a description")


def _name_links(article: HtmlElement) -> None:
    """A link without words is called by its address; a heading without words is none."""
    for link in article.iter("a"):
        if not link.text_content().strip() and not link.xpath(".//img | .//*[@class='picture']"):
            link.text = link.get("href", "").removeprefix("mailto:") or None
    for heading in list(article.iter(*_HEADINGS)):
        if not heading.text_content().strip() and not heading.xpath(".//img | .//*[@class='picture']"):
            heading.drop_tree()


def _make_ids_unique(article: HtmlElement) -> None:
    """Rename an id that an earlier block used, together with what refers to it inside its own block."""
    seen: set[str] = set()
    for block in article:
        new: dict[str, str] = {}
        for element in block.iter():
            old = element.get("id")
            if old is None:
                continue
            new[old] = _free(old, seen)
            seen.add(new[old])
            element.set("id", new[old])
        if any(old != name for old, name in new.items()):
            _follow(block, new)


def _free(name: str, seen: set[str]) -> str:
    found, number = name, 2
    while found in seen:
        found, number = f"{name}-{number}", number + 1
    return found


def _follow(block: HtmlElement, new: dict[str, str]) -> None:
    for element in block.iter():
        for attribute in _REFERENCES:
            if (value := element.get(attribute)) is not None:
                element.set(attribute, " ".join(new.get(name, name) for name in value.split()))
        href = element.get("href", "")
        if href.startswith("#"):
            element.set("href", "#" + new.get(href[1:], href[1:]))


def _unwrap_blocks(article: HtmlElement) -> None:
    """Let Markdown and outputs stand side by side; a half-width chart keeps its frame, with its figures in it."""
    for block in list(article):
        if "half" not in block.classes:
            block.drop_tag()


def _one_heading(article: HtmlElement, title: str) -> None:
    """Exactly one h1, in a header that comes first: the kit's, else the notebook's first, else `title`."""
    headings = list(article.iter("h1"))
    own = next((heading for heading in headings if _header_of(heading) is not None), None)
    kept = own if own is not None else next(iter(headings), None)
    if kept is None:
        kept = E.h1(title)
        header = E.header({"class": "report-header"}, kept)
    elif own is not None:
        header = _header_of(own)
    else:
        header = E.header({"class": "report-header"})
        kept.drop_tree()  # its tail stays
        header.append(kept)
    if header.getparent() is not None:
        header.drop_tree()
    _move_text(article)
    article.insert(0, header)
    for heading in headings:
        if heading is kept:
            continue
        if own is not None and heading.text_content().strip() == kept.text_content().strip():
            heading.drop_tree()  # the notebook's own title, said twice
        else:
            heading.tag = "h2"


def _header_of(heading: HtmlElement) -> HtmlElement | None:
    return next((parent for parent in heading.iterancestors("header") if "report-header" in parent.classes), None)


def _move_text(article: HtmlElement) -> None:
    """Loose text at the very start must not stand before the header."""
    if (article.text or "").strip():
        article.insert(0, E.p(article.text))
    article.text = None


def _close_level_gaps(article: HtmlElement) -> None:
    """An h4 right under an h2 becomes an h3: a reader who moves by headings misses no level."""
    level = 0
    for heading in article.iter(*_HEADINGS):
        level = min(int(heading.tag[1]), level + 1)
        heading.tag = f"h{level}"


def _mark_wide_tables(article: HtmlElement) -> None:
    for table in article.iter("table"):
        rows = [list(row.iterchildren("th", "td")) for row in table.iter("tr")]
        columns = max(map(len, rows), default=0)
        if columns > COLUMNS_THAT_FIT or sum(_narrowest(rows, column) for column in range(columns)) > LETTERS_THAT_FIT:
            table.classes.add("wide")


def _narrowest(rows: list[list[HtmlElement]], column: int) -> int:
    """Letters a column needs at least: its longest number or word of a header; texts may break anywhere."""
    cells = [row[column] for row in rows if len(row) > column]
    return max((_unbroken(cell, first=column == 0) for cell in cells), default=0)


def _unbroken(cell: HtmlElement, *, first: bool) -> int:
    text = str(cell.text_content()).strip()
    if cell.tag == "td" and "num" in cell.classes:
        return len(text)
    if cell.get("scope") == "col" and not first:
        return max(map(len, text.split()), default=0)
    return LETTERS_OF_A_NAME if first else LETTERS_OF_A_TEXT


def _make_sections(article: HtmlElement) -> None:
    """Everything from one h2 to the next becomes a section; headers, footers and sections stay as they are."""
    section: HtmlElement | None = None
    for child in list(article):
        if child.tag in {"header", "footer", "section"}:
            section = None
        elif child.tag == "h2":
            section = E.section()
            child.addprevious(section)
            section.append(child)
        elif section is not None:
            section.append(child)


def _pair_halves(article: HtmlElement) -> None:
    """Two half-width charts in a row stand side by side, and so do two sections that each hold only one."""
    for first, second in _neighbours(article, _is_half):
        _side_by_side(first, second)
    for first, second in _neighbours(article, _is_half_section):
        _side_by_side(first, second)


def _neighbours(article: HtmlElement, fits: object) -> Iterator[tuple[HtmlElement, HtmlElement]]:
    taken: set[HtmlElement] = set()
    assert callable(fits)
    for first in [element for element in article.iter("div", "section") if fits(element)]:
        second = first.getnext()
        if first not in taken and second is not None and not (first.tail or "").strip() and fits(second):
            taken.add(second)
            yield first, second


def _is_half(element: HtmlElement) -> bool:
    return element.tag == "div" and "half" in element.classes


def _is_half_section(element: HtmlElement) -> bool:
    children = list(element)
    halves = [child for child in children if _is_half(child)]
    return element.tag == "section" and len(halves) == 1 and all(c in halves or c.tag in {"h2", "p"} for c in children)


def _side_by_side(first: HtmlElement, second: HtmlElement) -> None:
    pair = E.div({"class": "two"})
    first.addprevious(pair)
    pair.tail, second.tail = second.tail, None
    first.tail = None
    pair.extend((first, second))


def running_title(title: str) -> str:
    """`title` as a CSS string for the page margin; everything but letters and digits is escaped."""
    short = title if len(title) <= 90 else title[:89].rstrip() + "…"
    return '"' + re.sub(r"[^0-9A-Za-z ]", lambda match: f"\\{ord(match[0]):x} ", short) + '"'
