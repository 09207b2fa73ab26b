"""What goes wrong, as RFC 9457 problem details: one table from the errors of the core to answers.

Every refusal of the API comes from here, so that each has the same members. A fault of ours says nothing of its cause;
that goes to the server's log.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from reports.errors import (
    Conflict,
    Forbidden,
    GazetteError,
    InvalidCron,
    InvalidInput,
    InvalidParameter,
    NotFound,
    StaleVersion,
)
from web.api.wire import IdConvertor
from web.wiring import service

MEDIA_TYPE = "application/problem+json"
TYPES = "urn:gazette:problem:"
REALM = 'Bearer realm="gazette"'
# Fields of the core that the API calls otherwise than by turning them into camel case.
RENAMED = {"grace": "graceSeconds", "send_if": "sendIf", "expression": "cron"}
MAX_ERRORS = 50  # of one body; more would only be scrolled past

log = logging.getLogger("gazette.api")


class FieldError(BaseModel):
    """One field that was refused."""

    field: str
    detail: str


class Problem(BaseModel):
    """Why a request was refused, as RFC 9457 describes it."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)

    type: str = Field(description="Names the kind of problem; stable.")
    title: str = Field(description="The kind of problem in words.")
    status: int
    detail: str = Field(description="What is wrong with this request, and what to do next.")
    field: str | None = Field(None, description="The field that was refused, as a path such as filters.teamIds.")
    errors: list[FieldError] | None = Field(None, description="All fields that were refused, where there are several.")
    current_version: int | None = Field(None, description="With a lost update: the version to load and edit again.")


class Refused(Exception):
    """A request the API itself refuses: not signed in, too many requests, a precondition left out."""

    def __init__(self, status: HTTPStatus, kind: str, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status, self.kind, self.detail = status, kind, detail
        self.headers = dict(headers or {})


def not_signed_in() -> Refused:
    detail = "Send a token of yours in the header `Authorization: Bearer gzt_...`, or sign in."
    return Refused(HTTPStatus.UNAUTHORIZED, "not-signed-in", detail, {"WWW-Authenticate": REALM})


def out_of_scope(scope: str) -> Refused:
    challenge = f'{REALM}, error="insufficient_scope", scope="{scope}"'
    detail = f"This token has not the scope {scope}; make one that has it."
    return Refused(HTTPStatus.FORBIDDEN, "out-of-scope", detail, {"WWW-Authenticate": challenge})


def answer(
    status: int,
    kind: str,
    detail: str,
    *,
    headers: Mapping[str, str] | None = None,
    **more: Any,
) -> JSONResponse:
    """The refusal as it is sent; also for whoever refuses before the API is reached."""
    problem = Problem(type=TYPES + kind, title=_title(kind), status=status, detail=detail, **more)
    body = problem.model_dump(by_alias=True, exclude_none=True)
    return JSONResponse(body, status, {"Cache-Control": "no-store", **(headers or {})}, MEDIA_TYPE)


def install(api: FastAPI) -> None:
    """Every error the endpoints let through becomes a problem."""
    api.add_exception_handler(GazetteError, of_core)
    api.add_exception_handler(Refused, of_api)
    api.add_exception_handler(RequestValidationError, of_validation)
    api.add_exception_handler(HTTPException, of_framework)
    api.add_exception_handler(Exception, of_fault)


def of_core(request: Request, error: Exception) -> JSONResponse:
    match error:
        case StaleVersion():
            tag = {"ETag": f'"{error.current}"'}
            return answer(409, "stale-version", str(error), headers=tag, current_version=error.current)
        case Conflict():
            return answer(409, "conflict", str(error))
        case NotFound():
            return answer(404, "not-found", str(error))
        case Forbidden():
            return answer(403, "not-allowed", str(error))
        case InvalidInput():
            field = field_of(error)
            return answer(422, "invalid-input", f"{field}: {error.message}", field=field)
    return of_fault(request, error)


def of_api(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Refused)
    return answer(error.status, error.kind, error.detail, headers=error.headers)


def of_validation(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    found = error.errors()[:MAX_ERRORS]
    if any(each["loc"] == ("body",) for each in found) and not _says_json(request):
        return answer(415, "media-type", "Send the body as JSON, with the header Content-Type: application/json.")
    if any(each["type"] == "json_invalid" for each in found):
        return answer(400, "malformed", "The body is no JSON.")
    if all(each["loc"][0] == "path" for each in found):
        return answer(404, "not-found", "There is nothing under this address.")
    fields = [FieldError(field=_path(each["loc"]), detail=_said(each)) for each in found]
    first = fields[0]
    errors = fields if len(fields) > 1 else None
    return answer(422, "invalid-input", f"{first.field}: {first.detail}", field=first.field, errors=errors)


def of_framework(request: Request, error: Exception) -> JSONResponse:
    """What the framework refuses: unknown addresses and methods, a body that cannot be read."""
    assert isinstance(error, HTTPException)
    kind, detail = FRAMEWORK.get(error.status_code, ("refused", str(error.detail)))
    headers = dict(error.headers or {})
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = ", ".join(_methods(request))
    return answer(error.status_code, kind, detail, headers=headers)


def _methods(request: Request) -> list[str]:
    """All methods of an address; the framework's own header names those of its first route only."""
    path = request.scope["path"].removeprefix(request.scope.get("root_path", ""))
    found: dict[str, Any] = request.app.openapi()["paths"]
    return sorted(
        {
            method.upper()
            for template, operations in found.items()
            if re.fullmatch(template.replace("{id}", IdConvertor.regex).replace("{name}", "[^/]+"), path)
            for method in operations
        }
    )


def of_fault(request: Request, error: Exception) -> JSONResponse:
    log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    if not service().reachable():
        detail = "The database does not answer; try again in a minute."
        return answer(503, "unavailable", detail, headers={"Retry-After": "60"})
    return answer(500, "fault", "The server failed; its log says why. Nothing you sent explains it.")


def field_of(error: InvalidInput) -> str:
    """The field of the request's body, which the core may know by another name."""
    match error:
        case InvalidParameter():
            return error.field if error.field == "parameters" else f"parameters.{error.field}"
        case InvalidCron():
            return "zone" if error.field == "zone" else "cron"
    first, *rest = error.field.split(".")
    named = rest if first in {"sources", "parameters"} else [to_camel(part) for part in rest]
    return ".".join([RENAMED.get(first, to_camel(first)), *named])


def _says_json(request: Request) -> bool:
    """A form of another site's cannot say so."""
    media_type = request.headers.get("content-type", "").split(";", maxsplit=1)[0].strip().lower()
    return media_type == "application/json" or media_type.endswith("+json")


def _path(location: tuple[Any, ...]) -> str:
    return ".".join(str(part) for part in location[1:]) or str(location[0])


def _said(error: Mapping[str, Any]) -> str:
    message = str(error["msg"]).removeprefix("Value error, ")
    return message[:1].lower() + message[1:]


def _title(kind: str) -> str:
    return TITLES[kind]


TITLES = {
    "malformed": "The request cannot be read",
    "not-signed-in": "Nobody is signed in",
    "out-of-scope": "The token may not do this",
    "not-allowed": "You may not do this",
    "not-found": "There is no such thing",
    "method": "The address does not take this method",
    "conflict": "The state does not allow this",
    "stale-version": "Somebody else saved in between",
    "invalid-input": "A field was refused",
    "key-reused": "The idempotency key belongs to another request",
    "precondition-required": "The version that is edited must be named",
    "too-large": "The body is too large",
    "media-type": "The body must be JSON",
    "too-many-requests": "Too many requests",
    "refused": "The request was refused",
    "fault": "The server failed",
    "unavailable": "The server is not ready",
}


def _documented(description: str) -> dict[str, Any]:
    return {"description": description, "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}}


EVERYWHERE: dict[int | str, dict[str, Any]] = {
    400: _documented("The request cannot be read."),
    401: _documented("Nobody is signed in."),
    403: _documented("Your role or your token does not reach so far."),
    422: _documented("A field was refused; `field` names it."),
    429: _documented("Too many requests; Retry-After says when to go on."),
    500: _documented("The server failed."),
    503: _documented("The database does not answer."),
}
WITH_BODY: dict[int | str, dict[str, Any]] = {
    413: _documented("The body is too large."),
    415: _documented("The body is no JSON by its Content-Type."),
}
MISSING: dict[int | str, dict[str, Any]] = {404: _documented("There is no such thing, or it is not yours to see.")}
CONFLICT: dict[int | str, dict[str, Any]] = {
    409: _documented("The state does not allow it, or somebody saved in between: the ETag is of what there is now.")
}
PRECONDITION: dict[int | str, dict[str, Any]] = {428: _documented("If-Match is missing.")}
FRAMEWORK = {
    400: ("malformed", "The body is no JSON."),
    404: ("not-found", "There is nothing under this address."),
    405: ("method", "The header Allow names the methods of this address."),
    413: ("too-large", "The body is larger than any request of this API needs to be."),
}
