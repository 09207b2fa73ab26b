"""Deliveries by webhook: one signed POST, as Standard Webhooks describes it, to a public address only.

The address is judged again at every connection, redirects are not followed, and neither an endless nor a dripping
answer keeps the sender. The id derives from the delivery, so that a peer can tell a repeated message; a lost answer is
therefore simply tried again. Proxies and ~/.netrc of the machine are not used: they would decide where data goes.
"""

from __future__ import annotations

import contextlib
import re
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from pathlib import Path
from typing import Any

import requests
import structlog
from requests.adapters import HTTPAdapter
from standardwebhooks import Webhook
from standardwebhooks.webhooks import EmptyWebhookSecretError
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, HTTPError, LocationParseError, NewConnectionError
from urllib3.util import Url, parse_url

from reports.errors import DeliveryError
from reports.messages.envelope import Envelope
from reports.messages.payload import body
from reports.messages.wording import clean
from reports.model import Delivery
from reports.settings import Settings
from runner.deliver.address_guard import AddressGuard
from runner.deliver.deadline import Deadline
from runner.ports import Receipt

log = structlog.get_logger()

CONNECT_SECONDS = 5.0
READ_SECONDS = 15.0  # for one read; the whole is bounded by TOTAL_SECONDS
TOTAL_SECONDS = 30.0  # less than a lease, so that nobody else takes the delivery meanwhile
ANSWER_SECONDS = 3.0  # for the answer's body once its status is known; it is only shown to people
ANSWER_LIMIT_BYTES = 2_000
SHOWN_LIMIT = 200  # characters of an answer in a message
TRY_AGAIN = frozenset({408, 409, 425, 429})  # 4xx that do not mean never; so do all 5xx
NO_WEB_ADDRESS = "The webhook's address is not a web address; correct it."
LONGEST_WAIT_SECONDS = 24 * 3600.0  # of a Retry-After; the longest pause between two attempts


@dataclass(frozen=True)
class WebhookSettings:
    guard: AddressGuard = field(default_factory=AddressGuard)
    allow_http: bool = False
    ca_file: Path | None = None  # default: the public authorities
    connect_seconds: float = CONNECT_SECONDS
    read_seconds: float = READ_SECONDS
    total_seconds: float = TOTAL_SECONDS

    @classmethod
    def from_settings(cls, settings: Settings) -> WebhookSettings:
        """Raises ConfigError for a network in webhook_allow that is none."""
        return cls(AddressGuard.from_settings(settings.webhook_allow), settings.webhook_allow_http)


@dataclass(frozen=True)
class Answer:
    status: int
    text: str
    retry_after: str
    location: str


class WebhookChannel:
    """Implements `runner.ports.Channel`; may be used from several threads, each send has its own session."""

    def __init__(self, settings: WebhookSettings) -> None:
        self._settings = settings

    def send(self, envelope: Envelope) -> Receipt:
        subscription = envelope.subscription
        url = _checked_url(envelope.delivery.address, self._settings)
        at = envelope.at.astimezone(UTC)
        content = body(envelope, with_content=subscription is not None and subscription.include_content)
        secrets = subscription.secret.split() if subscription else []
        headers = _signed_headers(webhook_id(envelope.delivery), at, content, secrets)
        answer = self._post(url, content, headers)
        if not 200 <= answer.status < 300:
            raise _refusal(url, answer, at)
        log.info(
            "Webhook accepted",
            action="deliver.sent",
            channel="webhook",
            delivery=envelope.delivery.id,
            run=envelope.run.id,
            status=answer.status,
        )
        return Receipt(detail=f"{url.host} answered {answer.status}" + (f": {answer.text}" if answer.text else ""))

    def _post(self, url: Url, content: bytes, headers: Mapping[str, str]) -> Answer:
        settings = self._settings
        with Deadline(settings.total_seconds) as deadline, _session(settings, deadline) as session:
            try:
                response = session.post(
                    url.url,
                    data=content,
                    headers=headers,
                    timeout=(settings.connect_seconds, settings.read_seconds),
                    allow_redirects=False,
                    stream=True,
                )
            except (requests.RequestException, HTTPError, OSError) as error:
                raise _unanswered(url, error, deadline) from error
            with response:
                if deadline.expired:  # its headers were cut, which http.client takes for their end
                    raise _unanswered(url, None, deadline)
                text = _excerpt(response, min(deadline.remaining, ANSWER_SECONDS))
        return Answer(
            response.status_code,
            text,
            response.headers.get("retry-after", ""),
            response.headers.get("location", ""),
        )


def webhook_id(delivery: Delivery) -> str:
    """The same for every attempt; without a full stop, which separates the parts of what is signed."""
    return "msg_" + re.sub(r"[^A-Za-z0-9_-]", "-", delivery.message)


class _Route:
    """How one send connects: through the guard, and within the deadline."""

    def __init__(self, guard: AddressGuard, deadline: Deadline) -> None:
        self.guard = guard
        self.deadline = deadline


class _GuardedConnection(HTTPConnection):
    """Connects to an address that was judged in the same breath, instead of to a name."""

    def __init__(self, *args: Any, route: _Route, **options: Any) -> None:
        super().__init__(*args, **options)
        self.route = route

    def _new_conn(self) -> socket.socket:
        timeout = self.timeout if isinstance(self.timeout, int | float) else CONNECT_SECONDS
        try:
            return self.route.guard.connect(self._dns_host, self.port, timeout)
        except TimeoutError as error:
            raise ConnectTimeoutError(self, f"no connection within {timeout} s") from error
        except OSError as error:
            raise NewConnectionError(self, str(error)) from error

    def connect(self) -> None:
        super().connect()
        connected = self.sock  # kept: http.client lets go of it while the answer is still being read
        self.route.deadline.watch(lambda: connected)


class _GuardedTlsConnection(_GuardedConnection, HTTPSConnection):
    """The same with TLS on top."""


class _GuardedPool(HTTPConnectionPool):
    ConnectionCls = _GuardedConnection


class _GuardedTlsPool(HTTPSConnectionPool):
    ConnectionCls = _GuardedTlsConnection


class _GuardedAdapter(HTTPAdapter):
    def __init__(self, route: _Route) -> None:
        self._route = route
        super().__init__(max_retries=0)

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **options)
        self.poolmanager.pool_classes_by_scheme = {
            "http": partial(_GuardedPool, route=self._route),
            "https": partial(_GuardedTlsPool, route=self._route),
        }


def _session(settings: WebhookSettings, deadline: Deadline) -> requests.Session:
    session = requests.Session()
    session.trust_env = False
    if settings.ca_file is not None:
        session.verify = str(settings.ca_file)
    adapter = _GuardedAdapter(_Route(settings.guard, deadline))
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session


def _checked_url(text: str, settings: WebhookSettings) -> Url:
    """By urllib3's parser, the one that also decides where the request goes. Raises DeliveryError, permanent."""
    try:
        url = parse_url(text)
    except LocationParseError as error:
        raise DeliveryError(NO_WEB_ADDRESS, permanent=True) from error
    if clean(text, len(text)) != text or " " in text or "\\" in text:
        raise DeliveryError(NO_WEB_ADDRESS, permanent=True)  # signs that two parsers may read in two ways
    schemes = ("https", "http") if settings.allow_http else ("https",)
    if url.scheme not in schemes or not url.host:
        allowed = " or ".join(f"{scheme}://" for scheme in schemes)
        raise DeliveryError(f"A webhook's address begins with {allowed} and names a host.", permanent=True)
    if url.auth is not None or "@" in re.split("[/?#]", text.partition("://")[2])[0]:
        raise DeliveryError("A webhook's address must not hold a user name or password.", permanent=True)
    return url


def _signed_headers(id: str, at: datetime, content: bytes, secrets: list[str]) -> dict[str, str]:
    """Signed with every secret: there are two while one is being replaced. Raises DeliveryError if there is none."""
    if not secrets:
        raise DeliveryError("This webhook has no signing secret; give the subscription one.", permanent=True)
    try:
        signatures = [Webhook(secret).sign(id, at, content.decode("ascii")) for secret in secrets]
    except (ValueError, RuntimeError, EmptyWebhookSecretError) as error:
        raise DeliveryError("The webhook's signing secret is not whsec_ and base64.", permanent=True) from error
    return {
        "content-type": "application/json",
        "webhook-id": id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(signatures),
        "user-agent": "Gazette",
        "accept-encoding": "identity",  # a compressed answer could grow without end
    }


def _excerpt(response: requests.Response, seconds: float) -> str:
    """The beginning of the answer's body for people. The status is known already, so any fault here is without harm."""
    ends = time.monotonic() + seconds
    text = b""
    with contextlib.suppress(HTTPError, OSError, ValueError):
        while len(text) < ANSWER_LIMIT_BYTES and time.monotonic() < ends:
            piece = response.raw.read1(ANSWER_LIMIT_BYTES, decode_content=False)
            if not piece:
                break
            text += piece
    return clean(text.decode("utf-8", "replace"), SHOWN_LIMIT)


def _unanswered(url: Url, error: Exception | None, deadline: Deadline) -> DeliveryError:
    if error is None or deadline.expired:
        return DeliveryError(f"{url.host} did not answer within {deadline.seconds:.0f} s; the connection was cut.")
    if isinstance(error, requests.exceptions.SSLError):
        return DeliveryError(f"The certificate of {url.host} is not trusted, so nothing was sent ({_cause(error)}).")
    if isinstance(error, requests.exceptions.Timeout):
        return DeliveryError(f"{url.host} did not answer in time.")
    if isinstance(error, requests.exceptions.InvalidURL | requests.exceptions.InvalidSchema):
        return DeliveryError(NO_WEB_ADDRESS, permanent=True)
    return DeliveryError(f"{url.host} could not be reached, or closed the connection ({_cause(error)}).")


def _cause(error: BaseException) -> str:
    """The innermost reason; requests wraps it several times, with addresses of objects in between."""
    while error.__context__ is not None:
        error = error.__context__
    return clean(str(error), SHOWN_LIMIT)


def _refusal(url: Url, answer: Answer, at: datetime) -> DeliveryError:
    said = f"{url.host} answered {answer.status}" + (f" ({answer.text})" if answer.text else "")
    if answer.status == 410:
        return DeliveryError(f"{url.host} answered 410: it wants no more of these messages.", permanent=True, gone=True)
    if 300 <= answer.status < 400:
        return DeliveryError(
            f"{said} and points elsewhere ({clean(answer.location, SHOWN_LIMIT)}). Redirects are not followed; "
            "subscribe with the final address.",
            permanent=True,
        )
    if answer.status in TRY_AGAIN or answer.status >= 500:
        return DeliveryError(f"{said}.", retry_after=_seconds(answer.retry_after, at))
    return DeliveryError(f"{said}; it will not take this message.", permanent=True)


def _seconds(retry_after: str, at: datetime) -> float | None:
    """Seconds from a Retry-After header, which holds seconds or a date; None if it holds neither."""
    text = retry_after.strip()
    if re.fullmatch(r"[0-9]{1,9}", text):
        return min(float(text), LONGEST_WAIT_SECONDS)
    try:
        date = parsedate_to_datetime(text)
    except ValueError:
        return None
    date = date if date.tzinfo else date.replace(tzinfo=UTC)
    return min(max(0.0, (date - at).total_seconds()), LONGEST_WAIT_SECONDS)
