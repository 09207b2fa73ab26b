"""The form of a report on a real store: what it is filled with, what it saves, what it refuses and where it says so."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import nbformat
import people
import pytest
import web_seed
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from pages import Site, fragments, opened, table, words
from streamlit.testing.v1 import AppTest

from reports.access import Desk
from reports.model import CatchUp, Filters, Format, PeriodPolicy, Report, RunKind
from reports.service import NewReport
from reports.sources import Source
from reports.store import ReportQuery, RunQuery
from web import wiring

CSV = """day,user_id,team_id,model,provider,key_alias,requests,successes,prompt_tokens,completion_tokens,spend
2026-11-19,ben,blue,large,anthropic,ben-key,90,90,10,10,0.1
2026-11-20,ann,red,small,openai,ann-key,50,50,10,10,0.1
"""
CELL = """
from typing import Literal
from datetime import date
customer: str  # Whose figures
name: str = "x"
since: date | None = None
limits: list[float] = [0.5]
rank_by: Literal["cost", "tokens"] = "cost"
"""


def field(app: AppTest, name: str) -> str:
    """The key of a field of the form that is shown."""
    keys = [
        each.key
        for kind in ("text_input", "selectbox", "multiselect", "number_input", "checkbox")
        for each in app.get(kind)
    ]
    (found,) = [key for key in keys if key is not None and key.endswith(f"_{name}")]
    return str(found)


def write(app: AppTest, name: str, text: str) -> None:
    app.text_input(key=field(app, name)).set_value(text).run()


def choose(app: AppTest, name: str, value: object) -> None:
    app.selectbox(key=field(app, name)).set_value(value).run()


def press(app: AppTest, key: str) -> AppTest:
    app.button(key=key).click().run()
    assert not app.exception, app.exception[0].stack_trace
    return app


def marks(app: AppTest) -> list[str]:
    """What is said at the fields."""
    return [each for each in fragments(app) if "gz-error" in each]


def report_called(site: Site, name: str) -> Report:
    (found,) = site.service.reports(ReportQuery(text=name))
    return found


# Choosing a template


def test_every_template_is_offered_with_its_picture(site: Site) -> None:
    app = site.open("edit")
    said = words(app)
    for template in site.service.templates():
        assert template.title in said
        assert template.description in said
    alts = re.findall(r'<img src="data:image/png;base64,[^"]+" width="200" alt="([^"]+)">', " ".join(fragments(app)))
    assert sorted(alts) == [
        f"The top of a report made from the template {title}"
        for title in ("Cost analysis", "Model performance", "Usage summary", "User activity")
    ]


def test_a_template_of_ones_own_says_that_it_has_no_picture(own_template: Path, site: Site) -> None:
    assert own_template.exists()
    assert "No picture: it is a template of your own" in words(site.open("edit"))


def test_without_any_template_the_first_step_is_said(
    data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GAZETTE_NOTEBOOKS_DIR", str(tmp_path / "nothing"))
    wiring.forget()
    assert "gazette template check" in words(opened("edit"))


# A new report


def test_a_new_report_needs_no_more_than_its_template(site: Site) -> None:
    app = press(site.open("edit", template="cost_analysis"), "save")
    assert "The report is saved. Next: " in words(app)
    saved = report_called(site, "Cost analysis")
    assert (saved.cron, saved.zone, saved.owner) == ("0 7 * * *", "Europe/Berlin", "root")
    assert saved.period_policy is PeriodPolicy.LAST_7_DAYS
    assert saved.parameters == {}
    assert saved.formats == (Format.HTML, Format.PDF, Format.XLSX)
    assert app.query_params["id"] == saved.id


def test_all_that_is_filled_in_is_saved(site: Site, tmp_path: Path) -> None:
    add_source(site, tmp_path)
    app = site.open("edit", template="usage_summary")
    write(app, "name", "Blue's Monday")
    app.number_input(key=field(app, "parameter_top_n")).set_value(25).run()
    choose(app, "parameter_rank_by", "tokens")
    choose(app, "source_usage", "elsewhere")
    app.multiselect(key=field(app, "team_ids")).set_value(["blue", "not seen yet"]).run()
    choose(app, "kind", "weekly")
    write(app, "time", "9:30")
    app.multiselect(key=field(app, "weekdays")).set_value([1, 4]).run()
    choose(app, "zone", "America/New_York")
    choose(app, "period_policy", PeriodPolicy.LAST_N_DAYS)
    app.number_input(key=field(app, "period_days")).set_value(10).run()
    app.checkbox(key=field(app, "format_html")).uncheck().run()
    write(app, "owner", "Owner@example.org")
    choose(app, "catch_up", CatchUp.ALL)
    app.number_input(key=field(app, "grace")).set_value(1.5).run()
    assert "Every Monday and Thursday at 09:30, America/New_York" in "\n".join(
        each.value.replace("\\", "") for each in app.markdown
    )
    assert len(table(app, "The next 5 due times")) == 5
    press(app, "save")
    saved = report_called(site, "Blue's Monday")
    assert saved.parameters == {"top_n": 25, "rank_by": "tokens"}
    assert saved.sources == {"usage": "elsewhere"}
    assert saved.filters == Filters(team_ids=("blue", "not seen yet"))
    assert (saved.cron, saved.zone) == ("30 9 * * 1,4", "America/New_York")
    assert (saved.period_policy, saved.period_days) == (PeriodPolicy.LAST_N_DAYS, 10)
    assert saved.formats == (Format.PDF, Format.XLSX)
    assert saved.owner == "owner@example.org"
    assert (saved.catch_up, saved.grace) == (CatchUp.ALL, timedelta(hours=1.5))


def test_an_editors_report_is_her_own(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wiring, "person_id", lambda: people.OTHER.id)
    app = site.open("edit", template="usage_summary")
    assert not [each for each in app.text_input if each.key and each.key.endswith("_owner")]
    press(app, "save")
    assert report_called(site, "Usage summary").owner == people.OTHER.id


def test_viewers_are_told_who_may(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wiring, "person_id", lambda: people.VIEWER.id)
    for query in ({}, {"template": "usage_summary"}):
        assert "Making reports is for editors" in words(site.open("edit", **query))
    assert "Not found" in words(site.open("edit", id=site.seeded.daily.id))


def test_a_link_fills_the_form(site: Site) -> None:
    filters = Filters(team_ids=("blue",), model_ids=("large", "small"))
    app = site.open(
        "edit",
        template="usage_summary",
        name="Blue on Mondays",
        filters=json.dumps(filters.to_json()),
        period_policy="previous_week",
        cron="0 7 * * 1",
    )
    assert "filled with what you were looking at" in words(app)
    press(app, "save")
    saved = report_called(site, "Blue on Mondays")
    assert (saved.filters, saved.cron, saved.period_policy) == (filters, "0 7 * * 1", PeriodPolicy.PREVIOUS_WEEK)


def test_a_link_chooses_the_source_of_usage(site: Site, tmp_path: Path) -> None:
    add_source(site, tmp_path)
    app = site.open("edit", template="usage_summary", name="Of that source", source="elsewhere")
    assert app.selectbox(key=field(app, "source_usage")).value == "elsewhere"
    press(app, "save")
    assert report_called(site, "Of that source").sources == {"usage": "elsewhere"}


@pytest.mark.parametrize("send", ["", "me"])
def test_a_link_may_ask_to_send_it_to_whoever_saves_it(site: Site, send: str) -> None:
    app = site.open("edit", template="usage_summary", name="Each Monday", send=send)
    assert app.checkbox(key=field(app, "send_me")).value is bool(send)
    press(app, "save")
    subscribed = site.service.subscriptions(report_called(site, "Each Monday").id)
    assert [each.address for each in subscribed] == ([people.ADMIN.email] if send else [])


def test_a_link_to_a_source_that_is_gone_says_so(site: Site) -> None:
    app = site.open("edit", template="usage_summary", name="Of none", source="gone")
    assert "about the source of the data is not understood" in words(app)
    press(app, "save")
    assert report_called(site, "Of none").sources == {}


@pytest.mark.parametrize("filters", ["{", "[1]", '{"team_ids": [1]}', '{"colours": ["red"]}', '"x"', '{"team_ids": 3}'])
def test_what_a_link_says_in_error_is_left_out_and_said(site: Site, filters: str) -> None:
    app = site.open("edit", template="usage_summary", filters=filters, period_policy="fortnight", cron="61 * * * *")
    said = words(app)
    assert "about teams, users and models is not understood" in said
    assert "about the days to cover is not understood" in said
    (mark,) = marks(app)
    assert "Cron expression, minute: 61 is not possible" in mark
    assert app.text_input(key=field(app, "expression")).value == "61 * * * *"


def test_known_values_are_offered_once_asked_for(site: Site, tmp_path: Path) -> None:
    add_source(site, tmp_path)
    app = site.open("edit", template="usage_summary", filters='{"team_ids": ["green"]}')
    assert app.multiselect(key=field(app, "team_ids")).options == ["green", "blue", "red"]
    assert app.multiselect(key=field(app, "user_ids")).options == ["ben", "ann"]


def test_a_source_that_cannot_be_read_leaves_the_values_to_be_typed(site: Site) -> None:
    site.service.add_source(Source("usage", "files", "/nowhere/usage.csv"))
    app = site.open("edit", template="usage_summary", filters='{"team_ids": ["green"]}')
    assert "could not be looked up" in words(app)
    press(app, "save")
    assert report_called(site, "Usage summary").filters == Filters(team_ids=("green",))


# What is refused


def test_what_is_wrong_is_said_at_its_field_and_nothing_typed_is_lost(site: Site) -> None:
    app = site.open("edit", template="usage_summary")
    write(app, "name", " ")
    write(app, "time", "noon")
    app.number_input(key=field(app, "parameter_top_n")).set_value(7).run()
    press(app, "save")
    assert any("At: write a time of day such as 07:30" in mark for mark in marks(app))
    assert "This cannot be used yet" in words(app)
    write(app, "time", "8")
    assert any("Name: must not be empty" in mark for mark in marks(app))
    write(app, "name", "At last")
    assert marks(app) == []
    press(app, "save")
    saved = report_called(site, "At last")
    assert (saved.cron, saved.parameters) == ("0 8 * * *", {"top_n": 7})


@pytest.mark.parametrize(
    ("kind", "name", "text", "said"),
    [
        ("custom", "expression", "0 0 30 2 *", "Cron expression, day: this date never comes"),
        ("custom", "expression", "", "Cron expression: write five fields"),
        ("custom", "expression", "0 7 * *", "Cron expression: has 4 fields"),
        ("daily", "time", "25:00", "At: write a time of day"),
        ("daily", "name", "x" * 201, "Name: has 201 characters"),
        ("daily", "owner", "a@b@c", "Owner: "),
    ],
)
def test_each_field_says_what_to_do(site: Site, kind: str, name: str, text: str, said: str) -> None:
    app = site.open("edit", template="usage_summary")
    choose(app, "kind", kind)
    write(app, name, text)
    press(app, "save")
    assert any(said in mark for mark in marks(app)), marks(app)
    assert app.text_input(key=field(app, name)).value == text
    assert site.service.count_reports() == 30


def test_no_format_and_no_weekday_are_refused(site: Site) -> None:
    app = site.open("edit", template="usage_summary")
    choose(app, "kind", "weekly")
    app.multiselect(key=field(app, "weekdays")).set_value([]).run()
    for format in ("html", "pdf", "xlsx"):
        app.checkbox(key=field(app, f"format_{format}")).uncheck().run()
    said = "".join(marks(press(app, "save")))
    assert "On: choose at least one day of the week" in said
    assert "What is made: choose at least one" in said


@pytest.fixture
def own_template(data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A template with parameters of many types, one called as a field of the report is."""
    folder = tmp_path / "own"
    folder.mkdir()
    cells = [new_markdown_cell("# Of our own"), new_code_cell(CELL, metadata={"tags": ["parameters"]})]
    nbformat.write(new_notebook(cells=cells, metadata={"gazette": {"title": "Our own"}}), folder / "own.ipynb")
    for path in (web_seed.ROOT / "notebooks").glob("*.ipynb"):
        (folder / path.name).symlink_to(path)
    monkeypatch.setenv("GAZETTE_NOTEBOOKS_DIR", str(folder))
    wiring.forget()
    return folder


def test_parameters_say_at_their_field_what_they_expect(own_template: Path) -> None:
    app = opened("edit", template="own")
    write(app, "parameter_since", "yesterday")
    write(app, "parameter_limits", "0.5, 0.9")
    press(app, "save")
    assert "since: must be a day such as 2026-11-22, or nothing" in words(app).replace("\\", "")
    write(app, "parameter_since", "2026-11-01")
    assert any("Customer: is required" in mark for mark in marks(app))
    write(app, "parameter_customer", "ACME")
    write(app, "parameter_name", "a value")
    press(app, "save")
    (saved,) = wiring.service().reports()
    assert saved.parameters == {"customer": "ACME", "name": "a value", "since": "2026-11-01", "limits": [0.5, 0.9]}
    assert saved.name == "Our own"


# Editing


def test_an_edit_begins_with_what_is_stored_and_changes_only_what_was_changed(site: Site) -> None:
    before = site.service.report(site.seeded.hostile.id)
    app = site.open("edit", id=before.id)
    assert app.text_input(key=field(app, "name")).value == before.name
    assert app.selectbox(key=field(app, "kind")).value == "weekly"
    assert "Drop the changes" not in [each.label for each in app.button]
    write(app, "name", "Harmless")
    assert "Drop the changes" in [each.label for each in app.button]
    press(app, "save")
    after = site.service.report(before.id)
    assert after.name == "Harmless"
    assert after.version == before.version + 1
    assert replace(after, name=before.name, version=0, cron="", next_due_at=None) == replace(
        before, version=0, cron="", next_due_at=None
    )


def test_a_paused_report_stays_paused_when_it_is_edited(site: Site) -> None:
    app = site.open("edit", id=site.seeded.paused.id)
    write(app, "name", "Still asleep")
    press(app, "save")
    after = site.service.report(site.seeded.paused.id)
    assert (after.name, after.paused, after.next_due_at) == ("Still asleep", True, None)


def test_an_admin_who_edits_leaves_the_owner(site: Site) -> None:
    app = site.open("edit", id=site.seeded.daily.id)
    write(app, "name", "Renamed by root")
    press(app, "save")
    assert site.service.report(site.seeded.daily.id).owner == "owner@example.org"


def saved_by_another(site: Site, **changes: object) -> Report:
    stored = site.service.report(site.seeded.daily.id)
    return Desk(site.service, people.OWNER).edit_report(replace(stored, **changes), datetime.now(UTC))  # type: ignore[arg-type]


def test_what_somebody_saved_meanwhile_is_shown_beside_ones_own(site: Site) -> None:
    app = site.open("edit", id=site.seeded.daily.id)
    write(app, "name", "Mine")
    theirs = saved_by_another(site, cron="0 9 * * 1", name="Theirs")
    press(app, "save")
    assert "Somebody saved this report while you were editing it" in words(app)
    rows = {row[0]: row[1:] for row in table(app, "What differs")}
    assert rows["Name"] == ["Daily usage", "Theirs", "Mine"]
    assert rows["Schedule"] == ["Every day at 07:00", "Every Monday at 09:00", "Every day at 07:00"]
    assert site.service.report(theirs.id).name == "Theirs"
    press(app, "load_theirs")
    assert app.text_input(key=field(app, "name")).value == "Theirs"
    assert app.selectbox(key=field(app, "kind")).value == "weekly"


def test_ones_own_can_be_kept_over_what_somebody_saved(site: Site) -> None:
    app = site.open("edit", id=site.seeded.daily.id)
    write(app, "name", "Mine")
    saved_by_another(site, name="Theirs")
    app.run()
    press(app, "keep_mine")
    assert "Somebody saved" not in words(app)
    press(app, "save")
    assert site.service.report(site.seeded.daily.id).name == "Mine"


def test_a_form_that_was_not_touched_follows_what_is_saved(site: Site) -> None:
    app = site.open("edit", id=site.seeded.daily.id)
    saved_by_another(site, name="Theirs")
    app.run()
    assert "Somebody saved" not in words(app)
    assert app.text_input(key=field(app, "name")).value == "Theirs"


def test_pausing_meanwhile_is_no_conflict(site: Site) -> None:
    app = site.open("edit", id=site.seeded.daily.id)
    write(app, "name", "Mine")
    site.service.pause_report(site.seeded.daily.id)
    press(app, "save")
    after = site.service.report(site.seeded.daily.id)
    assert (after.name, after.paused) == ("Mine", True)


def test_changes_are_dropped(site: Site) -> None:
    app = site.open("edit", id=site.seeded.daily.id)
    write(app, "name", "Mine")
    press(app, "drop")
    assert app.text_input(key=field(app, "name")).value == "Daily usage"


# To the preview and back


def test_a_draft_is_previewed_without_being_saved_and_saved_from_there(site: Site) -> None:
    app = site.open("edit", template="usage_summary")
    write(app, "name", "Tried out")
    app.number_input(key=field(app, "parameter_top_n")).set_value(3).run()
    app.checkbox(key=field(app, "send_me")).check().run()
    press(app, "preview")
    assert app.title[0].value == "Preview of Tried out"
    assert site.service.count_reports() == 30
    (run,) = site.service.runs(RunQuery(kinds=(RunKind.PREVIEW,), text="Tried"))
    assert run.parameters == {"top_n": 3}
    app.switch_page("app_pages/preview.py")  # AppTest does not stay where a script led it
    press(app.run(), "save")
    saved = report_called(site, "Tried out")
    assert saved.parameters == {"top_n": 3}
    assert [each.address for each in site.service.subscriptions(saved.id)] == [people.ADMIN.email]
    app.switch_page("app_pages/preview.py")
    app.query_params["run"] = run.id
    assert "save" not in [each.key for each in app.run().button], "it would be saved twice"


def test_an_edit_is_previewed_and_what_was_typed_waits_in_the_form(site: Site) -> None:
    app = site.open("edit", id=site.seeded.daily.id)
    write(app, "name", "Tried out")
    write(app, "time", "11:15")
    press(app, "preview")
    app.switch_page("app_pages/edit.py")
    app.query_params["id"] = site.seeded.daily.id
    app.run()
    assert app.text_input(key=field(app, "name")).value == "Tried out"
    assert app.text_input(key=field(app, "time")).value == "11:15"
    assert site.service.report(site.seeded.daily.id).name == "Daily usage"


# From the lists, and away


def test_reports_and_report_lead_to_the_form(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    assert press(site.open("reports"), "new").title[0].value == "New report"
    app = press(site.open("report", id=site.seeded.daily.id), "edit")
    assert app.title[0].value == "Edit Daily usage"
    monkeypatch.setattr(wiring, "person_id", lambda: people.VIEWER.id)
    assert not site.open("reports").button
    assert not {"edit", "delete"} & {each.key for each in site.open("report", id=site.seeded.daily.id).button}


def test_before_a_report_is_deleted_it_is_asked_for(site: Site) -> None:
    app = press(site.open("report", id=site.seeded.daily.id), "delete")
    assert "Its 3 subscriptions end." in words(app)
    assert site.service.report(site.seeded.daily.id)
    assert "What was made stays in the archive" in words(app)


def add_source(site: Site, folder: Path) -> None:
    path = folder / "usage.csv"
    path.write_text(CSV)
    site.service.add_source(Source("usage", "files", str(path)))
    site.service.add_source(Source("elsewhere", "files", str(path), label="Another file"))


def test_a_report_without_a_schedule_is_shown_as_by_hand(site: Site) -> None:
    asked = NewReport("Later", "usage_summary", "root", "")
    report = site.service.create_report(asked, datetime.now(UTC))
    app = site.open("edit", id=report.id)
    assert app.selectbox(key=field(app, "kind")).value == "by hand"
    assert "It runs when somebody presses Run now" in words(app)
