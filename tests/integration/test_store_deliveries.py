"""Deliveries in both databases: claimed by one, recorded before and after, kept apart from one another."""

from __future__ import annotations

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from examples import DUE, HOUR, LEASE, a_delivery, a_report, a_run, a_subscription, make_deliveries_due

from reports.conditions import parse
from reports.errors import Conflict, LeaseLost, NotFound
from reports.model import ChannelKind, Delivery, DeliveryKind, DeliveryState, Run, Subscription
from reports.planning import owner_notice
from reports.store import DeliveryQuery, Store
from reports.store.deliveries import GATHERING
from reports.store.tables import deliveries

SHORT = timedelta(milliseconds=50)
THREADS = 6


def delivered_run(store: Store, count: int) -> tuple[Run, list[Subscription]]:
    """A succeeded run with `count` pending deliveries."""
    report = store.add_report(a_report())
    subscriptions = [store.add_subscription(a_subscription(report, address=f"{n}@example.org")) for n in range(count)]
    store.enqueue(report, [a_run(report)], None)
    run = store.claim_run("runner", LEASE)
    assert run is not None
    store.finish_run(run.id, run.attempt, [], {}, {}, [a_delivery(run, each) for each in subscriptions])
    return run, subscriptions


def claimed(store: Store, lease: timedelta = LEASE) -> Delivery:
    delivery = store.claim_delivery("runner", lease)
    assert delivery is not None
    return delivery


def test_sending_is_recorded_before_anything_is_sent(store: Store) -> None:
    delivered_run(store, 1)
    delivery = claimed(store)
    assert (delivery.state, delivery.attempt) == (DeliveryState.SENDING, 1)
    assert store.delivery(delivery.id) == delivery
    [line] = store.attempts(delivery.id)
    assert (line.attempt, line.outcome, line.detail) == (1, "sending", "")
    assert store.claim_delivery("runner", LEASE) is None


def test_what_came_of_it_is_recorded(store: Store) -> None:
    delivered_run(store, 1)
    delivery = claimed(store)
    store.finish_delivery(delivery.id, 1, DeliveryState.SENT, detail="250 OK")
    sent = store.delivery(delivery.id)
    assert (sent.state, sent.detail, sent.error, sent.next_attempt_at) == (DeliveryState.SENT, "250 OK", "", None)
    assert sent.sent_at is not None
    assert [(line.outcome, line.detail) for line in store.attempts(delivery.id)] == [("sent", "250 OK")]
    assert store.claim_delivery("runner", LEASE) is None


def test_claimers_at_once_get_each_delivery_once(store: Store) -> None:
    _, subscriptions = delivered_run(store, 40)

    def claim_until_empty(_: int) -> list[str | None]:
        mine = []
        while (delivery := store.claim_delivery("runner", LEASE)) is not None:
            mine.append(delivery.subscription_id)
        return mine

    with ThreadPoolExecutor(THREADS) as pool:
        got = Counter(id for mine in pool.map(claim_until_empty, range(THREADS)) for id in mine)
    assert got == Counter(each.id for each in subscriptions)


def test_a_retry_waits_for_its_moment(store: Store) -> None:
    delivered_run(store, 1)
    delivery = claimed(store)
    later = datetime.now(UTC) + HOUR
    store.finish_delivery(delivery.id, 1, DeliveryState.PENDING, error="451 try again", next_attempt_at=later)
    waiting = store.delivery(delivery.id)
    assert (waiting.state, waiting.next_attempt_at, waiting.error) == (DeliveryState.PENDING, later, "451 try again")
    assert store.claim_delivery("runner", LEASE) is None


def test_a_retry_whose_moment_has_come_is_claimed_under_the_next_number(store: Store) -> None:
    delivered_run(store, 1)
    first = claimed(store)
    earlier = datetime.now(UTC) - HOUR
    store.finish_delivery(first.id, 1, DeliveryState.PENDING, error="timeout", next_attempt_at=earlier)
    second = claimed(store)
    assert (second.id, second.attempt) == (first.id, 2)
    store.finish_delivery(second.id, 2, DeliveryState.SENT)
    assert [(line.attempt, line.outcome) for line in store.attempts(first.id)] == [(1, "pending"), (2, "sent")]


def test_one_recipients_failure_leaves_the_others_alone(store: Store) -> None:
    run, _ = delivered_run(store, 2)
    refused, accepted = claimed(store), claimed(store)
    store.finish_delivery(accepted.id, 1, DeliveryState.SENT)
    store.finish_delivery(refused.id, 1, DeliveryState.FAILED, error="550 no such user")
    states = {each.id: each.state for each in store.deliveries(run.id) if each.kind is DeliveryKind.REPORT}
    assert states == {refused.id: DeliveryState.FAILED, accepted.id: DeliveryState.SENT}
    assert store.claim_delivery("runner", LEASE) is None


def test_a_dead_senders_delivery_is_sent_again_under_the_same_id(store: Store) -> None:
    delivered_run(store, 1)
    dead = claimed(store, SHORT)
    time.sleep(2 * SHORT.total_seconds())
    assert [delivery.id for delivery in store.reap_deliveries()] == [dead.id]
    again = claimed(store)
    assert (again.id, again.attempt) == (dead.id, 2)
    assert [line.outcome for line in store.attempts(dead.id)] == ["lost", "sending"]


def test_a_live_lease_is_not_reaped(store: Store) -> None:
    delivered_run(store, 1)
    delivery = claimed(store, SHORT)
    store.extend_delivery(delivery.id, 1, LEASE)
    time.sleep(2 * SHORT.total_seconds())
    assert store.reap_deliveries() == []


def test_a_sender_paused_past_its_lease_writes_no_outcome(store: Store) -> None:
    delivered_run(store, 1)
    paused = claimed(store, SHORT)
    time.sleep(2 * SHORT.total_seconds())
    store.reap_deliveries()
    with pytest.raises(LeaseLost):
        store.finish_delivery(paused.id, 1, DeliveryState.FAILED, error="late")
    other = claimed(store)
    with pytest.raises(LeaseLost):
        store.finish_delivery(paused.id, 1, DeliveryState.FAILED, error="late")
    with pytest.raises(LeaseLost):
        store.extend_delivery(paused.id, 1, LEASE)
    store.finish_delivery(other.id, 2, DeliveryState.SENT)
    assert store.delivery(paused.id).state is DeliveryState.SENT
    assert [line.outcome for line in store.attempts(paused.id)] == ["lost", "sent"]


@pytest.mark.parametrize("way", ["retry", "reap"])
def test_whoever_unsubscribed_meanwhile_gets_no_further_try(store: Store, way: str) -> None:
    _, [subscription] = delivered_run(store, 1)
    delivery = claimed(store, SHORT)
    store.remove_subscription(subscription.id)
    if way == "retry":
        store.finish_delivery(delivery.id, 1, DeliveryState.PENDING, error="timeout", next_attempt_at=DUE)
    else:
        time.sleep(2 * SHORT.total_seconds())
        store.reap_deliveries()
    assert store.delivery(delivery.id).state is DeliveryState.CANCELLED
    assert store.claim_delivery("runner", LEASE) is None


def test_a_notice_to_the_owner_is_retried_like_any_other(store: Store) -> None:
    report = store.add_report(a_report())
    store.enqueue(report, [a_run(report)], None)
    run = store.claim_run("runner", LEASE)
    assert run is not None
    store.finish_run(run.id, 1, [], {}, {}, [owner_notice(run)])
    notice = claimed(store)
    assert notice.subscription_id is None
    store.finish_delivery(notice.id, 1, DeliveryState.PENDING, error="timeout", next_attempt_at=DUE)
    assert claimed(store).id == notice.id


def notices(store: Store, run: Run) -> list[Delivery]:
    return [each for each in store.deliveries(run.id) if each.kind is DeliveryKind.UNDELIVERED]


@pytest.mark.parametrize("state", [DeliveryState.FAILED, DeliveryState.UNKNOWN])
def test_the_owner_is_told_shortly_whom_a_run_did_not_reach(store: Store, state: DeliveryState) -> None:
    run, _ = delivered_run(store, 3)
    for answer in (state, DeliveryState.SENT, state):
        store.finish_delivery(claimed(store).id, 1, answer, error="550")
    (notice,) = notices(store, run)
    assert (notice.address, notice.channel, notice.subscription_id) == (
        "owner@example.org",
        ChannelKind.EMAIL,
        None,
    )
    assert store.claim_delivery("runner", LEASE) is None  # it gathers first
    assert notice.next_attempt_at is not None
    assert timedelta() < notice.next_attempt_at - datetime.now(UTC) <= GATHERING
    make_deliveries_due(store)
    assert claimed(store).id == notice.id


def test_what_fails_after_the_notice_went_out_is_told_in_another(store: Store) -> None:
    run, _ = delivered_run(store, 2)
    first, second = claimed(store), claimed(store)
    store.finish_delivery(first.id, 1, DeliveryState.FAILED, error="550")
    make_deliveries_due(store)
    notice = claimed(store)
    store.finish_delivery(notice.id, 1, DeliveryState.SENT)
    store.finish_delivery(second.id, 1, DeliveryState.FAILED, error="550")
    (again,) = notices(store, run)
    assert (again.state, again.copy) == (DeliveryState.PENDING, 1)
    assert again.message != notice.message


def test_nobody_is_told_that_a_notice_or_a_test_failed(store: Store) -> None:
    run, (subscription,) = delivered_run(store, 1)
    store.finish_delivery(claimed(store).id, 1, DeliveryState.FAILED, error="550")
    make_deliveries_due(store)
    store.finish_delivery(claimed(store).id, 1, DeliveryState.FAILED, error="550")
    draft = replace(subscription, id="draft")
    store.add_test(replace(a_delivery(run, draft), kind=DeliveryKind.TEST), draft)
    store.finish_delivery(claimed(store).id, 1, DeliveryState.FAILED, error="550")
    (notice,) = notices(store, run)
    assert (notice.state, notice.copy) == (DeliveryState.FAILED, 0)


@pytest.mark.parametrize("state", [DeliveryState.FAILED, DeliveryState.UNKNOWN])
def test_by_hand_what_failed_or_is_unknown_is_sent_again(store: Store, state: DeliveryState) -> None:
    delivered_run(store, 1)
    delivery = claimed(store)
    store.finish_delivery(delivery.id, 1, state, error="550")
    again = store.retry_delivery(delivery.id)
    assert (again.state, again.error) == (DeliveryState.PENDING, "")
    assert claimed(store).attempt == 2


def test_what_was_sent_or_is_on_its_way_is_not_sent_again(store: Store) -> None:
    delivered_run(store, 1)
    delivery = claimed(store)
    with pytest.raises(Conflict, match="sending"):
        store.retry_delivery(delivery.id)
    store.finish_delivery(delivery.id, 1, DeliveryState.SENT)
    with pytest.raises(Conflict, match="sent"):
        store.retry_delivery(delivery.id)
    with pytest.raises(NotFound):
        store.retry_delivery("nothing")


def test_a_peers_answer_may_hold_any_text(store: Store) -> None:
    delivered_run(store, 1)
    delivery = claimed(store)
    store.finish_delivery(delivery.id, 1, DeliveryState.FAILED, error="NUL \0 and \ud800", detail="\0")
    assert store.delivery(delivery.id).error == "NUL � and ?"


def test_deliveries_are_listed_by_report_subscription_and_state(store: Store) -> None:
    run, [one, _] = delivered_run(store, 2)
    delivered_run(store, 1)
    assert len(store.find_deliveries(DeliveryQuery())) == 3
    assert len(store.find_deliveries(DeliveryQuery(report_id=run.report_id))) == 2
    assert len(store.find_deliveries(DeliveryQuery(run_id=run.id, limit=1, offset=1))) == 1
    [mine] = store.find_deliveries(DeliveryQuery(subscription_id=one.id))
    assert mine.subscription_id == one.id
    assert store.find_deliveries(DeliveryQuery(states=(DeliveryState.SENT,))) == []


# Sent again on purpose


def sent_run(store: Store, count: int) -> tuple[Run, list[Subscription], list[Delivery]]:
    """A run whose deliveries all arrived."""
    run, subscriptions = delivered_run(store, count)
    for _ in range(count):
        delivery = claimed(store)
        store.finish_delivery(delivery.id, delivery.attempt, DeliveryState.SENT)
    return run, subscriptions, store.deliveries(run.id)


def test_what_arrived_is_sent_again_as_a_copy_with_an_id_of_its_own(store: Store) -> None:
    _, _, (first, second) = sent_run(store, 2)
    (again,) = store.resend([first], "r1")
    assert (again.id, again.state, again.copy) == (first.id, DeliveryState.PENDING, 1)
    assert again.message != first.message
    assert store.delivery(second.id).state is DeliveryState.SENT
    assert claimed(store).message == again.message


def test_what_failed_keeps_its_id(store: Store) -> None:
    run, _ = delivered_run(store, 1)
    delivery = claimed(store)
    store.finish_delivery(delivery.id, 1, DeliveryState.UNKNOWN, error="answer lost")
    (again,) = store.resend(store.deliveries(run.id), "r1")
    assert (again.message, again.state, again.error) == (delivery.message, DeliveryState.PENDING, "")


def test_what_is_on_its_way_is_left_alone(store: Store) -> None:
    run, _ = delivered_run(store, 2)
    claimed(store)
    before = store.deliveries(run.id)
    assert store.resend(before, "r1") == []
    assert store.deliveries(run.id) == before


def test_a_request_is_heard_once(store: Store) -> None:
    _, _, wanted = sent_run(store, 1)
    assert len(store.resend(wanted, "r1")) == 1
    delivery = claimed(store)
    store.finish_delivery(delivery.id, delivery.attempt, DeliveryState.SENT)
    assert store.resend(wanted, "r1") == []
    assert store.delivery(delivery.id).state is DeliveryState.SENT
    assert [each.copy for each in store.resend(wanted, "r2")] == [2]


def test_requests_at_once_send_one_copy(store: Store) -> None:
    _, _, wanted = sent_run(store, 3)
    with ThreadPoolExecutor(THREADS) as threads:
        going = list(threads.map(lambda _: store.resend(wanted, "r1"), range(THREADS)))
    assert sorted(each.id for some in going for each in some) == sorted(each.id for each in wanted)
    assert {each.copy for each in store.deliveries(wanted[0].run_id)} == {1}


def test_who_subscribed_later_is_sent_the_run_for_the_first_time(store: Store) -> None:
    run, _, _ = sent_run(store, 1)
    late = store.add_subscription(a_subscription(store.report(run.report_id), address="late@example.org"))
    wanted = [a_delivery(run, late)]
    assert [each.copy for each in store.resend(wanted, "r1")] == [0]
    assert store.resend(wanted, "r1") == []
    assert claimed(store).address == "late@example.org"


def test_a_test_needs_no_subscription_and_tells_nobody_else(store: Store) -> None:
    run, (subscription,), _ = sent_run(store, 1)
    draft = replace(subscription, id="draft", address="me@example.org", secret="whsec_x", send_if=parse("requests>1"))
    test = replace(a_delivery(run, draft), kind=DeliveryKind.TEST)
    assert store.add_test(test, draft).kind is DeliveryKind.TEST
    assert replace(store.drafted_subscription(test.id), created_at=None) == replace(draft, created_at=None)
    before = store.last_delivered_run(run.report_id, run.parameters_key)
    delivery = claimed(store)
    store.finish_delivery(delivery.id, 1, DeliveryState.PENDING, error="later", next_attempt_at=datetime.now(UTC))
    assert store.delivery(test.id).state is DeliveryState.PENDING  # not cancelled for want of a subscription
    again = claimed(store)
    store.finish_delivery(again.id, again.attempt, DeliveryState.SENT)
    assert store.last_delivered_run(run.report_id, run.parameters_key) == before
    with pytest.raises(NotFound):
        store.drafted_subscription(store.deliveries(run.id)[0].id)


def test_a_test_of_a_skipped_run_leaves_its_days_to_the_next(store: Store) -> None:
    run, (subscription,) = delivered_run(store, 1)
    with store.writing() as connection:
        connection.execute(sa.update(deliveries).values(state="skipped"))
    assert store.last_period_end(run.report_id, run.parameters_key) is None
    draft = replace(subscription, id="draft")
    store.add_test(replace(a_delivery(run, draft), kind=DeliveryKind.TEST), draft)
    assert store.last_period_end(run.report_id, run.parameters_key) is None
