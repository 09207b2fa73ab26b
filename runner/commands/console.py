"""How the `gazette` command speaks: JSON on request, tables and progress for people, one line for an error.

Results go to standard output, everything else to standard error, so that `--json` can always be piped.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from datetime import date, datetime
from enum import Enum
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from reports.errors import InvalidInput

JsonFlag = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]

WIDE = 10_000  # columns where no terminal sets them: a row is one line for whoever reads it from a pipe
FIRST_YEAR, LAST_YEAR = 1970, 2199  # of a time that is asked for

out = Console(soft_wrap=True)
err = Console(stderr=True, soft_wrap=True)


def plain(value: Any) -> Any:
    """`value` in JSON's types: dataclasses as objects, instants and days as ISO text, numbers as numbers."""
    if is_dataclass(value) and not isinstance(value, type):
        return plain(asdict(value))
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if isinstance(value, str | int | float | bool) or value is None:
        return value
    return str(value)


def show_json(value: Any) -> None:
    typer.echo(json.dumps(plain(value), ensure_ascii=False, indent=2))


def show(text: str) -> None:
    out.print(text, markup=False, highlight=False)


def note(text: str) -> None:
    err.print(text, markup=False, highlight=False)


def show_table(headings: Sequence[str], rows: Sequence[Sequence[Any]], *, empty: str) -> None:
    """A table for people, or the sentence `empty` when there is no row."""
    if not rows:
        show(empty)
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in headings:  # an id is to be copied, so it is never cut or broken
        table.add_column(heading, no_wrap=heading == "id", overflow="fold")
    for row in rows:
        table.add_row(*("" if cell is None else str(cell) for cell in row))
    to = out if out.is_terminal else Console(soft_wrap=True, width=WIDE)
    to.print(table, markup=False)


@contextmanager
def progress(title: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
    """A progress bar on standard error; yields a function that takes the count done so far."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=err, transient=True) as bar:
        shown = bar.add_task(title, total=total)
        yield lambda done: bar.update(shown, completed=done)


def moment(text: str | None, zone: str, now: datetime, *, field: str) -> datetime:
    """An ISO instant; one without an offset is local to `zone`, none at all is now.

    Raises InvalidInput naming `field`.
    """
    if text is None:
        return now
    try:
        value = datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidInput(field, f"{text!r} is no ISO time; write it like 2026-11-23T06:00+01:00") from error
    if not FIRST_YEAR <= value.year <= LAST_YEAR:  # the calendar of Python ends; zones and periods need room around
        raise InvalidInput(field, f"must lie in the years {FIRST_YEAR} to {LAST_YEAR}; got {text!r}")
    return value if value.tzinfo else value.replace(tzinfo=ZoneInfo(zone))


def pairs(values: Sequence[str] | None, *, field: str) -> dict[str, str]:
    """`name=value` options as a dictionary. Raises InvalidInput naming `field`."""
    result = {}
    for value in values or ():
        name, separator, rest = value.partition("=")
        if not separator or not name.strip():
            raise InvalidInput(field, f"{value!r} is not of the form name=value")
        result[name.strip()] = rest
    return result


def listed(text: str) -> list[str]:
    return [item.strip() for item in text.split(",") if item.strip()]


def local_time(instant: datetime | None, zone: str) -> str:
    """An instant for people, in `zone`, the zone named: "Mon 16 Nov 2026, 09:00 CET"."""
    return "" if instant is None else instant.astimezone(ZoneInfo(zone)).strftime("%a %d %b %Y, %H:%M %Z")
