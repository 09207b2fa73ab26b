"""The `gazette` command: what a person at a terminal, `make` and other programs start.

Commands live in `runner.commands`; here they are put together, and errors become one line and an exit code: 1 when
something failed, 2 when the input was bad. Heavy imports wait until a command needs them.
"""

from __future__ import annotations

import sys
from importlib.metadata import version
from typing import Annotated

import typer
from sqlalchemy.exc import DBAPIError

from reports.errors import ConfigError, GazetteError, InvalidInput, NotFound
from runner.commands import (
    as_code,
    browser,
    console,
    demo,
    people,
    render,
    report,
    runs,
    schedule,
    serving,
    setting,
    source,
    subscription,
    template,
    usage,
)

FAILED = 1
BAD_INPUT = 2

app = typer.Typer(
    name="gazette",
    help="Scheduled reports from notebooks.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(demo.demo)
app.command()(serving.up)
app.command()(serving.serve)
app.command()(serving.runner)
app.command()(render.render)
app.command()(subscription.subscribe)
app.command()(subscription.unsubscribe)
app.command()(as_code.export)
app.command()(as_code.apply)
app.command()(browser.browser)
for name, commands in {
    "report": report.commands,
    "runs": runs.commands,
    "schedule": schedule.commands,
    "source": source.commands,
    "usage": usage.commands,
    "template": template.commands,
    "person": people.people,
    "token": people.tokens,
    "config": setting.commands,
}.items():
    app.add_typer(commands, name=name)


def _show_version(wanted: bool) -> None:
    if wanted:
        console.show(f"gazette {version('gazette')}")
        raise typer.Exit


@app.callback()
def gazette(
    show_version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Scheduled reports from notebooks."""


def _first_line(error: BaseException | None) -> str:
    return (str(error).strip().splitlines() or ["it gave no reason"])[0]


def main() -> None:
    """The console script."""
    try:
        app()
    except (InvalidInput, NotFound, ConfigError) as error:
        console.note(f"Error: {error}")
        sys.exit(BAD_INPUT)
    except GazetteError as error:
        console.note(f"Error: {error}")
        sys.exit(FAILED)
    except DBAPIError as error:
        console.note(f"Error: the database cannot be used: {_first_line(error.orig)}. Check database_url and data_dir.")
        sys.exit(FAILED)
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        console.note(f"Error: {place}{error.strerror or error}")
        sys.exit(FAILED)


if __name__ == "__main__":
    main()
