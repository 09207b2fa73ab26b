"""Wait for what another thread, process or page does in its own time."""

from __future__ import annotations

import time
from collections.abc import Callable

STEP = 0.02  # seconds between two looks


def wait_until(condition: Callable[[], object], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(STEP)
