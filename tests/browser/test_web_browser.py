"""The pages in a real browser: accessible in every state, usable by keyboard, closed to scripts, in one's own zone."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import web_seed
from acting import Mouse
from browsing import Visit, tab_to, visits
from playwright.sync_api import Browser, expect
from waiting import wait_until
from web_seed import Seeded

from reports.model import Format, RunState
from reports.store import RunQuery

PAGES: dict[str, Callable[[Seeded], str]] = {
    "reports": lambda _: "/",
    "second page": lambda _: "/?page=2",
    "search": lambda _: "/?q=weekly",
    "nothing found": lambda _: "/?q=no+such+report",
    "report": lambda seeded: f"/report?id={seeded.daily.id}",
    "hostile report": lambda seeded: f"/report?id={seeded.hostile.id}",
    "paused report": lambda seeded: f"/report?id={seeded.paused.id}",
    "report by hand": lambda seeded: f"/report?id={seeded.by_hand.id}",
    "no report": lambda _: "/report",
    "archive": lambda _: "/archive",
    "archive of a report": lambda seeded: f"/archive?report={seeded.daily.id}&page=2",
    "archive filtered": lambda _: "/archive?state=failed&kind=scheduled",
    "archive, nothing found": lambda _: "/archive?q=no+such+report",
    "odd period": lambda _: "/archive?period=nonsense",
    "succeeded run": lambda seeded: f"/run?id={seeded.succeeded.id}",
    "failed run": lambda seeded: f"/run?id={seeded.failed.id}",
    "unknown run": lambda _: "/run?id=nope",
    "no run": lambda _: "/run",
    "status": lambda _: "/status",
    "changes": lambda _: "/audit",
    "no such changes": lambda _: "/audit?person=nobody",
}


@pytest.mark.parametrize("name", PAGES)
def test_every_page_is_accessible_and_keeps_to_itself(visit: Visit, name: str) -> None:
    visit.open(PAGES[name](visit.seeded))
    visit.check()


def test_the_check_itself_finds_what_is_wrong(visit: Visit) -> None:
    page = visit.open("/status")
    page.evaluate("document.querySelector('main').append(new Image(), document.createElement('h5'))")
    page.evaluate("fetch('https://example.org/').catch(() => null)")
    assert any(each.startswith("image-alt") for each in visit.violations())
    assert any("Content Security Policy" in each for each in visit.complaints)


@pytest.mark.parametrize("path", ["/", "/explore", "/edit", "/archive", "/status", "/audit"])
def test_empty_pages_are_accessible(browser: Browser, empty_site: str, site: tuple[str, Seeded], path: str) -> None:
    for visit in visits(browser, (empty_site, site[1]), "phone"):
        visit.open(path)
        visit.check()


def test_times_are_the_readers(visit: Visit) -> None:
    page = visit.open("/")
    expect(page.get_by_text("times in Asia/Tokyo (JST)")).to_be_visible()
    row = page.get_by_role("row").filter(has_text="Daily usage")
    expect(row).to_contain_text("JST")
    expect(row).to_contain_text("Europe/Berlin")


def test_each_page_has_a_title_of_its_own(visit: Visit) -> None:
    for path, title in (("/", "Reports"), ("/archive", "Archive"), ("/status", "Status"), ("/run", "Run")):
        visit.open(path)
        expect(visit.page).to_have_title(f"{title} · Gazette")


def test_from_the_list_to_a_report_and_its_run_by_keyboard(visit: Visit) -> None:
    page = visit.open("/")
    tab_to(page, "Daily usage")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Daily usage")
    tab_to(page, "Run now")
    assert "auto" in page.evaluate("getComputedStyle(document.activeElement).outlineStyle") or page.evaluate(
        "getComputedStyle(document.activeElement).boxShadow !== 'none'"
    ), "the focus cannot be seen"
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("A run is queued")
    tab_to(page, "All runs of Daily usage in the archive")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Archive")
    expect(page.get_by_text("runs, the latest first")).to_be_visible()


def test_a_table_that_is_wider_than_a_phone_scrolls_by_keyboard(browser: Browser, site: tuple[str, Seeded]) -> None:
    for visit in visits(browser, site, "phone"):
        frame = visit.open("/archive").get_by_role("region", name="runs, the latest first")
        frame.focus()
        frame.press("ArrowRight")
        wait_until(partial(frame.evaluate, "element => element.scrollLeft > 0"))


def test_an_archived_page_cannot_run_its_script(visit: Visit) -> None:
    page = visit.page
    page.goto(f"{visit.url}/files/{visit.seeded.artifacts[Format.HTML].id}")
    expect(page.locator("h1")).to_have_text("Daily usage")
    assert page.title() == "Daily usage"
    assert page.evaluate("self.origin") == "null"


def test_the_main_button_of_a_run_opens_its_page(visit: Visit) -> None:
    page = visit.open(f"/run?id={visit.seeded.succeeded.id}")
    with page.context.expect_page() as opened:
        page.get_by_role("link", name="Open the report").click()
    expect(opened.value.locator("h1")).to_have_text("Daily usage")


def test_a_sheet_is_saved_under_its_name(visit: Visit, tmp_path: Path) -> None:
    page = visit.open(f"/run?id={visit.seeded.succeeded.id}")
    with page.expect_download() as saved:
        page.get_by_role("link", name="Excel sheet").click()
    assert saved.value.suggested_filename == f"daily-usage_{visit.seeded.succeeded.period.end}.xlsx"
    saved.value.save_as(tmp_path / "saved.xlsx")
    assert (tmp_path / "saved.xlsx").stat().st_size == visit.seeded.artifacts[Format.XLSX].bytes


def test_a_page_follows_its_run_without_being_reloaded(visit: Visit) -> None:
    service = web_seed.open_service(visit.seeded.settings)
    queued = service.runs(RunQuery(states=(RunState.QUEUED,), report_id=visit.seeded.late.id))[0]
    page = visit.open(f"/run?id={queued.id}")
    expect(page.get_by_text("queued")).to_be_visible()
    page.evaluate("window.stayed = true")
    service.cancel_run(queued.id)
    service.store.close()
    expect(page.get_by_role("definition").first).to_contain_text("cancelled by hand")
    assert page.evaluate("window.stayed")


def test_choices_of_the_archive_survive_a_reload(visit: Visit) -> None:
    page = visit.open("/archive")
    Mouse().choose(page, "State", "failed")
    expect(page.get_by_text("1 run, the latest first")).to_be_visible()
    page.reload()
    expect(page.get_by_text("1 run, the latest first")).to_be_visible()


def test_paging_stands_in_the_url(visit: Visit) -> None:
    page = visit.open("/archive")
    page.get_by_role("button", name="Page 2").click()
    page.wait_for_url("**/archive?page=2")
    expect(page.get_by_role("rowheader").first).to_contain_text("Daily usage")
