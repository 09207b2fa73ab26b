"""The schedule builder: how often, at what time, in which zone; said in words and as the next due times."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from zoneinfo import available_timezones

import streamlit as st

from reports import cron
from reports.errors import InvalidInput
from web.components import dues, notices
from web.components.fields import KEEP, SCHEDULE, Fields
from web.components.reader import Reader
from web.components.rhythm import DEFAULT_TIME, LAST_DAY, WEEK, Kind, Rhythm, rhythm_of

KIND_WORDS = {
    Kind.DAILY: "Every day",
    Kind.WEEKLY: "On days of the week",
    Kind.MONTHLY: "On a day of the month",
    Kind.CUSTOM: "By a cron expression",
    Kind.BY_HAND: "Only by hand",
}
DAY_WORDS = {**{str(number): f"day {number}" for number in range(1, 32)}, LAST_DAY: "the last day"}
SHORT_MONTHS = ("29", "30", "31")  # days that not every month has


@dataclass(frozen=True)
class Schedule:
    """What is chosen; `problem` where it cannot be used yet."""

    cron: str
    zone: str
    problem: InvalidInput | None = None


def show(expression: str, zone: str, fields: Fields, now: Reader) -> Schedule:
    """The inputs, filled with `expression` and `zone` at first, and below them what they mean."""
    start = rhythm_of(expression)
    chosen = _rhythm(start, fields)
    zone = _zone(zone, fields, now)
    try:
        schedule = Schedule(cron.parse(expression) if chosen == start and expression.strip() else chosen.cron(), zone)
        _explain(schedule, now)
    except InvalidInput as error:
        fields.refuse(error)
        return Schedule("", zone, error)
    return schedule


def _rhythm(start: Rhythm, fields: Fields) -> Rhythm:
    how, *more = st.columns([2, 1, 2])
    with how:
        kind = fields.choice("kind", "How often", KIND_WORDS, start.kind)
    with more[0]:
        time = _time(start, fields) if kind in {Kind.DAILY, Kind.WEEKLY, Kind.MONTHLY} else start.time
    with more[1]:
        day = fields.choice("day", "On", DAY_WORDS, start.day) if kind is Kind.MONTHLY else start.day
        expression = _expression(start, fields) if kind is Kind.CUSTOM else start.expression
        weekdays = _weekdays(start, fields) if kind is Kind.WEEKLY else start.weekdays
    if day in SHORT_MONTHS and kind is Kind.MONTHLY:
        st.caption(f"Months without a day {day} are left out; the last day comes in every month.")
    return Rhythm(kind, time, weekdays, day, expression)


def _time(start: Rhythm, fields: Fields) -> str:
    text = st.text_input(
        "At", start.time, placeholder=DEFAULT_TIME, key=fields.key("time"), autocomplete="off", persist_state=KEEP
    )
    fields.place("time", "At")
    return text or ""


def _weekdays(start: Rhythm, fields: Fields) -> tuple[int, ...]:
    chosen = st.multiselect(
        "On",
        WEEK,
        default=start.weekdays,
        format_func=lambda number: cron.WEEKDAYS[number],
        placeholder="Choose days",
        key=fields.key("weekdays"),
        persist_state=KEEP,
    )
    fields.place("weekdays", "On")
    return tuple(chosen)


def _expression(start: Rhythm, fields: Fields) -> str:
    text = st.text_input(
        "Cron expression",
        start.expression,
        placeholder="0 9 * * 1",
        help="Five fields: minute hour day month weekday, as Debian's cron reads them; also @daily and the like.",
        key=fields.key(SCHEDULE),
        autocomplete="off",
        persist_state=KEEP,
    )
    fields.place(SCHEDULE, "Cron expression")
    return text or ""


def _zone(start: str, fields: Fields, now: Reader) -> str:
    zones = list(dict.fromkeys((start, now.zone.key, "UTC", *_zones())))
    zone = st.selectbox(
        "Time zone",
        zones,
        help="Of the time above, and of the days that the report covers.",
        key=fields.key("zone"),
        persist_state=KEEP,
    )
    fields.place("zone", "Time zone")
    return zone


def _explain(schedule: Schedule, now: Reader) -> None:
    """Raises InvalidCron for a zone that is none, or a schedule that never comes."""
    if not schedule.cron:
        st.text("It runs when somebody presses Run now, and at no other time.")
        return
    cron.check_zone(schedule.zone)
    text = notices.plain(f"{cron.in_words(schedule.cron)}, {schedule.zone}")
    st.markdown(f"**{text}**")
    dues.show(schedule.cron, schedule.zone, now)


@cache
def _zones() -> tuple[str, ...]:
    return tuple(sorted(name for name in available_timezones() if "/" in name and not name.startswith("Etc/")))
