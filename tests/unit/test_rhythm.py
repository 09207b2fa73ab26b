"""From a cron expression to the schedule builder and back."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports import cron
from reports.errors import InvalidInput
from web.components.rhythm import WEEK, Kind, Rhythm, read_time, rhythm_of

AT = datetime(2026, 11, 22, 12, tzinfo=UTC)
TIMES = st.builds("{:02}:{:02}".format, st.integers(0, 23), st.integers(0, 59))
RHYTHMS = st.one_of(
    st.builds(Rhythm, st.just(Kind.DAILY), TIMES),
    st.builds(
        Rhythm,
        st.just(Kind.WEEKLY),
        TIMES,
        st.sets(st.sampled_from(WEEK), min_size=1).map(lambda days: tuple(day for day in WEEK if day in days)),
    ),
    st.builds(
        Rhythm, st.just(Kind.MONTHLY), TIMES, st.just((1,)), st.one_of(st.integers(1, 31).map(str), st.just("L"))
    ),
)


@given(RHYTHMS)
def test_what_is_built_is_shown_again(built: Rhythm) -> None:
    shown = rhythm_of(built.cron())
    assert (shown.kind, shown.time, shown.weekdays, shown.day) == (built.kind, built.time, built.weekdays, built.day)


@pytest.mark.parametrize(
    ("expression", "kind"),
    [
        ("0 7 * * *", Kind.DAILY),
        ("@daily", Kind.DAILY),
        ("30 6 * * 1-5", Kind.WEEKLY),
        ("30 6 * * mon,Fri", Kind.WEEKLY),
        ("0 9 * * 7", Kind.WEEKLY),
        ("0 9 * * 5-7", Kind.WEEKLY),
        ("@weekly", Kind.WEEKLY),
        ("0 0 1 * *", Kind.MONTHLY),
        ("15 8 L * *", Kind.MONTHLY),
        ("0 7 LW * *", Kind.CUSTOM),
        ("0 7 1,15 * *", Kind.CUSTOM),
        ("0 7 1 * 1", Kind.CUSTOM),
        ("0 7 * * 1#2", Kind.CUSTOM),
        ("0 7 * * 5L", Kind.CUSTOM),
        ("0 7 * * 1-5/2", Kind.CUSTOM),
        ("0 7 * * */2", Kind.CUSTOM),
        ("*/15 * * * *", Kind.CUSTOM),
        ("0 7,12 * * *", Kind.CUSTOM),
        ("0 7 * 1 *", Kind.CUSTOM),
        ("@hourly", Kind.CUSTOM),
    ],
)
def test_an_expression_is_shown_by_the_simplest_kind_and_is_due_at_the_same_times(expression: str, kind: Kind) -> None:
    shown = rhythm_of(expression)
    assert shown.kind is kind
    dues = [cron.next_dues(text, "Europe/Berlin", AT, 20) for text in (expression, shown.cron())]
    assert dues[0] == dues[1]


def test_no_expression_is_by_hand() -> None:
    assert rhythm_of(" ").kind is Kind.BY_HAND
    assert rhythm_of("").cron() == ""


def test_what_cannot_be_read_is_kept_to_be_mended() -> None:
    shown = rhythm_of("61 * * * *")
    assert (shown.kind, shown.expression) == (Kind.CUSTOM, "61 * * * *")
    with pytest.raises(InvalidInput) as caught:
        shown.cron()
    assert caught.value.field == "minute"


@pytest.mark.parametrize(
    ("rhythm", "field"),
    [
        (Rhythm(Kind.DAILY, "noon"), "time"),
        (Rhythm(Kind.DAILY, "24:00"), "time"),
        (Rhythm(Kind.MONTHLY, ""), "time"),
        (Rhythm(Kind.WEEKLY, weekdays=()), "weekdays"),
        (Rhythm(Kind.CUSTOM), "expression"),
        (Rhythm(Kind.CUSTOM, expression="0 0 30 2 *"), "day"),
        (Rhythm(Kind.CUSTOM, expression="* * * * * *"), "expression"),
    ],
)
def test_what_is_missing_or_odd_is_named_by_its_field(rhythm: Rhythm, field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        rhythm.cron()
    assert caught.value.field == field


@pytest.mark.parametrize(("text", "time"), [("7", (7, 0)), (" 07:05 ", (7, 5)), ("23.59", (23, 59)), ("0:00", (0, 0))])
def test_times_are_read_as_people_write_them(text: str, time: tuple[int, int]) -> None:
    assert read_time(text) == time
