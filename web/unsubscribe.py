"""`/unsubscribe/{token}`: the way out that mails carry, for whoever has the mail, signed in or not (RFC 8058).

Looking at it changes nothing; posting it, by the page's button or by a mail program, ends the subscription. Doing so
twice is no error.
"""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from reports.access import BY_LINK, Desk
from reports.errors import Forbidden, NotFound
from reports.model import Subscription
from reports.seals import subscription_of
from web import plain, wiring

GONE = "This address is not subscribed any more; nothing will be sent."


async def show(request: Request) -> Response:
    return await run_in_threadpool(_show, request.path_params["token"])


async def unsubscribe(request: Request) -> Response:
    return await run_in_threadpool(_unsubscribe, request.path_params["token"])


def _show(token: str) -> Response:
    try:
        found = _subscription(token)
        report = wiring.service().report(found.report_id)
    except Forbidden as error:
        return plain.message("Link not valid", str(error), status=403)
    except NotFound:
        return plain.message("Unsubscribed", GONE)
    return plain.page("unsubscribe", "Unsubscribe?", address=found.address, report=report.name)


def _unsubscribe(token: str) -> Response:
    try:
        Desk(wiring.service(), BY_LINK).unsubscribe(_subscription(token).id)
    except Forbidden as error:
        return plain.message("Link not valid", str(error), status=403)
    except NotFound:
        return plain.message("Unsubscribed", GONE)
    return plain.message("Unsubscribed", "This address is no longer subscribed; nothing more will be sent.")


def _subscription(token: str) -> Subscription:
    return wiring.service().subscription(subscription_of(wiring.seals(), token, wiring.utc_now()))
