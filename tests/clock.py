"""Today, for tests of what looks at the clock itself: notebooks and commands in processes of their own."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime, timedelta


def today(seconds: float = 90) -> date:
    """UTC's day. Waits for the next one where fewer `seconds` are left of it than a test takes."""
    now = datetime.now(UTC)
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    left = (midnight - now).total_seconds()
    if left < seconds:
        time.sleep(left + 1)
    return datetime.now(UTC).date()


def clear_of(hour: int, seconds: float) -> None:
    """Waits until `hour` o'clock UTC has passed where it comes within so many seconds: something is due then."""
    now = datetime.now(UTC)
    left = (now.replace(hour=hour, minute=0, second=0, microsecond=0) - now).total_seconds()
    if 0 <= left < seconds:
        time.sleep(left + 1)


def yesterday(seconds: float = 90) -> date:
    """The last day of which a report of today's knows all."""
    return today(seconds) - timedelta(days=1)
