"""Pictures of the pages over the demo's usage: its reports, a runner beside the site, somebody signed in."""

from __future__ import annotations

import os
import re
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path

import requests
from PIL import Image
from playwright.sync_api import Page, sync_playwright

from reports import passwords
from reports.model import ChannelKind, Format, Person, Role, RunKind
from reports.planning import planned_run
from reports.service import NewSubscription, Service
from reports.settings import Settings
from reports.store import RunQuery
from runner.browser_path import find_browser
from runner.commands import demo, serving
from runner.commands.workplace import opened_service

ROOT = Path(__file__).resolve().parents[1]
COLOURS = 96  # of a picture; pages have few
WIDTH = 1200  # CSS pixels
PATIENCE = 120.0  # seconds for a server to come up, milliseconds a thousand times that for a preview
ADA = Person("ada@example.org", "Ada Krüger", Role.ADMIN, "ada@example.org")
SUMMARY = "Usage summary (demo)"
# On a busy machine the grey places of inputs whose code is still being loaded stay for a while.
NOTHING_TO_COME = "() => !document.querySelector('[data-testid=stSkeleton]')"
# The folder of these pictures is a passing one, and so is the machine; an installation's stand in their place.
CALL = """([passing, lasting]) => {
    const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walk.nextNode()) walk.currentNode.data = walk.currentNode.data.replace(new RegExp(passing, "g"), lasting);
}"""


@dataclass(frozen=True)
class Shot:
    """A page to be taken: its address, how high, and what must be seen first, if anything."""

    path: str
    height: int = 900
    wait: str = ""


def make(folder: Path, pictures: Path, width: int = WIDTH) -> None:
    settings = Settings(data_dir=folder / "pages", zone="Europe/Berlin", port=free_port())
    password = secrets.token_urlsafe(16)
    shots = prepare(settings, password)
    with served(settings) as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_browser(None))
        context = browser.new_context(viewport={"width": width, "height": 900}, timezone_id="Europe/Berlin")
        context.set_default_timeout(PATIENCE * 1000)
        page = context.new_page()
        sign_in(page, url, password)
        for name, shot in shots.items():
            page.set_viewport_size({"width": width, "height": shot.height})
            page.goto(url + shot.path)
            if name == "preview":
                page.get_by_role("button", name="Preview").click()
            take(page, shot, pictures / f"page-{name}.png", settings.data_dir)
        browser.close()


def prepare(settings: Settings, password: str) -> dict[str, Shot]:
    """The demo's reports, one with a run for the day before, to be compared with; then the pages to be taken."""
    now = datetime.now(UTC)
    with opened_service(settings) as service:
        service.store.add_person(ADA, passwords.hashed(password))
        demo.prepare_usage(service, now)
        for template in service.templates():
            demo.define(service, template, now)
        report = service.report(SUMMARY)
        service.store.add_run(planned_run(report, now - timedelta(days=1), RunKind.MANUAL, report.parameters))
        service.subscribe(
            NewSubscription(report.id, ChannelKind.EMAIL, "board@example.org", "The board", (Format.PDF,)), now
        )
    serving.run_once(settings)
    with opened_service(settings) as service:
        return shots_of(service)


def shots_of(service: Service) -> dict[str, Shot]:
    report = service.report(SUMMARY)
    later, earlier = service.runs(RunQuery(report_id=report.id, limit=2))
    return {
        "explore": Shot("/explore", 1250, ".js-plotly-plot"),
        "reports": Shot("/"),
        "report": Shot(f"/report?id={report.id}", 1150),
        "new-report": Shot("/edit?template=usage_summary", 1300),
        "subscribe": Shot(f"/subscribe?report={report.id}", 1500, "iframe"),
        "preview": Shot("/edit?template=usage_summary", 1000, "iframe"),
        "archive": Shot("/archive"),
        "compare": Shot(f"/compare?a={later.id}&b={earlier.id}", 1100),
        "run": Shot(f"/run?id={later.id}", 1150),
        "status": Shot("/status"),
    }


def take(page: Page, shot: Shot, path: Path, data_dir: Path) -> None:
    page.locator("h1").wait_for()
    if shot.wait:
        page.locator(shot.wait).first.wait_for()
    page.locator("[data-testid=stStatusWidget]").wait_for(state="detached")
    page.wait_for_function(NOTHING_TO_COME)
    page.wait_for_timeout(2000)  # what was drawn last finds its place, and a frame its page
    page.evaluate(CALL, [re.escape(str(data_dir.resolve())), "/var/lib/gazette"])
    page.evaluate(CALL, [rf"\b{re.escape(socket.gethostname())}\b", "gazette-1"])
    with Image.open(BytesIO(page.screenshot())) as whole:
        whole.convert("RGB").quantize(COLOURS).save(path, optimize=True)


def sign_in(page: Page, url: str, password: str) -> None:
    page.goto(url)
    page.get_by_label("User name").fill(ADA.id)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("heading", name="Reports").wait_for()


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextmanager
def served(settings: Settings) -> Iterator[str]:
    """`gazette up` on the data folder, until it is no longer needed."""
    given = {"DATA_DIR": str(settings.data_dir), "ZONE": settings.zone, "PORT": str(settings.port)}
    environment = {**os.environ, **{f"GAZETTE_{name}": value for name, value in given.items()}}
    child = subprocess.Popen([sys.executable, "-m", "runner", "up"], cwd=ROOT, env=environment)
    url = f"http://127.0.0.1:{settings.port}"
    try:
        end = time.monotonic() + PATIENCE
        while not is_up(url):
            if time.monotonic() > end or child.poll() is not None:
                raise TimeoutError(f"{url} did not come up")
            time.sleep(0.3)
        yield url
    finally:
        child.terminate()
        child.wait()


def is_up(url: str) -> bool:
    try:
        return requests.get(f"{url}/healthz", timeout=5).ok
    except (requests.ConnectionError, requests.Timeout):
        return False
