"""`/subscribe-me`: the one click that subscribes whoever is signed in to a report, with the report's defaults.

Each form carries a seal for its person and its report, so that no other site can post it. It leads back to the page it
stands on, which then says so.
"""

from __future__ import annotations

from markupsafe import Markup
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response

from reports.access import Desk
from reports.errors import Forbidden, GazetteError
from reports.model import ChannelKind, Report, Subscription
from reports.service import NewSubscription
from web import plain
from web.components import status_text, tables
from web.sign_in_pages import local
from web.wiring import desk_of, seals, utc_now

STALE = "This page was open for too long. Go back, reload it and try again.\n"


def form(desk: Desk, report: Report, here: str) -> Markup:
    """A button to subscribe oneself; `here` is the page it stands on."""
    seal = seals().seal(_purpose(desk, report.id), "")
    return Markup(
        '<form class="gz-one-click" method="post" action="subscribe-me"><input type="hidden" name="report" value="{}">'
        '<input type="hidden" name="seal" value="{}"><input type="hidden" name="here" value="{}">'
        '<button type="submit">Subscribe<span class="gz-hidden"> to {}</span></button></form>'
    ).format(report.id, seal, here, tables.name_of(report.name))


def cell(desk: Desk, report: Report, own: Subscription | None, here: str) -> Markup:
    """How this person stands to the report, with the way to change it. Without an address there is no way."""
    if own is not None:
        state = status_text.paused() if own.paused else status_text.state(status_text.GOOD, "subscribed")
        return tables.with_note(
            state, tables.link("subscribe", "Change", f"your subscription to {report.name}", id=own.id)
        )
    if not desk.person.email:
        return tables.with_note(tables.NOTHING, "")
    return form(desk, report, here)


async def subscribe_me(request: Request) -> Response:
    return await run_in_threadpool(_subscribe, desk_of(request), await plain.fields_of(request))


def _subscribe(desk: Desk | None, fields: dict[str, str]) -> Response:
    report_id, here = fields.get("report", ""), local(fields.get("here", ""))
    if desk is None:  # the sign-in lets nobody come so far
        return PlainTextResponse("Sign in first.\n", 403)
    try:
        seals().unseal(_purpose(desk, report_id), fields.get("seal", ""), utc_now())
    except Forbidden:
        return PlainTextResponse(STALE, 403)
    try:
        subscribe_oneself(desk, report_id)
    except GazetteError as error:
        return plain.message("Not subscribed", str(error), status=422, link=(here, "Back"))
    return RedirectResponse(here, 303)


def subscribe_oneself(desk: Desk, report_id: str) -> None:
    """By mail, with the report's defaults; once, however often it is asked for."""
    if not desk.own_subscriptions([report_id]):
        desk.subscribe(NewSubscription(report_id, ChannelKind.EMAIL, desk.person.email), utc_now())


def _purpose(desk: Desk, report_id: str) -> str:
    return f"subscribe {desk.person.id} to {report_id}"
