"""Runs and what belongs to them as the API tells them: stages, artifacts, deliveries."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import Field

from reports.messages.wording import shown_address
from reports.model import (
    Artifact,
    ChannelKind,
    Delivery,
    DeliveryKind,
    DeliveryState,
    Format,
    LogLevel,
    Run,
    RunError,
    RunKind,
    RunState,
)
from reports.store import DeliveryAttempt, LogLine, StageTime
from web.api.wire import Answer, Asked, FiltersOut, PeriodOut, Text

MOST_RESENT = 1000  # subscribers of one request


class RunErrorOut(Answer):
    """Why a run failed. `cell` counts code cells from 1."""

    stage: str
    kind: str
    message: str
    cell: int | None
    source: str
    line: str
    traceback: str

    @classmethod
    def of(cls, error: RunError) -> RunErrorOut:
        return cls(**vars(error))


class RunOut(Answer):
    """One execution of a report for one due time and one set of parameters."""

    id: str
    report_id: str
    report_name: str
    template: str
    kind: RunKind
    state: RunState
    stage: str
    reason: str = Field(description="Why it was missed or cancelled.")
    error: RunErrorOut | None
    due_at: datetime
    period: PeriodOut
    parameters: dict[str, Any]
    filters: FiltersOut
    sources: dict[str, str]
    formats: list[Format]
    owner: str
    attempt: int
    metrics: dict[str, Any]
    pinned: bool = Field(description="Kept beyond its retention.")
    created_at: datetime | None
    started_at: datetime | None
    finished_at: datetime | None

    @classmethod
    def of(cls, run: Run) -> RunOut:
        return cls(**_fields(run))


class StageOut(Answer):
    """When a stage of an attempt began and ended."""

    stage: str
    attempt: int
    started_at: datetime
    finished_at: datetime | None


class LogLineOut(Answer):
    """What an attempt met."""

    at: datetime
    attempt: int
    level: LogLevel
    text: str


class ArtifactOut(Answer):
    """One file of a run."""

    id: str
    run_id: str
    format: Format
    bytes: int
    sha256: str
    content_url: str = Field(description="Where the file is, with ranges and ETag; the same token opens it.")

    @classmethod
    def of(cls, artifact: Artifact) -> ArtifactOut:
        return cls(
            id=artifact.id,
            run_id=artifact.run_id,
            format=artifact.format,
            bytes=artifact.bytes,
            sha256=artifact.sha256,
            content_url=f"/files/{artifact.id}",
        )


class RunDetail(RunOut):
    """A run with its stages, its log, its files and where its figures come from."""

    provenance: dict[str, Any] = Field(description="Template digest, snapshots and versions.")
    stages: list[StageOut]
    log: list[LogLineOut]
    artifacts: list[ArtifactOut]

    @classmethod
    def whole(cls, run: Run, stages: list[StageTime], log: list[LogLine], artifacts: list[Artifact]) -> RunDetail:
        return cls(
            **_fields(run),
            provenance=run.provenance,
            stages=[StageOut(**vars(stage)) for stage in stages],
            log=[LogLineOut(**vars(line)) for line in log],
            artifacts=[ArtifactOut.of(artifact) for artifact in artifacts],
        )


class RunsOut(Answer):
    """The runs that one request queued: one for each set of parameters that is subscribed to."""

    runs: list[RunOut]


class AttemptOut(Answer):
    """One attempt to hand a delivery over; `outcome` is a state, or "lost" when the runner died meanwhile."""

    attempt: int
    at: datetime
    outcome: str
    detail: str


class DeliveryOut(Answer):
    """One run to one subscriber over one channel."""

    id: str
    run_id: str
    subscription_id: str | None = Field(description="Null: a notice to the report's owner.")
    kind: DeliveryKind
    channel: ChannelKind
    address: str = Field(description="Of a webhook only the host: the rest may be what lets one in.")
    state: DeliveryState
    attempt: int
    error: str
    detail: str
    next_attempt_at: datetime | None
    created_at: datetime | None
    sent_at: datetime | None
    copy_number: int = Field(description="How often it was sent again after it had arrived.")

    @classmethod
    def of(cls, delivery: Delivery) -> DeliveryOut:
        return cls(**_delivery_fields(delivery))


class ResendAsked(Asked):
    """To whom a run is sent again."""

    subscription_ids: Annotated[list[Text], Field(min_length=1, max_length=MOST_RESENT)]


class DeliveryDetail(DeliveryOut):
    """A delivery with its log."""

    attempts: list[AttemptOut]

    @classmethod
    def whole(cls, delivery: Delivery, attempts: list[DeliveryAttempt]) -> DeliveryDetail:
        return cls(**_delivery_fields(delivery), attempts=[AttemptOut(**vars(each)) for each in attempts])


def _fields(run: Run) -> dict[str, Any]:
    return {
        **{name: getattr(run, name) for name in RunOut.model_fields},
        "error": None if run.error is None else RunErrorOut.of(run.error),
        "period": PeriodOut.of(run.period),
        "filters": FiltersOut.of(run.filters),
        "formats": list(run.formats),
    }


def _delivery_fields(delivery: Delivery) -> dict[str, Any]:
    shown = shown_address(delivery.channel, delivery.address)
    return vars(delivery) | {"address": shown, "copy_number": delivery.copy}
