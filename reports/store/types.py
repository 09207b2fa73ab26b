"""Column types and SQL expressions that mean the same on SQLite and PostgreSQL.

An instant is an aware UTC datetime on the Python side, always; the database's own clock is an SQL expression, so that
leases are judged by one clock however many machines there are.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import GenericFunction
from sqlalchemy.types import TypeDecorator


class Instant(TypeDecorator[datetime]):
    """TIMESTAMP WITH TIME ZONE on PostgreSQL, UTC text that sorts by time on SQLite; refuses naive datetimes."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value!r} names no time zone; pass an aware datetime")
        in_utc = value.astimezone(UTC)
        return in_utc.replace(tzinfo=None) if dialect.name == "sqlite" else in_utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class FreeText(TypeDecorator[str]):
    """Text from outside (errors, answers of peers): what a database cannot store is replaced, never an error."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        if value is None:
            return None
        return value.replace("\0", "\ufffd").encode("utf-8", "replace").decode("utf-8")


class Holds(GenericFunction[bool]):
    """Whether `text` is a part of a column's text, in small or in capital letters; its signs mean only themselves."""

    type = sa.Boolean()
    inherit_cache = True
    name = "gazette_holds"

    def __init__(self, column: sa.ColumnElement[str], text: str) -> None:
        for sign in ("/", "%", "_"):
            text = text.replace(sign, f"/{sign}")
        super().__init__(column, sa.literal(f"%{text}%", sa.Text))


@compiles(Holds, "sqlite")
def _holds_on_sqlite(element: Holds, compiler: SQLCompiler, **kw: Any) -> str:
    # SQLite's LIKE takes small and capital letters for the same; folding them first, as ilike() does, takes thrice the
    # time.
    return "({} LIKE {} ESCAPE '/')".format(*(compiler.process(each, **kw) for each in element.clauses))


@compiles(Holds, "postgresql")
def _holds_on_postgresql(element: Holds, compiler: SQLCompiler, **kw: Any) -> str:
    return "({} ILIKE {} ESCAPE '/')".format(*(compiler.process(each, **kw) for each in element.clauses))


class Now(GenericFunction[datetime]):
    """The database's clock at this statement, plus `after`."""

    type = Instant()
    inherit_cache = True
    name = "gazette_now"

    def __init__(self, after: timedelta = timedelta()) -> None:
        super().__init__(sa.literal(after.total_seconds(), sa.Float))


@compiles(Now, "sqlite")
def _now_on_sqlite(element: Now, compiler: SQLCompiler, **kw: Any) -> str:
    # Milliseconds is all SQLite's clock has; the zeros make it the width of what SQLAlchemy writes, so texts compare.
    seconds = compiler.process(element.clauses, **kw)
    return f"(strftime('%Y-%m-%d %H:%M:%f', 'now', printf('%+.3f seconds', {seconds})) || '000')"


@compiles(Now, "postgresql")
def _now_on_postgresql(element: Now, compiler: SQLCompiler, **kw: Any) -> str:
    # Of this statement, not of the transaction, which may have waited for a lock.
    return f"(statement_timestamp() + make_interval(secs => {compiler.process(element.clauses, **kw)}))"
