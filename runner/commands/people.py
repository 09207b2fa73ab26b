"""`gazette person` and `gazette token`: who may sign in, and which programs act in whose name."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Annotated

import typer

from reports.access import CONSOLE
from reports.accounts import Accounts, NewPerson
from reports.errors import InvalidInput
from reports.model import Person, Role, Scope, Token
from runner.commands import console
from runner.commands.workplace import chosen, opened_service, utc_now

people = typer.Typer(no_args_is_help=True, help="Who may sign in.")
tokens = typer.Typer(no_args_is_help=True, help="Which programs act in whose name.")

ROLES = ", ".join(Role)
SCOPES = ", ".join(Scope)
SHOWN = 8  # characters of an id in a list
PersonId = Annotated[str, typer.Argument(help="The user name or e-mail address.")]


@contextmanager
def opened_accounts() -> Iterator[Accounts]:
    with opened_service() as service:
        yield Accounts(service.store, service.settings.session_length)


@people.command("add")
def add_person(
    person: PersonId,
    role: Annotated[str, typer.Option(help=ROLES)] = Role.VIEWER.value,
    name: Annotated[str, typer.Option(help="The full name.")] = "",
    email: Annotated[str, typer.Option(help="Where reports go; default: the user name, if it is an address.")] = "",
    without_password: Annotated[bool, typer.Option(help="For a program that only uses tokens.")] = False,
    as_json: console.JsonFlag = False,
) -> None:
    """Give somebody an account. The password is asked for, or read from standard input."""
    wanted = chosen("role", role, Role)
    password = "" if without_password else asked_password()
    with opened_accounts() as accounts:
        made = accounts.add_person(NewPerson(person, wanted, name, email, password), CONSOLE.id, utc_now())
    _tell(made, as_json, f"{made.id} may sign in, as {made.role.value}.")


@people.command("list")
def list_people(as_json: console.JsonFlag = False) -> None:
    """List the people."""
    with opened_accounts() as accounts:
        found, zone = accounts.store.people(), "UTC"
    if as_json:
        console.show_json({"people": found})
        return
    rows = [
        (
            each.id,
            each.name,
            each.role.value,
            each.email,
            "disabled" if each.disabled else "",
            console.local_time(each.signed_in_at, zone),
        )
        for each in found
    ]
    headings = ("person", "name", "role", "e-mail", "", "last signed in")
    console.show_table(headings, rows, empty="Nobody has an account yet. Add one with `gazette person add`.")


@people.command("change")
def change_person(
    person: PersonId,
    role: Annotated[str | None, typer.Option(help=ROLES)] = None,
    name: Annotated[str | None, typer.Option(help="The full name.")] = None,
    email: Annotated[str | None, typer.Option(help="Where reports go.")] = None,
    as_json: console.JsonFlag = False,
) -> None:
    """Change somebody's role, name or address."""
    with opened_accounts() as accounts:
        before = accounts.store.person(person.strip().lower())
        edited = replace(
            before,
            role=before.role if role is None else chosen("role", role, Role),
            name=before.name if name is None else name,
            email=before.email if email is None else email,
        )
        after = accounts.edit_person(edited, CONSOLE.id)
    _tell(after, as_json, f"{after.id} is {after.role.value} now.")


@people.command("disable")
def disable_person(
    person: PersonId,
    undo: Annotated[bool, typer.Option("--undo", help="Let the person in again.")] = False,
    as_json: console.JsonFlag = False,
) -> None:
    """Let somebody in no longer: sessions end, tokens are refused, reports stay."""
    with opened_accounts() as accounts:
        before = accounts.store.person(person.strip().lower())
        after = accounts.edit_person(replace(before, disabled=not undo), CONSOLE.id)
    _tell(after, as_json, f"{after.id} may {'sign in again' if undo else 'not sign in any more'}.")


@people.command("password")
def set_password(person: PersonId) -> None:
    """Set somebody's password. It is asked for, or read from standard input; all sessions of the person end."""
    with opened_accounts() as accounts:
        known = accounts.store.person(person.strip().lower())
        accounts.set_password(known.id, asked_password(), CONSOLE.id)
    console.show(f"The password of {known.id} is set; whoever was signed in with the old one is signed out.")


@tokens.command("add")
def add_token(
    person: PersonId,
    name: Annotated[str, typer.Option(help="What it is for.")],
    scope: Annotated[list[str] | None, typer.Option(help=f"{SCOPES}; may be repeated.")] = None,
    days: Annotated[int | None, typer.Option(min=1, max=3650, help="How long it is valid; default: for ever.")] = None,
    as_json: console.JsonFlag = False,
) -> None:
    """Make a token for a program. It is shown this once."""
    now = utc_now()
    until = None if days is None else now + timedelta(days=days)
    with opened_accounts() as accounts:
        token, secret = accounts.add_token(
            person.strip().lower(), name, scope or [Scope.READ], CONSOLE.id, now, until=until
        )
    if as_json:
        console.show_json(console.plain(token) | {"secret": secret})
        return
    console.show(f"{secret}\n\nThis is shown once. It acts as {token.person}, for {', '.join(token.scopes)}.")


@tokens.command("list")
def list_tokens(as_json: console.JsonFlag = False) -> None:
    """List the tokens, the revoked and expired ones too."""
    with opened_accounts() as accounts:
        found = accounts.store.tokens()
    if as_json:
        console.show_json({"tokens": found})
        return
    now = utc_now()
    rows = [
        (each.id[:SHOWN], each.person, each.name, ", ".join(each.scopes), state(each, now), _day(each.last_used_at))
        for each in found
    ]
    headings = ("token", "person", "name", "scopes", "state", "last used")
    console.show_table(headings, rows, empty="There is no token yet. Make one with `gazette token add`.")


@tokens.command("revoke")
def revoke_token(
    token: Annotated[str, typer.Argument(help="The token's id from `gazette token list`, or how it begins.")],
    as_json: console.JsonFlag = False,
) -> None:
    """Let a token in no longer."""
    with opened_accounts() as accounts:
        revoked = accounts.revoke_token(whole_id(accounts, token), CONSOLE.id, utc_now())
    if as_json:
        console.show_json(revoked)
        return
    console.show(f"The token {revoked.name!r} of {revoked.person} is revoked.")


def asked_password() -> str:
    """Typed twice at a terminal; else the first line of standard input, so that it stands in no list of processes."""
    if sys.stdin.isatty():
        return str(typer.prompt("Password", hide_input=True, confirmation_prompt="The password again", err=True))
    password = sys.stdin.readline().rstrip("\r\n")
    if not password:
        raise InvalidInput("password", "must be typed, or given on standard input")
    return password


def whole_id(accounts: Accounts, beginning: str) -> str:
    found = [each.id for each in accounts.store.tokens() if beginning and each.id.startswith(beginning)]
    if len(found) > 1:
        raise InvalidInput("token", f"several begin with {beginning!r}; give more of the id")
    return found[0] if found else beginning


def state(token: Token, now: datetime) -> str:
    if token.revoked_at is not None:
        return "revoked"
    if token.expires_at is None:
        return "valid"
    return f"valid until {_day(token.expires_at)}" if token.expires_at > now else "expired"


def _day(instant: datetime | None) -> str:
    return "" if instant is None else f"{instant:%Y-%m-%d}"


def _tell(person: Person, as_json: bool, said: str) -> None:
    if as_json:
        console.show_json(person)
    else:
        console.show(said)
