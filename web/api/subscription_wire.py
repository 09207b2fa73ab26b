"""Subscriptions as clients write and read them."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any

from pydantic import Field

from reports import conditions
from reports.model import ChannelKind, Format, Subscription
from reports.service import NewSubscription
from web.api.wire import Answer, Asked, Text, Truth, Values

Formats = Annotated[list[Format], Field(max_length=len(Format))]
SECRET = "Webhook: whsec_... to sign with, two with a space between while the receiver changes; left out: a new one."


class SubscriptionAsked(Asked):
    """A subscription as it is asked for."""

    channel: ChannelKind
    address: Text = Field(description="An e-mail address, a URL, or a name for the outbox.")
    subscriber: Text = Field("", description="A name to show.")
    formats: Formats = Field(default_factory=list, description="Left out: PDF, or what the report makes.")
    parameters: Values = Field(default_factory=dict, description="Own values over the report's.")
    secret: Text = Field("", description=SECRET)
    include_content: Truth = Field(False, description="Webhook: the files in the message, as base64.")
    send_if: Text = Field(
        "always", description='always, has_data, changed, "spend_usd > 100", "requests change > 20%".'
    )

    def asked_of(self, report: str) -> NewSubscription:
        return NewSubscription(
            report=report,
            channel=self.channel,
            address=self.address,
            subscriber=self.subscriber,
            formats=tuple(self.formats),
            parameters=self.parameters,
            secret=self.secret,
            include_content=self.include_content,
            send_if=conditions.parse(self.send_if),
        )


class SubscriptionEdit(Asked):
    """What is to change; a field that is left out stays as it is."""

    address: Text | None = None
    subscriber: Text | None = None
    formats: Formats | None = None
    parameters: Values | None = None
    secret: Text | None = Field(None, description=SECRET)
    include_content: Truth | None = None
    send_if: Text | None = None
    paused: Truth | None = None

    def over(self, there: Subscription) -> Subscription:
        given: dict[str, Any] = {name: value for name, value in dict(self).items() if value is not None}
        if "formats" in given:
            given["formats"] = tuple(given["formats"])
        if "send_if" in given:
            given["send_if"] = conditions.parse(given["send_if"])
        return replace(there, **given)


class SubscriptionOut(Answer):
    """One subscriber's standing wish for a report."""

    id: str
    report_id: str
    channel: ChannelKind
    address: str
    subscriber: str
    formats: list[Format]
    parameters: dict[str, Any]
    include_content: bool
    send_if: str
    paused: bool
    created_at: datetime | None
    secret: str | None = Field(
        None, description="Told once, when it is new: what the webhook's messages are signed with."
    )

    @classmethod
    def of(cls, subscription: Subscription, *, tell_secret: bool = False) -> SubscriptionOut:
        return cls(
            **{name: getattr(subscription, name) for name in SAME},
            formats=list(subscription.formats),
            send_if=str(subscription.send_if),
            secret=subscription.secret if tell_secret and subscription.secret else None,
        )


SAME = (
    "id",
    "report_id",
    "channel",
    "address",
    "subscriber",
    "parameters",
    "include_content",
    "paused",
    "created_at",
)
