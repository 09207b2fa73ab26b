"""Signing in at a real identity provider: groups become roles, and only what the provider confirms is believed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import identity_provider
import people
import pytest
import requests
import web_seed
import web_server
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, OctKey, RSAKey
from lxml import html
from people import SECONDS
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from reports.model import Format, Role
from reports.settings import Settings
from web.provider import ALGORITHMS, NotConfirmed, checked_claims, identity_of, role_of

HTML = {"Accept": "text/html"}


@dataclass(frozen=True)
class Site:
    url: str
    issuer: str
    seeded: web_seed.Seeded

    def leave(self, session: requests.Session, here: str = "/") -> str:
        """Where Gazette sends somebody who wants to sign in."""
        asked = f"{self.url}/sign-in/provider"
        answer = session.get(asked, params={"next": here}, timeout=SECONDS, allow_redirects=False)
        assert answer.status_code == 303
        return answer.headers["Location"]

    def come_back(self, session: requests.Session, name: str, leaving: str) -> str:
        """Sign in at the provider; the address that it sends the browser back to."""
        answer = session.get(leaving, timeout=SECONDS)
        for _ in range(4):
            form = html.fromstring(answer.text).xpath("//form[@id='loginform' or .//input[@type='password']]")[0]
            fields = {each.get("name"): each.get("value") or "" for each in form.xpath(".//input[@name]")}
            fields |= {each: value for each, value in self._typed(name).items() if each in fields}
            answer = session.post(answer.url, fields, timeout=SECONDS, allow_redirects=False)
            while answer.status_code in {302, 303} and not answer.headers["Location"].startswith(self.url):
                place = requests.compat.urljoin(answer.url, answer.headers["Location"])
                answer = session.get(place, timeout=SECONDS, allow_redirects=False)
            if answer.status_code in {302, 303}:
                return answer.headers["Location"]
        raise AssertionError(f"the provider did not let {name} in:\n{answer.text[:3000]}")

    def _typed(self, name: str) -> dict[str, str]:
        return {"login": name, "password": identity_provider.PASSWORD}

    def sign_in(self, name: str, here: str = "/") -> tuple[requests.Session, requests.Response]:
        session = requests.Session()
        back = self.come_back(session, name, self.leave(session, here))
        return session, session.get(back, timeout=SECONDS, allow_redirects=False)

    def role(self, session: requests.Session) -> str:
        page = html.fromstring(session.get(f"{self.url}/account", timeout=SECONDS).text)
        return str(page.xpath("string(//dt[text()='Role']/following-sibling::dd)")).partition(":")[0]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    (folder / "scratch").mkdir()
    seeded = web_seed.seed(folder / "state", folder / "scratch")
    port = web_server.free_port()
    callback = f"http://127.0.0.1:{port}/sign-in/callback"
    with identity_provider.identity_provider(folder, [callback]) as issuer:
        settings = {
            "GAZETTE_OIDC_ISSUER": issuer,
            "GAZETTE_OIDC_CLIENT_ID": identity_provider.CLIENT,
            "GAZETTE_OIDC_CLIENT_SECRET": identity_provider.SECRET,
            "GAZETTE_OIDC_ADMIN_GROUP": identity_provider.ADMINS,
            "GAZETTE_OIDC_EDITOR_GROUP": identity_provider.EDITORS,
        }
        with web_server.served(folder / "state", folder / "log", port, **settings) as url:
            yield Site(url, issuer, seeded)


@pytest.mark.parametrize(("name", "role"), [("alice", "admin"), ("erin", "editor"), ("victor", "viewer")])
def test_a_group_becomes_a_role(site: Site, name: str, role: str) -> None:
    session, answer = site.sign_in(name, "/archive")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/archive")
    assert site.role(session) == role
    file = f"{site.url}/files/{site.seeded.artifacts[Format.PDF].id}"
    assert session.get(file, timeout=SECONDS).status_code == (200 if role == "admin" else 404)
    service = web_seed.open_service(site.seeded.settings)
    assert service.store.person(f"{name}@example.org").email == f"{name}@example.org"
    service.store.close()


def test_signed_out_everything_is_locked(site: Site) -> None:
    session, _ = site.sign_in("alice")
    form = people.form_of(session, site.url, "/account")
    session.post(f"{site.url}/sign-out", {"form": form}, timeout=SECONDS)
    file = f"/files/{site.seeded.artifacts[Format.PDF].id}"
    assert session.get(site.url + "/", headers=HTML, timeout=SECONDS, allow_redirects=False).status_code == 303
    assert session.get(f"{site.url}/api/v1/admin/scheduled-reports", timeout=SECONDS).status_code == 401
    assert session.get(site.url + file, timeout=SECONDS).status_code == 401
    with pytest.raises(InvalidStatus):
        connect(f"{site.url.replace('http', 'ws')}/_stcore/stream", open_timeout=SECONDS)


def test_the_sign_in_page_leads_to_the_provider(site: Site) -> None:
    page = html.fromstring(requests.get(f"{site.url}/sign-in?next=/status", timeout=SECONDS).text)
    (link,) = page.xpath("//a[starts-with(@href, '/sign-in/provider')]")
    assert link.text_content() == "Sign in at 127.0.0.1"
    assert link.get("href").endswith("?next=/status")


def test_the_journey_is_protected(site: Site) -> None:
    session = requests.Session()
    asked = parse_qs(urlsplit(site.leave(session)).query)
    assert asked["code_challenge_method"] == ["S256"]
    assert {"state", "nonce", "code_challenge"} <= asked.keys()
    assert asked["scope"] == ["openid profile email groups"]
    (cookie,) = session.cookies
    assert (cookie.name, cookie.path) == ("gazette_provider", "/sign-in")
    assert cookie.has_nonstandard_attr("HttpOnly")


def test_what_comes_back_in_another_browser_is_refused(site: Site) -> None:
    """Or somebody could be signed in as an attacker without noticing."""
    session = requests.Session()
    back = site.come_back(session, "victor", site.leave(session))
    for stranger in (requests.Session(), requests.Session()):
        answer = stranger.get(back, timeout=SECONDS, allow_redirects=False)
        assert answer.status_code == 403
        assert "gazette_session" not in stranger.cookies
        site.leave(stranger)  # the second has set out on a journey of its own, and comes back with that of another
        assert stranger.get(back, timeout=SECONDS, allow_redirects=False).status_code == 403


def test_a_code_is_good_once(site: Site) -> None:
    session = requests.Session()
    back = site.come_back(session, "victor", site.leave(session))
    kept = dict(session.cookies)
    assert session.get(back, timeout=SECONDS, allow_redirects=False).status_code == 303
    again = requests.get(back, cookies=kept, timeout=SECONDS, allow_redirects=False)
    assert again.status_code == 403
    assert "did not confirm" in again.text


@pytest.mark.parametrize("query", ["", "?code=x", "?state=x&code=y", "?error=access_denied&state=x"])
def test_an_answer_that_was_not_asked_for_is_refused(site: Site, query: str) -> None:
    answer = requests.get(f"{site.url}/sign-in/callback{query}", timeout=SECONDS, allow_redirects=False)
    assert answer.status_code == 403
    assert "gazette_session" not in answer.cookies


def test_passwords_work_beside_the_provider(site: Site) -> None:
    assert site.role(people.signed_in(site.url, people.OTHER)) == "editor"


def test_without_a_provider_there_is_nowhere_to_go(tmp_path: Path) -> None:
    people.add_root(web_seed.settings_in(tmp_path / "state").store_url)
    with web_server.served(tmp_path / "state", tmp_path / "log") as url:
        assert requests.get(f"{url}/sign-in/provider", timeout=SECONDS).status_code == 404
        assert "provider" not in requests.get(f"{url}/sign-in", timeout=SECONDS).text


def test_a_provider_that_does_not_answer_is_said(tmp_path: Path) -> None:
    people.add_root(web_seed.settings_in(tmp_path / "state").store_url)
    settings = {
        "GAZETTE_OIDC_ISSUER": f"http://127.0.0.1:{web_server.free_port()}",
        "GAZETTE_OIDC_CLIENT_ID": "x",
        "GAZETTE_OIDC_CLIENT_SECRET": "y",
    }
    with web_server.served(tmp_path / "state", tmp_path / "log", **settings) as url:
        answer = requests.get(f"{url}/sign-in/provider", timeout=SECONDS)
        assert (answer.status_code, "did not confirm" in answer.text) == (502, True)


# What the provider says, checked

KEY = RSAKey.generate_key(2048, {"kid": "one"})
KEYS = KeySet([KEY]).as_dict(private=False)
SETTINGS = Settings(
    oidc_issuer="https://id.example.org",
    oidc_client_id="gazette",
    oidc_client_secret="secret",
    oidc_admin_group="admins",
    oidc_editor_group="editors",
)
NONCE = "the nonce of this journey"


def claims(**more: Any) -> dict[str, Any]:
    now = int(time.time())
    told = {
        "iss": "https://id.example.org",
        "aud": "gazette",
        "sub": "17",
        "exp": now + 300,
        "iat": now,
        "nonce": NONCE,
    }
    return {name: value for name, value in {**told, **more}.items() if value is not None}


def signed(told: dict[str, Any], key: Any = KEY, algorithm: str = "RS256") -> str:
    return jwt.encode({"alg": algorithm, "kid": "one"}, told, key, algorithms=[algorithm])


def test_a_good_token_is_believed() -> None:
    assert checked_claims(signed(claims()), KEYS, SETTINGS, NONCE)["sub"] == "17"
    several = claims(aud=["gazette", "other"], azp="gazette")
    assert checked_claims(signed(several), KEYS, SETTINGS, NONCE)["sub"] == "17"


FAR_AHEAD = 4_102_444_800  # 2100: the same in every process that collects these tests
LONG_AGO = int(datetime(2020, 1, 1, tzinfo=UTC).timestamp())


@pytest.mark.parametrize(
    "wrong",
    [
        {"iss": "https://evil.example"},
        {"aud": "another client"},
        {"aud": ["gazette", "other"]},
        {"aud": ["gazette", "other"], "azp": "other"},
        {"nonce": "of another journey"},
        {"exp": LONG_AGO},
        {"iat": FAR_AHEAD},
        *({name: None} for name in ("iss", "aud", "sub", "exp", "iat", "nonce")),
    ],
    ids=str,
)
def test_a_token_for_anything_else_is_not_believed(wrong: dict[str, Any]) -> None:
    with pytest.raises((JoseError, NotConfirmed)):
        checked_claims(signed(claims(**wrong)), KEYS, SETTINGS, NONCE)


def test_a_token_signed_by_somebody_else_is_not_believed() -> None:
    stranger = RSAKey.generate_key(2048, {"kid": "one"})
    public_as_secret = OctKey.import_key(KEY.as_pem(private=False).replace(b"-----", b"+++++"))
    head, _, rest = signed(claims()).partition(".")
    unsigned = f"eyJhbGciOiJub25lIn0.{rest.partition('.')[0]}."
    for token in (signed(claims(), stranger), signed(claims(), public_as_secret, "HS256"), unsigned, head, "", "a.b.c"):
        with pytest.raises((JoseError, NotConfirmed)):
            checked_claims(token, KEYS, SETTINGS, NONCE)
    assert not [name for name in ALGORITHMS if name.startswith("HS") or name == "none"]


@pytest.mark.parametrize(
    ("groups", "role"),
    [
        (["admins", "editors"], Role.ADMIN),
        (["editors"], Role.EDITOR),
        ("admins", Role.ADMIN),
        (["Admins", "administrators"], Role.VIEWER),
        ([], Role.VIEWER),
        (None, Role.VIEWER),
        ({"admins": True}, Role.VIEWER),
    ],
)
def test_roles_by_group(groups: object, role: Role) -> None:
    assert role_of(groups, SETTINGS) is role


def test_without_named_groups_everybody_is_a_viewer() -> None:
    settings = SETTINGS.model_copy(update={"oidc_admin_group": None, "oidc_editor_group": None})
    assert role_of([None, "None", ""], settings) is Role.VIEWER


def test_an_address_that_is_not_verified_is_nobodys() -> None:
    told = claims(email="Anna@Example.org", preferred_username="anna", name="Anna")
    found = identity_of(told, SETTINGS)
    assert (found.id, found.email, found.subject) == (
        "anna@example.org",
        "anna@example.org",
        "https://id.example.org 17",
    )
    unverified = identity_of({**told, "email_verified": False}, SETTINGS)
    assert unverified == replace(found, id="anna", email="")
    with pytest.raises(NotConfirmed):
        identity_of(claims(email="x@example.org", email_verified=False), SETTINGS)
