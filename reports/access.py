"""The use cases as one person may use them: the same names as in `Service`, filtered, checked and logged.

Everybody who is signed in sees the catalogue and may subscribe her own address. Runs, files and deliveries of a report
are for its owner, its subscribers and admins; changing it is for its owner, if an editor, and admins. What is another's
is not found. Each change and its line in the log are one transaction.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any, BinaryIO

from reports.errors import NotFound
from reports.explored import UsageQuery
from reports.model import (
    Artifact,
    AuditEntry,
    Delivery,
    Person,
    Report,
    Role,
    Run,
    Subscription,
)
from reports.permissions import not_there
from reports.posting import Posting
from reports.service import NewReport, NewSubscription
from reports.sources import Snapshot, Source, SourceReport
from reports.sources.known import Known
from reports.store import (
    ANY_CHANGE,
    ANY_REPORT,
    ANY_RUN,
    AuditQuery,
    Backlog,
    DeliveryAttempt,
    DeliveryQuery,
    LogLine,
    ReportQuery,
    RunnerSeen,
    RunQuery,
    StageTime,
)
from reports.templates import Template

CONSOLE = Person("command line", "Command line", Role.ADMIN)  # whoever may read the database's password
BY_LINK = Person("unsubscribe link", "Unsubscribe link", Role.ADMIN)  # only where its seal was checked


class Desk(Posting):
    """What one person can do; through a token, what its `scopes` leave of that. None is a session: all of it.

    Raises NotFound for what is another's, and Forbidden where the role or the scopes do not reach.
    """

    @contextmanager
    def together(self) -> Iterator[None]:
        """Several changes and their lines in the log: all of them or none."""
        with self._changing():
            yield

    # Reports

    def create_report(self, new: NewReport, at: datetime) -> Report:
        """Its owner is this person; only an admin may name another."""
        self._needs_editor()
        with self._changing():
            report = self._service.create_report(self._mine(new), at)
            self._log("create", "report", report.id, None, report)
        return report

    def draft(self, new: NewReport, at: datetime) -> Report:
        self._needs_editor()
        return self._service.draft(self._mine(new), at)

    def edit_report(self, edited: Report, at: datetime) -> Report:
        with self._changing():
            before = self._own_report(edited.id)
            owner = edited.owner if self.is_admin else before.owner
            after = self._service.edit_report(replace(edited, owner=owner), at)
            self._log("edit", "report", after.id, before, after)
        return after

    def pause_report(self, id_or_name: str) -> Report:
        with self._changing():
            before = self._own_report(id_or_name)
            after = self._service.pause_report(before.id)
            self._log("pause", "report", after.id, before, after)
        return after

    def resume_report(self, id_or_name: str, at: datetime) -> Report:
        with self._changing():
            before = self._own_report(id_or_name)
            after = self._service.resume_report(before.id, at)
            self._log("resume", "report", after.id, before, after)
        return after

    def delete_report(self, id_or_name: str) -> None:
        with self._changing():
            report = self._own_report(id_or_name)
            self._service.delete_report(report.id)
            self._log("delete", "report", report.id, report, None)

    def reports(self, query: ReportQuery = ANY_REPORT) -> list[Report]:
        return self._service.reports(query)

    def report_names(self, limit: int) -> dict[str, str]:
        return self._service.report_names(limit)

    def late_reports(self, now: datetime, limit: int) -> list[Report]:
        return self._service.late_reports(now, limit)

    def count_reports(self, query: ReportQuery = ANY_REPORT) -> int:
        return self._service.count_reports(query)

    def next_dues(self, expression: str, zone: str, after: datetime, count: int = 5) -> list[datetime]:
        return self._service.next_dues(expression, zone, after, count)

    # Subscriptions

    def subscribe(self, new: NewSubscription, at: datetime) -> Subscription:
        with self._changing():
            if not self.may_change(self._service.report(new.report)):
                self._only_oneself(new.channel, new.address)
                new = replace(new, address=self.person.email)
            made = self._service.subscribe(new, at)
            self._log("subscribe", "subscription", made.id, None, made)
        return made

    def edit_subscription(self, edited: Subscription) -> Subscription:
        with self._changing():
            before = self._own_subscription(edited.id)
            edited = replace(edited, report_id=before.report_id)
            if not self.may_change(self._service.report(before.report_id)):
                self._only_oneself(edited.channel, edited.address)
                edited = replace(edited, address=self.person.email)
            after = self._service.edit_subscription(edited)
            self._log("edit", "subscription", after.id, before, after)
        return after

    def pause_subscription(self, id: str, *, paused: bool = True) -> Subscription:
        with self._changing():
            before = self._own_subscription(id)
            after = self._service.pause_subscription(id, paused=paused)
            self._log("pause" if paused else "resume", "subscription", id, before, after)
        return after

    def unsubscribe(self, id: str) -> None:
        with self._changing():
            before = self._own_subscription(id)
            self._service.unsubscribe(id)
            self._log("unsubscribe", "subscription", id, before, None)

    def subscription(self, id: str) -> Subscription:
        return self._own_subscription(id)

    def subscriptions(self, report: str) -> list[Subscription]:
        """All of a report for who may change it, else one's own."""
        found, all_of_them = self._service.report(report), self._service.subscriptions(report)
        return all_of_them if self.may_change(found) else [each for each in all_of_them if self._is_oneself(each)]

    # Runs

    def run_now(self, id_or_name: str, at: datetime) -> list[Run]:
        with self._changing():
            report = self._own_report(id_or_name)
            queued = self._service.run_now(report.id, at)
            for run in queued:
                self._log("run", "report", report.id, note={"run": run.id, "parameters": run.parameters})
        return queued

    def preview(self, report: Report | NewReport, at: datetime, parameters: Mapping[str, Any] | None = None) -> Run:
        self._needs_editor()
        with self._changing():
            run = self._service.preview(self._previewed(report), at, parameters)
            self._log("preview", "report", run.report_id, note={"run": run.id, "parameters": run.parameters})
        return run

    def cancel_run(self, id: str) -> None:
        with self._changing():
            self._own_run(id)
            self._service.cancel_run(id)
            self._log("cancel", "run", id)

    def pin_run(self, id: str, *, pinned: bool = True) -> None:
        with self._changing():
            self._own_run(id)
            self._service.pin_run(id, pinned=pinned)
            self._log("pin" if pinned else "unpin", "run", id)

    def count_runs(self, query: RunQuery = ANY_RUN) -> int:
        return self._service.count_runs(self._seen_runs(query))

    def latest_runs(self, report_ids: Sequence[str]) -> dict[str, Run]:
        """Of these reports, where this person may see their runs."""
        latest = self._service.latest_runs(report_ids)
        ids = tuple(run.id for run in latest.values())
        seen = {run.report_id for run in self.runs(RunQuery(ids=ids, limit=len(ids)))} if ids else set()
        return {report_id: run for report_id, run in latest.items() if report_id in seen}

    def stages(self, run_id: str) -> list[StageTime]:
        return self._service.stages(self.run(run_id).id)

    def run_log(self, run_id: str) -> list[LogLine]:
        return self._service.run_log(self.run(run_id).id)

    def artifacts(self, run_id: str) -> list[Artifact]:
        return self._service.artifacts(self.run(run_id).id)

    def artifact(self, id: str) -> Artifact:
        artifact = self._service.artifact(id)
        try:
            self.run(artifact.run_id)
        except NotFound:
            not_there("artifact", id)
        return artifact

    def open_artifact(self, id: str) -> tuple[Artifact, BinaryIO]:
        return self._service.open_artifact(self.artifact(id).id)

    # Deliveries

    def deliveries(self, run_id: str) -> list[Delivery]:
        """All of a run for who may change it, else those to oneself."""
        run = self.run(run_id)
        everything = self._service.deliveries(run.id)
        if self.may_change_run(run):
            return everything
        query = DeliveryQuery(run_id=run.id, seen_by=self.person, limit=max(1, len(everything)))
        seen = {each.id for each in self._service.find_deliveries(query)}
        return [each for each in everything if each.id in seen]

    def find_deliveries(self, query: DeliveryQuery) -> list[Delivery]:
        return self._service.find_deliveries(replace(query, seen_by=self.person))

    def count_deliveries(self, query: DeliveryQuery) -> int:
        return self._service.count_deliveries(replace(query, seen_by=self.person))

    def delivery(self, id: str) -> Delivery:
        found = self.find_deliveries(DeliveryQuery(id=id, limit=1))
        return found[0] if found else not_there("delivery", id)

    def delivery_log(self, id: str) -> list[DeliveryAttempt]:
        return self._service.delivery_log(self.delivery(id).id)

    def retry_delivery(self, id: str) -> Delivery:
        with self._changing():
            before = self.delivery(id)
            if not self.may_change_run(self.run(before.run_id)):
                not_there("delivery", id)
            after = self._service.retry_delivery(id)
            self._log("retry", "delivery", id, note={"run": after.run_id, "was": before.state.value})
        return after

    # Templates and sources

    def templates(self) -> list[Template]:
        return self._service.templates()

    def template(self, name: str) -> Template:
        return self._service.template(name)

    def add_source(self, source: Source) -> Source:
        self._needs_admin()
        with self._changing():
            before = next((each for each in self._service.sources() if each.name == source.name), None)
            added = self._service.add_source(source)
            self._log("edit" if before else "create", "source", added.name, before, added)
        return added

    def sources(self) -> list[Source]:
        """Where they are is for admins only: an address may hold a password."""
        found = self._service.sources()
        return found if self.is_admin else [replace(each, url="", options={}) for each in found]

    def source(self, name: str) -> Source:
        found = self._service.source(name)
        return found if self.is_admin else replace(found, url="", options={})

    def known_values(self, source: str, at: datetime) -> Known:
        """For editors, who may make a report of all of it."""
        self._needs_editor()
        return self._service.known_values(source, at)

    def remove_source(self, name: str) -> None:
        self._needs_admin()
        with self._changing():
            before = self._service.source(name)
            self._service.remove_source(name)
            self._log("delete", "source", name, before, None)

    def check_source(self, name: str) -> SourceReport:
        self._needs_admin()
        return self._service.check_source(name)

    def usage_sources(self) -> list[Source]:
        """Those that serve `usage`; an SQL source without a query of its own serves templates only."""
        self._needs_editor()
        names = {each.name for each in self._service.sources() if each.kind != "sql" or each.options.get("sql")}
        return [each for each in self.sources() if each.name in names]

    def usage(self, query: UsageQuery, at: datetime) -> Snapshot:
        """Everybody's usage, by name: for those who can make reports of it anyway."""
        self._needs_editor()
        return self._service.usage(query, at)

    # What is going on

    def backlog(self) -> Backlog:
        return self._service.backlog()

    def runners(self) -> list[RunnerSeen]:
        return self._service.runners()

    def audit(self, query: AuditQuery = ANY_CHANGE) -> list[AuditEntry]:
        self._needs_admin()
        return self._service.store.audit(query)

    def count_audit(self, query: AuditQuery = ANY_CHANGE) -> int:
        self._needs_admin()
        return self._service.store.count_audit(query)
