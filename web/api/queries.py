"""What may stand in a request's query: what the document names, and once where it names no list.

A name that nobody knows is refused as an unknown field of a body is, so that `?sate=failed` is not taken for a wish to
see everything; of a value given twice nobody could say which was meant.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute

from web.api.calling import Calling


def only_what_is_described(request: Request, _known_first: Calling) -> None:
    """Refuse what the document does not say of this operation's query; 401 and 403 come before."""
    if not request.query_params:
        return
    route = request.scope["route"]
    assert isinstance(route, APIRoute)
    operation = request.app.openapi()["paths"][route.path_format][request.method.lower()]
    described = {each["name"]: each for each in operation.get("parameters", []) if each["in"] == "query"}
    given = Counter(name for name, _value in request.query_params.multi_items())
    if refused := [said for name, times in given.items() if (said := _refusal(name, times, described))]:
        raise RequestValidationError(refused)


def _refusal(name: str, times: int, described: Mapping[str, Mapping[str, Any]]) -> dict[str, Any] | None:
    location = ("query", name)
    if name not in described:
        known = ", ".join(described) or "none"
        return {"type": "extra_forbidden", "loc": location, "msg": f"is not known here; known are: {known}"}
    if times > 1 and not _is_list(described[name]["schema"]):
        return {"type": "repeated", "loc": location, "msg": "must be given once"}
    return None


def _is_list(schema: Mapping[str, Any]) -> bool:
    return any(each.get("type") == "array" for each in (schema, *schema.get("anyOf", ())))
