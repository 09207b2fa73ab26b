"""Reports, subscriptions, runs and deliveries to test with: whole and plain, with what matters passed in."""

from __future__ import annotations

import uuid
from datetime import UTC, date, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from reports.model import (
    Artifact,
    ChannelKind,
    Delivery,
    DeliveryKind,
    DeliveryState,
    Filters,
    Format,
    Period,
    PeriodPolicy,
    Report,
    Run,
    RunError,
    RunKind,
    RunState,
    Subscription,
)
from reports.parameters import parameters_key
from reports.planning import delivery_id
from reports.store import Store
from reports.store.tables import deliveries

DUE = datetime(2026, 11, 16, 7, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
LEASE = timedelta(seconds=60)


def a_plain_report(**changes: Any) -> Report:
    """Only what a report must have; due every day at 9 in Berlin."""
    values: dict[str, Any] = {
        "id": "r1",
        "name": "Weekly usage",
        "template": "usage_summary",
        "owner": "owner@example.org",
        "cron": "0 9 * * *",
        "zone": "Europe/Berlin",
        "period_policy": PeriodPolicy.PREVIOUS_DAY,
    }
    return Report(**values | changes)


def a_report(**changes: Any) -> Report:
    """With values, filters and a source, and an id of its own."""
    more: dict[str, Any] = {
        "id": uuid.uuid4().hex,
        "name": "Usage of the week",
        "cron": "0 7 * * *",
        "zone": "UTC",
        "parameters": {"top": 10},
        "filters": Filters(team_ids=("research",)),
        "sources": {"usage": "usage"},
        "next_due_at": DUE,
    }
    return a_plain_report(**more | changes)


def a_subscription(report: Report, **changes: Any) -> Subscription:
    values: dict[str, Any] = {
        "id": uuid.uuid4().hex,
        "report_id": report.id,
        "channel": ChannelKind.EMAIL,
        "address": "reader@example.org",
        "subscriber": "A Reader",
    }
    return Subscription(**values | changes)


def a_run(report: Report, **changes: Any) -> Run:
    parameters = changes.get("parameters", report.parameters)
    values: dict[str, Any] = {
        "id": uuid.uuid4().hex,
        "report_id": report.id,
        "report_name": report.name,
        "template": report.template,
        "kind": RunKind.SCHEDULED,
        "state": RunState.QUEUED,
        "due_at": DUE,
        "period": Period(date(2026, 11, 15), date(2026, 11, 15)),
        "parameters": parameters,
        "parameters_key": parameters_key(parameters),
        "filters": report.filters,
        "sources": report.sources,
        "formats": report.formats,
        "owner": report.owner,
    }
    return Run(**values | changes)


def an_artifact(run: Run, format: Format = Format.PDF) -> Artifact:
    path = f"{run.id}/{run.attempt}/report.{format.value}"
    return Artifact(uuid.uuid4().hex, run.id, format, path, "0" * 64, 1234)


def a_delivery(run: Run, subscription: Subscription, **changes: Any) -> Delivery:
    values: dict[str, Any] = {
        "id": delivery_id(run.id, subscription.id),
        "run_id": run.id,
        "subscription_id": subscription.id,
        "kind": DeliveryKind.REPORT,
        "channel": subscription.channel,
        "address": subscription.address,
        "state": DeliveryState.PENDING,
    }
    return Delivery(**values | changes)


def an_error(message: str = "boom") -> RunError:
    return RunError("execute", "ExecutionError", message, cell=3, source="1 / 0", line="1 / 0", traceback="…")


def make_deliveries_due(store: Store) -> None:
    """As if what waits had waited long enough."""
    with store.writing() as connection:
        pending = deliveries.c.state == DeliveryState.PENDING.value
        connection.execute(sa.update(deliveries).where(pending).values(next_attempt_at=DUE))
