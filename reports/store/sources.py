"""Named sources of usage: what a report's datasets read from. Passwords stay in the environment, never here."""

from __future__ import annotations

import sqlalchemy as sa

from reports.errors import NotFound
from reports.sources.values import Source
from reports.store.engine import Database, upsert
from reports.store.rows import source_row, to_source
from reports.store.tables import sources


class SourceQueries(Database):
    def add_source(self, source: Source) -> Source:
        """Add the source, or set it over the one of the same name."""
        with self.writing() as connection:
            upsert(connection, sources, source_row(source))
        return source

    def sources(self) -> list[Source]:
        with self.reading() as connection:
            rows = connection.execute(sa.select(sources).order_by(sources.c.name))
            return [to_source(row) for row in rows.mappings()]

    def source(self, name: str) -> Source:
        with self.reading() as connection:
            row = connection.execute(sa.select(sources).where(sources.c.name == name)).mappings().one_or_none()
        if row is None:
            raise NotFound("source", name)
        return to_source(row)

    def remove_source(self, name: str) -> None:
        with self.writing() as connection:
            if not connection.execute(sa.delete(sources).where(sources.c.name == name)).rowcount:
                raise NotFound("source", name)
