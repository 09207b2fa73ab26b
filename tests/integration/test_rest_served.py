"""The API of the real server, beside the pages: signed in by a token or by the session, described and documented."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import people
import pytest
import requests
import web_seed
import web_server
from lxml import html
from rest import REPORTS, ROOT, a_report
from web_seed import Seeded

from reports.accounts import Accounts
from reports.model import Format, Scope
from web.api.app import BURST, make_api
from web.api.paging import COUNTED
from web.api.problems import FRAMEWORK, TITLES

PAGE = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
API = "/api/v1"
SECONDS = 20


@dataclass(frozen=True)
class Site:
    url: str
    seeded: Seeded
    token: str

    def send(self, method: str, path: str, body: object = None, **headers: str) -> requests.Response:
        given = {"Authorization": f"Bearer {self.token}", **headers}
        return requests.request(method, self.url + path, json=body, headers=given, timeout=SECONDS)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    (folder / "scratch").mkdir()
    seeded = web_seed.seed(folder / "state", folder / "scratch")
    service = web_seed.open_service(seeded.settings)
    people.add_people(service.store)
    accounts = Accounts(service.store, seeded.settings.session_length)
    _, secret = accounts.add_token(people.ADMIN.id, "test", list(Scope), people.ADMIN.id, datetime.now(UTC))
    service.store.close()
    with web_server.served(folder / "state", folder / "log", GAZETTE_API_REQUESTS_PER_MINUTE="6000") as url:
        yield Site(url, seeded, secret)


def test_a_token_lets_in_and_reaches_the_file(site: Site) -> None:
    run = site.send("GET", f"{API}/runs/{site.seeded.succeeded.id}").json()
    pdf = next(each for each in run["artifacts"] if each["format"] == Format.PDF)
    answer = site.send("GET", pdf["contentUrl"])
    assert (answer.status_code, answer.content) == (200, web_seed.PDF)


def test_a_report_is_made_edited_and_deleted(site: Site) -> None:
    made = site.send("POST", f"{API}{REPORTS}", a_report())
    assert made.status_code == 201
    path = made.headers["Location"]
    edited = site.send("PUT", path, a_report(name="Renamed"), **{"If-Match": made.headers["ETag"]})
    assert (edited.status_code, edited.json()["name"]) == (200, "Renamed")
    assert site.send("DELETE", path).status_code == 204


@pytest.mark.parametrize("path", [REPORTS, "/runs", "/deliveries", "/templates"])
def test_the_signed_out_get_a_problem_and_nothing_else(site: Site, path: str) -> None:
    for headers in ({}, {"Authorization": "Bearer gzt_wrong"}, {"x-gazette-person": "root"}):
        answer = requests.get(f"{site.url}{API}{path}", headers=headers, timeout=SECONDS)
        assert (answer.status_code, answer.headers["Content-Type"]) == (401, "application/problem+json")
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_a_session_may_ask_and_another_site_may_not_in_its_name(site: Site) -> None:
    session = people.signed_in(site.url)
    assert session.get(f"{site.url}{API}{REPORTS}", timeout=SECONDS).status_code == 200
    foreign = {"Origin": "https://evil.example", "Content-Type": "text/plain"}
    answer = session.post(f"{site.url}{API}{REPORTS}", data="{}", headers=foreign, timeout=SECONDS)
    assert answer.status_code == 403


def test_links_and_the_description_name_the_mounted_address(site: Site) -> None:
    answer = site.send("GET", f"{API}/runs?limit=3")
    assert answer.links["next"]["url"] == f"{API}/runs?limit=3&offset=3"
    described = site.send("GET", f"{API}/openapi.json").json()
    assert described["servers"] == [{"url": API}]
    allowed = site.send("GET", f"{API}{REPORTS}/preview")
    assert (allowed.status_code, allowed.headers["Allow"]) == (405, "POST")


def test_an_address_that_is_not_there_is_no_page(site: Site) -> None:
    """Beyond the API an unknown address shows the pages."""
    answer = site.send("GET", f"{API}/nope")
    assert (answer.status_code, answer.headers["Content-Type"]) == (404, "application/problem+json")


def test_the_page_about_the_api_names_every_operation_and_loads_nothing(site: Site) -> None:
    answer = site.send("GET", f"{API}/docs")
    root = html.fromstring(answer.text)
    headings = {heading.text_content() for heading in root.xpath("//h3[@class='operation']")}
    described = site.send("GET", f"{API}/openapi.json").json()
    assert headings == {
        f"{method.upper()} {API}{path}" for path, operations in described["paths"].items() for method in operations
    }
    assert root.xpath("//script | //link | //img") == []
    assert "ReportAsked" in answer.text
    assert "periodPolicy" in answer.text


def test_the_docs_name_every_address_with_its_methods() -> None:
    rows = dict(re.findall(r"^\| `(/api/v1/[^`]*)` \| ([A-Z, ]+) \|", PAGE, re.MULTILINE))
    described = make_api().openapi()["paths"]
    assert rows == {f"{API}{path}": ", ".join(methods_of(found)) for path, found in described.items()}


def methods_of(operations: dict[str, object]) -> list[str]:
    order = ("get", "post", "put", "patch", "delete")
    return [method.upper() for method in order if method in operations]


def test_the_docs_name_every_problem() -> None:
    table = PAGE.split("one of these:", 1)[1].split("**How often", 1)[0]
    named = set(re.findall(r"`([a-z-]+)`", table))
    assert named == set(TITLES) - {"refused"}
    assert {kind for kind, _ in FRAMEWORK.values()} <= named


def test_the_docs_name_the_limits() -> None:
    assert f"counts up to {COUNTED:,}" in PAGE
    assert f"{600 * BURST // 60} of them at once" in PAGE
