"""One suite for every Channel: what `runner.ports.Channel` promises, whatever the means."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from email import message_from_bytes
from pathlib import Path
from typing import Protocol

import pytest
from deliveries import AT, Receiver, a_run, an_envelope, mail_server, receiver

from reports.errors import DeliveryError
from reports.messages.envelope import Envelope
from reports.model import ChannelKind, Format
from runner.deliver.address_guard import AddressGuard
from runner.deliver.email import EmailChannel, SmtpSettings
from runner.deliver.outbox import OutboxChannel
from runner.deliver.webhook import WebhookChannel, WebhookSettings
from runner.ports import Channel


class Peer(Protocol):
    """What stands at the other end, seen in one way."""

    channel: Channel
    kind: ChannelKind
    address: str

    def ids(self) -> list[str]:
        """Of everything that arrived, in order; the outbox keeps one file per delivery."""
        ...

    def refuse(self) -> None:
        """Cannot take anything just now."""
        ...

    def recover(self) -> None: ...


@dataclass
class MailPeer:
    server: object
    channel: Channel
    kind: ChannelKind = ChannelKind.EMAIL
    address: str = "reader@example.org"

    def ids(self) -> list[str]:
        return [message_from_bytes(envelope.content)["Message-ID"] for envelope in self.server.accepted]  # type: ignore[attr-defined]

    def refuse(self) -> None:
        self.server.rcpt_replies[self.address] = "451 later"  # type: ignore[attr-defined]

    def recover(self) -> None:
        self.server.rcpt_replies.clear()  # type: ignore[attr-defined]


@dataclass
class WebPeer:
    receiver: Receiver
    channel: Channel
    kind: ChannelKind = ChannelKind.WEBHOOK
    refused: int = field(default=0)

    @property
    def address(self) -> str:
        return self.receiver.url

    def ids(self) -> list[str]:
        return [request.headers["webhook-id"] for request in self.receiver.requests[self.refused :]]

    def refuse(self) -> None:
        self.receiver.answers = [(503, {}, b"")]

    def recover(self) -> None:
        self.receiver.answers = [(204, {}, b"")]
        self.refused = len(self.receiver.requests)


@dataclass
class FolderPeer:
    folder: Path
    channel: Channel
    kind: ChannelKind = ChannelKind.OUTBOX
    address: str = "board"

    def ids(self) -> list[str]:
        return [message_from_bytes(path.read_bytes())["Message-ID"] for path in sorted(self.folder.rglob("*.eml"))]

    def refuse(self) -> None:
        self.folder.write_text("a file stands in the way")

    def recover(self) -> None:
        self.folder.unlink()


@pytest.fixture(params=["email", "webhook", "outbox"])
def peer(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Peer]:
    if request.param == "email":
        with mail_server() as server:
            settings = SmtpSettings("localhost", server.port, "reports@example.org", security="none")
            yield MailPeer(server, EmailChannel(settings))
    elif request.param == "webhook":
        guard = AddressGuard.from_settings(["127.0.0.0/8", "::1/128"])
        with receiver() as running:
            yield WebPeer(running, WebhookChannel(WebhookSettings(guard=guard, allow_http=True)))
    else:
        yield FolderPeer(tmp_path / "outbox", OutboxChannel(tmp_path / "outbox"))


def to(peer: Peer, folder: Path, **changes: object) -> Envelope:
    return an_envelope(folder, channel=peer.kind, address=peer.address, **changes)  # type: ignore[arg-type]


def test_a_delivery_arrives_once_and_says_where(peer: Peer, tmp_path: Path) -> None:
    receipt = peer.channel.send(to(peer, tmp_path))
    assert len(peer.ids()) == 1
    assert receipt.detail


def test_the_id_derives_from_the_delivery_alone(peer: Peer, tmp_path: Path) -> None:
    envelope = to(peer, tmp_path)
    peer.channel.send(envelope)
    peer.channel.send(
        replace(
            envelope,
            run=a_run(attempt=2, metrics={}),
            delivery=replace(envelope.delivery, attempt=2),
            at=AT.replace(hour=20),
        )
    )
    (known,) = set(peer.ids())
    assert re.search("delivery-9", known)

    peer.channel.send(replace(envelope, delivery=replace(envelope.delivery, id="delivery-10")))
    assert len(set(peer.ids())) == 2


def test_a_peer_that_cannot_now_is_tried_again(peer: Peer, tmp_path: Path) -> None:
    peer.refuse()
    with pytest.raises(DeliveryError) as caught:
        peer.channel.send(to(peer, tmp_path))
    assert not caught.value.permanent
    assert not caught.value.unknown
    assert str(caught.value).endswith((".", ")"))

    peer.recover()
    peer.channel.send(to(peer, tmp_path))
    assert len(peer.ids()) == 1


def test_a_file_that_is_gone_sends_nothing(peer: Peer, tmp_path: Path) -> None:
    with pytest.raises(DeliveryError, match="cannot be read"):
        peer.channel.send(to(peer, tmp_path, files={Format.PDF: tmp_path / "gone.pdf"}))
    assert peer.ids() == []


def test_a_delivery_without_files_and_without_a_mail(peer: Peer, tmp_path: Path) -> None:
    peer.channel.send(to(peer, tmp_path, files={}, sha256={}, mail=None))
    assert len(peer.ids()) == 1


def test_a_deleted_report_is_still_delivered(peer: Peer, tmp_path: Path) -> None:
    peer.channel.send(to(peer, tmp_path, report=None))
    assert len(peer.ids()) == 1


def test_threads_may_share_a_channel(peer: Peer, tmp_path: Path) -> None:
    envelope = to(peer, tmp_path)
    envelopes = [replace(envelope, delivery=replace(envelope.delivery, id=f"delivery-{n}")) for n in range(8)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(peer.channel.send, envelopes))
    assert len(set(peer.ids())) == 8
