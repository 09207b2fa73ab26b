"""People, passwords, sessions, tokens and how often one may guess, on both databases."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import people
import pytest
import sqlalchemy as sa

from reports import passwords
from reports.accounts import OF_BOTH, OF_NAME, OF_PLACE, Accounts, Identity, NewPerson, digest
from reports.errors import Conflict, InvalidInput, NotFound, SignInRefused
from reports.model import Role, Scope
from reports.store import AuditQuery, Store

AT = datetime(2026, 11, 22, 12, tzinfo=UTC)
HERE = "192.0.2.1"
LENGTH = timedelta(hours=12)
GOOD = people.PASSWORD


@pytest.fixture
def accounts(store: Store) -> Accounts:
    people.add_people(store)
    return Accounts(store, LENGTH)


def after(**length: float) -> datetime:
    return AT + timedelta(**length)


def refused(accounts: Accounts, name: str, password: str = "wrong", place: str = HERE, at: datetime = AT) -> int:
    """The wait that the refusal names; 0 if it was not for too many attempts."""
    with pytest.raises(SignInRefused) as caught:
        accounts.sign_in(name, password, place, at)
    return caught.value.retry_after


# People


def test_an_account_is_made_with_small_letters_and_logged_without_its_password(accounts: Accounts) -> None:
    made = accounts.add_person(NewPerson(" Anna@Example.ORG ", Role.EDITOR, password=GOOD), "root", AT)
    assert (made.id, made.email, made.name) == ("anna@example.org", "anna@example.org", "anna@example.org")
    assert accounts.sign_in("ANNA@example.org", GOOD, HERE, AT)[0].id == made.id
    (entry,) = accounts.store.audit(AuditQuery(kind="person"))
    assert (entry.person, entry.action, entry.item) == ("root", "create", "anna@example.org")
    assert "argon2" not in json.dumps(entry.after)
    assert GOOD not in json.dumps(entry.after)


@pytest.mark.parametrize(
    "name", ["", "with blank", "-x", "x-", "a" * 65, "a\nb", "command line", "Ünal", "@example.org"]
)
def test_odd_user_names_are_refused(accounts: Accounts, name: str) -> None:
    with pytest.raises(InvalidInput):
        accounts.add_person(NewPerson(name, Role.VIEWER), "root", AT)


@pytest.mark.parametrize("password", ["short", "x" * 1001, "anna.the.first"])
def test_weak_passwords_are_refused(accounts: Accounts, password: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        accounts.add_person(NewPerson("anna.the.first", Role.VIEWER, password=password), "root", AT)
    assert caught.value.field == "password"


@pytest.mark.parametrize(
    "new",
    [
        NewPerson("root", Role.VIEWER),
        NewPerson("board@example.org", Role.VIEWER),
        NewPerson("somebody", Role.VIEWER, email="board@example.org"),
        NewPerson("root@example.org", Role.VIEWER),  # the address of somebody called otherwise
    ],
)
def test_a_name_or_an_address_is_one_persons(accounts: Accounts, new: NewPerson) -> None:
    with pytest.raises(Conflict):
        accounts.add_person(new, "root", AT)
    assert accounts.store.count_audit() == 0


def test_the_first_admin_is_one_however_many_hurry(store: Store) -> None:
    accounts = Accounts(store, LENGTH)

    def hurry(number: int) -> bool:
        try:
            accounts.add_first_admin(NewPerson(f"admin{number}", Role.VIEWER, password=GOOD), AT)
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(hurry, range(4))) == [False, False, False, True]
    (only,) = store.people()
    assert only.role is Role.ADMIN


def test_a_first_admin_without_a_password_would_lock_everybody_out(store: Store) -> None:
    with pytest.raises(InvalidInput):
        Accounts(store, LENGTH).add_first_admin(NewPerson("root", Role.ADMIN), AT)


# Sessions


def test_a_session_lasts_as_long_as_it_is_told(accounts: Accounts) -> None:
    person, secret = accounts.sign_in("root", GOOD, HERE, AT)
    assert accounts.person_of_session(secret, after(hours=11.9)) == replace(
        person, signed_in_at=AT, created_at=accounts.store.person("root").created_at
    )
    assert accounts.person_of_session(secret, after(hours=12)) is None
    assert accounts.person_of_session(secret + "x", AT) is None


def test_sign_out_ends_this_session_only(accounts: Accounts) -> None:
    (_, one), (_, two) = accounts.sign_in("root", GOOD, HERE, AT), accounts.sign_in("root", GOOD, HERE, AT)
    assert one != two
    accounts.sign_out(one)
    assert accounts.person_of_session(one, AT) is None
    assert accounts.person_of_session(two, AT) is not None


def test_a_new_password_ends_all_sessions(accounts: Accounts) -> None:
    person, secret = accounts.sign_in("vera", GOOD, HERE, AT)
    with pytest.raises(SignInRefused):
        accounts.change_password(person, "wrong", "another good one", HERE, AT)
    assert accounts.person_of_session(secret, AT) is not None
    accounts.change_password(person, GOOD, "another good one", HERE, AT)
    assert accounts.person_of_session(secret, AT) is None
    refused(accounts, "vera", GOOD)
    accounts.sign_in("vera", "another good one", HERE, AT)


def test_a_disabled_person_is_out_at_once_and_not_let_in(accounts: Accounts) -> None:
    person, secret = accounts.sign_in("vera", GOOD, HERE, AT)
    token, held = accounts.add_token("vera", "ci", [Scope.READ], "root", AT)
    accounts.edit_person(replace(person, disabled=True), "root")
    assert accounts.person_of_session(secret, AT) is None
    assert accounts.holder(held, AT) is None
    refused(accounts, "vera", GOOD)
    accounts.edit_person(replace(person, disabled=False), "root")
    assert accounts.person_of_session(secret, AT) is None, "a session must not come back"
    assert accounts.holder(held, AT) is not None
    assert [entry.after for entry in accounts.store.audit(AuditQuery(item="vera"))] == [
        {"disabled": False},
        {"disabled": True},
    ]
    assert token.person == "vera"


def test_only_digests_are_kept(accounts: Accounts) -> None:
    _, session = accounts.sign_in("root", GOOD, HERE, AT)
    _, token = accounts.add_token("root", "ci", [Scope.ADMIN], "root", AT)
    with accounts.store.reading() as connection:
        kept = " ".join(
            str(row)
            for table in ("people", "sessions", "tokens", "audit")
            for row in connection.execute(sa.text(f"SELECT * FROM {table}"))
        )
    assert digest(token) in kept
    for secret in (GOOD, session, token):
        assert secret not in kept


def test_an_outdated_hash_is_made_anew_without_ending_sessions(
    accounts: Accounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = passwords.PasswordHasher(time_cost=1).hash(GOOD)
    accounts.store.set_password_hash("vera", old)
    accounts.sign_in("vera", GOOD, HERE, AT)
    renewed = accounts.store.password_hash("vera")
    assert renewed != old
    assert passwords.matches(renewed, GOOD)


# Guessing


@pytest.fixture
def quick(accounts: Accounts, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hashes that are made in no time, since these tests make hundreds; how good they are is another test's."""
    hasher = passwords.PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
    monkeypatch.setattr(passwords, "_hasher", hasher)
    monkeypatch.setattr(passwords, "_nobodys", lambda: hasher.hash("of nobody"))
    for person in people.EVERYBODY:
        accounts.store.set_password_hash(person.id, hasher.hash(GOOD))


def test_a_wrong_name_and_a_wrong_password_are_refused_alike(accounts: Accounts) -> None:
    with pytest.raises(SignInRefused) as nobody:
        accounts.sign_in("nobody", GOOD, HERE, AT)
    with pytest.raises(SignInRefused) as wrong:
        accounts.sign_in("root", "wrong", HERE, AT)
    assert str(nobody.value) == str(wrong.value)


@pytest.mark.usefixtures("quick")
def test_after_five_failures_each_guess_costs_twice_the_wait(accounts: Accounts) -> None:
    at, waits = AT, []
    for _ in range(10):
        while wait := refused(accounts, "root", at=at):
            waits.append(wait)
            at += timedelta(seconds=wait)
    assert waits == [1, 2, 4, 8, 16]
    assert refused(accounts, "root", GOOD, at=at) == 32, "the right password is not looked at either"
    at += timedelta(seconds=32)
    accounts.sign_in("root", GOOD, HERE, at)
    assert refused(accounts, "root", at=at) == 0, "who was right begins anew"


@pytest.mark.usefixtures("quick")
def test_one_who_guesses_does_not_lock_out_another_place(accounts: Accounts) -> None:
    for _ in range(OF_BOTH.failures):
        refused(accounts, "root", place="198.51.100.9")
    assert refused(accounts, "root", place="198.51.100.9") > 0
    accounts.sign_in("root", GOOD, HERE, AT)


@pytest.mark.usefixtures("quick")
def test_guessing_one_name_from_everywhere_is_slowed(accounts: Accounts) -> None:
    for number in range(OF_NAME.failures):
        refused(accounts, "root", place=f"198.51.100.{number}")
    assert refused(accounts, "root", place="203.0.113.1") == 1
    assert OF_NAME.wait(1000) == timedelta(minutes=1), "or the person herself would be locked out"


@pytest.mark.usefixtures("quick")
def test_guessing_many_names_from_one_place_is_slowed(accounts: Accounts) -> None:
    for number in range(OF_PLACE.failures):
        refused(accounts, f"name{number}")
    assert refused(accounts, "another") == 1
    accounts.sign_in("root", GOOD, "203.0.113.1", AT)


@pytest.mark.usefixtures("quick")
def test_a_place_where_many_sign_in_rightly_is_not_slowed(accounts: Accounts) -> None:
    for _ in range(OF_PLACE.failures + 5):
        accounts.sign_in("root", GOOD, HERE, AT)


def test_many_guesses_at_once_are_no_more_guesses(accounts: Accounts) -> None:
    with ThreadPoolExecutor(12) as pool:
        waits = list(pool.map(lambda _: refused(accounts, "root"), range(24)))
    assert waits.count(0) == OF_BOTH.failures


def test_failures_are_forgotten_after_a_day(accounts: Accounts) -> None:
    for _ in range(OF_BOTH.failures):
        refused(accounts, "root")
    assert refused(accounts, "root", at=after(days=1, minutes=1)) == 0
    assert refused(accounts, "root", at=after(days=1, minutes=1)) == 0


# Tokens


def test_a_token_lets_in_until_it_ends(accounts: Accounts) -> None:
    token, secret = accounts.add_token("root", "ci", ["reports:write", "reports:read"], "root", AT, until=after(days=1))
    assert secret.startswith("gzt_")
    assert token.scopes == ("reports:read", "reports:write")
    found = accounts.holder(secret, after(hours=23))
    assert found is not None
    assert found[1].id == "root"
    assert accounts.holder(secret, after(days=1)) is None
    assert accounts.holder(secret.removeprefix("gzt_"), AT) is None
    assert accounts.holder(secret[:-1], AT) is None


def test_a_revoked_token_lets_nobody_in_and_stays_revoked(accounts: Accounts) -> None:
    token, secret = accounts.add_token("root", "ci", [Scope.READ], "root", AT)
    revoked = accounts.revoke_token(token.id, "root", AT)
    assert revoked.revoked_at == AT
    assert accounts.revoke_token(token.id, "root", after(days=1)).revoked_at == AT
    assert accounts.holder(secret, AT) is None
    with pytest.raises(NotFound):
        accounts.revoke_token("nope", "root", AT)


def test_the_last_use_is_kept_to_the_minute(accounts: Accounts) -> None:
    token, secret = accounts.add_token("root", "ci", [Scope.READ], "root", AT)
    accounts.holder(secret, AT)
    accounts.holder(secret, after(seconds=59))
    assert accounts.store.token(token.id).last_used_at == AT
    accounts.holder(secret, after(seconds=60))
    assert accounts.store.token(token.id).last_used_at == after(seconds=60)


@pytest.mark.parametrize("scopes", [[], ["everything"], ["reports:read", ""]])
def test_unknown_scopes_are_refused(accounts: Accounts, scopes: list[str]) -> None:
    with pytest.raises(InvalidInput) as caught:
        accounts.add_token("root", "ci", scopes, "root", AT)
    assert caught.value.field == "scope"


def test_a_token_for_nobody_or_for_the_past_is_refused(accounts: Accounts) -> None:
    with pytest.raises(NotFound):
        accounts.add_token("nobody", "ci", [Scope.READ], "root", AT)
    with pytest.raises(InvalidInput):
        accounts.add_token("root", "ci", [Scope.READ], "root", AT, until=AT)


# The identity provider

ALICE = Identity("https://id.example.org 17", "alice@example.org", "Alice", "alice@example.org", Role.ADMIN)


def test_the_provider_makes_an_account_and_keeps_it_up_to_date(accounts: Accounts) -> None:
    person, secret = accounts.sign_in_as(ALICE, AT)
    assert (person.id, person.role) == ("alice@example.org", Role.ADMIN)
    assert accounts.person_of_session(secret, AT) is not None
    changed = replace(ALICE, name="Alice B.", email="alice.b@example.org", role=Role.VIEWER)
    again, _ = accounts.sign_in_as(changed, AT)
    assert (again.id, again.role, again.email) == ("alice@example.org", Role.VIEWER, "alice.b@example.org")
    last = accounts.store.audit(AuditQuery(item="alice@example.org"))[0]
    assert (last.person, last.before and last.before["role"]) == ("identity provider", "admin")
    refused(accounts, "alice@example.org", "")


def test_the_provider_cannot_become_somebody_with_a_password(accounts: Accounts) -> None:
    for identity in (replace(ALICE, id="root", email=""), replace(ALICE, email="root@example.org")):
        with pytest.raises(SignInRefused, match="Ask an admin"):
            accounts.sign_in_as(identity, AT)
    assert accounts.store.person_of_subject(ALICE.subject) is None


def test_the_provider_does_not_let_in_who_is_disabled_here(accounts: Accounts) -> None:
    person, secret = accounts.sign_in_as(ALICE, AT)
    accounts.edit_person(replace(person, disabled=True), "root")
    with pytest.raises(SignInRefused, match="disabled"):
        accounts.sign_in_as(ALICE, AT)
    assert accounts.person_of_session(secret, AT) is None
