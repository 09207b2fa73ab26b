"""People with accounts, and how they sign in at a server: by its form, as a browser would."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache

import requests
from lxml import html

from reports import passwords
from reports.model import Person, Role
from reports.store import Store

PASSWORD = "correct horse battery staple"
ADMIN = Person("root", "Root", Role.ADMIN, "root@example.org")
OWNER = Person("owner@example.org", "Olga Owner", Role.EDITOR, "owner@example.org")
OTHER = Person("other", "Otto Other", Role.EDITOR, "other@example.org")
SUBSCRIBER = Person("board@example.org", "The board", Role.VIEWER, "board@example.org")
VIEWER = Person("vera", "Vera", Role.VIEWER, "vera@example.org")
EVERYBODY = (ADMIN, OWNER, OTHER, SUBSCRIBER, VIEWER)
SECONDS = 20  # no answer takes so long


@cache
def password_hash() -> str:
    return passwords.hashed(PASSWORD)


def add_people(store: Store) -> None:
    for person in EVERYBODY:
        if store.person_called(person.id) is None:
            store.add_person(person, password_hash())


def add_root(url: str) -> None:
    """An admin in a database that has nothing yet."""
    store = Store(url)
    store.migrate()
    store.add_person(ADMIN, password_hash())
    store.close()


def form_of(session: requests.Session, url: str, path: str = "/sign-in") -> str:
    """The seal in the form that this path shows."""
    answer = session.get(url + path, timeout=SECONDS)
    return str(html.fromstring(answer.text).xpath("string(//input[@name='form']/@value)"))


def post_sign_in(
    session: requests.Session, url: str, name: str, password: str = PASSWORD, **more: str
) -> requests.Response:
    fields = {"form": form_of(session, url), "name": name, "password": password, **more}
    return session.post(f"{url}/sign-in", fields, timeout=SECONDS, allow_redirects=False)


def signed_in(url: str, person: Person = ADMIN) -> requests.Session:
    session = requests.Session()
    answer = post_sign_in(session, url, person.id)
    assert answer.status_code == 303, answer.text
    return session


def later(**length: float) -> datetime:
    return datetime.now(UTC) + timedelta(**length)
