"""Templates to choose from: what each tells, for whom, and a small picture of what comes of it."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import streamlit as st
from markupsafe import Markup

from reports.templates import Template
from web.components import tables

PICTURES = Path(__file__).resolve().parents[1] / "pictures"  # made by scripts/pictures.py
COLUMNS = 2
PICTURE_WIDTH, SMALL = 200, 110  # CSS pixels; the files have twice as many, for sharp screens


def show(templates: Sequence[Template]) -> None:
    """One card each, with the way to the form for it."""
    for start in range(0, len(templates), COLUMNS):
        for place, template in zip(st.columns(COLUMNS), templates[start : start + COLUMNS], strict=False):
            with place, st.container(border=True):
                _card(template)


def _card(template: Template) -> None:
    st.html(Markup('<h2 class="gz-card">{}</h2>').format(tables.name_of(template.title)))
    picture, about = st.columns([2, 3])
    with picture:
        show_picture(template)
    about.text(template.description or "This template has no description.")
    if template.audience:
        about.text(f"For: {template.audience}")
    about.button(f"Use {template.title}", key=f"use_{template.name}", on_click=use, args=[template.name])


def use(name: str) -> None:
    """A link to the page that is open already would lose its query at the next rerun."""
    st.query_params["template"] = name


def show_picture(template: Template, width: int = PICTURE_WIDTH) -> None:
    path = picture_of(template)
    if path is None:
        st.caption("No picture: it is a template of your own. A preview shows what it makes.")
    else:
        # Not st.image: its file is gone as soon as the page moves on, also for a browser that has just asked for it.
        alt = f"The top of a report made from the template {template.title}"
        st.html(Markup('<img src="{}" width="{}" alt="{}">').format(_as_address(path), width, alt))


@cache
def _as_address(path: Path) -> str:
    return f"data:image/png;base64,{b64encode(path.read_bytes()).decode('ascii')}"


def picture_of(template: Template) -> Path | None:
    """None for a template that did not come with Gazette."""
    path = PICTURES / f"{template.name}.png"
    return path if path.is_file() else None
