"""Who is reading: the zone of the reader's browser, and what time it is for this rerun of the page."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from zoneinfo import ZoneInfo

import streamlit as st

from reports.cron import check_zone
from reports.errors import InvalidCron
from web import wiring
from web.components import words


@dataclass(frozen=True)
class Reader:
    """One look at a page: its zone, and the instant that all its relative times count from."""

    zone: ZoneInfo
    now: datetime

    def at(self, instant: datetime | None, *, seconds: bool = False) -> str:
        return words.moment(instant, self.zone, self.now, seconds=seconds) if instant else "–"

    def ago(self, instant: datetime | None) -> str:
        """The time and, beside it, how far away that is."""
        return words.both(instant, self.zone, self.now) if instant else "–"

    def relative(self, instant: datetime | None) -> str:
        return words.relative(instant, self.now) if instant else ""

    @cached_property
    def zone_name(self) -> str:
        return f"{self.zone.key} ({words.zone_name(self.now.astimezone(self.zone))})"


def reader() -> Reader:
    """The browser's zone; the configured one where the browser does not say, or says one that is not known here."""
    try:
        zone = check_zone(st.context.timezone or "")
    except InvalidCron:
        zone = check_zone(wiring.service().settings.zone)
    return Reader(zone, wiring.utc_now())
