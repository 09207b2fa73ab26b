"""What would arrive: the very message that a subscription gets of a run, made but not sent.

Made from the archived artifacts of a run by the same code that sends, with the same limits; the only difference is the
moment it names.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from reports.errors import NotFound
from reports.links import Links
from reports.messages.envelope import Envelope, packed
from reports.messages.mail import build_message
from reports.messages.payload import body
from reports.model import ChannelKind, Format, Run, Subscription
from reports.planning import delivery_of
from reports.seals import seals_of
from reports.service import Service
from reports.settings import Settings

NO_LIMIT = 1_000_000_000  # bytes; a folder has no size limit for one message


@dataclass(frozen=True)
class Sample:
    """`content` is a whole mail (RFC 5322) or, for a webhook, the JSON it is sent.

    `missing` are formats that are wanted and that this run did not make: later runs will.
    """

    run: Run
    channel: ChannelKind
    content: bytes
    missing: tuple[Format, ...] = ()


def make_sample(service: Service, draft: Subscription, run: Run, at: datetime) -> Sample:
    """Raises ArchiveError if a file of the run is missing or altered, DeliveryError for what no mail can carry."""
    with tempfile.TemporaryDirectory(prefix="gazette-sample-") as folder:
        envelope = _envelope(service, draft, run, Path(folder), at)
        missing = tuple(format for format in draft.formats if format not in envelope.files)
        if draft.channel is ChannelKind.WEBHOOK:
            return Sample(run, draft.channel, body(envelope, with_content=draft.include_content), missing)
        sent = _as_sent(envelope, service.settings)
        message = build_message(sent, service.settings.mail_from, _limit(service))
        return Sample(run, draft.channel, message.as_bytes(), missing)


def _envelope(service: Service, draft: Subscription, run: Run, folder: Path, at: datetime) -> Envelope:
    settings = service.settings
    try:
        report = service.report(run.report_id)
    except NotFound:
        report = None
    return packed(
        delivery_of(run, draft),
        run,
        report,
        draft,
        {artifact.format: artifact for artifact in service.artifacts(run.id)},
        archive=service.archive,
        links=Links(settings, seals_of(settings)),
        folder=folder,
        at=at,
    )


def _as_sent(envelope: Envelope, settings: Settings) -> Envelope:
    """Without a mail server mails are written into the outbox folder, which asks less of an address."""
    if settings.smtp_host is not None and envelope.delivery.channel is ChannelKind.EMAIL:
        return envelope
    return replace(envelope, delivery=replace(envelope.delivery, channel=ChannelKind.OUTBOX))


def _limit(service: Service) -> int:
    return int(service.settings.mail_max_mb * 1_000_000) if service.settings.smtp_host is not None else NO_LIMIT
