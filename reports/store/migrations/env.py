"""What alembic runs: migrations on the connection it is given, or on the configured database for a developer.

`Store.migrate()` gives its connection, already in a transaction, so that a migration happens whole or not at all.
"""

from __future__ import annotations

from typing import Literal

from alembic import context
from sqlalchemy.engine import Connection

from reports.settings import load_settings
from reports.store.engine import Database
from reports.store.tables import runs
from reports.store.types import FreeText, Instant


def plain_type(kind: str, item: object, _context: object) -> str | Literal[False]:
    """A migration names the plain column types: it must mean the same after ours have changed."""
    if kind == "type" and isinstance(item, Instant):
        return "sa.DateTime(timezone=True)"
    if kind == "type" and isinstance(item, FreeText):
        return "sa.Text()"
    return False


def run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=runs.metadata,
        compare_server_default=True,
        render_item=plain_type,
        render_as_batch=connection.dialect.name == "sqlite",  # SQLite alters a table by writing it anew
    )
    with context.begin_transaction():
        context.run_migrations()


given: Connection | None = context.config.attributes.get("connection")
if given is not None:
    run(given)
else:
    with Database(load_settings().store_url).writing() as connection:
        run(connection)
