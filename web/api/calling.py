"""Who is calling, and through what: the person whom the sign-in found, the token's scopes, the use cases.

The API signs nobody in: without a person in the ASGI scope the answer is 401.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.security import HTTPBearer

from reports.access import Desk
from reports.model import Person, Scope
from web.api.problems import not_signed_in, out_of_scope
from web.wiring import PERSON, SCOPES, service, utc_now

# Documents the scheme; the sign-in has judged the header before the API sees it.
_bearer = HTTPBearer(auto_error=False, description="A token of yours: `Authorization: Bearer gzt_...`.")


@dataclass(frozen=True)
class Caller:
    """Who is calling, and the scopes of the token; None is a session, which may do all that the person may."""

    person: Person
    scopes: Collection[str] | None


def _caller(request: Request, _documented: Annotated[object, Security(_bearer)]) -> Caller:
    person = request.scope.get(PERSON)
    if person is None:
        raise not_signed_in()
    scopes = request.scope.get(SCOPES)
    if scopes is not None and not set(Scope) & set(scopes):
        raise out_of_scope(Scope.READ)
    return Caller(person, scopes)


Calling = Annotated[Caller, Depends(_caller)]


def _desk(caller: Calling) -> Desk:
    return Desk(service(), caller.person, caller.scopes)


Acting = Annotated[Desk, Depends(_desk)]
At = Annotated[datetime, Depends(utc_now)]
