"""`gazette schedule`: when a schedule is due, across changes of clocks."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from reports import cron
from runner.commands import console

commands = typer.Typer(no_args_is_help=True, help="When schedules are due.")

MOST = 1000  # due times printed at once


@commands.callback()
def group() -> None:
    """When schedules are due."""


@commands.command("next")
def next_due_times(
    expression: Annotated[str, typer.Argument(help="Five cron fields, or a macro such as @daily.")],
    zone: Annotated[str, typer.Option(help="IANA time zone.")] = "UTC",
    after: Annotated[str | None, typer.Option(help="ISO time; default: now.")] = None,
    count: Annotated[int, typer.Option(min=1, max=MOST, help="How many.")] = 5,
    as_json: console.JsonFlag = False,
) -> None:
    """Print the next due times of a cron expression, in its zone and in UTC."""
    place = cron.check_zone(zone)
    parsed = cron.parse(expression)
    start = console.moment(after, zone, datetime.now(UTC), field="after")
    due_times = cron.next_dues(parsed, zone, start, count)
    words = cron.in_words(parsed)
    if as_json:
        console.show_json({"next": [due.astimezone(place).isoformat() for due in due_times], "words": words})
        return
    console.show(f"{words} ({zone})")
    rows = [(console.local_time(due, zone), due.astimezone(ZoneInfo("UTC")).strftime("%H:%M UTC")) for due in due_times]
    console.show_table(("due", "in UTC"), rows, empty="Never due again.")
