"""The use cases: what the command line, the pages and the REST API can do, and nothing else does it for them.

Input is checked here and refused with its field; what is stored has been checked. Instants are arguments. Runs are
queued, not executed: that is a runner's part, met only through the database and the archive.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, BinaryIO

from reports import conditions, cron, intake
from reports.archive import Archive
from reports.errors import InvalidInput
from reports.model import (
    Artifact,
    CatchUp,
    ChannelKind,
    Condition,
    Delivery,
    DeliveryState,
    Filters,
    Format,
    JsonDict,
    PeriodPolicy,
    Report,
    Run,
    RunKind,
    RunState,
    SendIf,
    Subscription,
)
from reports.parameters import check_required, coerce
from reports.planning import new_id, parameter_sets, planned_run
from reports.settings import Settings
from reports.sourcing import Sourcing
from reports.store import (
    ANY_REPORT,
    ANY_RUN,
    Backlog,
    DeliveryAttempt,
    DeliveryQuery,
    LogLine,
    ReportQuery,
    RunnerSeen,
    RunQuery,
    StageTime,
    Store,
)

MAX_GRACE = timedelta(days=366)
LATE = timedelta(minutes=2)  # a due time is taken up within a second or two where a runner works
MAX_DUES = 1000  # how many due times are told at once
CANCELLED_BY_HAND = "cancelled by hand"
NO_FILTERS = Filters()
ALWAYS = Condition()


@dataclass(frozen=True)
class NewReport:
    """A report as it is asked for; what is None or empty follows the template and the settings."""

    name: str
    template: str
    owner: str
    cron: str = ""  # "" means only by hand
    zone: str | None = None
    period_policy: PeriodPolicy | None = None
    period_days: int | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    filters: Filters = NO_FILTERS
    sources: Mapping[str, str] = field(default_factory=dict)  # dataset name -> source name
    formats: tuple[Format, ...] = ()
    catch_up: CatchUp = CatchUp.LATEST
    grace: timedelta = timedelta(hours=24)
    paused: bool = False


@dataclass(frozen=True)
class NewSubscription:
    """A subscription as it is asked for. A webhook without `secret` gets a new one."""

    report: str  # id, or a name that is not ambiguous
    channel: ChannelKind
    address: str
    subscriber: str = ""
    formats: tuple[Format, ...] = ()  # empty: PDF, or whatever the report makes if it makes none
    parameters: Mapping[str, Any] = field(default_factory=dict)
    secret: str = ""
    include_content: bool = False
    send_if: Condition = ALWAYS


class Service(Sourcing):
    """All use cases over one store, one archive and one configuration. Safe to use from several threads."""

    def __init__(self, store: Store, archive: Archive, settings: Settings) -> None:
        super().__init__(store, settings)
        self.archive = archive

    # Reports

    def create_report(self, new: NewReport, at: datetime) -> Report:
        return self.store.add_report(self.draft(new, at))

    def draft(self, new: NewReport, at: datetime) -> Report:
        """The checked report, not saved: what `preview` takes. Raises InvalidInput naming the field."""
        template = self._chosen_template(new.template)
        policy = new.period_policy or template.period_policy
        return self._checked(
            Report(
                id=new_id(),
                name=new.name,
                template=new.template,
                owner=new.owner,
                cron=new.cron,
                zone=self.settings.zone if new.zone is None else new.zone,
                period_policy=policy,
                period_days=template.period_days if new.period_days is None else new.period_days,
                parameters=dict(new.parameters),
                filters=new.filters,
                sources=dict(new.sources),
                formats=new.formats or template.formats,
                catch_up=new.catch_up,
                grace=new.grace,
                paused=new.paused,
                created_at=at,
            ),
            at,
        )

    def edit_report(self, edited: Report, at: datetime) -> Report:
        """Save a report as loaded and changed with `dataclasses.replace`; raises StaleVersion if others saved since.

        Runs that are queued or running keep what they were planned with.
        """
        return self.store.update_report(self._checked(edited, at), edited.version)

    def pause_report(self, id_or_name: str) -> Report:
        report = self.store.report(id_or_name)
        return self.store.update_report(replace(report, paused=True, next_due_at=None), report.version)

    def resume_report(self, id_or_name: str, at: datetime) -> Report:
        """The next due time is the first after `at`; those of the pause are not caught up."""
        report = self.store.report(id_or_name)
        resumed = replace(report, paused=False, next_due_at=_next_due(report, at))
        return self.store.update_report(resumed, report.version)

    def delete_report(self, id_or_name: str) -> None:
        """Its runs stay in the archive until their retention ends."""
        self.store.delete_report(self.store.report(id_or_name).id)

    def report(self, id_or_name: str) -> Report:
        return self.store.report(id_or_name)

    def reports(self, query: ReportQuery = ANY_REPORT) -> list[Report]:
        return self.store.reports(query)

    def next_dues(self, expression: str, zone: str, after: datetime, count: int = 5) -> list[datetime]:
        if not 1 <= count <= MAX_DUES:
            raise InvalidInput("count", f"must be from 1 to {MAX_DUES}")
        return cron.next_dues(cron.parse(expression), zone, after, count)

    # Subscriptions

    def subscribe(self, new: NewSubscription, at: datetime) -> Subscription:
        return self.store.add_subscription(self.draft_subscription(new, at))

    def draft_subscription(self, new: NewSubscription, at: datetime) -> Subscription:
        """The checked subscription, not saved. Raises InvalidInput naming the field."""
        report = self.store.report(new.report)
        if new.secret and new.channel is not ChannelKind.WEBHOOK:
            raise InvalidInput("secret", "only webhooks are signed; leave it out")
        return self.checked_subscription(
            Subscription(
                id=new_id(),
                report_id=report.id,
                channel=new.channel,
                address=new.address,
                subscriber=new.subscriber,
                formats=new.formats or _default_formats(report),
                parameters=dict(new.parameters),
                secret=new.secret,
                include_content=new.include_content,
                send_if=new.send_if,
                created_at=at,
            )
        )

    def edit_subscription(self, edited: Subscription) -> Subscription:
        """Save a subscription as loaded and changed with `dataclasses.replace`."""
        return self.store.update_subscription(self.checked_subscription(edited))

    def checked_subscription(self, asked: Subscription) -> Subscription:
        """The subscription in the form in which it is kept. Raises InvalidInput naming the field."""
        report = self.store.report(asked.report_id)
        webhook = asked.channel is ChannelKind.WEBHOOK
        return replace(
            asked,
            address=self._address(asked.channel, asked.address),
            subscriber=intake.checked_name("subscriber", asked.subscriber) if asked.subscriber else "",
            formats=intake.checked_formats("formats", asked.formats),
            parameters=coerce(self._chosen_template(report.template).parameters, asked.parameters),
            secret=intake.checked_secret(asked.secret) if webhook else "",
            include_content=asked.include_content and webhook,
            send_if=self._condition(report, asked.send_if),
        )

    def pause_subscription(self, id: str, *, paused: bool = True) -> Subscription:
        return self.store.update_subscription(replace(self.store.subscription(id), paused=paused))

    def unsubscribe(self, id: str) -> None:
        self.store.remove_subscription(id)

    def subscription(self, id: str) -> Subscription:
        return self.store.subscription(id)

    def subscriptions(self, report: str) -> list[Subscription]:
        return self.store.subscriptions(self.store.report(report).id)

    # Runs

    def run_now(self, id_or_name: str, at: datetime) -> list[Run]:
        """Queue a run for each set of parameters that is subscribed to, with the period as if it were due at `at`."""
        report = self.store.report(id_or_name)
        planned = []
        for values, formats in parameter_sets(report, self.store.subscriptions(report.id)):
            run = planned_run(report, at, RunKind.MANUAL, values, self.store.last_period_end)
            planned.append(self.store.add_run(replace(run, formats=formats)))
        return planned

    def preview(self, report: Report | NewReport, at: datetime, parameters: Mapping[str, Any] | None = None) -> Run:
        """Queue a run that is delivered to nobody and kept for a day; `report` may be a draft that is not saved."""
        checked = self.draft(report, at) if isinstance(report, NewReport) else self._checked(report, at)
        values = self._parameters(checked, parameters)
        return self.store.add_run(planned_run(checked, at, RunKind.PREVIEW, values, self.store.last_period_end))

    def cancel_run(self, id: str) -> None:
        self.store.cancel_run(id, CANCELLED_BY_HAND)

    def pin_run(self, id: str, *, pinned: bool = True) -> None:
        self.store.pin_run(id, pinned=pinned)

    def run(self, id: str) -> Run:
        return self.store.run(id)

    def runs(self, query: RunQuery = ANY_RUN) -> list[Run]:
        return self.store.runs(query)

    def stages(self, run_id: str) -> list[StageTime]:
        return self.store.stages(run_id)

    def run_log(self, run_id: str) -> list[LogLine]:
        return self.store.run_log(run_id)

    def artifacts(self, run_id: str) -> list[Artifact]:
        return self.store.artifacts(self.store.run(run_id).id)

    def artifact(self, id: str) -> Artifact:
        return self.store.artifact(id)

    def open_artifact(self, id: str) -> tuple[Artifact, BinaryIO]:
        """The file for reading, after its sha256 was verified; raises ArchiveError if it is missing or altered."""
        artifact = self.store.artifact(id)
        self.archive.verify(artifact.path, artifact.sha256)
        return artifact, self.archive.open(artifact.path)

    # Deliveries

    def deliveries(self, run_id: str) -> list[Delivery]:
        return self.store.deliveries(self.store.run(run_id).id)

    def find_deliveries(self, query: DeliveryQuery) -> list[Delivery]:
        return self.store.find_deliveries(query)

    def count_deliveries(self, query: DeliveryQuery) -> int:
        return self.store.count_deliveries(query)

    def delivery_log(self, id: str) -> list[DeliveryAttempt]:
        return self.store.attempts(self.store.delivery(id).id)

    def retry_delivery(self, id: str) -> Delivery:
        return self.store.retry_delivery(id)

    # What is going on

    def reachable(self) -> bool:
        """Whether the database answers; everything else raises if it does not."""
        return self.store.reachable()

    def report_names(self, limit: int) -> dict[str, str]:
        """By id, in the order of names."""
        return self.store.report_names(limit)

    def late_reports(self, now: datetime, limit: int) -> list[Report]:
        """Those whose due time has passed and was not taken up, the longest waiting first."""
        return self.store.due_reports(now - LATE, limit)

    def count_reports(self, query: ReportQuery = ANY_REPORT) -> int:
        return self.store.count_reports(query)

    def count_runs(self, query: RunQuery = ANY_RUN) -> int:
        return self.store.count_runs(query)

    def latest_runs(self, report_ids: Sequence[str]) -> dict[str, Run]:
        return self.store.latest_runs(report_ids)

    def runs_by_state(self) -> dict[RunState, int]:
        return self.store.runs_by_state()

    def deliveries_by_state(self) -> dict[DeliveryState, int]:
        return self.store.deliveries_by_state()

    def backlog(self) -> Backlog:
        return self.store.backlog()

    def runners(self) -> list[RunnerSeen]:
        return self.store.runners()

    # Checks that need what is stored or configured

    def _checked(self, report: Report, at: datetime) -> Report:
        """The report in the form in which it is kept, with its next due time after `at`."""
        template = self._chosen_template(report.template)
        if not timedelta() <= report.grace <= MAX_GRACE:
            raise InvalidInput("grace", f"must be from 0 to {MAX_GRACE.days} days")
        cron.check_zone(report.zone)
        checked = replace(
            report,
            name=intake.checked_name("name", report.name),
            owner=intake.checked_owner(report.owner),
            cron=cron.parse(report.cron) if report.cron.strip() else "",
            filters=intake.checked_filters(report.filters),
            formats=intake.checked_formats("formats", report.formats),
            sources=self._chosen_sources(template, report.sources),
        )
        checked = replace(checked, parameters=self._parameters(checked, None))
        planned_run(checked, at, RunKind.PREVIEW, checked.parameters)  # refuses a period that cannot be computed
        return replace(checked, next_due_at=None if checked.paused else _next_due(checked, at))

    def _parameters(self, report: Report, over: Mapping[str, Any] | None) -> JsonDict:
        declared = self._chosen_template(report.template).parameters
        values = coerce(declared, {**report.parameters, **(over or {})})
        check_required(declared, values)
        return values

    def _condition(self, report: Report, asked: Condition) -> Condition:
        """Refuses a figure that the report's last run does not have: it would never be met."""
        condition = conditions.checked(asked)
        if condition.kind is SendIf.METRIC:
            done = RunQuery(report_id=report.id, states=(RunState.SUCCEEDED,), limit=1)
            known = [name for run in self.store.runs(done) for name in run.metrics]
            if known and condition.metric not in known:
                there = ", ".join(known)
                message = f"the report has no figure {condition.metric!r}; it has: {there}"
                raise InvalidInput(f"{conditions.FIELD}.metric", message)
        return condition

    def _address(self, channel: ChannelKind, text: str) -> str:
        return intake.checked_address(channel, text, allow_http=self.settings.webhook_allow_http)


def _next_due(report: Report, at: datetime) -> datetime | None:
    return cron.next_due(report.cron, report.zone, at) if report.cron else None


def _default_formats(report: Report) -> tuple[Format, ...]:
    return (Format.PDF,) if Format.PDF in report.formats else report.formats
