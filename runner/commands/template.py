"""`gazette template`: which notebooks there are, and whether they may be published."""

from __future__ import annotations

from typing import Annotated

import typer

from reports import templates
from reports.errors import NotFound
from reports.settings import load_settings
from runner.commands import console

commands = typer.Typer(no_args_is_help=True, help="Notebooks as templates.")


@commands.command("list")
def list_templates(as_json: console.JsonFlag = False) -> None:
    """List the templates with what can be set."""
    found = templates.find(load_settings().notebooks_dir)
    if as_json:
        console.show_json({"templates": found})
        return
    rows = [
        (item.name, item.title, item.period_policy.value, ", ".join(p.name for p in item.parameters), item.description)
        for item in found
    ]
    empty = f"No notebook in {load_settings().notebooks_dir}; `gazette config show` tells where they are looked for."
    console.show_table(("template", "title", "period", "parameters", "what it tells"), rows, empty=empty)


@commands.command()
def check(
    name: Annotated[str | None, typer.Argument(help="One template; default: all.")] = None,
    as_json: console.JsonFlag = False,
) -> None:
    """Check notebooks before they are published; errors exit with 1."""
    paths = templates.paths(load_settings().notebooks_dir)
    if name is not None:
        paths = [path for path in paths if path.stem == name]
        if not paths:
            raise NotFound("template", name)
    findings = {path.stem: templates.check(path) for path in paths}
    if as_json:
        console.show_json({"templates": findings})
    else:
        for stem, found in findings.items():
            console.show(f"{stem}: {'nothing to mend' if not found else ''}".rstrip())
            for finding in found:
                console.show(f"  {finding.level}, {finding.field}: {finding.message}")
    if any(finding.level == "error" for found in findings.values() for finding in found):
        raise typer.Exit(1)
