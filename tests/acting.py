"""Two ways to act on a page, by mouse and by keyboard alone, so that one test can walk the same path both ways."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal, Protocol

from browsing import SETTLING
from playwright.sync_api import Locator, Page, expect
from playwright.sync_api import TimeoutError as PlaywrightTimeout

Role = Literal["button", "link"]
TRIES = 3
STEPS = 150  # presses of Tab after which a thing counts as out of reach
HAS_FOCUS = "element => element === document.activeElement || element.contains(document.activeElement)"
VISIBLE_FOCUS = """() => {
  const parts = [];
  for (let part = document.activeElement; part && parts.length < 4; part = part.parentElement) parts.push(part);
  return parts.some(part => {
    const look = getComputedStyle(part);
    return look.outlineStyle !== 'none' || look.boxShadow !== 'none' || part.matches('input, label, [role=radio]');
  });
}"""


class Way(Protocol):
    """Acts as a person does: by the names that are on the screen, and only when the page stands still."""

    def press(self, page: Page, role: Role, name: str) -> None: ...

    def write(self, page: Page, label: str, text: str) -> None:
        """Replace what is in the field and leave it."""

    def choose(self, page: Page, label: str, option: str) -> None:
        """From a list that unfolds."""

    def tick(self, page: Page, label: str) -> None: ...


def settled(page: Page) -> None:
    page.locator("[data-testid=stStatusWidget]").wait_for(state="detached")


def unfold(page: Page, wanted: Locator, act: Callable[[], None]) -> None:
    """Open a list; once more where the page was drawn anew in that moment, which closes it."""
    for _ in range(TRIES):
        act()
        with suppress(PlaywrightTimeout):
            wanted.wait_for(timeout=SETTLING)
            return
        settled(page)
    wanted.wait_for()


def named(page: Page, role: Role, name: str) -> Locator:
    found = page.get_by_role(role, name=name).first
    found.wait_for()
    settled(page)
    return found


def field(page: Page, label: str) -> Locator:
    found = page.get_by_label(re.compile(rf"^\s*{re.escape(label)}")).first
    found.wait_for()
    settled(page)
    return found


@dataclass(frozen=True)
class Mouse:
    """Points and clicks; types only into fields."""

    def press(self, page: Page, role: Role, name: str) -> None:
        named(page, role, name).click()

    def write(self, page: Page, label: str, text: str) -> None:
        found = field(page, label)
        found.fill(text)
        found.blur()
        settled(page)

    def choose(self, page: Page, label: str, option: str) -> None:
        found, wanted = page.get_by_role("combobox", name=label), page.get_by_role("option", name=option)
        found.wait_for()
        settled(page)
        unfold(page, wanted, found.click)
        wanted.click()
        settled(page)

    def tick(self, page: Page, label: str) -> None:
        page.locator("label").filter(has_text=label).click()
        settled(page)


@dataclass(frozen=True)
class Keyboard:
    """Never points: reaches everything by Tab, sees where it is, and acts by the keys that people know."""

    def press(self, page: Page, role: Role, name: str) -> None:
        tab_to(page, named(page, role, name))
        page.keyboard.press("Enter")

    def write(self, page: Page, label: str, text: str) -> None:
        tab_to(page, field(page, label))
        page.keyboard.press("ControlOrMeta+A")
        page.keyboard.type(text)
        page.keyboard.press("Tab")
        settled(page)

    def choose(self, page: Page, label: str, option: str) -> None:
        found = page.get_by_role("combobox", name=label)
        found.wait_for()
        settled(page)
        tab_to(page, found)
        wanted = page.get_by_role("option", name=option)
        unfold(page, wanted, lambda: page.keyboard.press("ArrowDown"))
        for _ in range(page.get_by_role("option").count()):
            if wanted.get_attribute("id") == found.get_attribute("aria-activedescendant"):
                break
            page.keyboard.press("ArrowDown")
        page.keyboard.press("Enter")
        settled(page)

    def tick(self, page: Page, label: str) -> None:
        box = page.get_by_role("checkbox", name=label)
        box.wait_for()
        settled(page)
        before = box.is_checked()
        tab_to(page, box)
        page.keyboard.press("Space")
        settled(page)
        expect(box).to_be_checked(checked=not before)


def tab_to(page: Page, wanted: Locator) -> None:
    """Press Tab until this has the focus, and hold the page to showing it."""
    for _ in range(STEPS):
        page.keyboard.press("Tab")
        if wanted.evaluate(HAS_FOCUS):
            assert page.evaluate(VISIBLE_FOCUS), f"the focus on {wanted} cannot be seen"
            return
    raise AssertionError(f"Tab does not reach {wanted}")
