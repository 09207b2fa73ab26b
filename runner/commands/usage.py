"""`gazette usage import`: usage from a file into Gazette's own tables."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from reports.access import CONSOLE, Desk
from reports.errors import InvalidInput, NotFound
from reports.intake import checked_name
from reports.service import Service
from reports.settings import load_settings
from reports.sources import Source
from runner.commands import console
from runner.commands.workplace import opened_service

commands = typer.Typer(no_args_is_help=True, help="Usage kept by Gazette itself.")


@commands.callback()
def group() -> None:
    """Usage kept by Gazette itself."""


@commands.command("import")
def import_file(
    file: Annotated[Path, typer.Argument(help="CSV (also .gz) or Parquet; events or daily rows.")],
    column: Annotated[list[str] | None, typer.Option("--map", help="ours=theirs, or ours='a constant'.")] = None,
    source: Annotated[str, typer.Option(help="Under which name; made when it is new.")] = "usage",
    zone: Annotated[str, typer.Option(help="Zone of times that name none.")] = "UTC",
    day_zero: Annotated[str | None, typer.Option(help="Day on which relative hours begin: 2026-11-02.")] = None,
    as_json: console.JsonFlag = False,
) -> None:
    """Import a file; the same file again adds nothing. Rows that cannot be used are kept in a side file.

    Exits with 1 where that is every row.
    """
    from reports.sources.usage_import import import_usage  # noqa: PLC0415  loads pyarrow

    settings, source = load_settings(), checked_name("source", source)
    options = {"zone": zone, "day_zero": day_zero, "data_dir": str(settings.data_dir)}
    with opened_service(settings) as service:
        _check_ours(service, source)
        with console.progress(f"importing {file.name}") as progress:
            report = import_usage(
                settings.store_url, file, source, console.pairs(column, field="map"), options, progress
            )
        _make_known(service, source)
    if as_json:
        console.show_json(report)
    else:
        console.show(f"{report.read:,} rows read, {report.added:,} added, {report.updated:,} updated.")
        if report.first_day is not None:
            console.show(f"{source} now covers {report.first_day} to {report.last_day} (UTC days of this file).")
        for line in report.notes:
            console.show(line)
    if report.rejected:
        which = (
            "1 row could not be used; it is"
            if report.rejected == 1
            else f"{report.rejected:,} rows could not be used; they are"
        )
        console.note(f"{which} kept in {report.rejected_file}:")
        for line in report.first_rejected:
            console.note(f"  {line}")
    if report.rejected and report.rejected == report.read:
        raise typer.Exit(1)


def _check_ours(service: Service, name: str) -> None:
    """Rows imported under the name of another kind of source would never be read."""
    try:
        there = service.source(name)
    except NotFound:
        return
    if there.kind != "embedded" or there.synthetic:
        what = "synthetic" if there.synthetic else f"of kind {there.kind}, which reads elsewhere"
        raise InvalidInput("source", f"{name!r} is {what}; import under another name with --source NAME")


def _make_known(service: Service, name: str) -> None:
    try:
        service.source(name)
    except NotFound:
        Desk(service, CONSOLE).add_source(Source(name, "embedded"))
