"""Where every page begins: title, look, navigation. The pages are files in `app_pages`, each with one purpose.

What the core refuses is shown as it says it; anything else is an error of ours and goes to the server's log.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import streamlit as st

from reports.errors import Forbidden, GazetteError
from reports.model import Role
from web.components import notices, signed_in
from web.wiring import desk

HERE = Path(__file__).parent
PAGES = HERE / "app_pages"


def main() -> None:
    for_editors, for_admins = shown_to(Role.EDITOR, Role.ADMIN), shown_to(Role.ADMIN)
    page = st.navigation(
        [
            st.Page(PAGES / "reports.py", title="Reports", url_path="reports", default=True),
            st.Page(PAGES / "explore.py", title="Explore", url_path="explore", visibility=for_editors),
            st.Page(PAGES / "archive.py", title="Archive", url_path="archive"),
            st.Page(PAGES / "status.py", title="Status", url_path="status"),
            st.Page(PAGES / "audit.py", title="Changes", url_path="audit", visibility=for_admins),
            st.Page(PAGES / "edit.py", title="New or edit report", url_path="edit", visibility="hidden"),
            st.Page(PAGES / "preview.py", title="Preview", url_path="preview", visibility="hidden"),
            st.Page(PAGES / "report.py", title="Report", url_path="report", visibility="hidden"),
            st.Page(PAGES / "run.py", title="Run", url_path="run", visibility="hidden"),
            st.Page(PAGES / "subscribe.py", title="Subscribe", url_path="subscribe", visibility="hidden"),
            st.Page(PAGES / "compare.py", title="Compare", url_path="compare", visibility="hidden"),
        ],
        position="top",
    )
    st.set_page_config(page_title=f"{page.title} · Gazette", page_icon=HERE / "icon.svg", layout="wide")
    st.logo(HERE / "logo.svg", size="large")
    st.html(HERE / "look.css")
    try:
        page.run()
    except GazetteError as error:
        notices.problem(error)
    signed_in.show()


def shown_to(*roles: Role) -> Literal["visible", "hidden"]:
    """To nobody who is signed out by now: the page will say so."""
    try:
        return "visible" if desk().person.role in roles else "hidden"
    except Forbidden:
        return "hidden"


main()
