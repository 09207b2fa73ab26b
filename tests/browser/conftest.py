"""A browser and a served site for the tests of pages."""

from __future__ import annotations

from collections.abc import Iterator

import browsing
import people
import pytest
import web_seed
import web_server
from browsing import Visit
from playwright.sync_api import Browser, sync_playwright
from web_seed import Seeded

from runner.browser_path import find_browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_browser(None))
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Seeded]]:
    folder = tmp_path_factory.mktemp("site")
    (folder / "scratch").mkdir()
    seeded = web_seed.seed(folder / "state", folder / "scratch")
    with web_server.served(folder / "state", folder / "log") as url:
        yield url, seeded


@pytest.fixture(scope="module")
def empty_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("empty")
    people.add_root(web_seed.settings_in(folder / "state").store_url)
    with web_server.served(folder / "state", folder / "log") as url:
        yield url


@pytest.fixture
def visit(browser: Browser, site: tuple[str, Seeded]) -> Iterator[Visit]:
    yield from browsing.visits(browser, site, "desk")
