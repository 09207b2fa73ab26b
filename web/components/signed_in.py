"""Below each page, also one that could not be shown: who is signed in, and the way to the account and out."""

from __future__ import annotations

import streamlit as st
from markupsafe import Markup

from reports.errors import Forbidden
from web.components import tables
from web.wiring import desk


def show() -> None:
    try:
        person = desk().person
    except Forbidden:  # signed out meanwhile; the page has said so
        return
    st.html(
        Markup('<footer class="gz-footer">Signed in as {}, {}. {}</footer>').format(
            tables.name_of(person.name), person.role.value, tables.link("account", "Account and sign-out")
        )
    )
