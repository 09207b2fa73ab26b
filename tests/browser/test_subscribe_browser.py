"""Subscribing, comparing and sending again in a real browser: accessible in every state, by keyboard, in a frame."""

from __future__ import annotations

from collections.abc import Callable

import people
import pytest
from acting import Mouse
from browsing import Visit, tab_to, visits
from playwright.sync_api import Browser, expect
from web_seed import Seeded

PAGES: dict[str, Callable[[Seeded], str]] = {
    "subscribe": lambda seeded: f"/subscribe?report={seeded.daily.id}",
    "no run yet": lambda seeded: f"/subscribe?report={seeded.by_hand.id}",
    "long name": lambda seeded: f"/subscribe?report={seeded.paused.id}",
    "hostile name": lambda seeded: f"/subscribe?report={seeded.hostile.id}",
    "nothing named": lambda _: "/subscribe",
    "unknown": lambda _: "/subscribe?id=nope",
    "compare": lambda seeded: f"/compare?a={seeded.succeeded.id}&b={seeded.earlier.id}",
    "nothing to compare": lambda _: "/compare",
    "run": lambda seeded: f"/run?id={seeded.succeeded.id}",
    "report": lambda seeded: f"/report?id={seeded.daily.id}",
    "reports": lambda _: "/",
    "archive": lambda _: "/archive?q=daily",
}


@pytest.mark.parametrize("name", PAGES)
def test_every_state_is_accessible_and_keeps_to_itself(visit: Visit, name: str) -> None:
    visit.open(PAGES[name](visit.seeded))
    visit.check()


def test_forms_with_errors_thresholds_and_values_are_accessible(visit: Visit) -> None:
    page = visit.open(f"/subscribe?report={visit.seeded.daily.id}")
    page.get_by_text("Webhook", exact=True).click()
    page.get_by_label("Webhook address").fill("http://plain.example.org/")
    page.keyboard.press("Enter")
    page.get_by_text("must begin with https://").wait_for()
    page.get_by_text("With values of my own").click()
    page.get_by_text("Rows in the top tables").wait_for()
    Mouse().choose(page, "Send it", "Only if a figure crosses a threshold")
    page.get_by_text("Threshold, in").wait_for()
    page.locator("[data-testid=stStatusWidget]").wait_for(state="detached")
    visit.check()


def test_the_mail_stands_in_a_frame_that_runs_nothing(visit: Visit) -> None:
    page = visit.open(f"/subscribe?report={visit.seeded.daily.id}")
    frame = page.frame_locator("iframe[src*='/samples/']")
    expect(frame.get_by_role("heading", name="Daily usage")).to_be_visible()
    assert frame.locator("img").evaluate("image => image.naturalWidth") == 1
    inside = next(each for each in page.frames if "/samples/" in each.url)
    assert inside.evaluate("window.origin") == "null"
    assert inside.title() == "Daily usage"  # its script would have changed it
    answer = page.request.get(inside.url)
    assert "sandbox" in answer.headers["content-security-policy"]
    assert page.request.get(f"{inside.url}x").status == 403


def test_the_mail_is_downloaded_whole(visit: Visit) -> None:
    page = visit.open(f"/subscribe?report={visit.seeded.daily.id}")
    with page.expect_download() as found:
        page.get_by_role("button", name="Download the mail").click()
    assert found.value.suggested_filename == "daily-usage.eml"
    content = found.value.path().read_bytes()
    assert content.startswith(b"From: ")
    assert b"application/pdf" in content


def test_a_viewer_subscribes_by_keyboard_and_stops_again(browser: Browser, site: tuple[str, Seeded]) -> None:
    for visit in visits(browser, site, "desk", people.VIEWER):
        page = visit.open(f"/subscribe?report={visit.seeded.daily.id}")
        tab_to(page, "Subscribe")
        page.keyboard.press("Enter")
        expect(page.get_by_text("Subscribed. The next run will be sent.")).to_be_visible()
        assert visit.violations() == []
        tab_to(page, "Unsubscribe")
        page.keyboard.press("Enter")
        expect(page.get_by_text("nothing more will be sent")).to_be_visible()
        assert visit.complaints == []


def test_one_click_in_the_catalogue_subscribes_and_the_way_leads_back(
    browser: Browser, site: tuple[str, Seeded]
) -> None:
    for visit in visits(browser, site, "desk", people.VIEWER):
        page = visit.open("/?q=Team%2007")
        page.get_by_role("button", name="Subscribe to Team 07").click()
        expect(page.get_by_role("row").filter(has_text="Team 07")).to_contain_text("subscribed")
        assert page.url == f"{visit.url}/?q=Team+07"
        assert visit.violations() == []
        page.get_by_role("link", name="Change your subscription to Team 07").click()
        page.get_by_role("button", name="Unsubscribe").click()
        expect(page.get_by_text("nothing more will be sent")).to_be_visible()
        forged = page.request.post(f"{visit.url}/subscribe-me", form={"report": visit.seeded.daily.id, "seal": "x"})
        assert forged.status == 403
