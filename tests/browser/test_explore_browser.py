"""Explore in a real browser: accessible in every state and width, drilled into and asked by keyboard alone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import acting
import browsing
import people
import pytest
import web_seed
import web_server
from browsing import Visit, tab_to
from playwright.sync_api import Browser, Page, expect

from reports.sources import Source
from reports.sources.demo import load_demo

MODEL = "openai%2Fgpt-4o"
FIRST_LOOK = 60_000  # milliseconds; it reads the source
STATES = {
    "data": "source=demo",
    "filtered": "source=demo&team=team-platform&team=team-support&provider=openai&against=nothing",
    "drilled down": f"source=demo&model={MODEL}&user=user-01&by=team",
    "nothing like that": "source=demo&user=nobody",
    "dates not understood": "source=demo&period=own&dates=soon",
    "empty": "source=empty",
    "source down": f"source=broken&model={MODEL}",
}


@pytest.fixture(scope="module")
def explored(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("explored")
    service = web_seed.open_service(web_seed.settings_in(folder / "state"))
    people.add_people(service.store)
    today = datetime.now(UTC).date()  # whose usage is there already, should midnight come while the site is visited
    service.add_source(load_demo(service.settings.store_url, "demo", today).source)
    service.add_source(Source("empty", "embedded"))
    service.add_source(Source("broken", "litellm", "postgresql://reader@127.0.0.1:1/litellm"))
    service.store.close()
    with web_server.served(folder / "state", folder / "log") as url:
        yield url


@pytest.fixture
def visit(browser: Browser, explored: str) -> Iterator[Visit]:
    yield from browsing.visits(browser, (explored, None), "desk")  # type: ignore[arg-type]  # nothing else is seeded


def opened(visit: Visit, query: str = "source=demo") -> Page:
    page = visit.open(f"/explore?{query}")
    settled(page)
    return page


def settled(page: Page) -> None:
    """Until the script has run to its end and what it drew has its size."""
    page.locator(".gz-footer").wait_for(timeout=FIRST_LOOK)
    page.locator("[data-testid=stStatusWidget]").wait_for(state="detached", timeout=FIRST_LOOK)
    page.wait_for_load_state("networkidle")


@pytest.mark.parametrize("state", STATES)
def test_every_state_is_accessible_at_every_width(visit: Visit, state: str) -> None:
    page = opened(visit, STATES[state])
    assert page.locator("h1").all_text_contents() == ["Explore"]
    visit.check()


def test_every_picture_has_a_text_alternative_and_its_figures(visit: Visit) -> None:
    page = opened(visit)
    expect(page.locator(".js-plotly-plot")).to_have_count(5)
    names = [each.get_attribute("aria-label") or "" for each in page.get_by_role("figure").all()]
    assert [name.split(" of ")[0] for name in names] == [
        "Stacked bars", "Line chart", "Line chart", "Stacked bars", "Heat map",
    ]  # fmt: skip
    expect(page.locator(".gz-figures table")).to_have_count(5)


def test_from_all_usage_to_a_user_of_a_model_and_back_by_keyboard(visit: Visit) -> None:
    page = opened(visit)
    follow(page, "openai/gpt-4o-mini")
    expect(page.locator(".gz-crumbs [aria-current]")).to_have_text("Model openai/gpt-4o-mini")
    follow(page, "Nightly batch")
    expect(page.locator(".gz-crumbs [aria-current]")).to_have_text("User Nightly batch")
    assert query(page)["user"] == ["svc-batch"]
    follow(page, "Model openai/gpt-4o-mini")
    assert "user" not in query(page)
    follow(page, "All usage")
    assert query(page) == {"source": ["demo"], "by": ["team"]}


def test_the_open_list_of_people_is_reached_by_keyboard(visit: Visit) -> None:
    page = opened(visit)
    acting.tab_to(page, page.locator("summary").filter(has_text="Filters"))
    page.keyboard.press("Enter")
    acting.tab_to(page, page.get_by_role("combobox", name="Users"))
    settled(page)
    acting.unfold(page, page.get_by_role("option").first, lambda: page.keyboard.press("ArrowDown"))
    assert visit.violations() == []


def follow(page: Page, name: str) -> None:
    tab_to(page, name)
    with page.expect_navigation():
        page.keyboard.press("Enter")
    settled(page)


def query(page: Page) -> dict[str, list[str]]:
    return parse_qs(urlsplit(page.url).query)


def test_choices_stand_in_the_url_and_survive_a_reload(visit: Visit) -> None:
    page = opened(visit)
    acting.Mouse().choose(page, "Period", "Own dates")
    field = page.get_by_label("Dates")
    field.fill("2020-01")
    field.press("Enter")
    expect(page.get_by_text("1 to 31 January 2020, against")).to_be_visible()
    assert query(page) == {"source": ["demo"], "period": ["own"], "dates": ["2020-01"]}
    page.reload()
    expect(page.get_by_text("1 to 31 January 2020, against")).to_be_visible()
    expect(page.get_by_label("Dates")).to_have_value("2020-01")


def test_explore_is_in_the_navigation_of_editors_only(browser: Browser, explored: str) -> None:
    for person, shown in ((people.OWNER, 1), (people.VIEWER, 0)):
        for visit in browsing.visits(browser, (explored, None), "desk", person):  # type: ignore[arg-type]
            page = visit.open("/reports")
            page.get_by_role("link", name="Archive").wait_for()
            expect(page.get_by_role("link", name="Explore")).to_have_count(shown)
