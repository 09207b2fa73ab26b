"""`/runs` and `/artifacts`: what was executed, and its files; cancel what waits, pin what is to stay."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from reports.access import Desk
from reports.model import RunKind, RunState
from reports.planning import new_id
from reports.store import RunQuery
from web.api import paging
from web.api.calling import Acting, At
from web.api.once import AtMostOnce, Done
from web.api.paging import COUNTED, Page
from web.api.problems import CONFLICT, MISSING
from web.api.run_wire import ArtifactOut, DeliveryOut, ResendAsked, RunDetail, RunOut
from web.api.wire import Id, Items, Line, Moment

router = APIRouter(tags=["runs"])


def _query(
    window: paging.Asked,
    report_id: Annotated[Line | None, Query(alias="reportId")] = None,
    owner: Annotated[Line | None, Query()] = None,
    template: Annotated[Line | None, Query()] = None,
    state: Annotated[list[RunState] | None, Query(description="May be given several times.")] = None,
    kind: Annotated[list[RunKind] | None, Query(description="May be given several times.")] = None,
    since: Annotated[Moment | None, Query(description="Due at this moment or later.")] = None,
    until: Annotated[Moment | None, Query(description="Due before this moment.")] = None,
    text: Annotated[Line | None, Query(description="Part of the report's name.")] = None,
) -> RunQuery:
    return RunQuery(
        report_id=report_id,
        owner=owner,
        template=template,
        states=tuple(state or ()),
        kinds=tuple(kind or ()),
        since=since,
        until=until,
        text=text,
        limit=window.limit,
        offset=window.offset,
        counted=COUNTED + 1,
    )


@router.get("/runs", responses={200: paging.LINKED})
def list_runs(desk: Acting, window: paging.Asked, query: Annotated[RunQuery, Depends(_query)]) -> Page[RunOut]:
    """The runs you may see, the latest due time first."""
    return window.page([RunOut.of(run) for run in desk.runs(query)], lambda: desk.count_runs(query))


@router.get("/runs/{id:id}", responses=MISSING)
def get_run(id: Id, desk: Acting) -> RunDetail:
    """One run with its stages, log, files and provenance."""
    return _whole(desk, id)


@router.post("/runs/{id:id}/cancel", response_model=RunDetail, responses={**MISSING, **CONFLICT})
def cancel_run(id: Id, desk: Acting, once: AtMostOnce) -> Response:
    """Cancel a run that waits; one that runs, or is done, cannot be cancelled."""

    def work() -> Done:
        desk.cancel_run(id)
        return Done(_whole(desk, id), HTTPStatus.OK)

    return once.do(work)


@router.put("/runs/{id:id}/pin", responses=MISSING)
def pin_run(id: Id, desk: Acting) -> RunDetail:
    """Keep a run and its files beyond the retention."""
    desk.pin_run(id)
    return _whole(desk, id)


@router.delete("/runs/{id:id}/pin", responses=MISSING)
def unpin_run(id: Id, desk: Acting) -> RunDetail:
    """Let the retention apply again."""
    desk.pin_run(id, pinned=False)
    return _whole(desk, id)


@router.post(
    "/runs/{id:id}/resend", status_code=202, response_model=Items[DeliveryOut], responses={**MISSING, **CONFLICT}
)
def resend_run(id: Id, asked: ResendAsked, desk: Acting, once: AtMostOnce) -> Response:
    """Send a run again to some of its subscribers; what is on its way already is left alone and left out."""
    request = once.key.key if once.key else new_id()

    def work() -> Done:
        sent = desk.resend(id, asked.subscription_ids, f"{desk.person.id} {request}")
        return Done(Items(items=[DeliveryOut.of(each) for each in sent]), HTTPStatus.ACCEPTED)

    return once.do(work)


@router.post("/runs/{id:id}/repeat", status_code=202, response_model=RunOut, responses=MISSING)
def repeat_run(id: Id, desk: Acting, at: At, once: AtMostOnce) -> Response:
    """Run the same days and values again, with the template as it is now; sent only where this one was not."""
    return once.do(lambda: Done(RunOut.of(desk.run_again(id, at)), HTTPStatus.ACCEPTED))


@router.get("/runs/{id:id}/artifacts", responses=MISSING)
def list_artifacts(id: Id, desk: Acting) -> Items[ArtifactOut]:
    """The files of a run."""
    return Items(items=[ArtifactOut.of(artifact) for artifact in desk.artifacts(id)])


@router.get("/runs/{id:id}/deliveries", responses=MISSING)
def list_run_deliveries(id: Id, desk: Acting) -> Items[DeliveryOut]:
    """To whom a run went, and how it fared."""
    return Items(items=[DeliveryOut.of(delivery) for delivery in desk.deliveries(id)])


@router.get("/artifacts/{id:id}", responses=MISSING)
def get_artifact(id: Id, desk: Acting) -> ArtifactOut:
    """What is known of a file; `contentUrl` is where it is."""
    return ArtifactOut.of(desk.artifact(id))


def _whole(desk: Desk, id: str) -> RunDetail:
    return RunDetail.whole(desk.run(id), desk.stages(id), desk.run_log(id), desk.artifacts(id))
