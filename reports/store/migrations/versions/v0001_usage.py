"""Usage that Gazette keeps itself, and what its users, keys, teams and models are called and cost."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TABLES = (
    "usage_events",
    "daily_usage",
    "coverage",
    "users",
    "keys",
    "teams",
    "model_prices",
)


def upgrade() -> None:
    op.create_table(
        "usage_events",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("requests", sa.BigInteger(), server_default="1", nullable=False),
        sa.Column("failures", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("duration_ms", sa.Double()),
        sa.Column("timed_requests", sa.BigInteger()),
        sa.Column("ttft_ms", sa.Double()),
        sa.Column("user_id", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("key_id", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("team_id", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("end_user", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("model", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("model_group", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("provider", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("endpoint", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("prompt_tokens", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("completion_tokens", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("cache_read_tokens", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("cache_creation_tokens", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("spend_usd", sa.Double(), server_default="0", nullable=False),
        sa.Column("status", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("error_class", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("error_code", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("cache_hit", sa.Boolean()),
        sa.Column("tags", sa.JSON()),
        sa.PrimaryKeyConstraint("source", "request_id", name=op.f("pk_usage_events")),
    )
    op.create_index(op.f("ix_usage_events_source_started_at"), "usage_events", ["source", "started_at"])
    op.create_table(
        "daily_usage",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("team_id", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("model_group", sa.Text(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("endpoint", sa.Text(), nullable=False),
        sa.Column("requests", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("successes", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("failures", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("prompt_tokens", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("completion_tokens", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("cache_read_tokens", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("cache_creation_tokens", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("spend_usd", sa.Double(), server_default="0", nullable=False),
        sa.Column("duration_sum_ms", sa.Double()),
        sa.Column("timed_requests", sa.BigInteger()),
        sa.PrimaryKeyConstraint(
            "source",
            "day",
            "user_id",
            "key_id",
            "team_id",
            "model",
            "model_group",
            "provider",
            "endpoint",
            name=op.f("pk_daily_usage"),
        ),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "coverage",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("complete", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("source", "day", name=op.f("pk_coverage")),
    )
    op.create_table(
        "users",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("email", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("budget_usd", sa.Double()),
        sa.PrimaryKeyConstraint("source", "user_id", name=op.f("pk_users")),
    )
    op.create_table(
        "keys",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("alias", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("user_id", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("team_id", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("budget_usd", sa.Double()),
        sa.PrimaryKeyConstraint("source", "key_id", name=op.f("pk_keys")),
    )
    op.create_table(
        "teams",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("team_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("budget_usd", sa.Double()),
        sa.PrimaryKeyConstraint("source", "team_id", name=op.f("pk_teams")),
    )
    op.create_table(
        "model_prices",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("input_usd", sa.Double()),
        sa.Column("output_usd", sa.Double()),
        sa.Column("cache_read_usd", sa.Double()),
        sa.Column("cache_creation_usd", sa.Double()),
        sa.PrimaryKeyConstraint("source", "provider", "model", "valid_from", name=op.f("pk_model_prices")),
    )


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)
