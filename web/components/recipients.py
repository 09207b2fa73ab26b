"""Subscribers as table cells. An address may be a secret (a webhook's often is): what is not needed is not shown."""

from __future__ import annotations

from markupsafe import Markup

from reports.messages.wording import shown_address
from reports.model import ChannelKind, Subscription
from reports.posting import Recipient
from web.components import condition_input, status_text, tables, words
from web.components.tables import Cell, Column

COLUMNS = (
    Column("Subscriber", wide=True),
    Column("By"),
    Column("Formats"),
    Column("Own parameters"),
    Column("Sent"),
    Column("State"),
)


def row(subscription: Subscription) -> tuple[Cell, ...]:
    shown = shown_address(subscription.channel, subscription.address)
    name = subscription.subscriber or shown
    return (
        tables.with_note(tables.name_of(name), shown if subscription.subscriber else ""),
        words.CHANNEL_NAMES[subscription.channel],
        ", ".join(words.FORMAT_NAMES[format] for format in subscription.formats),
        words.values(subscription.parameters) or tables.NOTHING,
        condition_input.in_words(subscription.send_if),
        status_text.paused() if subscription.paused else status_text.state(status_text.GOOD, "active"),
    )


def in_words(recipient: Recipient) -> str:
    """For instance "The board, board@example.org (failed)"."""
    its = recipient.subscription
    shown = shown_address(its.channel, its.address)
    name = f"{its.subscriber}, {shown}" if its.subscriber else shown
    return f"{name} ({recipient.delivery.state.value if recipient.delivery else 'not sent to yet'})"


def of_delivery(channel: ChannelKind, text: str, subscriber: str) -> Markup:
    shown = shown_address(channel, text)
    name = tables.name_of(subscriber or shown)
    note = f"{words.CHANNEL_NAMES[channel]}, {shown}" if subscriber else words.CHANNEL_NAMES[channel]
    return tables.with_note(name, note)
