"""The recipients of a report as one field of it: e-mail addresses and a webhook, turned into subscriptions.

A form with three fields can say less than subscriptions can. What it cannot say (own parameters, the outbox, further
webhooks) is left alone as long as the form does not take its channel away.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from reports.errors import InvalidInput, InvalidRecipient
from reports.intake import checked_email, checked_url
from reports.model import ChannelKind, Subscription
from reports.service import NewSubscription


class Method(StrEnum):
    """Over which channels a report is sent."""

    EMAIL = "email"
    WEBHOOK = "webhook"
    BOTH = "both"


@dataclass(frozen=True)
class Recipients:
    """Who gets a report. Nobody, if both fields are empty."""

    emails: tuple[str, ...] = ()
    webhook_url: str | None = None

    @property
    def method(self) -> Method | None:
        if self.webhook_url is None:
            return Method.EMAIL if self.emails else None
        return Method.BOTH if self.emails else Method.WEBHOOK

    @classmethod
    def asked(cls, method: Method | None, emails: Sequence[str] | None, webhook_url: str | None) -> Recipients | None:
        """What the three fields ask for; None where none is given. Raises InvalidInput where they contradict."""
        if method is None and emails is None and webhook_url is None:
            return None
        wanted = cls(tuple(emails or ()), webhook_url or None)
        if method is None or method is wanted.method:
            return wanted
        if method is not Method.EMAIL and wanted.webhook_url is None:
            raise InvalidRecipient("webhook_url", f"is needed with the delivery method {method}")
        if method is not Method.WEBHOOK and not wanted.emails:
            raise InvalidRecipient("recipients", f"must name at least one address with the delivery method {method}")
        extra = "webhook_url" if method is Method.EMAIL else "recipients"
        raise InvalidRecipient(extra, f"is not used with the delivery method {method}; leave it out, or ask for both")

    def checked(self, *, allow_http: bool) -> Recipients:
        """The addresses in normal form, each once; raises InvalidRecipient naming the one that is none."""
        emails = [checked_email(f"recipients.{number}", email) for number, email in enumerate(self.emails)]
        return Recipients(tuple(dict.fromkeys(emails)), self._checked_url(allow_http=allow_http))

    def _checked_url(self, *, allow_http: bool) -> str | None:
        if self.webhook_url is None:
            return None
        try:
            return checked_url(self.webhook_url, allow_http=allow_http)
        except InvalidInput as error:
            raise InvalidRecipient("webhook_url", error.message) from error


class Subscribing(Protocol):
    """What is needed of the service layer."""

    def subscriptions(self, report: str) -> list[Subscription]: ...
    def subscribe(self, new: NewSubscription, at: datetime) -> Subscription: ...
    def edit_subscription(self, edited: Subscription) -> Subscription: ...
    def unsubscribe(self, id: str) -> None: ...


def recipients_of(subscriptions: Sequence[Subscription]) -> Recipients:
    """What the form shows: every e-mail address in alphabetical order, and the oldest webhook."""
    urls = [each.address for each in subscriptions if each.channel is ChannelKind.WEBHOOK]
    emails = tuple(each.address for each in subscriptions if each.channel is ChannelKind.EMAIL)
    return Recipients(tuple(sorted(set(emails), key=str.casefold)), urls[0] if urls else None)


def subscribe_all(desk: Subscribing, report_id: str, wanted: Recipients, at: datetime) -> Subscription | None:
    """Bring the report's subscriptions to what is wanted (checked); the answer is the webhook's if it is new.

    Whoever is subscribed already keeps formats, parameters and conditions.
    """
    _subscribe_emails(desk, report_id, wanted, at)
    return _subscribe_webhook(desk, report_id, wanted, at)


def _subscribe_emails(desk: Subscribing, report_id: str, wanted: Recipients, at: datetime) -> None:
    there = [each for each in desk.subscriptions(report_id) if each.channel is ChannelKind.EMAIL]
    for gone in (each for each in there if each.address not in wanted.emails):
        desk.unsubscribe(gone.id)
    known = {each.address for each in there}
    for email in wanted.emails:
        if email not in known:
            desk.subscribe(NewSubscription(report_id, ChannelKind.EMAIL, email), at)


def _subscribe_webhook(desk: Subscribing, report_id: str, wanted: Recipients, at: datetime) -> Subscription | None:
    """Another URL takes the place of the oldest webhook's, with a secret of its own; without a URL all of them go."""
    there = [each for each in desk.subscriptions(report_id) if each.channel is ChannelKind.WEBHOOK]
    if wanted.webhook_url is None:
        for gone in there:
            desk.unsubscribe(gone.id)
        return None
    if not there:
        return desk.subscribe(NewSubscription(report_id, ChannelKind.WEBHOOK, wanted.webhook_url), at)
    if wanted.webhook_url not in {each.address for each in there}:
        return desk.edit_subscription(replace(there[0], address=wanted.webhook_url, secret=""))
    return None
