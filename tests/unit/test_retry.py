"""When deliveries and runs are tried again, and when they are given up."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports import retry
from reports.model import MAX_ATTEMPTS, ChannelKind

AT = datetime(2026, 11, 22, 9, tzinfo=UTC)


def test_webhooks_follow_the_schedule_of_standard_webhooks() -> None:
    hours = [wait / timedelta(hours=1) for wait in retry.delays(ChannelKind.WEBHOOK)]
    assert hours == pytest.approx([0, 5 / 3600, 5 / 60, 0.5, 2, 5, 10, 14, 20, 24])


@pytest.mark.parametrize("kind", list(ChannelKind))
def test_every_channel_begins_at_once_and_waits_ever_longer(kind: ChannelKind) -> None:
    waits = retry.delays(kind)
    assert waits[0] == timedelta(0)
    assert list(waits) == sorted(set(waits))


@pytest.mark.parametrize("kind", list(ChannelKind))
def test_each_failed_attempt_has_its_wait_and_the_last_gives_up(kind: ChannelKind) -> None:
    waits = retry.delays(kind)
    for attempt in range(1, len(waits)):
        assert retry.next_attempt_at(kind, attempt, AT, None, 0.0) == AT + waits[attempt]
    assert retry.next_attempt_at(kind, len(waits), AT, None, 0.0) is None
    assert retry.next_attempt_at(kind, len(waits) + 5, AT, 60, 0.0) is None


def test_jitter_makes_the_wait_up_to_a_tenth_longer() -> None:
    waits = [retry.next_attempt_at(ChannelKind.WEBHOOK, 3, AT, None, jitter) for jitter in (0.0, 0.5, 1.0, 7.0)]
    assert [wait - AT for wait in waits if wait] == [timedelta(minutes=minutes) for minutes in (30, 31.5, 33, 33)]


@pytest.mark.parametrize(
    ("retry_after", "wait"),
    [
        (None, timedelta(seconds=5)),
        (1, timedelta(seconds=5)),  # the peer is ready sooner than we are
        (0, timedelta(seconds=5)),
        (-30, timedelta(seconds=5)),
        (120.5, timedelta(seconds=120.5)),
        (10**12, timedelta(hours=24)),  # nobody holds a delivery for 30,000 years
        (float("inf"), timedelta(hours=24)),
        (float("nan"), timedelta(seconds=5)),
    ],
)
def test_the_wish_of_the_peer_is_honoured_within_a_day(retry_after: float | None, wait: timedelta) -> None:
    assert retry.next_attempt_at(ChannelKind.WEBHOOK, 1, AT, retry_after, 0.0) == AT + wait


@given(st.sampled_from(list(ChannelKind)), st.integers(0, 12), st.none() | st.floats(0, 1e9), st.floats(0, 1))
def test_the_next_attempt_is_later_and_never_before_the_wish(
    kind: ChannelKind, attempt: int, retry_after: float | None, jitter: float
) -> None:
    again = retry.next_attempt_at(kind, attempt, AT, retry_after, jitter)
    if again is not None:
        assert again > AT
        assert again - AT >= timedelta(seconds=min(retry_after or 0, 86_400))


def test_a_run_is_executed_three_times() -> None:
    again = [retry.run_retry_at(attempt, AT) for attempt in range(1, MAX_ATTEMPTS + 1)]
    assert again == [AT + timedelta(seconds=15), AT + timedelta(minutes=2), None]
