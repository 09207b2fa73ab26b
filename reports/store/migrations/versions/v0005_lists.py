"""Indexes in the order in which reports, runs and deliveries are listed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

LISTED = sa.text("pruned_at IS NULL")


def upgrade() -> None:
    op.drop_index(op.f("ix_reports_name"), "reports")
    op.create_index(op.f("ix_reports_name_id"), "reports", ["name", "id"])
    op.drop_index(op.f("ix_runs_due_at_id"), "runs")
    op.create_index(
        "ix_runs_listed", "runs", ["due_at", "id", "report_name"], sqlite_where=LISTED, postgresql_where=LISTED
    )
    op.create_index(op.f("ix_deliveries_created_at_id"), "deliveries", ["created_at", "id"])
    op.create_index(op.f("ix_deliveries_state_created_at_id"), "deliveries", ["state", "created_at", "id"])


def downgrade() -> None:
    op.drop_index(op.f("ix_deliveries_state_created_at_id"), "deliveries")
    op.drop_index(op.f("ix_deliveries_created_at_id"), "deliveries")
    op.drop_index("ix_runs_listed", "runs")
    op.create_index(op.f("ix_runs_due_at_id"), "runs", ["due_at", "id"])
    op.drop_index(op.f("ix_reports_name_id"), "reports")
    op.create_index(op.f("ix_reports_name"), "reports", ["name"])
