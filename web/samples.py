"""`/samples/{token}`: the page of the mail that a subscription would get, for the frame in which it is shown.

The token is a draft, sealed for one person and an hour. What it shows was written from data and runs nowhere near the
UI: no script, no origin, nothing loaded.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response

from reports.access import Desk
from reports.errors import Forbidden, GazetteError
from reports.model import ChannelKind, Format
from reports.service import NewSubscription
from web.files import HTML_POLICY
from web.mail_text import read_mail
from web.wiring import desk_of, seals, utc_now

LASTS = timedelta(hours=1)
KEPT = ("report", "channel", "address", "subscriber", "formats", "parameters")
NOTHING_YET = "There is no run to make this mail of any more.\n"


def link(desk: Desk, wanted: NewSubscription) -> str:
    """Where this person finds the page of the mail, for an hour."""
    draft = {name: value for name, value in asdict(wanted).items() if name in KEPT}
    return f"/samples/{seals().seal(_purpose(desk), draft, utc_now() + LASTS)}"


def sample_page(request: Request) -> Response:
    """403 for a token that was altered, is over or is another person's; 404 where no run is left."""
    desk = desk_of(request)
    if desk is None:  # the sign-in lets nobody come so far
        return PlainTextResponse("Sign in first.\n", 403)
    try:
        draft: dict[str, Any] = seals().unseal(_purpose(desk), request.path_params["token"], utc_now())
        sample = desk.sample(_wanted(draft), utc_now())
    except Forbidden as error:
        return PlainTextResponse(f"{error}\n", 403)
    except GazetteError as error:
        return PlainTextResponse(f"{error}\n", 404)
    if sample is None:
        return PlainTextResponse(NOTHING_YET, 404)
    headers = {"Content-Security-Policy": HTML_POLICY, "Cache-Control": "no-store"}
    return HTMLResponse(read_mail(sample.content).html, headers=headers)


def _purpose(desk: Desk) -> str:
    return f"sample {desk.person.id}"


def _wanted(draft: dict[str, Any]) -> NewSubscription:
    formats = tuple(Format(each) for each in draft["formats"])
    return NewSubscription(**{**draft, "channel": ChannelKind(draft["channel"]), "formats": formats})
