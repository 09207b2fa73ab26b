"""When to try again: deliveries by channel, runs by attempt. Pure; chance comes in as `jitter`.

Attempts count from 1, and an `attempt` given here is the one that has just failed.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from reports.model import MAX_ATTEMPTS, ChannelKind

_SECONDS = timedelta(seconds=1)
_MINUTES = timedelta(minutes=1)
_HOURS = timedelta(hours=1)

# The wait before each attempt. Webhooks follow the schedule of the Standard Webhooks specification, 75 hours in all.
_WEBHOOK = (
    0 * _SECONDS, 5 * _SECONDS, 5 * _MINUTES, 30 * _MINUTES, 2 * _HOURS,
    5 * _HOURS, 10 * _HOURS, 14 * _HOURS, 20 * _HOURS, 24 * _HOURS,
)  # fmt: skip
_EMAIL = (
    0 * _SECONDS, 5 * _SECONDS, 1 * _MINUTES, 5 * _MINUTES, 30 * _MINUTES,
    2 * _HOURS, 5 * _HOURS, 10 * _HOURS,
)  # fmt: skip
_OUTBOX = (0 * _SECONDS, 5 * _SECONDS, 1 * _MINUTES, 5 * _MINUTES, 30 * _MINUTES)  # a full disk, mostly
_DELAYS = {ChannelKind.WEBHOOK: _WEBHOOK, ChannelKind.EMAIL: _EMAIL, ChannelKind.OUTBOX: _OUTBOX}

_RUN_DELAYS = (15 * _SECONDS, 2 * _MINUTES)  # a database that restarts is back within the second

MAX_JITTER = 0.1  # of the wait; spreads what failed at the same moment
MAX_WAIT = 24 * _HOURS  # a peer that asks for more is asked again the next day


def delays(kind: ChannelKind) -> tuple[timedelta, ...]:
    """The wait before each attempt of a delivery; its length is how often one is tried."""
    return _DELAYS[kind]


def next_attempt_at(
    channel: ChannelKind, attempt: int, at: datetime, retry_after: float | None, jitter: float
) -> datetime | None:
    """When to send again after `attempt` failed at `at`; None: give up.

    `retry_after` is the peer's own wish in seconds: never earlier than that, within a day. `jitter` from 0 to 1 makes
    the wait up to a tenth longer.
    """
    waits = delays(channel)
    if attempt >= len(waits):
        return None
    wait = waits[max(attempt, 1)]
    if retry_after is not None and retry_after > 0:
        wait = max(wait, min(retry_after, MAX_WAIT.total_seconds()) * _SECONDS)
    return at + wait * (1 + MAX_JITTER * min(max(jitter, 0.0), 1.0))


def run_retry_at(attempt: int, at: datetime) -> datetime | None:
    """When to execute a run again after `attempt` failed at `at` for a passing reason; None: it is failed for good."""
    if attempt >= MAX_ATTEMPTS:
        return None
    return at + _RUN_DELAYS[min(max(attempt, 1), len(_RUN_DELAYS)) - 1]
