"""The page to subscribe: what may be chosen by whom, what will arrive before it is saved, tests to oneself."""

from __future__ import annotations

from email import message_from_bytes
from email.policy import default

import people
import pytest
import web_seed
from pages import Site, opened, table, words

from reports.access import Desk
from reports.errors import Forbidden, NotFound
from reports.model import (
    LEASE,
    ChannelKind,
    DeliveryKind,
    DeliveryState,
    Format,
    Operator,
    Person,
    SendIf,
    Subscription,
)
from reports.service import NewSubscription
from reports.store import AuditQuery, RunQuery
from web import wiring
from web.mail_text import read_mail


def as_person(monkeypatch: pytest.MonkeyPatch, person: Person) -> None:
    monkeypatch.setattr(wiring, "person_id", lambda: person.id)


def key(site: Site, name: str) -> str:
    return f"wish_{site.seeded.daily.id}_{name}"


def of_me(site: Site, person: Person) -> Subscription:
    desk = Desk(site.service, person)
    return desk.own_subscriptions([site.seeded.daily.id])[site.seeded.daily.id]


def test_a_viewer_subscribes_her_own_address_and_nothing_else(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    as_person(monkeypatch, people.VIEWER)
    app = opened("subscribe", report=site.seeded.daily.id)
    assert not app.radio
    assert app.text_input(key=key(site, "own")).disabled
    app.checkbox(key=key(site, "format_xlsx")).check()
    app.button(key="save").click().run()
    assert "Subscribed" in app.success[0].value
    mine = of_me(site, people.VIEWER)
    assert (mine.address, mine.channel) == (people.VIEWER.email, ChannelKind.EMAIL)
    assert set(mine.formats) == {Format.PDF, Format.XLSX}
    assert app.title[0].value.startswith("Subscription to")


def test_what_will_arrive_is_the_very_mail_of_the_last_run(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    as_person(monkeypatch, people.VIEWER)
    app = opened("subscribe", report=site.seeded.daily.id)
    said = words(app)
    assert f"To{people.VIEWER.email}" in said
    assert "Cost: $120.25" in said
    assert "daily-usage" in said
    assert ".pdf (30.0 kB)" in said
    desk = Desk(site.service, people.VIEWER)
    wanted = NewSubscription(site.seeded.daily.id, ChannelKind.EMAIL, people.VIEWER.email)
    sample = desk.sample(wanted, wiring.utc_now())
    assert sample is not None
    sent = message_from_bytes(sample.content, policy=default)
    assert sent["To"] == people.VIEWER.email
    assert [part.get_content_type() for part in sent.iter_attachments()] == ["application/pdf"]
    (pdf,) = sent.iter_attachments()
    assert pdf.get_payload(decode=True) == web_seed.PDF
    assert "data:image/png;base64," in read_mail(sample.content).html


def test_nobody_sees_by_a_sample_what_she_may_not_subscribe(site: Site) -> None:
    desk = Desk(site.service, people.VIEWER)
    for channel, address in ((ChannelKind.EMAIL, "board@example.org"), (ChannelKind.WEBHOOK, "https://example.org/")):
        wanted = NewSubscription(site.seeded.daily.id, channel, address)
        with pytest.raises(Forbidden):
            desk.sample(wanted, wiring.utc_now())
        with pytest.raises(Forbidden):
            desk.send_test(wanted, wiring.utc_now())


def test_a_test_goes_to_oneself_and_its_state_is_shown(site: Site) -> None:
    app = opened("subscribe", report=site.seeded.daily.id)
    app.text_input(key=key(site, "address_email")).set_value("board@example.org").run()
    app.button(key="test").click().run()
    assert people.ADMIN.email.replace(".", "\\.") in app.success[0].value
    test = site.service.store.claim_delivery("test", LEASE)
    while test is not None and test.kind is not DeliveryKind.TEST:
        site.service.store.finish_delivery(test.id, test.attempt, DeliveryState.SENT)
        test = site.service.store.claim_delivery("test", LEASE)
    assert test is not None
    assert test.address == people.ADMIN.email
    assert "sending" in words(app.run())
    site.service.store.finish_delivery(test.id, test.attempt, DeliveryState.SENT)
    assert "● sent" in words(app.run())
    assert not [each for each in site.service.subscriptions(site.seeded.daily.id) if each.address == test.address]
    (entry, *_) = site.service.store.audit(AuditQuery(person=people.ADMIN.id))
    assert (entry.action, entry.item) == ("test", site.seeded.daily.id)
    with pytest.raises(NotFound):
        Desk(site.service, people.VIEWER).test_delivery(test.id)


def test_a_webhooks_secret_is_shown_once(site: Site) -> None:
    app = opened("subscribe", report=site.seeded.daily.id)
    app.radio(key=key(site, "channel")).set_value(ChannelKind.WEBHOOK).run()
    assert not app.error  # an address that is still empty is not wrong yet
    app.text_input(key=key(site, "address_webhook")).set_value("http://plain.example.org/").run()
    assert "https" in app.error[0].value
    app.text_input(key=key(site, "address_webhook")).set_value("https://hooks.example.org/mine").run()
    assert '"type": "report.succeeded"' in words(app)
    app.checkbox(key=key(site, "content")).check()
    app.button(key="save").click().run()
    made = next(
        each
        for each in site.service.subscriptions(site.seeded.daily.id)
        if each.address == "https://hooks.example.org/mine"
    )
    assert made.include_content
    assert made.secret in [code.value for code in app.code]
    assert made.secret not in words(app.run())


def test_an_edited_webhook_keeps_its_secret_until_it_is_replaced(site: Site) -> None:
    hook = next(
        each for each in site.service.subscriptions(site.seeded.daily.id) if each.channel is ChannelKind.WEBHOOK
    )
    app = opened("subscribe", id=hook.id)
    app.button(key="save").click().run()
    assert site.service.subscription(hook.id) == hook
    app.checkbox(key=f"wish_{hook.id}_renew").check().run()
    app.button(key="save").click().run()
    new, old = site.service.subscription(hook.id).secret.split()
    assert (old, new != old) == (hook.secret, True)
    assert new in [code.value for code in app.code]


def test_it_is_sent_only_if_a_figure_crosses_a_threshold(site: Site) -> None:
    app = opened("subscribe", report=site.seeded.daily.id)
    app.selectbox(key=key(site, "kind")).set_value(SendIf.METRIC).run()
    figures = app.selectbox(key=key(site, "metric"))
    assert "spend_usd (last: 120.25)" in figures.options
    figures.set_value("spend_usd")
    app.selectbox(key=key(site, "operator")).set_value(Operator.AT_LEAST)
    app.number_input(key=key(site, "value")).set_value(99.5)
    app.text_input(key=key(site, "address_email")).set_value("cfo@example.org")
    app.button(key="save").click().run()
    made = next(each for each in site.service.subscriptions(site.seeded.daily.id) if each.address == "cfo@example.org")
    assert str(made.send_if) == "spend_usd >= 99.5"
    report = opened("report", id=site.seeded.daily.id)
    assert "if spend_usd is at least 99.5" in words(report)


def test_own_values_are_only_those_that_differ(site: Site) -> None:
    app = opened("subscribe", report=site.seeded.daily.id)
    app.toggle(key=key(site, "own_values")).set_value(True).run()
    app.number_input(key=key(site, "value_top_n")).set_value(3)
    app.text_input(key=key(site, "address_email")).set_value("team@example.org").run()
    assert "Make a preview run with just these" in app.button(key="make_preview").label
    app.button(key="make_preview").click().run()
    (preview,) = site.service.runs(RunQuery(report_id=site.seeded.daily.id, limit=1))
    assert (preview.kind.value, preview.parameters) == ("preview", {"top_n": 3})
    app.button(key="save").click().run()
    made = next(each for each in site.service.subscriptions(site.seeded.daily.id) if each.address == "team@example.org")
    assert made.parameters == {"top_n": 3}


def test_without_a_run_it_says_so_and_offers_one(site: Site) -> None:
    app = opened("subscribe", report=site.seeded.by_hand.id)
    assert "No run of this report has succeeded yet" in words(app)
    assert app.button(key="test").disabled
    app.button(key="make_preview").click().run()
    assert "○ queued" in words(app)
    assert not [each for each in app.button if each.key == "make_preview"]


def test_no_format_is_refused_at_its_field(site: Site) -> None:
    app = opened("subscribe", report=site.seeded.daily.id)
    app.checkbox(key=key(site, "format_pdf")).uncheck().run()
    assert "must be some of html, pdf, xlsx" in app.error[0].value
    assert "shown here as soon as everything above is filled in" in words(app)
    app.button(key="save").click().run()
    assert not app.success


def test_a_subscription_is_paused_resumed_and_ended(site: Site) -> None:
    board = next(each for each in site.service.subscriptions(site.seeded.daily.id) if each.channel is ChannelKind.EMAIL)
    app = opened("subscribe", id=board.id)
    app.button(key="pause").click().run()
    assert site.service.subscription(board.id).paused
    app.button(key="resume").click().run()
    assert not site.service.subscription(board.id).paused
    app.button(key="unsubscribe").click().run()
    assert "Unsubscribed" in app.success[0].value
    assert app.title[0].value.startswith("Subscribe to")
    with pytest.raises(NotFound):
        site.service.subscription(board.id)


def test_another_ones_subscription_is_not_there(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    as_person(monkeypatch, people.VIEWER)
    board = next(each for each in site.service.subscriptions(site.seeded.daily.id) if each.channel is ChannelKind.EMAIL)
    assert opened("subscribe", id=board.id).title[0].value == "Not found"


# In one click


def test_on_a_reports_page_one_click_subscribes_and_ends_it(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    as_person(monkeypatch, people.VIEWER)
    app = opened("report", id=site.seeded.daily.id)
    app.button(key="subscribe_me").click().run()
    assert of_me(site, people.VIEWER).formats == (Format.PDF,)
    app.button(key="pause_mine").click().run()
    assert of_me(site, people.VIEWER).paused
    app.button(key="resume_mine").click().run()
    assert not of_me(site, people.VIEWER).paused
    app.button(key="unsubscribe_me").click().run()
    assert Desk(site.service, people.VIEWER).own_subscriptions([site.seeded.daily.id]) == {}


def test_the_catalogue_says_what_one_is_subscribed_to(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    as_person(monkeypatch, people.VIEWER)
    Desk(site.service, people.VIEWER).subscribe(
        NewSubscription(site.seeded.daily.id, ChannelKind.EMAIL, people.VIEWER.email), wiring.utc_now()
    )
    rows = {row[0].split("Requests,")[0].strip(): row for row in table(opened("reports"), "30 reports")}
    assert rows["Daily usage"][-1].startswith("● subscribed")
    assert rows["Only by hand"][-1] == "Subscribe to Only by hand"
