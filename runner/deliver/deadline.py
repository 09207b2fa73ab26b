"""A total time for one exchange with a peer, whatever the peer does.

Socket timeouts start anew with every byte, so a peer that drips one byte a second would never meet them. A Deadline
shuts the connection down when the time is over; it never raises by itself, the blocked call does.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable
from types import TracebackType

AGAIN_SECONDS = 0.5  # the connection may have been replaced meanwhile, for instance by its TLS layer


class Deadline:
    """`with Deadline(30) as deadline: deadline.watch(lambda: connection.sock)`; `expired` tells afterwards."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.expired = False
        self._ends = time.monotonic() + seconds
        self._over = threading.Event()
        self._watched: Callable[[], socket.socket | None] | None = None
        self._thread = threading.Thread(target=self._wait, name="delivery deadline", daemon=True)

    def __enter__(self) -> Deadline:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    @property
    def remaining(self) -> float:
        return max(0.0, self._ends - time.monotonic())

    def watch(self, connection: Callable[[], socket.socket | None]) -> None:
        """What to shut down; asked at the moment of cutting, since a socket changes when TLS starts on it."""
        self._watched = connection

    def _wait(self) -> None:
        pause = self.remaining
        while not self._over.wait(pause):
            self.expired = True
            self._cut()
            pause = AGAIN_SECONDS

    def _cut(self) -> None:
        connection = self._watched() if self._watched else None
        if connection is not None:
            with contextlib.suppress(OSError):  # closed already
                # Not SSLSocket.shutdown: it takes the TLS layer off first, and a writer could then send plain text.
                socket.socket.shutdown(connection, socket.SHUT_RDWR)
