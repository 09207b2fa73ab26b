"""Who may sign in and how: people, passwords, sessions, tokens. What they may do then is the matter of `access`.

Secrets leave here once, when they are made; only their digests are kept. Attempts to sign in are counted before the
password is looked at, so that many at once do not get more tries than one after the other.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from reports import intake, passwords
from reports.changes import difference
from reports.errors import Conflict, InvalidInput, SignInRefused
from reports.model import AuditEntry, Person, Role, Scope, Token
from reports.planning import new_id
from reports.store import Attempts, Store

TOKEN_PREFIX = "gzt_"  # lets scanners for leaked secrets recognise it
SECRET_BYTES = 32  # 256 random bits need no slow hash
USED_EVERY = timedelta(minutes=1)  # how exact "last used" is; not a write for each request
REFUSED = "The name or the password is not right."
WAIT = "There were too many attempts. Try again in {seconds} s."
USER_NAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?")
PROVIDER = "identity provider"  # in the log: who made the change
FORGET_ATTEMPTS = timedelta(days=1)


@dataclass(frozen=True)
class Patience:
    """How many attempts may fail under one key before each costs twice the wait of the one before, up to a longest."""

    failures: int
    longest: timedelta

    def wait(self, failures: int) -> timedelta:
        over = failures - self.failures
        return min(timedelta(seconds=2 ** min(over, 30)), self.longest) if over >= 0 else timedelta()


# One person from one place soon; one person from everywhere later and shorter, or anybody could lock everybody out.
OF_BOTH = Patience(5, timedelta(minutes=15))
OF_NAME = Patience(20, timedelta(minutes=1))
OF_PLACE = Patience(50, timedelta(minutes=15))


@dataclass(frozen=True)
class NewPerson:
    """Somebody as asked for. Without a password she signs in at the identity provider, or with tokens only."""

    id: str
    role: Role
    name: str = ""  # default: the id
    email: str = ""  # default: the id, if that is an address
    password: str = ""


@dataclass(frozen=True)
class Identity:
    """Somebody as the identity provider vouches for her."""

    subject: str  # issuer and her id there: the only thing that never changes
    id: str
    name: str
    email: str
    role: Role


class Accounts:
    def __init__(self, store: Store, session_length: timedelta) -> None:
        self.store = store
        self.session_length = session_length

    # People

    def add_person(self, new: NewPerson, by: str, at: datetime, *, first: bool = False) -> Person:
        """Raises InvalidInput naming the field, or Conflict if somebody has the name or the address."""
        person = checked_person(new, at)
        hash = passwords.hashed(passwords.checked_password(new.password, not_like=person.names)) if new.password else ""
        with self.store.together():
            self.store.add_person(person, hash, first=first)
            self._log(by, "create", "person", person.id, None, person)
        return person

    def add_first_admin(self, new: NewPerson, at: datetime) -> Person:
        """The one who gives the others their accounts. Raises Conflict if there is anybody already."""
        if not new.password:
            raise InvalidInput("password", "must not be empty")
        return self.add_person(replace(new, role=Role.ADMIN), new.id.strip().lower(), at, first=True)

    def edit_person(self, edited: Person, by: str) -> Person:
        """Disabling somebody ends her sessions and lets none of her tokens in."""
        email = intake.checked_email("email", edited.email) if edited.email else ""
        after = replace(edited, name=intake.checked_name("name", edited.name), email=email)
        with self.store.together():
            before = self.store.person(edited.id)
            self.store.update_person(after)
            self._log(by, "edit", "person", after.id, before, after)
        return after

    def set_password(self, person_id: str, password: str, by: str) -> None:
        """Ends all sessions of the person."""
        person = self.store.person(person_id)
        hash = passwords.hashed(passwords.checked_password(password, not_like=person.names))
        with self.store.together():
            self.store.set_password_hash(person.id, hash)
            self._log(by, "set password", "person", person.id)

    def change_password(self, person: Person, old: str, new: str, place: str, at: datetime) -> None:
        """By the person herself. Raises SignInRefused if `old` is not right; guesses are counted as for signing in."""
        self._check_password(person.id, person, old, place, at)
        self.set_password(person.id, new, person.id)

    # Signing in

    def sign_in(self, name: str, password: str, place: str, at: datetime) -> tuple[Person, str]:
        """The person and the secret of a new session. Raises SignInRefused without saying what was wrong."""
        asked = name.strip().lower()
        person = self.store.person_called(asked)
        known = self._check_password(asked, person, password, place, at)
        return known, self._session(known, at)

    def sign_in_as(self, identity: Identity, at: datetime) -> tuple[Person, str]:
        """Somebody the identity provider vouches for; what it says of name, address and role is taken over.

        Raises SignInRefused if she is disabled here, or if her name is already that of an account with a password.
        """
        person = self.store.person_of_subject(identity.subject)
        if person is not None and person.disabled:
            raise SignInRefused("Your account is disabled; ask an admin.")
        try:
            known = self._added(identity, at) if person is None else self._updated(person, identity)
        except Conflict as error:
            raise SignInRefused(f"{error} Ask an admin: the account must be one or the other.") from error
        return known, self._session(known, at)

    def person_of_session(self, secret: str, at: datetime) -> Person | None:
        return self.store.person_of_session(digest(secret), at)

    def sign_out(self, secret: str) -> None:
        self.store.end_session(digest(secret))

    # Tokens

    def add_token(
        self, person_id: str, name: str, scopes: Iterable[str], by: str, at: datetime, *, until: datetime | None = None
    ) -> tuple[Token, str]:
        """The token and its secret, which is not kept."""
        asked = set(scopes)
        unknown = sorted(asked.difference(Scope))
        if unknown or not asked:
            raise InvalidInput("scope", f"must be some of {', '.join(Scope)}; got {', '.join(unknown) or 'none'}")
        if until is not None and until <= at:
            raise InvalidInput("expires", "must be in the future")
        secret = TOKEN_PREFIX + secrets.token_urlsafe(SECRET_BYTES)
        held = tuple(scope.value for scope in Scope if scope in asked)
        person = self.store.person(person_id)
        token = Token(new_id(), person.id, intake.checked_name("name", name), held, at, until)
        with self.store.together():
            self.store.add_token(token, digest(secret))
            self._log(by, "create", "token", token.id, None, token)
        return token, secret

    def revoke_token(self, id: str, by: str, at: datetime) -> Token:
        with self.store.together():
            before = self.store.token(id)
            self.store.revoke_token(id, at)
            after = self.store.token(id)
            self._log(by, "revoke", "token", id, before, after)
        return after

    def holder(self, secret: str, at: datetime) -> tuple[Token, Person] | None:
        """Whom the secret of a token lets in, if it is neither revoked nor expired and its person not disabled."""
        found = self.store.find_token(digest(secret), at) if secret.startswith(TOKEN_PREFIX) else None
        if found is not None and (found[0].last_used_at is None or at - found[0].last_used_at >= USED_EVERY):
            self.store.mark_token_used(found[0].id, at)
        return found

    # Parts

    def _check_password(self, asked: str, person: Person | None, password: str, place: str, at: datetime) -> Person:
        keys = {f"both {asked} {place}": OF_BOTH, f"name {asked}": OF_NAME, f"place {place}": OF_PLACE}
        self._count_attempt(keys, at)
        hash = self.store.password_hash(person.id) if person is not None and not person.disabled else ""
        if not passwords.matches(hash, password) or person is None:
            raise SignInRefused(REFUSED)
        self._forgive(f"place {place}", tuple(keys)[:2], at)
        if passwords.is_outdated(hash):
            self.store.set_password_hash(person.id, passwords.hashed(password), keep_sessions=True)
        return person

    def _count_attempt(self, keys: Mapping[str, Patience], at: datetime) -> None:
        """As one that fails, until it turns out that it did not. Raises SignInRefused if it is too early for one."""
        with self.store.together():
            self.store.forget_attempts((), at - FORGET_ATTEMPTS)
            known = self.store.attempts_of(tuple(keys))
            blocked = max((each.blocked_until for each in known.values()), default=at)
            if blocked > at:
                seconds = -int((at - blocked).total_seconds() // 1)
                raise SignInRefused(WAIT.format(seconds=seconds), retry_after=seconds)
            failures = {key: known[key].failures + 1 if key in known else 1 for key in keys}
            self.store.count_attempts(
                {key: Attempts(failures[key], at, at + keys[key].wait(failures[key])) for key in keys}
            )

    def _forgive(self, place: str, keys: tuple[str, ...], at: datetime) -> None:
        """The attempt was right: the person's count begins anew, and that of the place is what it was before."""
        with self.store.together():
            self.store.forget_attempts(keys, at - FORGET_ATTEMPTS)
            for key, counted in self.store.attempts_of((place,)).items():
                self.store.count_attempts({key: Attempts(max(0, counted.failures - 1), at, at)})

    def _session(self, person: Person, at: datetime) -> str:
        secret = secrets.token_urlsafe(SECRET_BYTES)
        self.store.add_session(digest(secret), person.id, at, at + self.session_length)
        return secret

    def _added(self, identity: Identity, at: datetime) -> Person:
        new = NewPerson(identity.id, identity.role, identity.name, identity.email)
        person = checked_person(new, at)
        with self.store.together():
            self.store.add_person(person, "", identity.subject)
            self._log(PROVIDER, "create", "person", person.id, None, person)
        return person

    def _updated(self, person: Person, identity: Identity) -> Person:
        told = replace(person, name=identity.name or person.name, email=identity.email, role=identity.role)
        return person if told == person else self.edit_person(told, PROVIDER)

    def _log(
        self, by: str, action: str, kind: str, item: str, before: object | None = None, after: object | None = None
    ) -> None:
        old, new = difference(before, after)
        self.store.add_audit(AuditEntry(new_id(), by, action, kind, item, old, new))


def checked_person(new: NewPerson, at: datetime) -> Person:
    """Names and addresses in small letters, whichever way they are typed."""
    id = new.id.strip().lower()
    if "@" in id:
        id = intake.checked_email("user name", id)
    elif not USER_NAME.fullmatch(id):
        raise InvalidInput("user name", "must be an e-mail address, or letters a to z, digits and . _ - between them")
    given = new.email or (id if "@" in id else "")
    email = intake.checked_email("email", given) if given else ""
    return Person(id, intake.checked_name("name", new.name or id), new.role, email, created_at=at)


def digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
