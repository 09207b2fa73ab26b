"""The whole path of issue 4 with a served site and a runner beside it: from signing in to the way out in the mail.

Walked twice, by mouse and by keyboard alone; nothing in it is canned: the notebook runs, the files are made and sent.
"""

from __future__ import annotations

import email
import email.policy
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path

import people
import pytest
import web_seed
import web_server
from acting import Keyboard, Mouse, Way
from browsing import PATIENCE
from command import Gazette
from playwright.sync_api import Browser, Page, expect

from reports.settings import Settings
from reports.sources.demo import load_demo

MADE = 120_000  # milliseconds; a cold kernel, three formats, and a machine that may have more to do
SIGNATURES = {"PDF": b"%PDF-", "Excel sheet": b"PK"}


@dataclass(frozen=True)
class Office:
    """A site and a runner on one data folder; without a mail server mails go to the outbox there."""

    url: str
    settings: Settings

    def mails(self) -> list[Path]:
        return sorted((self.settings.data_dir / "outbox").rglob("*.eml"))

    def subscribers(self, name: str) -> list[str]:
        service = web_seed.open_service(self.settings)
        found = [each.address for each in service.subscriptions(service.report(name).id)]
        service.store.close()
        return found


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    folder = tmp_path_factory.mktemp("office")
    settings = web_seed.settings_in(folder / "state")
    service = web_seed.open_service(settings)
    people.add_people(service.store)
    today = datetime.now(UTC).date()  # whose usage is there already, should midnight come on the way
    service.add_source(load_demo(settings.store_url, "usage", today).source)
    service.store.close()
    port = web_server.free_port()
    url = f"http://127.0.0.1:{port}"
    gazette = Gazette(folder, {"base_url": url, "notebooks_dir": str(web_server.ROOT / "notebooks")})
    with web_server.served(folder / "state", folder / "log", port, GAZETTE_BASE_URL=url), gazette.started("runner"):
        yield Office(url, settings)


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1440, "height": 900}, timezone_id="Europe/Berlin")
    context.set_default_timeout(PATIENCE)
    yield context.new_page()
    context.close()


@pytest.mark.parametrize("way", [Mouse(), Keyboard()], ids=["mouse", "keyboard"])
def test_from_signing_in_to_the_way_out_in_the_mail(office: Office, page: Page, way: Way) -> None:
    name = f"Whole path by {type(way).__name__.lower()}"
    sign_in(page, office, way)
    make_and_preview(page, name, way)
    subscribe(page, name, way)
    run_now(page, way)
    find_in_the_archive(page, name, way)
    files = open_every_format(page, name, way)
    run_again_and_compare(page, way)
    mail = arrived(office, name)
    assert {str(each.get_filename()): each.get_content() for each in mail.iter_attachments()} == files
    unsubscribe_signed_out(page, office, name, mail, way)


def heading_is(page: Page, text: str | re.Pattern[str]) -> None:
    expect(page.get_by_role("heading", level=1)).to_have_text(text)


def sign_in(page: Page, office: Office, way: Way) -> None:
    page.goto(office.url)
    heading_is(page, "Sign in")
    way.write(page, "User name", people.OWNER.id)
    way.write(page, "Password", people.PASSWORD)
    way.press(page, "button", "Sign in")
    heading_is(page, "Reports")


def make_and_preview(page: Page, name: str, way: Way) -> None:
    way.press(page, "button", "New report")
    way.press(page, "button", "Use Usage summary")
    heading_is(page, "New report: Usage summary")
    way.write(page, "Name", name)
    way.choose(page, "How often", "On days of the week")
    expect(page.get_by_text("Every Monday at 07:00")).to_be_visible()
    way.press(page, "button", "Preview")
    heading_is(page, f"Preview of {name}")
    expect(page.get_by_text("Making the files")).to_be_visible()
    frame = page.frame_locator(f"iframe[title='The report {name}']")
    expect(frame.get_by_role("heading", level=1)).to_be_visible(timeout=MADE)
    way.press(page, "button", "Save the report")
    heading_is(page, name)
    expect(page.get_by_text("The report is saved as it was previewed")).to_be_visible()
    expect(page.get_by_text("Every Monday at 07:00").first).to_be_visible()


def subscribe(page: Page, name: str, way: Way) -> None:
    """The mail is shown before it is saved; there is no run yet, so that a preview is made for it."""
    way.press(page, "link", "Subscribe somebody")
    heading_is(page, f"Subscribe to {name}")
    expect(page.get_by_label("E-mail address")).to_have_value(people.OWNER.email)
    way.tick(page, "Excel sheet")
    way.press(page, "button", "Make a preview run")
    mail = page.frame_locator("iframe[src*='/samples/']")
    expect(mail.get_by_text(name).first).to_be_visible(timeout=MADE)
    expect(page.get_by_text(re.compile(r"\.pdf \(.*\.xlsx \("))).to_be_visible()
    way.press(page, "button", "Subscribe")
    expect(page.get_by_text("The next run will be sent")).to_be_visible()


def run_now(page: Page, way: Way) -> None:
    way.press(page, "link", "About ")
    way.press(page, "button", "Run now")
    expect(page.get_by_text("A run is queued")).to_be_visible()
    expect(page.get_by_role("row").filter(has_text="succeeded")).to_be_visible(timeout=MADE)


def find_in_the_archive(page: Page, name: str, way: Way) -> None:
    way.press(page, "link", "Archive")
    heading_is(page, "Archive")
    way.write(page, "Name", name)
    way.choose(page, "Started", "By hand")
    expect(page.get_by_text("1 run, the latest first")).to_be_visible()
    way.press(page, "link", f"{name} run of")
    heading_is(page, re.compile(name))


def open_every_format(page: Page, name: str, way: Way) -> dict[str, bytes]:
    """What was saved, by file name. The page opens; the PDF would, but a browser without a window saves it."""
    with page.context.expect_page() as opened:
        way.press(page, "link", "Open the report")
    expect(opened.value.get_by_role("heading", level=1)).to_have_text(name)
    opened.value.close()
    way.press(page, "link", "HTML page of ")
    heading_is(page, name)
    assert page.evaluate("self.origin") == "null"
    page.go_back()
    files = {}
    for format, signature in SIGNATURES.items():
        with page.expect_download() as saved:
            way.press(page, "link", f"{format} of ")
        content = saved.value.path().read_bytes()
        assert content.startswith(signature)
        files[saved.value.suggested_filename] = content
    return files


def run_again_and_compare(page: Page, way: Way) -> None:
    way.press(page, "button", "Run again for the same days")
    way.press(page, "link", "A run for the same days")
    expect(page.get_by_role("definition").first).to_contain_text("succeeded", timeout=MADE)
    way.press(page, "link", "Compare with another run")
    heading_is(page, "Compare two runs")
    expect(page.get_by_text("Nothing differs: every figure and every row is the same.")).to_be_visible()


def arrived(office: Office, name: str) -> EmailMessage:
    """The one mail of the first run: running it again is sent to nobody."""
    (mail,) = [mail for mail in map(read, office.mails()) if name in str(mail["Subject"])]
    assert str(mail["To"]) == people.OWNER.email
    return mail


def read(path: Path) -> EmailMessage:
    found = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
    assert isinstance(found, EmailMessage)
    return found


def unsubscribe_signed_out(page: Page, office: Office, name: str, mail: EmailMessage, way: Way) -> None:
    """By the link in the mail's own words: looking at its page ends nothing, pressing the button does."""
    body = mail.get_body(("html",))
    assert isinstance(body, EmailMessage)
    (link,) = set(re.findall(r"http://[^\s\">]+/unsubscribe/[^\s\">]+", body.get_content()))
    assert str(mail["List-Unsubscribe"]) == f"<{link}>"
    page.context.clear_cookies()
    page.goto(link)
    heading_is(page, "Unsubscribe?")
    assert office.subscribers(name) == [people.OWNER.email]
    way.press(page, "button", "Unsubscribe")
    heading_is(page, "Unsubscribed")
    assert office.subscribers(name) == []
