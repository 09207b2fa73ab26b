"""The one Service of this process, and who is asking: pages and routes meet the database and the archive through these.

Made when first asked for, which the server does while it starts, and kept as long as the process lives. Whoever acts
for a person takes her `Desk`, never the Service.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from urllib.parse import unquote

import streamlit as st
from starlette.requests import HTTPConnection

from reports.access import Desk
from reports.accounts import Accounts
from reports.archive import Archive
from reports.errors import Forbidden, NotFound
from reports.model import Person
from reports.seals import Seals, seals_of
from reports.service import Service
from reports.settings import load_settings
from reports.store import Store

PERSON, SCOPES = "gazette.person", "gazette.scopes"  # where the sign-in leaves them in the ASGI scope
PERSON_HEADER = "x-gazette-person"  # and for pages, which see no scope: the id, percent-encoded
SIGNED_OUT = "You are signed out. Reload the page to sign in."


@cache
def service() -> Service:
    """Brings the database to this version's tables. Raises ConfigError."""
    settings = load_settings()
    store = Store(settings.store_url)
    store.migrate()
    return Service(store, Archive(settings.archive_location), settings)


@cache
def seals() -> Seals:
    return seals_of(service().settings)


def accounts() -> Accounts:
    return Accounts(service().store, service().settings.session_length)


def desk() -> Desk:
    """What the person who looks at this page may do, as things stand at this rerun."""
    return Desk(service(), person())


def person() -> Person:
    """Who looks at this page. Raises Forbidden if she is signed out or disabled by now."""
    try:
        found = service().store.person(person_id())
    except NotFound as error:
        raise Forbidden(SIGNED_OUT) from error
    if found.disabled:
        raise Forbidden(SIGNED_OUT)
    return found


def person_id() -> str:
    """As the sign-in wrote it into the headers; what a client writes there never gets so far."""
    return unquote(st.context.headers.get(PERSON_HEADER) or "")


def desk_of(connection: HTTPConnection) -> Desk | None:
    """What the caller of a route may do; None if nobody is signed in."""
    caller = connection.scope.get(PERSON)
    return None if caller is None else Desk(service(), caller, connection.scope.get(SCOPES))


def utc_now() -> datetime:
    return datetime.now(UTC)


def forget() -> None:
    """Close the store; what is asked for next is made anew."""
    if service.cache_info().currsize:
        service().store.close()
    service.cache_clear()
    seals.cache_clear()
