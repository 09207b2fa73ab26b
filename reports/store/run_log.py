"""What happened to a run, line by line, for whoever looks into it: kept with the run, removed with it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from reports.model import LogLevel
from reports.store.engine import Database
from reports.store.tables import run_log
from reports.store.types import Now

LINE_LIMIT = 4_000  # characters


@dataclass(frozen=True)
class LogLine:
    """What an attempt of a run met, by the database's clock."""

    at: datetime
    attempt: int
    level: LogLevel
    text: str


class RunLogQueries(Database):
    def log_line(self, run_id: str, attempt: int, text: str, level: LogLevel = LogLevel.INFO) -> None:
        with self.writing() as connection:
            write_line(connection, run_id, attempt, text, level)

    def run_log(self, run_id: str) -> list[LogLine]:
        """All lines of a run, in the order they were written."""
        statement = sa.select(run_log).where(run_log.c.run_id == run_id).order_by(run_log.c.id)
        with self.reading() as connection:
            rows = connection.execute(statement).mappings()
            return [LogLine(row["at"], row["attempt"], LogLevel(row["level"]), row["text"]) for row in rows]


def write_line(connection: Connection, run_id: str, attempt: int, text: str, level: LogLevel) -> None:
    """One line, cut at LINE_LIMIT, as a part of what else the transaction records."""
    kept = text if len(text) <= LINE_LIMIT else f"{text[: LINE_LIMIT - 1]}…"
    line = {"run_id": run_id, "at": Now(), "attempt": attempt, "level": level.value, "text": kept}
    connection.execute(sa.insert(run_log).values(line))
