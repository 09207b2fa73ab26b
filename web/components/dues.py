"""The next due times of a schedule: in its zone, in UTC and where the reader is, so that clock changes can be seen."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import streamlit as st

from reports import cron
from web.components import tables, words
from web.components.reader import Reader
from web.components.tables import Column

COUNT = 5
AHEAD = 366  # days in which the next change of clocks is looked for
DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
UTC_ZONE = ZoneInfo("UTC")


def show(expression: str, zone: str, now: Reader) -> None:
    """Raises InvalidCron for an expression or a zone that is none."""
    dues = cron.next_dues(expression, zone, now.now, COUNT)
    local = cron.check_zone(zone)
    columns = [Column(f"In {zone}", time=True), Column("From now")]
    rows: list[tuple[str, ...]] = [(words.moment(due, local, now.now), now.relative(due)) for due in dues]
    if zone != "UTC":
        columns.insert(1, Column("In UTC", time=True))
        utc = [words.moment(due.astimezone(UTC), UTC_ZONE, now.now) for due in dues]
        rows = [(first, second, *others) for (first, *others), second in zip(rows, utc, strict=True)]
    if now.zone.key not in {zone, "UTC"}:
        columns.append(Column(f"Where you are, {now.zone.key}", time=True))
        rows = [(*row, now.at(due)) for row, due in zip(rows, dues, strict=True)]
    tables.show(tables.Table(f"The next {COUNT} due times", columns, rows, quiet=True))
    changed = first_after_change(expression, zone, dues[-1]) if dues else None
    if changed is not None:
        there = f" and, where you are, {now.at(changed)}" if now.zone.key not in {zone, "UTC"} else ""
        st.caption(
            f"The first after the clocks change: {words.moment(changed, local, now.now)}, which is "
            f"{words.moment(changed.astimezone(UTC), UTC_ZONE, now.now)}{there}."
        )


def first_after_change(expression: str, zone: str, after: datetime) -> datetime | None:
    """The first due time of another distance from UTC than `after`; None where clocks stay as they are for a year."""
    local = cron.check_zone(zone)
    change = _change(local, after)
    due = cron.next_due(expression, zone, change - MINUTE) if change else None
    return due if due and _distance(local, due) != _distance(local, after) else None


def _change(zone: ZoneInfo, after: datetime) -> datetime | None:
    """The minute, in UTC, from which on the zone has another distance from UTC than at `after`."""
    before = after.astimezone(UTC).replace(second=0, microsecond=0)
    days = (before + count * DAY for count in range(1, AHEAD + 1))
    later = next((day for day in days if _distance(zone, day) != _distance(zone, after)), None)
    if later is None:
        return None
    before = later - DAY
    while later - before > MINUTE:
        middle = before + ((later - before) // 2 // MINUTE) * MINUTE
        if _distance(zone, middle) == _distance(zone, after):
            before = middle
        else:
            later = middle
    return later


def _distance(zone: ZoneInfo, at: datetime) -> timedelta | None:
    return at.astimezone(zone).utcoffset()
