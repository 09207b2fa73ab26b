"""Pages as scripts: opened on a real store by AppTest, and read as they are read aloud."""

from __future__ import annotations

from dataclasses import dataclass

import web_seed
from lxml import html
from streamlit.testing.v1 import AppTest
from web_seed import Seeded

from reports.service import Service
from web import wiring

MAIN = web_seed.ROOT / "web" / "main.py"
SECONDS = 20  # the first run of a script imports what it shows


@dataclass
class Site:
    seeded: Seeded

    @property
    def service(self) -> Service:
        return wiring.service()

    def open(self, page: str, **query: str) -> AppTest:
        return opened(page, **query)


def opened(page: str, **query: str) -> AppTest:
    app = AppTest.from_file(MAIN, default_timeout=SECONDS).run()
    app.switch_page(f"app_pages/{page}.py")
    for name, value in query.items():
        app.query_params[name] = value
    app.run()
    assert not app.exception, app.exception[0].stack_trace
    return app


def words(app: AppTest) -> str:
    """All text of the page, as it is read aloud."""
    parts = [
        element.value
        for kind in ("title", "header", "text", "caption", "info", "warning", "error", "success")
        for element in app.get(kind)
    ]
    parts += [element.value for element in app.get("code")]
    return "\n".join([*parts, *(html.fromstring(fragment).text_content() for fragment in fragments(app))])


def fragments(app: AppTest) -> list[str]:
    return [element.proto.body for element in app.get("html") if not element.proto.body.startswith("<style>")]


def table(app: AppTest, caption: str) -> list[list[str]]:
    """The rows of the table whose caption begins like this, cell by cell."""
    for fragment in fragments(app):
        root = html.fromstring(fragment)
        if str(root.get("aria-label") or "").startswith(caption):
            return [[cell.text_content() for cell in row.xpath("th|td")] for row in root.xpath(".//tbody/tr")]
    raise AssertionError(f"no table {caption!r} in:\n{words(app)}")
