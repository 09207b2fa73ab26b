"""What one person may see and change: the checks that all her use cases share, and the log of changes."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, NoReturn

from reports.changes import difference
from reports.errors import Forbidden, NotFound
from reports.model import AuditEntry, ChannelKind, Person, Report, Role, Run, Scope, Subscription
from reports.planning import new_id
from reports.service import NewReport, Service
from reports.settings import Settings
from reports.store import ANY_RUN, RunQuery

EDITORS = (Role.EDITOR, Role.ADMIN)


class Permissions:
    """One person at one service; through a token, what its `scopes` leave of what she may. None is a session."""

    def __init__(self, service: Service, person: Person, scopes: Collection[str] | None = None) -> None:
        if scopes is not None and Scope.ADMIN not in scopes and person.role is Role.ADMIN:
            person = replace(person, role=Role.EDITOR)
        self._service = service
        self._scopes = scopes
        self.person = person

    @property
    def settings(self) -> Settings:
        return self._service.settings

    @property
    def is_admin(self) -> bool:
        return self.person.role is Role.ADMIN

    @property
    def is_editor(self) -> bool:
        """Whether this person may have reports of her own; admins may, too."""
        return self.person.role in EDITORS

    # What one may see

    def report(self, id_or_name: str) -> Report:
        return self._service.report(id_or_name)

    def may_change(self, report: Report) -> bool:
        """Whether this person may edit, run and delete it, and see all its subscriptions."""
        return self.is_admin or (self.is_editor and report.owner in self.person.names)

    def run(self, id: str) -> Run:
        found = self.runs(RunQuery(ids=(id,), limit=1))
        return found[0] if found else not_there("run", id)

    def runs(self, query: RunQuery = ANY_RUN) -> list[Run]:
        return self._service.runs(self._seen_runs(query))

    def may_change_run(self, run: Run) -> bool:
        """Whether this person may cancel, pin and repeat it and send it again: its owner, or its report's."""
        if self.is_admin or not self.is_editor:
            return self.is_admin
        try:
            return run.owner in self.person.names or self.may_change(self._service.report(run.report_id))
        except NotFound:
            return False

    # Who may

    def _needs_editor(self) -> None:
        if not self.is_editor:
            raise Forbidden("That is for editors. An admin can make you one: gazette person add --role editor.")

    def _needs_admin(self) -> None:
        if not self.is_admin:
            raise Forbidden("That is for admins, with a token of the scope admin where one is used.")

    def _own_report(self, id_or_name: str) -> Report:
        report = self._service.report(id_or_name)
        if not self.is_admin and report.owner not in self.person.names:
            not_there("report", id_or_name)
        self._needs_editor()
        return report

    def _own_run(self, id: str) -> Run:
        run = self.run(id)
        return run if self.may_change_run(run) else not_there("run", id)

    def _own_subscription(self, id: str) -> Subscription:
        found = self._service.subscription(id)
        if self._is_oneself(found) or self.may_change(self._service.report(found.report_id)):
            return found
        return not_there("subscription", id)

    def _is_oneself(self, subscription: Subscription) -> bool:
        return subscription.channel is ChannelKind.EMAIL and subscription.address in self.person.names

    def _only_oneself(self, channel: ChannelKind, address: str) -> None:
        if not self.person.email:
            raise Forbidden("Your account has no e-mail address to subscribe; an admin can add one.")
        if channel is not ChannelKind.EMAIL or address.strip().lower() != self.person.email:
            raise Forbidden(f"To a report of somebody else you can subscribe only yourself, {self.person.email}.")

    def _mine(self, new: NewReport) -> NewReport:
        return new if self.is_admin and new.owner else replace(new, owner=self.person.id)

    def _previewed(self, report: Report | NewReport) -> Report | NewReport:
        """A draft is one's own; a report that is stored must be."""
        if isinstance(report, NewReport):
            return self._mine(report)
        try:
            self._service.report(report.id)
        except NotFound:
            return report if self.is_admin else replace(report, owner=self.person.id)
        return replace(report, owner=self._own_report(report.id).owner)

    def _seen_runs(self, query: RunQuery) -> RunQuery:
        return replace(query, seen_by=self.person)

    # The log

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """A change and its line in the log: both or neither. Raises Forbidden where a token is for reading only."""
        if self._scopes is not None and not {Scope.WRITE, Scope.ADMIN} & set(self._scopes):
            raise Forbidden(f"This token is for reading only; {Scope.WRITE} is needed.")
        with self._service.store.together():
            yield

    def _log(
        self,
        action: str,
        kind: str,
        item: str,
        before: object | None = None,
        after: object | None = None,
        *,
        note: Mapping[str, Any] | None = None,
    ) -> None:
        old, new = difference(before, after)
        changed = dict(note) if note is not None else new
        self._service.store.add_audit(AuditEntry(new_id(), self.person.id, action, kind, item, old, changed))


def not_there(kind: str, id: str) -> NoReturn:
    raise NotFound(kind, id)
