"""Subscriptions: those of a report, and one by its id. Pausing is an edit like any other."""

from __future__ import annotations

import hashlib
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Header, Response
from starlette.responses import Response as Plain

from reports.model import Subscription
from web.api.calling import Acting, At
from web.api.once import AtMostOnce, Done
from web.api.problems import CONFLICT, MISSING, Refused
from web.api.subscription_wire import SubscriptionAsked, SubscriptionEdit, SubscriptionOut
from web.api.wire import Id, Items
from web.wiring import service

OF_A_REPORT = "/admin/scheduled-reports/{id:id}/subscriptions"
TAGGED: dict[str, Any] = {"headers": {"ETag": {"description": "Changes with each edit.", "schema": {"type": "string"}}}}
router = APIRouter(tags=["subscriptions"])


@router.get(OF_A_REPORT, responses=MISSING)
def list_subscriptions(id: Id, desk: Acting) -> Items[SubscriptionOut]:
    """The subscriptions of a report, the oldest first: all for its owner, else your own."""
    return Items(items=[SubscriptionOut.of(each) for each in desk.subscriptions(id)])


@router.post(OF_A_REPORT, status_code=201, response_model=SubscriptionOut, responses={201: TAGGED, **MISSING})
def create_subscription(id: Id, asked: SubscriptionAsked, desk: Acting, at: At, once: AtMostOnce) -> Plain:
    """Subscribe somebody to a report; a viewer, herself."""

    def work() -> Done:
        made = desk.subscribe(asked.asked_of(id), at)
        headers = {"Location": f"/api/v1/subscriptions/{made.id}", "ETag": _tag(made)}
        return Done(SubscriptionOut.of(made, tell_secret=True), headers=headers)

    return once.do(work)


@router.get("/subscriptions/{id:id}", responses={200: TAGGED, **MISSING})
def get_subscription(id: Id, desk: Acting, response: Response) -> SubscriptionOut:
    """One subscription."""
    found = desk.subscription(id)
    response.headers["ETag"] = _tag(found)
    return SubscriptionOut.of(found)


@router.patch("/subscriptions/{id:id}", responses={200: TAGGED, **MISSING, **CONFLICT})
def edit_subscription(
    id: Id,
    edit: SubscriptionEdit,
    desk: Acting,
    response: Response,
    if_match: Annotated[str | None, Header(alias="If-Match", description="Refuse if it was changed since.")] = None,
) -> SubscriptionOut:
    """Change what is given; `{"paused": true}` pauses."""
    with service().store.together():
        there = desk.subscription(id)
        _check_unchanged(there, if_match)
        saved = desk.edit_subscription(edit.over(there))
    response.headers["ETag"] = _tag(saved)
    return SubscriptionOut.of(saved, tell_secret=saved.secret != there.secret)


@router.delete("/subscriptions/{id:id}", status_code=204, responses=MISSING)
def delete_subscription(id: Id, desk: Acting) -> None:
    """Unsubscribe; what is not yet on its way is cancelled."""
    desk.unsubscribe(id)


def _tag(subscription: Subscription) -> str:
    """There is no version to name: a digest of what it holds, the secret included, changes with each edit."""
    return f'"{hashlib.sha256(repr(subscription).encode()).hexdigest()[:16]}"'


def _check_unchanged(there: Subscription, if_match: str | None) -> None:
    if if_match is not None and not {tag.strip() for tag in if_match.split(",")} & {"*", _tag(there)}:
        detail = f"The subscription {there.id!r} was changed by somebody else; load it and edit again."
        raise Refused(HTTPStatus.CONFLICT, "stale-version", detail, {"ETag": _tag(there)})
