"""Deliveries that are sent again on purpose, and tests of subscriptions that are not stored yet."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # In place, as in 0002: written anew, the table would take its log along.
    op.add_column("deliveries", sa.Column("copy", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("deliveries", sa.Column("request", sa.Text(), nullable=True))
    op.add_column("deliveries", sa.Column("draft", sa.JSON(), nullable=True))


def downgrade() -> None:
    op.execute("DELETE FROM deliveries WHERE kind = 'test'")
    op.drop_column("deliveries", "draft")
    op.drop_column("deliveries", "request")
    op.drop_column("deliveries", "copy")
