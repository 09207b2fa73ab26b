"""Many rows into one of our usage tables at once: inserted, or set over the row with the same key.

On PostgreSQL by COPY into a temporary table, on SQLite by one prepared statement. A chunk is one transaction; since
rows carry their keys, an import that was broken off can simply be repeated.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import sqlalchemy as sa
from sqlalchemy.engine import Connection

CHUNK_ROWS = 50_000  # rows of one transaction: a second of SQLite's write lock


def chunks(rows: pa.Table) -> Iterator[pa.Table]:
    for start in range(0, rows.num_rows, CHUNK_ROWS):
        yield rows.slice(start, CHUNK_ROWS)


def upsert(connection: Connection, table: sa.Table, rows: pa.Table) -> int:
    """Insert the rows, or set them over those with the same key; keys in `rows` must differ. How many were new."""
    if rows.num_rows == 0:
        return 0
    rows = _stored(connection, table, rows)
    if connection.dialect.name == "postgresql":
        return _by_copy(connection, table, rows)
    before = _count(connection, table)
    columns = [rows[name].to_pylist() for name in rows.column_names]
    connection.exec_driver_sql(_sqlite_statement(connection, table, rows), list(zip(*columns, strict=True)))
    return _count(connection, table) - before


def _count(connection: Connection, table: sa.Table) -> int:
    return connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0


def _stored(connection: Connection, table: sa.Table, rows: pa.Table) -> pa.Table:
    """The columns that the table has, as the database takes them."""
    rows = rows.select([name for name in rows.column_names if name in table.c])
    on_sqlite = connection.dialect.name == "sqlite"
    for place, field in enumerate(rows.schema):
        if pa.types.is_timestamp(field.type):  # UTC; SQLite keeps the text that SQLAlchemy writes
            texts = pc.strftime(rows[field.name], format="%Y-%m-%d %H:%M:%S")
            stored = texts if on_sqlite else pc.binary_join_element_wise(texts, "+00", "")
            rows = rows.set_column(place, field.name, stored)
        elif pa.types.is_date(field.type) or pa.types.is_dictionary(field.type):
            rows = rows.set_column(place, field.name, pc.cast(rows[field.name], pa.string()))
    return rows


def _sqlite_statement(connection: Connection, table: sa.Table, rows: pa.Table) -> str:
    names = [_quoted(connection, name) for name in rows.column_names]
    values = ", ".join("?" * len(names))
    conflict = _on_conflict(connection, table, rows)
    return f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({values}) {conflict}"  # noqa: S608  our own names


def _on_conflict(connection: Connection, table: sa.Table, rows: pa.Table) -> str:
    keys = [column.name for column in table.primary_key]
    changed = [_quoted(connection, name) for name in rows.column_names if name not in keys]
    target = ", ".join(_quoted(connection, name) for name in keys)
    if not changed:
        return f"ON CONFLICT ({target}) DO NOTHING"
    return f"ON CONFLICT ({target}) DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in changed)}"


def _by_copy(connection: Connection, table: sa.Table, rows: pa.Table) -> int:
    names = ", ".join(_quoted(connection, name) for name in rows.column_names)
    staged = f"staged_{table.name}"
    connection.exec_driver_sql(
        f"CREATE TEMPORARY TABLE {staged} ON COMMIT DROP AS SELECT {names} FROM {table.name} WITH NO DATA"  # noqa: S608
    )
    text = pa.BufferOutputStream()
    pa_csv.write_csv(rows, text, pa_csv.WriteOptions(include_header=False))
    driver = connection.connection.driver_connection
    assert driver is not None
    with driver.cursor() as cursor, cursor.copy(f"COPY {staged} ({names}) FROM STDIN (FORMAT csv)") as copy:
        copy.write(memoryview(text.getvalue()))
    statement = (
        f"WITH written AS (INSERT INTO {table.name} ({names}) SELECT {names} FROM {staged} "  # noqa: S608
        f"{_on_conflict(connection, table, rows)} RETURNING (xmax = 0) AS new) SELECT count(*) FROM written WHERE new"
    )
    added: Any = connection.exec_driver_sql(statement).scalar()
    connection.exec_driver_sql(f"DROP TABLE {staged}")
    return int(added)


def _quoted(connection: Connection, name: str) -> str:
    return connection.dialect.identifier_preparer.quote(name)
