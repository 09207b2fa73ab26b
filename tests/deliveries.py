"""Values and peers for tests of deliveries: envelopes, real mail servers and real HTTP receivers on loopback."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import examples
import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Session
from aiosmtpd.smtp import Envelope as SmtpEnvelope

from reports.messages.envelope import Envelope
from reports.model import (
    ChannelKind,
    Delivery,
    DeliveryKind,
    DeliveryState,
    Format,
    Period,
    PeriodPolicy,
    Report,
    Run,
    RunState,
    Subscription,
)

AT = datetime(2026, 11, 16, 8, 0, 5, tzinfo=UTC)
DUE = datetime(2026, 11, 16, 8, 0, tzinfo=UTC)
PERIOD = Period(date(2026, 11, 9), date(2026, 11, 15), "Europe/Berlin")
SECRET = "whsec_" + base64.b64encode(b"first secret of 24 bytes").decode()
NEW_SECRET = "whsec_" + base64.b64encode(b"other secret of 24 bytes").decode()
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
)


def a_run(**changes: Any) -> Run:
    run = examples.a_run(
        a_report(),
        id="run-7",
        state=RunState.SUCCEEDED,
        due_at=DUE,
        period=PERIOD,
        formats=(Format.PDF,),
        attempt=1,
        metrics={"requests": 10_420_311, "spend_usd": 9326.92},
        finished_at=datetime(2026, 11, 16, 8, 0, 4, tzinfo=UTC),
    )
    return replace(run, **changes)


def a_report(**changes: Any) -> Report:
    plain = examples.a_plain_report(id="report-3", cron="0 9 * * 1", period_policy=PeriodPolicy.PREVIOUS_WEEK)
    return replace(plain, **changes)


def an_envelope(
    folder: Path,
    *,
    channel: ChannelKind = ChannelKind.EMAIL,
    address: str = "reader@example.org",
    kind: DeliveryKind = DeliveryKind.REPORT,
    run: Run | None = None,
    content: bytes = b"%PDF-1.7 a report",
    **changes: Any,
) -> Envelope:
    """A delivery of one PDF, with a mail made by the renderer."""
    pdf = folder / "report.pdf"
    pdf.write_bytes(content)
    subscription = Subscription(
        id="subscription-5", report_id="report-3", channel=channel, address=address, secret=SECRET
    )
    envelope = Envelope(
        delivery=Delivery(
            id="delivery-9",
            run_id="run-7",
            subscription_id=None if kind.to_owner else "subscription-5",
            kind=kind,
            channel=channel,
            address=address,
            state=DeliveryState.SENDING,
            attempt=1,
        ),
        kind=kind,
        run=run or a_run(),
        report=a_report(),
        subscription=None if kind.to_owner else subscription,
        files={} if kind.to_owner else {Format.PDF: pdf},
        sha256={} if kind.to_owner else {Format.PDF: hashlib.sha256(content).hexdigest()},
        mail=None if kind.to_owner or "mail" in changes else a_mail(folder),
        at=AT,
    )
    return replace(envelope, **changes)


def a_mail(folder: Path, **changes: Any) -> Path:
    mail = {
        "text": "Weekly usage\n\nRequests  10.42 M\n\n{{links}}\n\n{{footer}}\n",
        "html": '<html><body><h1>Weekly usage</h1><img src="cid:requests" alt="Requests a day">'
        "{{links}}{{footer}}</body></html>",
        "images": [{"cid": "requests", "alt": "Requests a day", "png_base64": base64.b64encode(PNG).decode()}],
    }
    path = folder / "mail.json"
    path.write_text(json.dumps(mail | changes), encoding="utf-8")
    return path


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Certificates:
    """An authority of our own, what it issued for loopback, and a stranger's certificate for the same names."""

    folder: Path
    authority: trustme.CA = field(default_factory=trustme.CA)

    @property
    def ca_file(self) -> Path:
        path = self.folder / "authority.pem"
        self.authority.cert_pem.write_to_path(str(path))
        return path

    def server_context(self, *, trusted: bool = True, host: str = "localhost") -> ssl.SSLContext:
        authority = self.authority if trusted else trustme.CA()
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        authority.issue_cert(host, "127.0.0.1").configure_cert(context)
        return context


class MailServer:
    """A real SMTP server. `on_rcpt` and `on_data` may answer otherwise, with an SMTP reply or by dropping the line."""

    def __init__(self) -> None:
        self.accepted: list[SmtpEnvelope] = []
        self.encrypted: list[bool] = []
        self.users: list[str] = []
        self.rcpt_replies: dict[str, str] = {}
        self.data_replies: list[str] = []  # one for each message, in turn; "drop" and "hang" give no answer at all
        self.port = 0

    async def handle_RCPT(  # aiosmtpd's name
        self, server: SMTP, session: Session, envelope: SmtpEnvelope, address: str, options: list[str]
    ) -> str:
        if address in self.rcpt_replies:
            return self.rcpt_replies[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: SmtpEnvelope) -> str:
        reply = self.data_replies.pop(0) if self.data_replies else "250 accepted"
        if reply.startswith("250") or reply in {"drop", "hang"}:
            self.accepted.append(envelope)
            self.encrypted.append(server.transport.get_extra_info("ssl_object") is not None)
        if reply == "drop":
            server.transport.abort()
        if reply == "hang":
            await asyncio.sleep(30)
        return reply

    def authenticate(self, server: SMTP, session: Session, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        self.users.append(data.login.decode())
        return AuthResult(success=data.password == b"right", handled=False)


@contextlib.contextmanager
def mail_server(
    *, implicit_tls: bool = False, context: ssl.SSLContext | None = None, **options: Any
) -> Iterator[MailServer]:
    """With `context` it offers STARTTLS, or TLS from the first byte."""
    server = MailServer()
    tls = {"ssl_context": context} if implicit_tls else {"tls_context": context}
    controller = Controller(
        server, hostname="127.0.0.1", port=free_port(), authenticator=server.authenticate, **tls, **options
    )
    controller.start()
    server.port = controller.port
    try:
        yield server
    finally:
        controller.stop()


@dataclass
class Request:
    path: str
    headers: dict[str, str]
    body: bytes


class Receiver:
    """A real HTTP server. `answers` are (status, headers, body), used in turn; the last one stays."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.answers: list[tuple[int, dict[str, str], bytes]] = [(204, {}, b"")]
        self.port = 0
        self.scheme = "http"

    @property
    def url(self) -> str:
        return f"{self.scheme}://localhost:{self.port}/hook"


@contextlib.contextmanager
def receiver(context: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    received = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            received.requests.append(Request(self.path, {k.lower(): v for k, v in self.headers.items()}, body))
            status, headers, answer = received.answers[0]
            if len(received.answers) > 1:
                received.answers.pop(0)
            self.send_response(status)
            for name, value in {"content-length": str(len(answer)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *arguments: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        received.scheme = "https"
    received.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield received
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextlib.contextmanager
def raw_server(talk: Callable[[socket.socket], None], context: ssl.SSLContext | None = None) -> Iterator[int]:
    """A peer that says what it likes on each connection, for misbehaviour no library offers; yields its port."""
    listener = socket.create_server(("127.0.0.1", 0))
    over = threading.Event()

    def serve() -> None:
        while not over.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with contextlib.suppress(OSError), connection:
                connection.settimeout(5)
                peer = context.wrap_socket(connection, server_side=True) if context else connection
                with peer:
                    talk(peer)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield int(listener.getsockname()[1])
    finally:
        over.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(timeout=10)
