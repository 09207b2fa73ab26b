"""People, their sessions and tokens, and how often signing in has failed. Whatever lets in is compared by its digest.

Nothing here knows a password or a secret in the clear, or decides who may do what.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping

from reports.errors import Conflict, NotFound
from reports.model import Person, Role, Token
from reports.store.access_tables import people, sessions, sign_in_attempts, tokens
from reports.store.engine import Database, insert_if_new, upsert
from reports.store.types import Now


@dataclass(frozen=True)
class Attempts:
    """How often signing in has failed under one key, and until when the next attempt is refused."""

    failures: int
    last_at: datetime
    blocked_until: datetime


class PeopleQueries(Database):
    # People

    def add_person(
        self, person: Person, password_hash: str, subject: str | None = None, *, first: bool = False
    ) -> None:
        """Raises Conflict if the name or the address is taken or, where it is to be the `first`, anybody is there."""
        row = _person_row(person) | {"password_hash": password_hash, "subject": subject}
        with self.writing() as connection:
            _lock(connection, people)
            if first and connection.scalars(sa.select(people.c.id).limit(1)).one_or_none() is not None:
                raise Conflict("There are accounts already; sign in, or ask an admin for one.")
            _refuse_taken(connection, person)
            if not insert_if_new(connection, people, [row]):
                raise Conflict(f"There is already somebody called {person.id!r} or signed in as the same subject.")

    def update_person(self, person: Person) -> None:
        row = _person_row(person)
        for kept in ("id", "created_at", "signed_in_at"):
            del row[kept]
        with self.writing() as connection:
            _lock(connection, people)
            _refuse_taken(connection, person)
            changed = connection.execute(sa.update(people).where(people.c.id == person.id).values(row))
            if not changed.rowcount:
                raise NotFound("person", person.id)
            if person.disabled:
                connection.execute(sa.delete(sessions).where(sessions.c.person_id == person.id))

    def set_password_hash(self, person_id: str, password_hash: str, *, keep_sessions: bool = False) -> None:
        """Ends every session of the person, unless only the way of hashing has changed."""
        with self.writing() as connection:
            changed = connection.execute(
                sa.update(people).where(people.c.id == person_id).values(password_hash=password_hash)
            )
            if not changed.rowcount:
                raise NotFound("person", person_id)
            if not keep_sessions:
                connection.execute(sa.delete(sessions).where(sessions.c.person_id == person_id))

    def person(self, id: str) -> Person:
        return _to_person(self._person_row("person", people.c.id == id, id))

    def people(self) -> list[Person]:
        with self.reading() as connection:
            return [_to_person(row) for row in connection.execute(sa.select(people).order_by(people.c.id)).mappings()]

    def anybody(self) -> bool:
        with self.reading() as connection:
            return connection.scalars(sa.select(people.c.id).limit(1)).one_or_none() is not None

    def password_hash(self, person_id: str) -> str:
        return str(self._person_row("person", people.c.id == person_id, person_id)["password_hash"])

    def person_called(self, name: str) -> Person | None:
        """Whose user name or e-mail address this is."""
        either = sa.or_(people.c.id == name, people.c.email == name)
        with self.reading() as connection:
            row = connection.execute(sa.select(people).where(either)).mappings().one_or_none()
        return None if row is None else _to_person(row)

    def person_of_subject(self, subject: str) -> Person | None:
        with self.reading() as connection:
            row = connection.execute(sa.select(people).where(people.c.subject == subject)).mappings().one_or_none()
        return None if row is None else _to_person(row)

    def _person_row(self, kind: str, which: sa.ColumnElement[bool], id: str) -> RowMapping:
        with self.reading() as connection:
            row = connection.execute(sa.select(people).where(which)).mappings().one_or_none()
        if row is None:
            raise NotFound(kind, id)
        return row

    # Sessions

    def add_session(self, digest: str, person_id: str, at: datetime, until: datetime) -> None:
        """Also forgets sessions that are over."""
        row = {"digest": digest, "person_id": person_id, "created_at": at, "expires_at": until}
        with self.writing() as connection:
            connection.execute(sa.delete(sessions).where(sessions.c.expires_at <= at))
            connection.execute(sa.insert(sessions).values(row))
            connection.execute(sa.update(people).where(people.c.id == person_id).values(signed_in_at=at))

    def person_of_session(self, digest: str, at: datetime) -> Person | None:
        statement = (
            sa.select(people)
            .join(sessions, sessions.c.person_id == people.c.id)
            .where(sessions.c.digest == digest, sessions.c.expires_at > at, people.c.disabled == sa.false())
        )
        with self.reading() as connection:
            row = connection.execute(statement).mappings().one_or_none()
        return None if row is None else _to_person(row)

    def end_session(self, digest: str) -> None:
        with self.writing() as connection:
            connection.execute(sa.delete(sessions).where(sessions.c.digest == digest))

    # Tokens

    def add_token(self, token: Token, digest: str) -> None:
        row = vars(token) | {"scopes": list(token.scopes), "person_id": token.person, "digest": digest}
        del row["person"]
        with self.writing() as connection:
            connection.execute(sa.insert(tokens).values(row))

    def token(self, id: str) -> Token:
        with self.reading() as connection:
            row = connection.execute(sa.select(tokens).where(tokens.c.id == id)).mappings().one_or_none()
        if row is None:
            raise NotFound("token", id)
        return _to_token(row)

    def tokens(self, person_id: str | None = None) -> list[Token]:
        """The oldest first, the revoked and the expired ones too."""
        statement = sa.select(tokens).order_by(tokens.c.created_at, tokens.c.id)
        if person_id is not None:
            statement = statement.where(tokens.c.person_id == person_id)
        with self.reading() as connection:
            return [_to_token(row) for row in connection.execute(statement).mappings()]

    def revoke_token(self, id: str, at: datetime) -> None:
        """What is revoked stays so from its first time on."""
        with self.writing() as connection:
            connection.execute(
                sa.update(tokens).where(tokens.c.id == id, tokens.c.revoked_at.is_(None)).values(revoked_at=at)
            )

    def find_token(self, digest: str, at: datetime) -> tuple[Token, Person] | None:
        """A token that may be used now, and whose it is."""
        good = (
            tokens.c.digest == digest,
            tokens.c.revoked_at.is_(None),
            sa.or_(tokens.c.expires_at.is_(None), tokens.c.expires_at > at),
            people.c.disabled == sa.false(),
        )
        with self.reading() as connection:
            of_token = sa.select(tokens).join(people, people.c.id == tokens.c.person_id).where(*good)
            row = connection.execute(of_token).mappings().one_or_none()
            if row is None:
                return None
            person = connection.execute(sa.select(people).where(people.c.id == row["person_id"])).mappings().one()
            return _to_token(row), _to_person(person)

    def mark_token_used(self, id: str, at: datetime) -> None:
        with self.writing() as connection:
            connection.execute(sa.update(tokens).where(tokens.c.id == id).values(last_used_at=at))

    # Attempts to sign in

    def attempts_of(self, keys: Sequence[str]) -> dict[str, Attempts]:
        """Nobody else counts an attempt until the transaction ends that this belongs to."""
        statement = sa.select(sign_in_attempts).where(sign_in_attempts.c.key.in_(keys))
        with self.writing() as connection:
            _lock(connection, sign_in_attempts)
            rows = connection.execute(statement).mappings()
            return {row["key"]: Attempts(row["failures"], row["last_at"], row["blocked_until"]) for row in rows}

    def count_attempts(self, counted: Mapping[str, Attempts]) -> None:
        with self.writing() as connection:
            for key, attempts in sorted(counted.items()):
                upsert(connection, sign_in_attempts, {"key": key, **vars(attempts)})

    def forget_attempts(self, keys: Sequence[str], before: datetime) -> None:
        """Those under `keys`, and all that were last made before that instant."""
        forgotten = sa.or_(sign_in_attempts.c.key.in_(keys), sign_in_attempts.c.last_at < before)
        with self.writing() as connection:
            _lock(connection, sign_in_attempts)  # first: a lock that grows meets another that does
            connection.execute(sa.delete(sign_in_attempts).where(forgotten))


def _lock(connection: Connection, table: sa.Table) -> None:
    """Let nobody else write to the table until this transaction ends; on SQLite nobody can anyway."""
    if connection.dialect.name != "sqlite":
        connection.execute(sa.text(f"LOCK TABLE {table.name} IN SHARE ROW EXCLUSIVE MODE"))


def _refuse_taken(connection: Connection, person: Person) -> None:
    """A name or an address is one person's: who signs in with it, and who owns a report, must never be in doubt."""
    called = sa.or_(people.c.id.in_(person.names), people.c.email.in_(person.names))
    other = sa.select(people.c.id).where(called, people.c.id != person.id).limit(1)
    taken = connection.scalars(other).one_or_none()
    if taken is not None:
        raise Conflict(f"{' or '.join(map(repr, person.names))} is the name or the address of {taken!r} already.")


def _person_row(person: Person) -> dict[str, Any]:
    made = {"role": person.role.value, "email": person.email or None, "created_at": person.created_at or Now()}
    return vars(person) | made


def _to_person(row: RowMapping) -> Person:
    return Person(
        id=row["id"],
        name=row["name"],
        role=Role(row["role"]),
        email=row["email"] or "",
        disabled=row["disabled"],
        created_at=row["created_at"],
        signed_in_at=row["signed_in_at"],
    )


def _to_token(row: RowMapping) -> Token:
    return Token(
        id=row["id"],
        person=row["person_id"],
        name=row["name"],
        scopes=tuple(row["scopes"]),
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        revoked_at=row["revoked_at"],
        last_used_at=row["last_used_at"],
    )
