"""Bringing reports and subscriptions to what a document says: all of it, or nothing.

What the document names and is not there is made, what differs is edited, what is the same is left alone, versions
included; so applying it twice changes nothing the second time. What it does not name stays, unless pruning is asked
for. Every change is a person's, checked and logged as any other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from reports import as_code
from reports.access import Desk
from reports.as_code import WantedReport, WantedSubscription, changed_fields, report_entry, subscription_entry
from reports.errors import InvalidInput, InvalidParameter
from reports.model import ChannelKind, JsonDict, Report, Subscription
from reports.store import ReportQuery

AT_ONCE = 500  # reports read at once
# Fields of the core that the document calls otherwise.
RENAMED = {
    "period_policy": "period",
    "period_days": "days",
    "grace": "grace_hours",
    "expression": "cron",
    **dict.fromkeys(("minute", "hour", "day", "month", "weekday"), "cron"),
}

Secrets = Callable[[str], str]  # a text with references -> with the secrets they name


class Action(StrEnum):
    CREATE = "create"
    EDIT = "edit"
    DELETE = "delete"


@dataclass(frozen=True)
class Change:
    """What happens to one report, or to one subscription of the report `name`."""

    action: Action
    kind: str  # report, subscription
    name: str
    channel: str = ""
    address: str = ""
    fields: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)  # before and after, in the document's words
    new_secret: str = ""  # of a webhook that got one; told this once


@dataclass(frozen=True)
class Applied:
    changes: tuple[Change, ...]
    unchanged: int  # reports and subscriptions that are as the document says

    def count(self, action: Action) -> int:
        return sum(change.action is action for change in self.changes)


class _DryRun(Exception):
    """Takes the transaction back."""


def export(desk: Desk) -> JsonDict:
    """All reports with their subscriptions, as far as this person sees them."""
    return as_code.document((report, desk.subscriptions(report.id)) for report in _all_reports(desk))


def apply(
    desk: Desk, content: object, at: datetime, secrets: Secrets, *, prune: bool = False, dry_run: bool = False
) -> Applied:
    """Make it so, in one transaction; a dry run does the same and takes it back.

    Raises InvalidInput whose field is the place in the document, such as `reports[2].cron`; then nothing is changed.
    """
    wanted = as_code.read(content)
    work = _Work(desk, at, secrets, prune)
    with suppress(_DryRun), desk.together():
        work.bring_to(wanted)
        if dry_run:
            raise _DryRun
    return Applied(tuple(work.changes), work.unchanged)


def _all_reports(desk: Desk) -> Iterator[Report]:
    offset = 0
    while found := desk.reports(ReportQuery(limit=AT_ONCE, offset=offset)):
        yield from found
        offset += len(found)


class _Work:
    """One application: what it did so far."""

    def __init__(self, desk: Desk, at: datetime, secrets: Secrets, prune: bool) -> None:
        self.desk = desk
        self.at = at
        self.secrets = secrets
        self.prune = prune
        self.changes: list[Change] = []
        self.unchanged = 0

    def bring_to(self, wanted: Sequence[WantedReport]) -> None:
        there: dict[str, list[Report]] = {}
        for report in _all_reports(self.desk):
            there.setdefault(report.name, []).append(report)
        drafts: dict[str, list[tuple[WantedReport, Report]]] = {}
        for each in wanted:
            with at_entry(each.path):
                draft = self.desk.draft(each.new, self.at)
            drafts.setdefault(draft.name, []).append((each, draft))
        for name, named in drafts.items():
            existing = there.pop(name, [])
            pairs = as_code.paired([draft for _, draft in named], existing, _same_report)
            for (each, _), (draft, before) in zip(named, pairs, strict=True):
                self.report(each, draft, before)
            matched = {before.id for _, before in pairs if before is not None}
            there[name] = [report for report in existing if report.id not in matched]
        if self.prune:
            for report in (report for reports in there.values() for report in reports):
                self.desk.delete_report(report.id)
                self.note(Action.DELETE, report, changed_fields(report_entry(report), None))

    def report(self, wanted: WantedReport, draft: Report, before: Report | None) -> None:
        fields = changed_fields(None if before is None else report_entry(before), report_entry(draft))
        with at_entry(wanted.path):
            if before is None:
                report = self.desk.create_report(wanted.new, self.at)
                self.note(Action.CREATE, report, fields)
            elif fields:
                kept = replace(draft, id=before.id, version=before.version, created_at=before.created_at)
                report = self.desk.edit_report(kept, self.at)
                self.note(Action.EDIT, report, fields)
            else:
                report = before
                self.unchanged += 1
        if wanted.subscriptions is not None:
            self.subscriptions(report, wanted.subscriptions)

    def subscriptions(self, report: Report, wanted: Sequence[WantedSubscription]) -> None:
        there: dict[tuple[ChannelKind, str], list[Subscription]] = {}
        for subscription in self.desk.subscriptions(report.id):
            there.setdefault((subscription.channel, subscription.address), []).append(subscription)
        drafts: dict[tuple[ChannelKind, str], list[tuple[WantedSubscription, Subscription]]] = {}
        for each in wanted:
            draft = self.drafted(report, each)
            drafts.setdefault((draft.channel, draft.address), []).append((each, draft))
        for key, named in drafts.items():
            existing = there.pop(key, [])
            pairs = as_code.paired([draft for _, draft in named], existing, _same_subscription)
            for (each, _), (draft, before) in zip(named, pairs, strict=True):
                self.subscription(report, each, draft, before)
            matched = {before.id for _, before in pairs if before is not None}
            there[key] = [each for each in existing if each.id not in matched]
        if self.prune:
            for gone in (each for subscriptions in there.values() for each in subscriptions):
                self.desk.unsubscribe(gone.id)
                self.note(Action.DELETE, report, changed_fields(subscription_entry(gone), None), gone)

    def drafted(self, report: Report, wanted: WantedSubscription) -> Subscription:
        with at_entry(wanted.path):
            new = replace(wanted.new, report=report.id, secret=self.secrets(wanted.new.secret))
            return replace(self.desk.draft_subscription(new, self.at), paused=wanted.paused)

    def subscription(
        self, report: Report, wanted: WantedSubscription, draft: Subscription, before: Subscription | None
    ) -> None:
        fields = changed_fields(None if before is None else subscription_entry(before), subscription_entry(draft))
        if before is None:
            with at_entry(wanted.path):
                new = replace(wanted.new, report=report.id, secret=draft.secret)
                made = self.desk.subscribe(new, self.at)
                if wanted.paused:
                    self.desk.pause_subscription(made.id)
            self.note(Action.CREATE, report, fields, made, "" if wanted.new.secret else made.secret)
            return
        if wanted.new.secret and draft.secret != before.secret:
            fields["secret"] = ("(hidden)", f"(of {wanted.new.secret})")
        if not fields:
            self.unchanged += 1
            return
        secret = draft.secret if wanted.new.secret else before.secret
        kept = replace(draft, id=before.id, secret=secret, created_at=before.created_at)
        with at_entry(wanted.path):
            self.desk.edit_subscription(kept)
        self.note(Action.EDIT, report, fields, kept)

    def note(
        self,
        action: Action,
        report: Report,
        fields: Mapping[str, tuple[Any, Any]],
        subscription: Subscription | None = None,
        new_secret: str = "",
    ) -> None:
        if subscription is None:
            self.changes.append(Change(action, "report", report.name, fields=fields))
            return
        channel, address = subscription.channel.value, subscription.address
        self.changes.append(Change(action, "subscription", report.name, channel, address, fields, new_secret))


def _same_report(one: Report, other: Report) -> bool:
    return report_entry(one) == report_entry(other)


def _same_subscription(one: Subscription, other: Subscription) -> bool:
    return subscription_entry(one) == subscription_entry(other)


@contextmanager
def at_entry(path: str) -> Iterator[None]:
    """What is refused is refused at its place in the document."""
    try:
        yield
    except InvalidInput as error:
        name = RENAMED.get(error.field, error.field)
        if isinstance(error, InvalidParameter) and name != "parameters":
            name = f"parameters.{name}"
        raise InvalidInput(f"{path}.{name}", error.message) from error
