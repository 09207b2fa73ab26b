"""One run (`?id=`): what it made, how long each stage took, who got it, and if it failed, where and why."""

from __future__ import annotations

from collections.abc import Iterator

import streamlit as st
from markupsafe import Markup

from reports import periods
from reports.model import NOT_REACHED, Artifact, Delivery, DeliveryKind, DeliveryState, Format, LogLevel, Run, RunState
from reports.planning import DELIVER, REPEATS, new_id
from reports.store import LogLine, StageTime
from web.components import failure, live, notices, recipients, run_table, status_text, tables, words
from web.components.reader import Reader, reader
from web.components.tables import Cell, Column
from web.wiring import desk

OPENING = (Format.HTML, Format.PDF, Format.XLSX)  # what "Open the report" opens, the first that there is
LISTED = (*OPENING, Format.NOTEBOOK, Format.MAIL, Format.RESULTS)
ENDED = (RunState.SUCCEEDED, RunState.FAILED, RunState.MISSED, RunState.CANCELLED)
TO_OWNER = {
    DeliveryKind.FAILURE: "there is no report",
    DeliveryKind.UNDELIVERED: "not all subscribers were reached",
}
AGAIN = "Run again for the same days"
COMPARED_WITH, MADE_BY = "compared_with", "made_by_run"  # in provenance


def page() -> None:
    run_id = st.query_params.get("id", "")
    if not run_id:
        st.title("Run")
        notices.empty("This page shows one run.", "Choose it from the archive.")
        st.page_link("app_pages/archive.py", label="Archive")
        return
    run, now = desk().run(run_id), reader()
    artifacts, deliveries = desk().artifacts(run.id), desk().deliveries(run.id)
    st.title(notices.plain(f"{words.isolated(run.report_name)}: {periods.in_words(run.period)}"))
    notices.show_done()
    tables.show_facts(facts(run, now))
    actions(run, artifacts, deliveries, now)
    if run.error is not None:
        st.header("What went wrong" if run.state is RunState.FAILED else "What went wrong before")
        failure.show(run.error)
    show_artifacts(run, artifacts)
    show_deliveries(run, deliveries, now)
    show_sending_again(run)
    show_stages(desk().stages(run.id), now)
    show_log(desk().run_log(run.id), now)
    show_provenance(run)
    live.rerun_when_changed(lambda: state_of(run.id))


def state_of(run_id: str) -> tuple[object, ...]:
    run = desk().run(run_id)
    sent = tuple((each.id, each.state, each.attempt) for each in desk().deliveries(run_id))
    return run.state, run.stage, run.attempt, sent


def facts(run: Run, now: Reader) -> Iterator[tuple[str, Cell]]:
    yield "State", tables.with_note(status_text.run_state(run.state), run_table.why(run))
    yield "Report", tables.link("report", run.report_name, id=run.report_id)
    yield "Due", now.ago(run.due_at)
    if run.finished_at is not None:
        after = f", after {run_table.took(run)}" if run.started_at else ""
        yield "Ended", now.at(run.finished_at) + after
    if run.not_before is not None and run.state is RunState.QUEUED:
        yield "Tried again", now.ago(run.not_before)
    yield "Started", started(run)
    if run.pinned:
        yield "Kept", "beyond its time, until it is let go"
    if run.parameters:
        yield "Parameters", words.values(run.parameters)
    if run.filters.to_json():
        yield "Only usage of", words.values(run.filters.to_json())


def started(run: Run) -> Cell:
    how = run_table.KIND_NAMES[run.kind] or "by its schedule"
    repeated = str(run.provenance.get(REPEATS) or "")
    return (
        tables.with_note(how, tables.link("run", "the days and values of this run", id=repeated)) if repeated else how
    )


def actions(run: Run, artifacts: list[Artifact], deliveries: list[Delivery], now: Reader) -> None:
    best = next((each for format in OPENING for each in artifacts if each.format is format), None)
    may_change = desk().may_change_run(run)
    with st.container(horizontal=True):
        if best is not None:
            st.link_button(f"Open the report ({words.FORMAT_NAMES[best.format]})", f"files/{best.id}", type="primary")
        if may_change:
            change_buttons(run, best, deliveries, now)
        if any(each.format is Format.RESULTS for each in artifacts):
            st.page_link("app_pages/compare.py", label="Compare with another run", query_params={"a": run.id})


def change_buttons(run: Run, best: Artifact | None, deliveries: list[Delivery], now: Reader) -> None:
    if run.state in ENDED and st.button(AGAIN, type="secondary" if best else "primary", key="again"):
        notices.act(lambda: run_again(run, now))
    if run.state is RunState.QUEUED and st.button("Cancel this run", key="cancel"):
        notices.act(lambda: cancel(run))
    if run.state is RunState.SUCCEEDED:
        if run.pinned and st.button("No longer keep it beyond its time", key="unpin"):
            notices.act(lambda: pin(run, pinned=False))
        if not run.pinned and st.button("Keep it beyond its time", key="pin"):
            notices.act(lambda: pin(run, pinned=True))
    stuck = [each for each in deliveries if each.kind.to_owner and each.state in NOT_REACHED]
    if stuck and st.button("Send the notice to the owner again", key="resend_notice"):
        notices.act(lambda: send_again(stuck))


def run_again(run: Run, now: Reader) -> str:
    again = desk().run_again(run.id, now.now)
    said = f"[A run for the same days](/run?id={again.id}) and values is queued."
    if again.provenance.get(DELIVER, True):
        return f"{said} Its subscribers get it, since they did not get this one."
    return f"{said} It is sent to nobody unless you send it from its page."


def cancel(run: Run) -> str:
    desk().cancel_run(run.id)
    return "The run is cancelled; nothing of it will be sent."


def pin(run: Run, *, pinned: bool) -> str:
    desk().pin_run(run.id, pinned=pinned)
    days = desk().settings.retention_days
    return "The run is kept until you let it go." if pinned else f"The run is kept for {days} days like any other."


def send_again(stuck: list[Delivery]) -> str:
    for delivery in stuck:
        desk().retry_delivery(delivery.id)
    return "The notice is waiting to be sent again."


def show_sending_again(run: Run) -> None:
    """Choose among the run's subscribers; those it did not reach are chosen already."""
    if run.state is not RunState.SUCCEEDED or not desk().may_change_run(run):
        return
    there = {each.subscription.id: each for each in desk().recipients(run.id)}
    if not there:
        return
    st.header("Send it again")
    stuck = [id for id, each in there.items() if each.is_stuck]
    request = st.session_state.setdefault(f"resend_{run.id}", new_id())
    chosen = st.multiselect(
        "To these subscribers",
        list(there),
        stuck,
        format_func=lambda id: recipients.in_words(there[id]),
        placeholder="Choose",
        key=f"resend_to_{request}",
    )
    if st.button("Send again", key="resend", disabled=not chosen):
        notices.act(lambda: resend(run, chosen, request))


def resend(run: Run, chosen: list[str], request: str) -> str:
    sent = desk().resend(run.id, chosen, request)
    del st.session_state[f"resend_{run.id}"]  # the next press is another request
    if not sent:
        return "They are being sent this run already."
    return "1 delivery is waiting to be sent." if len(sent) == 1 else f"{len(sent)} deliveries are waiting to be sent."


def show_artifacts(run: Run, artifacts: list[Artifact]) -> None:
    st.header("Files")
    if not artifacts:
        ended = run.state not in run_table.ACTIVE
        st.text("This run made no files." if ended else "Files will be listed here when the run has succeeded.")
        return
    columns = (Column("File"), Column("Size", number=True), Column("SHA-256", wide=True))
    ordered = sorted(artifacts, key=lambda each: LISTED.index(each.format))
    rows = [(file_link(run, each), words.size(each.bytes), tables.code(each.sha256)) for each in ordered]
    tables.show(tables.Table("Files of this run", columns, rows, quiet=True))


def file_link(run: Run, artifact: Artifact) -> Markup:
    verb = "open" if artifact.format in {Format.HTML, Format.PDF} else "download"
    return tables.with_note(
        tables.link(f"files/{artifact.id}", words.FORMAT_NAMES[artifact.format], f"of {run.report_name}, {verb}"), verb
    )


def show_deliveries(run: Run, deliveries: list[Delivery], now: Reader) -> None:
    st.header("Deliveries")
    if not deliveries:
        whom = "" if desk().may_change_run(run) else " to you"
        st.text(f"Nothing was sent{whom}: nobody was subscribed when this run ended, or it has not ended yet.")
        return
    columns = (Column("To"), Column("State"), Column("What came of it", wide=True), Column("Attempts", number=True))
    rows = [delivery_row(each, now) for each in deliveries]
    tables.show(tables.Table("Deliveries of this run", columns, rows, quiet=True))


def delivery_row(delivery: Delivery, now: Reader) -> tuple[Cell, ...]:
    to = recipients.of_delivery(delivery.channel, delivery.address, "")
    if delivery.kind in TO_OWNER:
        to = tables.with_note(to, f"the owner, told that {TO_OWNER[delivery.kind]}")
    elif delivery.kind is DeliveryKind.TEST:
        to = tables.with_note(to, "a test")
    elif delivery.copy:
        to = tables.with_note(to, f"sent again, copy {delivery.copy}")
    return to, status_text.delivery_state(delivery.state), outcome(delivery, now), str(delivery.attempt)


def outcome(delivery: Delivery, now: Reader) -> Markup:
    """What was last heard, then the log of earlier attempts."""
    if delivery.state is DeliveryState.SENT:
        said: Cell = f"sent {now.at(delivery.sent_at)}"
    elif delivery.next_attempt_at is not None:
        waits = delivery.next_attempt_at <= now.now
        said = f"{'waiting to be sent since' if waits else 'next attempt'} {now.ago(delivery.next_attempt_at)}"
    else:
        said = delivery.error or delivery.detail or tables.NOTHING
    log = desk().delivery_log(delivery.id)
    earlier = [f"{now.at(each.at)}: {each.outcome}{f', {each.detail}' if each.detail else ''}" for each in log]
    return tables.with_note(said, Markup("<br>").join(earlier))


def show_stages(stages: list[StageTime], now: Reader) -> None:
    st.header("Stages")
    if not stages:
        st.text("No runner has begun with this run.")
        return
    columns = (Column("Stage"), Column("Took", number=True), Column("Attempt", number=True), Column("Began", time=True))
    rows = [(each.stage, stage_took(each), str(each.attempt), now.at(each.started_at)) for each in stages]
    tables.show(tables.Table("Stages of this run", columns, rows, quiet=True))


def stage_took(stage: StageTime) -> str:
    return words.duration(stage.finished_at - stage.started_at) if stage.finished_at else "going on"


def show_log(lines: list[LogLine], now: Reader) -> None:
    if not lines:
        return
    st.header("Log")
    columns = (Column("When", time=True), Column("What", wide=True))
    several = len({each.attempt for each in lines}) > 1
    rows = [
        (
            tables.with_note(now.at(each.at, seconds=True), f"attempt {each.attempt}" if several else ""),
            log_text(each),
        )
        for each in lines
    ]
    tables.show(tables.Table("Log of this run", columns, rows, quiet=True))


def log_text(line: LogLine) -> Cell:
    text = Markup('<span class="gz-lines">{}</span>').format(line.text)
    return text if line.level is LogLevel.INFO else Markup("{} {}").format(status_text.level(line.level), text)


def show_provenance(run: Run) -> None:
    st.header("Made from")
    tables.show_facts(provenance(run))


def provenance(run: Run) -> Iterator[tuple[str, Cell]]:
    made = run.provenance
    yield "Template", tables.with_note(run.template, tables.code(str(made.get("template_digest", ""))))
    values = made.get("parameters") or run.parameters
    yield "Parameters", words.values(values) or "none"
    for name, snapshot in dict(made.get("snapshots", {})).items():
        about = f"{snapshot.get('rows', '?')} rows of {snapshot.get('source', 'an unnamed source')}"
        yield f"Data: {name}", tables.with_note(about, tables.code(str(snapshot.get("sha256", ""))))
    if made.get("versions"):
        yield "Versions", words.values(made["versions"])
    for name, label in ((COMPARED_WITH, "Compared with"), (MADE_BY, "Files made by")):
        if made.get(name):
            yield label, tables.link("run", "an earlier run", str(made[name])[:8], id=str(made[name]))
    for remark in made.get("remarks") or ():
        yield "Mended", str(remark)
    yield "Run", tables.code(run.id)
    if desk().is_admin:
        yield "Changes", tables.link("audit", "What was done to it, by whom", item=run.id)


page()
