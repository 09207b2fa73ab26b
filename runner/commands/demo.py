"""`gazette demo`: from an empty folder to delivered reports on synthetic usage."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from reports import cron, periods
from reports.errors import NotFound
from reports.model import ChannelKind, Period, PeriodPolicy, Report, Run, RunState
from reports.planning import planned_runs
from reports.service import NewReport, NewSubscription, Service
from reports.settings import load_settings
from reports.store import RunQuery
from reports.templates import Template
from runner.commands import console, serving
from runner.commands.workplace import opened_service, utc_now

SOURCE = "demo"
OWNER = "demo"
SUBSCRIBER = "demo"
# When a report is due so that its period has just ended and people are about to begin their day.
DUE = {
    PeriodPolicy.PREVIOUS_DAY: "0 7 * * *",
    PeriodPolicy.LAST_7_DAYS: "0 7 * * 1",
    PeriodPolicy.PREVIOUS_WEEK: "0 7 * * 1",
    PeriodPolicy.PREVIOUS_MONTH: "0 7 1 * *",
    PeriodPolicy.LAST_N_DAYS: "0 7 * * *",
    PeriodPolicy.SINCE_LAST: "0 7 * * *",
}


@dataclass(frozen=True)
class DemoRun:
    """One report of the demo and the due time it is run for."""

    report: Report
    due_at: datetime


def demo(
    once: Annotated[bool, typer.Option("--once", help="Stop after the reports are made.")] = False,
    data: Annotated[Path | None, typer.Option(help="Folder for database, archive and outbox.")] = None,
    as_json: console.JsonFlag = False,
) -> None:
    """Prepare synthetic usage, make one report of each template, then serve the UI and the runner."""
    settings = load_settings(**({"data_dir": data} if data is not None else {}))
    now = utc_now()
    with opened_service(settings) as service:
        prepare_usage(service, now)
        asked = [item for template in service.templates() if (item := define(service, template, now)) is not None]
    console.note(f"Making {len(asked)} report{'s' * (len(asked) != 1)} ...")
    serving.run_once(settings, now)
    with opened_service(settings) as service:
        runs = [run for item in asked for run in runs_of(service, item)]
        outcome = {"runs": [describe(service, run) for run in runs]}
    _tell(outcome, as_json)
    if any(run.state is not RunState.SUCCEEDED for run in runs):
        raise typer.Exit(1)
    if not once:
        serving.serve_and_run(settings)


def prepare_usage(service: Service, now: datetime) -> None:
    """Synthetic usage up to yesterday, in a source of its own; made anew only when a day has passed."""
    from reports.sources.demo import load_demo  # noqa: PLC0415  loads pyarrow

    yesterday = (now - timedelta(days=1)).date()
    try:
        if service.check_source(SOURCE).last_day == yesterday:
            return
    except NotFound:
        pass
    console.note("Preparing 120 days of synthetic usage ...")
    service.add_source(load_demo(service.settings.store_url, SOURCE, yesterday).source)


def define(service: Service, template: Template, now: datetime) -> DemoRun | None:
    """The demo report of a template with one subscription, and its run for the latest due time queued.

    None where somebody has taken its schedule away since.
    """
    name = f"{template.title} (demo)"
    try:
        report = service.report(name)
    except NotFound:
        datasets = [dataset.name for dataset in template.datasets if dataset.sql is None]
        asked = NewReport(
            name=name,
            template=template.name,
            owner=OWNER,
            cron=DUE[template.period_policy],
            sources=dict.fromkeys(datasets, SOURCE),
        )
        report = service.create_report(asked, now)
        subscription = NewSubscription(report.id, ChannelKind.OUTBOX, SUBSCRIBER, formats=report.formats)
        service.subscribe(subscription, now)
    due_at = cron.previous_due(report.cron, report.zone, now) if report.cron else None
    if due_at is None:
        return None
    runs = planned_runs(report, due_at, service.subscriptions(report.id), service.store.last_period_end)
    service.store.enqueue(report, runs, report.next_due_at)
    return DemoRun(report, due_at)


def runs_of(service: Service, item: DemoRun) -> list[Run]:
    until = item.due_at + timedelta(seconds=1)
    return service.runs(RunQuery(report_id=item.report.id, since=item.due_at, until=until))


def describe(service: Service, run: Run) -> dict[str, Any]:
    """One run as `--json` shows it; paths are absolute where the archive is a folder."""
    root = service.settings.archive_location
    return {
        "report": run.report_name,
        "state": run.state.value,
        "period": {"start": run.period.start, "end": run.period.end},
        "error": run.error.message if run.error else run.reason or None,
        "artifacts": [
            {
                "format": artifact.format.value,
                "path": f"{root}/{artifact.path}",
                "sha256": artifact.sha256,
                "bytes": artifact.bytes,
            }
            for artifact in service.artifacts(run.id)
        ],
        "deliveries": [
            {"channel": delivery.channel.value, "state": delivery.state.value, "path": delivery.detail}
            for delivery in service.deliveries(run.id)
        ],
    }


def _tell(outcome: dict[str, Any], as_json: bool) -> None:
    if as_json:
        console.show_json(outcome)
        return
    for run in outcome["runs"]:
        period = run["period"]
        words = periods.in_words(Period(period["start"], period["end"]))
        console.show(f"{run['report']}, {words}: {run['state']} {run['error'] or ''}".rstrip())
        for artifact in run["artifacts"]:
            console.show(f"  {artifact['format']}: {artifact['path']}")
        for delivery in run["deliveries"]:
            console.show(f"  {delivery['channel']}: {delivery['state']} {delivery['path']}")
