"""Pages of plain HTML, without a script: what stands before the app's door and beside it.

They load nothing at all; each carries its style and its own, stricter policy.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse

HERE = Path(__file__).parent
PAGES = HERE / "plain_pages"
POLICY = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
HEADERS = {"Content-Security-Policy": POLICY, "Cache-Control": "no-store"}
MOST_BYTES = 20_000  # of a form; ours have a few short fields


def page(template: str, title: str, status: int = 200, /, **values: Any) -> HTMLResponse:
    """The page of `template`; `trouble` and `done` among the values are said at its top."""
    made = (
        _templates()
        .get_template(f"{template}.html.j2")
        .render(
            {"trouble": "", "done": "", **values},
            title=title,
            style=Markup((PAGES / "plain.css").read_text(encoding="utf-8")),
            logo=Markup(_logo()),
        )
    )
    return HTMLResponse(made, status, HEADERS)


def message(title: str, *lines: str, status: int = 200, link: tuple[str, str] | None = None) -> HTMLResponse:
    return page("message", title, status, lines=lines, link=link)


async def fields_of(request: Request) -> dict[str, str]:
    """The fields of a form, each once. Raises HTTPException if there is more than our forms can hold."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > MOST_BYTES:
            raise HTTPException(413, "The form is too large.")
    return dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=50))


@cache
def _templates() -> Environment:
    return Environment(loader=FileSystemLoader(PAGES), autoescape=True, undefined=StrictUndefined)


def _logo() -> str:
    picture = (HERE / "logo.svg").read_text(encoding="utf-8").strip()
    return picture.replace("<svg ", '<svg role="img" aria-label="Gazette" ', 1)
