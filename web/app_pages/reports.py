"""The catalogue: every report, what it tells, when it comes and how its last run ended."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import urlencode

import streamlit as st
from markupsafe import Markup

from reports import cron
from reports.model import Report, Run
from reports.store import ReportQuery
from web import subscribing
from web.components import choice, notices, paging, status_text, tables
from web.components.reader import Reader, reader
from web.components.tables import Column
from web.wiring import desk

LATE_AFTER = timedelta(minutes=2)  # a runner that is there queues what is due within seconds
FIRST_STEP = "Press New report for the first one. On the command line, `gazette report add` does the same."


def page() -> None:
    st.title("Reports")
    notices.show_done()
    if desk().is_editor and st.button("New report", type="primary", key="new"):
        st.switch_page("app_pages/edit.py")
    everything = desk().count_reports()
    if not everything:
        notices.empty(
            "Reports will be listed here: what each tells, when it comes and how its last run ended.",
            FIRST_STEP if desk().is_editor else "An editor makes the first one; then you can subscribe to it here.",
        )
        return
    text = choice.text_from_url("Search by name", "q", "Part of a name", "search")
    found = desk().count_reports(ReportQuery(text=text or None))
    if not found:
        st.info("No report has that in its name. Clear the search to see all.")
        return
    shown = paging.page_of(found)
    show(desk().reports(ReportQuery(text=text or None, limit=shown.limit, offset=shown.offset)), reader(), found)
    paging.show(found)


def show(reports: list[Report], now: Reader, found: int) -> None:
    readers = desk()  # asked for once: it looks up who reads
    latest = readers.latest_runs([report.id for report in reports])
    own = readers.own_subscriptions([report.id for report in reports])
    about = {template.name: template.description for template in readers.templates()}
    columns = (
        Column("Report", wide=True),
        Column("Last run", time=True),
        Column("Next due", time=True),
        Column("Schedule"),
        Column("You", stays=True),
    )
    here = f"/?{urlencode(st.query_params.to_dict())}"
    rows = [
        (
            tables.with_note(tables.link("report", report.name, id=report.id), about.get(report.template, "")),
            last_run(latest.get(report.id), now, sees=report.id in own or readers.may_change(report)),
            next_due(report, now),
            schedule(report),
            subscribing.cell(readers, report, own.get(report.id), here),
        )
        for report in reports
    ]
    noun = "report" if found == 1 else "reports"
    tables.show(tables.Table(f"{found} {noun}; times in {now.zone_name}", columns, rows))


def schedule(report: Report) -> Markup:
    if not report.cron:
        return tables.with_note("Only by hand", "")
    return tables.with_note(cron.in_words(report.cron), report.zone)


def last_run(run: Run | None, now: Reader, *, sees: bool) -> Markup:
    if run is None:
        return tables.with_note("None yet", "") if sees else tables.with_note(tables.NOTHING, "for its subscribers")
    which = tables.link("run", now.at(run.due_at), f"run of {run.report_name}", id=run.id)
    return tables.with_note(status_text.run_state(run.state), which)


def next_due(report: Report, now: Reader) -> Markup:
    if report.paused:
        return status_text.paused()
    if report.next_due_at is None:
        return tables.with_note(tables.NOTHING, "")
    if now.now - report.next_due_at > LATE_AFTER:
        return tables.with_note(status_text.late("late"), f"was due {now.ago(report.next_due_at)}")
    return tables.with_note(now.at(report.next_due_at), now.relative(report.next_due_at))


page()
