"""Conditions of subscriptions, and which run was delivered last."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Columns are added in place: SQLite's batch mode would write `runs` anew, and its cascades would empty what hangs
    # on it.
    op.add_column("subscriptions", sa.Column("send_if", sa.JSON(), nullable=True))
    op.add_column("runs", sa.Column("delivered_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index(
        "ix_runs_delivered_at",
        "runs",
        ["report_id", "parameters_key", "delivered_at"],
        unique=False,
        sqlite_where=sa.text("delivered_at IS NOT NULL"),
        postgresql_where=sa.text("delivered_at IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_index("ix_runs_delivered_at", "runs")
    op.drop_column("runs", "delivered_at")
    op.drop_column("subscriptions", "send_if")
