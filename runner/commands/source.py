"""`gazette source`: where usage comes from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, get_args

import typer

from reports.errors import ExtractError, InvalidInput
from reports.sources import Source, SourceReport
from reports.sources.values import SOURCE_KINDS, SourceKind
from runner.commands import console
from runner.commands.workplace import opened_desk

commands = typer.Typer(no_args_is_help=True, help="Where usage comes from.")


@commands.command()
def add(
    name: Annotated[str, typer.Argument(help="What templates and reports call it; `usage` is their default.")],
    location: Annotated[str, typer.Argument(help="A database URL, or a folder or file of CSV or Parquet.")] = "",
    kind: Annotated[str | None, typer.Option(help=f"{', '.join(SOURCE_KINDS)}; default: by the location.")] = None,
    label: Annotated[str, typer.Option(help="What reports call it; default: its name.")] = "",
    column: Annotated[list[str] | None, typer.Option("--map", help="files, sql: ours=theirs.")] = None,
    sql: Annotated[str | None, typer.Option(help="sql: a query with :start and :end that gives usage rows.")] = None,
    as_json: console.JsonFlag = False,
) -> None:
    """Add a source, or change the one of that name, and look whether it can be read."""
    columns = console.pairs(column, field="map")
    options = ({"map": columns} if columns else {}) | ({"sql": sql} if sql else {})
    with opened_desk() as desk:
        source = Source(name, _kind(kind, location, name), _url(location), options, label)
        desk.add_source(source)
        try:
            found = desk.check_source(name)
        except ExtractError:
            console.note(f"Source {name!r} is kept, but it cannot be read. Look again: gazette source check {name}")
            raise
    _tell(source, found, as_json)


@commands.command("list")
def list_sources(as_json: console.JsonFlag = False) -> None:
    """List the sources."""
    with opened_desk() as desk:
        found = desk.sources()
    if as_json:
        console.show_json({"sources": [_as_json(source) for source in found]})
        return
    rows = [(source.name, source.kind, _hidden(source.url), source.label) for source in found]
    empty = "There is no source yet. Add one with `gazette source add`, or import a file with `gazette usage import`."
    console.show_table(("source", "kind", "location", "label"), rows, empty=empty)


@commands.command()
def check(name: Annotated[str, typer.Argument(help="The source.")], as_json: console.JsonFlag = False) -> None:
    """Look what a source holds, and what it lacks."""
    with opened_desk() as desk:
        source, found = desk.source(name), desk.check_source(name)
    _tell(source, found, as_json)


@commands.command()
def remove(name: Annotated[str, typer.Argument(help="The source.")]) -> None:
    """Forget a source; imported usage stays."""
    with opened_desk() as desk:
        desk.remove_source(name)
    console.show(f"Source {name!r} is forgotten.")


def _kind(kind: str | None, location: str, name: str) -> SourceKind:
    from reports.sources.recognition import kind_of  # noqa: PLC0415  loads SQLAlchemy and pyarrow

    for known in get_args(SourceKind):
        if kind == known:
            return known  # type: ignore[no-any-return]  # one of the literal's values
    if kind is not None:
        raise InvalidInput("kind", f"must be one of {', '.join(SOURCE_KINDS)}; got {kind!r}")
    return kind_of(location, name)


def _url(location: str) -> str:
    return location if "://" in location or not location else str(Path(location).resolve())


def _hidden(url: str) -> str:
    """The URL without its password."""
    scheme, separator, rest = url.partition("://")
    account, at, host = rest.rpartition("@")
    if not separator or not at or ":" not in account or "${" in account:
        return url
    return f"{scheme}://{account.partition(':')[0]}:***@{host}"


def _as_json(source: Source) -> dict[str, object]:
    return {"name": source.name, "kind": source.kind, "url": _hidden(source.url), "label": source.label}


def _tell(source: Source, found: SourceReport, as_json: bool) -> None:
    if as_json:
        console.show_json(_as_json(source) | console.plain(found))
        return
    console.show(f"{source.name}: {source.kind}, {found.rows:,} rows, {_days(found)}")
    for table, columns in found.missing.items():
        console.show(f"  {table} has no {', '.join(columns)}: what needs them will say “not available”")
    for line in found.notes:
        console.show(f"  {line}")


def _days(found: SourceReport) -> str:
    return f"{found.first_day} to {found.last_day}" if found.first_day else "no usage yet"
