"""Signing in and out in a real browser: accessible in every state, by keyboard alone, and without a script."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import people
import pytest
import web_seed
import web_server
from axe_playwright_python.sync_playwright import Axe
from browsing import MOVING, PATIENCE, RULES
from people import PASSWORD
from playwright.sync_api import Browser, Page, expect
from waiting import wait_until
from web_seed import Seeded

from reports.model import Person
from reports.seals import Seals, seals_of, unsubscribe_seal

WIDTHS = (1440, 390, 320)  # CSS pixels


@dataclass
class Visit:
    page: Page
    url: str
    seeded: Seeded
    complaints: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.set_default_timeout(PATIENCE)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", lambda said: self.complaints.append(said.text) if said.type == "warning" else None)

    def open(self, path: str) -> Page:
        self.page.goto(self.url + path)
        return self.page

    def sign_in(self, person: Person) -> None:
        self.page.get_by_label("User name").fill(person.id)
        self.page.get_by_label("Password").fill(PASSWORD)
        self.page.get_by_role("button", name="Sign in").click()
        self.heading_is(None)

    def heading_is(self, text: str | None) -> None:
        """Wait for the page; its heading, unless None."""
        heading = self.page.get_by_role("heading", level=1)
        expect(heading).to_have_count(1)
        if text is not None:
            expect(heading).to_have_text(text)

    def is_accessible(self) -> None:
        for width in WIDTHS:
            self.page.set_viewport_size({"width": width, "height": 800})
            wait_until(lambda: not self.page.evaluate(MOVING))
            found = Axe().run(self.page, options=RULES).response["violations"]
            assert [f"{each['id']}: {node['html'][:200]}" for each in found for node in each["nodes"]] == []
            assert self.page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"scrolls at {width} px"
        assert self.complaints == []

    @property
    def seals(self) -> Seals:
        return seals_of(self.seeded.settings)


@pytest.fixture
def visit(browser: Browser, site: tuple[str, Seeded]) -> Iterator[Visit]:
    context = browser.new_context()
    yield Visit(context.new_page(), *site)
    context.close()


def test_the_sign_in_page_is_accessible_also_with_an_error(visit: Visit) -> None:
    page = visit.open("/")
    visit.heading_is("Sign in")
    visit.is_accessible()
    page.get_by_label("User name").fill("a" * 200)
    page.get_by_label("Password").fill("wrong")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("is not right")
    visit.is_accessible()


def test_it_works_without_a_script(browser: Browser, site: tuple[str, Seeded]) -> None:
    context = browser.new_context(java_script_enabled=False)
    visit = Visit(context.new_page(), *site)
    visit.open("/account")
    visit.sign_in(people.VIEWER)
    visit.heading_is("Your account")
    context.close()


def test_by_keyboard_from_a_link_in_and_out_again(visit: Visit) -> None:
    page = visit.open(f"/run?id={visit.seeded.succeeded.id}")
    visit.heading_is("Sign in")
    for typed in (people.OWNER.id, PASSWORD):
        page.keyboard.press("Tab")
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline == "solid", "the focus cannot be seen"
        page.keyboard.type(typed)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Daily usage")
    expect(page.get_by_text("Signed in as Olga Owner, editor.")).to_be_visible()
    _tab_to(page, "Account and sign-out")
    page.keyboard.press("Enter")
    visit.heading_is("Your account")
    visit.is_accessible()
    _tab_to(page, "Sign out")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("You are signed out")
    visit.is_accessible()
    page.go_back()
    visit.heading_is("Sign in")


def _tab_to(page: Page, name: str) -> None:
    for _ in range(80):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.innerText || ''").strip().startswith(name):
            return
    raise AssertionError(f"Tab does not reach {name!r}")


def test_who_signs_out_in_one_tab_is_asked_again_in_the_other(visit: Visit) -> None:
    page = visit.open("/status")
    visit.sign_in(people.VIEWER)
    visit.heading_is("Status")
    account = page.context.new_page()
    account.goto(f"{visit.url}/account")
    account.get_by_role("button", name="Sign out").click()
    account.get_by_role("status").wait_for()
    page.reload()
    visit.heading_is("Sign in")


def test_a_viewer_is_offered_only_what_a_viewer_may_do(visit: Visit) -> None:
    page = visit.open(f"/report?id={visit.seeded.daily.id}")
    visit.sign_in(people.VIEWER)
    visit.heading_is("Daily usage")
    expect(page.get_by_text("for its owner and its subscribers")).to_be_visible()
    assert page.get_by_role("button", name="Run now").count() == 0
    assert page.get_by_role("link", name="Changes").count() == 0
    assert "board@example.org" not in page.content()
    visit.open(f"/run?id={visit.seeded.succeeded.id}")
    visit.heading_is("Not found")
    visit.open("/audit")
    visit.heading_is("Not allowed")
    visit.is_accessible()


def test_an_admin_finds_the_log_of_changes(visit: Visit) -> None:
    page = visit.open("/")
    visit.sign_in(people.ADMIN)
    page.get_by_role("link", name="Changes").click()
    visit.heading_is("Changes")
    expect(page.get_by_role("row").filter(has_text="pause report")).to_contain_text("owner@example.org")
    expect(page.get_by_role("row").filter(has_text="edit report")).to_contain_text("Hostile")


def test_the_account_page_says_what_is_wrong_with_a_new_password(visit: Visit) -> None:
    page = visit.open("/account")
    visit.sign_in(people.VIEWER)
    page.get_by_label("Current password").fill("wrong")
    page.get_by_label("New password", exact=True).fill("another good one")
    page.get_by_label("The new password again").fill("another bad one")
    page.get_by_role("button", name="Change the password").click()
    expect(page.get_by_role("alert")).to_contain_text("typed differently")
    visit.is_accessible()


def test_the_way_out_of_a_mail_is_accessible_at_each_step(visit: Visit) -> None:
    service = web_seed.open_service(visit.seeded.settings)
    subscription = service.subscribe(
        web_seed.NewSubscription(visit.seeded.hostile.id, web_seed.ChannelKind.EMAIL, f"{'long' * 15}@example.org"),
        people.later(),
    )
    page = visit.open(f"/unsubscribe/{unsubscribe_seal(visit.seals, subscription.id)}")
    visit.heading_is("Unsubscribe?")
    visit.is_accessible()
    page.get_by_role("button", name="Unsubscribe").click()
    visit.heading_is("Unsubscribed")
    visit.is_accessible()
    assert service.subscriptions(visit.seeded.hostile.id) == []
    service.store.close()
    visit.open("/unsubscribe/altered")
    visit.heading_is("Link not valid")
    visit.is_accessible()


def test_the_first_admin_is_made_in_the_browser(browser: Browser, site: tuple[str, Seeded], tmp_path: Path) -> None:
    with web_server.served(tmp_path / "state", tmp_path / "log") as url:
        context = browser.new_context()
        visit = Visit(context.new_page(), url, site[1])
        page = visit.open("/")
        visit.heading_is("Sign in")
        expect(page.get_by_text("printed a link")).to_be_visible()
        visit.is_accessible()
        (link,) = re.findall(r"http://\S+/sign-in\?first=\S+", (tmp_path / "log").read_text(encoding="utf-8"))
        page.goto(link)
        visit.heading_is("Make the first account")
        visit.is_accessible()
        page.get_by_label("User name").fill("ada")
        page.get_by_label("Password", exact=True).fill(PASSWORD)
        page.get_by_label("The password again").fill("something else")
        page.get_by_role("button", name="Make the account").click()
        expect(page.get_by_role("alert")).to_contain_text("typed differently")
        visit.is_accessible()
        page.get_by_label("Password", exact=True).fill(PASSWORD)
        page.get_by_label("The password again").fill(PASSWORD)
        page.get_by_role("button", name="Make the account").click()
        visit.heading_is("Reports")
        expect(page.get_by_text("Signed in as ada, admin.")).to_be_visible()
        context.close()
