"""Keeping a lease while something is worked on: a thread of its own extends it, whatever the work does.

It waits on the monotonic clock; the database's clock alone judges. It never ends the work, it only says "lost".
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import structlog
from sqlalchemy.exc import SQLAlchemyError

from reports.errors import LeaseLost
from reports.model import LEASE

log = structlog.get_logger("gazette.lease")

RENEW_SECONDS = 15.0  # four times within a lease: three failures in a row are survived


class KeptLease:
    """Whether the work is still ours, as far as is known. `check` raises LeaseLost once it is not."""

    def __init__(self, extend: Callable[[], None], lease: timedelta = LEASE, every: float = RENEW_SECONDS) -> None:
        self._extend = extend
        self._lease_seconds = lease.total_seconds()
        self._every = every
        self._held_at = time.monotonic()
        self._done = threading.Event()
        self.lost = threading.Event()

    def check(self) -> None:
        if self.lost.is_set():
            raise LeaseLost("The lease ended while the work went on; another runner may have taken it over.")

    def renew(self) -> None:
        """One extension. A database that does not answer is asked again while the lease may still hold."""
        try:
            self._extend()
            self._held_at = time.monotonic()
        except LeaseLost:
            self.lost.set()
        except SQLAlchemyError as error:
            log.warning("Lease could not be extended", action="lease.unanswered", error=str(error))
            if time.monotonic() - self._held_at > self._lease_seconds:
                self.lost.set()

    def keep(self) -> None:
        """Renew until `stop`; the body of the thread."""
        while not self.lost.is_set() and not self._done.wait(self._every):
            self.renew()

    def stop(self) -> None:
        self._done.set()


@contextmanager
def kept(extend: Callable[[], None], *, name: str, every: float = RENEW_SECONDS) -> Iterator[KeptLease]:
    """`extend` is called every 15 s in a thread while the block lasts."""
    lease = KeptLease(extend, every=every)
    thread = threading.Thread(target=lease.keep, name=f"lease-{name}", daemon=True)
    thread.start()
    try:
        yield lease
    finally:
        lease.stop()
        thread.join()
