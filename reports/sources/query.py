"""Read-only questions to a database, answered as Arrow tables.

Every transaction is read-only where the database can hold us to it (PostgreSQL, SQLite), sees one state of the data
and ends after a time limit. Errors become ExtractErrors that say what to do and never show a password.
"""

from __future__ import annotations

import io
import itertools
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pa_csv
import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection, Engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from reports.errors import ConfigError, ExtractError
from reports.postgresql import connect_arguments

ROWS_A_CHUNK = 50_000  # rows held as Python objects at once
QUERY_SECONDS = 300  # a longer query is a mistake or a broken database
TRANSIENT_STATES = ("08", "40", "53", "55", "57", "58")  # SQLSTATE classes another attempt can get past
TRANSIENT_SQLITE = ("locked", "busy", "unable to open", "disk i/o")


@contextmanager
def reading(url: str, name: str) -> Iterator[Connection]:
    """One read-only transaction in the database at `url`, which messages call `name`."""
    engine = _engine(url, name)
    try:
        with engine.connect() as connection:
            _limit(connection)
            yield connection
    except SQLAlchemyError as error:
        raise _translated(error, name) from error
    except _driver_error(engine) as error:  # from COPY, which SQLAlchemy does not see
        raise ExtractError(f"{_refused(name)}: {_first_line(error)}", permanent=not _passing(error)) from error
    finally:
        engine.dispose()


def _engine(url: str, name: str) -> Engine:
    try:
        parsed = _with_driver(sa.make_url(url))
        if parsed.get_backend_name() == "postgresql":
            options = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
            arguments: dict[str, Any] = connect_arguments(parsed.query) if parsed.get_driver_name() == "psycopg" else {}
            engine = sa.create_engine(parsed, poolclass=sa.NullPool, connect_args=arguments)
            return engine.execution_options(**options)
        if parsed.get_backend_name() == "sqlite":
            _check_file(parsed, name)
        engine = sa.create_engine(parsed, poolclass=sa.NullPool)
    except ImportError as error:
        message = f"its database needs a driver ({error}); for PostgreSQL: pip install 'gazette[postgres]'"
        raise ConfigError(f"source {name}", message) from error
    except SQLAlchemyError as error:
        message = "its URL must look like postgresql://user@host/database, for a kind of database that SQLAlchemy knows"
        raise ConfigError(f"source {name}", message) from error
    if engine.dialect.name == "sqlite":
        sa.event.listen(engine, "connect", _only_query)
    return engine


def _with_driver(url: URL) -> URL:
    if url.drivername in {"postgres", "postgresql"}:
        return url.set(drivername="postgresql+psycopg")
    return url


def _check_file(url: URL, name: str) -> None:
    if url.database and not Path(url.database).exists():  # SQLite would make an empty one
        raise ExtractError(f"The database file of source {name!r} does not exist.", permanent=True)


def _only_query(connection: Any, _record: object) -> None:
    connection.execute("PRAGMA query_only=ON").close()


def _limit(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(sa.text(f"SET LOCAL statement_timeout = {QUERY_SECONDS * 1000}"))


def _driver_error(engine: Engine) -> type[Exception]:
    return getattr(engine.dialect.loaded_dbapi, "Error", SQLAlchemyError)


def _translated(error: SQLAlchemyError, name: str) -> ExtractError:
    if isinstance(error, DBAPIError):
        passing = error.connection_invalidated or _passing(error.orig)
        return ExtractError(f"{_refused(name)}: {_first_line(error.orig)}", permanent=not passing)
    return ExtractError(f"{_refused(name)}: {_first_line(error)}", permanent=True)


def _refused(name: str) -> str:
    return f"Source {name!r} could not be read"


def _passing(error: BaseException | None) -> bool:
    """Whether another attempt may get past it: a lost connection, a lock, a time limit."""
    state = getattr(error, "sqlstate", None)
    if state is not None:
        return str(state).startswith(TRANSIENT_STATES)
    if type(error).__module__.startswith("sqlite3"):
        return any(word in str(error).lower() for word in TRANSIENT_SQLITE)
    return type(error).__name__ in {"OperationalError", "InterfaceError"}


def _first_line(error: BaseException | None) -> str:
    return (str(error).strip().splitlines() or ["no reason given"])[0]


def columns_of(connection: Connection, tables: Sequence[str]) -> dict[str, frozenset[str]]:
    """The columns of those of `tables` that exist."""
    inspector = sa.inspect(connection)
    present = set(inspector.get_table_names()) | set(inspector.get_view_names())
    return {name: frozenset(c["name"] for c in inspector.get_columns(name)) for name in tables if name in present}


def read_table(connection: Connection, select: sa.Select[Any], schema: pa.Schema) -> pa.Table:
    """All rows of `select`, whose columns are those of `schema` in this order."""
    if connection.dialect.name == "postgresql" and connection.dialect.driver == "psycopg":
        return _copy(connection, select, schema)
    read = _plain_chunks if connection.dialect.name == "sqlite" else chunks
    batches = [
        pa.RecordBatch.from_arrays(
            [_array(values, field.type) for values, field in zip(columns, schema, strict=True)], schema=schema
        )
        for columns in read(connection, select)
    ]
    return pa.Table.from_batches(batches, schema).unify_dictionaries()


def _plain_chunks(connection: Connection, select: sa.Select[Any]) -> Iterator[Any]:
    """As `chunks`, by SQLite's own cursor: SQLAlchemy's rows would take as long again. Its days are texts."""
    with closing(connection.execute(select)) as result:
        cursor = result.cursor
        assert cursor is not None
        while rows := cursor.fetchmany(ROWS_A_CHUNK):
            yield list(zip(*rows, strict=True))


def _array(values: tuple[Any, ...], type_: pa.DataType) -> pa.Array:
    if pa.types.is_date32(type_) and isinstance(next(iter(values), None), str):
        return pa.array(values, pa.string()).cast(type_)
    return pa.array(values, type_)


def chunks(connection: Connection, statement: sa.Executable, bound: Mapping[str, Any] | None = None) -> Iterator[Any]:
    """The columns of each ROWS_A_CHUNK rows."""
    streaming = connection.execution_options(yield_per=ROWS_A_CHUNK)
    for rows in streaming.execute(statement, bound or {}).partitions():
        yield list(zip(*rows, strict=True))


def _copy(connection: Connection, select: sa.Select[Any], schema: pa.Schema) -> pa.Table:
    """By COPY, whose text Arrow parses: ten times as fast as rows, and floats come back to the last digit."""
    compiled = select.compile(dialect=connection.dialect, compile_kwargs={"render_postcompile": True})
    driver = connection.connection.driver_connection
    assert driver is not None
    with driver.cursor() as cursor, cursor.copy(f"COPY ({compiled}) TO STDOUT (FORMAT csv)", compiled.params) as copy:
        blocks = iter(copy)
        first = next(blocks, None)
        if first is None:  # no rows, which Arrow takes for a broken file
            return schema.empty_table()
        parser = pa_csv.open_csv(
            pa.PythonFile(_Stream(itertools.chain((first,), blocks)), mode="r"),
            read_options=pa_csv.ReadOptions(column_names=schema.names, block_size=4 << 20),
            parse_options=pa_csv.ParseOptions(newlines_in_values=True),
            convert_options=pa_csv.ConvertOptions(
                column_types=schema, null_values=[""], strings_can_be_null=True, quoted_strings_can_be_null=False
            ),
        )
        return parser.read_all().cast(schema).unify_dictionaries()


class _Stream(io.RawIOBase):
    """The blocks of a COPY as a file."""

    def __init__(self, blocks: Iterator[Any]) -> None:
        self._blocks = blocks
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        parts = []
        wanted = size if size >= 0 else 1 << 62
        while wanted > 0:
            if not self._rest:
                block = next(self._blocks, None)
                if block is None:
                    break
                self._rest = memoryview(bytes(block))
            part, self._rest = self._rest[:wanted], self._rest[wanted:]
            parts.append(part)
            wanted -= len(part)
        return b"".join(parts)
