"""Deliveries: one run to one subscriber over one channel, recorded before and after each hand-over.

`claim_delivery` writes `sending` before anything is sent; the attempt number then fences the outcome as it does for
runs. Every hand-over leaves a row in the delivery's log.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from reports.errors import Conflict, LeaseLost, NotFound
from reports.model import NOT_REACHED, Delivery, DeliveryKind, DeliveryState, Person, Subscription
from reports.planning import owner_notice
from reports.store.audience import deliveries_seen_by
from reports.store.engine import Database, count, insert_if_new
from reports.store.reports import UNSUBSCRIBED
from reports.store.rows import OWNER, delivery_row, subscription_row, to_delivery, to_run, to_subscription
from reports.store.tables import deliveries, delivery_attempts, runs, subscriptions
from reports.store.types import Now

LOST = "lost"  # outcome in the log: the runner died between sending and writing what came of it
GATHERING = timedelta(minutes=1)  # until the owner is told whom a run did not reach: one message for all of them
RETRIED_BY_HAND = (*NOT_REACHED, DeliveryState.CANCELLED, DeliveryState.SKIPPED)


@dataclass(frozen=True)
class DeliveryAttempt:
    """One line of a delivery's log; `outcome` is a delivery state, or "lost" when the runner died meanwhile."""

    attempt: int
    at: datetime
    outcome: str
    detail: str


@dataclass(frozen=True)
class DeliveryQuery:
    """Which deliveries to list, the newest first; empty or None means any."""

    report_id: str | None = None
    run_id: str | None = None
    subscription_id: str | None = None
    states: tuple[DeliveryState, ...] = ()
    id: str | None = None
    since: datetime | None = None  # made then or later
    seen_by: Person | None = None  # only what this person may see
    limit: int = 100
    offset: int = 0
    counted: int | None = None  # where counting stops

    def conditions(self) -> list[sa.ColumnElement[bool]]:
        wanted: list[sa.ColumnElement[bool]] = []
        if self.id is not None:
            wanted.append(deliveries.c.id == self.id)
        if self.since is not None:
            wanted.append(deliveries.c.created_at >= self.since)
        if self.report_id is not None:
            wanted.append(deliveries.c.run_id.in_(sa.select(runs.c.id).where(runs.c.report_id == self.report_id)))
        if self.run_id is not None:
            wanted.append(deliveries.c.run_id == self.run_id)
        if self.subscription_id is not None:
            wanted.append(deliveries.c.subscription_id == self.subscription_id)
        if self.states:
            wanted.append(deliveries.c.state.in_([state.value for state in self.states]))
        if self.seen_by is not None:
            wanted += deliveries_seen_by(self.seen_by)
        return wanted


class DeliveryQueries(Database):
    def claim_delivery(self, runner_id: str, lease: timedelta) -> Delivery | None:
        """The pending delivery that waits longest for its turn, now `sending` here."""
        ready = (
            sa.select(deliveries.c.id)
            .where(deliveries.c.state == DeliveryState.PENDING.value, deliveries.c.next_attempt_at <= Now())
            .order_by(deliveries.c.next_attempt_at)
            .limit(1)
            .with_for_update(skip_locked=True)
        )
        with self.writing() as connection:
            id = connection.scalars(ready).one_or_none()
            return None if id is None else _begin_sending(connection, id, runner_id, lease)

    def finish_delivery(
        self,
        id: str,
        attempt: int,
        state: DeliveryState,
        *,
        error: str = "",
        detail: str = "",
        next_attempt_at: datetime | None = None,
    ) -> None:
        """Write what came of a hand-over: sent, failed, unknown, or pending until `next_attempt_at`.

        The owner of a report that did not reach a subscriber is told in the same transaction. Raises
        LeaseLost if the delivery was taken back in the meantime.
        """
        values: dict[str, Any] = {"state": state.value, "error": error, "detail": detail, "lease_until": None}
        values["next_attempt_at"] = next_attempt_at if state is DeliveryState.PENDING else None
        if state is DeliveryState.SENT:
            values["sent_at"] = Now()
        with self.writing() as connection:
            if state is DeliveryState.PENDING and not _still_wanted(connection, id):
                values |= {"state": DeliveryState.CANCELLED.value, "next_attempt_at": None}
            held = (
                deliveries.c.id == id,
                deliveries.c.attempt == attempt,
                deliveries.c.state == DeliveryState.SENDING.value,
            )
            if connection.execute(sa.update(deliveries).where(*held).values(values)).rowcount != 1:
                raise LeaseLost(f"Attempt {attempt} of delivery {id!r} was taken back; its outcome was not written.")
            _log(connection, id, attempt, {"outcome": state.value, "detail": error or detail, "at": Now()})
            if state is DeliveryState.SENT:
                _mark_delivered(connection, id)
            if state in NOT_REACHED:
                _tell_owner(connection, id)

    def extend_delivery(self, id: str, attempt: int, lease: timedelta) -> None:
        """Raises LeaseLost."""
        held = (
            deliveries.c.id == id,
            deliveries.c.attempt == attempt,
            deliveries.c.state == DeliveryState.SENDING.value,
        )
        with self.writing() as connection:
            if connection.execute(sa.update(deliveries).where(*held).values(lease_until=Now(lease))).rowcount != 1:
                raise LeaseLost(f"Attempt {attempt} of delivery {id!r} was taken back.")

    def reap_deliveries(self) -> list[Delivery]:
        """Take back deliveries whose sender died: pending again, under the same id."""
        dead = sa.select(deliveries).where(
            deliveries.c.state == DeliveryState.SENDING.value, deliveries.c.lease_until < Now()
        )
        with self.writing() as connection:
            rows = connection.execute(dead.with_for_update(skip_locked=True)).mappings().all()
            return [_take_back(connection, to_delivery(row)) for row in rows]

    def retry_delivery(self, id: str) -> Delivery:
        """Send at once what failed, is unknown, was cancelled or skipped; raises Conflict otherwise."""
        again = (
            sa.update(deliveries)
            .where(deliveries.c.id == id, deliveries.c.state.in_([state.value for state in RETRIED_BY_HAND]))
            .values(state=DeliveryState.PENDING.value, next_attempt_at=Now(), error="", detail="")
        )
        with self.writing() as connection:
            changed = connection.execute(again).rowcount
            delivery = _read(connection, id)
            if not changed:
                raise Conflict(f"The delivery {id!r} is {delivery.state.value}; there is nothing to send again.")
            return delivery

    def resend(self, wanted: Sequence[Delivery], request: str) -> list[Delivery]:
        """Send these again at once, or for the first time; the answer is those that this call set going.

        What arrived before goes out as a copy, with a message id of its own; what failed, is unknown, was cancelled or
        skipped, under the id it had. What is on its way is left alone. A request is heard once, however often it comes.
        """
        unheard = (deliveries.c.id.in_([each.id for each in wanted]), deliveries.c.request.is_distinct_from(request))
        again = {"state": DeliveryState.PENDING.value, "next_attempt_at": Now(), "error": "", "detail": ""}
        again |= {"request": request}
        copied = {**again, "copy": deliveries.c.copy + 1}
        failed = deliveries.c.state.in_([state.value for state in RETRIED_BY_HAND])
        arrived = deliveries.c.state == DeliveryState.SENT.value
        with self.writing() as connection:
            going = insert_if_new(
                connection, deliveries, [delivery_row(each) | {"request": request} for each in wanted]
            )
            for which, values in ((failed, again), (arrived, copied)):
                change = sa.update(deliveries).where(*unheard, which).values(values)
                going.update(connection.scalars(change.returning(deliveries.c.id)))
            rows = connection.execute(sa.select(deliveries).where(deliveries.c.id.in_(going))).mappings().all()
        found = {row["id"]: to_delivery(row) for row in rows}
        return [found[each.id] for each in wanted if each.id in found]

    def add_test(self, delivery: Delivery, draft: Subscription) -> Delivery:
        """Deliver to somebody who is not subscribed (yet), as `draft` would have it."""
        row = delivery_row(delivery) | {"draft": subscription_row(draft) | {"created_at": None}}
        with self.writing() as connection:
            connection.execute(sa.insert(deliveries).values(row))
            return _read(connection, delivery.id)

    def drafted_subscription(self, delivery_id: str) -> Subscription:
        """What a test delivers to."""
        statement = sa.select(deliveries.c.draft).where(deliveries.c.id == delivery_id)
        with self.reading() as connection:
            draft = connection.scalars(statement).one_or_none()
        if draft is None:
            raise NotFound("delivery", delivery_id)
        return to_subscription(draft)

    def delivery(self, id: str) -> Delivery:
        with self.reading() as connection:
            return _read(connection, id)

    def deliveries(self, run_id: str) -> list[Delivery]:
        """All deliveries of a run, in the order they were made."""
        statement = sa.select(deliveries).where(deliveries.c.run_id == run_id)
        with self.reading() as connection:
            rows = connection.execute(statement.order_by(deliveries.c.created_at, deliveries.c.id)).mappings()
            return [to_delivery(row) for row in rows]

    def find_deliveries(self, query: DeliveryQuery) -> list[Delivery]:
        statement = sa.select(deliveries).where(*query.conditions())
        ordered = statement.order_by(deliveries.c.created_at.desc(), deliveries.c.id.desc())
        with self.reading() as connection:
            rows = connection.execute(ordered.limit(query.limit).offset(query.offset)).mappings()
            return [to_delivery(row) for row in rows]

    def count_deliveries(self, query: DeliveryQuery) -> int:
        with self.reading() as connection:
            return count(connection, sa.select(deliveries.c.id).where(*query.conditions()), query.counted)

    def attempts(self, delivery_id: str) -> list[DeliveryAttempt]:
        """The delivery's log, oldest first."""
        statement = sa.select(delivery_attempts).where(delivery_attempts.c.delivery_id == delivery_id)
        with self.reading() as connection:
            rows = connection.execute(statement.order_by(delivery_attempts.c.attempt)).mappings()
            return [DeliveryAttempt(row["attempt"], row["at"], row["outcome"], row["detail"]) for row in rows]


def _begin_sending(connection: Connection, id: str, runner_id: str, lease: timedelta) -> Delivery:
    sending = (
        sa.update(deliveries)
        .where(deliveries.c.id == id)
        .values(
            state=DeliveryState.SENDING.value,
            attempt=deliveries.c.attempt + 1,
            runner_id=runner_id,
            lease_until=Now(lease),
        )
        .returning(deliveries)
    )
    delivery = to_delivery(connection.execute(sending).mappings().one())
    row = {"delivery_id": id, "attempt": delivery.attempt, "at": Now(), "outcome": "sending", "detail": ""}
    connection.execute(sa.insert(delivery_attempts).values(row))
    return delivery


def _mark_delivered(connection: Connection, id: str) -> None:
    """The delivery's run has reached a subscriber, if it is a report's."""
    its_run = sa.select(deliveries.c.run_id).where(
        deliveries.c.id == id, deliveries.c.kind == DeliveryKind.REPORT.value
    )
    first = sa.update(runs).where(runs.c.id.in_(its_run), runs.c.delivered_at.is_(None))
    connection.execute(first.values(delivered_at=Now()))


def _tell_owner(connection: Connection, id: str) -> None:
    """One message a run, shortly; once more, with all that is known then, for what fails after it went out."""
    its_run = sa.select(runs).join(deliveries, deliveries.c.run_id == runs.c.id)
    reports_only = (deliveries.c.id == id, deliveries.c.kind == DeliveryKind.REPORT.value)
    row = connection.execute(its_run.where(*reports_only)).mappings().one_or_none()
    if row is None:
        return  # a test, or a notice itself
    notice = owner_notice(to_run(row), DeliveryKind.UNDELIVERED)
    soon = {"next_attempt_at": Now(GATHERING)}
    if insert_if_new(connection, deliveries, [delivery_row(notice) | soon]):
        return
    ended = (DeliveryState.SENT, *RETRIED_BY_HAND)
    again = sa.update(deliveries).where(
        deliveries.c.id == notice.id, deliveries.c.state.in_([state.value for state in ended])
    )
    connection.execute(
        again.values(state=DeliveryState.PENDING.value, error="", detail="", copy=deliveries.c.copy + 1, **soon)
    )


def _take_back(connection: Connection, delivery: Delivery) -> Delivery:
    again: dict[str, Any] = {"state": DeliveryState.PENDING.value, "next_attempt_at": Now(), "lease_until": None}
    if not _still_wanted(connection, delivery.id):
        again |= {"state": DeliveryState.CANCELLED.value, "detail": UNSUBSCRIBED, "next_attempt_at": None}
    connection.execute(sa.update(deliveries).where(deliveries.c.id == delivery.id).values(again))
    _log(connection, delivery.id, delivery.attempt, {"outcome": LOST, "detail": "the runner stopped while sending"})
    return _read(connection, delivery.id)


def _still_wanted(connection: Connection, id: str) -> bool:
    """Whether the delivery's subscription is there, and stays until this transaction ends."""
    stored = sa.select(deliveries.c.subscription_id).where(
        deliveries.c.id == id, deliveries.c.kind != DeliveryKind.TEST.value
    )
    whose = connection.scalars(stored).one_or_none()
    if whose is None or whose == OWNER:
        return True
    there = sa.select(subscriptions.c.id).where(subscriptions.c.id == whose)
    return connection.scalars(there.with_for_update(read=True, key_share=True)).one_or_none() is not None


def _log(connection: Connection, id: str, attempt: int, values: Mapping[str, Any]) -> None:
    line = (delivery_attempts.c.delivery_id == id, delivery_attempts.c.attempt == attempt)
    connection.execute(sa.update(delivery_attempts).where(*line).values(dict(values)))


def _read(connection: Connection, id: str) -> Delivery:
    row = connection.execute(sa.select(deliveries).where(deliveries.c.id == id)).mappings().one_or_none()
    if row is None:
        raise NotFound("delivery", id)
    return to_delivery(row)
