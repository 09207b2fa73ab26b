"""The words of Gazette as values: reports, subscriptions, runs, artifacts, deliveries.

Pure and frozen: nothing here reads a clock, a file or a database. Instants are aware UTC datetimes; days are dates.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any

JsonDict = dict[str, Any]

LEASE = timedelta(seconds=60)  # a dead runner's run starts again within this and one tick
MAX_ATTEMPTS = 3  # executions of one run before it is failed for good
RETENTION_DAYS = 90  # how long a run and its artifacts stay readable
PREVIEW_RETENTION = timedelta(days=1)


class PeriodPolicy(StrEnum):
    PREVIOUS_DAY = "previous_day"
    LAST_7_DAYS = "last_7_days"
    PREVIOUS_WEEK = "previous_week"  # ISO week, Monday to Sunday
    PREVIOUS_MONTH = "previous_month"
    LAST_N_DAYS = "last_n_days"  # n complete days, Report.period_days
    SINCE_LAST = "since_last"  # from the day after the last delivered run's period


class CatchUp(StrEnum):
    SKIP = "skip"
    LATEST = "latest"
    ALL = "all"


class Format(StrEnum):
    """A file of a run. NOTEBOOK (the executed one), MAIL and RESULTS are always kept, and sent to nobody as files.

    E-mail bodies are made of MAIL; RESULTS is what the next run is compared with.
    """

    NOTEBOOK = "notebook"
    HTML = "html"
    PDF = "pdf"
    XLSX = "xlsx"
    MAIL = "mail"
    RESULTS = "results"


REPORT_FORMATS = (Format.HTML, Format.PDF, Format.XLSX)


class RunKind(StrEnum):
    SCHEDULED = "scheduled"
    MANUAL = "manual"
    PREVIEW = "preview"


class RunState(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    MISSED = "missed"
    CANCELLED = "cancelled"


class Stage(StrEnum):
    EXTRACT = "extract"
    EXECUTE = "execute"
    RENDER = "render"
    ARCHIVE = "archive"
    FINISH = "finish"


class ChannelKind(StrEnum):
    EMAIL = "email"
    WEBHOOK = "webhook"
    OUTBOX = "outbox"


class LogLevel(StrEnum):
    """How much a line of a run's log matters."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class DeliveryState(StrEnum):
    PENDING = "pending"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"
    UNKNOWN = "unknown"
    CANCELLED = "cancelled"
    SKIPPED = "skipped"  # the subscription's condition was not met; `detail` says why


NOT_REACHED = (DeliveryState.FAILED, DeliveryState.UNKNOWN)  # and not tried again by itself


class DeliveryKind(StrEnum):
    REPORT = "report"  # to a subscriber
    FAILURE = "failure"  # to the owner: the run failed, or its due time was missed
    UNDELIVERED = "undelivered"  # to the owner: the report did not reach all its subscribers
    TEST = "test"  # to who is about to subscribe: the last report, as it would arrive

    @property
    def to_owner(self) -> bool:
        return self in (DeliveryKind.FAILURE, DeliveryKind.UNDELIVERED)


class SendIf(StrEnum):
    """What a subscription waits for."""

    ALWAYS = "always"
    HAS_DATA = "has_data"  # the period has data
    CHANGED = "changed"  # a figure or a row differs from the last delivered run
    METRIC = "metric"  # a figure crosses a threshold


class Operator(StrEnum):
    ABOVE = ">"
    AT_LEAST = ">="
    BELOW = "<"
    AT_MOST = "<="


@dataclass(frozen=True)
class Condition:
    """When a subscription is sent a report. The fields after the first belong to SendIf.METRIC alone.

    `value` is in the figure's own unit, or in percent where `of_change` looks at the figure's change.
    """

    kind: SendIf = SendIf.ALWAYS
    metric: str = ""
    operator: Operator = Operator.ABOVE
    value: float = 0.0
    of_change: bool = False

    def __str__(self) -> str:
        """As the command line takes it: changed, spend_usd > 100, requests change > 20%."""
        if self.kind is not SendIf.METRIC:
            return self.kind.value
        if self.of_change:
            return f"{self.metric} change {self.operator} {self.value:.15g}%"
        return f"{self.metric} {self.operator} {self.value:.15g}"

    def to_json(self) -> JsonDict | None:
        """None for always."""
        if self.kind is SendIf.ALWAYS:
            return None
        return {"kind": self.kind.value} if self.kind is not SendIf.METRIC else vars(self) | {"kind": self.kind.value}

    @classmethod
    def from_json(cls, data: Mapping[str, Any] | None) -> Condition:
        if data is None:
            return cls()
        operator = Operator(data.get("operator", Operator.ABOVE))
        return cls(**{**data, "kind": SendIf(data["kind"]), "operator": operator})


@dataclass(frozen=True)
class Period:
    """The days a run covers, first and last included, as days of `zone` (an IANA name)."""

    start: date
    end: date
    zone: str = "UTC"

    @property
    def days(self) -> int:
        return (self.end - self.start).days + 1

    def before(self) -> Period:
        """The same number of days immediately before: what the period is compared with."""
        return Period(self.start - timedelta(days=self.days), self.start - timedelta(days=1), self.zone)

    def to_json(self) -> dict[str, str]:
        return {"start": self.start.isoformat(), "end": self.end.isoformat(), "zone": self.zone}

    @classmethod
    def from_json(cls, data: Mapping[str, str]) -> Period:
        return cls(date.fromisoformat(data["start"]), date.fromisoformat(data["end"]), data["zone"])


@dataclass(frozen=True)
class Filters:
    """Which usage counts; an empty tuple means all. They hold for every figure of a report."""

    user_ids: tuple[str, ...] = ()
    team_ids: tuple[str, ...] = ()
    model_ids: tuple[str, ...] = ()
    provider_ids: tuple[str, ...] = ()
    key_aliases: tuple[str, ...] = ()

    def to_json(self) -> JsonDict:
        return {name: list(values) for name, values in vars(self).items() if values}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Filters:
        return cls(**{name: tuple(values) for name, values in data.items()})


@dataclass(frozen=True)
class Report:
    """A template with values, filters, a schedule, a period policy, formats and an owner."""

    id: str
    name: str
    template: str
    owner: str  # an e-mail address or a user name
    cron: str  # five Debian fields or a @macro; "" means only by hand
    zone: str
    period_policy: PeriodPolicy
    period_days: int | None = None
    parameters: JsonDict = field(default_factory=dict)
    filters: Filters = Filters()
    sources: dict[str, str] = field(default_factory=dict)  # dataset name of the template -> source name
    formats: tuple[Format, ...] = REPORT_FORMATS
    catch_up: CatchUp = CatchUp.LATEST
    grace: timedelta = timedelta(hours=24)
    paused: bool = False
    version: int = 1
    created_at: datetime | None = None
    next_due_at: datetime | None = None


@dataclass(frozen=True)
class Subscription:
    """One subscriber's standing wish for a report."""

    id: str
    report_id: str
    channel: ChannelKind
    address: str  # e-mail address, webhook URL, or a name for the outbox
    subscriber: str = ""  # display name
    formats: tuple[Format, ...] = (Format.PDF,)
    parameters: JsonDict = field(default_factory=dict)  # own values over the report's
    secret: str = ""  # webhook signing secret(s), whsec_..., two separated by a space during rotation
    include_content: bool = False  # webhook: base64 of the files in the body
    send_if: Condition = Condition()
    paused: bool = False
    created_at: datetime | None = None


@dataclass(frozen=True)
class RunError:
    """Why a run failed, as its owner sees it. `cell` counts code cells from 1."""

    stage: str
    kind: str  # the error's class name
    message: str
    cell: int | None = None
    source: str = ""
    line: str = ""
    traceback: str = ""


@dataclass(frozen=True)
class Run:
    """One execution of a report for one due time and one set of parameters."""

    id: str
    report_id: str
    report_name: str
    template: str
    kind: RunKind
    state: RunState
    due_at: datetime
    period: Period
    parameters: JsonDict  # merged: report, then subscription
    parameters_key: str  # digest of `parameters`; part of the unique key
    filters: Filters
    sources: dict[str, str]
    formats: tuple[Format, ...]
    owner: str
    attempt: int = 0
    stage: str = ""
    reason: str = ""  # why missed or cancelled
    error: RunError | None = None
    metrics: JsonDict = field(default_factory=dict)
    provenance: JsonDict = field(default_factory=dict)
    pinned: bool = False
    created_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    not_before: datetime | None = None
    released: int = 0  # attempts given back by a graceful stop; `attempt` only ever grows, it is the fencing token

    @property
    def tries(self) -> int:
        """The attempts that count against MAX_ATTEMPTS."""
        return self.attempt - self.released


@dataclass(frozen=True)
class Artifact:
    """One file of a run in the archive."""

    id: str
    run_id: str
    format: Format
    path: str  # relative to the archive's root; run id and attempt, never a report's name
    sha256: str
    bytes: int


@dataclass(frozen=True)
class Delivery:
    """One run to one subscriber over one channel."""

    id: str
    run_id: str
    subscription_id: str | None
    kind: DeliveryKind
    channel: ChannelKind
    address: str
    state: DeliveryState
    attempt: int = 0
    error: str = ""
    detail: str = ""  # where it went: the outbox file, the peer's answer
    next_attempt_at: datetime | None = None
    created_at: datetime | None = None
    sent_at: datetime | None = None
    copy: int = 0  # how often it was sent again after it had arrived

    @property
    def message(self) -> str:
        """What message ids derive from: the same for every attempt, another one for each copy that was asked for."""
        return f"{self.id}-{self.copy}" if self.copy else self.id


class Role(StrEnum):
    """What a person may do: a viewer subscribes herself, an editor has reports of his own, an admin may do all."""

    VIEWER = "viewer"
    EDITOR = "editor"
    ADMIN = "admin"


class Scope(StrEnum):
    """What a token may be used for; never for more than its person may do."""

    READ = "reports:read"
    WRITE = "reports:write"
    ADMIN = "admin"


@dataclass(frozen=True)
class Person:
    """Somebody who may sign in. `id` is a user name or an e-mail address, and what `Report.owner` holds."""

    id: str
    name: str
    role: Role
    email: str = ""
    disabled: bool = False
    created_at: datetime | None = None
    signed_in_at: datetime | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """What the owner of a report may be called if it is this person."""
        return (self.id, self.email) if self.email and self.email != self.id else (self.id,)


@dataclass(frozen=True)
class Token:
    """What lets a program in, in a person's name. Its secret is shown once and kept nowhere."""

    id: str
    person: str  # Person.id
    name: str
    scopes: tuple[str, ...]
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    last_used_at: datetime | None = None


@dataclass(frozen=True)
class AuditEntry:
    """One change: who did what to which item, with the fields that changed. Secrets are never among them."""

    id: str
    person: str  # Person.id, or what else acted, such as the unsubscribe link
    action: str  # a verb: create, edit, pause, run, ...
    kind: str  # report, subscription, run, delivery, source, person, token
    item: str  # its id
    before: JsonDict | None = None
    after: JsonDict | None = None
    at: datetime | None = None  # None where it is not stored yet: by the database's clock
