"""The tables of reports, subscriptions, runs, artifacts and deliveries, and the promises their constraints keep.

One run for each (report, due time, parameters, kind); one running run for each report; one delivery for each
(run, subscription, kind). History has no foreign key to what may be deleted: runs outlive their report.
"""

from __future__ import annotations

import sqlalchemy as sa

from reports.store.types import FreeText, Instant
from reports.store.usage_tables import metadata

sources = sa.Table(
    "sources",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("url", sa.Text, nullable=False),
    sa.Column("options", sa.JSON, nullable=False),
    sa.Column("label", sa.Text, nullable=False),
)

reports = sa.Table(
    "reports",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),  # need not be unique
    sa.Column("template", sa.Text, nullable=False),
    sa.Column("owner", sa.Text, nullable=False, index=True),
    sa.Column("cron", sa.Text, nullable=False),
    sa.Column("zone", sa.Text, nullable=False),
    sa.Column("period_policy", sa.Text, nullable=False),
    sa.Column("period_days", sa.Integer),
    sa.Column("parameters", sa.JSON, nullable=False),
    sa.Column("filters", sa.JSON, nullable=False),
    sa.Column("sources", sa.JSON, nullable=False),
    sa.Column("formats", sa.JSON, nullable=False),
    sa.Column("catch_up", sa.Text, nullable=False),
    sa.Column("grace_seconds", sa.Integer, nullable=False),
    sa.Column("paused", sa.Boolean, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("next_due_at", Instant),
    sa.Index(None, "name", "id"),  # the order in which they are listed
    sa.Index(None, "paused", "next_due_at"),  # a tick costs by what is due, not by what exists
)

subscriptions = sa.Table(
    "subscriptions",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("report_id", sa.Text, sa.ForeignKey("reports.id", ondelete="CASCADE"), nullable=False, index=True),
    sa.Column("channel", sa.Text, nullable=False),
    sa.Column("address", sa.Text, nullable=False, index=True),  # whose subscriptions
    sa.Column("subscriber", sa.Text, nullable=False),
    sa.Column("formats", sa.JSON, nullable=False),
    sa.Column("parameters", sa.JSON, nullable=False),
    sa.Column("secret", sa.Text, nullable=False),
    sa.Column("include_content", sa.Boolean, nullable=False),
    sa.Column("send_if", sa.JSON(none_as_null=True)),  # NULL: always
    sa.Column("paused", sa.Boolean, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
)

runs = sa.Table(
    "runs",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("report_id", sa.Text, nullable=False),  # no foreign key: the archive outlives the report
    sa.Column("report_name", sa.Text, nullable=False),
    sa.Column("template", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("due_at", Instant, nullable=False),
    sa.Column("period_start", sa.Date, nullable=False),
    sa.Column("period_end", sa.Date, nullable=False),
    sa.Column("period_zone", sa.Text, nullable=False),
    sa.Column("parameters", sa.JSON, nullable=False),
    sa.Column("parameters_key", sa.Text, nullable=False),
    sa.Column("filters", sa.JSON, nullable=False),
    sa.Column("sources", sa.JSON, nullable=False),
    sa.Column("formats", sa.JSON, nullable=False),
    sa.Column("owner", sa.Text, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),  # the fencing token: only ever grows
    sa.Column("released", sa.Integer, nullable=False),  # attempts given back by a graceful stop
    sa.Column("stage", sa.Text, nullable=False),
    sa.Column("reason", FreeText, nullable=False),
    sa.Column("error", sa.JSON(none_as_null=True)),
    sa.Column("metrics", sa.JSON, nullable=False),
    sa.Column("provenance", sa.JSON, nullable=False),
    sa.Column("execution_key", sa.Text, index=True),  # of provenance; NULL where there is none
    sa.Column("pinned", sa.Boolean, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("started_at", Instant),
    sa.Column("finished_at", Instant),
    sa.Column("not_before", Instant),
    sa.Column("runner_id", sa.Text),
    sa.Column("lease_until", Instant),  # by the database's clock
    sa.Column("pruned_at", Instant),  # marked for removal: hidden, its files may be gone
    sa.Column("delivered_at", Instant),  # first sent to a subscriber; of a run that nobody subscribed to, its end
    sa.UniqueConstraint("report_id", "due_at", "parameters_key", "kind"),
    sa.Index(None, "state", "due_at", "id"),
    sa.Index(None, "owner", "due_at"),
    sa.Index(None, "kind", "finished_at"),  # retention differs by kind
)

sa.Index(
    "uq_runs_running_report_id",
    runs.c.report_id,
    unique=True,  # never two runs of one report at a time
    sqlite_where=sa.text("state = 'running'"),
    postgresql_where=sa.text("state = 'running'"),
)

# The order in which runs are listed, with what is searched for: a text that is nowhere is not found in this index
# alone, a tenth of the table.
sa.Index(
    "ix_runs_listed",
    runs.c.due_at,
    runs.c.id,
    runs.c.report_name,
    sqlite_where=sa.text("pruned_at IS NULL"),
    postgresql_where=sa.text("pruned_at IS NULL"),
)

# What the next run is compared with is one look away, however many runs were sent to nobody.
sa.Index(
    "ix_runs_delivered_at",
    runs.c.report_id,
    runs.c.parameters_key,
    runs.c.delivered_at,
    sqlite_where=sa.text("delivered_at IS NOT NULL"),
    postgresql_where=sa.text("delivered_at IS NOT NULL"),
)

# Only of the marked: an index that also holds every other run would be taken for each list of runs, and sort them all.
sa.Index(
    "ix_runs_pruned_at",
    runs.c.pruned_at,
    sqlite_where=sa.text("pruned_at IS NOT NULL"),
    postgresql_where=sa.text("pruned_at IS NOT NULL"),
)

stages = sa.Table(
    "stages",
    metadata,
    sa.Column("run_id", sa.Text, sa.ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("attempt", sa.Integer, primary_key=True),
    sa.Column("stage", sa.Text, primary_key=True),
    sa.Column("started_at", Instant, nullable=False),
    sa.Column("finished_at", Instant),
)

run_log = sa.Table(
    "run_log",
    metadata,
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True),  # in the order written
    sa.Column("run_id", sa.Text, sa.ForeignKey("runs.id", ondelete="CASCADE"), nullable=False, index=True),
    sa.Column("at", Instant, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("level", sa.Text, nullable=False),
    sa.Column("text", FreeText, nullable=False),
)

artifacts = sa.Table(
    "artifacts",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("run_id", sa.Text, sa.ForeignKey("runs.id", ondelete="CASCADE"), nullable=False),
    sa.Column("format", sa.Text, nullable=False),
    sa.Column("path", sa.Text, nullable=False, index=True),
    sa.Column("sha256", sa.Text, nullable=False),
    sa.Column("bytes", sa.BigInteger, nullable=False),
    sa.UniqueConstraint("run_id", "format"),
)

deliveries = sa.Table(
    "deliveries",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("run_id", sa.Text, sa.ForeignKey("runs.id", ondelete="CASCADE"), nullable=False),
    sa.Column("subscription_id", sa.Text, nullable=False),  # '' is the owner: NULLs would not be unique
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("channel", sa.Text, nullable=False),
    sa.Column("address", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),  # the fencing token
    sa.Column("error", FreeText, nullable=False),
    sa.Column("detail", FreeText, nullable=False),
    sa.Column("next_attempt_at", Instant),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("sent_at", Instant),
    sa.Column("runner_id", sa.Text),
    sa.Column("lease_until", Instant),
    sa.Column("copy", sa.Integer, nullable=False, server_default="0"),
    sa.Column("request", sa.Text),  # the last wish to send it again
    sa.Column("draft", sa.JSON(none_as_null=True)),  # of a test: the subscription that is not stored yet
    sa.UniqueConstraint("run_id", "subscription_id", "kind"),
    sa.Index(None, "state", "next_attempt_at"),
    sa.Index(None, "subscription_id", "created_at"),
    sa.Index(None, "created_at", "id"),
    sa.Index(None, "state", "created_at", "id"),
)

delivery_attempts = sa.Table(
    "delivery_attempts",
    metadata,
    sa.Column("delivery_id", sa.Text, sa.ForeignKey("deliveries.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("attempt", sa.Integer, primary_key=True),
    sa.Column("at", Instant, nullable=False),
    sa.Column("outcome", sa.Text, nullable=False),  # a delivery state, or "lost" when its runner died
    sa.Column("detail", FreeText, nullable=False),
)

runners = sa.Table(
    "runners",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("info", sa.JSON, nullable=False),
    sa.Column("started_at", Instant, nullable=False),
    sa.Column("seen_at", Instant, nullable=False),
)
