"""What people and clients send, checked: names, recipients, webhook addresses and secrets, filters, formats.

Each function answers with the value in the form in which it is kept, or raises InvalidInput with the field where the
message belongs. Whether a webhook's address may be reached at all is judged when it is sent, since names can move.
"""

from __future__ import annotations

import base64
import binascii
import secrets
import unicodedata
from collections.abc import Iterable
from urllib.parse import urlsplit

import email_validator
from email_validator import EmailNotValidError, validate_email

from reports.errors import InvalidInput, InvalidRecipient
from reports.model import REPORT_FORMATS, ChannelKind, Filters, Format

MAX_NAME = 200  # characters
MAX_URL = 2000  # characters; longer ones are cut by proxies on the way
MAX_FILTER_VALUES = 1000  # of one filter; a database binds each
SECRET_PREFIX = "whsec_"
SECRET_BYTES = 24  # the least that Standard Webhooks allows
MAX_SECRET_BYTES = 64
MAX_SECRETS = 2  # the old and the new one, during rotation

INTRANET = ("local", "localhost")  # names that reach somebody inside a house, if not outside

# The library's own way to allow them: https://github.com/JoshData/python-email-validator#special-use-domain-names
for _name in INTRANET:
    if _name in email_validator.SPECIAL_USE_DOMAIN_NAMES:
        email_validator.SPECIAL_USE_DOMAIN_NAMES.remove(_name)


def checked_name(field: str, text: str) -> str:
    """One line of 1 to 200 printable characters, without blanks around it."""
    name = text.strip()
    if not name:
        raise InvalidInput(field, "must not be empty")
    if len(name) > MAX_NAME:
        raise InvalidInput(field, f"has {len(name)} characters; at most {MAX_NAME} are kept")
    _refuse_controls(field, name)
    return name


def checked_owner(text: str) -> str:
    """A user name, or an e-mail address, to which failures are reported; in small letters, as people's names are."""
    owner = checked_name("owner", text)
    return checked_email("owner", owner) if "@" in owner else owner.lower()


def checked_email(field: str, text: str) -> str:
    """The address in normal form and small letters: it is who somebody is, however it is typed.

    Intranet names pass; whether anybody reads it is found out by sending.
    """
    _refuse_controls(field, text)
    try:
        found = validate_email(text.strip(), check_deliverability=False, globally_deliverable=False)
    except EmailNotValidError as error:
        raise InvalidRecipient(field, f"{text.strip()!r} is no e-mail address: {error}") from error
    return found.normalized.lower()


def checked_address(channel: ChannelKind, text: str, *, allow_http: bool) -> str:
    if channel is ChannelKind.EMAIL:
        return checked_email("address", text)
    if channel is ChannelKind.WEBHOOK:
        return checked_url(text, allow_http=allow_http)
    return checked_name("address", text)


def checked_url(text: str, *, allow_http: bool) -> str:
    """A webhook's URL: https (http only where the settings allow it), a host, no user name, no blanks."""
    url = text.strip()
    _refuse_controls("address", url)
    if len(url) > MAX_URL or any(character.isspace() for character in url):
        raise InvalidRecipient("address", f"must be a URL of at most {MAX_URL} characters without blanks")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise InvalidRecipient("address", f"is no URL: {error}") from error
    if parts.scheme not in ({"https", "http"} if allow_http else {"https"}):
        also = "" if allow_http else " (http only where the setting webhook_allow_http is true)"
        raise InvalidRecipient("address", f"must begin with https://{also}")
    if not host or port == 0:
        raise InvalidRecipient("address", "must name a host, such as https://hooks.example.org/gazette")
    if parts.username is not None or parts.password is not None:
        raise InvalidRecipient("address", "must not hold a user name; the signature tells the peer who is sending")
    return url


def checked_secret(text: str) -> str:
    """The signing secrets as given, one or two; a new one where none is given."""
    given = text.split()
    if not given:
        return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode("ascii")
    if len(given) > MAX_SECRETS:
        raise InvalidInput("secret", "at most two are used: the new one and, while it is being replaced, the old one")
    for secret in given:
        _check_secret(secret)
    return " ".join(given)


def _check_secret(secret: str) -> None:
    try:
        key = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidInput("secret", "must be whsec_ followed by base64") from error
    if not secret.startswith(SECRET_PREFIX) or not SECRET_BYTES <= len(key) <= MAX_SECRET_BYTES:
        raise InvalidInput("secret", f"must be whsec_ and the base64 of {SECRET_BYTES} to {MAX_SECRET_BYTES} bytes")


def checked_formats(field: str, formats: Iterable[str]) -> tuple[Format, ...]:
    """The formats of a report in a fixed order; at least one."""
    wanted = set(formats)
    unknown = sorted(wanted.difference(REPORT_FORMATS))
    if unknown or not wanted:
        got = ", ".join(map(repr, unknown)) or "none"
        raise InvalidInput(field, f"must be some of {', '.join(REPORT_FORMATS)}; got {got}")
    return tuple(format for format in REPORT_FORMATS if format in wanted)


def checked_filters(filters: Filters) -> Filters:
    """The filters with each value once, in the order given."""
    return Filters(**{name: _checked_values(name, values) for name, values in vars(filters).items()})


def _checked_values(name: str, values: Iterable[str]) -> tuple[str, ...]:
    field = f"filters.{name}"
    found = tuple(dict.fromkeys(values))
    if len(found) > MAX_FILTER_VALUES:
        raise InvalidInput(field, f"has {len(found)} values; at most {MAX_FILTER_VALUES} are used")
    for value in found:
        if not isinstance(value, str) or not value or len(value) > MAX_NAME:
            raise InvalidInput(field, f"must be texts of 1 to {MAX_NAME} characters; got {value!r}")
        _refuse_controls(field, value)
    return found


def _refuse_controls(field: str, text: str) -> None:
    """No line break may reach a mail header, and no NUL or half a character a database."""
    if any(unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"} for character in text):
        kind = InvalidRecipient if field == "address" else InvalidInput
        raise kind(field, "must be one line without control characters")
