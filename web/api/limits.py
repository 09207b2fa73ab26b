"""How many requests a token, a person or an address may send, and how large one may be. Pure ASGI.

Each has a bucket that fills evenly: a burst passes, a flood gets 429 and is told when to go on. Buckets live in this
process only; who starts the server anew starts with full ones.
"""

from __future__ import annotations

import hashlib
import math
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from web.api.problems import answer
from web.wiring import PERSON, SCOPES

MAX_BUCKETS = 10_000  # the one unused longest goes first; it would be full again long before


@dataclass(frozen=True)
class Rate:
    """`burst` requests at once, and `per_minute` in the long run."""

    per_minute: int
    burst: int


@dataclass
class Bucket:
    left: float
    at: float  # seconds of the monotonic clock


class Buckets:
    """Takes a request from the bucket of whoever sends it. Used from the event loop only."""

    def __init__(self, rate: Rate, clock: Callable[[], float] = time.monotonic) -> None:
        self.rate = rate
        self.clock = clock
        self.buckets: OrderedDict[str, Bucket] = OrderedDict()

    def take(self, key: str) -> float:
        """0: go ahead; else the seconds until a request is there again."""
        now = self.clock()
        bucket = self.buckets.pop(key, None) or Bucket(self.rate.burst, now)
        a_second = self.rate.per_minute / 60
        bucket.left = min(self.rate.burst, bucket.left + (now - bucket.at) * a_second)
        bucket.at = now
        self.buckets[key] = bucket
        if len(self.buckets) > MAX_BUCKETS:
            self.buckets.popitem(last=False)
        if bucket.left < 1:
            return (1 - bucket.left) / a_second
        bucket.left -= 1
        return 0.0


class BodyLimit:
    """Stops reading a body that is too large; Starlette's own limit answers with plain text."""

    def __init__(self, app: ASGIApp, most: int) -> None:
        self.app = app
        self.most = most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        read = 0

        async def receive_some() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > self.most:
                raise HTTPException(413)
            return message

        await self.app(scope, receive_some, send)


class RateLimit:
    """Refuses what comes too fast, before anything is read or asked."""

    def __init__(self, app: ASGIApp, rate: Callable[[], Rate]) -> None:
        self.app = app
        self.rate = rate  # asked with the first request: the settings are not read while modules load
        self.buckets: Buckets | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        if self.buckets is None:
            self.buckets = Buckets(self.rate())
        wait = self.buckets.take(sender(scope))
        if not wait:
            await self.app(scope, receive, send)
            return
        seconds = math.ceil(wait)
        refusal = answer(
            429,
            "too-many-requests",
            f"At most {self.buckets.rate.per_minute} requests a minute are answered; go on in {seconds} s.",
            headers={"Retry-After": str(seconds)},
        )
        await refusal(scope, receive, send)


def sender(scope: Scope) -> str:
    """The token if one was let in, else the person, else the address."""
    person = scope.get(PERSON)
    if person is None:
        return f"address {(scope.get('client') or ('unknown',))[0]}"
    if scope.get(SCOPES) is None:
        return f"person {person.id}"
    token = next((value for name, value in scope["headers"] if name == b"authorization"), b"")
    return f"token {hashlib.sha256(token).hexdigest()}"
