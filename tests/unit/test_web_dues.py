"""The first due time after the clocks change: what a list of the next few seldom reaches."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from web.components.dues import first_after_change

AT = datetime(2026, 11, 20, 6, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("expression", "zone", "due"),
    [
        ("0 7 * * *", "Europe/Berlin", datetime(2027, 3, 28, 5, 0, tzinfo=UTC)),
        ("0 7 * * 1", "Europe/Berlin", datetime(2027, 3, 29, 5, 0, tzinfo=UTC)),
        ("30 2 * * *", "Europe/Berlin", datetime(2027, 3, 28, 1, 0, tzinfo=UTC)),  # in the gap: at its end
        ("30 9 * * 1,4", "America/New_York", datetime(2027, 3, 15, 13, 30, tzinfo=UTC)),
        ("0 9 * * *", "Australia/Lord_Howe", datetime(2027, 4, 3, 22, 30, tzinfo=UTC)),  # by half an hour
        ("0 0 15 12 *", "Europe/Berlin", None),  # in a year's time it is winter again
        ("0 7 * * *", "UTC", None),
        ("0 7 * * *", "Asia/Kolkata", None),
    ],
)
def test_it_is_found(expression: str, zone: str, due: datetime | None) -> None:
    assert first_after_change(expression, zone, AT) == due


def test_between_two_changes_it_is_the_nearer_one() -> None:
    summer = datetime(2026, 7, 1, 5, 0, tzinfo=UTC)
    assert first_after_change("0 7 * * *", "Europe/Berlin", summer) == datetime(2026, 10, 25, 6, 0, tzinfo=UTC)
