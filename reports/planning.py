"""From a report and a due time to the runs and messages that come of it. Pure: no clock, no database, no file.

Subscriptions that want the same parameters share one run; each distinct set of parameters is a run of its own.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from datetime import date, datetime, timedelta

from reports import periods
from reports.model import (
    ChannelKind,
    Delivery,
    DeliveryKind,
    DeliveryState,
    Format,
    JsonDict,
    PeriodPolicy,
    Report,
    Run,
    RunKind,
    RunState,
    Subscription,
)
from reports.parameters import parameters_key

REPEATS = "repeats"  # in a manual run's provenance: the run whose days and values it took
DELIVER = "deliver"  # in a manual run's provenance: False means "not to the subscribers"
ON_TIME = timedelta(minutes=2)  # a due time this young was not missed: a restart or a slow tick takes that long

LastEnd = Callable[[str, str], date | None]  # (report id, parameters key) -> last day reported; Store.last_period_end


def no_last_end(_report_id: str, _parameters_key: str) -> date | None:
    """For who does not know what ran before: the period then begins as if nothing had."""
    return None


def new_id() -> str:
    return uuid.uuid4().hex


def merged_parameters(report: Report, subscription: Subscription) -> JsonDict:
    """The report's values, with the subscription's own over them."""
    return {**report.parameters, **subscription.parameters}


def parameter_sets(report: Report, subscriptions: Iterable[Subscription]) -> list[tuple[JsonDict, tuple[Format, ...]]]:
    """The distinct parameters that active subscriptions want, each with the formats to make.

    Without an active subscription these are the report's own.
    """
    sets: dict[str, tuple[JsonDict, set[Format]]] = {}
    for subscription in subscriptions:
        if not subscription.paused:
            values = merged_parameters(report, subscription)
            _, formats = sets.setdefault(parameters_key(values), (values, set(report.formats)))
            formats.update(subscription.formats)
    wanted = list(sets.values()) or [(report.parameters, set(report.formats))]
    return [(values, _in_order(formats)) for values, formats in wanted]


def planned_runs(
    report: Report, due_at: datetime, subscriptions: Iterable[Subscription], last_end: LastEnd = no_last_end
) -> list[Run]:
    """The runs of one due time: one for each distinct set of parameters, with the period that the due time gives.

    A report without an active subscription runs once, for the archive. `last_end` is asked only where the period is
    "since the last run".
    """
    return [
        replace(planned_run(report, due_at, RunKind.SCHEDULED, values, last_end), formats=formats)
        for values, formats in parameter_sets(report, subscriptions)
    ]


def planned_run(
    report: Report, due_at: datetime, kind: RunKind, parameters: JsonDict, last_end: LastEnd = no_last_end
) -> Run:
    """One queued run: a snapshot of the report, so that later edits change nothing in it."""
    key = parameters_key(parameters)
    since = last_end(report.id, key) if report.period_policy is PeriodPolicy.SINCE_LAST else None
    return Run(
        id=new_id(),
        report_id=report.id,
        report_name=report.name,
        template=report.template,
        kind=kind,
        state=RunState.QUEUED,
        due_at=due_at,
        period=periods.compute(report.period_policy, due_at, report.zone, days=report.period_days, last_end=since),
        parameters=parameters,
        parameters_key=key,
        filters=report.filters,
        sources=report.sources,
        formats=report.formats,
        owner=report.owner,
    )


def repeated(run: Run, at: datetime) -> Run:
    """The same days, values and filters once more, by hand; for nobody where its subscribers have had them."""
    to_nobody = run.kind is RunKind.PREVIEW or run.state is RunState.SUCCEEDED
    return Run(
        id=new_id(),
        report_id=run.report_id,
        report_name=run.report_name,
        template=run.template,
        kind=RunKind.MANUAL,
        state=RunState.QUEUED,
        due_at=at,
        period=run.period,
        parameters=run.parameters,
        parameters_key=run.parameters_key,
        filters=run.filters,
        sources=run.sources,
        formats=run.formats,
        owner=run.owner,
        provenance={REPEATS: run.id} | ({DELIVER: False} if to_nobody else {}),
    )


def is_worth_telling(run: Run) -> bool:
    """Whether the owner should hear of a missed run: not where a later due time took its place at once."""
    return run.state is RunState.MISSED and run.finished_at is not None and run.finished_at - run.due_at > ON_TIME


def missed(run: Run, reason: str, at: datetime) -> Run:
    """The record of a due time that will not run, and why."""
    return replace(run, state=RunState.MISSED, reason=reason, finished_at=at)


def report_deliveries(run: Run, report: Report, subscriptions: Iterable[Subscription]) -> list[Delivery]:
    """What a succeeded run sends: one delivery to each active subscription that wanted just these parameters."""
    return [
        delivery_of(run, subscription)
        for subscription in subscriptions
        if not subscription.paused and parameters_key(merged_parameters(report, subscription)) == run.parameters_key
    ]


def delivery_of(run: Run, subscription: Subscription, kind: DeliveryKind = DeliveryKind.REPORT) -> Delivery:
    """The run to this one subscription, stored or drafted, waiting to be sent."""
    return Delivery(
        id=delivery_id(run.id, subscription.id),
        run_id=run.id,
        subscription_id=subscription.id,
        kind=kind,
        channel=subscription.channel,
        address=subscription.address,
        state=DeliveryState.PENDING,
    )


def owner_notice(run: Run, kind: DeliveryKind = DeliveryKind.FAILURE) -> Delivery:
    """The message to the owner about a run; the same run and kind give the same message, so it is sent once."""
    return Delivery(
        id=delivery_id(run.id, "owner" if kind is DeliveryKind.FAILURE else f"owner:{kind.value}"),
        run_id=run.id,
        subscription_id=None,
        kind=kind,
        channel=ChannelKind.EMAIL if "@" in run.owner else ChannelKind.OUTBOX,
        address=run.owner,
        state=DeliveryState.PENDING,
    )


def delivery_id(run_id: str, subscription_id: str) -> str:
    """Stable: message ids derive from it, and a message sent twice must carry the same one."""
    return uuid.uuid5(uuid.NAMESPACE_URL, f"gazette:{run_id}:{subscription_id}").hex


def _in_order(formats: Collection[Format]) -> tuple[Format, ...]:
    return tuple(format for format in Format if format in formats)
