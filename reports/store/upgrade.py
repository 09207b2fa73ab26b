"""The migrations themselves, by alembic: from empty or from any earlier version to this one."""

from __future__ import annotations

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy.engine import Connection

from reports.errors import ConfigError
from reports.store.migrations import FOLDER


def configuration(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


def upgrade(connection: Connection, here: str | None) -> None:
    """Bring the database to the newest version from `here`. Raises ConfigError if this Gazette does not know that."""
    config = configuration(connection)
    known = {revision.revision for revision in ScriptDirectory.from_config(config).walk_revisions()}
    if here is not None and here not in known:
        raise ConfigError(
            "database_url", f"this database is of a newer Gazette (version {here}); install that one, or restore"
        )
    command.upgrade(config, "head")
