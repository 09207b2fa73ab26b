"""Tables, lists of facts and links as HTML that screen readers can walk through; all data is escaped.

`st.dataframe` draws on a canvas that the keyboard hardly reaches, so lists are real tables with a caption and headers.
A cell that is `Markup` was made here; any other cell is text.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

import streamlit as st
from markupsafe import Markup, escape

Cell = str | Markup
NOTHING = "–"


@dataclass(frozen=True)
class Column:
    """A column's header. Numbers stand right; `wide` columns get the space that is left, `time` columns one line.

    One that `stays` is in sight on a narrow screen, too, while the others move sideways.
    """

    label: str
    number: bool = False
    wide: bool = False
    time: bool = False
    stays: bool = False


@dataclass(frozen=True)
class Table:
    """The first cell of each row names the row. The caption is read aloud and, unless `quiet`, seen."""

    caption: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    quiet: bool = False  # where a heading just above says the same


def show(table: Table) -> None:
    st.html(to_html(table))


def to_html(table: Table) -> Markup:
    """In a frame of its own that scrolls sideways on a phone, also by keyboard."""
    return Markup(
        '<div class="gz-frame" role="region" tabindex="0" aria-label="{caption}"><table class="gz-table">'
        '<caption class="{look}">{caption}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
    ).format(
        caption=table.caption,
        look="gz-hidden" if table.quiet else "gz-caption",
        head=_joined(Markup('<th scope="col"{}>{}</th>').format(_look(each), each.label) for each in table.columns),
        body=_joined(_row(table.columns, row) for row in table.rows),
    )


def _row(columns: Sequence[Column], cells: Sequence[Cell]) -> Markup:
    name, *others = zip(columns, cells, strict=True)
    head = Markup('<th scope="row"{}>{}</th>').format(_look(name[0]), name[1])
    return Markup("<tr>{}{}</tr>").format(
        head, _joined(Markup("<td{}>{}</td>").format(_look(column), cell) for column, cell in others)
    )


def _look(column: Column) -> Markup:
    names = [f"gz-{name}" for name in ("number", "wide", "time", "stays") if getattr(column, name)]
    return Markup(' class="{}"').format(" ".join(names)) if names else Markup()


def show_facts(facts: Iterable[tuple[str, Cell]]) -> None:
    """Terms and what they are, as a definition list."""
    pairs = _joined(Markup("<div><dt>{}</dt><dd>{}</dd></div>").format(term, value) for term, value in facts)
    st.html(Markup('<dl class="gz-facts">{}</dl>').format(pairs))


def link(page: str, text: str, suffix: str = "", **query: str | Sequence[str]) -> Markup:
    """A link to a page or file of ours. `suffix` is read aloud only: it makes the names of like links differ."""
    href = f"{page}?{urlencode(query, doseq=True)}" if query else page
    hidden = Markup('<span class="gz-hidden"> {}</span>').format(suffix) if suffix else ""
    return Markup('<a href="{}" target="_self">{}{}</a>').format(href, name_of(text), hidden)


def more(page: str, text: str, **query: str | Sequence[str]) -> Markup:
    """A link of its own below a list."""
    return Markup('<p class="gz-more">{}</p>').format(link(page, text, "", **query))


def joined(cells: Iterable[Cell]) -> Markup:
    """Several in one cell, one beside the other."""
    return one_line(Markup(" ").join(cells))


def one_line(cell: Cell) -> Markup:
    return Markup('<span class="gz-line">{}</span>').format(cell)


def name_of(text: str) -> Markup:
    """A name from data, isolated so that right-to-left letters cannot turn its neighbours."""
    return Markup("<bdi>{}</bdi>").format(text)


def with_note(cell: Cell, note: Cell) -> Markup:
    """A cell of two lines: what it is, and quieter what goes with it."""
    return Markup('{}<span class="gz-note">{}</span>').format(cell, note) if note else escape(cell)


def code(text: str) -> Markup:
    return Markup('<code class="gz-code">{}</code>').format(text)


def _joined(parts: Iterable[Markup]) -> Markup:
    return Markup().join(parts)
