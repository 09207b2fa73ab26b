"""A report as clients write and read it. Whatever a GET tells of a report may be sent back with PUT."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any

from pydantic import Field

from reports.model import CatchUp, Format, PeriodPolicy, Report, Run, RunState, Subscription
from reports.recipients import Method, Recipients, recipients_of
from reports.service import MAX_GRACE, NewReport
from web.api.wire import Answer, Asked, FiltersOut, FiltersWire, Text, Truth, Values, Whole

DAY = 24 * 3600  # seconds
MAX_RECIPIENTS = 200  # of one report through this field; more are subscribed one by one
Ignored = Annotated[Any, Field(description="Ignored.")]


class ReportAsked(Asked):
    """A report as it is asked for. What is left out follows the template and the settings."""

    name: Text
    template: Text = Field(description="The name of a template; /templates lists them.")
    cron: Text = Field("", description="Five fields or a @macro; empty: only by hand.")
    zone: Text | None = Field(None, description="IANA zone of the schedule and of the period's days.")
    period_policy: PeriodPolicy | None = None
    period_days: Annotated[Whole, Field(ge=1, le=3660)] | None = Field(None, description="With last_n_days.")
    parameters: Values = Field(default_factory=dict)
    filters: FiltersWire = FiltersWire()
    sources: Annotated[dict[str, str], Field(max_length=100)] = Field(
        default_factory=dict, description="Dataset name to source name."
    )
    formats: Annotated[list[Format], Field(max_length=len(Format), default_factory=list)]
    catch_up: CatchUp = CatchUp.LATEST
    grace_seconds: Annotated[Whole, Field(ge=0, le=int(MAX_GRACE.total_seconds()))] = DAY
    paused: Truth = False
    owner: Text | None = Field(None, description="Somebody else than you: admins only.")
    recipients: Annotated[list[Text], Field(max_length=MAX_RECIPIENTS)] | None = Field(
        None, description="E-mail addresses that are subscribed; null: subscriptions stay as they are."
    )
    delivery_method: Method | None = Field(None, description="How; default: what is given below it.")
    webhook_url: Text | None = None
    user_id: Ignored = None
    id: Ignored = None
    version: Ignored = None
    created_at: Ignored = None
    next_due_at: Ignored = None
    last_run: Ignored = None
    webhook_secret: Ignored = None

    def asked_of(self, owner: str) -> NewReport:
        return NewReport(
            name=self.name,
            template=self.template,
            owner=self.owner or owner,
            cron=self.cron,
            zone=self.zone,
            period_policy=self.period_policy,
            period_days=self.period_days,
            parameters=self.parameters,
            filters=self.filters.value(),
            sources=self.sources,
            formats=tuple(self.formats),
            catch_up=self.catch_up,
            grace=timedelta(seconds=self.grace_seconds),
            paused=self.paused,
        )

    def wanted(self) -> Recipients | None:
        """None: subscriptions stay as they are. Raises InvalidInput where the three fields do not fit together."""
        return Recipients.asked(self.delivery_method, self.recipients, self.webhook_url)


class LastRun(Answer):
    """The run with the latest due time."""

    id: str
    state: RunState
    due_at: datetime
    finished_at: datetime | None

    @classmethod
    def of(cls, run: Run) -> LastRun:
        return cls(id=run.id, state=run.state, due_at=run.due_at, finished_at=run.finished_at)


class ReportOut(Answer):
    """A report."""

    id: str
    name: str
    template: str
    owner: str
    cron: str
    zone: str
    period_policy: PeriodPolicy
    period_days: int | None
    parameters: dict[str, Any]
    filters: FiltersOut
    sources: dict[str, str]
    formats: list[Format]
    catch_up: CatchUp
    grace_seconds: int
    paused: bool
    version: int = Field(description="Grows with each edit; the ETag.")
    created_at: datetime | None
    next_due_at: datetime | None
    last_run: LastRun | None
    recipients: list[str] | None = Field(description="E-mail addresses subscribed, as far as you may see them.")
    delivery_method: Method | None
    webhook_url: str | None
    webhook_secret: str | None = Field(
        None, description="Told once, when the webhook is subscribed: what its messages are signed with."
    )

    @classmethod
    def of(cls, report: Report, subscriptions: list[Subscription] | None, last: Run | None) -> ReportOut:
        told = None if subscriptions is None else recipients_of(subscriptions)
        return cls(
            **{name: getattr(report, name) for name in SAME},
            filters=FiltersOut.of(report.filters),
            formats=list(report.formats),
            grace_seconds=int(report.grace.total_seconds()),
            last_run=None if last is None else LastRun.of(last),
            recipients=None if told is None else list(told.emails),
            delivery_method=None if told is None else told.method,
            webhook_url=None if told is None else told.webhook_url,
        )


SAME = (
    "id",
    "name",
    "template",
    "owner",
    "cron",
    "zone",
    "period_policy",
    "period_days",
    "parameters",
    "sources",
    "catch_up",
    "paused",
    "version",
    "created_at",
    "next_due_at",
)
