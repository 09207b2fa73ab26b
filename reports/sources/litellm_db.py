"""Usage out of a LiteLLM proxy's PostgreSQL database, read-only.

Days come from LiteLLM_DailyUserSpend; hours, and days of other zones than UTC, from LiteLLM_SpendLogs where these
are complete. What a version of LiteLLM lacks is NULL and named in `unavailable`, never 0. Spend is taken as stored.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from reports.errors import ExtractError
from reports.sources import billing, days, performance, query
from reports.sources.daily import DailyRows, portions
from reports.sources.litellm_tables import DAILY, LOGS, REQUIRED, TEAMS, TOKENS, Database, find_tables
from reports.sources.snapshot import DIMENSIONS, Coverage, Usage
from reports.sources.values import Request, Source, SourceReport

DAY_KEYS = ("day", *DIMENSIONS)
ISO_DAY = 10  # characters of a date in the daily table
FAILURE = "failure"
CACHE_COLUMNS = ("cache_read_input_tokens", "cache_creation_input_tokens")
NO_COUNT = sa.cast(sa.null(), sa.BigInteger)


def read(request: Request, daily: DailyRows) -> Usage:
    """Usage of the wanted days. Raises ExtractError where the database cannot be read or is not LiteLLM's."""
    zone, wanted = request.period.zone, (request.first_day, request.last_day)
    with query.reading(request.source.location(), request.source.name) as connection:
        database = find_tables(connection, request.source.name)
        unavailable = database.unavailable()
        hours_of, why_not = _logged_days(database, request)
        local = not days.is_utc(*wanted, zone)
        if local and hours_of != wanted:
            unavailable["local_days"] = f"Days are UTC days, not days of {zone}. {why_not}"
            local = False
        if not hours_of:
            unavailable["hourly"] = why_not
        if local:
            hourly = _read_local_days(database, request, daily)
        else:
            _read_days(database, request, daily)
            hourly = _hours(database, request, hours_of) if hours_of else None
        coverage, data_as_of = _coverage(database, request, zone if local else "UTC")
        asked = hours_of if request.dataset.single_requests else None
        single = _single_requests(database, request, asked, zone if local else "UTC") if asked else None
        unavailable |= single.unavailable if single else {} if hours_of else performance.nothing(why_not)
        kept = _kept(database, request)
    return Usage(
        hourly=hourly,
        coverage=coverage,
        day_zone=zone if local else "UTC",
        unavailable=unavailable,
        data_as_of=data_as_of,
        files=performance.files(single) | billing.files(daily.models, request.last_day, **kept),
        facts=performance.facts(single),
    )


def _read_days(database: Database, request: Request, daily: DailyRows) -> None:
    """Hand over UTC days, from the daily table."""

    def read_days(first: date, last: date) -> pa.Table:
        return _daily_rows(database, request, (first, last))

    for rows in portions(request.first_day, request.last_day, read_days):
        daily.add(days.aggregate(rows, DAY_KEYS), database.names)


def _read_local_days(database: Database, request: Request, daily: DailyRows) -> pa.Table:
    """Hand over the days of the period's zone, from the logs of single requests; the answer is their hours."""
    zone, hours = request.period.zone, []

    def read_days(first: date, last: date) -> pa.Table:
        return _log_rows(database, request, (first, last), wide=True)

    for events in portions(request.first_day, request.last_day, read_days):
        daily.add(days.place_days(events, zone), database.names)
        hours.append(days.place_hours(events, zone))
    return days.joined_hours(hours)


def _hours(database: Database, request: Request, wanted: tuple[date, date]) -> pa.Table:
    return days.place_hours(_log_rows(database, request, wanted, wide=False), request.period.zone)


def check(source: Source) -> SourceReport:
    """The tables and columns found, and the days of the daily table."""
    with query.reading(source.location(), source.name) as connection:
        database = find_tables(connection, source.name)
        daily = database.tables[DAILY].c
        first, last, rows = connection.execute(
            sa.select(sa.func.min(daily.date), sa.func.max(daily.date), sa.func.count())
        ).one()
    return SourceReport(
        kind=source.kind,
        tables=tuple(sorted(database.tables)),
        missing=database.missing(),
        first_day=_day(first) if first else None,
        last_day=_day(last) if last else None,
        rows=rows,
        notes=tuple(database.unavailable().values()),
    )


def _conditions(database: Database, request: Request, table: str, user: str) -> list[Any]:
    """The filters as conditions on one table; teams and key aliases become the ids of their keys, once for all."""
    filters = request.filters
    wanted = {
        user: filters.user_ids,
        "model": filters.model_ids,
        "custom_llm_provider": filters.provider_ids,
    }
    conditions = [database.text(table, name).in_(values) for name, values in wanted.items() if values]
    key = database.text(table, "api_key")
    if filters.team_ids:
        keys = [id for id, team in database.team_of_key.items() if team in filters.team_ids]
        # A team of '' is usage without a team: every key that is in none.
        alone = key.not_in(list(database.team_of_key)) if "" in filters.team_ids else sa.false()
        conditions.append(sa.or_(key.in_(keys), alone))
    if filters.key_aliases:
        keys = [id for id, alias in database.names.key_id.items() if alias in filters.key_aliases]
        conditions.append(key.in_(keys))
    return conditions


def _daily_rows(database: Database, request: Request, wanted: tuple[date, date]) -> pa.Table:
    def number(name: str) -> Any:
        return database.column(DAILY, name)

    first, end = wanted[0], wanted[1] + timedelta(days=1)
    select = sa.select(
        sa.func.left(number("date"), ISO_DAY),
        database.text(DAILY, "user_id"),
        database.text(DAILY, "api_key"),
        database.text(DAILY, "api_key"),  # in the place of the team, which the key tells
        database.text(DAILY, "model"),
        database.text(DAILY, "model_group"),
        database.text(DAILY, "custom_llm_provider"),
        database.text(DAILY, "endpoint"),
        number("api_requests"),
        number("successful_requests"),
        number("failed_requests"),
        number("prompt_tokens"),
        number("completion_tokens"),
        number("cache_read_input_tokens"),
        number("cache_creation_input_tokens"),
        number("spend"),
        sa.cast(number("total_response_time_ms"), sa.Double),
        number("timed_requests"),
    ).where(
        number("date") >= first.isoformat(),
        number("date") < end.isoformat(),  # the day is text, and may carry a time
        *_conditions(database, request, DAILY, "user_id"),
    )
    return _with_teams(query.read_table(database.connection, select, days.DAY_ROWS), database.team_of_key)


def _log_rows(database: Database, request: Request, wanted: tuple[date, date], *, wide: bool) -> pa.Table:
    """Requests of the `wanted` days by quarter of an hour, from the logs of single requests.

    Only `wide` rows tell user, key, provider and cache tokens apart; hours need none of them, and cost less.
    """
    succeeded = sa.not_(_is_failure(database))
    took = _duration(database)
    blank: Any = sa.literal_column("''")
    names = ("user", "api_key", "api_key", "model", "model_group", "custom_llm_provider")
    texts = [database.text(LOGS, name) if wide or name == "model" else blank for name in names]
    labels = [column.label(f"text_{index}") for index, column in enumerate([*texts, blank])]  # logs name no endpoint
    cached = [_cached(database, name) if wide else NO_COUNT for name in CACHE_COLUMNS]
    select = (
        sa.select(
            _quarter(database).label("quarter"),
            *labels,
            sa.func.count(),
            sa.func.count().filter(succeeded),
            sa.func.count().filter(sa.not_(succeeded)),
            *(_sum(database.column(LOGS, name)) for name in ("prompt_tokens", "completion_tokens")),
            *(_sum(column) for column in cached),
            sa.func.sum(database.column(LOGS, "spend")),
            sa.func.sum(took).filter(succeeded),
            sa.func.count(took).filter(succeeded),
        )
        .where(*_within(database, wanted, request.period.zone), *_conditions(database, request, LOGS, "user"))
        .group_by(sa.literal_column("quarter"), *(sa.literal_column(label.name) for label in labels))
    )
    return _with_teams(query.read_table(database.connection, select, days.EVENT_ROWS), database.team_of_key)


def _single_requests(
    database: Database, request: Request, logged: tuple[date, date], zone: str
) -> performance.Performance:
    """How long requests took and why they failed, of the wanted days of `zone` that are logged."""
    first, last = performance.wanted_days(request)
    wanted = (max(first, logged[0]), last)
    failed = sa.case((_is_failure(database), 1), else_=0)
    succeeded = failed == 0
    cached = database.column(LOGS, "cache_hit")  # text: True, False, or None for an ordinary answer
    single = performance.Single(
        quarter=_quarter(database),
        model=database.text(LOGS, "model"),
        provider=database.text(LOGS, "custom_llm_provider"),
        requests=sa.literal_column("1"),
        failures=failed,
        took=sa.case((succeeded, _duration(database))),
        ttft=sa.case((succeeded, _first_token(database))),
        output_tokens=database.column(LOGS, "completion_tokens"),
        cached=sa.case((sa.and_(succeeded, cached.is_not(None)), sa.case((cached == "True", 1), else_=0))),
        error_class=_error(database, "error_class"),
        error_code=_error(database, "error_code"),
        where=[*_within(database, wanted, zone), *_conditions(database, request, LOGS, "user")],
    )
    return performance.read(database.connection, single, wanted, zone)


def _first_token(database: Database) -> Any:
    """Milliseconds until the first token; NULL for an answer that came in one piece, which ended as it began."""
    began, ended = database.column(LOGS, "completionStartTime"), database.column(LOGS, "endTime")
    waited = sa.extract("epoch", began - database.column(LOGS, "startTime")) * 1000
    return sa.case((sa.and_(began.is_distinct_from(ended), waited >= 0), sa.cast(waited, sa.Double)))


def _error(database: Database, name: str) -> Any:
    if not database.has(LOGS, "metadata"):
        return sa.literal_column("''")
    return sa.func.coalesce(_json(database).op("->")("error_information").op("->>")(name), "")


def _kept(database: Database, request: Request) -> dict[str, Any]:
    """Budgets of teams and all keys, each where this version of LiteLLM has them."""
    found = {}
    if database.has(TEAMS, "team_id", "max_budget"):
        names = ("team_id", "team_alias", "max_budget", "budget_duration", "spend")
        found["budgets"] = billing.budgets(_rows(database, TEAMS, names), request.filters)
    if database.has(TOKENS, "token"):
        found["keys"] = billing.keys(
            _rows(database, TOKENS, ("token", "key_alias", "user_id", "team_id")), request.filters
        )
    return found


def _rows(database: Database, table: str, names: tuple[str, ...]) -> Any:
    select = sa.select(*(database.column(table, name) for name in names)).select_from(database.tables[table])
    return [tuple(row) for row in database.connection.execute(select)]


def _quarter(database: Database) -> Any:
    seconds = sa.extract("epoch", database.column(LOGS, "startTime"))
    return sa.cast(sa.func.floor(seconds / days.QUARTER_SECONDS), sa.BigInteger)


def _within(database: Database, wanted: tuple[date, date], zone: str) -> list[Any]:
    start, end = days.span(*wanted, zone)
    started = database.column(LOGS, "startTime")
    return [started >= start.replace(tzinfo=None), started < end.replace(tzinfo=None)]


def _sum(column: Any) -> Any:
    return sa.cast(sa.func.sum(column), sa.BigInteger)


def _is_failure(database: Database) -> Any:
    status = database.column(LOGS, "status")
    if database.has(LOGS, "metadata"):
        status = sa.func.coalesce(status, sa.cast(_json(database).op("->>")("status"), sa.Text))
    return sa.func.coalesce(status, "") == FAILURE


def _json(database: Database) -> Any:
    return sa.cast(database.column(LOGS, "metadata"), JSONB)


def _duration(database: Database) -> Any:
    """Milliseconds of a request: as recorded, else from its start to its end."""
    recorded = sa.cast(database.column(LOGS, "request_duration_ms"), sa.Double)
    if not database.has(LOGS, "endTime"):
        return recorded
    elapsed = database.column(LOGS, "endTime") - database.column(LOGS, "startTime")
    return sa.func.coalesce(recorded, sa.cast(sa.extract("epoch", elapsed) * 1000, sa.Double))


def _cached(database: Database, name: str) -> Any:
    if not database.has(LOGS, "metadata"):
        return NO_COUNT
    text = _json(database).op("->")("additional_usage_values").op("->>")(name)
    return sa.func.coalesce(sa.cast(sa.cast(text, sa.Numeric), sa.BigInteger), 0)


def _with_teams(rows: pa.Table, team_of_key: Mapping[str, str]) -> pa.Table:
    """Rows whose team_id still holds the key's id, with the key's team in its place."""
    place = rows.schema.get_field_index("team_id")
    return rows.set_column(place, "team_id", days.replace_text(rows["team_id"], team_of_key))


def _logged_days(database: Database, request: Request) -> tuple[tuple[date, date] | None, str]:
    """The days whose single requests are logged: all wanted, those of the period, or none; and why not all."""
    wanted = (request.first_day, request.last_day)
    why_not = _why_no_logs(database, wanted, request.period.zone)
    if not why_not:
        return wanted, ""
    period = (request.period.start, request.period.end)
    return (None if _why_no_logs(database, period, request.period.zone) else period), why_not


def _why_no_logs(database: Database, wanted: tuple[date, date], zone: str) -> str:
    """Why the logs of single requests cannot be used, or '' where they hold every request of the daily table.

    Logs can be switched off or trimmed: a day with fewer logged requests than the daily table counts is not covered.
    """
    lacking = [name for name in REQUIRED[LOGS] if not database.has(LOGS, name)]
    if lacking:
        what = f"columns {', '.join(lacking)} of" if LOGS in database.tables else "table"
        return f"The database has no {what} {LOGS}, which tells the hour of a request."
    first, last = days.utc_days(*wanted, zone)
    counted, logged = _daily_counts(database, first, last), _log_counts(database, first, last)
    for day in sorted(counted):
        if logged.get(day, 0) < counted[day]:
            return (
                f"The log of single requests is not complete: of {day.isoformat()} it holds "
                f"{logged.get(day, 0):,} of {counted[day]:,} requests."
            )
    return ""


def _daily_counts(database: Database, first: date, last: date) -> dict[date, int]:
    daily = database.tables[DAILY].c
    day = sa.func.left(daily.date, ISO_DAY).label("day")  # a day may be there with a time and without
    rows = database.connection.execute(
        sa.select(day, sa.func.sum(daily.api_requests))
        .where(daily.date >= first.isoformat(), daily.date < (last + timedelta(days=1)).isoformat())
        .group_by(sa.literal_column("day"))
    )
    return {_day(day): int(requests) for day, requests in rows}


def _log_counts(database: Database, first: date, last: date) -> dict[date, int]:
    rows = database.connection.execute(
        sa.select(sa.cast(database.column(LOGS, "startTime"), sa.Date).label("day"), sa.func.count())
        .where(*_within(database, (first, last), "UTC"))
        .group_by(sa.literal_column("day"))
    )
    return {row[0]: int(row[1]) for row in rows}


def _coverage(database: Database, request: Request, zone: str) -> tuple[Coverage, datetime | None]:
    """Judged over all usage, whatever the filters: a filter makes zeros, never gaps."""
    daily = database.tables[DAILY].c
    present = {_day(day) for day in database.connection.scalars(sa.select(daily.date).distinct())}
    updated = database.connection.scalar(sa.select(sa.func.max(database.column(DAILY, "updated_at"))))
    as_of = updated.replace(tzinfo=UTC) if updated else None
    listed = dict.fromkeys(_quiet(present, request), True)
    end = _last_moment(database, max(present, default=None)) or as_of
    ends = {end.date(): end} if end else {}
    known = days.known_days(present, listed, ends)
    with_rows = _days_with_rows(database, request, zone) if zone != "UTC" else present
    return days.judge(request.first_day, request.last_day, zone, known, with_rows), as_of


def _quiet(present: set[date], request: Request) -> tuple[date, ...]:
    """Days between the first and the last that have no rows and yet are known: the source's owner says so."""
    if request.source.options.get("empty_days") != "zero" or not present:
        return ()
    return tuple(day for day in days.days_of(min(present), max(present)) if day not in present)


def _last_moment(database: Database, day: date | None) -> datetime | None:
    """The last logged request of the last day, where there are logs."""
    if day is None or not database.has(LOGS, "startTime"):
        return None
    started = database.column(LOGS, "startTime")
    last = database.connection.scalar(
        sa.select(sa.func.max(started)).where(started >= datetime(day.year, day.month, day.day))  # noqa: DTZ001
    )
    return last.replace(tzinfo=UTC) if last else None


def _days_with_rows(database: Database, request: Request, zone: str) -> set[date]:
    within = _within(database, (request.first_day, request.last_day), zone)
    quarters = database.connection.scalars(sa.select(_quarter(database)).where(*within).distinct())
    return {days.wall(quarter, zone).date() for quarter in quarters}


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text[:ISO_DAY])
    except ValueError as error:
        raise ExtractError(f"{DAILY} holds {text!r} in the place of a day.", permanent=True) from error
