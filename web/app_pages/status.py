"""How Gazette is doing: runners, what waits, what went wrong lately, and where data lies and how long it is kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

import streamlit as st

from reports.model import NOT_REACHED, Run, RunState
from reports.store import DeliveryQuery, RunnerSeen, RunQuery
from web import disk
from web.components import live, notices, recipients, run_table, status_text, tables, words
from web.components.reader import Reader, reader
from web.components.tables import Cell, Column
from web.wiring import desk

LATELY = timedelta(days=7)
MOST = 25  # rows of each list
LONGEST = 160  # characters of an error; its run has it whole
LOOPBACK = ("127.0.0.1", "localhost", "::1")


def page() -> None:
    now = reader()
    st.title("Status")
    runners = [runner for runner in desk().runners() if runner.alive]
    if desk().is_admin:
        show_exposure()
    st.header("Runners")
    show_runners(runners, now)
    st.header("Queue")
    show_queue(now)
    st.header("Late reports")
    show_late(now)
    st.header("Failing reports")
    show_failing(now)
    st.header("Deliveries that did not arrive")
    show_undelivered(now)
    if desk().is_admin:
        st.header("Isolation")
        tables.show_facts(isolation())
        st.header("Data")
        tables.show_facts(data())
    live.rerun_when_changed(lambda: (desk().backlog(), tuple(each.id for each in desk().runners() if each.alive)))


def show_exposure() -> None:
    """Passwords travel as they are typed where nothing encrypts the way."""
    address = st.get_option("server.address")
    if address in LOOPBACK or (desk().settings.base_url or "").startswith("https://"):
        return
    where = notices.plain(str(address or "all addresses"))
    st.warning(
        f"This server listens on {where} without encryption, so passwords can be read on their way. Put a proxy with "
        "HTTPS before it and set `base_url` to its address, or set `host` to 127.0.0.1."
    )


def show_runners(runners: list[RunnerSeen], now: Reader) -> None:
    if not runners:
        st.warning("No runner is working, so nothing that is due will run. Start one:")
        st.code("gazette runner", language=None)
        return
    columns = (Column("Runner", wide=True), Column("State"), Column("Since", time=True), Column("Last heard"))
    rows = [
        (
            tables.with_note(each.id, about(each.info)),
            status_text.state(status_text.GOOD, "working"),
            now.at(each.started_at),
            now.relative(each.seen_at),
        )
        for each in runners
    ]
    tables.show(tables.Table("Runners that are working", columns, rows, quiet=True))


def about(info: Mapping[str, Any]) -> str:
    """What a runner says of itself, as sentences; one of another version may say less."""
    said = [f"Gazette {info.get('version', 'of an unknown version')} on {info.get('host', 'an unknown machine')}."]
    if "seats" in info:
        said.append(f"{info.get('busy', 0)} of {info['seats']} seats are taken.")
    if "runs" in info:
        counts = {"runs": "runs", "failed": "failed", "messages sent": "sent"}
        said.append(
            "Since it started: " + ", ".join(f"{name} {info.get(key, 0)}" for name, key in counts.items()) + "."
        )
    return " ".join(said)


def show_queue(now: Reader) -> None:
    waiting = desk().backlog()
    tables.show_facts(
        [
            ("Runs queued", str(waiting.queued)),
            ("Runs running", str(waiting.running)),
            ("Deliveries pending", str(waiting.pending)),
            ("Deliveries being sent", str(waiting.sending)),
        ]
    )
    runs = desk().runs(RunQuery(states=run_table.ACTIVE, limit=MOST))
    if runs:
        run_table.show("Runs queued and running", runs, now, quiet=True)


def show_late(now: Reader) -> None:
    late = desk().late_reports(now.now, MOST + 1)
    if not late:
        st.text("None. Every due time that has come was taken up.")
        return
    columns = (Column("Report", wide=True), Column("Was due", time=True), Column("Owner"))
    rows: list[tuple[Cell, ...]] = [
        (
            tables.link("report", report.name, id=report.id),
            tables.with_note(now.at(report.next_due_at), status_text.late(now.relative(report.next_due_at))),
            tables.name_of(report.owner),
        )
        for report in late[:MOST]
    ]
    tables.show(tables.Table("Reports whose due time has passed without a run", columns, rows, quiet=True))
    say_more(len(late), "the ones that wait longest")
    st.caption("A runner takes them up as soon as it works; it runs or skips them as each report's catch-up says.")


def show_failing(now: Reader) -> None:
    failing = desk().runs(RunQuery(failing=True, limit=MOST + 1))
    if not failing:
        st.text("None. The last run of every report went well.")
    else:
        columns = (Column("Report"), Column("Why", wide=True), Column("Last run", time=True), Column("Run"))
        rows: list[tuple[Cell, ...]] = [
            (
                tables.link("report", run.report_name, id=run.report_id),
                tables.with_note(why(run), words.values(run.parameters)),
                run_table.due(run, now),
                tables.link("run", "Open", f"the run of {run.report_name} that failed, {run.id[:8]}", id=run.id),
            )
            for run in failing[:MOST]
        ]
        tables.show(tables.Table("Reports whose last run failed", columns, rows, quiet=True))
        say_more(len(failing), "the ones that failed last")
    st.html(tables.more("archive", "All runs that failed", state=RunState.FAILED.value))


def why(run: Run) -> str:
    """The error in one line."""
    message = run.error.message if run.error else run.reason
    line = next(iter(message.strip().splitlines()), "") or tables.NOTHING
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"


def say_more(found: int, shown: str) -> None:
    if found > MOST:
        st.caption(f"There are more than {MOST}; these are {shown}.")


def show_undelivered(now: Reader) -> None:
    lately = DeliveryQuery(states=NOT_REACHED, since=now.now - LATELY, limit=MOST + 1)
    stuck = desk().find_deliveries(lately)
    if not stuck:
        st.text(f"None in the last {LATELY.days} days.")
        return
    shown = stuck[:MOST]
    its_runs = desk().runs(RunQuery(ids=tuple({each.run_id for each in shown}), limit=MOST))
    names = {run.id: run.report_name for run in its_runs}
    columns = (Column("To"), Column("State"), Column("Why", wide=True), Column("Made", time=True), Column("Run"))
    rows: list[tuple[Cell, ...]] = [
        (
            recipients.of_delivery(each.channel, each.address, ""),
            status_text.delivery_state(each.state),
            each.error or each.detail or tables.NOTHING,
            now.at(each.created_at),
            tables.link("run", names.get(each.run_id, "Open"), f"the run of delivery {each.id[:8]}", id=each.run_id),
        )
        for each in shown
    ]
    tables.show(tables.Table(f"Deliveries of the last {LATELY.days} days", columns, rows, quiet=True))
    say_more(len(stuck), "the latest")


def isolation() -> Iterator[tuple[str, Cell]]:
    """What keeps notebooks apart from each other and from the rest, as the settings of this machine have it."""
    settings = desk().settings
    yield "Each notebook", "runs in a process of its own, without passwords or the database's address"
    yield "Memory", f"at most {settings.kernel_memory_mb:,} MB"
    yield "Time", f"at most {settings.run_wall_seconds:g} s, and {settings.run_cell_seconds:g} s for one cell"
    yield "Sandbox", "none: a notebook can use the network and read what the runner's user can read"
    yield "Browser", tables.code(str(settings.browser)) if settings.browser else "found on the runner's machine"


def data() -> Iterator[tuple[str, Cell]]:
    settings = desk().settings
    yield (
        "Database",
        "SQLite, in the data folder" if settings.database_url is None else settings.store_url.partition(":")[0],
    )
    yield "Data folder", tables.code(str(settings.data_dir.resolve()))
    yield "Archive", tables.code(settings.archive_location) if settings.archive_url else "in the data folder"
    for part in disk.used(settings.data_dir.resolve()):
        yield part.name, words.size(part.bytes)
    yield "Free on its disk", words.size(disk.free(settings.data_dir.resolve()))
    yield "Kept for", f"{settings.retention_days} days, then runs and their files are removed; previews after one day"


page()
