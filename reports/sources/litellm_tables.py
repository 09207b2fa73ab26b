"""The tables of a LiteLLM database as found: which columns this version has, who holds a key, what is missing.

Knows names and meanings only; `litellm_db` asks the questions.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from reports.errors import ExtractError
from reports.sources import days, query

DAILY = "LiteLLM_DailyUserSpend"
LOGS = "LiteLLM_SpendLogs"
TOKENS = "LiteLLM_VerificationToken"
USERS = "LiteLLM_UserTable"
TEAMS = "LiteLLM_TeamTable"
TEAM_DAYS = "LiteLLM_DailyTeamSpend"

# What we read. The types are those of LiteLLM 1.106; a day is text and an instant is UTC without a zone.
WANTED: dict[str, dict[str, Any]] = {
    DAILY: {
        "date": sa.Text(),
        "user_id": sa.Text(),
        "api_key": sa.Text(),
        "model": sa.Text(),
        "model_group": sa.Text(),
        "custom_llm_provider": sa.Text(),
        "endpoint": sa.Text(),
        "api_requests": sa.BigInteger(),
        "successful_requests": sa.BigInteger(),
        "failed_requests": sa.BigInteger(),
        "prompt_tokens": sa.BigInteger(),
        "completion_tokens": sa.BigInteger(),
        "cache_read_input_tokens": sa.BigInteger(),
        "cache_creation_input_tokens": sa.BigInteger(),
        "spend": sa.Double(),
        "total_response_time_ms": sa.BigInteger(),
        "timed_requests": sa.BigInteger(),
        "updated_at": sa.DateTime(),
    },
    LOGS: {
        "startTime": sa.DateTime(),
        "endTime": sa.DateTime(),
        "completionStartTime": sa.DateTime(),
        "user": sa.Text(),
        "api_key": sa.Text(),
        "model": sa.Text(),
        "model_group": sa.Text(),
        "custom_llm_provider": sa.Text(),
        "call_type": sa.Text(),
        "prompt_tokens": sa.BigInteger(),
        "completion_tokens": sa.BigInteger(),
        "spend": sa.Double(),
        "status": sa.Text(),
        "metadata": sa.JSON(),
        "request_duration_ms": sa.BigInteger(),
        "cache_hit": sa.Text(),
    },
    TOKENS: {"token": sa.Text(), "key_alias": sa.Text(), "user_id": sa.Text(), "team_id": sa.Text()},
    USERS: {"user_id": sa.Text(), "user_alias": sa.Text(), "user_email": sa.Text()},
    TEAMS: {
        "team_id": sa.Text(),
        "team_alias": sa.Text(),
        "max_budget": sa.Double(),
        "budget_duration": sa.Text(),
        "spend": sa.Double(),
    },
    TEAM_DAYS: {"team_id": sa.Text(), "api_key": sa.Text()},
}
REQUIRED = {
    DAILY: ("date", "user_id", "api_key", "model", "api_requests", "prompt_tokens", "completion_tokens", "spend"),
    LOGS: ("startTime", "user", "api_key", "model", "prompt_tokens", "completion_tokens", "spend"),
}
# What a report cannot say without a column of the daily table.
SECTIONS = {
    "successful_requests": "success_rate",
    "failed_requests": "success_rate",
    "cache_read_input_tokens": "cache_tokens",
    "cache_creation_input_tokens": "cache_tokens",
    "total_response_time_ms": "latency",
    "timed_requests": "latency",
    "endpoint": "endpoint",
    "model_group": "model_group",
    "custom_llm_provider": "provider",
}


@dataclass(frozen=True)
class Database:
    connection: Connection
    tables: Mapping[str, sa.TableClause]  # those that exist, with the columns that exist
    names: days.Names
    team_of_key: Mapping[str, str]

    def has(self, table: str, *columns: str) -> bool:
        return table in self.tables and all(name in self.tables[table].c for name in columns)

    def column(self, table: str, name: str) -> Any:
        """The column, or NULL of its type where this version of LiteLLM has none."""
        if self.has(table, name):
            return self.tables[table].c[name]
        return sa.cast(sa.null(), WANTED[table][name])

    def text(self, table: str, name: str) -> Any:
        return sa.func.coalesce(self.column(table, name), "")

    def missing(self) -> dict[str, tuple[str, ...]]:
        """Table -> the columns it lacks; all of them where there is no such table."""
        lacking = {
            table: tuple(name for name in wanted if not self.has(table, name)) for table, wanted in WANTED.items()
        }
        return {table: names for table, names in lacking.items() if names}

    def unavailable(self) -> dict[str, str]:
        """Section of a report -> why this database cannot fill it."""
        gone: dict[str, list[str]] = defaultdict(list)
        for column, section in SECTIONS.items():
            if not self.has(DAILY, column):
                gone[section].append(column)
        reasons = {
            section: f"This version of LiteLLM does not record it ({DAILY} has no {' and no '.join(columns)})."
            for section, columns in gone.items()
        }
        for table, section in ((USERS, "user_name"), (TOKENS, "key_alias"), (TEAMS, "team_name")):
            if table not in self.tables:
                reasons[section] = f"The database has no table {table}."
        return reasons


def find_tables(connection: Connection, source: str) -> Database:
    """The LiteLLM tables of a database. Raises ExtractError where it has no daily table we can read."""
    found = query.columns_of(connection, tuple(WANTED))
    tables = {
        table: sa.table(table, *(sa.column(name, kind) for name, kind in WANTED[table].items() if name in columns))
        for table, columns in found.items()
    }
    database = Database(connection, tables, days.Names({}, {}, {}), {})
    lacking = [name for name in REQUIRED[DAILY] if not database.has(DAILY, name)]
    if lacking:
        what = f"columns {', '.join(lacking)} of" if DAILY in tables else "table"
        raise ExtractError(
            f"Source {source!r} is no LiteLLM database Gazette can read: it has no {what} {DAILY}. "
            "Check the database's name in the URL, its schema, and that the user may read it.",
            permanent=True,
        )
    return Database(connection, tables, _names(database), _teams(database))


def _names(database: Database) -> days.Names:
    users = sa.func.coalesce(
        sa.func.nullif(database.column(USERS, "user_alias"), ""), database.column(USERS, "user_email")
    )
    return days.Names(
        user_id=_pairs(database, USERS, "user_id", users),
        key_id=_pairs(database, TOKENS, "token", database.column(TOKENS, "key_alias")),
        team_id=_pairs(database, TEAMS, "team_id", database.column(TEAMS, "team_alias")),
    )


def _pairs(database: Database, table: str, id: str, name: Any) -> dict[str, str]:
    if not database.has(table, id):
        return {}
    rows = database.connection.execute(
        sa.select(database.tables[table].c[id], name).select_from(database.tables[table])
    )
    return {id: name for id, name in rows if id and name}


def _teams(database: Database) -> dict[str, str]:
    """Key -> team: of the key's own row, else the one team its usage was booked on."""
    teams: dict[str, str] = {}
    if database.has(TEAM_DAYS, "api_key", "team_id"):
        booked = database.tables[TEAM_DAYS].c
        rows = database.connection.execute(sa.select(booked.api_key, booked.team_id).distinct())
        teams = _sole((key, team) for key, team in rows if key and team)
    return teams | _pairs(database, TOKENS, "token", database.column(TOKENS, "team_id"))


def _sole(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    several: dict[str, set[str]] = defaultdict(set)
    for key, team in pairs:
        several[key].add(team)
    return {key: next(iter(teams)) for key, teams in several.items() if len(teams) == 1}
