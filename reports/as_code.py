"""Reports and subscriptions as a document: what `gazette export` writes and `gazette apply` reads.

Pure: the document is made of dictionaries, lists, texts and numbers; how they stand in a file is the command's part. A
report is known by its name, a subscription by its channel and address; ids and versions are not told, so that the same
document fits another installation. Signing secrets are never told; a document may name a variable that holds one.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any, TypeVar

from reports import conditions
from reports.errors import InvalidInput
from reports.model import (
    CatchUp,
    ChannelKind,
    Condition,
    Filters,
    Format,
    JsonDict,
    Operator,
    PeriodPolicy,
    Report,
    SendIf,
    Subscription,
)
from reports.service import NewReport, NewSubscription

VERSION = 1
MAX_GRACE_HOURS = 366 * 24
WITH_DAYS = (PeriodPolicy.LAST_N_DAYS, PeriodPolicy.SINCE_LAST)
SECRET_REFERENCE = re.compile(r"\$\{(GAZETTE_SIGNING_[A-Z0-9_]+)\}")

Item = TypeVar("Item")
Choice = TypeVar("Choice", bound=StrEnum)


@dataclass(frozen=True)
class WantedSubscription:
    path: str  # where it stands: reports[2].subscriptions[0], counted from 0
    new: NewSubscription  # without its report; `secret` holds the reference, not the secret
    paused: bool


@dataclass(frozen=True)
class WantedReport:
    """`subscriptions` is None where the document does not speak of them."""

    path: str
    new: NewReport
    subscriptions: tuple[WantedSubscription, ...] | None


# Written


def document(reports: Iterable[tuple[Report, Iterable[Subscription]]]) -> JsonDict:
    """All of them by name; the order is the same for the same contents."""
    entries = []
    for report, subscriptions in reports:
        listed = sorted(map(subscription_entry, subscriptions), key=_order)
        entries.append(report_entry(report) | ({"subscriptions": listed} if listed else {}))
    return {"version": VERSION, "reports": sorted(entries, key=lambda each: (each["name"], _order(each)))}


def report_entry(report: Report) -> JsonDict:
    """What is told of a report: what would be the same without being told is left out."""
    optional: JsonDict = {
        "cron": report.cron,
        "days": report.period_days if report.period_policy in WITH_DAYS else None,
        "parameters": report.parameters,
        "filters": report.filters.to_json(),
        "sources": report.sources,
        "catch_up": "" if report.catch_up is CatchUp.LATEST else report.catch_up.value,
        "paused": report.paused,
    }
    hours = report.grace / timedelta(hours=1)
    return {
        "name": report.name,
        "template": report.template,
        "owner": report.owner,
        "zone": report.zone,
        "period": report.period_policy.value,
        "formats": [format.value for format in report.formats],
        **({} if hours == 24 else {"grace_hours": int(hours) if hours.is_integer() else hours}),
        **{name: value for name, value in optional.items() if value},
    }


def subscription_entry(subscription: Subscription) -> JsonDict:
    optional: JsonDict = {
        "subscriber": subscription.subscriber,
        "parameters": subscription.parameters,
        "include_content": subscription.include_content,
        "send_if": None if subscription.send_if.kind is SendIf.ALWAYS else _condition_entry(subscription.send_if),
        "paused": subscription.paused,
    }
    return {
        "channel": subscription.channel.value,
        "address": subscription.address,
        "formats": [format.value for format in subscription.formats],
        **{name: value for name, value in optional.items() if value},
    }


def _condition_entry(condition: Condition) -> str | JsonDict:
    """As a person writes it, if that is read back as the same; a figure's name may hold any sign."""
    text = str(condition)
    try:
        same = conditions.parse(text) == condition
    except InvalidInput:
        same = False
    if same:
        return text
    entry = {"metric": condition.metric, "operator": condition.operator.value, "value": condition.value}
    return {**entry, "of_change": True} if condition.of_change else entry


def _order(entry: JsonDict) -> str:
    return json.dumps(entry, sort_keys=True)


# Compared


def paired(
    wanted: Sequence[Item], there: Sequence[Item], same: Callable[[Item, Item], bool]
) -> list[tuple[Item, Item | None]]:
    """Each that is wanted with one that is there: first those that are the same, then in the order they stand."""
    left = list(there)
    found: dict[int, Item] = {}
    for at, each in enumerate(wanted):
        match = next((other for other in left if same(each, other)), None)
        if match is not None:
            found[at] = match
            left.remove(match)
    for at in range(len(wanted)):
        if at not in found and left:
            found[at] = left.pop(0)
    return [(each, found.get(at)) for at, each in enumerate(wanted)]


def changed_fields(before: JsonDict | None, after: JsonDict | None) -> dict[str, tuple[Any, Any]]:
    """The fields of two entries that differ, before and after; None for what is not told."""
    old, new = before or {}, after or {}
    return {name: (old.get(name), new.get(name)) for name in {**old, **new} if old.get(name) != new.get(name)}


# Read


def read(content: object) -> list[WantedReport]:
    """The reports a document asks for. Raises InvalidInput whose field is the entry's place and its field."""
    whole = _Entry("", content)
    version = whole.take("version", None)
    if version != VERSION or isinstance(version, bool):
        raise InvalidInput("version", f"must be {VERSION}, the only version of this document there is")
    entries = [_report(f"reports[{at}]", each) for at, each in enumerate(whole.items("reports") or [])]
    whole.nothing_left()
    return entries


def _report(path: str, content: object) -> WantedReport:
    entry = _Entry(path, content)
    subscriptions = entry.items("subscriptions")
    hours = entry.take("grace_hours", 24)
    if not _is_number(hours) or not 0 <= hours <= MAX_GRACE_HOURS:
        raise entry.refused("grace_hours", f"must be a number of hours from 0 to {MAX_GRACE_HOURS}")
    days = entry.take("days", None)
    if days is not None and (not isinstance(days, int) or isinstance(days, bool)):
        raise entry.refused("days", "must be a whole number")
    new = NewReport(
        name=entry.text("name", needed=True),
        template=entry.text("template", needed=True),
        owner=entry.text("owner", needed=True),
        cron=entry.text("cron"),
        zone=entry.text("zone") or None,
        period_policy=entry.choice("period", PeriodPolicy, None),
        period_days=days,
        parameters=entry.mapping("parameters"),
        filters=_filters(entry),
        sources=entry.texts_by_name("sources"),
        formats=entry.formats(),
        catch_up=entry.choice("catch_up", CatchUp, None) or CatchUp.LATEST,
        grace=timedelta(seconds=round(hours * 3600)),  # kept in whole seconds
        paused=entry.flag("paused"),
    )
    entry.nothing_left()
    if subscriptions is None:
        return WantedReport(path, new, None)
    read_each = (_subscription(f"{path}.subscriptions[{at}]", each) for at, each in enumerate(subscriptions))
    return WantedReport(path, new, tuple(read_each))


def _subscription(path: str, content: object) -> WantedSubscription:
    entry = _Entry(path, content)
    channel = entry.choice("channel", ChannelKind, None)
    if channel is None:
        raise entry.refused("channel", f"must be one of {', '.join(ChannelKind)}")
    secret = entry.text("secret")
    if secret and not all(map(SECRET_REFERENCE.fullmatch, secret.split())):
        raise entry.refused(
            "secret", "must name a variable, such as ${GAZETTE_SIGNING_FINANCE}; leave it out to keep it"
        )
    new = NewSubscription(
        report="",
        channel=channel,
        address=entry.text("address", needed=True),
        subscriber=entry.text("subscriber"),
        formats=entry.formats(),
        parameters=entry.mapping("parameters"),
        secret=secret,
        include_content=entry.flag("include_content"),
        send_if=_condition(entry),
    )
    paused = entry.flag("paused")
    entry.nothing_left()
    return WantedSubscription(path, new, paused)


def _filters(entry: _Entry) -> Filters:
    inner = _Entry(entry.at("filters"), entry.mapping("filters"))
    read_each = {name: tuple(inner.texts(name)) for name in vars(Filters())}
    inner.nothing_left()
    return Filters(**read_each)


def _condition(entry: _Entry) -> Condition:
    asked = entry.take("send_if", "always")
    if not isinstance(asked, Mapping):
        if not isinstance(asked, str):
            raise entry.refused("send_if", f"must be {conditions.EXAMPLES}")
        try:
            return conditions.parse(asked or "always")
        except InvalidInput as error:
            raise entry.refused(error.field, error.message) from error
    inner = _Entry(entry.at("send_if"), asked)
    value = inner.take("value", None)
    if not _is_number(value):
        raise inner.refused("value", "must be a number")
    operator = inner.choice("operator", Operator, None) or Operator.ABOVE
    metric, of_change = inner.text("metric", needed=True), inner.flag("of_change")
    inner.nothing_left()
    return Condition(SendIf.METRIC, metric, operator, float(value), of_change)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


class _Entry:
    """One mapping of the document while it is read: each field is taken once, and what is left is refused."""

    def __init__(self, path: str, content: object) -> None:
        if not isinstance(content, Mapping):
            raise InvalidInput(path or "document", "must have fields, such as `name: Daily usage`")
        self.path = path
        self.left = dict(content)

    def at(self, name: str) -> str:
        return f"{self.path}.{name}" if self.path else name

    def refused(self, name: str, message: str) -> InvalidInput:
        return InvalidInput(self.at(name), message)

    def take(self, name: str, default: Any) -> Any:
        """The field; the default where it is left out, or empty."""
        value = self.left.pop(name, None)
        return default if value is None else value

    def text(self, name: str, *, needed: bool = False) -> str:
        value = self.take(name, "")
        if not isinstance(value, str):
            raise self.refused(name, f"must be a text; put it in quotes: '{value}'")
        if needed and not value.strip():
            raise self.refused(name, "is needed")
        return value

    def flag(self, name: str) -> bool:
        value = self.take(name, False)
        if not isinstance(value, bool):
            raise self.refused(name, "must be true or false")
        return value

    def choice(self, name: str, choices: type[Choice], default: Choice | None) -> Choice | None:
        value = self.take(name, default)
        if value is not None and value not in list(choices):
            raise self.refused(name, f"must be one of {', '.join(choices)}; got {value!r}")
        return None if value is None else choices(value)

    def items(self, name: str) -> list[Any] | None:
        value = self.take(name, None)
        if value is not None and not isinstance(value, list):
            raise self.refused(name, "must be a list, each item after a `-`")
        return value

    def texts(self, name: str) -> list[str]:
        found = self.items(name) or []
        if not all(isinstance(each, str) for each in found):
            raise self.refused(name, "must be a list of texts; put numbers in quotes")
        return found

    def mapping(self, name: str) -> dict[str, Any]:
        value = self.take(name, {})
        if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
            raise self.refused(name, "must have names and values, such as `top_n: 5`")
        return dict(value)

    def texts_by_name(self, name: str) -> dict[str, str]:
        found = self.mapping(name)
        if not all(isinstance(each, str) for each in found.values()):
            raise self.refused(name, "must have texts as values; put numbers in quotes")
        return found

    def formats(self) -> tuple[Format, ...]:
        found = self.texts("formats")
        unknown = [each for each in found if each not in list(Format)]
        if unknown:
            raise self.refused("formats", f"must be some of html, pdf, xlsx; got {', '.join(unknown)}")
        return tuple(map(Format, found))

    def nothing_left(self) -> None:
        if self.left:
            name = next(iter(self.left))
            raise self.refused(str(name), "is not known here; look for a typing error")
