"""The shapes that every part of the API is made of: camel case outside, snake case inside.

What comes in is checked for its shape here and for its sense in the core; a field nobody knows is refused, so that a
typing error is not taken for a wish.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import Annotated, Any, Generic, TypeVar

from fastapi import Path, Query
from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, StrictBool, StrictInt
from pydantic.alias_generators import to_camel
from starlette.convertors import Convertor, register_url_convertor

from reports.intake import MAX_NAME
from reports.model import Filters, Period

MAX_TEXT = 2000  # characters of one field
MAX_PARAMETERS = 100
EARLIEST, LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC)

Chosen = TypeVar("Chosen")
Item = TypeVar("Item")


class Asked(BaseModel):
    """What a client sends."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", frozen=True)


class Answer(BaseModel):
    """What a client gets."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True)


class Items(Answer, Generic[Item]):
    """All of a short list."""

    items: list[Item]


class IdConvertor(Convertor[str]):
    """Ids are 32 hexadecimal digits, so that an address such as `/preview` is none."""

    regex = "[0-9a-f]{32}"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("id", IdConvertor())


def _no_repetition(values: list[Chosen]) -> list[Chosen]:
    if len(set(map(str, values))) != len(values):
        raise ValueError("must name each but once")
    return values


def _written(at: object) -> object:
    """As RFC 3339 writes it: a bare number would pass as seconds since 1970."""
    if not isinstance(at, str) or not at[:4].isdigit() or at[4:5] != "-":
        raise ValueError("must be a moment such as 2026-11-22T09:00:00Z")
    return at


def _number(text: object) -> object:
    """Of a query: as JSON writes a whole number; `+5`, `5.0` and `1_0` would pass, too."""
    if isinstance(text, str) and not re.fullmatch("-?[0-9]{1,20}", text):
        raise ValueError("must be a whole number such as 50")
    return text


def _truth(text: object) -> object:
    """Of a query: as JSON writes it; `on`, `y` and `1` would pass, too."""
    if isinstance(text, str) and text not in {"true", "false"}:
        raise ValueError("must be true or false")
    return text


def _in_reach(at: datetime) -> datetime:
    if not EARLIEST <= at <= LATEST:
        raise ValueError("must be a moment from 1970 to 9000")
    return at


Id = Annotated[str, Path(pattern=f"^{IdConvertor.regex}$", description="32 hexadecimal digits.")]
Text = Annotated[str, Field(max_length=MAX_TEXT)]
Line = Annotated[str, Query(max_length=MAX_NAME, pattern=r"^[^\x00-\x1f\x7f]*$")]  # of a query: a database takes no NUL
Number = Annotated[int, BeforeValidator(_number)]  # of a query
Flag = Annotated[bool, BeforeValidator(_truth)]  # of a query
Whole = StrictInt
Truth = StrictBool
Moment = Annotated[AwareDatetime, BeforeValidator(_written), AfterValidator(_in_reach)]
Values = Annotated[dict[str, Any], Field(max_length=MAX_PARAMETERS)]


class FiltersWire(Asked):
    """Which usage counts; an empty list means all."""

    user_ids: list[Text] = []
    team_ids: list[Text] = []
    model_ids: list[Text] = []
    provider_ids: list[Text] = []
    key_aliases: list[Text] = []

    def value(self) -> Filters:
        return Filters(**{name: tuple(values) for name, values in dict(self).items()})


class FiltersOut(Answer):
    """Which usage counts; an empty list means all."""

    user_ids: list[str]
    team_ids: list[str]
    model_ids: list[str]
    provider_ids: list[str]
    key_aliases: list[str]

    @classmethod
    def of(cls, filters: Filters) -> FiltersOut:
        return cls(**{name: list(values) for name, values in vars(filters).items()})


class PeriodOut(Answer):
    """The days a run covers, first and last included, as days of the zone."""

    start: date
    end: date
    zone: str

    @classmethod
    def of(cls, period: Period) -> PeriodOut:
        return cls(start=period.start, end=period.end, zone=period.zone)
