"""Subscribe to a report (`?report=`) or change a subscription (`?id=`); what will arrive is shown before it is saved.

Everything is checked as it is filled in and said at its field; the mail below is the very mail, made from the last run.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import streamlit as st

from reports import intake
from reports.errors import GazetteError, InvalidInput, NotFound
from reports.model import REPORT_FORMATS, ChannelKind, Condition, Format, Report, RunState, Subscription
from reports.parameters import Parameter
from reports.samples import Sample
from reports.service import NewSubscription
from reports.store import RunQuery
from web import samples
from web.components import condition_input, live, notices, parameter_inputs, sample_view, status_text, tables, words
from web.components.reader import Reader, reader
from web.wiring import desk

ADDRESS_LABELS = {
    ChannelKind.EMAIL: "E-mail address",
    ChannelKind.WEBHOOK: "Webhook address, beginning with https://",
    ChannelKind.OUTBOX: "Name of the folder's reader",
}
FILE_LABELS = {Format.HTML: "HTML page", Format.PDF: "PDF", Format.XLSX: "Excel sheet"}
NEW_SECRET = "new_secret"  # in the session: shown once, on the page after saving
ENDED = (RunState.SUCCEEDED, RunState.FAILED, RunState.MISSED, RunState.CANCELLED)


@dataclass(frozen=True)
class Wish:
    """What the form says, and where to say what is wrong with it."""

    asked: NewSubscription | Subscription
    slots: dict[str, Any]


def page() -> None:
    id, report_id = st.query_params.get("id", ""), st.query_params.get("report", "")
    if not id and not report_id:
        st.title("Subscribe")
        notices.empty("This page subscribes you to a report.", "Choose one from the list of reports.")
        st.page_link("app_pages/reports.py", label="All reports")
        return
    there = desk().subscription(id) if id else None
    report, now = desk().report(there.report_id if there else report_id), reader()
    heading = "Subscription to" if there else "Subscribe to"
    st.title(notices.plain(f"{heading} {words.isolated(report.name)}"))
    notices.show_done()
    show_secret()
    st.html(tables.more("report", f"About {report.name}", id=report.id))
    if not desk().may_change(report) and not desk().person.email:
        st.info("Your account has no e-mail address, so there is nowhere to send the report. An admin can add one.")
        return
    show(report, there, now)


def show_secret() -> None:
    secret = st.session_state.pop(NEW_SECRET, None)
    if secret:
        st.warning("This secret signs the webhook's messages. Copy it now: it is shown only this once.")
        st.code(secret, language=None, wrap_lines=True)


def show(report: Report, there: Subscription | None, now: Reader) -> None:
    key = f"wish_{there.id if there else report.id}"
    wish = ask(report, there, key)
    sample, trouble = checked(wish)
    problem = st.container()
    with st.container(horizontal=True):
        save = st.button("Save" if there else "Subscribe", type="primary", key="save")
        test = st.button("Send a test to me", key="test", disabled=sample is None)
        standing_buttons(there)
    if trouble is not None:
        say(wish, trouble, problem, asked=save)
    elif save:
        notices.act(lambda: saved(wish.asked, there))
    if test and trouble is None:
        notices.act(lambda: tested(wish.asked, now))
    show_test(now)
    st.header("What will arrive")
    show_sample(report, wish, sample, trouble, now)


# The form


def ask(report: Report, there: Subscription | None, key: str) -> Wish:
    slots: dict[str, Any] = {}
    channel, address, subscriber = ask_where(report, there, key, slots)
    formats = ask_formats(report, there, key)
    slots["formats"] = st.empty()
    parameters = ask_parameters(report, there, key)
    slots["parameters"] = st.empty()
    given = there.send_if if there else Condition()
    send_if = condition_input.show(given, last_figures(report), key)
    slots["send_if"] = st.empty()
    include_content, secret = ask_webhook(there, key) if channel is ChannelKind.WEBHOOK else (False, "")
    values: dict[str, Any] = {
        "channel": channel,
        "address": address,
        "subscriber": subscriber,
        "formats": formats,
        "parameters": parameters,
        "secret": secret,
        "include_content": include_content,
        "send_if": send_if,
    }
    return Wish(replace(there, **values) if there else NewSubscription(report.id, **values), slots)


def ask_where(
    report: Report, there: Subscription | None, key: str, slots: dict[str, Any]
) -> tuple[ChannelKind, str, str]:
    """A viewer subscribes herself and nobody else, by mail."""
    if not desk().may_change(report):
        st.text_input(ADDRESS_LABELS[ChannelKind.EMAIL], desk().person.email, disabled=True, key=f"{key}_own")
        return ChannelKind.EMAIL, desk().person.email, there.subscriber if there else ""
    kinds = list(ChannelKind)
    channel = st.radio(
        "How it comes",
        kinds,
        kinds.index(there.channel) if there else 0,
        format_func=lambda kind: words.CHANNEL_NAMES[kind],
        horizontal=True,
        key=f"{key}_channel",
    )
    first = there.address if there and there.channel is channel else ""
    if not there and channel is ChannelKind.EMAIL:
        first = desk().person.email
    address = st.text_input(ADDRESS_LABELS[channel], first, key=f"{key}_address_{channel}")
    slots["address"] = st.empty()
    subscriber = st.text_input(
        "Reader's name, as the mail says it (optional)", there.subscriber if there else "", key=f"{key}_name"
    )
    slots["subscriber"] = st.empty()
    return channel, address, subscriber


def ask_formats(report: Report, there: Subscription | None, key: str) -> tuple[Format, ...]:
    chosen = there.formats if there else ((Format.PDF,) if Format.PDF in report.formats else report.formats[:1])
    st.html('<p class="gz-label">Files that come along</p>')
    with st.container(horizontal=True):
        return tuple(
            format
            for format in REPORT_FORMATS
            if st.checkbox(FILE_LABELS[format], format in chosen, key=f"{key}_format_{format}")
        )


def ask_parameters(report: Report, there: Subscription | None, key: str) -> dict[str, Any]:
    """Only values that differ from the report's: the others follow it when it changes."""
    declared = parameters_of(report)
    if not declared:
        return {}
    own = there.parameters if there else {}
    if not st.toggle("With values of my own instead of the report's", bool(own), key=f"{key}_own_values"):
        return {}
    usual = {each.name: each.default for each in declared} | report.parameters
    shown = parameter_inputs.show(declared, usual | own, f"{key}_value")
    return {name: value for name, value in shown.items() if name not in usual or usual[name] != value}


def parameters_of(report: Report) -> tuple[Parameter, ...]:
    try:
        return tuple(desk().template(report.template).parameters)
    except (NotFound, InvalidInput):
        return ()


def last_figures(report: Report) -> dict[str, Any]:
    """By name, of the last run that whoever fills in this form may see."""
    done = desk().runs(RunQuery(report_id=report.id, states=(RunState.SUCCEEDED,), limit=1))
    return done[0].metrics if done else {}


def ask_webhook(there: Subscription | None, key: str) -> tuple[bool, str]:
    content = st.checkbox(
        "Put the files into the message (base64, up to 1 MiB)",
        there.include_content if there else False,
        key=f"{key}_content",
    )
    kept = there.secret if there and there.channel is ChannelKind.WEBHOOK else ""
    if not kept:
        st.text("Its messages are signed with a secret that is made now and shown once, after saving.")
        return content, session_secret(key)
    if not st.checkbox("Replace the secret that signs its messages", key=f"{key}_renew"):
        return content, kept
    st.text("Until you replace it again, messages are signed with both secrets, so that nothing is lost meanwhile.")
    return content, f"{session_secret(key)} {kept.split()[0]}"


def session_secret(key: str) -> str:
    return str(st.session_state.setdefault(f"{key}_secret", intake.checked_secret("")))


# What is wrong


def checked(wish: Wish) -> tuple[Sample | None, GazetteError | None]:
    """The sample, where there is a run to make it of; or why the form cannot be taken."""
    try:
        intake.checked_formats("formats", wish.asked.formats)  # none would mean the usual ones
        return desk().sample(wish.asked, reader().now), None
    except GazetteError as error:
        return None, error


def say(wish: Wish, error: GazetteError, problem: Any, *, asked: bool) -> None:
    """At its field; of a field that is still empty only once somebody wants to save."""
    field = error.field.partition(".")[0] if isinstance(error, InvalidInput) else ""
    if field == "address" and not wish.asked.address and not asked:
        return
    slot = wish.slots.get(field)
    text = f"This {error.message}." if isinstance(error, InvalidInput) and slot is not None else str(error)
    (slot if slot is not None else problem).error(notices.plain(text[:1].upper() + text[1:]))


# What the buttons do


def saved(asked: NewSubscription | Subscription, there: Subscription | None) -> str:
    made = desk().edit_subscription(asked) if isinstance(asked, Subscription) else desk().subscribe(asked, reader().now)
    if made.secret and (there is None or made.secret != there.secret):
        st.session_state[NEW_SECRET] = made.secret.split()[0]
    st.query_params.from_dict({"id": made.id})
    return "Saved." if there else "Subscribed. The next run will be sent."


def tested(asked: NewSubscription | Subscription, now: Reader) -> str:
    delivery = desk().send_test(asked, now.now)
    st.session_state["test_delivery"] = delivery.id
    to = delivery.address if delivery.channel is ChannelKind.EMAIL else words.CHANNEL_NAMES[delivery.channel].lower()
    return notices.plain(f"A test to {to} is on its way; its state is shown below.")


def standing_buttons(there: Subscription | None) -> None:
    if there is None:
        return
    if there.paused:
        if st.button("Resume", key="resume"):
            notices.act(lambda: paused(there, paused=False))
    elif st.button("Pause", key="pause"):
        notices.act(lambda: paused(there, paused=True))
    if st.button("Unsubscribe", key="unsubscribe"):
        notices.act(lambda: unsubscribed(there))


def paused(there: Subscription, *, paused: bool) -> str:
    desk().pause_subscription(there.id, paused=paused)
    return "Paused: nothing is sent until you resume it." if paused else "Resumed: the next run will be sent."


def unsubscribed(there: Subscription) -> str:
    desk().unsubscribe(there.id)
    st.query_params.from_dict({"report": there.report_id})
    return "Unsubscribed: nothing more will be sent."


def show_test(now: Reader) -> None:
    id = st.session_state.get("test_delivery")
    if id is None:
        return
    try:
        delivery = desk().test_delivery(id)
    except NotFound:
        return
    state = status_text.delivery_state(delivery.state)
    when = f"sent {now.at(delivery.sent_at)}" if delivery.sent_at else delivery.error or waiting_for()
    tables.show_facts([("Test", tables.with_note(state, when))])
    live.rerun_when_changed(lambda: (desk().test_delivery(id).state, desk().test_delivery(id).attempt))


def waiting_for() -> str:
    if any(runner.alive for runner in desk().runners()):
        return "the runner takes it within a few seconds"
    return "no runner is working; start one with: gazette runner"


# What will arrive


def show_sample(report: Report, wish: Wish, sample: Sample | None, trouble: GazetteError | None, now: Reader) -> None:
    if sample is not None:
        sample_view.show(sample, frame(report, wish.asked), now)
        if sample.missing or sample.run.parameters != values(report, wish.asked):
            offer_preview(report, wish.asked, "Make a preview run with just these files and values", now)
    elif trouble is not None:
        st.text("It is shown here as soon as everything above is filled in.")
    else:
        st.info("No run of this report has succeeded yet. What arrives is shown here as soon as one has.")
        offer_preview(report, wish.asked, "Make a preview run now", now)
    follow_preview()


def frame(report: Report, asked: NewSubscription | Subscription) -> str:
    draft = NewSubscription(report.id, asked.channel, asked.address, asked.subscriber, asked.formats, asked.parameters)
    return samples.link(desk(), draft)


def values(report: Report, asked: NewSubscription | Subscription) -> dict[str, Any]:
    return {**report.parameters, **asked.parameters}


def offer_preview(report: Report, asked: NewSubscription | Subscription, label: str, now: Reader) -> None:
    if desk().may_change(report) and not is_going_on() and st.button(label, key="make_preview"):
        notices.act(lambda: previewed(report, asked, now))


def previewed(report: Report, asked: NewSubscription | Subscription, now: Reader) -> str:
    formats = tuple(format for format in REPORT_FORMATS if format in {*report.formats, *asked.formats})
    run = desk().preview(replace(report, formats=formats), now.now, values(report, asked))
    st.session_state["preview_run"] = run.id
    return f"A preview is queued: {waiting_for()}."


def is_going_on() -> bool:
    return preview_state() not in {None, *ENDED}


def preview_state() -> RunState | None:
    id = st.session_state.get("preview_run")
    try:
        return desk().run(id).state if id else None
    except NotFound:
        return None


def follow_preview() -> None:
    state = preview_state()
    if state is None:
        return
    id = st.session_state["preview_run"]
    tables.show_facts(
        [("Preview run", tables.with_note(status_text.run_state(state), tables.link("run", "this run", id=id)))]
    )
    live.rerun_when_changed(preview_state)


page()
