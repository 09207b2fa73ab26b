"""The connection to SQLite or PostgreSQL: one engine, short read and write transactions.

On SQLite a writer takes the write lock when it begins, since a reader that turns into a writer fails at once whatever
the busy timeout. Nothing here knows a table.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, Connection, Engine
from sqlalchemy.exc import ArgumentError

from reports.errors import ConfigError
from reports.postgresql import connect_arguments

BUSY_SECONDS = 30.0  # how long a SQLite writer waits for the one before it
WRITES = "gazette_writes"  # execution option of connections that will write
ROWS_PER_INSERT = 500  # keeps a statement under SQLite's 32,766 bound values


def database_url(text: str) -> URL:
    """`text` as a URL of a database Gazette can use; raises ConfigError."""
    try:
        url = sa.make_url(text)
    except ArgumentError as error:
        raise ConfigError("database_url", "must look like sqlite:///path or postgresql://user@host/name") from error
    backend = url.get_backend_name()
    if backend in {"postgres", "postgresql"}:
        return url.set(drivername="postgresql+psycopg")
    if backend == "sqlite" and url.database not in {None, "", ":memory:"}:
        return url
    raise ConfigError("database_url", f"must name a SQLite file or a PostgreSQL database, not {backend}")


def make_engine(url: URL) -> Engine:
    if url.get_backend_name() == "postgresql":
        try:  # pre-ping: a restarted server must not fail the next statement
            arguments = connect_arguments(url.query)
            return sa.create_engine(url, json_serializer=_strict_json, pool_pre_ping=True, connect_args=arguments)
        except ImportError as error:
            raise ConfigError("database_url", "needs the driver psycopg: pip install 'gazette[postgres]'") from error
    engine = sa.create_engine(url, json_serializer=_strict_json, connect_args={"timeout": BUSY_SECONDS})
    sa.event.listen(engine, "connect", _set_up_sqlite)
    sa.event.listen(engine, "begin", _begin_on_sqlite)
    return engine


_strict_json = partial(json.dumps, allow_nan=False)  # NaN is no JSON; only one of the two databases would notice


def _set_up_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # BEGIN is ours, see below
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin_on_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get(WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


class _Joined(threading.local):
    """The transaction that a thread has open for several uses of the database."""

    connection: Connection | None = None


class Database:
    """An engine, and the ways to use it. Safe to use from several threads."""

    def __init__(self, url: str) -> None:
        self.url = database_url(url)
        if self.url.get_backend_name() == "sqlite":
            _make_file(Path(str(self.url.database)))
        self.engine = make_engine(self.url)
        self._writers = self.engine.execution_options(**{WRITES: True})
        self._joined = _Joined()

    @property
    def on_sqlite(self) -> bool:
        return self.engine.dialect.name == "sqlite"

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        if self._joined.connection is not None:
            yield self._joined.connection
            return
        with self.engine.connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One transaction: all of it, or nothing."""
        if self._joined.connection is not None:
            yield self._joined.connection
            return
        with self._writers.begin() as connection:
            yield connection

    @contextmanager
    def together(self) -> Iterator[None]:
        """One transaction for all that this thread reads and writes in the block: a change and its line in the log."""
        with self.writing() as connection:
            outer, self._joined.connection = self._joined.connection, connection
            try:
                yield
            finally:
                self._joined.connection = outer

    def close(self) -> None:
        self.engine.dispose()


def _make_file(path: Path) -> None:
    """An empty file for a new database that only its owner may read: it will hold webhook secrets."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600, exist_ok=True)


def count(connection: Connection, statement: sa.Select[Any], at_most: int | None = None) -> int:
    """How many rows the statement finds; it stops counting at `at_most`, so that the cost does not grow with them."""
    rows = statement.limit(at_most).subquery()
    return connection.scalars(sa.select(sa.func.count()).select_from(rows)).one()


def insert_if_new(connection: Connection, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> set[str]:
    """Insert the rows that break no unique constraint; the first key column of those inserted.

    A unique constraint that says "once" is not an error: somebody was first.
    """
    make: Any = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    key = next(iter(table.primary_key))
    inserted: set[str] = set()
    for first in range(0, len(rows), ROWS_PER_INSERT):
        chunk = [dict(row) for row in rows[first : first + ROWS_PER_INSERT]]
        statement = make(table).values(chunk).on_conflict_do_nothing().returning(key)
        inserted.update(connection.scalars(statement))
    return inserted


def upsert(connection: Connection, table: sa.Table, row: Mapping[str, Any], keep: tuple[str, ...] = ()) -> None:
    """Insert the row, or set it over the one with the same primary key, except for the columns to `keep`."""
    make: Any = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    statement = make(table).values(dict(row))
    keys = [column.name for column in table.primary_key]
    changed = {name: statement.excluded[name] for name in row if name not in {*keys, *keep}}
    connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=changed))
