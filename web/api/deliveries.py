"""`/deliveries`: what went to whom, attempt by attempt; send again what did not arrive."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from reports.model import DeliveryState
from reports.store import DeliveryQuery
from web.api import paging
from web.api.calling import Acting
from web.api.once import AtMostOnce, Done
from web.api.paging import COUNTED, Page
from web.api.problems import CONFLICT, MISSING
from web.api.run_wire import DeliveryDetail, DeliveryOut
from web.api.wire import Id, Line

router = APIRouter(prefix="/deliveries", tags=["deliveries"])


@router.get("", responses={200: paging.LINKED})
def list_deliveries(
    desk: Acting,
    window: paging.Asked,
    report_id: Annotated[Line | None, Query(alias="reportId")] = None,
    run_id: Annotated[Line | None, Query(alias="runId")] = None,
    subscription_id: Annotated[Line | None, Query(alias="subscriptionId")] = None,
    state: Annotated[list[DeliveryState] | None, Query(description="May be given several times.")] = None,
) -> Page[DeliveryOut]:
    """The deliveries you may see, the newest first."""
    query = DeliveryQuery(
        report_id,
        run_id,
        subscription_id,
        tuple(state or ()),
        limit=window.limit,
        offset=window.offset,
        counted=COUNTED + 1,
    )
    found = [DeliveryOut.of(delivery) for delivery in desk.find_deliveries(query)]
    return window.page(found, lambda: desk.count_deliveries(query))


@router.get("/{id:id}", responses=MISSING)
def get_delivery(id: Id, desk: Acting) -> DeliveryDetail:
    """One delivery with its log."""
    return DeliveryDetail.whole(desk.delivery(id), desk.delivery_log(id))


@router.post("/{id:id}/retry", status_code=202, response_model=DeliveryOut, responses={**MISSING, **CONFLICT})
def retry_delivery(id: Id, desk: Acting, once: AtMostOnce) -> Response:
    """Send again what failed, was cancelled, was skipped, or may not have arrived."""
    return once.do(lambda: Done(DeliveryOut.of(desk.retry_delivery(id)), HTTPStatus.ACCEPTED))
