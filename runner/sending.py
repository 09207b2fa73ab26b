"""One delivery from a claim to its outcome: record `sending`, hand over, record what came of it.

Reports and failure notices go the same way. One subscriber's failure touches no other, and what is unknown (the
peer's answer was lost) is not sent again by itself.
"""

from __future__ import annotations

import contextlib
import random
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import structlog

from reports.archive import Archive
from reports.errors import DeliveryError, GazetteError, LeaseLost, NotFound, StageError
from reports.links import Links
from reports.messages.envelope import Envelope, packed
from reports.model import (
    LEASE,
    NOT_REACHED,
    ChannelKind,
    Delivery,
    DeliveryKind,
    DeliveryState,
    Report,
    Run,
    RunState,
    Subscription,
)
from reports.retry import next_attempt_at
from reports.store import RunQuery, Store
from runner.lease import kept
from runner.pipeline import caught, utc_now
from runner.ports import Channel, Receipt

log = structlog.get_logger("gazette.sending")

MISSED_LISTED = 2000  # runs looked through for a notice; one tick finds 500 due times of a report at most


@dataclass(frozen=True)
class PostRoom:
    """All that deliveries need."""

    store: Store
    archive: Archive
    channels: Mapping[ChannelKind, Channel]
    runner_id: str
    folder: Path  # for the files of one message while it is sent
    links: Links | None = None
    clock: Callable[[], datetime] = utc_now
    jitter: Callable[[], float] = random.random


@dataclass(frozen=True)
class Outcome:
    """What came of one hand-over."""

    state: DeliveryState
    error: str = ""
    detail: str = ""
    next_attempt_at: datetime | None = None


def deliver_one(room: PostRoom) -> Delivery | None:
    """Claim and hand over one delivery whose turn it is; None if there is none."""
    delivery = room.store.claim_delivery(room.runner_id, LEASE)
    if delivery is None:
        return None

    def extend() -> None:
        room.store.extend_delivery(delivery.id, delivery.attempt, LEASE)

    with kept(extend, name=delivery.id):
        outcome = _hand_over(room, delivery)
    try:
        room.store.finish_delivery(
            delivery.id,
            delivery.attempt,
            outcome.state,
            error=outcome.error,
            detail=outcome.detail,
            next_attempt_at=outcome.next_attempt_at,
        )
    except LeaseLost:
        log.warning("Delivery is another's now", action="deliver.lease_lost", delivery=delivery.id)
    return replace(delivery, state=outcome.state, error=outcome.error, detail=outcome.detail)


def _hand_over(room: PostRoom, delivery: Delivery) -> Outcome:
    def send() -> Receipt:
        room.folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="delivery-", dir=room.folder) as folder:
            return room.channels[delivery.channel].send(make_envelope(room, delivery, Path(folder)))

    receipt, error = caught(send)
    if receipt is not None:
        return Outcome(DeliveryState.SENT, detail=receipt.path or receipt.detail)
    assert error is not None
    return _not_sent(room, delivery, error)


def make_envelope(room: PostRoom, delivery: Delivery, folder: Path) -> Envelope:
    """The delivery with its files, fetched and verified. Raises ArchiveError if one is missing or altered."""
    run = room.store.run(delivery.run_id)
    envelope = packed(
        delivery,
        run,
        _report(room.store, run),
        _subscription(room.store, delivery),
        {artifact.format: artifact for artifact in room.store.artifacts(run.id)},
        archive=room.archive,
        links=room.links,
        folder=folder,
        at=room.clock(),
    )
    if delivery.kind is DeliveryKind.UNDELIVERED:
        return replace(envelope, undelivered=_undelivered(room.store, run))
    return replace(envelope, missed=missed_with(room.store, run)) if run.state is RunState.MISSED else envelope


def _undelivered(store: Store, run: Run) -> tuple[Delivery, ...]:
    """What of the run has not reached its subscribers by now and is not tried again by itself."""
    return tuple(
        each for each in store.deliveries(run.id) if each.kind is DeliveryKind.REPORT and each.state in NOT_REACHED
    )


def missed_with(store: Store, run: Run) -> tuple[datetime, ...]:
    """The earlier due times that were found missed together with the run's, oldest first."""
    query = RunQuery(report_id=run.report_id, states=(RunState.MISSED,), until=run.due_at, limit=MISSED_LISTED)
    found = {each.due_at for each in store.runs(query) if each.finished_at == run.finished_at}
    return tuple(sorted(found))


def _subscription(store: Store, delivery: Delivery) -> Subscription | None:
    if delivery.kind is DeliveryKind.TEST:
        return store.drafted_subscription(delivery.id)
    return store.subscription(delivery.subscription_id) if delivery.subscription_id else None


def _report(store: Store, run: Run) -> Report | None:
    try:
        return store.report(run.report_id)
    except NotFound:
        return None


def _not_sent(room: PostRoom, delivery: Delivery, error: Exception) -> Outcome:
    outcome = outcome_of(delivery, error, room.clock(), room.jitter())
    if isinstance(error, DeliveryError) and error.gone:
        _pause(room.store, delivery)
    log.warning(
        "Delivery did not succeed",
        action=f"deliver.{outcome.state.value}",
        delivery=delivery.id,
        channel=delivery.channel.value,
        attempt=delivery.attempt,
        error=outcome.error,
        next_attempt_at=outcome.next_attempt_at.isoformat() if outcome.next_attempt_at else None,
        exc_info=None if isinstance(error, GazetteError) else error,
    )
    return outcome


def outcome_of(delivery: Delivery, error: Exception, at: datetime, jitter: float) -> Outcome:
    """By the class of failure: refused for good, answer lost, or to be tried again after the peer's or our own wait."""
    text = str(error) or type(error).__name__
    if isinstance(error, DeliveryError) and error.unknown:
        return Outcome(DeliveryState.UNKNOWN, text)
    permanent = error.permanent if isinstance(error, StageError) else isinstance(error, GazetteError)
    wish = error.retry_after if isinstance(error, DeliveryError) else None
    again = None if permanent else next_attempt_at(delivery.channel, delivery.attempt, at, wish, jitter)
    if again is None:
        return Outcome(
            DeliveryState.FAILED, text if permanent else f"{text} (given up after {delivery.attempt} attempts)"
        )
    return Outcome(DeliveryState.PENDING, text, next_attempt_at=again)


def _pause(store: Store, delivery: Delivery) -> None:
    """The peer wants nothing more: its subscription stays, paused, for its owner to see."""
    with contextlib.suppress(NotFound):
        subscription = _subscription(store, delivery)
        if subscription is not None and delivery.kind is DeliveryKind.REPORT:
            store.update_subscription(replace(subscription, paused=True))
            log.info("Subscription paused", action="subscription.gone", subscription=subscription.id)
