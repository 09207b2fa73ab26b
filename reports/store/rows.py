"""Between rows and the frozen values of `reports.model`: one function each way for each table, and no queries."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from typing import Any, cast

from sqlalchemy.engine import RowMapping

from reports.model import (
    Artifact,
    CatchUp,
    ChannelKind,
    Condition,
    Delivery,
    DeliveryKind,
    DeliveryState,
    Filters,
    Format,
    JsonDict,
    Period,
    PeriodPolicy,
    Report,
    Run,
    RunError,
    RunKind,
    RunState,
    Subscription,
)
from reports.sources.values import Source, SourceKind
from reports.store.types import Now

OWNER = ""  # the subscription_id of a delivery to the report's owner
EXECUTION_KEY = "execution_key"  # in provenance: runs with the same key can share one execution


def source_row(source: Source) -> JsonDict:
    return {
        "name": source.name,
        "kind": source.kind,
        "url": source.url,
        "options": source.options,
        "label": source.label,
    }


def to_source(row: RowMapping) -> Source:
    return Source(row["name"], cast(SourceKind, row["kind"]), row["url"], row["options"], row["label"])


def report_row(report: Report) -> JsonDict:
    return {
        "id": report.id,
        "name": report.name,
        "template": report.template,
        "owner": report.owner,
        "cron": report.cron,
        "zone": report.zone,
        "period_policy": report.period_policy.value,
        "period_days": report.period_days,
        "parameters": report.parameters,
        "filters": report.filters.to_json(),
        "sources": report.sources,
        "formats": _texts(report.formats),
        "catch_up": report.catch_up.value,
        "grace_seconds": round(report.grace.total_seconds()),
        "paused": report.paused,
        "version": report.version,
        "created_at": report.created_at or Now(),
        "next_due_at": report.next_due_at,
    }


def to_report(row: RowMapping) -> Report:
    return Report(
        id=row["id"],
        name=row["name"],
        template=row["template"],
        owner=row["owner"],
        cron=row["cron"],
        zone=row["zone"],
        period_policy=PeriodPolicy(row["period_policy"]),
        period_days=row["period_days"],
        parameters=row["parameters"],
        filters=Filters.from_json(row["filters"]),
        sources=row["sources"],
        formats=_formats(row["formats"]),
        catch_up=CatchUp(row["catch_up"]),
        grace=timedelta(seconds=row["grace_seconds"]),
        paused=row["paused"],
        version=row["version"],
        created_at=row["created_at"],
        next_due_at=row["next_due_at"],
    )


def subscription_row(subscription: Subscription) -> JsonDict:
    return {
        "id": subscription.id,
        "report_id": subscription.report_id,
        "channel": subscription.channel.value,
        "address": subscription.address,
        "subscriber": subscription.subscriber,
        "formats": _texts(subscription.formats),
        "parameters": subscription.parameters,
        "secret": subscription.secret,
        "include_content": subscription.include_content,
        "send_if": subscription.send_if.to_json(),
        "paused": subscription.paused,
        "created_at": subscription.created_at or Now(),
    }


def to_subscription(row: RowMapping) -> Subscription:
    return Subscription(
        id=row["id"],
        report_id=row["report_id"],
        channel=ChannelKind(row["channel"]),
        address=row["address"],
        subscriber=row["subscriber"],
        formats=_formats(row["formats"]),
        parameters=row["parameters"],
        secret=row["secret"],
        include_content=row["include_content"],
        send_if=Condition.from_json(row["send_if"]),
        paused=row["paused"],
        created_at=row["created_at"],
    )


def run_row(run: Run) -> JsonDict:
    return {
        "id": run.id,
        "report_id": run.report_id,
        "report_name": run.report_name,
        "template": run.template,
        "kind": run.kind.value,
        "state": run.state.value,
        "due_at": run.due_at,
        "period_start": run.period.start,
        "period_end": run.period.end,
        "period_zone": run.period.zone,
        "parameters": run.parameters,
        "parameters_key": run.parameters_key,
        "filters": run.filters.to_json(),
        "sources": run.sources,
        "formats": _texts(run.formats),
        "owner": run.owner,
        "attempt": run.attempt,
        "released": run.released,
        "stage": run.stage,
        "reason": run.reason,
        "error": None if run.error is None else asdict(run.error),
        "metrics": run.metrics,
        "provenance": run.provenance,
        "execution_key": run.provenance.get(EXECUTION_KEY),
        "pinned": run.pinned,
        "created_at": run.created_at or Now(),
        "started_at": run.started_at,
        "finished_at": run.finished_at,
        "not_before": run.not_before,
    }


def to_run(row: RowMapping) -> Run:
    return Run(
        id=row["id"],
        report_id=row["report_id"],
        report_name=row["report_name"],
        template=row["template"],
        kind=RunKind(row["kind"]),
        state=RunState(row["state"]),
        due_at=row["due_at"],
        period=Period(row["period_start"], row["period_end"], row["period_zone"]),
        parameters=row["parameters"],
        parameters_key=row["parameters_key"],
        filters=Filters.from_json(row["filters"]),
        sources=row["sources"],
        formats=_formats(row["formats"]),
        owner=row["owner"],
        attempt=row["attempt"],
        released=row["released"],
        stage=row["stage"],
        reason=row["reason"],
        error=None if row["error"] is None else RunError(**row["error"]),
        metrics=row["metrics"],
        provenance=row["provenance"],
        pinned=row["pinned"],
        created_at=row["created_at"],
        started_at=row["started_at"],
        finished_at=row["finished_at"],
        not_before=row["not_before"],
    )


def artifact_row(artifact: Artifact) -> JsonDict:
    return asdict(artifact) | {"format": artifact.format.value}


def to_artifact(row: RowMapping) -> Artifact:
    return Artifact(row["id"], row["run_id"], Format(row["format"]), row["path"], row["sha256"], row["bytes"])


def delivery_row(delivery: Delivery) -> JsonDict:
    return {
        "id": delivery.id,
        "run_id": delivery.run_id,
        "subscription_id": delivery.subscription_id or OWNER,
        "kind": delivery.kind.value,
        "channel": delivery.channel.value,
        "address": delivery.address,
        "state": delivery.state.value,
        "attempt": delivery.attempt,
        "error": delivery.error,
        "detail": delivery.detail,
        "next_attempt_at": delivery.next_attempt_at or (Now() if delivery.state is DeliveryState.PENDING else None),
        "created_at": delivery.created_at or Now(),
        "sent_at": delivery.sent_at,
        "copy": delivery.copy,
    }


def to_delivery(row: RowMapping) -> Delivery:
    return Delivery(
        id=row["id"],
        run_id=row["run_id"],
        subscription_id=row["subscription_id"] or None,
        kind=DeliveryKind(row["kind"]),
        channel=ChannelKind(row["channel"]),
        address=row["address"],
        state=DeliveryState(row["state"]),
        attempt=row["attempt"],
        error=row["error"],
        detail=row["detail"],
        next_attempt_at=row["next_attempt_at"],
        created_at=row["created_at"],
        sent_at=row["sent_at"],
        copy=row["copy"],
    )


def _texts(formats: tuple[Format, ...]) -> list[str]:
    return [format.value for format in formats]


def _formats(texts: list[Any]) -> tuple[Format, ...]:
    return tuple(Format(text) for text in texts)
