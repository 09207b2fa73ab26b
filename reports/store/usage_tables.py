"""The embedded source: usage events, daily usage and their dimensions, as tables in Gazette's own database.

`reports.sources` reads and fills them; nothing in `reports.store` does. Every key begins with the source's name, so
that several imports live side by side. A dimension that is not known is '' and never NULL.
"""

from __future__ import annotations

import sqlalchemy as sa

from reports.store.types import Instant

metadata = sa.MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    }
)

NOTHING = sa.text("''")  # alembic cannot compare a default of ""


def text(name: str, *, key: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text, primary_key=key, nullable=False, server_default=None if key else NOTHING)


def count(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False, server_default="0")


def dollars(name: str) -> sa.Column[float | None]:
    return sa.Column(name, sa.Double)


usage_events = sa.Table(
    "usage_events",
    metadata,
    text("source", key=True),
    text("request_id", key=True),
    sa.Column("started_at", Instant, nullable=False),
    # A row is one request, or several that began in the same quarter of an hour and agree in every text.
    sa.Column("requests", sa.BigInteger, nullable=False, server_default="1"),
    count("failures"),
    sa.Column("duration_ms", sa.Double),  # of its timed requests together
    sa.Column("timed_requests", sa.BigInteger),  # successes whose duration is known
    sa.Column("ttft_ms", sa.Double),  # until the first token
    text("user_id"),
    text("key_id"),
    text("team_id"),
    text("end_user"),
    text("model"),
    text("model_group"),
    text("provider"),
    text("endpoint"),
    count("prompt_tokens"),  # cache tokens included
    count("completion_tokens"),
    count("cache_read_tokens"),
    count("cache_creation_tokens"),
    sa.Column("spend_usd", sa.Double, nullable=False, server_default="0"),
    text("status"),  # success, failure, or empty where nothing tells
    text("error_class"),
    text("error_code"),
    sa.Column("cache_hit", sa.Boolean),
    sa.Column("tags", sa.JSON),  # a list; totals over tags overlap
    sa.Index(None, "source", "started_at"),
)

daily_usage = sa.Table(
    "daily_usage",
    metadata,
    text("source", key=True),
    sa.Column("day", sa.Date, primary_key=True),
    text("user_id", key=True),
    text("key_id", key=True),
    text("team_id", key=True),
    text("model", key=True),
    text("model_group", key=True),
    text("provider", key=True),
    text("endpoint", key=True),
    count("requests"),
    count("successes"),
    count("failures"),
    count("prompt_tokens"),
    count("completion_tokens"),
    count("cache_read_tokens"),
    count("cache_creation_tokens"),
    sa.Column("spend_usd", sa.Double, nullable=False, server_default="0"),
    sa.Column("duration_sum_ms", sa.Double),
    sa.Column("timed_requests", sa.BigInteger),
    sqlite_with_rowid=False,  # rows of a source's day lie together, which is how they are read
)

coverage = sa.Table(
    "coverage",
    metadata,
    text("source", key=True),
    sa.Column("day", sa.Date, primary_key=True),
    sa.Column("complete", sa.Boolean, nullable=False),  # a day without a row is missing, not zero
)

users = sa.Table(
    "users",
    metadata,
    text("source", key=True),
    text("user_id", key=True),
    text("name"),
    text("email"),
    dollars("budget_usd"),
)

teams = sa.Table(
    "teams",
    metadata,
    text("source", key=True),
    text("team_id", key=True),
    text("name"),
    dollars("budget_usd"),
)

keys = sa.Table(
    "keys",
    metadata,
    text("source", key=True),
    text("key_id", key=True),
    text("alias"),
    text("user_id"),
    text("team_id"),
    dollars("budget_usd"),
)

model_prices = sa.Table(  # USD for one token
    "model_prices",
    metadata,
    text("source", key=True),
    text("provider", key=True),
    text("model", key=True),
    sa.Column("valid_from", sa.Date, primary_key=True),
    dollars("input_usd"),
    dollars("output_usd"),
    dollars("cache_read_usd"),
    dollars("cache_creation_usd"),
)
