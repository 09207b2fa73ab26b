"""The preview of a report on a real store: what it says in each state, and where it leads."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import people
import pytest
import web_seed
from lxml import html
from pages import Site, fragments, words
from streamlit.testing.v1 import AppTest

from reports.access import Desk
from reports.model import LEASE, Format, Person, Run, RunKind, RunState, Stage
from reports.service import NewReport, Service
from reports.store import RunQuery
from web import wiring

DRAFT = NewReport("Tried out", "usage_summary", people.OWNER.id)


@dataclass
class Previews:
    """Previews in the states that a runner brings them to."""

    site: Site
    scratch: Path

    @property
    def service(self) -> Service:
        return self.site.service

    def queued(self, person: Person = people.ADMIN) -> Run:
        return Desk(self.service, person).preview(DRAFT, datetime.now(UTC))

    def running(self, *stages: Stage) -> Run:
        run = self.queued()
        for waiting in self.service.runs(RunQuery(states=(RunState.QUEUED,))):
            if waiting.id != run.id:
                self.service.cancel_run(waiting.id)
        claimed = self.service.store.claim_run("seed", LEASE)
        assert claimed is not None
        assert claimed.id == run.id
        for stage in stages:
            self.service.store.set_stage(run.id, claimed.attempt, stage.value)
        return self.service.run(run.id)

    def succeeded(self) -> Run:
        run = self.running(*Stage)
        files = [
            web_seed.stored(self.service, run, format, content, self.scratch)
            for format, content in ((Format.HTML, web_seed.HTML.encode()), (Format.XLSX, b"PK"))
        ]
        self.service.store.finish_run(run.id, run.attempt, files, {}, {}, [])
        return self.service.run(run.id)

    def failed(self) -> Run:
        run = self.running(Stage.EXTRACT, Stage.EXECUTE)
        self.service.store.fail_run(run.id, run.attempt, web_seed.ERROR, None, None)
        return self.service.run(run.id)


@pytest.fixture
def previews(site: Site, tmp_path: Path) -> Previews:
    return Previews(site, tmp_path)


def stages(app: AppTest) -> list[str]:
    (found,) = [each for each in fragments(app) if "gz-stages" in each]
    return [item.text_content() for item in html.fromstring(found).xpath(".//li")]


def links(app: AppTest) -> dict[str, str]:
    return {element.proto.label: element.proto.page for element in app.get("page_link")}


def test_one_that_waits_says_what_for(previews: Previews) -> None:
    app = previews.site.open("preview", run=previews.queued().id)
    assert app.title[0].value == "Preview of Tried out"
    assert "Waiting for a runner" in words(app)
    assert [each.split(":")[1] for each in stages(app)] == [" to come"] * 5
    assert "gazette runner" not in words(app)


def test_without_a_runner_it_says_how_to_start_one(previews: Previews, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Desk, "runners", lambda _: [])
    assert "Start one by the command gazette runner" in words(previews.site.open("preview", run=previews.queued().id))


def test_one_that_is_going_on_shows_each_stage(previews: Previews) -> None:
    app = previews.site.open("preview", run=previews.running(Stage.EXTRACT, Stage.EXECUTE).id)
    first, second, *others = stages(app)
    assert first.startswith("● Reading the data: done in ")
    assert second.startswith("○ Running the notebook: going on, ")
    assert [each.endswith("to come") for each in others] == [True] * 3
    assert "Running the notebook: stage 2 of 5." in words(app)
    assert not app.button


def test_one_that_succeeded_shows_the_report_in_a_frame_and_its_files(previews: Previews) -> None:
    run = previews.succeeded()
    app = previews.site.open("preview", run=run.id)
    by_format = {each.format: each.id for each in previews.service.artifacts(run.id)}
    (frame,) = app.get("iframe")
    assert frame.proto.src == f"/files/{by_format[Format.HTML]}"
    assert frame.proto.alt == "The report Tried out"
    opened = {element.proto.label: element.proto.url for element in app.get("link_button")}
    assert opened == {
        "Open the HTML page": f"files/{by_format[Format.HTML]}",
        "Download the Excel sheet": f"files/{by_format[Format.XLSX]}",
    }
    assert "Sent to nobody" in words(app)


def test_one_that_failed_shows_the_cell_and_marks_its_line(previews: Previews) -> None:
    app = previews.site.open("preview", run=previews.failed().id)
    assert "What went wrong" in words(app)
    (source,) = [each for each in fragments(app) if "gz-source" in each]
    assert html.fromstring(source).xpath("string(//mark)").endswith("ratio = total / 0")
    assert "usage_summary.ipynb" in words(app)


def test_one_that_waits_can_be_cancelled(previews: Previews) -> None:
    run = previews.queued()
    app = previews.site.open("preview", run=run.id)
    app.button(key="cancel").click().run()
    assert previews.service.run(run.id).state is RunState.CANCELLED
    assert "This preview was cancelled. Cancelled by hand" in words(app).replace("\\", "")


def test_from_a_report_to_its_preview_again_and_to_its_form(previews: Previews) -> None:
    app = previews.site.open("report", id=previews.site.seeded.daily.id)
    app.button(key="preview").click().run()
    assert app.title[0].value == "Preview of Daily usage"
    assert links(app) == {"Edit the report": "edit", "To the report": "report"}
    (run,) = previews.service.runs(RunQuery(kinds=(RunKind.PREVIEW,), text="Daily"))
    previews.service.cancel_run(run.id)
    app.switch_page("app_pages/preview.py")  # AppTest does not stay where a script led it
    app.run().button(key="again").click().run()
    assert len(previews.service.runs(RunQuery(kinds=(RunKind.PREVIEW,), text="Daily"))) == 2


def test_a_draft_of_another_session_leads_to_the_form_of_its_template(previews: Previews) -> None:
    assert links(previews.site.open("preview", run=previews.succeeded().id)) == {"To its form": "edit"}


def test_anothers_preview_is_not_there(previews: Previews, monkeypatch: pytest.MonkeyPatch) -> None:
    run = previews.queued()
    monkeypatch.setattr(wiring, "person_id", lambda: people.OTHER.id)
    assert "Not found" in words(previews.site.open("preview", run=run.id))


def test_a_run_that_is_no_preview_is_shown_as_a_run(previews: Previews) -> None:
    app = previews.site.open("preview", run=previews.site.seeded.succeeded.id)
    assert app.title[0].value.startswith("Daily usage")


def test_without_a_run_it_says_where_to_begin(previews: Previews) -> None:
    assert "Start it with Preview" in words(previews.site.open("preview"))


def test_what_can_no_longer_be_saved_says_so_and_leads_back(previews: Previews) -> None:
    app = previews.site.open("edit", id=previews.site.seeded.daily.id)
    (name,) = [each for each in app.text_input if str(each.key).endswith("_name")]
    name.set_value("Mine").run()
    app.button(key="preview").click().run()
    previews.service.delete_report(previews.site.seeded.daily.id)
    app.switch_page("app_pages/preview.py")
    app.run().button(key="save").click().run()
    assert "Go back to the form to mend it" in words(app)
