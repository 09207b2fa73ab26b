"""One delivery with everything that goes into it, fetched from the archive and verified."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from reports.archive import Archive
from reports.links import Links
from reports.model import Artifact, Delivery, DeliveryKind, Format, Report, Run, Subscription


@dataclass(frozen=True)
class Envelope:
    """All that one delivery is made of. `files` are the artifacts the subscriber wants, already verified."""

    delivery: Delivery
    kind: DeliveryKind
    run: Run
    report: Report | None  # None: deleted since; the run still has its name
    subscription: Subscription | None  # None: a message to the owner
    at: datetime  # the moment of sending, aware
    files: Mapping[Format, Path] = field(default_factory=dict)
    sha256: Mapping[Format, str] = field(default_factory=dict)
    mail: Path | None = None  # the run's mail artifact
    links: Mapping[Format, str] = field(default_factory=dict)  # absolute URLs, where a base URL is configured
    unsubscribe_url: str | None = None  # of this subscription, signed; None without a base URL
    page: str | None = None  # where who is signed in looks at the run; None without a base URL
    missed: tuple[datetime, ...] = ()  # in a notice: earlier due times missed together with the run's, oldest first
    undelivered: tuple[Delivery, ...] = ()  # in a notice: what has not reached its subscribers


def packed(
    delivery: Delivery,
    run: Run,
    report: Report | None,
    subscription: Subscription | None,
    artifacts: Mapping[Format, Artifact],
    *,
    archive: Archive,
    links: Links | None,
    folder: Path,
    at: datetime,
) -> Envelope:
    """The envelope, its files in `folder`. Raises ArchiveError if one is missing or altered."""
    is_test = delivery.kind is DeliveryKind.TEST  # of what is not stored: there is nothing to end
    wanted = wanted_artifacts(delivery, subscription, run, artifacts)
    fetched = {
        format: archive.fetch(artifact.path, folder / Path(artifact.path).name, artifact.sha256)
        for format, artifact in wanted.items()
    }
    mail = fetched.pop(Format.MAIL, None)
    return Envelope(
        delivery=delivery,
        kind=delivery.kind,
        run=run,
        report=report,
        subscription=subscription,
        at=at,
        files=fetched,
        sha256={format: artifact.sha256 for format, artifact in wanted.items() if format is not Format.MAIL},
        mail=mail,
        links=links.files(run, {format: wanted[format] for format in fetched}) if links else {},
        unsubscribe_url=links.unsubscribe(subscription) if links and subscription and not is_test else None,
        page=links.run_page(run) if links else None,
    )


def wanted_artifacts(
    delivery: Delivery, subscription: Subscription | None, run: Run, artifacts: Mapping[Format, Artifact]
) -> dict[Format, Artifact]:
    """The artifacts this subscriber wants, and the mail; none for a notice to the owner."""
    if delivery.kind.to_owner:
        return {}
    formats = {*(subscription.formats if subscription else run.formats), Format.MAIL}
    return {format: artifact for format, artifact in artifacts.items() if format in formats}
