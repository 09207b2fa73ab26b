"""Deliveries by e-mail: one message, one recipient, one verified connection each.

yagmail opens the connection; the message is our own, because yagmail's would repeat its Message-ID and send itself
again after a lost answer. A message never travels unencrypted, except to a server on this machine.

What is permanent: only that the server refused this message or this reader for good (5xx). A wrong password, an
expired certificate or a missing STARTTLS is somebody's to repair within hours, so those are tried again, and say so.
"""

from __future__ import annotations

import contextlib
import smtplib
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email.message import EmailMessage
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Literal

import structlog
import yagmail

from reports.errors import ConfigError, DeliveryError
from reports.messages.envelope import Envelope
from reports.messages.mail import build_message, encoded_size, sender_address
from reports.messages.wording import clean
from reports.settings import Settings
from runner.deliver.deadline import Deadline
from runner.ports import Receipt

log = structlog.get_logger()

ANSWER_SECONDS = 20.0  # for one answer of the server
TOTAL_SECONDS = 50.0  # for the whole exchange; less than a lease, so that nobody else takes the delivery meanwhile
ANSWER_LIMIT = 300  # characters of the server's answer that are shown
TOO_LARGE = 552  # also the answer to MAIL, which announces the size
NEEDS_SIGN_IN = frozenset({530, 534, 535, 538})  # 5xx that concern our account, not the message


@dataclass(frozen=True)
class SmtpSettings:
    host: str
    port: int
    sender: str
    security: Literal["starttls", "tls", "none"] = "starttls"
    user: str | None = None
    password: str | None = None
    ca_file: Path | None = None
    max_bytes: int = 10_000_000
    answer_seconds: float = ANSWER_SECONDS
    total_seconds: float = TOTAL_SECONDS

    @classmethod
    def from_settings(cls, settings: Settings) -> SmtpSettings:
        """Raises ConfigError if there is no mail server."""
        if settings.smtp_host is None:
            raise ConfigError("smtp_host", "names no mail server; without one, mails go to the outbox folder")
        return cls(
            host=settings.smtp_host,
            port=settings.smtp_port,
            sender=settings.mail_from,
            security=settings.smtp_security,
            user=settings.smtp_user,
            password=settings.smtp_password.get_secret_value() if settings.smtp_password else None,
            ca_file=settings.smtp_ca_file,
            max_bytes=int(settings.mail_max_mb * 1_000_000),
        )


class EmailChannel:
    """Implements `runner.ports.Channel`; may be used from several threads, each send has its own connection."""

    def __init__(self, settings: SmtpSettings) -> None:
        """Raises ConfigError: security none for a distant server, a password alone, an unusable sender or CA file."""
        if settings.security == "none" and not _is_loopback(settings.host):
            raise ConfigError(
                "smtp_security", f"none is only for a server on this machine, not {settings.host}; use starttls or tls"
            )
        if (settings.user is None) != (settings.password is None):
            raise ConfigError("smtp_password", "goes together with smtp_user; set both or neither")
        if not f"{settings.user}{settings.password}".isascii():
            raise ConfigError(
                "smtp_user", "and smtp_password take ASCII signs only, as signing in to a mail server does"
            )
        self._settings = settings
        self._sender = sender_address(settings.sender)
        self._context = _tls_context(settings.ca_file)

    def send(self, envelope: Envelope) -> Receipt:
        settings = self._settings
        message = build_message(envelope, settings.sender, settings.max_bytes)
        with Deadline(settings.total_seconds) as deadline:
            connection = _Connection(settings, self._context, deadline)
            with _translated(connection, settings), contextlib.closing(connection):
                connection.login()
                connection.smtp.ehlo_or_helo_if_needed()
                if settings.user is not None:
                    connection.smtp.login(settings.user, settings.password)
                message = _fitting(message, envelope, settings, connection.smtp)
                reader = message["To"].addresses[0].addr_spec
                connection.smtp.send_message(message, self._sender.addr_spec, [reader])
        log.info(
            "Mail accepted",
            action="deliver.sent",
            channel="email",
            delivery=envelope.delivery.id,
            run=envelope.run.id,
            bytes=encoded_size(message),
        )
        return Receipt(detail=f"{settings.host} accepted the message {message['Message-ID']} for {reader}")


class _Smtp(smtplib.SMTP):
    """Knows whether the content was handed over, so that a lost answer can be told from a lost connection."""

    content_sent = False

    def __init__(self, *args: Any, deadline: Deadline, **options: Any) -> None:
        deadline.watch(lambda: self.sock)
        super().__init__(*args, **options)

    def send(self, data: Any) -> None:
        super().send(data)
        if isinstance(data, bytes):  # smtplib sends commands as text, and only a message's content as bytes
            self.content_sent = True


class _SmtpTls(_Smtp, smtplib.SMTP_SSL):
    """The same over implicit TLS."""


class _Connection(yagmail.SMTP):  # type: ignore[misc]  # yagmail has no types
    """yagmail's connection with our certificates, our time limits and no questions to a keyring or a terminal."""

    smtp: Any

    def __init__(self, settings: SmtpSettings, context: ssl.SSLContext, deadline: Deadline) -> None:
        implicit = settings.security == "tls"
        options: dict[str, Any] = {"context": context} if implicit else {}
        super().__init__(
            user="gazette@localhost",  # not used: yagmail appends @gmail.com to other names, and we sign in ourselves
            host=settings.host,
            port=settings.port,
            smtp_ssl=implicit,
            smtp_starttls={"context": context} if settings.security == "starttls" else False,
            smtp_skip_login=True,
            soft_email_validation=False,
            timeout=settings.answer_seconds,
            deadline=deadline,
            **options,
        )
        self.deadline = deadline

    @property
    def connection(self) -> Callable[..., smtplib.SMTP]:
        return _SmtpTls if self.ssl else _Smtp

    @property
    def content_sent(self) -> bool:
        return self.smtp is not None and self.smtp.content_sent

    def close(self) -> None:
        """Ends the conversation; what the server says to that changes nothing any more."""
        self.is_closed = True
        if self.smtp is not None:
            with contextlib.suppress(smtplib.SMTPException, OSError):
                if self.smtp.sock is not None:
                    self.smtp.quit()
            self.smtp.close()


def _fitting(message: EmailMessage, envelope: Envelope, settings: SmtpSettings, smtp: smtplib.SMTP) -> EmailMessage:
    """The message again without its files if the server announces a smaller limit than ours (RFC 1870)."""
    announced = smtp.esmtp_features.get("size", "")
    limit = int(announced) if announced.isdigit() else 0
    if limit and encoded_size(message) > limit:
        return build_message(envelope, settings.sender, limit)
    return message


@contextlib.contextmanager
def _translated(connection: _Connection, settings: SmtpSettings) -> Iterator[None]:
    """Every way an exchange can fail, as a DeliveryError."""
    try:
        yield
    except (smtplib.SMTPException, OSError) as error:
        raise _delivery_error(error, connection, settings) from error


def _delivery_error(error: Exception, connection: _Connection, settings: SmtpSettings) -> DeliveryError:
    server = f"The mail server {settings.host}:{settings.port}"
    if connection.content_sent and not _is_clear_answer(error):
        return DeliveryError(
            f"{server} was handed the message, but its answer was lost. It may have been delivered; sent again, it "
            "carries the same Message-ID.",
            unknown=True,
        )
    if connection.deadline.expired or _is_timeout(error):
        return DeliveryError(f"{server} did not answer in time.")
    if isinstance(error, smtplib.SMTPException):
        return _refusal(error, server, settings)
    if isinstance(error, ssl.SSLCertVerificationError):
        return DeliveryError(
            f"The certificate of {settings.host}:{settings.port} is not trusted ({error.verify_message}). Nothing was "
            "sent, and nothing is ever sent without TLS. Renew the certificate, or name its authority in smtp_ca_file."
        )
    if isinstance(error, ssl.SSLError):
        return DeliveryError(f"No TLS connection with {settings.host}:{settings.port} ({error.reason or error}).")
    return DeliveryError(f"{server} cannot be reached ({error}); check smtp_host and smtp_port.")


def _is_clear_answer(error: Exception) -> bool:
    """Whether the server said no to the content, in words that can be read."""
    return isinstance(error, smtplib.SMTPDataError) and 400 <= error.smtp_code <= 599


def _is_timeout(error: Exception) -> bool:
    return isinstance(error, TimeoutError) or isinstance(error.__context__, TimeoutError)  # smtplib keeps it there


def _refusal(error: smtplib.SMTPException, server: str, settings: SmtpSettings) -> DeliveryError:
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return DeliveryError(
            f"{server} refused to sign in {settings.user} ({_answer(error)}); check smtp_user and smtp_password."
        )
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return DeliveryError(
            f"{server} does not offer what this needs ({error}). Nothing was sent; check smtp_security and smtp_user."
        )
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        reader, (code, text) = next(iter(error.recipients.items()))
        return _by_code(code, f"{server} refused {reader} ({code} {_text(text)})")
    if isinstance(error, smtplib.SMTPSenderRefused | smtplib.SMTPDataError):
        by_sender = isinstance(error, smtplib.SMTPSenderRefused) and error.smtp_code != TOO_LARGE
        what = f"the sender {settings.sender}" if by_sender else "the message"
        return _by_code(error.smtp_code, f"{server} refused {what} ({_answer(error)})")
    if isinstance(error, smtplib.SMTPResponseException):  # its greeting, or its answer to STARTTLS: not about us
        return DeliveryError(f"{server} is not ready ({_answer(error)}).")
    return DeliveryError(f"{server} closed the connection before the message was handed over ({error}).")


def _by_code(code: int, what: str) -> DeliveryError:
    if code in NEEDS_SIGN_IN:
        return DeliveryError(f"{what}: it wants a sign-in; set smtp_user and smtp_password.")
    permanent = 500 <= code <= 599
    return DeliveryError(f"{what}{'.' if permanent else '; it will be tried again.'}", permanent=permanent)


def _answer(error: smtplib.SMTPResponseException) -> str:
    return f"{error.smtp_code} {_text(error.smtp_error)}"


def _text(answer: bytes | str) -> str:
    return clean(answer.decode("utf-8", "replace") if isinstance(answer, bytes) else answer, ANSWER_LIMIT)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _tls_context(ca_file: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError("smtp_ca_file", f"names no file of certificates in PEM form; {error}") from error
