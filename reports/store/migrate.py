"""Bring a database to this version's tables, from empty or from any earlier version.

Two programs that start together may both call this: the second waits for the first and finds nothing to do. Every
command looks, and nearly all find nothing to do: those do without alembic, which takes half a second to import.
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from reports.store.engine import Database
from reports.store.migrations import FOLDER

LOCK = 0x67617A65747465  # "gazette"; held by PostgreSQL for one transaction
NOTED = sa.table("alembic_version", sa.column("version_num", sa.String))


def migrate(database: Database) -> None:
    """Raises ConfigError if a newer version of Gazette has been here."""
    with database.writing() as connection:
        if not database.on_sqlite:
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(LOCK)))
        here = version_of(connection)
        if here != newest_version():
            from reports.store.upgrade import upgrade  # noqa: PLC0415  see above

            upgrade(connection, here)


def version_of(connection: Connection) -> str | None:
    """The version of the database's tables; None where it has none yet."""
    if not sa.inspect(connection).has_table(NOTED.name):
        return None
    return connection.scalars(sa.select(NOTED.c.version_num)).one_or_none()


def newest_version() -> str:
    """That of the last migration, whose file is called v0001_what.py."""
    return max(path.name[1:5] for path in (FOLDER / "versions").glob("v*.py"))
