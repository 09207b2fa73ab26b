"""One report (`?id=`): what it tells, when it comes, who gets it and how its runs went; run it now, pause it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

import streamlit as st
from markupsafe import Markup

from reports import cron
from reports.errors import InvalidInput, NotFound
from reports.messages.wording import shown_address
from reports.model import Report, Subscription
from reports.store import RunQuery
from reports.templates import Template
from web import subscribing
from web.components import dues, live, notices, recipients, run_table, tables, words
from web.components.reader import Reader, reader
from web.components.tables import Cell, Column
from web.wiring import desk

RECENT = 10


def page() -> None:
    report_id = st.query_params.get("id", "")
    if not report_id:
        st.title("Report")
        notices.empty("This page shows one report.", "Choose it from the list of reports.")
        st.page_link("app_pages/reports.py", label="All reports")
        return
    report, now = desk().report(report_id), reader()
    st.title(notices.plain(words.isolated(report.name)))
    notices.show_done()
    template, trouble = template_of(report)
    st.text((template.description if template else trouble) or "This template has no description.")
    actions(report, now)
    tables.show_facts(facts(report, template, now))
    st.header("When it comes")
    show_dues(report, now)
    st.header("Who gets it")
    show_subscriptions(report)
    st.header("Recent runs")
    show_runs(report, now)


def template_of(report: Report) -> tuple[Template | None, str]:
    """The report's template, or why it cannot be read."""
    try:
        return desk().template(report.template), ""
    except (NotFound, InvalidInput) as error:
        return None, f"Its template cannot be used, so its next run will fail. {error}"


def actions(report: Report, now: Reader) -> None:
    if not desk().may_change(report):
        return
    with st.container(horizontal=True):
        if st.button("Run now", type="primary", key="run_now"):
            notices.act(lambda: run_now(report, now))
        if report.paused:
            if st.button("Resume the schedule", key="resume"):
                notices.act(lambda: resume(report, now))
        elif report.cron and st.button("Pause the schedule", key="pause"):
            notices.act(lambda: pause(report))
        if st.button("Preview", key="preview"):
            run = desk().preview(report, now.now)
            st.switch_page("app_pages/preview.py", query_params={"run": run.id})
        if st.button("Edit", key="edit"):
            st.switch_page("app_pages/edit.py", query_params={"id": report.id})
        if st.button("Delete", key="delete"):
            ask_to_delete(report)


@st.dialog("Delete this report?")
def ask_to_delete(report: Report) -> None:
    subscribed = len(desk().subscriptions(report.id))
    whom = {0: "Nobody is subscribed to it.", 1: "Its one subscription ends."}
    st.text(words.isolated(report.name))
    st.text(whom.get(subscribed, f"Its {subscribed} subscriptions end."))
    st.text("No further report is made. What was made stays in the archive until its time is over.")
    with st.container(horizontal=True):
        if st.button("Delete it", type="primary", key="delete_it"):
            delete(report)
        if st.button("Keep it", key="keep_it"):
            st.rerun()


def delete(report: Report) -> None:
    with suppress(NotFound):  # somebody else was first
        desk().delete_report(report.id)
    notices.done(notices.plain(f"{words.isolated(report.name)} is deleted."))
    st.switch_page("app_pages/reports.py")


def run_now(report: Report, now: Reader) -> str:
    queued = desk().run_now(report.id, now.now)
    what = "A run is queued" if len(queued) == 1 else f"{len(queued)} runs are queued, one for each set of parameters"
    if any(runner.alive for runner in desk().runners()):
        return f"{what}; the list below follows it."
    return f"{what}, but no runner is working. Start one with `gazette runner`."


def pause(report: Report) -> str:
    desk().pause_report(report.id)
    return "The schedule is paused: nothing comes by itself until it is resumed."


def resume(report: Report, now: Reader) -> str:
    resumed = desk().resume_report(report.id, now.now)
    return f"The schedule is resumed. Next: {now.ago(resumed.next_due_at)}." if resumed.next_due_at else "Resumed."


def facts(report: Report, template: Template | None, now: Reader) -> Iterator[tuple[str, Cell]]:
    yield "Schedule", f"{cron.in_words(report.cron)}, {report.zone}" if report.cron else "only by hand"
    yield "Covers", words.period_policy(report.period_policy, report.period_days)
    yield "Formats", ", ".join(words.FORMAT_NAMES[format] for format in report.formats)
    yield "Parameters", words.values(parameters(report, template)) or "none"
    if report.filters.to_json():
        yield "Only usage of", words.values(report.filters.to_json())
    yield "Template", f"{template.title} ({report.template})" if template else report.template
    yield "Owner", tables.name_of(report.owner)
    if report.created_at is not None:
        yield "Created", now.at(report.created_at)


def parameters(report: Report, template: Template | None) -> dict[str, object]:
    """Those set for the report, over the defaults of its template."""
    defaults = {each.name: each.default for each in template.parameters if not each.required} if template else {}
    return {**defaults, **report.parameters}


def show_dues(report: Report, now: Reader) -> None:
    if not report.cron:
        st.text("It has no schedule: it runs when somebody presses Run now.")
        return
    if report.paused:
        st.text("It is paused. These would be its next due times:")
    dues.show(report.cron, report.zone, now)


def show_subscriptions(report: Report) -> None:
    """Those of everyone for who may change the report, else the reader's own; and one's own in one click."""
    subscriptions, everyone = desk().subscriptions(report.id), desk().may_change(report)
    if subscriptions:
        columns = (*recipients.COLUMNS, Column("Change"))
        rows = [(*recipients.row(each), change_link(each)) for each in subscriptions]
        tables.show(tables.Table("Subscriptions", columns, rows, quiet=True))
    elif everyone:
        st.text("Nobody is subscribed: runs are kept in the archive and sent to nobody.")
    else:
        st.text("You are not subscribed to it. Who else is, its owner sees.")
    subscribe_buttons(report, everyone=everyone)


def change_link(subscription: Subscription) -> Markup:
    shown = shown_address(subscription.channel, subscription.address)
    return tables.link(
        "subscribe", "Change", f"the subscription of {subscription.subscriber or shown}", id=subscription.id
    )


def subscribe_buttons(report: Report, *, everyone: bool) -> None:
    own = desk().own_subscriptions([report.id]).get(report.id)
    with st.container(horizontal=True):
        if own is None and desk().person.email:
            if st.button(f"Subscribe {desk().person.email}", key="subscribe_me"):
                notices.act(lambda: subscribe_me(report))
        elif own is not None:
            own_buttons(own)
        if everyone or (own is None and desk().person.email):
            label = "Subscribe somebody" if everyone else "Subscribe with choices"
            st.page_link("app_pages/subscribe.py", label=label, query_params={"report": report.id})


def own_buttons(own: Subscription) -> None:
    if own.paused:
        if st.button("Resume my subscription", key="resume_mine"):
            notices.act(lambda: pause_mine(own, paused=False))
    elif st.button("Pause my subscription", key="pause_mine"):
        notices.act(lambda: pause_mine(own, paused=True))
    if st.button("Unsubscribe me", key="unsubscribe_me"):
        notices.act(lambda: unsubscribe_me(own))


def subscribe_me(report: Report) -> str:
    subscribing.subscribe_oneself(desk(), report.id)
    return notices.plain(f"Subscribed: the next run is sent to {desk().person.email}.")


def pause_mine(own: Subscription, *, paused: bool) -> str:
    desk().pause_subscription(own.id, paused=paused)
    return "Your subscription is paused: nothing is sent to you." if paused else "Your subscription is resumed."


def unsubscribe_me(own: Subscription) -> str:
    desk().unsubscribe(own.id)
    return "Unsubscribed: nothing more is sent to you."


def show_runs(report: Report, now: Reader) -> None:
    query = RunQuery(report_id=report.id, limit=RECENT)
    runs = desk().runs(query)
    if not runs and not desk().may_change(report):
        st.text("Its runs will be listed here for its owner and its subscribers.")
    elif not runs:
        notices.empty("Its runs will be listed here.", "Press Run now for the first, or wait for its due time.")
    else:
        run_table.show_of_one("Recent runs", runs, now)
        st.html(tables.more("archive", f"All runs of {report.name} in the archive", report=report.id))
    live.rerun_when_changed(lambda: tuple((run.id, run.state, run.stage) for run in desk().runs(query)))


page()
