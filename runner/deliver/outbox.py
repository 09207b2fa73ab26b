"""Deliveries into a folder: the mail as .eml, and beside it the JSON a webhook would have carried.

The embedded default, which needs no server and no network. Both files are named after the delivery and replaced as a
whole, so that sending again changes nothing but the date inside.
"""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from zoneinfo import ZoneInfo

import structlog

from reports.errors import DeliveryError
from reports.filenames import slug
from reports.messages.envelope import Envelope
from reports.messages.mail import build_message
from reports.messages.payload import payload
from reports.model import ChannelKind
from runner.ports import Receipt

log = structlog.get_logger()

NO_LIMIT = 1_000_000_000  # bytes; a folder has no size limit for one message


class OutboxChannel:
    """Implements `runner.ports.Channel`; may be used from several threads."""

    def __init__(self, folder: Path, sender: str = "gazette@localhost", max_bytes: int = NO_LIMIT) -> None:
        self._folder = folder
        self._sender = sender
        self._max_bytes = max_bytes

    def send(self, envelope: Envelope) -> Receipt:
        # Whatever channel was meant: a reader without a mail address can be written to here.
        here = replace(envelope, delivery=replace(envelope.delivery, channel=ChannelKind.OUTBOX))
        message = build_message(here, self._sender, self._max_bytes)
        facts = {**payload(envelope), "address": envelope.delivery.address}
        stem = self._stem(envelope)
        mail, facts_file = stem.with_name(f"{stem.name}.eml"), stem.with_name(f"{stem.name}.json")
        try:
            stem.parent.mkdir(parents=True, exist_ok=True)
            _write(facts_file, json.dumps(facts, ensure_ascii=False, indent=2, allow_nan=False).encode() + b"\n")
            _write(mail, message.as_bytes())  # last: whoever sees it finds the facts beside it
        except OSError as error:
            raise DeliveryError(
                f"{mail} could not be written ({error.strerror}); check the outbox folder's room and rights."
            ) from error
        log.info(
            "Mail written",
            action="deliver.sent",
            channel="outbox",
            delivery=envelope.delivery.id,
            run=envelope.run.id,
            path=str(mail),
        )
        return Receipt(detail=f"written to {mail}", path=str(mail))

    def _stem(self, envelope: Envelope) -> Path:
        """By the due day, not the day of sending: a delivery repeated after midnight replaces its own files."""
        run = envelope.run
        day = run.due_at.astimezone(ZoneInfo(run.period.zone)).date().isoformat()
        return self._folder / day / f"{slug(run.report_name)}-{slug(envelope.delivery.message)}"


def _write(path: Path, content: bytes) -> None:
    """Whole or not at all, also when the machine stops in between."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
