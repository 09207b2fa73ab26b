"""The pages as scripts on a real store: what they say in every state, and what their buttons do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import people
import pytest
import streamlit as st
import web_seed
from lxml import html
from pages import Site, fragments, opened, table, words

from reports.access import Desk
from reports.accounts import NewPerson
from reports.model import ChannelKind, DeliveryState, Format, Person, Role, RunKind, RunState
from reports.planning import planned_run
from reports.service import NewReport, NewSubscription
from reports.store import RunQuery
from web import wiring

# Reports


def test_the_catalogue_lists_reports_with_their_last_run_and_next_due_time(site: Site) -> None:
    app = site.open("reports")
    rows = {row[0].split("Requests,")[0].strip(): row for row in table(app, "30 reports")}
    assert len(rows) == 25
    daily = rows["Daily usage"]
    assert daily[1].startswith("● succeeded")
    assert "07:00 C" in daily[2]
    assert " hours" in daily[2]
    assert daily[3] == "Every day at 07:00Europe/Berlin"
    assert rows["Late monthly cost"][2].startswith("▲ late")
    assert rows["Only by hand"][1:-1] == ["None yet", "–", "Only by hand"]
    assert "Europe/Berlin (CE" in words(app)


def test_who_reads_is_not_looked_up_for_every_row(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    looked_up: list[Person] = []
    person = wiring.person

    def counted() -> Person:
        looked_up.append(person())
        return looked_up[-1]

    app = site.open("reports")
    monkeypatch.setattr(wiring, "person", counted)
    app.run()
    assert len(table(app, "30 reports")) == 25
    assert 0 < len(looked_up) < 25


def test_a_report_is_found_by_a_part_of_its_name(site: Site) -> None:
    app = site.open("reports")
    app.text_input(key="q").set_value("weekly").run()
    (row,) = table(app, "1 report;")
    assert row[0].startswith(web_seed.LONG)
    assert row[2] == "– paused"
    app.text_input(key="q").set_value("no such name").run()
    assert "Clear the search" in words(app)


def test_the_second_page_holds_the_rest(site: Site) -> None:
    app = site.open("reports")
    app.get("pagination")[0].set_value(2).run()
    assert [row[0][:7] for row in table(app, "30 reports")][-1] == "Weekly "
    assert len(table(app, "30 reports")) == 5


def test_an_empty_catalogue_says_what_will_be_here_and_the_first_step(data_dir: Path) -> None:
    said = words(opened("reports"))
    assert "Reports will be listed here" in said
    assert "Press New report for the first one" in said


@pytest.mark.parametrize("page", ["reports", "edit", "preview", "report", "archive", "run", "status", "audit"])
def test_every_page_has_a_title_with_an_empty_database(data_dir: Path, page: str) -> None:
    assert opened(page).title


@pytest.mark.parametrize("page", ["report", "run"])
def test_what_is_not_there_is_said_to_be_not_there(data_dir: Path, page: str) -> None:
    app = opened(page, id="<b>nope</b>")
    assert app.title[0].value == "Not found"
    assert "past its retention" in app.error[0].value
    assert "Signed in as" in words(app)


def test_names_from_data_are_never_markup(site: Site) -> None:
    for page, query in (
        ("reports", {}),
        ("report", {"id": site.seeded.hostile.id}),
        ("run", {"id": site.seeded.failed.id}),
        ("archive", {}),
    ):
        app = site.open(page, **query)
        for fragment in fragments(app):
            assert not html.fromstring(fragment).xpath("//script | //b | //*[starts-with(@href, 'javascript')]")
        assert "alert('owned')" in words(app).replace("\\", "")


# One report


def test_a_report_tells_what_it_is_and_when_it_comes(site: Site) -> None:
    app = site.open("report", id=site.seeded.hostile.id)
    dues = table(app, "The next 5 due times")
    assert len(dues) == 5
    assert dues[0][0].endswith("06:30 UTC-03")
    assert dues[0][1].endswith("09:30 UTC")
    assert "clocks change" not in words(app)  # they do not in Brazil
    assert "The first after the clocks change: " in words(site.open("report", id=site.seeded.daily.id))
    assert "Monday to Friday at 06:30, America/Sao_Paulo" in words(app)
    assert "Nobody is subscribed" in words(app)


def test_subscriptions_hide_what_may_be_a_secret(site: Site) -> None:
    app = site.open("report", id=site.seeded.daily.id)
    names = [row[0] for row in table(app, "Subscriptions")]
    assert sorted(names) == ["The boardboard@example.org", "finance", "https://hooks.example.org/…"]
    assert "SECRETPATH" not in "".join(fragments(app))


def test_run_now_queues_a_run_and_says_so(site: Site) -> None:
    app = site.open("report", id=site.seeded.by_hand.id)
    assert "Press Run now" in words(app)
    app.button(key="run_now").click().run()
    assert "A run is queued" in app.success[0].value
    (run,) = site.service.runs(RunQuery(report_id=site.seeded.by_hand.id))
    assert run.state is RunState.QUEUED
    assert table(app, "Recent runs")[0][1].startswith("○ queued")
    app.run()
    assert not app.success


def test_without_a_runner_run_now_says_how_to_start_one(site: Site) -> None:
    site.service.store.remove_runner("host-1:4242")
    app = site.open("report", id=site.seeded.by_hand.id)
    app.button(key="run_now").click().run()
    assert "gazette runner" in app.success[0].value


def test_a_schedule_is_paused_and_resumed(site: Site) -> None:
    app = site.open("report", id=site.seeded.daily.id)
    app.button(key="pause").click().run()
    assert site.service.report(site.seeded.daily.id).paused
    assert "It is paused" in words(app)
    app.button(key="resume").click().run()
    resumed = site.service.report(site.seeded.daily.id)
    assert not resumed.paused
    assert resumed.next_due_at is not None
    assert "07:00 C" in app.success[0].value


def test_a_report_without_its_template_can_still_be_looked_at(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAZETTE_NOTEBOOKS_DIR", str(site.seeded.settings.data_dir))
    wiring.service.cache_clear()
    assert "next run will fail" in words(site.open("report", id=site.seeded.daily.id))


# Archive


def test_the_archive_lists_runs_the_latest_first(site: Site) -> None:
    app = site.open("archive")
    rows = table(app, "47 runs")
    assert len(rows) == 25
    assert [row[1][0] for row in rows[:4]] == ["○", "○", "■", "●"]
    assert "ExecutionError in cell 3" in rows[2][1]


def test_the_archive_is_cut_by_report_state_and_period(site: Site) -> None:
    app = site.open("archive", report=site.seeded.daily.id)
    assert len(table(app, "42 runs")) == 25
    app.selectbox(key="choice_state").select("failed").run()
    assert "No run is like that" in words(app)
    app.selectbox(key="choice_report").select("").run()
    assert len(table(app, "1 run,")) == 1
    app.selectbox(key="choice_state").select("").run()
    period = site.seeded.succeeded.period.end
    app.text_input(key="period").set_value(period.isoformat()).run()
    assert {row[2].split(", ")[1] for row in table(app, "")} == {f"{period.day} {period:%B %Y}"}
    app.text_input(key="period").set_value("nonsense").run()
    assert "is not understood" in app.error[0].value


def test_another_search_begins_at_the_first_page(site: Site) -> None:
    app = site.open("archive")
    app.get("pagination")[0].set_value(2).run()
    app.text_input(key="q").set_value("daily").run()
    assert [len(table(app, "42 runs")), app.get("pagination")[0].value] == [25, 1]


def test_a_period_that_is_none_is_refused_at_its_field(site: Site) -> None:
    app = site.open("archive")
    app.text_input(key="period").set_value("soon").run()
    assert "The period is not understood" in app.error[0].value.replace("\\", "")
    assert not [part for part in fragments(app) if "gz-table" in part]


def test_the_choices_stand_in_the_url(site: Site) -> None:
    app = site.open("archive")
    app.selectbox(key="choice_report").select(site.seeded.daily.id).run()
    assert app.query_params["report"] == site.seeded.daily.id
    app.selectbox(key="choice_report").select("").run()
    assert "report" not in app.query_params


def test_runs_of_a_deleted_report_stay(site: Site) -> None:
    site.service.delete_report(site.seeded.daily.id)
    app = site.open("archive", report=site.seeded.daily.id)
    assert len(table(app, "42 runs")) == 25


def test_an_empty_archive_says_what_will_be_here(data_dir: Path) -> None:
    assert "kept for 90 days" in words(opened("archive"))


# One run


def test_a_run_shows_its_files_deliveries_stages_and_origin(site: Site) -> None:
    app = site.open("run", id=site.seeded.succeeded.id)
    files = table(app, "Files of this run")
    assert [row[0].split()[0] for row in files] == ["HTML", "PDF", "Excel", "Executed", "Mail", "Figures"]
    assert files[1][1:] == ["30.0 kB", site.seeded.artifacts[Format.PDF].sha256]
    deliveries = table(app, "Deliveries of this run")
    states = {row[0].split("/")[0].split("@")[0][:5]: row[1] for row in deliveries}
    assert states == {"board": "● sent", "https": "■ failed", "finan": "○ pending", "owner": "○ pending"}
    assert "the owner, told that not all subscribers were reached" in deliveries[-1][0]
    assert [row[0] for row in table(app, "Stages of this run")] == ["extract", "execute", "render", "archive", "finish"]
    began, warned, ended = table(app, "Log of this run")
    assert (began[1:], ended[1]) == (["Attempt 1 began."], "Succeeded; 3 deliveries to send.")
    assert warned[1].startswith("▲ warning Code cell 4 wrote to stderr: <b>no scale</b> is set")
    assert "4321 rows of demo" in words(app)
    (link,) = app.get("link_button")
    assert link.proto.url == f"files/{site.seeded.artifacts[Format.HTML].id}"


def test_what_did_not_arrive_is_sent_again(site: Site) -> None:
    app = site.open("run", id=site.seeded.succeeded.id)
    app.button(key="resend").click().run()
    states = {each.state for each in site.service.deliveries(site.seeded.succeeded.id)}
    assert DeliveryState.FAILED not in states
    assert "waiting to be sent" in app.success[0].value


def test_a_failed_run_names_the_cell_and_marks_its_line(site: Site) -> None:
    app = site.open("run", id=site.seeded.failed.id)
    assert "waiting to be sent since" in table(app, "Deliveries of this run")[0][2]
    assert "ZeroDivisionError" in app.error[0].value
    assert "in code cell 3" in words(app)
    (source,) = (html.fromstring(each) for each in fragments(app) if "gz-source" in each)
    assert source.xpath("string(mark)").endswith("ratio = total / 0")
    assert len(source.xpath("mark")) == 1
    assert "the owner, told that there is no report" in words(app)


def test_a_failed_run_can_be_followed_by_another(site: Site) -> None:
    app = site.open("run", id=site.seeded.failed.id)
    app.button(key="again").click().run()
    assert "is queued" in app.success[0].value
    assert len(site.service.runs(RunQuery(report_id=site.seeded.hostile.id))) == 2


def test_a_run_of_a_deleted_report_cannot_be_repeated_and_says_why(site: Site) -> None:
    site.service.delete_report(site.seeded.hostile.id)
    app = site.open("run", id=site.seeded.failed.id)
    app.button(key="again").click().run()
    assert any("There is no report" in error.value for error in app.error)


def test_a_queued_run_is_cancelled(site: Site) -> None:
    (queued,) = site.service.runs(RunQuery(states=(RunState.QUEUED,)))
    app = site.open("run", id=queued.id)
    app.button(key="cancel").click().run()
    assert site.service.run(queued.id).state is RunState.CANCELLED
    assert "– cancelled" in words(app)


# Status


def test_status_shows_runners_queue_failures_and_data(site: Site) -> None:
    app = site.open("status")
    said = words(app)
    row = table(app, "Runners that are working")[0]
    assert "on host-1. 0 of 2 seats are taken." in row[0]
    assert row[1] == "● working"
    assert len(table(app, "Runs queued and running")) == 2
    assert [row[1:3] for row in table(app, "Deliveries of the last 7 days")] == [["■ failed", "410 Gone"]]
    assert str(site.seeded.settings.data_dir.resolve()) in said
    assert "90 days, then runs" in said


def test_status_lists_reports_that_are_late(site: Site) -> None:
    (row,) = table(site.open("status"), "Reports whose due time has passed")
    assert (row[0], row[2]) == ("Late monthly cost", "owner@example.org")
    assert row[1].endswith("▲ 5 hours ago")
    on_time = datetime.now(UTC) - timedelta(minutes=1)
    late = site.service.report(site.seeded.late.id)
    site.service.store.update_report(replace(late, cron="0 2 1 * *", next_due_at=on_time), late.version)
    assert "Every due time that has come was taken up" in words(site.open("status"))


def test_status_lists_reports_whose_last_run_failed_in_one_line_each(site: Site) -> None:
    app = site.open("status")
    (row,) = table(app, "Reports whose last run failed")
    assert row[1] == "Cell 3 failed: ZeroDivisionError: float division by zero <b>bold</b>"
    links = [a.get("href") for part in fragments(app) for a in html.fromstring(part).xpath("//a")]
    assert f"run?id={site.seeded.failed.id}" in links
    assert f"report?id={site.seeded.hostile.id}" in links
    assert f"run?id={site.seeded.succeeded.id}" in links, "the run of the delivery that did not arrive"
    assert "archive?state=failed" in links
    again = planned_run(site.seeded.hostile, datetime.now(UTC), RunKind.SCHEDULED, {})
    site.service.store.add_run(replace(again, state=RunState.SUCCEEDED))
    assert "The last run of every report went well" in words(site.open("status"))


def test_status_says_what_it_leaves_out(site: Site) -> None:
    at = datetime.now(UTC)
    error = replace(web_seed.ERROR, message=f"{'x' * 500}\nsecond line")
    for number in range(26):
        report = site.service.create_report(NewReport(f"New {number}", "usage_summary", "owner@example.org"), at)
        run = planned_run(report, at, RunKind.MANUAL, {})
        site.service.store.add_run(replace(run, state=RunState.FAILED, error=error))
    app = site.open("status")
    rows = table(app, "Reports whose last run failed")
    assert len(rows) == 25
    assert rows[0][1] == "x" * 159 + "…"
    assert "There are more than 25; these are the ones that failed last." in words(app)


def test_status_says_how_notebooks_are_kept_apart(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAZETTE_KERNEL_MEMORY_MB", "1500")
    wiring.forget()
    said = words(opened("status"))
    assert "at most 1,500 MB" in said
    assert "at most 600 s, and 300 s for one cell" in said
    assert "none: a notebook can use the network" in said


def test_status_says_how_to_start_a_runner(data_dir: Path) -> None:
    said = words(opened("status"))
    assert "No runner is working" in said
    assert "gazette runner" in said


def test_status_warns_where_passwords_are_not_encrypted(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "without encryption" not in words(opened("status"))
    monkeypatch.setattr(st, "get_option", lambda _: "0.0.0.0")
    assert "without encryption" in words(opened("status"))
    monkeypatch.setenv("GAZETTE_BASE_URL", "https://reports.example.org")
    wiring.forget()
    assert "without encryption" not in words(opened("status"))


# Roles


@pytest.fixture
def as_person(monkeypatch: pytest.MonkeyPatch) -> Callable[[Person], None]:
    return lambda person: monkeypatch.setattr(wiring, "person_id", lambda: person.id)


def test_a_viewer_finds_reports_but_neither_runs_nor_buttons(site: Site, as_person: Callable[[Person], None]) -> None:
    as_person(people.VIEWER)
    catalogue = table(site.open("reports"), "30 reports")
    assert {row[1] for row in catalogue} == {"–for its subscribers"}
    app = site.open("report", id=site.seeded.daily.id)
    assert [button.label for button in app.button] == ["Subscribe vera@example.org"]
    assert "You are not subscribed to it" in words(app)
    assert "for its owner and its subscribers" in words(app)
    assert "board@example.org" not in words(app)
    assert site.open("run", id=site.seeded.succeeded.id).title[0].value == "Not found"
    assert "Runs of the reports that you are subscribed to will be listed here" in words(site.open("archive"))
    status = words(site.open("status"))
    assert str(site.seeded.settings.data_dir.resolve()) not in status
    assert "The last run of every report went well" in status, "of those whose runs this person may see"
    assert "None in the last 7 days." in status


def test_a_subscriber_reads_runs_and_sees_only_her_own_deliveries(
    site: Site, as_person: Callable[[Person], None]
) -> None:
    as_person(people.SUBSCRIBER)
    app = site.open("run", id=site.seeded.succeeded.id)
    assert [row[0][:17] for row in table(app, "Deliveries of this run")] == ["board@example.org"]
    assert [button.label for button in app.button] == []
    subscriptions = table(site.open("report", id=site.seeded.daily.id), "Subscriptions")
    assert [row[0] for row in subscriptions] == ["The boardboard@example.org"]


def test_an_owner_has_the_buttons_of_her_reports(site: Site, as_person: Callable[[Person], None]) -> None:
    as_person(people.OWNER)
    labels = [button.label for button in site.open("report", id=site.seeded.daily.id).button]
    changing = ["Run now", "Pause the schedule", "Preview", "Edit", "Delete"]
    assert labels == [*changing, "Subscribe owner@example.org"]
    as_person(people.OTHER)
    labels = [button.label for button in site.open("report", id=site.seeded.daily.id).button]
    assert labels == ["Subscribe other@example.org"]


def test_who_is_signed_out_or_disabled_meanwhile_sees_nothing(
    site: Site, as_person: Callable[[Person], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    wiring.accounts().edit_person(replace(people.VIEWER, disabled=True), "root")
    as_person(people.VIEWER)
    for page in ("reports", "archive", "status"):
        app = site.open(page)
        assert "You are signed out" in app.error[0].value.replace("\\", "")
        assert not fragments(app)
    monkeypatch.setattr(wiring, "person_id", lambda: "")
    assert "You are signed out" in site.open("reports").error[0].value


def test_the_person_is_who_the_sign_in_wrote_into_the_headers(monkeypatch: pytest.MonkeyPatch) -> None:
    headers = {"x-gazette-person": "b%C3%A4r%40example.org"}
    monkeypatch.setattr(wiring.st, "context", SimpleNamespace(headers=headers))
    assert wiring.person_id() == "bär@example.org"
    headers.clear()
    assert wiring.person_id() == ""


# Changes


def test_changes_are_listed_with_before_and_after(site: Site) -> None:
    app = site.open("audit")
    rows = table(app, "2 changes")
    assert rows[0][1] == people.OWNER.id
    assert rows[0][2].startswith(f"pause report{web_seed.LONG}")
    assert rows[0][3] == "paused: no →became yes"
    assert rows[1][2].startswith("edit report<script>")
    assert rows[1][3].startswith("name: Hostile →became <script>")


def test_changes_are_found_by_person_kind_and_time(site: Site) -> None:
    wiring.accounts().add_person(NewPerson("ada", Role.EDITOR), "root", datetime.now(UTC))
    app = site.open("audit")
    app.text_input(key="person").set_value("ROOT").run()
    ((*_, made),) = table(app, "1 change,")
    assert "role: editor" in made
    app.selectbox(key="choice_kind").select("report").run()
    assert "No change is like that" in words(app)
    app.text_input(key="person").set_value("").run()
    assert len(table(app, "2 changes")) == 2
    app.text_input(key="time").set_value("2020").run()
    assert "No change is like that" in words(app)
    app.text_input(key="time").set_value(f"{datetime.now(UTC):%Y}").run()
    assert len(table(app, "2 changes")) == 2
    app.text_input(key="time").set_value("nonsense").run()
    assert "is not understood" in app.error[0].value


def test_changes_come_in_pages(site: Site) -> None:
    desk = Desk(site.service, people.ADMIN)
    for number in range(30):
        new = NewSubscription(site.seeded.daily.id, ChannelKind.EMAIL, f"n{number}@example.org")
        desk.subscribe(new, datetime.now(UTC))
    app = site.open("audit")
    assert len(table(app, "32 changes")) == 25
    app.get("pagination")[0].set_value(2).run()
    assert len(table(app, "32 changes")) == 7


def test_changes_are_for_admins(site: Site, as_person: Callable[[Person], None]) -> None:
    for person in (people.OWNER, people.VIEWER):
        as_person(person)
        app = site.open("audit")
        assert app.title[0].value == "Not allowed"
        (footer,) = fragments(app)
        assert footer.startswith('<footer class="gz-footer">Signed in as ')


def test_without_changes_the_page_says_what_will_be_there(data_dir: Path) -> None:
    assert "Every change will be listed here" in words(opened("audit"))
