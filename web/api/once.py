"""Idempotency keys: a POST sent twice with the same key is done once, and answered twice.

The key, what was done and the answer are written in one transaction: after a crash either all of it is there or
nothing. Keys belong to a person and are forgotten after a day; an answer that is no success is never kept.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Annotated

from fastapi import Depends, Header, Request
from starlette.responses import Response

from reports.store import KeptAnswer, RequestKey
from web.api.calling import Calling
from web.api.problems import Refused
from web.api.wire import Answer
from web.wiring import service

REPLAYED = "Idempotent-Replayed"
MAX_KEY = 200  # characters

Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        max_length=MAX_KEY,
        pattern=r"^[\x21-\x7e]+$",
        description="Any text of yours, a UUID for instance; the same request with the same key is done once in a day.",
    ),
]


@dataclass(frozen=True)
class Done:
    """What a request came to."""

    body: Answer
    status: HTTPStatus = HTTPStatus.CREATED
    headers: Mapping[str, str] = field(default_factory=dict)

    def kept(self) -> KeptAnswer:
        return KeptAnswer(self.status, dict(self.headers), self.body.model_dump_json(by_alias=True))


@dataclass(frozen=True)
class Once:
    """Does a request's work at most once, if the client sent a key."""

    key: RequestKey | None

    def do(self, work: Callable[[], Done]) -> Response:
        store = service().store
        if self.key is None:
            with store.together():
                return _response(work().kept())
        with store.together():
            before = store.claim_key(self.key)
            if before is not None:
                return _repeated(self.key, *before)
            made = work().kept()
            store.keep_answer(self.key, made)
        return _response(made)


async def _once(request: Request, caller: Calling, key: Key = None) -> Once:
    if key is None:
        return Once(None)
    asked = f"{request.method} {request.url.path}?{request.url.query}\n".encode() + await request.body()
    return Once(RequestKey(caller.person.id, key, hashlib.sha256(asked).hexdigest()))


def _repeated(key: RequestKey, digest: str, before: KeptAnswer) -> Response:
    if digest != key.digest:
        detail = f"The key {key.key} came with another request before; take a new one for this."
        raise Refused(HTTPStatus.UNPROCESSABLE_ENTITY, "key-reused", detail)
    return _response(before, replayed=True)


def _response(answer: KeptAnswer, *, replayed: bool = False) -> Response:
    headers = {**answer.headers, **({REPLAYED: "true"} if replayed else {})}
    return Response(answer.body, answer.status, headers, "application/json")


AtMostOnce = Annotated[Once, Depends(_once)]
