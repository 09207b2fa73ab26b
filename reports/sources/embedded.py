"""Usage out of Gazette's own tables: events, or daily rows, of one source.

Events are added up in the database by quarter of an hour before they are placed in days of a zone, so that a million
of them stay cheap. Reads only; `usage_import` and `demo` fill the tables.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from reports.model import Filters
from reports.sources import billing, days, performance, prices, query
from reports.sources.columns import NO_OUTCOMES
from reports.sources.daily import DailyRows, portions
from reports.sources.snapshot import COUNTS, DIMENSIONS, Coverage, Usage
from reports.sources.values import Request, Source, SourceReport
from reports.store import usage_tables as tables

DAY_KEYS = ("day", *DIMENSIONS)


@dataclass(frozen=True)
class Facts:
    """The rows of the small tables that every extraction needs."""

    names: days.Names
    prices: dict[tuple[str, str], prices.Price]
    coverage: dict[date, bool]
    has_events: bool

    @property
    def table(self) -> sa.Table:
        return tables.usage_events if self.has_events else tables.daily_usage


def read(request: Request, daily: DailyRows) -> Usage:
    """Usage of the wanted days; a source without rows gives an empty snapshot whose days are all missing."""
    source = request.source.name
    with query.reading(request.store_url, source) as connection:
        facts = _facts(connection, source, request.last_day)
        data_end = _data_end(connection, source) if facts.has_events else None
        if facts.has_events:
            zone, hourly = request.period.zone, _read_events(connection, request, facts, daily)
            single = _single_requests(connection, request, facts) if request.dataset.single_requests else None
            unavailable = dict(single.unavailable) if single else {}
        else:
            zone, hourly, single, unavailable = "UTC", None, None, _without_events(request)
            _read_days(connection, request, facts, daily)
        if tells_outcomes(connection, facts.table, source) is False:
            unavailable["success_rate"] = NO_OUTCOMES
        coverage = _coverage(connection, request, facts, zone)
        kept = _kept(connection, request)
    return Usage(
        hourly=hourly,
        coverage=coverage,
        day_zone=zone,
        unavailable=unavailable,
        data_as_of=data_end,
        files=performance.files(single) | billing.files(daily.models, request.last_day, facts.prices, **kept),
        facts=performance.facts(single),
    )


def _read_events(connection: Connection, request: Request, facts: Facts, daily: DailyRows) -> pa.Table:
    """Hand over the days of the period's zone; the answer is their hours."""
    zone = request.period.zone
    hours = []

    def read_days(first: date, last: date) -> pa.Table:
        return query.read_table(connection, _events(connection, request, facts, (first, last)), days.EVENT_ROWS)

    for events in portions(request.first_day, request.last_day, read_days):
        daily.add(days.place_days(events, zone), facts.names, facts.prices)
        hours.append(days.place_hours(events, zone))
    return days.joined_hours(hours)


def _read_days(connection: Connection, request: Request, facts: Facts, daily: DailyRows) -> None:
    def read_days(first: date, last: date) -> pa.Table:
        return query.read_table(connection, _days(request, facts, (first, last)), days.DAY_ROWS)

    for rows in portions(request.first_day, request.last_day, read_days):
        daily.add(days.aggregate(rows, DAY_KEYS), facts.names, facts.prices)


def _without_events(request: Request) -> dict[str, str]:
    reasons = {"hourly": "The source holds one row a day, which tells no hours."}
    reasons |= performance.nothing("The source holds one row a day, which tells nothing of single requests.")
    if not days.is_utc(request.first_day, request.last_day, request.period.zone):
        zone = request.period.zone
        reasons["local_days"] = f"Days are UTC days, not days of {zone}: the source holds one row a UTC day."
    return reasons


def check(source: Source, store_url: str) -> SourceReport:
    """How much the source holds, and from when to when."""
    with query.reading(store_url, source.name) as connection:
        table = tables.usage_events if holds(connection, tables.usage_events, source.name) else tables.daily_usage
        rows = connection.scalar(sa.select(sa.func.count()).where(table.c.source == source.name))
        first, last = _range(connection, source.name, table)
    note = "one row a request or a quarter of an hour" if table is tables.usage_events else "one row a day"
    return SourceReport(
        kind=source.kind,
        tables=(table.name,) if rows else (),
        missing={},
        first_day=first,
        last_day=last,
        rows=rows or 0,
        notes=(f"It holds {note}.",) if rows else ("It is empty: `gazette usage import FILE` fills it.",),
    )


def holds(connection: Connection, table: sa.Table, source: str) -> bool:
    """Whether a table has any row of a source."""
    return _any(connection, table, source)


def tells_outcomes(connection: Connection, table: sa.Table, source: str) -> bool | None:
    """Whether a source's rows of `table` say which requests failed; None where there are no requests."""
    events, columns = table is tables.usage_events, table.c
    told = columns.status != "" if events else sa.or_(columns.successes > 0, columns.failures > 0)
    if _any(connection, table, source, told):
        return True
    return False if _any(connection, table, source, columns.requests > 0) else None


def _any(connection: Connection, table: sa.Table, source: str, *conditions: Any) -> bool:
    found = sa.select(sa.literal(1)).where(table.c.source == source, *conditions).limit(1)
    return connection.scalar(found) is not None


def _range(connection: Connection, source: str, table: sa.Table) -> tuple[date | None, date | None]:
    column = table.c.started_at if table is tables.usage_events else table.c.day
    first, last = connection.execute(
        sa.select(sa.func.min(column), sa.func.max(column)).where(table.c.source == source)
    ).one()
    return tuple(moment.date() if isinstance(moment, datetime) else moment for moment in (first, last))  # type: ignore[return-value]


def _facts(connection: Connection, source: str, on: date) -> Facts:
    def rows(table: sa.Table, *columns: str) -> list[Any]:
        wanted = sa.select(*(table.c[name] for name in columns)).where(table.c.source == source)
        return [tuple(row) for row in connection.execute(wanted)]

    users = {id: name or email for id, name, email in rows(tables.users, "user_id", "name", "email")}
    names = days.Names(users, dict(rows(tables.keys, "key_id", "alias")), dict(rows(tables.teams, "team_id", "name")))
    return Facts(
        names=names,
        prices=_own_prices(connection, source, on),
        coverage=dict(rows(tables.coverage, "day", "complete")),
        has_events=holds(connection, tables.usage_events, source),
    )


def _kept(connection: Connection, request: Request) -> dict[str, Any]:
    """Budgets of teams, which are for a calendar month, and all keys."""
    teams, known, source = tables.teams.c, tables.keys.c, request.source.name
    budgets = connection.execute(
        sa.select(teams.team_id, teams.name, teams.budget_usd, sa.literal(billing.MONTHLY), sa.null()).where(
            teams.source == source
        )
    )
    keys = connection.execute(
        sa.select(known.key_id, known.alias, known.user_id, known.team_id).where(known.source == source)
    )
    return {
        "budgets": billing.budgets((tuple(row) for row in budgets), request.filters),
        "keys": billing.keys((tuple(row) for row in keys), request.filters),
    }


def _own_prices(connection: Connection, source: str, on: date) -> dict[tuple[str, str], prices.Price]:
    """The source's own prices as they stand on a day."""
    table = tables.model_prices.c
    select = (
        sa.select(
            table.model,
            table.provider,
            table.input_usd,
            table.output_usd,
            table.cache_read_usd,
            table.cache_creation_usd,
        )
        .where(table.source == source, table.valid_from <= on, table.input_usd.is_not(None))
        .order_by(table.valid_from)
    )
    found = {}
    for model, provider, input, output, read, creation in connection.execute(select):
        cache = (input if read is None else read, input if creation is None else creation)
        found[model, provider] = prices.Price(input, output or 0.0, *cache)
    return found


def _conditions(table: sa.Table, filters: Filters, names: days.Names) -> list[Any]:
    """The filters as conditions with bound values over allow-listed columns."""
    wanted = {
        "user_id": filters.user_ids,
        "team_id": filters.team_ids,
        "model": filters.model_ids,
        "provider": filters.provider_ids,
        "key_id": key_ids(filters, names.key_id),
    }
    conditions = [table.c[name].in_(values) for name, values in wanted.items() if values]
    return [*conditions, sa.false()] if filters.key_aliases and not wanted["key_id"] else conditions


def key_ids(filters: Filters, aliases: Mapping[str, str]) -> tuple[str, ...]:
    """The keys that bear one of the wanted aliases; a key without an alias goes by its id."""
    named = [id for id, alias in aliases.items() if alias in filters.key_aliases]
    return (*named, *(id for id in filters.key_aliases if not aliases.get(id)))


def _quarter(connection: Connection) -> Any:
    started = tables.usage_events.c.started_at
    if connection.dialect.name == "sqlite":
        return sa.cast(sa.func.strftime("%s", started), sa.BigInteger) // days.QUARTER_SECONDS
    seconds = sa.func.floor(sa.extract("epoch", started) / days.QUARTER_SECONDS)
    return sa.cast(seconds, sa.BigInteger)


def _within(source: str, first: date, last: date, zone: str) -> list[Any]:
    start, end = days.span(first, last, zone)
    events = tables.usage_events.c
    return [events.source == source, events.started_at >= start, events.started_at < end]


def _events(connection: Connection, request: Request, facts: Facts, wanted: tuple[date, date]) -> sa.Select[Any]:
    events = tables.usage_events.c
    texts = [events[name] for name in DIMENSIONS]
    successes = events.requests - events.failures
    counts = [successes if name == "successes" else events[name] for name in COUNTS]
    timed = sa.func.coalesce(events.timed_requests, sa.case((events.duration_ms.is_not(None), successes)))
    quarter = _quarter(connection).label("quarter")
    within = _within(request.source.name, *wanted, request.period.zone)
    return (
        sa.select(
            quarter,
            *texts,
            *(sa.cast(sa.func.sum(column), sa.BigInteger) for column in counts),
            sa.func.sum(events.spend_usd),
            sa.func.sum(sa.case((timed > 0, events.duration_ms))),
            sa.cast(sa.func.sum(timed), sa.BigInteger),
        )
        .where(*within, *_conditions(tables.usage_events, request.filters, facts.names))
        .group_by(sa.literal_column("quarter"), *texts)
    )


def _single_requests(connection: Connection, request: Request, facts: Facts) -> performance.Performance:
    """How long requests took and why they failed; rows that stand for several requests only count."""
    events, wanted, zone = tables.usage_events.c, performance.wanted_days(request), request.period.zone
    success = sa.and_(events.requests == 1, events.failures == 0)
    took = sa.case((sa.and_(success, sa.func.coalesce(events.timed_requests, 1) == 1), events.duration_ms))
    single = performance.Single(
        quarter=_quarter(connection),
        model=events.model,
        provider=events.provider,
        requests=events.requests,
        failures=events.failures,
        took=took,
        ttft=sa.case((sa.and_(success, sa.or_(took.is_(None), events.ttft_ms < took)), events.ttft_ms)),
        output_tokens=events.completion_tokens,
        cached=sa.case((sa.and_(success, events.cache_hit.is_not(None)), sa.cast(events.cache_hit, sa.Integer))),
        error_class=events.error_class,
        error_code=events.error_code,
        where=[
            *_within(request.source.name, *wanted, zone),
            *_conditions(tables.usage_events, request.filters, facts.names),
        ],
    )
    return performance.read(connection, single, wanted, zone)


def _days(request: Request, facts: Facts, wanted: tuple[date, date]) -> sa.Select[Any]:
    usage = tables.daily_usage.c
    return sa.select(*(usage[name] for name in days.DAY_ROWS.names)).where(
        usage.source == request.source.name,
        usage.day.between(*wanted),
        *_conditions(tables.daily_usage, request.filters, facts.names),
    )


def _coverage(connection: Connection, request: Request, facts: Facts, zone: str) -> Coverage:
    """Judged over all usage, whatever the filters: a filter makes zeros, never gaps."""
    source = request.source.name
    first, last = _range(connection, source, facts.table)
    bounds = [day for day in (first, last) if day]
    doubtful = [day for day, complete in facts.coverage.items() if not complete]
    ends = {}
    if facts.has_events:
        ends = {day: end for day in {*doubtful, *bounds[1:]} if (end := _data_end(connection, source, day))}
        touched = days.utc_days(request.first_day, request.last_day, zone)
        present = _days_with_events(connection, source, *touched, "UTC")
        with_rows = _days_with_events(connection, source, request.first_day, request.last_day, zone)
    else:
        present = with_rows = _days_with_rows(connection, request)
    known = days.known_days({*present, *bounds}, facts.coverage, ends)
    return days.judge(request.first_day, request.last_day, zone, known, with_rows)


def _days_with_events(connection: Connection, source: str, first: date, last: date, zone: str) -> set[date]:
    quarters = sa.select(_quarter(connection)).where(*_within(source, first, last, zone)).distinct()
    return {days.wall(quarter, zone).date() for quarter in connection.scalars(quarters)}


def _days_with_rows(connection: Connection, request: Request) -> set[date]:
    usage = tables.daily_usage.c
    within = usage.day.between(request.first_day, request.last_day)
    return set(connection.scalars(sa.select(usage.day).where(usage.source == request.source.name, within).distinct()))


def _data_end(connection: Connection, source: str, day: date | None = None) -> datetime | None:
    """The last event of a source, or of one UTC day of it."""
    events = tables.usage_events.c
    select = sa.select(sa.func.max(events.started_at)).where(events.source == source)
    if day is not None:
        start = datetime(day.year, day.month, day.day, tzinfo=UTC)
        select = select.where(events.started_at >= start, events.started_at < start + timedelta(days=1))
    end: datetime | None = connection.scalar(select)
    return end
