"""Any SQL database through a named connection: the analyst's own query, with the period's bounds as bound values.

A dataset's query becomes data.parquet, in the query's order. A source whose options hold `sql` gives usage rows. The
transaction is read-only on PostgreSQL and SQLite; elsewhere the connection's user must be.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.engine import Connection, CursorResult

from reports.errors import ExtractError, InvalidInput
from reports.model import JsonDict
from reports.sources import days, query
from reports.sources.columns import BadRow, clean, find_layout
from reports.sources.daily import DailyRows
from reports.sources.files import Batch, usage_of
from reports.sources.snapshot import DATA_FILE, Usage, write_meta, write_parquet
from reports.sources.values import Request, Source, SourceReport

MAX_ROWS = 5_000_000  # more is raw data, not a report's; a kernel could not hold it either
MAX_INTEGER = 2**63 - 1
# Texts, names and comments of a query: a colon in them, as in to_char(at, 'HH24:MI'), binds nothing.
QUOTED = re.compile(r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|/\*.*?\*/""", re.DOTALL)
PLAIN = (str, bool, float, date, datetime, time)


def extract_rows(request: Request, folder: Path) -> None:
    """Write the rows of the dataset's query into the existing `folder`.

    Raises ExtractError: permanent for a query the database refuses, not permanent for a lost connection.
    """
    source = request.source
    if source.kind not in {"sql", "litellm"}:
        message = (
            f"Source {source.name!r} is of kind {source.kind} and takes no queries; name a connection of kind sql."
        )
        raise ExtractError(message, permanent=True)
    first, last = request.period.start - timedelta(days=request.dataset.history_days), request.period.end
    table = _rows(request, str(request.dataset.sql), (first, last))
    write_parquet(table, table.schema, folder / DATA_FILE)
    facts: JsonDict = {"day_zone": request.period.zone, "coverage": {}, "unavailable": {}, "data_as_of": None}
    write_meta(request, folder, facts, table.num_rows)


def read(request: Request, daily: DailyRows) -> Usage:
    """Usage rows by the query in the source's options, whose columns go by our names or by the source's map."""
    source, statement = request.source, request.source.options.get("sql")
    if not statement:
        message = (
            f"Source {source.name!r} answers queries only: give it an option `sql` that selects usage rows, "
            "or give the template's dataset a query."
        )
        raise ExtractError(message, permanent=True)
    return usage_of(request, _usage_rows(request, str(statement)), daily)


def _usage_rows(request: Request, statement: str) -> Iterator[Batch]:
    source, seen = request.source, 0
    bad: list[BadRow] = []
    with _answered(request, statement, (request.first_day, request.last_day)) as (names, tables):
        try:
            layout = find_layout(names, source.options.get("map") or {}, source.options)
        except InvalidInput as error:
            raise ExtractError(f"Source {source.name!r}, its query: {error}", permanent=True) from error
        for table in tables:
            cleaned = clean(table, layout)
            bad += [replace(each, row=seen + each.row + 1) for each in cleaned.bad]
            seen += table.num_rows
            yield Batch(layout.kind, cleaned.rows, tells_outcomes=layout.tells_outcomes)
    yield Batch(layout.kind, pa.table({}), "the query", bad, layout.tells_outcomes)


def check(source: Source) -> SourceReport:
    """The tables that can be seen; how many rows they hold is for the query to ask."""
    with query.reading(source.location(), source.name) as connection:
        inspector = sa.inspect(connection)
        tables = sorted([*inspector.get_table_names(), *inspector.get_view_names()])
    return SourceReport(source.kind, tuple(tables), {}, None, None, 0)


def _rows(request: Request, statement: str, wanted: tuple[date, date]) -> pa.Table:
    with _answered(request, statement, wanted) as (names, portions):
        tables = list(portions)
    if not tables:
        return pa.table({name: pa.nulls(0, pa.string()) for name in names})
    table = _joined(tables)
    return table.cast(pa.schema([_settled(field) for field in table.schema]))


@contextmanager
def _answered(
    request: Request, statement: str, wanted: tuple[date, date]
) -> Iterator[tuple[list[str], Iterator[pa.Table]]]:
    """The names of the query's columns and its rows, a portion at a time as the database gives them."""
    with query.reading(request.source.location(), request.source.name) as connection:
        values = _values(request, wanted, connection.dialect.name)
        with closing(_execute(connection, statement, values)) as result:
            names = _names(result, request.source.name)
            yield names, _tables(result, names, request.source.name)


def _execute(connection: Connection, statement: str, values: dict[str, str]) -> CursorResult[Any]:
    text = sa.text(QUOTED.sub(lambda quoted: quoted.group().replace(":", r"\:"), statement))
    asked = set(text.compile(dialect=connection.dialect).params)
    if asked - values.keys():
        unknown = ", ".join(f":{name}" for name in sorted(asked - values.keys()))
        message = f"The query wants {unknown}; it can have {', '.join(f':{name}' for name in values)}."
        raise ExtractError(message, permanent=True)
    streaming = connection.execution_options(yield_per=query.ROWS_A_CHUNK)
    return streaming.execute(text, {name: values[name] for name in asked})


def _values(request: Request, wanted: tuple[date, date], dialect: str) -> dict[str, str]:
    """:start and :end are the first and the last day; :start_at and :end_at the instants around them, in UTC."""
    start, end = days.span(*wanted, request.period.zone)
    form = "%Y-%m-%d %H:%M:%S" if dialect == "sqlite" else "%Y-%m-%d %H:%M:%S+00:00"
    values = {
        "start": wanted[0].isoformat(),
        "end": wanted[1].isoformat(),
        "start_at": start.strftime(form),
        "end_at": end.strftime(form),
    }
    if request.comparison is not None:
        values |= {
            "previous_start": request.comparison.start.isoformat(),
            "previous_end": request.comparison.end.isoformat(),
        }
    return values


def _names(result: CursorResult[Any], source: str) -> list[str]:
    if not result.returns_rows:
        raise ExtractError(f"Source {source!r}: the query returns no rows; it must be a SELECT.", permanent=True)
    names = list(result.keys())
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        message = f"Source {source!r}: the query names {', '.join(twice)} twice; rename with AS."
        raise ExtractError(message, permanent=True)
    return names


def _tables(result: CursorResult[Any], names: list[str], source: str) -> Iterator[pa.Table]:
    count = 0
    for rows in result.partitions():
        count += len(rows)
        if count > MAX_ROWS:
            message = f"Source {source!r}: the query gives more than {MAX_ROWS:,} rows; add them up in the query."
            raise ExtractError(message, permanent=True)
        yield pa.table([_column(values) for values in zip(*rows, strict=True)], names=names)


def _joined(tables: list[pa.Table]) -> pa.Table:
    """Chunks as one table; a column whose chunks have types that do not go together becomes text."""
    for name in tables[0].column_names:
        fields = [pa.schema([table.schema.field(name)]) for table in tables]
        try:
            pa.unify_schemas(fields, promote_options="permissive")
        except pa.ArrowTypeError:
            tables = [_as_text(table, name) for table in tables]
    return pa.concat_tables(tables, promote_options="permissive")


def _as_text(table: pa.Table, name: str) -> pa.Table:
    return table.set_column(table.column_names.index(name), name, table[name].cast(pa.string()))


def _column(values: tuple[Any, ...]) -> pa.Array:
    """Values of one column in a type that Parquet and pandas know: what has none becomes text."""
    plain = [_value(value) for value in values]
    try:
        return pa.array(plain)
    except (pa.ArrowInvalid, pa.ArrowTypeError):  # a column of mixed types, as SQLite allows
        return pa.array([None if value is None else str(value) for value in plain], pa.string())


def _value(value: Any) -> Any:
    if value is None or isinstance(value, PLAIN):
        return value
    if isinstance(value, int):
        return value if abs(value) <= MAX_INTEGER else str(value)
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, (bytes, memoryview)):
        return bytes(value).hex()
    return json.dumps(value, ensure_ascii=False, default=str) if isinstance(value, (dict, list)) else str(value)


def _settled(field: pa.Field) -> pa.Field:
    """Columns without any value are text; instants with a zone are UTC."""
    if pa.types.is_null(field.type):
        return field.with_type(pa.string())
    if pa.types.is_timestamp(field.type) and field.type.tz:
        return field.with_type(pa.timestamp("us", "UTC"))
    return field
