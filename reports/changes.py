"""What changed between two values, as the log of changes keeps it: only the fields that differ, and no secret. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import date, datetime, timedelta
from enum import Enum
from typing import Any
from urllib.parse import urlsplit

from reports.model import JsonDict

HIDDEN = "(hidden)"
UNSAID = ("id", "version", "created_at", "next_due_at", "signed_in_at", "last_used_at")  # no one changes them by hand
SECRET = ("secret",)
ADDRESSES = ("address", "url")  # may hold a password or, in a webhook's path, what lets in


def difference(before: object | None, after: object | None) -> tuple[JsonDict | None, JsonDict | None]:
    """The fields of two dataclass values that differ, before and after; all fields where there is only one."""
    old, new = _fields(before), _fields(after)
    names = [name for name in {**old, **new} if old.get(name) != new.get(name)]
    return (
        None if before is None else {name: _shown(name, old[name]) for name in names},
        None if after is None else {name: _shown(name, new[name]) for name in names},
    )


def plain(value: Any) -> Any:
    """`value` in JSON's types."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if is_dataclass(value):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(name): plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(each) for each in value]
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)


def without_password(url: str) -> str:
    """The address with its host only, where it is a URL with more in it."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return HIDDEN
    if not parts.scheme or not parts.netloc:
        return url
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}/…"


def _fields(value: Any) -> JsonDict:
    if value is None:
        return {}
    return {each.name: getattr(value, each.name) for each in fields(value) if each.name not in UNSAID}


def _shown(name: str, value: Any) -> Any:
    if name in SECRET:
        return HIDDEN if value else ""
    return without_password(value) if name in ADDRESSES else plain(value)
