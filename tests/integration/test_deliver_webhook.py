"""Webhooks against real receivers on loopback, which the guard lets through only because the tests list it."""

from __future__ import annotations

import base64
import hashlib
import json
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from deliveries import (
    NEW_SECRET,
    SECRET,
    Certificates,
    Receiver,
    a_run,
    an_envelope,
    free_port,
    raw_server,
    receiver,
)
from standardwebhooks import Webhook, WebhookVerificationError

from reports.errors import DeliveryError
from reports.messages.envelope import Envelope
from reports.model import ChannelKind, DeliveryKind, Format, RunError, RunState
from reports.settings import Settings
from runner.deliver.address_guard import AddressGuard
from runner.deliver.webhook import WebhookChannel, WebhookSettings

LOOPBACK = AddressGuard.from_settings(["127.0.0.0/8", "::1/128"])


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def peer() -> Iterator[Receiver]:
    with receiver() as running:
        yield running


def channel(**changes: Any) -> WebhookChannel:
    return WebhookChannel(replace(WebhookSettings(guard=LOOPBACK, allow_http=True), **changes))


def envelope_to(url: str, folder: Path, **changes: Any) -> Envelope:
    """With the real time, since a receiver refuses signatures older than five minutes."""
    return an_envelope(folder, channel=ChannelKind.WEBHOOK, address=url, **({"at": datetime.now(UTC)} | changes))


def failure(url: str, folder: Path, **changes: Any) -> DeliveryError:
    with pytest.raises(DeliveryError) as caught:
        channel(**changes).send(envelope_to(url, folder))
    return caught.value


def with_secret(envelope: Envelope, secret: str, **changes: Any) -> Envelope:
    assert envelope.subscription is not None
    return replace(envelope, subscription=replace(envelope.subscription, secret=secret, **changes))


# What arrives


def test_a_signed_event_arrives(peer: Receiver, tmp_path: Path) -> None:
    peer.answers = [(200, {}, b"thank you")]
    links = {Format.PDF: "https://reports.example.org/files/7/pdf?signature=abc"}
    receipt = channel().send(envelope_to(peer.url, tmp_path, links=links))

    (request,) = peer.requests
    event = Webhook(SECRET).verify(request.body, request.headers)
    assert request.path == "/hook"
    assert request.headers["webhook-id"] == "msg_delivery-9"
    assert request.headers["content-type"] == "application/json"
    assert len(request.body) < 20_000
    assert event["type"] == "report.succeeded"
    assert event["timestamp"] == "2026-11-16T08:00:04Z"
    data = event["data"]
    assert data["deliveryId"] == "delivery-9"
    assert data["report"] == {"id": "report-3", "name": "Weekly usage", "template": "usage_summary"}
    assert data["run"] == {
        "id": "run-7",
        "kind": "scheduled",
        "state": "succeeded",
        "dueAt": "2026-11-16T08:00:00Z",
        "attempt": 1,
    }
    assert data["period"] == {"start": "2026-11-09", "end": "2026-11-15", "zone": "Europe/Berlin"}
    assert data["metrics"] == {"requests": 10_420_311, "spend_usd": 9326.92}
    assert data["artifacts"] == [
        {
            "format": "pdf",
            "fileName": "weekly-usage_2026-11-09_2026-11-15.pdf",
            "bytes": 17,
            "sha256": hashlib.sha256(b"%PDF-1.7 a report").hexdigest(),
            "url": "https://reports.example.org/files/7/pdf?signature=abc",
        }
    ]
    assert receipt.detail == "localhost answered 200: thank you"


def test_over_tls_with_a_verified_certificate(certificates: Certificates, tmp_path: Path) -> None:
    with receiver(certificates.server_context()) as peer:
        channel(allow_http=False, ca_file=certificates.ca_file).send(envelope_to(peer.url, tmp_path))
    assert peer.url.startswith("https://")
    Webhook(SECRET).verify(peer.requests[0].body, peer.requests[0].headers)


@pytest.mark.parametrize(("trusted", "host"), [(False, "localhost"), (True, "peer.example.org")])
def test_a_bad_certificate_fails_and_nothing_is_sent(
    certificates: Certificates, tmp_path: Path, trusted: bool, host: str
) -> None:
    with receiver(certificates.server_context(trusted=trusted, host=host)) as peer:
        error = failure(peer.url, tmp_path, ca_file=certificates.ca_file)
    assert "certificate of localhost is not trusted" in str(error)
    assert not error.permanent
    assert peer.requests == []


def test_both_secrets_verify_during_rotation(peer: Receiver, tmp_path: Path) -> None:
    channel().send(with_secret(envelope_to(peer.url, tmp_path), f"{SECRET} {NEW_SECRET}"))
    (request,) = peer.requests
    for secret in (SECRET, NEW_SECRET):
        Webhook(secret).verify(request.body, request.headers)
    stranger = Webhook("whsec_" + base64.b64encode(b"a third secret").decode())
    with pytest.raises(WebhookVerificationError):
        stranger.verify(request.body, request.headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(request.body.replace(b"10420311", b"10420312"), request.headers)


@pytest.mark.parametrize(
    ("secret", "words"), [("", "no signing secret"), ("whsec_é", "not whsec_"), ("whsec_", "not whsec_")]
)
def test_never_unsigned(peer: Receiver, tmp_path: Path, secret: str, words: str) -> None:
    with pytest.raises(DeliveryError, match=words) as caught:
        channel().send(with_secret(envelope_to(peer.url, tmp_path), secret))
    assert caught.value.permanent
    assert peer.requests == []


def test_content_only_for_those_who_asked(peer: Receiver, tmp_path: Path) -> None:
    envelope = envelope_to(peer.url, tmp_path)
    channel().send(envelope)
    channel().send(with_secret(envelope, SECRET, include_content=True))

    without, with_content = (json.loads(request.body)["data"]["artifacts"][0] for request in peer.requests)
    assert "content" not in without
    assert with_content["contentEncoding"] == "base64"
    assert base64.b64decode(with_content["content"]) == b"%PDF-1.7 a report"


@pytest.mark.parametrize(("size", "sent"), [(1024 * 1024, True), (1024 * 1024 + 1, False)])
def test_content_up_to_a_mebibyte(peer: Receiver, tmp_path: Path, size: int, sent: bool) -> None:
    envelope = envelope_to(peer.url, tmp_path, content=b"x" * size)
    channel().send(with_secret(envelope, SECRET, include_content=True))
    data = json.loads(peer.requests[0].body)["data"]
    assert ("content" in data["artifacts"][0]) is sent
    assert ("contentOmitted" in data) is not sent


def test_too_many_figures_are_left_out_and_said_to_be(peer: Receiver, tmp_path: Path) -> None:
    run = a_run(metrics={f"metric_{number}": number for number in range(3_000)})
    channel().send(envelope_to(peer.url, tmp_path, run=run))
    (request,) = peer.requests
    data = Webhook(SECRET).verify(request.body, request.headers)["data"]
    assert len(request.body) < 20_000
    assert data["metrics"] == {}
    assert "larger than 20000 bytes" in data["metricsOmitted"]


def test_names_and_figures_json_cannot_hold(peer: Receiver, tmp_path: Path) -> None:
    run = a_run(report_name='京 \ud800 \r\n"', metrics={"nan": float("nan"), "none": None, "big": 2**60})
    channel().send(envelope_to(peer.url, tmp_path, run=run))
    data = Webhook(SECRET).verify(peer.requests[0].body, peer.requests[0].headers)["data"]
    assert data["metrics"] == {"nan": None, "none": None, "big": 2**60}
    assert data["report"]["name"].startswith("京")


def test_a_failure_is_an_event_of_its_own(peer: Receiver, tmp_path: Path) -> None:
    run = a_run(state=RunState.FAILED, error=RunError("execute", "ExecutionError", "KeyError: 'x'", cell=4))
    envelope = envelope_to(peer.url, tmp_path, run=run)
    channel().send(replace(envelope, kind=DeliveryKind.FAILURE, files={}))
    event = json.loads(peer.requests[0].body)
    assert event["type"] == "report.failed"
    assert event["data"]["error"] == {
        "stage": "execute",
        "kind": "ExecutionError",
        "message": "KeyError: 'x'",
        "cell": 4,
    }


# What the peer answers


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_success(peer: Receiver, tmp_path: Path, status: int) -> None:
    peer.answers = [(status, {}, b"")]
    assert str(status) in channel().send(envelope_to(peer.url, tmp_path)).detail


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 422])
def test_never(peer: Receiver, tmp_path: Path, status: int) -> None:
    peer.answers = [(status, {}, b"no\r\nthanks")]
    error = failure(peer.url, tmp_path)
    assert error.permanent
    assert not error.gone
    assert f"localhost answered {status} (no thanks)" in str(error)


@pytest.mark.parametrize("status", [408, 409, 425, 429, 500, 502, 503, 504])
def test_not_now(peer: Receiver, tmp_path: Path, status: int) -> None:
    peer.answers = [(status, {}, b"")]
    error = failure(peer.url, tmp_path)
    assert not error.permanent
    assert not error.unknown
    assert error.retry_after is None


def test_gone(peer: Receiver, tmp_path: Path) -> None:
    peer.answers = [(410, {}, b"")]
    error = failure(peer.url, tmp_path)
    assert error.gone
    assert error.permanent


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("120", 120.0),
        ("0", 0.0),
        (" 7 ", 7.0),
        ("99999999", 86_400.0),
        ("-5", None),
        ("soon", None),
        ("1e9", None),
        ("", None),
    ],
)
def test_retry_after_in_seconds(
    peer: Receiver, tmp_path: Path, status: int, value: str, expected: float | None
) -> None:
    peer.answers = [(status, {"Retry-After": value}, b"")]
    assert failure(peer.url, tmp_path).retry_after == expected


@pytest.mark.parametrize(("minutes", "expected"), [(10, 600.0), (-10, 0.0)])
def test_retry_after_as_a_date(peer: Receiver, tmp_path: Path, minutes: int, expected: float) -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(minutes=minutes), usegmt=True)
    peer.answers = [(503, {"Retry-After": date}, b"")]
    assert failure(peer.url, tmp_path).retry_after == pytest.approx(expected, abs=3)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_a_failure_and_not_followed(peer: Receiver, tmp_path: Path, status: int) -> None:
    with receiver() as elsewhere:
        peer.answers = [(status, {"Location": elsewhere.url}, b"")]
        error = failure(peer.url, tmp_path)
        assert elsewhere.requests == []
    assert error.permanent
    assert elsewhere.url in str(error)
    assert len(peer.requests) == 1


def test_every_attempt_carries_the_same_id(peer: Receiver, tmp_path: Path) -> None:
    peer.answers = [(500, {}, b""), (204, {}, b"")]
    first = envelope_to(peer.url, tmp_path)
    with pytest.raises(DeliveryError):
        channel().send(first)
    later = replace(first, delivery=replace(first.delivery, attempt=2), at=datetime.now(UTC) + timedelta(seconds=5))
    channel().send(later)
    assert [request.headers["webhook-id"] for request in peer.requests] == ["msg_delivery-9"] * 2
    for request in peer.requests:
        Webhook(SECRET).verify(request.body, request.headers)


# What the peer does to the connection


def read_request(peer: socket.socket) -> None:
    head = b""
    while b"\r\n\r\n" not in head:
        head += peer.recv(65536)
    head, _, body = head.partition(b"\r\n\r\n")
    length = next(
        int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")
    )
    while len(body) < length:
        body += peer.recv(65536)


def answering(*pieces: bytes, pause: float = 0.0) -> Callable[[socket.socket], None]:
    def talk(peer: socket.socket) -> None:
        read_request(peer)
        for piece in pieces:
            peer.sendall(piece)
            time.sleep(pause)

    return talk


def forever(head: bytes, piece: bytes, pause: float) -> Callable[[socket.socket], None]:
    def talk(peer: socket.socket) -> None:
        read_request(peer)
        peer.sendall(head)
        ends = time.monotonic() + 10
        while time.monotonic() < ends:
            peer.sendall(piece)
            time.sleep(pause)

    return talk


def url_of(port: int, scheme: str = "http") -> str:
    return f"{scheme}://localhost:{port}/hook"


@pytest.mark.parametrize(
    ("head", "piece"),
    [
        (b"HTTP/1.1 200 OK\r\nx-slow: ", b"a"),  # a header that never ends
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),  # always another interim answer
        (b"", b"H"),
    ],
    ids=["header", "interim", "status"],
)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_dripping_answer_is_cut(
    certificates: Certificates, tmp_path: Path, head: bytes, piece: bytes, scheme: str
) -> None:
    """Every read gets its byte in time; only the whole takes too long."""
    context = certificates.server_context() if scheme == "https" else None
    with raw_server(forever(head, piece, 0.05), context) as port:
        began = time.monotonic()
        error = failure(url_of(port, scheme), tmp_path, total_seconds=0.6, ca_file=certificates.ca_file)
        took = time.monotonic() - began
    assert took < 30, "it was not cut"
    assert "did not answer within 1 s" in str(error)
    assert not error.permanent


def test_a_peer_that_never_answers(tmp_path: Path) -> None:
    def talk(peer: socket.socket) -> None:
        read_request(peer)
        peer.recv(1)

    with raw_server(talk) as port:
        error = failure(url_of(port), tmp_path, read_seconds=0.3)
    assert "did not answer in time" in str(error)
    assert not error.permanent


@pytest.mark.parametrize("pause", [0.0, 0.05], ids=["endless", "dripping"])
@pytest.mark.parametrize(
    "framing", [b"content-length: 9999999999\r\n", b"connection: close\r\n", b"transfer-encoding: chunked\r\n"]
)
def test_an_endless_body_is_cut_and_its_status_counts(tmp_path: Path, pause: float, framing: bytes) -> None:
    piece = b"400\r\n" + b"z" * 1024 + b"\r\n" if b"chunked" in framing else b"z" * 64
    with raw_server(forever(b"HTTP/1.1 200 OK\r\n" + framing + b"\r\n", piece, pause)) as port:
        began = time.monotonic()
        receipt = channel(total_seconds=1.0).send(envelope_to(url_of(port), tmp_path))
        took = time.monotonic() - began
    assert took < 30, "it was not cut"
    assert receipt.detail.startswith("localhost answered 200: zzz")
    assert len(receipt.detail) < 300


def test_a_compressed_body_is_not_expanded(tmp_path: Path) -> None:
    answer = b"HTTP/1.1 400 No\r\ncontent-encoding: gzip\r\ncontent-length: 4\r\n\r\n\x1f\x8b\x08\x00"
    with raw_server(answering(answer)) as port:
        assert failure(url_of(port), tmp_path).permanent


@pytest.mark.parametrize(
    "answer",
    [
        b"",  # the connection ends without an answer
        b"HTTP/1.1 2",
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 500 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nx: " + b"y" * 100_000 + b"\r\n\r\n",
    ],
    ids=["nothing", "half a line", "not HTTP", "many headers", "long header"],
)
def test_an_answer_lost_or_unreadable_is_tried_again(tmp_path: Path, answer: bytes) -> None:
    """Not unknown: the peer recognises the id."""
    with raw_server(answering(answer)) as port:
        error = failure(url_of(port), tmp_path)
    assert not error.permanent
    assert not error.unknown
    assert "0x" not in str(error)  # no object's address in a message for people


def test_nobody_listens(tmp_path: Path) -> None:
    error = failure(url_of(free_port()), tmp_path)
    assert "Connection refused" in str(error)
    assert not error.permanent


# Where it may go


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f000001",
        "localhost",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:10.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[64:ff9b::a9fe:a9fe]",
        "[2002:7f00:1::]",
        "169.254.169.254",
        "10.0.0.1",
        "100.64.0.1",
        "0.0.0.0",
        "①②⑦.①",
    ],
)
def test_only_public_addresses(peer: Receiver, tmp_path: Path, host: str) -> None:
    error = failure(f"http://{host}:{peer.port}/hook", tmp_path, guard=AddressGuard())
    assert error.permanent
    assert peer.requests == []


def test_a_name_that_changes_its_answer(peer: Receiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Public when first asked, loopback at the next send: judged again each time."""
    resolve = socket.getaddrinfo
    addresses = iter(["192.0.2.1", "127.0.0.1"])  # the first is listed, so it counts as public here

    def rebinding(host: Any, port: Any, *arguments: Any, **options: Any) -> Any:
        return resolve(next(addresses) if host == "peer.example.org" else host, port, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    settings = {"guard": AddressGuard.from_settings(["192.0.2.0/24"]), "connect_seconds": 0.2}
    url = f"http://peer.example.org:{peer.port}/hook"

    assert not failure(url, tmp_path, **settings).permanent  # nobody there, but allowed
    error = failure(url, tmp_path, **settings)

    assert error.permanent
    assert "peer.example.org leads to 127.0.0.1" in str(error)
    assert peer.requests == []


@pytest.mark.parametrize(
    "url",
    [
        "https://user@peer.example.org/",
        "https://user:password@peer.example.org/",
        "https://@peer.example.org/",
        "http://public.example.org\\@localhost/",
    ],
)
def test_no_user_in_the_address(tmp_path: Path, url: str) -> None:
    error = failure(url, tmp_path)
    assert error.permanent
    assert "password@" not in str(error)


@pytest.mark.parametrize(
    "url", ["", "peer", "ftp://peer.example.org", "file:///etc/passwd", "https://", "http://[::1", "https://a:99999/"]
)
def test_only_web_addresses(tmp_path: Path, url: str) -> None:
    assert failure(url, tmp_path).permanent


def test_http_only_where_allowed(peer: Receiver, tmp_path: Path) -> None:
    error = failure(peer.url, tmp_path, allow_http=False)
    assert error.permanent
    assert "https://" in str(error)
    assert peer.requests == []


def test_the_machines_proxy_and_netrc_are_not_used(
    peer: Receiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port()}")
    netrc = tmp_path / "netrc"
    netrc.write_text("machine localhost login somebody password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    channel().send(envelope_to(peer.url, tmp_path))
    assert "authorization" not in peer.requests[0].headers


def test_settings_become_webhook_settings() -> None:
    settings = WebhookSettings.from_settings(Settings(webhook_allow=["10.0.0.0/8"], webhook_allow_http=True))
    assert settings.allow_http
    assert settings.guard.permits("10.1.2.3")
