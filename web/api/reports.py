"""`/admin/scheduled-reports`: define reports, edit them under their version, run them, look at what came of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Response
from starlette.responses import Response as Plain

from reports.access import Desk
from reports.errors import NotFound, StaleVersion
from reports.model import Report, RunKind, RunState
from reports.recipients import Recipients, subscribe_all
from reports.store import ReportQuery, RunQuery
from web.api import paging
from web.api.calling import Acting, At
from web.api.once import AtMostOnce, Done
from web.api.paging import COUNTED, Page
from web.api.problems import CONFLICT, MISSING, PRECONDITION, Refused
from web.api.report_wire import ReportAsked, ReportOut
from web.api.run_wire import RunOut, RunsOut
from web.api.wire import Flag, Id, Line
from web.wiring import service

PREFIX = "/admin/scheduled-reports"
IfMatch = Annotated[
    str | None,
    Header(alias="If-Match", description="The ETag of the version that is edited; needed, or somebody's edit is lost."),
]
TAGGED: dict[str, Any] = {"headers": {"ETag": {"description": "The version, in quotes.", "schema": {"type": "string"}}}}
router = APIRouter(prefix=PREFIX, tags=["reports"])


@router.get("", responses={200: paging.LINKED})
def list_reports(
    desk: Acting,
    window: paging.Asked,
    owner: Annotated[Line | None, Query()] = None,
    template: Annotated[Line | None, Query()] = None,
    paused: Annotated[Flag | None, Query()] = None,
    text: Annotated[Line | None, Query(description="Part of the name.")] = None,
) -> Page[ReportOut]:
    """The reports, by name. Recipients are told with one report, not here."""
    query = ReportQuery(owner, template, paused, text, limit=window.limit, offset=window.offset)
    found = desk.reports(query)
    latest = desk.latest_runs([report.id for report in found])
    items = [ReportOut.of(report, None, latest.get(report.id)) for report in found]
    return window.page(items, lambda: desk.count_reports(query))


@router.post("", status_code=201, response_model=ReportOut, responses={201: TAGGED})
def create_report(asked: ReportAsked, desk: Acting, at: At, once: AtMostOnce) -> Plain:
    """Define a report and subscribe its recipients."""

    def work() -> Done:
        wanted = _recipients(desk, asked)
        report = desk.create_report(asked.asked_of(desk.person.id), at)
        told = _with_recipients(desk, report, wanted, at)
        return Done(told, headers={"Location": f"/api/v1{PREFIX}/{report.id}", "ETag": _tag(report)})

    return once.do(work)


@router.post("/preview", status_code=202, response_model=RunOut)
def preview_report(asked: ReportAsked, desk: Acting, at: At, once: AtMostOnce) -> Plain:
    """Queue a run of a report that need not be saved: delivered to nobody, kept for a day."""

    def work() -> Done:
        run = desk.preview(asked.asked_of(desk.person.id), at)
        return Done(RunOut.of(run), HTTPStatus.ACCEPTED, {"Location": f"/api/v1/runs/{run.id}"})

    return once.do(work)


@router.get("/{id:id}", responses={200: TAGGED, **MISSING})
def get_report(id: Id, desk: Acting, response: Response) -> ReportOut:
    """One report; its ETag is what an edit must name."""
    report = desk.report(id)
    response.headers["ETag"] = _tag(report)
    return _told(desk, report)


@router.put("/{id:id}", responses={200: TAGGED, **MISSING, **CONFLICT, **PRECONDITION})
def put_report(
    id: Id, asked: ReportAsked, desk: Acting, at: At, response: Response, if_match: IfMatch = None
) -> ReportOut:
    """Replace a report: what is left out goes back to its default, but for `recipients`, `deliveryMethod` and
    `webhookUrl`, which are left as they are where all three are left out. Runs that wait keep what they were planned
    with."""
    report = _own(desk, id)
    _check_version(report, if_match)
    wanted = _recipients(desk, asked)
    draft = desk.draft(asked.asked_of(report.owner), at)
    edited = replace(draft, id=report.id, version=report.version, created_at=report.created_at)
    with service().store.together():
        saved = desk.edit_report(edited, at)
        told = _with_recipients(desk, saved, wanted, at)
    response.headers["ETag"] = _tag(saved)
    return told


@router.delete("/{id:id}", status_code=204, responses={**MISSING, **CONFLICT})
def delete_report(id: Id, desk: Acting, if_match: IfMatch = None) -> None:
    """Delete a report and its subscriptions; its runs stay until their retention ends."""
    report = _own(desk, id)
    if if_match is not None:
        _check_version(report, if_match)
    desk.delete_report(report.id)


@router.post("/{id:id}/run", status_code=202, response_model=RunsOut, responses=MISSING)
def run_report(id: Id, desk: Acting, at: At, once: AtMostOnce) -> Plain:
    """Queue a run for each set of parameters that is subscribed to, as if the report were due now."""

    def work() -> Done:
        runs = [RunOut.of(run) for run in desk.run_now(id, at)]
        return Done(RunsOut(runs=runs), HTTPStatus.ACCEPTED)

    return once.do(work)


@router.get("/{id:id}/history", responses={200: paging.LINKED, **MISSING})
def report_history(
    id: Id,
    desk: Acting,
    window: paging.Asked,
    state: Annotated[list[RunState] | None, Query(description="May be given several times.")] = None,
    kind: Annotated[list[RunKind] | None, Query(description="May be given several times.")] = None,
) -> Page[RunOut]:
    """The runs of a report, the latest due time first."""
    report = desk.report(id)
    query = RunQuery(
        report_id=report.id,
        states=tuple(state or ()),
        kinds=tuple(kind or ()),
        limit=window.limit,
        offset=window.offset,
        counted=COUNTED + 1,
    )
    return window.page([RunOut.of(run) for run in desk.runs(query)], lambda: desk.count_runs(query))


def _own(desk: Desk, id: str) -> Report:
    report = desk.report(id)
    if not desk.may_change(report):
        raise NotFound("report", id)
    return report


def _tag(report: Report) -> str:
    return f'"{report.version}"'


def _check_version(report: Report, if_match: str | None) -> None:
    if if_match is None:
        detail = "Send the ETag of the version you edit as If-Match, so that nobody's edit is lost."
        raise Refused(HTTPStatus.PRECONDITION_REQUIRED, "precondition-required", detail)
    named = {tag.strip() for tag in if_match.split(",")}
    if not named & {"*", _tag(report)}:
        raise StaleVersion("report", report.id, report.version)


def _recipients(desk: Desk, asked: ReportAsked) -> Recipients | None:
    """Checked before anything is written."""
    wanted = asked.wanted()
    return None if wanted is None else wanted.checked(allow_http=desk.settings.webhook_allow_http)


def _with_recipients(desk: Desk, report: Report, wanted: Recipients | None, at: datetime) -> ReportOut:
    webhook = None if wanted is None else subscribe_all(desk, report.id, wanted, at)
    told = _told(desk, report)
    return told if webhook is None else told.model_copy(update={"webhook_secret": webhook.secret})


def _told(desk: Desk, report: Report) -> ReportOut:
    return ReportOut.of(report, desk.subscriptions(report.id), desk.latest_runs([report.id]).get(report.id))
