"""What the commands work with: the settings, the service over a migrated database, and checked options."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from typing import TypeVar

from reports.access import CONSOLE, Desk
from reports.archive import Archive
from reports.errors import InvalidInput
from reports.model import Filters, Format
from reports.service import Service
from reports.settings import Settings, load_settings
from reports.store import Store
from runner.commands import console

OFFERED = tuple(format for format in Format if format is not Format.RESULTS)  # that one is for the next run alone

Choice = TypeVar("Choice", bound=StrEnum)


def utc_now() -> datetime:
    return datetime.now(UTC)


@contextmanager
def opened_service(settings: Settings | None = None) -> Iterator[Service]:
    """The use cases over a database that is brought up to date and closed when the block ends."""
    settings = settings or load_settings()
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    store = Store(settings.store_url)
    try:
        store.migrate()
        yield Service(store, Archive(settings.archive_location), settings)
    finally:
        store.close()


@contextmanager
def opened_desk(settings: Settings | None = None) -> Iterator[Desk]:
    """The use cases as whoever is at the console has them: all, and each change in the log."""
    with opened_service(settings) as service:
        yield Desk(service, CONSOLE)


def chosen(field: str, text: str, choices: type[Choice]) -> Choice:
    """The member of `choices` called `text`. Raises InvalidInput naming `field` and the choices."""
    try:
        return choices(text.strip().lower().replace("-", "_"))
    except ValueError as error:
        raise InvalidInput(field, f"must be one of {', '.join(choices)}; got {text!r}") from error


def formats(text: str) -> tuple[Format, ...]:
    parts = [part.lower() for part in console.listed(text)]
    unknown = [part for part in parts if part not in OFFERED]
    if unknown:
        raise InvalidInput("formats", f"must be some of {', '.join(OFFERED)}; got {', '.join(unknown)}")
    return tuple(Format(part) for part in parts)


def filters(values: Sequence[str] | None) -> Filters:
    """`team_ids=a,b` options as Filters. Raises InvalidInput naming an unknown filter."""
    given = console.pairs(values, field="filter")
    known = vars(Filters())
    for name in given:
        if name not in known:
            raise InvalidInput("filter", f"there is no filter {name!r}; there are {', '.join(known)}")
    return Filters(**{name: tuple(console.listed(text)) for name, text in given.items()})


def source_choice(dataset_names: Sequence[str], values: Sequence[str] | None) -> dict[str, str]:
    """`NAME`, for every dataset, or `dataset=NAME` options as dataset name -> source name."""
    result: dict[str, str] = {}
    for value in values or ():
        dataset, separator, name = value.partition("=")
        result.update({dataset: name} if separator else dict.fromkeys(dataset_names, value))
    return result
