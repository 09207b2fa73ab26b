"""`gazette config`: what is in force, with secrets hidden."""

from __future__ import annotations

import typer

from reports.settings import Settings, load_settings
from runner.commands import console

commands = typer.Typer(no_args_is_help=True, help="What Gazette is set to.")


@commands.command()
def show(as_json: console.JsonFlag = False) -> None:
    """Print every setting with its value and what it is for."""
    settings = load_settings()
    if as_json:
        console.show_json(settings.shown())
        return
    rows = [
        (name, value, Settings.model_fields[name].description or "") for name, value in sorted(settings.shown().items())
    ]
    console.show_table(("setting", "value", "what it is for"), rows, empty="No settings.")
