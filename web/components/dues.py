"""The next due times of a schedule: in its zone, in UTC and where the reader is, so that clock changes can be seen."""

from __future__ import annotations

from datetime import UTC
from zoneinfo import ZoneInfo

from reports import cron
from web.components import tables, words
from web.components.reader import Reader
from web.components.tables import Column

COUNT = 5
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
