"""The lock on the door: one ASGI middleware over UI, websocket, REST and files. Pure ASGI.

It finds out who is asking, by the session's cookie or, for programs, by a bearer token, and lets nobody else in but to
the few paths that are open. It writes the person where routes and pages look for her; what a client claims is removed.
What she may do is the matter of her `Desk`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote, urlencode, urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from reports.errors import Forbidden
from reports.model import Person
from web import wiring
from web.api import problems

COOKIE = "gazette_session"
SESSION = "session"  # the purpose its seal is made for
OWN_HEADERS = b"x-gazette-"  # ours alone: a client's are removed
OPEN = re.compile(r"/healthz|/metrics|/sign-in|/sign-in/provider|/sign-in/callback|/unsubscribe/[^/]+")
FILE = re.compile(r"/files/[^/]+")
FOR_PROGRAMS = ("/api/", "/files/")  # where a token lets in; pages are for people
READING = ("GET", "HEAD", "OPTIONS")
ONE_CLICK = "/unsubscribe/"  # posted by mail programs, from wherever they are; its seal is the permission
POLICY_VIOLATION = 1008  # websocket close code


@dataclass(frozen=True)
class Caller:
    """Who is asking. `session` is the secret in the cookie; `scopes` are those of a token, None for a session."""

    person: Person
    session: str = ""
    scopes: tuple[str, ...] | None = None


class SignIn:
    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in {"http", "websocket"}:
            await self.app(scope, receive, send)
            return
        asked = HTTPConnection(scope)
        caller = await run_in_threadpool(caller_of, asked)
        if is_foreign(asked, caller):
            await refuse(scope, receive, send, foreign(asked))
        elif caller is None and not is_open(asked):
            await refuse(scope, receive, send, signed_out(asked))
        elif scope["type"] == "websocket" and caller is not None:
            wire = _Wire(receive, send, caller)
            await self.app(known(scope, caller), wire.receive, wire.send)
        else:
            await self.app(known(scope, caller), receive, send)


class _Wire:
    """A websocket that ends with its session: an open page must not outlive the sign-out."""

    def __init__(self, receive: Receive, send: Send, caller: Caller) -> None:
        self._receive, self._send, self._caller = receive, send, caller
        self._over = False

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] != "websocket.receive" or await run_in_threadpool(self._goes_on):
            return message
        await self._send({"type": "websocket.close", "code": POLICY_VIOLATION})
        self._over = True
        return {"type": "websocket.disconnect", "code": POLICY_VIOLATION}

    async def send(self, message: Message) -> None:
        if not self._over:
            await self._send(message)

    def _goes_on(self) -> bool:
        return wiring.accounts().person_of_session(self._caller.session, wiring.utc_now()) is not None


def caller_of(asked: HTTPConnection) -> Caller | None:
    """By a token where one is sent and may be, else by the cookie."""
    scheme, _, token = asked.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and asked.url.path.startswith(FOR_PROGRAMS):
        held = wiring.accounts().holder(token.strip(), wiring.utc_now())
        return None if held is None else Caller(held[1], scopes=held[0].scopes)
    secret = session_of(asked)
    person = wiring.accounts().person_of_session(secret, wiring.utc_now()) if secret else None
    return None if person is None else Caller(person, session=secret)


def session_of(asked: HTTPConnection) -> str:
    """The secret in the cookie; "" if there is none, or not one of ours."""
    sealed = asked.cookies.get(COOKIE, "")
    try:
        return str(wiring.seals().unseal(SESSION, sealed, wiring.utc_now())) if sealed else ""
    except Forbidden:
        return ""


def is_open(asked: HTTPConnection) -> bool:
    """Whether the signed out may ask this. A file may be, with a seal, which the file's route then judges."""
    if asked.scope["type"] != "http":
        return False
    return bool(OPEN.fullmatch(asked.url.path)) or (
        bool(FILE.fullmatch(asked.url.path)) and "sig" in asked.query_params
    )


def is_foreign(asked: HTTPConnection, caller: Caller | None) -> bool:
    """Whether another site's page makes the reader's browser ask this, in her name or to sign her in as somebody."""
    if caller is not None and caller.scopes is not None:
        return False
    if asked.scope["type"] == "http" and (asked.scope["method"] in READING or asked.url.path.startswith(ONE_CLICK)):
        return False
    origin = asked.headers.get("origin")
    if origin is None:
        return asked.headers.get("sec-fetch-site") in {"cross-site", "same-site"}
    public = urlsplit(wiring.service().settings.base_url or "").netloc
    return urlsplit(origin).netloc not in {asked.headers.get("host"), public or None}


def known(scope: Scope, caller: Caller | None) -> Scope:
    headers = [(name, value) for name, value in scope["headers"] if not name.lower().startswith(OWN_HEADERS)]
    if caller is not None:
        headers.append((wiring.PERSON_HEADER.encode(), quote(caller.person.id, safe="").encode()))
    person, scopes = (None, None) if caller is None else (caller.person, caller.scopes)
    return {**scope, "headers": headers, wiring.PERSON: person, wiring.SCOPES: scopes}


def signed_out(asked: HTTPConnection) -> Response:
    """People are led to the sign-in and back; programs are told."""
    headers = {"Cache-Control": "no-store"}
    if asked.url.path.startswith("/api/"):
        refusal = problems.not_signed_in()
        return problems.answer(refusal.status, refusal.kind, refusal.detail, headers=headers | refusal.headers)
    if asked.scope.get("method") in READING and "text/html" in asked.headers.get("accept", ""):
        back = f"{asked.url.path}?{asked.url.query}" if asked.url.query else asked.url.path
        return RedirectResponse(f"/sign-in?{urlencode({'next': back})}", 303, headers)
    return PlainTextResponse("Sign in first.\n", 401, headers)


def foreign(asked: HTTPConnection) -> Response:
    said = "The request came from another site."
    if asked.url.path.startswith("/api/"):
        return problems.answer(403, "not-allowed", said)
    return PlainTextResponse(f"{said}\n", 403)


async def refuse(scope: Scope, receive: Receive, send: Send, answer: Response) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": POLICY_VIOLATION})
    else:
        await answer(scope, receive, send)
