"""Passwords as argon2id hashes. A wrong one takes as long as a right one, and as one of somebody who is not there."""

from __future__ import annotations

import threading
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from reports.errors import InvalidInput

LEAST = 12  # characters
MOST = 1000  # characters; more is no password but a way to keep a server busy
AT_ONCE = 2  # hashes; each takes 64 MiB

_hasher = PasswordHasher()  # argon2id with the second set of parameters that RFC 9106 recommends
_turns = threading.BoundedSemaphore(AT_ONCE)


def checked_password(password: str, *, not_like: tuple[str, ...] = ()) -> str:
    """Raises InvalidInput("password", ...)."""
    if len(password) < LEAST:
        raise InvalidInput("password", f"must have at least {LEAST} characters")
    if len(password) > MOST:
        raise InvalidInput("password", f"must have at most {MOST} characters")
    if password.lower() in {each.lower() for each in not_like}:
        raise InvalidInput("password", "must not be the user name or the address")
    return password


def hashed(password: str) -> str:
    with _turns:
        return _hasher.hash(password)


def matches(password_hash: str, password: str) -> bool:
    """Whether it is this password. An empty hash is matched by none, in the same time."""
    try:
        with _turns:
            return _hasher.verify(password_hash or _nobodys(), password[:MOST]) and bool(password_hash)
    except (VerificationError, InvalidHashError):
        return False


def is_outdated(password_hash: str) -> bool:
    """Whether it was made with other parameters than today's."""
    return _hasher.check_needs_rehash(password_hash)


@cache
def _nobodys() -> str:
    return _hasher.hash("of nobody")
