"""The three fields of a form as subscriptions: what they ask for, what contradicts, and who stays subscribed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from reports.errors import InvalidRecipient
from reports.model import ChannelKind, Format, Subscription
from reports.recipients import Method, Recipients, recipients_of, subscribe_all
from reports.service import NewSubscription

AT = datetime(2026, 11, 22, 9, tzinfo=UTC)
HOOK, OTHER_HOOK = "https://hooks.example.org/in", "https://hooks.example.org/other"


class Desk:
    """Subscriptions of one report in a list; says what was done."""

    def __init__(self, *there: Subscription) -> None:
        self.there = list(there)
        self.done: list[str] = []

    def subscriptions(self, report: str) -> list[Subscription]:
        return [each for each in self.there if each.report_id == report]

    def subscribe(self, new: NewSubscription, at: datetime) -> Subscription:
        made = subscription(new.channel, new.address)
        self.there.append(made)
        self.done.append(f"+{new.address}")
        return made

    def edit_subscription(self, edited: Subscription) -> Subscription:
        self.there = [edited if each.id == edited.id else each for each in self.there]
        self.done.append(f"~{edited.address}")
        return edited

    def unsubscribe(self, id: str) -> None:
        self.done.append(f"-{next(each.address for each in self.there if each.id == id)}")
        self.there = [each for each in self.there if each.id != id]


def subscription(channel: ChannelKind, address: str) -> Subscription:
    return Subscription(address, "r", channel, address, secret="whsec_old" if channel is ChannelKind.WEBHOOK else "")


def email(address: str) -> Subscription:
    return subscription(ChannelKind.EMAIL, address)


def webhook(url: str) -> Subscription:
    return subscription(ChannelKind.WEBHOOK, url)


@pytest.mark.parametrize(
    ("method", "emails", "url", "wanted"),
    [
        (None, None, None, None),
        (None, [], None, Recipients()),
        (None, [], "", Recipients()),
        (None, ["a@example.org"], None, Recipients(("a@example.org",))),
        (None, None, HOOK, Recipients((), HOOK)),
        (Method.EMAIL, ["a@example.org"], None, Recipients(("a@example.org",))),
        (Method.WEBHOOK, None, HOOK, Recipients((), HOOK)),
        (Method.WEBHOOK, [], HOOK, Recipients((), HOOK)),
        (Method.BOTH, ["a@example.org"], HOOK, Recipients(("a@example.org",), HOOK)),
    ],
)
def test_what_the_fields_ask_for(
    method: Method | None, emails: list[str] | None, url: str | None, wanted: Recipients | None
) -> None:
    assert Recipients.asked(method, emails, url) == wanted


@pytest.mark.parametrize(
    ("method", "emails", "url", "field"),
    [
        (Method.EMAIL, [], None, "recipients"),
        (Method.EMAIL, None, HOOK, "recipients"),
        (Method.EMAIL, ["a@example.org"], HOOK, "webhook_url"),
        (Method.WEBHOOK, None, None, "webhook_url"),
        (Method.WEBHOOK, ["a@example.org"], HOOK, "recipients"),
        (Method.BOTH, ["a@example.org"], None, "webhook_url"),
        (Method.BOTH, None, HOOK, "recipients"),
    ],
)
def test_what_contradicts_is_refused_at_its_field(
    method: Method, emails: list[str] | None, url: str | None, field: str
) -> None:
    with pytest.raises(InvalidRecipient) as refused:
        Recipients.asked(method, emails, url)
    assert refused.value.field == field


def test_addresses_are_checked_and_each_is_named_once() -> None:
    wanted = Recipients(("A@EXAMPLE.org", "a@example.org", "b@example.org"), f" {HOOK} ")
    assert wanted.checked(allow_http=False) == Recipients(("a@example.org", "b@example.org"), HOOK)
    plain = Recipients((), "http://hooks.example.org")
    assert plain.checked(allow_http=True) == plain
    with pytest.raises(InvalidRecipient) as refused:
        plain.checked(allow_http=False)
    assert refused.value.field == "webhook_url"


def test_the_form_shows_what_it_can() -> None:
    outbox = subscription(ChannelKind.OUTBOX, "finance")
    shown = recipients_of([email("b@example.org"), webhook(HOOK), outbox, email("A@example.org"), webhook(OTHER_HOOK)])
    assert shown == Recipients(("A@example.org", "b@example.org"), HOOK)
    assert shown.method is Method.BOTH
    assert recipients_of([outbox]).method is None


@pytest.mark.parametrize(
    ("there", "wanted", "done"),
    [
        ([], Recipients(("a@x.org",), HOOK), ["+a@x.org", f"+{HOOK}"]),
        ([email("a@x.org"), email("b@x.org")], Recipients(("b@x.org", "c@x.org")), ["-a@x.org", "+c@x.org"]),
        ([email("a@x.org"), webhook(HOOK)], Recipients(("a@x.org",), HOOK), []),
        ([webhook(HOOK), webhook(OTHER_HOOK)], Recipients((), OTHER_HOOK), []),
        ([webhook(HOOK), webhook(OTHER_HOOK)], Recipients(), [f"-{HOOK}", f"-{OTHER_HOOK}"]),
        ([subscription(ChannelKind.OUTBOX, "finance")], Recipients(), []),
        ([webhook(HOOK)], Recipients((), OTHER_HOOK), [f"~{OTHER_HOOK}"]),
    ],
)
def test_subscriptions_follow_the_form(there: list[Subscription], wanted: Recipients, done: list[str]) -> None:
    desk = Desk(*there)
    subscribe_all(desk, "r", wanted, AT)
    assert desk.done == done


def test_who_stays_keeps_what_was_chosen_and_another_url_gets_another_secret() -> None:
    chosen = replace(email("a@x.org"), formats=(Format.HTML,), paused=True)
    desk = Desk(chosen, replace(webhook(HOOK), include_content=True))
    moved = subscribe_all(desk, "r", Recipients(("a@x.org",), OTHER_HOOK), AT)
    assert desk.there[0] == chosen
    assert moved is not None
    assert (moved.secret, moved.include_content) == ("", True), "an empty secret is replaced by a new one"
    assert subscribe_all(desk, "r", Recipients(("a@x.org",), OTHER_HOOK), AT) is None, "nothing new to tell"
