"""The REST application: its parts, its description, and what surrounds every request.

Whoever calls was found by the sign-in before; nothing here knows a token or a password.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import Depends, FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.requests import Request
from starlette.responses import HTMLResponse

from reports.settings import load_settings
from web.api import deliveries, docs_page, problems, reports, runs, subscriptions, templates
from web.api.limits import BodyLimit, Rate, RateLimit
from web.api.problems import EVERYWHERE, WITH_BODY, Problem
from web.api.queries import only_what_is_described

TITLE = "Gazette"
DESCRIPTION = """Reports from notebooks: define them, subscribe to them, run them, read what came of it.

Errors are problem details as RFC 9457 describes them; `field` names the field that was refused."""
PARTS = (reports.router, subscriptions.router, runs.router, deliveries.router, templates.router)
MAX_BODY = 1 << 20  # bytes; a report with a thousand values in each filter is a tenth of it
BURST = 10  # seconds' worth of requests that may come at once


class Api(FastAPI):
    """FastAPI whose description names the shape of every refusal."""

    def openapi(self) -> dict[str, Any]:
        if not self.openapi_schema:
            described = get_openapi(
                title=self.title, version=self.version, description=self.description, routes=self.routes
            )
            schemas = described["components"]["schemas"]
            problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
            schemas |= problem.pop("$defs") | {"Problem": problem}
            for operation in (each for path in described["paths"].values() for each in path.values()):
                if "requestBody" in operation:
                    operation["responses"] |= {str(status): said for status, said in WITH_BODY.items()}
            self.openapi_schema = described
        return self.openapi_schema


def make_api(rate: Callable[[], Rate] | None = None) -> FastAPI:
    api = Api(title=TITLE, description=DESCRIPTION, version="1", docs_url=None, redoc_url=None, responses=EVERYWHERE)
    for part in PARTS:
        api.include_router(part, dependencies=[Depends(only_what_is_described)])
    problems.install(api)
    api.add_middleware(BodyLimit, most=MAX_BODY)
    api.add_middleware(RateLimit, rate=rate or _rate)

    @api.get("/docs", include_in_schema=False)
    def docs(request: Request) -> HTMLResponse:
        return HTMLResponse(docs_page.page(api.openapi(), request.scope.get("root_path", "")))

    return api


def _rate() -> Rate:
    per_minute = load_settings().api_requests_per_minute
    return Rate(per_minute, max(1, per_minute * BURST // 60))


api = make_api()
