"""`gazette render`: one report, here and now, without a schedule and without a row in the database."""

from __future__ import annotations

import logging
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from reports import cron, periods, templates
from reports.errors import InvalidInput
from reports.intake import checked_filters
from reports.model import Period, PeriodPolicy, Stage
from reports.parameters import check_required, from_text
from reports.settings import load_settings
from reports.templates import Template
from runner.commands import console
from runner.commands.workplace import chosen, filters, formats, opened_service, source_choice, utc_now


def render(
    template: Annotated[str, typer.Argument(help="Name of a template; see `gazette template list`.")],
    format_list: Annotated[str, typer.Option("--formats", help="html,pdf,xlsx, also notebook and mail.")] = "html",
    out: Annotated[Path, typer.Option(help="Folder for the files.")] = Path(),
    at: Annotated[str | None, typer.Option(help="As if due at this ISO time; default: now.")] = None,
    zone: Annotated[str | None, typer.Option(help="IANA time zone of the days; default: the setting `zone`.")] = None,
    parameter: Annotated[list[str] | None, typer.Option("--parameter", "-p", help="name=value")] = None,
    filter_values: Annotated[list[str] | None, typer.Option("--filter", help="team_ids=a,b")] = None,
    source: Annotated[list[str] | None, typer.Option(help="SOURCE, or DATASET=SOURCE.")] = None,
    period: Annotated[str | None, typer.Option(help="Another period policy than the template's.")] = None,
    days: Annotated[int | None, typer.Option(help="With --period last_n_days.")] = None,
    as_json: console.JsonFlag = False,
) -> None:
    """Make one report and print where its files are."""
    settings = load_settings()
    place = zone or settings.zone
    cron.check_zone(place)
    found = templates.get(settings.notebooks_dir, template)
    moment = console.moment(at, place, utc_now(), field="at")
    values = from_text(found.parameters, console.pairs(parameter, field="parameter"))
    check_required(found.parameters, values)
    wanted = formats(format_list)
    if not wanted:
        raise InvalidInput("formats", "name at least one of html, pdf, xlsx")
    with opened_service(settings):
        pass  # an empty database is made where there is none, so that the sources can be looked up

    from runner.once import RenderRequest, Work, render_once  # noqa: PLC0415  papermill takes seconds to import
    from runner.wiring import configure_logging  # noqa: PLC0415

    configure_logging(logging.WARNING)
    request = RenderRequest(
        parameters=values,
        period=_period(found, moment, place, (period, days)),
        formats=wanted,
        filters=checked_filters(filters(filter_values)),
        sources=source_choice([dataset.name for dataset in found.datasets], source),
    )

    def tell(stage: Stage) -> None:
        console.note(f"{stage.value} ...")

    made = render_once(settings, Work(found, request, out.resolve(), moment, tell))
    for remark in made.remarks:
        console.note(remark)
    if as_json:
        console.show_json(
            {"artifacts": made.artifacts, "period": made.period, "metrics": made.metrics, "remarks": made.remarks}
        )
        return
    console.show(f"{found.title}, {periods.in_words(made.period)}")
    for artifact in made.artifacts:
        console.show(f"  {artifact.format.value}: {artifact.path} ({artifact.bytes:,} bytes)")


def _period(template: Template, at: datetime, zone: str, asked: tuple[str | None, int | None]) -> Period:
    name, days = asked
    policy = chosen("period", name, PeriodPolicy) if name else template.period_policy
    return periods.compute(policy, at, zone, days=template.period_days if days is None else days)
