"""What the log of changes keeps of two values."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from reports.changes import HIDDEN, difference, plain, without_password
from reports.model import ChannelKind, Filters, Format, Period, PeriodPolicy, Report, Subscription
from reports.sources import Source

REPORT = Report("r1", "Daily", "usage_summary", "anna", "0 7 * * *", "UTC", PeriodPolicy.PREVIOUS_DAY)
HOOK = Subscription(
    "s1", "r1", ChannelKind.WEBHOOK, "https://hooks.example.org/T000/SECRETPATH", secret="whsec_c2VjcmV0"
)


def test_an_edit_keeps_only_what_changed() -> None:
    edited = replace(REPORT, name="Every day", filters=Filters(team_ids=("a",)), version=2)
    assert difference(REPORT, edited) == (
        {"name": "Daily", "filters": plain(Filters())},
        {"name": "Every day", "filters": plain(edited.filters)},
    )


def test_nothing_changed_is_nothing() -> None:
    assert difference(REPORT, replace(REPORT, version=9, next_due_at=datetime.now(UTC))) == ({}, {})


def test_what_was_made_or_removed_is_kept_whole() -> None:
    before, after = difference(None, REPORT)
    assert before is None
    assert after is not None
    assert (after["name"], after["formats"], after["grace"]) == ("Daily", ["html", "pdf", "xlsx"], 86400.0)
    assert difference(REPORT, None) == (after, None)
    json.dumps(after, allow_nan=False)


def test_secrets_are_never_kept_but_their_change_is() -> None:
    _, made = difference(None, HOOK)
    assert made is not None
    assert (made["secret"], made["address"]) == (HIDDEN, "https://hooks.example.org/…")
    moved = replace(HOOK, secret="whsec_b3RoZXI=", address="https://hooks.example.org/T000/OTHERPATH")
    before, after = difference(HOOK, moved)
    assert before == after == {"secret": HIDDEN, "address": "https://hooks.example.org/…"}
    _, source = difference(None, Source("usage", "litellm", "postgresql://reader:hunter2@db.example.org/litellm"))
    assert "hunter2" not in json.dumps(source)


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("board@example.org", "board@example.org"),
        ("finance", "finance"),
        ("https://user:pw@host:8443/path?token=x", "https://host:8443/…"),
        ("/data/usage.csv", "/data/usage.csv"),
        ("http://[", HIDDEN),
    ],
)
def test_addresses_keep_their_host(address: str, shown: str) -> None:
    assert without_password(address) == shown


def test_values_become_json() -> None:
    value = {"at": datetime(2026, 1, 2, tzinfo=UTC), "for": timedelta(minutes=1), "as": (Format.PDF,), "odd": object}
    assert plain(value) == {"at": "2026-01-02T00:00:00+00:00", "for": 60.0, "as": ["pdf"], "odd": str(object)}
    day = datetime(2026, 1, 2, tzinfo=UTC).date()
    assert plain(Period(day, day)) == {"start": "2026-01-02", "end": "2026-01-02", "zone": "UTC"}
