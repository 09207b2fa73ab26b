"""A preview (`?run=`): how far it is, then the report itself, or where and why it failed; and on to saving it."""

from __future__ import annotations

from datetime import datetime, timedelta

import streamlit as st

from reports import periods
from reports.errors import GazetteError, NotFound
from reports.model import Artifact, Format, Report, Run, RunKind, RunState
from web.components import drafts, failure, notices, run_table, stage_list, tables, words
from web.components.drafts import Previewed
from web.components.reader import Reader, reader
from web.wiring import desk

PAUSE = timedelta(seconds=1)
HEIGHT = 900  # CSS pixels of the frame; the report scrolls inside
NO_RUNNER = "No runner is working, so the preview waits. Start one by the command gazette runner; it goes on by itself."


def page() -> None:
    run_id = st.query_params.get("run", "")
    if not run_id:
        st.title("Preview")
        notices.empty(
            "This page shows what a report will be.", "Start it with Preview, where a report is made or shown."
        )
        st.page_link("app_pages/reports.py", label="All reports")
        return
    run, now = desk().run(run_id), reader()
    if run.kind is not RunKind.PREVIEW:
        st.switch_page("app_pages/run.py", query_params={"id": run.id})
    st.title(notices.plain(f"Preview of {words.isolated(run.report_name)}"))
    notices.show_done()
    st.text(f"{periods.in_words(run.period)}, {run.period.zone}. Sent to nobody, and kept for a day.")
    report, made_of = stored(run), drafts.of_preview(run.id)
    actions(run, report, made_of, now)
    if run.state in run_table.ACTIVE:
        watch(run.id)
    else:
        ended(run)


def stored(run: Run) -> Report | None:
    """The report it is of; None for a draft that was never saved."""
    try:
        return desk().report(run.report_id)
    except NotFound:
        return None


def actions(run: Run, report: Report | None, made_of: Previewed | None, now: Reader) -> None:
    """Save what was previewed, go back to its form, or go on to the report."""
    mine = report is not None and desk().may_change(report)
    with st.container(horizontal=True):
        if made_of is not None:
            label = "Save the report" if made_of.draft.base is None else "Save the changes"
            if st.button(label, type="primary", key="save"):
                save(made_of, now)
            st.page_link(
                "app_pages/edit.py",
                label="Back to the form",
                icon=":material/arrow_back:",
                query_params=dict(made_of.query),
            )
        elif mine and report is not None:
            st.page_link(
                "app_pages/edit.py", label="Edit the report", icon=":material/edit:", query_params={"id": report.id}
            )
        elif report is None and desk().is_editor:
            st.page_link(
                "app_pages/edit.py",
                label="To its form",
                icon=":material/edit:",
                query_params={"template": run.template},
            )
        if report is not None:
            st.page_link(
                "app_pages/report.py",
                label="To the report",
                icon=":material/arrow_forward:",
                query_params={"id": report.id},
            )
            st.html(tables.more("subscribe", "Subscribe to it", report=report.id))
        again = made_of.asked if made_of is not None else report if mine else None
        if run.state is RunState.QUEUED and st.button("Cancel this preview", key="cancel"):
            notices.act(lambda: cancel(run))
        elif run.state not in run_table.ACTIVE and again is not None and st.button("Preview again", key="again"):
            fresh = desk().preview(again, now.now)
            if made_of is not None:
                drafts.remember_preview(fresh.id, made_of)
            st.query_params["run"] = fresh.id
            st.rerun()


def save(made_of: Previewed, now: Reader) -> None:
    """What it refuses, the form explains."""
    try:
        done = drafts.save(made_of.draft, made_of.asked, now.now)
    except GazetteError as error:
        st.error(notices.plain(f"{error} Go back to the form to mend it."))
        return
    notices.done("The report is saved as it was previewed.")
    st.switch_page("app_pages/report.py", query_params={"id": done.id})


def cancel(run: Run) -> str:
    desk().cancel_run(run.id)
    return "The preview is cancelled."


@st.fragment(run_every=PAUSE)
def watch(run_id: str) -> None:
    """Drawn anew in place, each stage in its own line, until the run has ended."""
    run, now = desk().run(run_id), reader()
    if run.state not in run_table.ACTIVE:
        st.rerun()
    st.text(said(run, now.now))
    stage_list.show(run, desk().stages(run.id), now.now)
    if run.error is not None:
        st.text(f"The attempt before failed: {run.error.message}")
    if not any(runner.alive for runner in desk().runners()):
        st.warning(NO_RUNNER)


def said(run: Run, now: datetime) -> str:
    if run.state is RunState.QUEUED:
        since = words.relative(run.created_at, now) if run.created_at else ""
        return f"Waiting for a runner. It was asked for {since}." if since else "Waiting for a runner."
    return stage_list.sentence(run)


def ended(run: Run) -> None:
    if run.state is RunState.SUCCEEDED:
        show_report(run, desk().artifacts(run.id))
        return
    if run.error is not None:
        st.header("What went wrong")
        failure.show(run.error)
        st.text(f"Mend it in the notebook {run.template}.ipynb or in the form, then preview again.")
    else:
        st.info(notices.plain(f"This preview was {run.state.value}. {run.reason.capitalize()}"))


def show_report(run: Run, artifacts: list[Artifact]) -> None:
    there = {each.format: each for each in artifacts}
    with st.container(horizontal=True):
        for format in (Format.HTML, Format.PDF, Format.XLSX):
            if format in there:
                verb = "Download the" if format is Format.XLSX else "Open the"
                st.link_button(f"{verb} {words.FORMAT_NAMES[format]}", f"files/{there[format].id}")
    if run.started_at and run.finished_at:
        st.caption(f"Made in {words.duration(run.finished_at - run.started_at)}.")
    if Format.HTML in there:
        st.iframe(f"/files/{there[Format.HTML].id}", height=HEIGHT, alt=f"The report {run.report_name}")
    else:
        st.info("It makes no HTML page to be shown here. Open its files above.")


page()
