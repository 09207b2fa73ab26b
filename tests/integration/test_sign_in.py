"""The lock on the door of the real server: who is let in where, how one signs in and out, and what cannot be forged."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import people
import pytest
import requests
import web_seed
import web_server
from lxml import html
from people import PASSWORD, SECONDS, form_of, post_sign_in, signed_in
from web_seed import Seeded
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from reports.accounts import Accounts
from reports.model import Format, Scope
from reports.seals import file_seal, first_admin_link, seals_of, unsubscribe_seal
from reports.service import Service
from reports.store import AuditQuery

HTML = {"Accept": "text/html,application/xhtml+xml"}
SEVERAL = 3  # requests that a page makes at the least


@dataclass(frozen=True)
class Site:
    url: str
    seeded: Seeded
    service: Service

    @property
    def accounts(self) -> Accounts:
        return Accounts(self.service.store, self.seeded.settings.session_length)

    def get(self, path: str, **headers: str) -> requests.Response:
        return requests.get(self.url + path, headers=headers, timeout=SECONDS, allow_redirects=False)

    def post(self, path: str, fields: dict[str, str] | None = None, **headers: str) -> requests.Response:
        return requests.post(self.url + path, fields, headers=headers, timeout=SECONDS, allow_redirects=False)

    def file(self, format: Format = Format.PDF) -> str:
        return f"/files/{self.seeded.artifacts[format].id}"

    def websocket(self, session: requests.Session | None = None, **headers: str) -> ClientConnection:
        if session is not None:
            headers["Cookie"] = "; ".join(f"{cookie.name}={cookie.value}" for cookie in session.cookies)
        return connect(
            f"{self.url.replace('http', 'ws')}/_stcore/stream",
            subprotocols=[Subprotocol("streamlit")],
            additional_headers=headers,
            open_timeout=SECONDS,
        )


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    (folder / "scratch").mkdir()
    seeded = web_seed.seed(folder / "state", folder / "scratch")
    service = web_seed.open_service(seeded.settings)
    with web_server.served(folder / "state", folder / "log") as url:
        yield Site(url, seeded, service)
    service.store.close()


# Signed out


@pytest.mark.parametrize(
    "path", ["/", "/archive", "/run?id=x", "/_stcore/host-config", "/_stcore/health", "/static/index.html", "/media/x"]
)
def test_signed_out_the_ui_leads_to_the_sign_in(site: Site, path: str) -> None:
    answer = site.get(path, **HTML)
    assert answer.status_code == 303
    assert answer.headers["Location"] == f"/sign-in?next={requests.utils.quote(path, safe='')}"
    assert site.get(path).status_code == 401
    assert site.post(path).status_code == 401


def test_signed_out_no_file_is_sent(site: Site) -> None:
    answer = site.get(site.file())
    assert answer.status_code == 401
    assert b"%PDF" not in answer.content


@pytest.mark.parametrize("path", ["/api/v1/admin/scheduled-reports", "/api/v1/docs", "/api/v1/openapi.json", "/api/"])
def test_signed_out_the_api_says_401(site: Site, path: str) -> None:
    answer = site.get(path, **HTML)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["status"] == 401


def test_signed_out_the_websocket_is_refused(site: Site) -> None:
    for headers in ({}, {"Cookie": "gazette_session=forged"}, {"X-Gazette-Person": "root"}):
        with pytest.raises(InvalidStatus) as caught:
            site.websocket(**headers)
        assert caught.value.response.status_code == 403


@pytest.mark.parametrize(
    "path", ["/sign-in/../", "/healthz/", "//", "/sign-in%2f..%2farchive", "/unsubscribe/x/y", "/files/a/b?sig=1"]
)
def test_no_spelling_of_a_path_leads_around_the_lock(site: Site, path: str) -> None:
    asked = requests.Request("GET", site.url, headers=HTML).prepare()
    asked.url = site.url + path  # as it is written here
    answer = requests.Session().send(asked, timeout=SECONDS, allow_redirects=False)
    assert answer.status_code in {303, 401, 404}, answer.text[:300]
    assert "streamlit" not in answer.text.lower()


def test_open_is_only_what_has_to_be(site: Site) -> None:
    assert [site.get(path).status_code for path in ("/healthz", "/metrics", "/sign-in")] == [200, 200, 200]
    assert site.get("/account", **HTML).status_code == 303


def test_who_the_client_claims_to_be_does_not_count(site: Site) -> None:
    claimed = {"X-Gazette-Person": "root", "x-gazette-person": "root", "X-GAZETTE-ANYTHING": "1"}
    assert site.get(site.file(), **claimed).status_code == 401
    viewer = signed_in(site.url, people.VIEWER)
    answer = viewer.get(site.url + site.file(), headers=claimed, timeout=SECONDS)
    assert answer.status_code == 404


# Signing in


def test_signing_in_opens_everything_that_is_ones_own(site: Site) -> None:
    for person, status in ((people.ADMIN, 200), (people.OWNER, 200), (people.SUBSCRIBER, 200), (people.OTHER, 404)):
        session = signed_in(site.url, person)
        assert session.get(site.url + "/", headers=HTML, timeout=SECONDS).status_code == 200
        assert session.get(site.url + site.file(), timeout=SECONDS).status_code == status, person.id
        with site.websocket(session) as stream:
            assert stream.subprotocol == "streamlit"


def test_the_cookie_is_kept_from_scripts_and_other_sites(site: Site) -> None:
    answer = post_sign_in(requests.Session(), site.url, "root")
    (set_cookie,) = [each for each in _set_cookies(answer) if each.startswith("gazette_session=")]
    assert "HttpOnly" in set_cookie
    assert "samesite=lax" in set_cookie.lower()
    assert "Path=/" in set_cookie
    assert f"Max-Age={12 * 3600}" in set_cookie
    assert "secure" not in set_cookie.lower(), "this connection is not encrypted"
    assert answer.headers["Cache-Control"] == "no-store"


def test_behind_https_the_cookie_is_for_https_only(site: Site) -> None:
    session = requests.Session()
    form, cookie = form_of(session, site.url), session.cookies["gazette_form"]
    fields = {"form": form, "name": "root", "password": PASSWORD}
    headers = {"X-Forwarded-Proto": "https", "Cookie": f"gazette_form={cookie}"}
    (set_cookie,) = [
        each for each in _set_cookies(site.post("/sign-in", fields, **headers)) if "gazette_session=W" in each
    ]
    assert "Secure" in set_cookie


def _set_cookies(answer: requests.Response) -> list[str]:
    return answer.raw.headers.getlist("Set-Cookie")  # type: ignore[no-any-return]  # urllib3 has them apart


def test_a_wrong_password_is_refused_and_said_accessibly(site: Site) -> None:
    answer = post_sign_in(requests.Session(), site.url, "vera", "wrong")
    assert answer.status_code == 401
    page = html.fromstring(answer.text)
    assert page.xpath("string(//*[@role='alert'])") == "■ The name or the password is not right."
    assert page.xpath("string(//title)").startswith("Error: ")
    assert page.xpath("string(//input[@id='name']/@value)") == "vera"
    assert not page.xpath("//input[@type='password']/@value")
    assert "gazette_session" not in answer.cookies


def test_what_was_typed_is_shown_as_text(site: Site) -> None:
    answer = post_sign_in(requests.Session(), site.url, '"><script>alert(1)</script>', "wrong", next='"><b>')
    assert not html.fromstring(answer.text).xpath("//script | //b")


def test_guessing_is_slowed_and_says_when_to_come_back(site: Site) -> None:
    session = requests.Session()
    statuses = [post_sign_in(session, site.url, "guessed").status_code for _ in range(6)]
    assert statuses == [401, 401, 401, 401, 401, 429]
    refused = post_sign_in(session, site.url, "guessed")
    assert int(refused.headers["Retry-After"]) >= 1
    assert "too many attempts" in refused.text


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/run?id=abc", "/run?id=abc"),
        ("https://evil.example/", "/"),
        ("//evil.example/", "/"),
        ("/\\evil.example", "/"),
        ("\\\\evil.example", "/"),
        ("javascript:alert(1)", "/"),
        ("/a\r\nSet-Cookie: x=1", "/"),
        ("", "/"),
    ],
)
def test_after_signing_in_one_is_where_one_wanted_to_be_and_nowhere_else(site: Site, path: str, expected: str) -> None:
    answer = post_sign_in(requests.Session(), site.url, "root", next=path)
    assert (answer.status_code, answer.headers["Location"]) == (303, expected)
    assert "x" not in answer.cookies


def test_whoever_is_signed_in_is_not_asked_again(site: Site) -> None:
    answer = signed_in(site.url).get(f"{site.url}/sign-in?next=/archive", timeout=SECONDS, allow_redirects=False)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/archive")


def test_a_large_form_is_refused(site: Site) -> None:
    assert site.post("/sign-in", {"password": "x" * 30_000}).status_code == 413


# Forgery


def test_a_form_of_another_browser_is_refused(site: Site) -> None:
    victim = requests.Session()
    form_of(victim, site.url)
    fields = {"form": form_of(requests.Session(), site.url), "name": "root", "password": PASSWORD}
    answer = victim.post(f"{site.url}/sign-in", fields, timeout=SECONDS, allow_redirects=False)
    assert answer.status_code == 403
    assert "gazette_session" not in answer.cookies


@pytest.mark.parametrize("form", ["", "W10", "forged"])
def test_a_form_without_its_seal_is_refused(site: Site, form: str) -> None:
    answer = site.post("/sign-in", {"form": form, "name": "root", "password": PASSWORD})
    assert answer.status_code == 403
    assert "Please try again" in answer.text


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1"])
def test_another_site_cannot_act_through_the_readers_browser(site: Site, origin: str) -> None:
    session = signed_in(site.url, people.VIEWER)
    for path in ("/sign-out", "/account", "/sign-in", "/api/v1/admin/scheduled-reports"):
        answer = session.post(site.url + path, headers={"Origin": origin}, timeout=SECONDS)
        assert answer.status_code == 403
        assert "another site" in answer.text
    with pytest.raises(InvalidStatus):
        site.websocket(session, Origin=origin)
    assert session.get(f"{site.url}/account", timeout=SECONDS).ok


def test_a_browser_that_says_cross_site_is_believed(site: Site) -> None:
    session = signed_in(site.url, people.VIEWER)
    answer = session.post(f"{site.url}/sign-out", headers={"Sec-Fetch-Site": "cross-site"}, timeout=SECONDS)
    assert answer.status_code == 403


def test_a_cookie_from_before_is_not_the_session_after(site: Site) -> None:
    """Session fixation: what an attacker knows or plants must not become a session."""
    attacker = signed_in(site.url, people.VIEWER)
    planted = attacker.cookies["gazette_session"]
    victim = requests.Session()
    victim.cookies.set("gazette_session", "planted", domain="127.0.0.1")
    assert post_sign_in(victim, site.url, "root").status_code == 303
    given = [cookie.value for cookie in victim.cookies if cookie.name == "gazette_session"]
    assert planted not in given
    assert len(set(given) - {"planted"}) == 1
    again = requests.Session()
    assert post_sign_in(again, site.url, "root").status_code == 303
    assert again.cookies["gazette_session"] not in given


def test_an_altered_cookie_lets_nobody_in(site: Site) -> None:
    cookie = signed_in(site.url).cookies["gazette_session"]
    payload, _, signature = cookie.partition(".")
    for forged in (payload, f"{payload}.", f"{payload}.{signature[:-2]}", f"x{cookie}", cookie.swapcase(), ""):
        assert site.get(site.file(), Cookie=f"gazette_session={forged}").status_code == 401
    assert site.get(site.file(), Cookie=f"gazette_session={cookie}").status_code == 200


# Signing out


def test_signing_out_ends_the_session_for_copies_too(site: Site) -> None:
    session = signed_in(site.url)
    cookie = session.cookies["gazette_session"]
    form = form_of(session, site.url, "/account")
    answer = session.post(f"{site.url}/sign-out", {"form": form}, timeout=SECONDS)
    assert "You are signed out" in answer.text
    assert "gazette_session" not in session.cookies
    assert site.get(site.file(), Cookie=f"gazette_session={cookie}").status_code == 401


def test_signing_out_needs_the_form(site: Site) -> None:
    session = signed_in(site.url)
    assert session.post(f"{site.url}/sign-out", {"form": "x"}, timeout=SECONDS).status_code == 403
    session.get(f"{site.url}/sign-out", timeout=SECONDS, headers=HTML)
    assert session.get(site.url + site.file(), timeout=SECONDS).status_code == 200


def _ends_with(site: Site, ending: Callable[[requests.Session], object]) -> None:
    """A page that is open ends at its next word once the session has ended."""
    session = signed_in(site.url, people.VIEWER)
    with site.websocket(session) as stream:
        ending(session)
        with pytest.raises(ConnectionClosed) as caught:
            for _ in range(SEVERAL):
                stream.send(b"")
                stream.recv(timeout=SECONDS)
        assert caught.value.rcvd is not None
        assert caught.value.rcvd.code == 1008


def test_an_open_page_ends_with_its_session(site: Site) -> None:
    def sign_out(session: requests.Session) -> None:
        form = form_of(session, site.url, "/account")
        session.post(f"{site.url}/sign-out", {"form": form}, timeout=SECONDS)

    _ends_with(site, sign_out)


def test_an_open_page_ends_when_its_person_is_disabled(site: Site) -> None:
    vera = site.service.store.person("vera")

    def disable(_session: requests.Session) -> None:
        site.accounts.edit_person(web_seed.replace(vera, disabled=True), "root")

    try:
        _ends_with(site, disable)
        assert post_sign_in(requests.Session(), site.url, "vera").status_code == 401
    finally:
        site.accounts.edit_person(vera, "root")


def test_one_changes_ones_password(site: Site) -> None:
    session, other = signed_in(site.url, people.OTHER), signed_in(site.url, people.OTHER)

    def change(**fields: str) -> requests.Response:
        form = {"form": form_of(session, site.url, "/account"), "password": PASSWORD, **fields}
        return session.post(f"{site.url}/account", form, timeout=SECONDS, allow_redirects=False)

    assert change(new="a better password", again="a bitter password").status_code == 422
    assert "at least 12" in change(new="short", again="short").text
    assert change(new="a better password", again="a better password", password="wrong").status_code == 422
    assert change(new="a better password", again="a better password", form="x").status_code == 403
    assert other.get(f"{site.url}/account", timeout=SECONDS, headers=HTML).ok
    assert change(new="a better password", again="a better password").status_code == 303
    assert other.get(f"{site.url}/account", timeout=SECONDS, allow_redirects=False).status_code == 401
    assert post_sign_in(requests.Session(), site.url, "other", "a better password").status_code == 303
    site.accounts.set_password("other", PASSWORD, "root")


# Tokens


def test_a_token_opens_the_api_and_files_but_no_page(site: Site) -> None:
    token, secret = site.accounts.add_token("root", "test", [Scope.ADMIN], "root", people.later())
    bearer = {"Authorization": f"Bearer {secret}"}
    assert site.get(site.file(), **bearer).status_code == 200
    assert site.get("/api/v1/admin/scheduled-reports", **bearer).status_code != 401
    assert site.get("/", **bearer, **HTML).status_code == 303
    with pytest.raises(InvalidStatus):
        site.websocket(**bearer)
    site.accounts.revoke_token(token.id, "root", people.later())
    assert site.get(site.file(), **bearer).status_code == 401


def test_a_token_reaches_as_far_as_its_scopes(site: Site) -> None:
    _, secret = site.accounts.add_token("root", "test", [Scope.READ], "root", people.later())
    assert site.get(site.file(), Authorization=f"Bearer {secret}").status_code == 404, "an admin's only with its scope"
    _, secret = site.accounts.add_token("board@example.org", "test", [Scope.READ], "root", people.later())
    assert site.get(site.file(), Authorization=f"Bearer {secret}").status_code == 200


def test_a_wrong_token_is_not_made_up_for_by_a_cookie(site: Site) -> None:
    cookie = signed_in(site.url).cookies["gazette_session"]
    for header in ("Bearer gzt_wrong", "Bearer ", "bearer x"):
        answer = site.get(site.file(), Authorization=header, Cookie=f"gazette_session={cookie}")
        assert answer.status_code == 401


# Signed links


def test_a_link_opens_one_file_for_whoever_has_it(site: Site) -> None:
    seals, artifact = seals_of(site.seeded.settings), site.seeded.artifacts[Format.PDF]
    seal = file_seal(seals, artifact.id, people.later(hours=1))
    answer = site.get(f"{site.file()}?sig={seal}")
    assert (answer.status_code, answer.content) == (200, web_seed.PDF)
    part = site.get(f"{site.file()}?sig={seal}", Range="bytes=0-3")
    assert (part.status_code, part.content) == (206, b"%PDF")
    assert site.get(f"{site.file(Format.XLSX)}?sig={seal}").status_code == 403
    assert site.get(f"/archive?sig={seal}").status_code == 401
    assert site.get(f"/api/v1/artifacts/{artifact.id}?sig={seal}").status_code == 401


def test_an_altered_or_expired_link_is_refused(site: Site) -> None:
    seals, id = seals_of(site.seeded.settings), site.seeded.artifacts[Format.PDF].id
    good, over = file_seal(seals, id, people.later(hours=1)), file_seal(seals, id, people.later(seconds=-1))
    for seal, word in ((over, "expired"), (good[:-3], "altered"), ("", "altered"), (f"{good}x", "altered")):
        for session in (requests.Session(), signed_in(site.url)):
            answer = session.get(f"{site.url}{site.file()}?sig={seal}", timeout=SECONDS)
            assert answer.status_code == 403
            assert word in answer.text
            assert b"%PDF" not in answer.content
    other = seals_of(web_seed.settings_in(site.seeded.settings.data_dir.parent / "other"))
    assert site.get(f"{site.file()}?sig={file_seal(other, id, people.later(hours=1))}").status_code == 403


def test_a_link_to_a_file_that_is_gone_says_so(site: Site) -> None:
    seal = file_seal(seals_of(site.seeded.settings), "gone", people.later(hours=1))
    assert site.get(f"/files/gone?sig={seal}").status_code == 404


# Unsubscribing


@pytest.fixture
def way_out(site: Site) -> tuple[str, str]:
    """The link of a new subscription, and its id."""
    made = site.service.subscribe(
        web_seed.NewSubscription(site.seeded.daily.id, web_seed.ChannelKind.EMAIL, "leaving@example.org"),
        people.later(),
    )
    return f"/unsubscribe/{unsubscribe_seal(seals_of(site.seeded.settings), made.id)}", made.id


def _is_subscribed(site: Site, id: str) -> bool:
    return id in {each.id for each in site.service.subscriptions(site.seeded.daily.id)}


def test_looking_at_the_way_out_changes_nothing(site: Site, way_out: tuple[str, str]) -> None:
    path, id = way_out
    for _ in range(2):
        answer = site.get(path)
        assert answer.status_code == 200
        assert "leaving@example.org gets the report" in html.fromstring(answer.text).text_content()
        assert requests.head(site.url + path, timeout=SECONDS).status_code == 200
    assert _is_subscribed(site, id)


def test_the_button_unsubscribes(site: Site, way_out: tuple[str, str]) -> None:
    path, id = way_out
    answer = site.post(path, Origin=site.url)
    assert answer.status_code == 200
    assert "no longer subscribed" in answer.text
    assert not _is_subscribed(site, id)
    (line,) = site.service.store.audit(AuditQuery(item=id))
    assert (line.person, line.action) == ("unsubscribe link", "unsubscribe")


def test_one_click_of_a_mail_program_unsubscribes(site: Site, way_out: tuple[str, str]) -> None:
    """RFC 8058: a POST without cookies, from anywhere, with this one field, as a form of either encoding."""
    path, id = way_out
    answer = requests.post(
        site.url + path,
        files={"List-Unsubscribe": (None, "One-Click")},
        headers={"Origin": "https://mail.example", "Sec-Fetch-Site": "cross-site"},
        timeout=SECONDS,
        allow_redirects=False,
    )
    assert answer.status_code == 200
    assert not _is_subscribed(site, id)
    again = site.post(path, {"List-Unsubscribe": "One-Click"})
    assert again.status_code == 200
    assert "not subscribed any more" in again.text
    assert "not subscribed any more" in site.get(path).text


def test_an_altered_way_out_is_refused(site: Site, way_out: tuple[str, str]) -> None:
    path, id = way_out
    for forged in (path[:-2], f"{path}x", "/unsubscribe/x", f"/unsubscribe/{id}"):
        assert site.get(forged).status_code == 403
        assert site.post(forged).status_code == 403
    assert _is_subscribed(site, id)


def test_only_this_subscription_ends(site: Site, way_out: tuple[str, str]) -> None:
    before = len(site.service.subscriptions(site.seeded.daily.id))
    site.post(way_out[0])
    assert len(site.service.subscriptions(site.seeded.daily.id)) == before - 1


# The first admin


def test_the_first_start_prints_a_link_that_makes_one_admin(tmp_path: Path) -> None:
    with web_server.served(tmp_path / "state", tmp_path / "log") as url:
        (link,) = re.findall(r"http://\S+/sign-in\?first=\S+", (tmp_path / "log").read_text(encoding="utf-8"))
        assert link.startswith(url)
        assert "printed a link" in requests.get(f"{url}/sign-in", timeout=SECONDS).text
        session = requests.Session()
        page = html.fromstring(session.get(link, timeout=SECONDS).text)
        hidden = {each.get("name"): each.get("value") for each in page.xpath("//input[@type='hidden']")}

        def make(**fields: str) -> requests.Response:
            asked = {**hidden, "name": "Ada", "password": PASSWORD, "again": PASSWORD, **fields}
            return session.post(f"{url}/sign-in", asked, timeout=SECONDS, allow_redirects=False)

        assert make(again="something else").status_code == 422
        assert make(password="short", again="short").status_code == 422
        assert make(name="with blank").status_code == 422
        assert make(first=f"{hidden['first']}x").status_code == 403
        assert make(form="").status_code == 403
        assert make().status_code == 303
        assert "admin: may do everything" in session.get(f"{url}/account", timeout=SECONDS).text
        again = requests.Session().get(link, timeout=SECONDS, allow_redirects=False)
        assert "Make the first account" not in again.text, "the link is of use once"
        assert make(name="eve").status_code == 403
        assert post_sign_in(requests.Session(), url, "ada").status_code == 303


def test_a_link_for_the_first_admin_ends_after_a_day(tmp_path: Path) -> None:
    settings = web_seed.settings_in(tmp_path / "state")
    with web_server.served(tmp_path / "state", tmp_path / "log") as url:
        old = first_admin_link(seals_of(settings), url, people.later(days=-1, seconds=-1))
        answer = requests.get(old, timeout=SECONDS)
        assert (answer.status_code, "expired" in answer.text) == (403, True)
