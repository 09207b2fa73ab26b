"""One delivery as one e-mail message to one reader, the same for the mail server and for the outbox folder.

Message-ID derives from the delivery alone, so that a message handed over twice is seen to be the same. Whatever is
too large is linked or named instead of attached. Nothing here opens a connection.
"""

from __future__ import annotations

import contextlib
import re
import unicodedata
from dataclasses import replace
from email.errors import HeaderParseError
from email.headerregistry import Address, BaseHeader, HeaderRegistry, UnstructuredHeader
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import parseaddr
from typing import Any, cast

from email_validator import validate_email

from reports import periods
from reports.errors import ConfigError, DeliveryError
from reports.filenames import slug
from reports.messages.envelope import Envelope
from reports.messages.failure_notice import failure_notice
from reports.messages.mail_body import Attachment, Body, attachments, report_body
from reports.messages.notice import Notice, notice_body
from reports.messages.undelivered_notice import undelivered_notice
from reports.messages.wording import clean, holds_line_break
from reports.model import ChannelKind, Delivery, DeliveryKind, Format

REPORT_NAME_LIMIT = 200  # characters, in subject and text; mail programs show a good 60
NAME_LIMIT = 100  # characters of a display name
BASE64_GROWTH = 4 / 3 * 78 / 76  # of an attachment on the wire, with its line breaks
OUTBOX_DOMAIN = "outbox.invalid"  # of readers of the outbox folder that are no mail addresses; RFC 6761
MIME_TYPES = {
    Format.HTML: ("text", "html"),
    Format.PDF: ("application", "pdf"),
    Format.XLSX: ("application", "vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    Format.NOTEBOOK: ("application", "x-ipynb+json"),
    Format.MAIL: ("application", "json"),
    Format.RESULTS: ("application", "zip"),
}


class _Unbroken(UnstructuredHeader):
    """A header of ASCII tokens in one line: the standard library turns a long URL or id into encoded words."""

    def fold(self, *, policy: Any) -> str:
        header = cast(BaseHeader, self)  # the registry mixes both classes
        return f"{header.name}: {header}{policy.linesep}"


class _Registry(HeaderRegistry):
    def __init__(self) -> None:
        super().__init__()
        self.registry |= dict.fromkeys(("list-unsubscribe", "message-id"), _Unbroken)


# 7bit: not every server on the way announces 8BITMIME, and smtplib does not ask.
POLICY = SMTP.clone(header_factory=_Registry(), cte_type="7bit")


def build_message(envelope: Envelope, sender: str, max_bytes: int) -> EmailMessage:
    """The message, with its files attached as long as its encoded size stays within `max_bytes`.

    Raises DeliveryError: permanent for an address or a name that cannot stand in a mail.
    """
    envelope = _with_clean_name(envelope)
    notice = _notice(envelope)
    if notice is not None:
        return _composed(envelope, sender, notice_body(envelope, notice))
    files = attachments(envelope)
    if sum(file.size for file in files) * BASE64_GROWTH <= max_bytes:
        message = _composed(envelope, sender, report_body(envelope, files, attached=True), files)
        if encoded_size(message) <= max_bytes:
            return message
    body = report_body(envelope, files, attached=False)
    message = _composed(envelope, sender, body)
    if encoded_size(message) <= max_bytes:
        return message
    return _composed(envelope, sender, Body(body.text, html=""))  # the pictures alone are too large


def _notice(envelope: Envelope) -> Notice | None:
    """What the owner is told; None for a report."""
    if envelope.kind is DeliveryKind.FAILURE:
        return failure_notice(envelope)
    return undelivered_notice(envelope) if envelope.kind is DeliveryKind.UNDELIVERED else None


def _with_clean_name(envelope: Envelope) -> Envelope:
    _refuse_line_breaks("report's name", envelope.run.report_name)
    return replace(envelope, run=replace(envelope.run, report_name=clean(envelope.run.report_name, REPORT_NAME_LIMIT)))


def encoded_size(message: EmailMessage) -> int:
    """Bytes on the wire."""
    return len(message.as_bytes())


def message_id(delivery: Delivery, domain: str) -> str:
    return f"<{re.sub(r'[^A-Za-z0-9_-]', '-', delivery.message)}@{domain}>"


def sender_address(sender: str) -> Address:
    """`reports@example.org` or `Reports <reports@example.org>`. Raises ConfigError naming mail_from."""
    name, address = parseaddr(sender)
    try:
        _refuse_line_breaks("sender", sender)
        return _address(address, clean(name, NAME_LIMIT) or "Gazette")
    except DeliveryError as error:
        raise ConfigError("mail_from", f"takes an address such as reports@example.org; {error}") from error


def _composed(envelope: Envelope, sender: str, body: Body, files: tuple[Attachment, ...] = ()) -> EmailMessage:
    message = EmailMessage(policy=POLICY)
    _write_headers(message, envelope, sender)
    message.set_content(_encodable(body.text), cte="quoted-printable")
    if body.html:
        message.add_alternative(_encodable(body.html), subtype="html", cte="quoted-printable")
        html = cast(EmailMessage, list(message.iter_parts())[-1])
        for image in body.images:
            html.add_related(
                image.png, "image", "png", cid=f"<{image.cid}>", disposition="inline", filename=f"{slug(image.cid)}.png"
            )
    for file in files:
        message.add_attachment(file.read(), *MIME_TYPES[file.format], filename=file.name)
    return message


def _encodable(text: str) -> str:
    """Unpaired surrogates, which an error's message may hold, cannot be sent."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _write_headers(message: EmailMessage, envelope: Envelope, sender: str) -> None:
    run, delivery = envelope.run, envelope.delivery
    origin = sender_address(sender)
    message["From"] = origin
    message["To"] = _reader(envelope)
    if "@" in run.owner and envelope.kind is DeliveryKind.REPORT:
        with contextlib.suppress(DeliveryError):  # an owner's odd address must not keep the report from its readers
            message["Reply-To"] = _address(run.owner, "")
    message["Subject"] = _subject(envelope)
    message["Date"] = envelope.at
    message["Message-ID"] = message_id(delivery, origin.domain)
    message["Auto-Submitted"] = "auto-generated"
    if envelope.unsubscribe_url and envelope.kind is DeliveryKind.REPORT:
        message["List-Unsubscribe"] = f"<{_ascii_url(envelope.unsubscribe_url)}>"
        message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"  # RFC 8058
    message["X-Gazette-Delivery"] = clean(delivery.id, NAME_LIMIT)
    message["X-Gazette-Run"] = clean(run.id, NAME_LIMIT)
    message["X-Gazette-Report"] = clean(run.report_id, NAME_LIMIT)


def _subject(envelope: Envelope) -> str:
    name, days = envelope.run.report_name, periods.in_words(envelope.run.period)
    notice = _notice(envelope)
    return f"{notice.word}: {name} for {days}" if notice is not None else f"{name}: {days}"


def _reader(envelope: Envelope) -> Address:
    address = envelope.delivery.address
    name = envelope.subscription.subscriber if envelope.subscription else ""
    _refuse_line_breaks("subscriber's name", name)
    if envelope.delivery.channel is ChannelKind.OUTBOX and "@" not in address:
        _refuse_line_breaks("address", address)
        user = slug(address).encode("ascii", "ignore").decode() or "reader"
        return Address(clean(name or address, NAME_LIMIT), user, OUTBOX_DOMAIN)
    return _address(address, clean(name, NAME_LIMIT))


def _refuse_line_breaks(what: str, text: str) -> None:
    """A line break in a header would start a header of somebody else's choice."""
    if holds_line_break(text):
        raise DeliveryError(
            f"The {what} holds a line break, which no mail header may; correct the {what}.", permanent=True
        )


def _address(text: str, name: str) -> Address:
    """With an international domain in its ASCII form. Raises DeliveryError, permanent."""
    try:
        if any(unicodedata.category(sign).startswith(("C", "Z")) for sign in text):
            raise ValueError("it holds a space or a control character")
        if not text.isascii():
            text = validate_email(text, check_deliverability=False, allow_smtputf8=False).ascii_email or text
        address = Address(name, addr_spec=text)
    except (ValueError, IndexError, HeaderParseError) as error:
        raise DeliveryError(f"{text!r} is not an e-mail address ({error}); correct it.", permanent=True) from error
    if not address.username or not address.domain:
        raise DeliveryError(f"{text!r} is not an e-mail address; correct it.", permanent=True)
    return address


def _ascii_url(url: str) -> str:
    if not url.isascii() or any(sign.isspace() or sign in "<>" for sign in url):
        raise DeliveryError("The link to unsubscribe holds a sign that no URL may; check base_url.", permanent=True)
    return url
