"""The log of changes: written with each change in one transaction, read page by page, never altered."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from reports.model import AuditEntry
from reports.store.access_tables import audit
from reports.store.engine import Database
from reports.store.types import Now


@dataclass(frozen=True)
class AuditQuery:
    """Which changes to list, the latest first; None means any. `since` <= at < `until`."""

    person: str | None = None
    action: str | None = None
    kind: str | None = None
    item: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    limit: int = 100
    offset: int = 0

    def conditions(self) -> list[sa.ColumnElement[bool]]:
        wanted: list[sa.ColumnElement[bool]] = []
        for column in ("person", "action", "kind", "item"):
            value = getattr(self, column)
            if value is not None:
                wanted.append(audit.c[column] == value)
        if self.since is not None:
            wanted.append(audit.c.at >= self.since)
        if self.until is not None:
            wanted.append(audit.c.at < self.until)
        return wanted


ANY_CHANGE = AuditQuery()


class AuditQueries(Database):
    def add_audit(self, entry: AuditEntry) -> None:
        row = vars(entry) | {"at": entry.at or Now()}
        with self.writing() as connection:
            connection.execute(sa.insert(audit).values(row))

    def audit(self, query: AuditQuery = ANY_CHANGE) -> list[AuditEntry]:
        statement = sa.select(audit).where(*query.conditions()).order_by(audit.c.at.desc(), audit.c.id.desc())
        with self.reading() as connection:
            rows = connection.execute(statement.limit(query.limit).offset(query.offset)).mappings()
            return [AuditEntry(**row) for row in rows]

    def count_audit(self, query: AuditQuery = ANY_CHANGE) -> int:
        statement = sa.select(sa.func.count()).select_from(audit).where(*query.conditions())
        with self.reading() as connection:
            return connection.scalars(statement).one()
