"""Making, editing and previewing reports in a real browser: accessible in every state, and by keyboard alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import people
import pytest
import web_seed
import web_server
from acting import Mouse
from browsing import Visit, tab_to, visits
from playwright.sync_api import Browser, Page, expect
from web_seed import Seeded

from reports.access import Desk
from reports.model import LEASE, Format, Run, RunState, Stage
from reports.service import NewReport, Service
from reports.settings import Settings
from reports.sources import Source
from reports.store import RunQuery
from runner.commands.serving import run_once

FOCUSED_LABEL = """() => {
  const field = document.activeElement;
  const named = document.getElementById(field.getAttribute('aria-labelledby') || '');
  return (field.getAttribute('aria-label') || (named || (field.labels || [])[0] || {}).innerText || '').trim();
}"""
HEADER = "day,user_id,team_id,model,provider,key_alias,requests,successes,prompt_tokens,completion_tokens,spend"


@dataclass(frozen=True)
class States:
    """Previews as a runner leaves them, and the site they are on."""

    site: tuple[str, Seeded]
    queued: Run
    running: Run
    succeeded: Run
    failed: Run


@pytest.fixture(scope="module")
def states(site: tuple[str, Seeded], tmp_path_factory: pytest.TempPathFactory) -> Iterator[States]:
    service = web_seed.open_service(site[1].settings)
    for waiting in service.runs(RunQuery(states=(RunState.QUEUED,))):
        service.cancel_run(waiting.id)
    succeeded = claimed(service, "Weekly usage", *Stage)
    scratch = tmp_path_factory.mktemp("scratch")
    files = [
        web_seed.stored(service, succeeded, Format.HTML, web_seed.HTML.encode(), scratch),
        web_seed.stored(service, succeeded, Format.PDF, web_seed.PDF, scratch),
    ]
    service.store.finish_run(succeeded.id, succeeded.attempt, files, {}, {}, [])
    failed = claimed(service, web_seed.HOSTILE, Stage.EXTRACT, Stage.EXECUTE)
    service.store.fail_run(failed.id, failed.attempt, web_seed.ERROR, None, None)
    running = claimed(service, "Weekly usage", Stage.EXTRACT, Stage.EXECUTE)
    yield States(site, preview(service, web_seed.LONG), running, succeeded, failed)
    service.store.close()


def preview(service: Service, name: str) -> Run:
    return Desk(service, people.ADMIN).preview(NewReport(name, "usage_summary", "root"), datetime.now(UTC))


def claimed(service: Service, name: str, *stages: Stage) -> Run:
    queued = preview(service, name)
    run = service.store.claim_run("seed", LEASE)
    assert run is not None
    assert run.id == queued.id
    for stage in stages:
        service.store.set_stage(run.id, run.attempt, stage.value)
    return run


PAGES: dict[str, Callable[[States], str]] = {
    "choice of templates": lambda _: "/edit",
    "usage summary": lambda _: "/edit?template=usage_summary",
    "cost analysis": lambda _: "/edit?template=cost_analysis",
    "user activity": lambda _: "/edit?template=user_activity",
    "model performance": lambda _: "/edit?template=model_performance",
    "no such template": lambda _: "/edit?template=nothing",
    "filled by an odd link": lambda _: "/edit?template=usage_summary&filters=%7B&cron=61+7+*+*+1",
    "edited": lambda states: f"/edit?id={states.site[1].hostile.id}",
    "edited, paused, long": lambda states: f"/edit?id={states.site[1].paused.id}",
    "no preview": lambda _: "/preview",
    "preview queued": lambda states: f"/preview?run={states.queued.id}",
    "preview running": lambda states: f"/preview?run={states.running.id}",
    "preview succeeded": lambda states: f"/preview?run={states.succeeded.id}",
    "preview failed": lambda states: f"/preview?run={states.failed.id}",
}


@pytest.mark.parametrize("name", PAGES)
def test_every_state_is_accessible_and_keeps_to_itself(visit: Visit, states: States, name: str) -> None:
    visit.open(PAGES[name](states))
    visit.check()


def test_without_a_runner_the_page_says_so_until_there_is_one(visit: Visit, states: States) -> None:
    service = web_seed.open_service(visit.seeded.settings)
    for runner in service.runners():
        service.store.remove_runner(runner.id)
    page = visit.open(f"/preview?run={states.queued.id}")
    expect(page.get_by_text("No runner is working")).to_be_visible()
    visit.check()
    service.store.beat("host-1:4242", {"host": "host-1", "pid": 4242, "seats": 2})
    service.store.close()
    expect(page.get_by_text("No runner is working")).to_be_hidden()


def test_a_form_with_errors_is_accessible_and_says_them_at_their_fields(visit: Visit) -> None:
    page = visit.open("/edit?template=usage_summary")
    fill(page, "Name", "")
    fill(page, "At", "noon")
    page.get_by_role("button", name="Save the report").click()
    expect(page.get_by_text("Name: must not be empty").first).to_be_visible()
    expect(page.get_by_text("At: write a time of day such as 07:30").first).to_be_visible()
    expect(page.get_by_role("alert")).to_contain_text("This cannot be used yet")
    visit.check()


def test_what_somebody_else_saved_meanwhile_is_shown(visit: Visit) -> None:
    report = visit.seeded.by_hand
    page = visit.open(f"/edit?id={report.id}")
    fill(page, "Name", "Mine")
    expect(page.get_by_role("button", name="Drop the changes")).to_be_visible()
    service = web_seed.open_service(visit.seeded.settings)
    stored = service.report(report.id)
    Desk(service, people.OWNER).edit_report(replace(stored, name="Theirs", cron="0 9 * * 1"), datetime.now(UTC))
    service.store.close()
    page.get_by_role("button", name="Save the changes").click()
    expect(page.get_by_text("Somebody saved this report while you were editing it")).to_be_visible()
    expect(page.get_by_role("row", name="Name Only by hand Theirs Mine")).to_be_visible()
    visit.check()
    page.locator("[data-testid=stStatusWidget]").wait_for(state="detached")
    page.get_by_role("button", name="Load theirs").click()
    expect(page.get_by_label("Name", exact=True).first).to_have_value("Theirs")


def test_the_schedule_says_what_it_means_while_it_is_built(visit: Visit) -> None:
    page = visit.open("/edit?template=usage_summary")
    expect(page.get_by_text("Every day at 07:00, UTC")).to_be_visible()
    Mouse().choose(page, "How often", "On days of the week")
    expect(page.get_by_text("Every Monday at 07:00, UTC")).to_be_visible()
    fill(page, "At", "6.30")
    expect(page.get_by_text("Every Monday at 06:30, UTC")).to_be_visible()
    expect(page.get_by_role("columnheader", name="Where you are, Asia/Tokyo")).to_be_visible()
    visit.check()
    page.get_by_role("button", name="Choose another template").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("New report")


def test_a_report_is_deleted_after_a_question(visit: Visit) -> None:
    service = web_seed.open_service(visit.seeded.settings)
    report = service.create_report(NewReport("Not for long", "usage_summary", "root"), datetime.now(UTC))
    page = visit.open(f"/report?id={report.id}")
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("dialog")).to_contain_text("Nobody is subscribed to it")
    assert visit.violations() == []
    page.get_by_role("button", name="Delete it").click()
    expect(page.get_by_text("Not for long is deleted")).to_be_visible()
    assert report.id not in {each.id for each in service.reports()}
    service.store.close()


def test_the_report_in_its_frame_runs_no_script(visit: Visit, states: States) -> None:
    page = visit.open(f"/preview?run={states.succeeded.id}")
    frame = page.frame_locator("iframe[title='The report Weekly usage']")
    expect(frame.get_by_role("heading", name="Daily usage")).to_be_visible()
    assert frame.locator(":root").evaluate("() => [document.title, self.origin]") == ["Daily usage", "null"]


# By keyboard alone, with a runner


@pytest.fixture
def workshop(browser: Browser, site: tuple[str, Seeded], tmp_path: Path) -> Iterator[tuple[Visit, Settings]]:
    """A site with usage and nothing else."""
    settings = web_seed.settings_in(tmp_path / "state")
    people.add_root(settings.store_url)
    service = web_seed.open_service(settings)
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    rows = [
        f"{yesterday - timedelta(days=back)},ann,blue,small,openai,key,{90 + back},90,10,10,0.5" for back in range(4)
    ]
    (tmp_path / "usage.csv").write_text("\n".join([HEADER, *rows]))
    service.add_source(Source("usage", "files", str(tmp_path / "usage.csv")))
    service.store.close()
    with web_server.served(tmp_path / "state", tmp_path / "log") as url:
        for visit in visits(browser, (url, site[1]), "desk"):
            yield visit, settings


def test_from_a_template_to_its_preview_and_a_saved_report_by_keyboard(workshop: tuple[Visit, Settings]) -> None:
    visit, settings = workshop
    page = visit.open("/")
    tab_to(page, "New report")
    page.keyboard.press("Enter")
    tab_to(page, "Use Usage summary")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("New report: Usage summary")
    tab_to_field(page, "Name")
    page.keyboard.press("ControlOrMeta+A")
    page.keyboard.type("By keyboard")
    tab_to_field(page, "At")
    page.keyboard.press("ControlOrMeta+A")
    page.keyboard.type("6:45")
    page.keyboard.press("Tab")
    expect(page.get_by_text("Every day at 06:45")).to_be_visible()
    tab_to(page, "Preview")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Preview of By keyboard")
    expect(page.get_by_text("Waiting for a runner")).to_be_visible()
    run_once(settings)
    frame = page.frame_locator("iframe[title='The report By keyboard']")
    expect(frame.get_by_role("heading", level=1)).to_be_visible(timeout=30_000)
    visit.check()
    tab_to(page, "Save the report")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("By keyboard")
    expect(page.get_by_text("The report is saved as it was previewed")).to_be_visible()
    expect(page.get_by_text("Every day at 06:45")).to_be_visible()


def fill(page: Page, label: str, text: str) -> None:
    """Type into a field and leave it, as a person does, until the page has followed."""
    page.get_by_label(label, exact=True).fill(text)
    page.get_by_label(label, exact=True).press("Tab")
    page.locator("[data-testid=stStatusWidget]").wait_for(state="detached")


def tab_to_field(page: Page, label: str) -> None:
    page.get_by_label(label, exact=True).wait_for()
    for _ in range(80):
        page.keyboard.press("Tab")
        if page.evaluate(FOCUSED_LABEL) == label:
            return
    raise AssertionError(f"Tab does not reach the field {label!r}")
