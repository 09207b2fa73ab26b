"""`gazette report`: define reports, look at them, run them by hand."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any

import typer

from reports import cron
from reports.access import Desk
from reports.errors import InvalidInput
from reports.model import CatchUp, PeriodPolicy, Report
from reports.parameters import from_text
from reports.service import NewReport
from reports.store import ReportQuery, RunQuery
from runner.commands import console
from runner.commands.workplace import chosen, filters, formats, opened_desk, source_choice, utc_now

commands = typer.Typer(no_args_is_help=True, help="Reports: a template with a schedule and an owner.")

Which = Annotated[str, typer.Argument(help="Its id, or its name.")]
HOURS_A_DAY = 24
MOST = 1000  # reports listed at once


@commands.command()
def add(
    template: Annotated[str, typer.Argument(help="Name of a template; see `gazette template list`.")],
    name: Annotated[str, typer.Option(help="What the report is called; default: the template's title.")] = "",
    cron_expression: Annotated[str, typer.Option("--cron", help="When it is due; without it, only by hand.")] = "",
    zone: Annotated[str | None, typer.Option(help="IANA time zone; default: the setting `zone`.")] = None,
    owner: Annotated[str, typer.Option(help="Who is told of failures: an e-mail address or a name.")] = "admin",
    period: Annotated[str | None, typer.Option(help="previous_day, last_7_days, previous_week, ...")] = None,
    days: Annotated[int | None, typer.Option(help="With --period last_n_days.")] = None,
    format_list: Annotated[str, typer.Option("--formats", help="html,pdf,xlsx")] = "",
    parameter: Annotated[list[str] | None, typer.Option("--parameter", "-p", help="name=value")] = None,
    filter_values: Annotated[list[str] | None, typer.Option("--filter", help="team_ids=a,b")] = None,
    source: Annotated[list[str] | None, typer.Option(help="SOURCE, or DATASET=SOURCE.")] = None,
    catch_up: Annotated[str, typer.Option(help="After downtime: skip, latest or all.")] = CatchUp.LATEST.value,
    grace_hours: Annotated[float, typer.Option(min=0, help="How late a due time may still run.")] = HOURS_A_DAY,
    as_json: console.JsonFlag = False,
) -> None:
    """Define a report."""
    with opened_desk() as desk:
        found = desk.template(template)
        asked = NewReport(
            name=name or found.title,
            template=template,
            owner=owner,
            cron=cron_expression,
            zone=zone,
            period_policy=chosen("period", period, PeriodPolicy) if period else None,
            period_days=days,
            parameters=from_text(found.parameters, console.pairs(parameter, field="parameter")),
            filters=filters(filter_values),
            sources=source_choice([dataset.name for dataset in found.datasets], source),
            formats=formats(format_list),
            catch_up=chosen("catch_up", catch_up, CatchUp),
            grace=_grace(grace_hours),
        )
        report = desk.create_report(asked, utc_now())
    _tell(report, as_json, f"Report {report.name!r} is defined, id {report.id}.")


@commands.command("list")
def list_reports(
    text: Annotated[str | None, typer.Argument(help="Part of the name.")] = None,
    as_json: console.JsonFlag = False,
) -> None:
    """List the reports."""
    with opened_desk() as desk:
        found = desk.reports(ReportQuery(text=text, limit=MOST))
        latest = desk.latest_runs([report.id for report in found])
    if as_json:
        console.show_json({"reports": [_as_json(report) for report in found]})
        return
    rows = [
        (
            report.name,
            report.template,
            _schedule(report),
            "paused" if report.paused else console.local_time(report.next_due_at, report.zone),
            latest[report.id].state.value if report.id in latest else "not run yet",
            report.id,
        )
        for report in found
    ]
    empty = "There is no report yet. Define one with `gazette report add TEMPLATE`."
    console.show_table(("report", "template", "schedule", "next due", "last run", "id"), rows, empty=empty)


@commands.command()
def show(report: Which, as_json: console.JsonFlag = False) -> None:
    """Show one report with its subscriptions, next due times and last runs."""
    with opened_desk() as desk:
        found = desk.report(report)
        facts = {
            **_as_json(found),
            "words": _schedule(found),
            "next": [] if not found.cron or found.paused else _next(desk, found),
            "subscriptions": [
                console.plain(item) | {"secret": "set" if item.secret else "", "send_if": str(item.send_if)}
                for item in desk.subscriptions(found.id)
            ],
            "runs": [
                {"id": run.id, "state": run.state.value, "due_at": run.due_at, "kind": run.kind.value}
                for run in desk.runs(RunQuery(report_id=found.id, limit=10))
            ],
        }
    if as_json:
        console.show_json(facts)
        return
    for key, value in console.plain(facts).items():
        _show_fact(key, value)


@commands.command()
def pause(report: Which) -> None:
    """Stop its schedule until it is resumed."""
    with opened_desk() as desk:
        console.show(f"Report {desk.pause_report(report).name!r} is paused.")


@commands.command()
def resume(report: Which) -> None:
    """Take up its schedule again from now on."""
    with opened_desk() as desk:
        found = desk.resume_report(report, utc_now())
    console.show(f"Report {found.name!r} is next due {console.local_time(found.next_due_at, found.zone) or 'by hand'}.")


@commands.command()
def run(
    report: Which,
    wait: Annotated[bool, typer.Option("--wait", help="Execute it here and now instead of by a runner.")] = False,
    as_json: console.JsonFlag = False,
) -> None:
    """Queue a run now, for all subscribers."""
    with opened_desk() as desk:
        queued = desk.run_now(report, utc_now())
    if wait:
        _execute_here()
        with opened_desk() as desk:
            queued = [desk.run(item.id) for item in queued]
    if as_json:
        console.show_json({"runs": queued})
    else:
        for item in queued:
            console.show(f"Run {item.id}: {item.state.value}. {item.error.message if item.error else ''}".rstrip())
    if wait and any(item.state.value != "succeeded" for item in queued):
        raise typer.Exit(1)


@commands.command()
def delete(report: Which) -> None:
    """Delete a report and its subscriptions; its runs stay in the archive."""
    with opened_desk() as desk:
        desk.delete_report(report)
    console.show("Deleted. Its runs stay in the archive until their retention ends.")


def _execute_here() -> None:
    from reports.settings import load_settings  # noqa: PLC0415  as below
    from runner.commands.serving import run_once  # noqa: PLC0415  papermill takes seconds to import

    run_once(load_settings())


def _grace(hours: float) -> timedelta:
    try:
        return timedelta(hours=hours)
    except OverflowError as error:
        raise InvalidInput("grace_hours", f"must be at most a year; got {hours:g}") from error


def _next(desk: Desk, report: Report, count: int = 5) -> list[datetime]:
    return desk.next_dues(report.cron, report.zone, utc_now(), count)


def _schedule(report: Report) -> str:
    return f"{cron.in_words(report.cron)} ({report.zone})" if report.cron else "by hand"


def _as_json(report: Report) -> dict[str, Any]:
    facts: dict[str, Any] = console.plain(report)
    return facts | {"grace": report.grace.total_seconds(), "filters": report.filters.to_json()}


def _tell(report: Report, as_json: bool, sentence: str) -> None:
    if as_json:
        console.show_json(_as_json(report))
        return
    console.show(sentence)
    if report.next_due_at is not None:
        console.show(f"{_schedule(report)}; next due {console.local_time(report.next_due_at, report.zone)}.")


def _show_fact(key: str, value: Any) -> None:
    label = key.replace("_", " ")
    if isinstance(value, Sequence) and not isinstance(value, str) and value and isinstance(value[0], dict):
        console.show(f"{label}:")
        for item in value:
            console.show(
                "  " + ", ".join(f"{name} {text}" for name, text in item.items() if text not in ("", None, {}))
            )
    elif value not in ("", None, {}, []):
        console.show(f"{label}: {', '.join(map(str, value)) if isinstance(value, list) else value}")
