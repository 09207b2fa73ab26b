"""The fields of a report in the words of the form, and their values as people read them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from datetime import timedelta
from typing import Any

from reports import cron
from reports.model import CatchUp, Report
from web.components import tables, words

FIELD_NAMES: Mapping[str, str] = {
    "name": "Name",
    "owner": "Owner",
    "cron": "Schedule",
    "zone": "Time zone",
    "period_policy": "Days it covers",
    "period_days": "How many days",
    "parameters": "Parameters",
    "filters": "Only usage of",
    "sources": "Data comes from",
    "formats": "Formats",
    "catch_up": "After a time when no runner worked",
    "grace": "Not older than, in hours",
    "paused": "Paused",
}
FILTER_NAMES: Mapping[str, str] = {
    "team_ids": "Teams",
    "user_ids": "Users",
    "model_ids": "Models",
    "provider_ids": "Providers",
    "key_aliases": "Keys",
}
CATCH_UP_WORDS: Mapping[CatchUp, str] = {
    CatchUp.LATEST: "make the latest report that was missed",
    CatchUp.ALL: "make every report that was missed",
    CatchUp.SKIP: "make none of them",
}
HOUR = timedelta(hours=1)


def filters(report: Report) -> str:
    """For instance "Teams: blue and red"."""
    return words.values({FILTER_NAMES[name]: values for name, values in report.filters.to_json().items()})


def changed(before: Report, *others: Report) -> list[str]:
    """The fields of the form in which any of the others differs."""
    names = [each.name for each in fields(Report) if each.name in FIELD_NAMES]
    return [name for name in names if any(getattr(each, name) != getattr(before, name) for each in others)]


def shown(report: Report, name: str) -> str:
    """One field's value in words."""
    return _shown(report, name) or tables.NOTHING


def _shown(report: Report, name: str) -> str:
    value: Any = getattr(report, name)
    match name:
        case "cron":
            return cron.in_words(value) if value else "only by hand"
        case "period_policy":
            return words.period_policy(value, report.period_days)
        case "parameters" | "sources":
            return words.values(value)
        case "filters":
            return filters(report)
        case "formats":
            return ", ".join(words.FORMAT_NAMES[each] for each in value)
        case "catch_up":
            return CATCH_UP_WORDS[value]
        case "grace":
            return f"{value / HOUR:g}"
        case "paused":
            return "yes" if value else "no"
    return "" if value is None else str(value)
