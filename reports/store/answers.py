"""Answers to requests that carry an idempotency key, kept for a day, so that a repetition is not done again.

A key is claimed in the transaction that does the work: who comes second waits for the first, and then finds its answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import sqlalchemy as sa

from reports.store.engine import Database, insert_if_new
from reports.store.types import FreeText, Instant, Now
from reports.store.usage_tables import metadata

KEPT = timedelta(hours=24)  # how long a client may repeat a request

answers = sa.Table(
    "answers",
    metadata,
    sa.Column("person", sa.Text, primary_key=True),
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("digest", sa.Text, nullable=False),  # of the request: another one may not use the key
    sa.Column("status", sa.Integer, nullable=False),
    sa.Column("headers", sa.JSON, nullable=False),
    sa.Column("body", FreeText, nullable=False),
    sa.Column("created_at", Instant, nullable=False, index=True),
)


@dataclass(frozen=True)
class RequestKey:
    """Whose key, which, and the digest of the request that it came with."""

    person: str
    key: str
    digest: str


@dataclass(frozen=True)
class KeptAnswer:
    status: int
    headers: dict[str, str]
    body: str


class AnswerQueries(Database):
    def claim_key(self, key: RequestKey) -> tuple[str, KeptAnswer] | None:
        """None: the key is new and now this transaction's. Else the digest it came with, and the answer to it."""
        row = {
            "person": key.person,
            "key": key.key,
            "digest": key.digest,
            "status": 0,
            "headers": {},
            "body": "",
            "created_at": Now(),
        }
        its = (answers.c.person == key.person, answers.c.key == key.key)
        with self.writing() as connection:
            connection.execute(sa.delete(answers).where(answers.c.created_at < Now(-KEPT)))
            if insert_if_new(connection, answers, [row]):
                return None
            found = connection.execute(sa.select(answers).where(*its)).mappings().one()
            return found["digest"], KeptAnswer(found["status"], found["headers"], found["body"])

    def keep_answer(self, key: RequestKey, answer: KeptAnswer) -> None:
        its = (answers.c.person == key.person, answers.c.key == key.key)
        kept = {"status": answer.status, "headers": answer.headers, "body": answer.body}
        with self.writing() as connection:
            connection.execute(sa.update(answers).where(*its).values(kept))
