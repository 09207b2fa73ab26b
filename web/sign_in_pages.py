"""`/sign-in`, `/sign-out` and `/account`: forms of plain HTML that lead in and out.

A form is answered only together with the cookie that was set when it was shown, so that no other site can post it.
Signing in always begins a new session, whatever cookie the browser brought.
"""

from __future__ import annotations

import secrets
from datetime import timedelta
from urllib.parse import urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from reports import passwords
from reports.accounts import NewPerson
from reports.errors import Conflict, Forbidden, GazetteError, InvalidInput, SignInRefused
from reports.model import Role
from reports.seals import check_first_admin_seal
from web import plain, wiring
from web.sign_in import COOKIE, SESSION, session_of

FORM_COOKIE = "gazette_form"
FORM = "form"  # purpose of its seal
FORM_LASTS = timedelta(hours=2)
ROLES = {
    Role.VIEWER: "viewer: reads the reports you are subscribed to",
    Role.EDITOR: "editor: makes and changes reports of your own",
    Role.ADMIN: "admin: may do everything",
}
STALE = "This form was open for too long, or came from elsewhere. Please try again."
NO_STORE = {"Cache-Control": "no-store"}


# Signing in


async def show_sign_in(request: Request) -> Response:
    here, first = local(request.query_params.get("next", "")), request.query_params.get("first", "")
    if await run_in_threadpool(wiring.service().store.anybody):
        if request.scope.get(wiring.PERSON) is not None:
            return RedirectResponse(here, 303, NO_STORE)
        done = "You are signed out." if "out" in request.query_params else ""
        return _form(request, next=here, done=done)
    if not first:
        return plain.message(
            "Sign in",
            "Nobody has an account yet. When it started, the server printed a link for the first admin: open that.",
            "Where the link is lost, `gazette person add NAME --role admin` makes an account on the command line.",
        )
    try:
        check_first_admin_seal(wiring.seals(), first, wiring.utc_now())
    except Forbidden as error:
        return plain.message("Link not valid", str(error), "Start the server again for a new one.", status=403)
    return _first_form(request, first=first)


async def sign_in(request: Request) -> Response:
    fields = await plain.fields_of(request)
    here = local(fields.get("next", ""))
    if fields.get("first"):
        return await _make_first(request, fields)
    if not is_ours(request, fields):
        return _form(request, 403, next=here, trouble=STALE)
    name, password = fields.get("name", ""), fields.get("password", "")
    try:
        _, session = await run_in_threadpool(
            wiring.accounts().sign_in, name, password, place_of(request), wiring.utc_now()
        )
    except SignInRefused as error:
        refused = _form(request, 429 if error.retry_after else 401, next=here, name=name, trouble=str(error))
        if error.retry_after:
            refused.headers["Retry-After"] = str(error.retry_after)
        return refused
    return let_in(request, session, here)


async def _make_first(request: Request, fields: dict[str, str]) -> Response:
    first, name = fields["first"], fields.get("name", "")
    new = NewPerson(name, Role.ADMIN, password=fields.get("password", ""))
    try:
        check_first_admin_seal(wiring.seals(), first, wiring.utc_now())
        if not is_ours(request, fields):
            return _first_form(request, 403, first=first, name=name, trouble=STALE)
        if fields.get("again") != new.password:
            raise InvalidInput("password", "was typed differently the second time")
        await run_in_threadpool(wiring.accounts().add_first_admin, new, wiring.utc_now())
    except InvalidInput as error:
        return _first_form(request, 422, first=first, name=name, trouble=sentence(error))
    except (Forbidden, Conflict) as error:
        return plain.message("Link not valid", str(error), status=403, link=("/sign-in", "Sign in"))
    _, session = await run_in_threadpool(
        wiring.accounts().sign_in, new.id, new.password, place_of(request), wiring.utc_now()
    )
    return let_in(request, session, "/")


def let_in(request: Request, session: str, here: str) -> Response:
    length = wiring.service().settings.session_length
    answer = RedirectResponse(here, 303, NO_STORE)
    sealed = wiring.seals().seal(SESSION, session, wiring.utc_now() + length)
    answer.set_cookie(
        COOKIE, sealed, max_age=int(length.total_seconds()), httponly=True, samesite="lax", secure=is_secure(request)
    )
    answer.delete_cookie(FORM_COOKIE)
    return answer


# The account


async def show_account(request: Request) -> Response:
    return await run_in_threadpool(_account, request)


async def change_password(request: Request) -> Response:
    fields, who = await plain.fields_of(request), request.scope[wiring.PERSON]
    if not is_ours(request, fields):
        return await run_in_threadpool(_account, request, 403, STALE)
    try:
        if fields.get("again") != fields.get("new"):
            raise InvalidInput("password", "was typed differently the second time")
        await run_in_threadpool(
            wiring.accounts().change_password,
            *(who, fields.get("password", ""), fields.get("new", ""), place_of(request), wiring.utc_now()),
        )
    except (InvalidInput, SignInRefused) as error:
        refused = error.retry_after if isinstance(error, SignInRefused) else 0
        trouble = sentence(error) if isinstance(error, InvalidInput) else str(error)
        return await run_in_threadpool(_account, request, 429 if refused else 422, trouble)
    return _out()


async def sign_out(request: Request) -> Response:
    if not is_ours(request, await plain.fields_of(request)):
        return await run_in_threadpool(_account, request, 403, STALE)
    await run_in_threadpool(wiring.accounts().sign_out, session_of(request))
    return _out()


def _account(request: Request, status: int = 200, trouble: str = "") -> Response:
    who = request.scope[wiring.PERSON]
    has_password = bool(wiring.service().store.password_hash(who.id))
    values = {"person": who, "role": ROLES[who.role], "has_password": has_password, "least": passwords.LEAST}
    return _with_form(request, "account", "Your account", status, trouble=trouble, **values)


def _out() -> Response:
    answer = RedirectResponse("/sign-in?out=", 303, {**NO_STORE, "Clear-Site-Data": '"cache"'})
    answer.delete_cookie(COOKIE)
    return answer


# Forms


def _form(request: Request, status: int = 200, **values: str) -> Response:
    issuer = wiring.service().settings.oidc_issuer
    given = {"name": "", "provider": urlsplit(issuer).hostname if issuer else "", **values}
    return _with_form(request, "sign_in", "Sign in", status, **given)


def _first_form(request: Request, status: int = 200, **values: str) -> Response:
    given = {"name": "", "least": passwords.LEAST, **values}
    return _with_form(request, "first_admin", "Make the first account", status, **given)


def _with_form(request: Request, page: str, title: str, status: int, **values: object) -> Response:
    """The page with a seal in its form, made for the cookie that the browser has or now gets."""
    nonce = request.cookies.get(FORM_COOKIE) or secrets.token_urlsafe(16)
    form = wiring.seals().seal(f"{FORM} {nonce}", "", wiring.utc_now() + FORM_LASTS)
    answer = plain.page(page, title, status, form=form, **values)
    answer.set_cookie(FORM_COOKIE, nonce, httponly=True, samesite="strict", secure=is_secure(request))
    return answer


def is_ours(request: Request, fields: dict[str, str]) -> bool:
    nonce = request.cookies.get(FORM_COOKIE, "")
    try:
        wiring.seals().unseal(f"{FORM} {nonce}", fields.get("form", ""), wiring.utc_now())
    except Forbidden:
        return False
    return bool(nonce)


def is_secure(request: Request) -> bool:
    """Whether cookies may be limited to encrypted connections."""
    base = wiring.service().settings.base_url or ""
    return request.url.scheme == "https" or base.startswith("https://")


def place_of(request: Request) -> str:
    return request.client.host if request.client else "unknown"


def local(path: str) -> str:
    """Where to go after signing in: a path of ours, and nowhere else whatever the link says."""
    parts = urlsplit(path)
    ours = path.startswith("/") and not path.startswith("//") and "\\" not in path and path.isprintable()
    return path if ours and not parts.scheme and not parts.netloc else "/"


def sentence(error: GazetteError) -> str:
    said = f"{error.field} {error.message}" if isinstance(error, InvalidInput) else str(error)
    return f"The {said}."
