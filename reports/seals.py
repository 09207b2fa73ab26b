"""Values that come back unaltered: links in mails, cookies and forms carry them sealed with the installation's key.

A seal is made for one purpose and, where it should end, until one instant; it hides nothing. The key is the setting
`secret_key`, or made once in the data folder and read by nobody but its owner.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from itsdangerous import BadData, URLSafeSerializer

from reports.errors import ConfigError, Forbidden
from reports.settings import Settings

KEY_FILE = "secret.key"
KEY_BYTES = 32
LEAST_CHARACTERS = 32  # of a key that somebody chose
FIRST_ADMIN = "first admin"
FIRST_ADMIN_LASTS = timedelta(days=1)
BROKEN = "The link was altered or is incomplete. Copy it whole from the message it came in."
OVER = "The link has expired."


class Seals:
    def __init__(self, key: str) -> None:
        self._key = key

    def seal(self, purpose: str, value: Any, until: datetime | None = None) -> str:
        """`value`, of JSON's types, as text that a URL may hold. It is no secret."""
        return self._serializer(purpose).dumps([value, None if until is None else int(until.timestamp())])

    def unseal(self, purpose: str, text: str, at: datetime) -> Any:
        """Raises Forbidden if the text was altered, made for another purpose, or is over at that instant."""
        try:
            value, until = self._serializer(purpose).loads(text)
        except (BadData, TypeError, ValueError) as error:
            raise Forbidden(BROKEN) from error
        if until is not None and at.timestamp() >= until:
            raise Forbidden(OVER)
        return value

    def _serializer(self, purpose: str) -> URLSafeSerializer:
        return URLSafeSerializer(self._key, salt=f"gazette {purpose}", signer_kwargs={"digest_method": hashlib.sha256})


def seals_of(settings: Settings) -> Seals:
    """Raises ConfigError if the key cannot be read or is too short."""
    if settings.secret_key is None:
        return Seals(_kept_key(settings.data_dir / KEY_FILE))
    key = settings.secret_key.get_secret_value()
    if len(key) < LEAST_CHARACTERS:
        raise ConfigError("secret_key", f"must have at least {LEAST_CHARACTERS} characters, chosen at random")
    return Seals(key)


def file_seal(seals: Seals, artifact_id: str, until: datetime) -> str:
    """What lets somebody read one file of the archive without signing in."""
    return seals.seal(f"file {artifact_id}", "", until)


def check_file_seal(seals: Seals, artifact_id: str, text: str, at: datetime) -> None:
    """Raises Forbidden."""
    seals.unseal(f"file {artifact_id}", text, at)


def unsubscribe_seal(seals: Seals, subscription_id: str) -> str:
    """What ends one subscription without signing in, for as long as there are mails that carry it."""
    return seals.seal("unsubscribe", subscription_id)


def subscription_of(seals: Seals, text: str, at: datetime) -> str:
    """Raises Forbidden."""
    return str(seals.unseal("unsubscribe", text, at))


def first_admin_link(seals: Seals, base_url: str, at: datetime) -> str:
    """Where the first admin makes her account; of no use once there is anybody."""
    return f"{base_url}/sign-in?first={seals.seal(FIRST_ADMIN, secrets.token_urlsafe(8), at + FIRST_ADMIN_LASTS)}"


def check_first_admin_seal(seals: Seals, text: str, at: datetime) -> None:
    """Raises Forbidden."""
    seals.unseal(FIRST_ADMIN, text, at)


def _kept_key(path: Path) -> str:
    try:
        if not path.exists():
            _make_key(path)
        return path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError("secret_key", f"cannot be kept in {path}: {error}") from error


def _make_key(path: Path) -> None:
    """Whole or not at all, and once, though the UI and the runner may start together."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
        file.write(secrets.token_urlsafe(KEY_BYTES))
        file.flush()
        os.fsync(file.fileno())
    with contextlib.suppress(FileExistsError):
        os.link(draft, path)
    draft.unlink()
