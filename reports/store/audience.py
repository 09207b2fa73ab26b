"""Which rows a person may see, as SQL conditions: lists are cut where they are read, so that pages and counts agree.

An admin sees all. Others see the runs of reports they own or are subscribed to, and of the deliveries those of their
own reports and those to themselves.
"""

from __future__ import annotations

import sqlalchemy as sa

from reports.model import ChannelKind, Person, Role, RunKind
from reports.store.tables import deliveries, reports, runs, subscriptions

Condition = sa.ColumnElement[bool]


def runs_seen_by(person: Person) -> list[Condition]:
    if person.role is Role.ADMIN:
        return []
    subscribed = sa.and_(
        runs.c.report_id.in_(sa.select(subscriptions.c.report_id).where(subscribed_by(person))),
        runs.c.kind != RunKind.PREVIEW.value,  # whoever edits tries things out
    )
    return [sa.or_(_runs_owned_by(person), subscribed)]


def deliveries_seen_by(person: Person) -> list[Condition]:
    if person.role is Role.ADMIN:
        return []
    own_runs = sa.select(runs.c.id).where(_runs_owned_by(person))
    own_subscriptions = sa.select(subscriptions.c.id).where(subscribed_by(person))
    return [sa.or_(deliveries.c.run_id.in_(own_runs), deliveries.c.subscription_id.in_(own_subscriptions))]


def subscribed_by(person: Person) -> Condition:
    return sa.and_(subscriptions.c.channel == ChannelKind.EMAIL.value, subscriptions.c.address.in_(person.names))


def _runs_owned_by(person: Person) -> Condition:
    """By whom the run was made for, or by whom the report belongs to now: the archive outlives reports."""
    own_reports = sa.select(reports.c.id).where(reports.c.owner.in_(person.names))
    return sa.or_(runs.c.owner.in_(person.names), runs.c.report_id.in_(own_reports))
