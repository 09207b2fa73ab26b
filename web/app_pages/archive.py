"""The archive: all runs, the latest due time first, found by report, name, owner, state, kind and days covered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

import streamlit as st

from reports.model import Role, RunKind, RunState
from reports.store import RunQuery
from web.components import choice, live, notices, paging, run_table
from web.components.reader import reader
from web.wiring import desk

COUNTED = 10_000  # runs; whoever wants older ones narrows the list, and counting all would cost more than the page
STARTED = {
    RunKind.SCHEDULED.value: "By its schedule",
    RunKind.MANUAL.value: "By hand",
    RunKind.PREVIEW.value: "As a preview",
}
NOTHING_YET = {  # whose runs a person sees, and how the first of them comes
    Role.ADMIN: ("Runs", "The first comes when a report is due, or when you press Run now on a report's page."),
    Role.EDITOR: (
        "Runs of your reports, and of those that you are subscribed to,",
        "The first comes when one of them is due, or when you press Run now on its page.",
    ),
    Role.VIEWER: (
        "Runs of the reports that you are subscribed to",
        "Subscribe to a report, and the runs it has had are here at once.",
    ),
}
CHOICES = 500  # reports offered for choosing; the others are found by a link from their own page


def page() -> None:
    st.title("Archive")
    if not desk().count_runs(RunQuery(counted=1)):
        days, (whose, first_step) = desk().settings.retention_days, NOTHING_YET[desk().person.role]
        notices.empty(f"{whose} will be listed here and kept for {days} days, with every file they made.", first_step)
        st.page_link("app_pages/reports.py", label="All reports")
        return
    query = asked_for()
    if query is None:
        return
    found = desk().count_runs(query)
    if not found:
        st.info("No run is like that. Change or clear what it is searched by.")
        return
    show(query, found)


def asked_for() -> RunQuery | None:
    """From the three fields, which stand in the URL; None where the period is not understood, which is said there."""
    by_report, by_state, by_period = st.columns([2, 1, 2])
    by_text, by_owner, by_kind = st.columns([2, 1, 2])
    with by_report:
        report = choice.from_url("Report", "report", report_names())
    with by_state:
        state = choice.from_url("State", "state", {"": "Any", **{each.value: each.value for each in RunState}})
    with by_text:
        words = choice.text_from_url("Name", "q", "Part of a report's name")
    with by_owner:
        owner = choice.text_from_url("Owner", "owner", "In full")
    with by_kind:
        kind = choice.from_url("Started", "kind", {"": "In any way", **STARTED})
    with by_period:
        days, understood = choice.days_from_url("Period", "period")
    if not understood:
        return None
    return RunQuery(
        report_id=report or None,
        owner=owner.lower() or None,
        states=(RunState(state),) if state else (),
        kinds=(RunKind(kind),) if kind else (),
        text=words or None,
        days=days,
        counted=COUNTED + 1,
    )


def report_names() -> Mapping[str, str]:
    """The reports there are, and the one that the URL names: the archive outlives reports."""
    found = desk().report_names(CHOICES)
    often = Counter(found.values())
    names = {id: name if often[name] == 1 else f"{name} ({id[:8]})" for id, name in found.items()}
    linked = st.query_params.get("report", "")
    return {"": "All", **({linked: f"Report {linked[:8]}"} if linked else {}), **names}


def show(query: RunQuery, found: int) -> None:
    now, cut = reader(), paging.page_of(min(found, COUNTED))
    shown = replace(query, limit=cut.limit, offset=cut.offset)
    runs = desk().runs(shown)
    files = desk().artifacts_of([run.id for run in runs])
    run_table.show(f"{counted(found)}, the latest first; times in {now.zone_name}", runs, now, files=files)
    paging.show(min(found, COUNTED))
    live.rerun_when_changed(lambda: tuple((run.id, run.state, run.stage) for run in desk().runs(shown)))


def counted(found: int) -> str:
    if found > COUNTED:
        return f"More than {COUNTED:,} runs; choose a period for the older ones. The latest {COUNTED:,}"
    return "1 run" if found == 1 else f"{found:,} runs"


page()
