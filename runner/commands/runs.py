"""`gazette runs`: what ran, what came of it, and why something failed."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from reports import periods
from reports.model import Run, RunState
from reports.service import Service
from reports.store import RunQuery
from runner.commands import console
from runner.commands.workplace import chosen, opened_service

commands = typer.Typer(no_args_is_help=True, help="Runs and what became of them.")


@commands.command("list")
def list_runs(
    report: Annotated[str | None, typer.Option(help="Only this report, by id or name.")] = None,
    state: Annotated[str | None, typer.Option(help="queued, running, succeeded, failed, missed, cancelled")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 25,
    as_json: console.JsonFlag = False,
) -> None:
    """List runs, the latest due time first."""
    with opened_service() as service:
        query = RunQuery(
            report_id=service.report(report).id if report else None,
            states=(chosen("state", state, RunState),) if state else (),
            limit=limit,
        )
        found = service.runs(query)
    if as_json:
        console.show_json({"runs": found})
        return
    rows = [
        (
            run.report_name,
            run.kind.value,
            console.local_time(run.due_at, run.period.zone),
            periods.in_words(run.period),
            run.state.value,
            run.error.message if run.error else run.reason,
            run.id,
        )
        for run in found
    ]
    console.show_table(("report", "kind", "due", "period", "state", "why", "id"), rows, empty="No run yet.")


@commands.command()
def show(run: Annotated[str, typer.Argument(help="The run's id.")], as_json: console.JsonFlag = False) -> None:
    """Show one run: its stages, log, files, deliveries and, if it failed, the cell and its line."""
    with opened_service() as service:
        found = service.run(run)
        facts = _facts(service, found)
    if as_json:
        console.show_json(facts)
        return
    console.show(f"{found.report_name}, {periods.in_words(found.period)}: {found.state.value} {found.reason}".rstrip())
    if found.error is not None:
        console.show(found.error.message)
        if found.error.line:
            console.show(f"  cell {found.error.cell}: {found.error.line.strip()}")
    for stage in facts["stages"]:
        console.show(f"  {stage['stage']}: {stage['seconds'] if stage['seconds'] is not None else 'not ended'} s")
    for line in facts["log"]:
        console.show(f"  {line['at'][:19]} {line['level']}: {line['text']}")
    for artifact in facts["artifacts"]:
        console.show(f"  {artifact['format']}: {artifact['path']} ({artifact['bytes']:,} bytes)")
    for delivery in facts["deliveries"]:
        told = delivery["detail"] or delivery["error"]
        console.show(f"  {delivery['channel']} to {delivery['address']}: {delivery['state']} {told}".rstrip())


def _facts(service: Service, run: Run) -> dict[str, Any]:
    stages = [
        {
            "stage": stage.stage,
            "attempt": stage.attempt,
            "started_at": stage.started_at,
            "seconds": (stage.finished_at - stage.started_at).total_seconds() if stage.finished_at else None,
        }
        for stage in service.stages(run.id)
    ]
    return {
        **console.plain(run),
        "stages": stages,
        "log": [console.plain(line) for line in service.run_log(run.id)],
        "artifacts": [console.plain(item) for item in service.artifacts(run.id)],
        "deliveries": [
            console.plain(item) | {"attempts": service.delivery_log(item.id)} for item in service.deliveries(run.id)
        ],
    }
