"""Bring a database to this version's tables, from empty or from any earlier version.

Two programs that start together may both call this: the second waits for the first and finds nothing to do.
"""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.engine import Connection

from reports.errors import ConfigError
from reports.store.engine import Database

MIGRATIONS = Path(__file__).parent / "migrations"
LOCK = 0x67617A65747465  # "gazette"; held by PostgreSQL for one transaction


def configuration(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


def migrate(database: Database) -> None:
    """Raises ConfigError if a newer version of Gazette has been here."""
    with database.writing() as connection:
        if not database.on_sqlite:
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(LOCK)))
        config = configuration(connection)
        script = ScriptDirectory.from_config(config)
        here = MigrationContext.configure(connection).get_current_revision()
        if here == script.get_current_head():
            return
        if here is not None and here not in {revision.revision for revision in script.walk_revisions()}:
            raise ConfigError(
                "database_url", f"this database is of a newer Gazette (version {here}); install that one, or restore"
            )
        command.upgrade(config, "head")
