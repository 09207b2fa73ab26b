"""A browser as tests drive it: pages opened as somebody, held to accessibility, followed by keyboard."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field

import people
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Page, expect
from playwright.sync_api import TimeoutError as PlaywrightTimeout
from waiting import wait_until
from web_seed import Seeded

from reports.model import Person

WIDTHS = (1440, 390, 320)  # CSS pixels; the last is a desk's at 400 % zoom
SIZES = {"desk": (1440, 900), "phone": (390, 844)}  # CSS pixels
RULES = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"],
    "resultTypes": ["violations"],  # what passes is not described, which takes longer than to look
}
# What is redrawn is pale meanwhile and comes back to its colours in a transition.
MOVING = """document.querySelectorAll('[data-stale=true]').length
    + document.getAnimations().filter(each => each instanceof CSSTransition).length"""
# Streamlit's start page first looks for the server below the page's own path, and goes on at the root.
ASKED_IN_PASSING = ("/_stcore/health", "/_stcore/host-config")
# What the browser says of a frame: features it does not know, and a script inside that is kept from running.
OF_FRAMES = ("Unrecognized feature", "Blocked script execution", "Failed to execute 'postMessage' on 'DOMWindow'")
# While a choice is unfolded Streamlit draws its list at the end of the page, outside every landmark: a best practice of
# axe's, no criterion of WCAG; the field that owns the list is where a reader is, and closing it brings her back there.
OPEN_LIST = 'role="listbox"'
PATIENCE = 30_000  # milliseconds; a first page imports what it shows, and the machine may have more to do
SETTLING = 5_000  # milliseconds for what a page asks for last
expect.set_options(timeout=PATIENCE)


@dataclass
class Visit:
    """A page that is open, and all that went wrong while it was."""

    page: Page
    seeded: Seeded
    url: str
    complaints: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.set_default_timeout(PATIENCE)
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self._asked(request.url))

    def open(self, path: str) -> Page:
        self.page.goto(self.url + path)
        self.page.locator("h1").wait_for()
        self.page.locator("[data-testid=stStatusWidget]").wait_for(state="detached")
        with suppress(PlaywrightTimeout):  # a frame whose script is kept from running may never count as idle
            self.page.wait_for_load_state("networkidle", timeout=SETTLING)
        return self.page

    def violations(self) -> list[str]:
        found = Axe().run(self.page, options=RULES).response["violations"]
        return [
            f"{each['id']}: {node['html'][:200]}"
            for each in found
            for node in each["nodes"]
            if not (each["id"] == "region" and OPEN_LIST in node["html"])
        ]

    def check(self) -> None:
        """Hold the page as it stands to accessibility at every width, and to keeping to itself."""
        assert self.page.locator("h1").count() == 1
        for width in WIDTHS:
            self.page.set_viewport_size({"width": width, "height": 900})
            wait_until(lambda: not self.page.evaluate(MOVING))
            assert self.violations() == [], f"at {width} px"
            sideways = "document.documentElement.scrollWidth > innerWidth"
            assert not self.page.evaluate(sideways), f"the page scrolls sideways at {width} px"
        assert self.complaints == []
        assert self.foreign == []

    def _heard(self, message: ConsoleMessage) -> None:
        where = message.location.get("url", "")
        known = where.endswith(ASKED_IN_PASSING) or message.text.startswith(OF_FRAMES)
        if message.type in {"error", "warning"} and not known:
            self.complaints.append(f"{message.text} ({where})")

    def _asked(self, url: str) -> None:
        if not url.startswith((self.url, self.url.replace("http", "ws"), "data:", "blob:")):
            self.foreign.append(url)


def visits(
    browser: Browser, site: tuple[str, Seeded], size: str, person: Person = people.ADMIN, zone: str = "Asia/Tokyo"
) -> Iterator[Visit]:
    """One visit of a site, as a person, on a screen, in a time zone."""
    width, height = SIZES[size]
    context = browser.new_context(viewport={"width": width, "height": height}, timezone_id=zone)
    for cookie in people.signed_in(site[0], person).cookies:
        context.add_cookies([{"name": cookie.name, "value": str(cookie.value), "url": site[0]}])
    yield Visit(context.new_page(), site[1], site[0])
    context.close()


# The words of what has the focus, where they name it: a region that scrolls holds words, too.
FOCUSED = "document.activeElement.matches('a, button, summary, [role=button]') ? document.activeElement.innerText : ''"


def tab_to(page: Page, name: str) -> None:
    """Press Tab until the element that begins with `name` has the focus."""
    page.get_by_text(name).first.wait_for()
    page.locator("[data-testid=stStatusWidget]").wait_for(state="detached")
    for _ in range(120):
        page.keyboard.press("Tab")
        if page.evaluate(FOCUSED).strip().startswith(name):
            return
    raise AssertionError(f"Tab does not reach {name!r}")
