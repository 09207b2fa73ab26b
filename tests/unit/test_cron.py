"""Cron in Debian's dialect: the recorded facts, what is refused and why, clock changes, words."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from reports import cron
from reports.errors import InvalidCron


def instant(text: str, zone: str = "UTC") -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(zone))


def local(moments: list[datetime], zone: str) -> list[str]:
    return [f"{moment.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M %z}" for moment in moments]


# Recorded facts


@pytest.fixture(scope="module")
def vectors(shared_dir: Path) -> dict[str, Any]:
    return dict(json.loads((shared_dir / "vectors" / "cron.json").read_text(encoding="utf-8")))


def test_every_recorded_due_time_holds(vectors: dict[str, Any]) -> None:
    wrong = []
    for vector in vectors["next"]:
        zone = vector["tz"] or "UTC"
        expected = [instant(text, zone).astimezone(UTC) for text in vector["expected"]]
        found = cron.next_dues(vector["expr"], zone, instant(vector["start"], zone), len(expected))
        if found != expected:
            wrong.append((vector["expr"], zone, vector["start"], found))
    assert wrong == []
    assert len(vectors["next"]) == 140


def test_every_recorded_invalid_expression_is_refused(vectors: dict[str, Any]) -> None:
    accepted = []
    for vector in vectors["invalid"]:
        try:
            accepted.append((vector["expr"], cron.parse(vector["expr"])))
        except InvalidCron:
            continue
    assert accepted == []
    assert len(vectors["invalid"]) == 128


def test_every_recorded_due_time_is_the_previous_one_at_itself(vectors: dict[str, Any]) -> None:
    for vector in vectors["next"]:
        zone = vector["tz"] or "UTC"
        for text in vector["expected"]:
            due = instant(text, zone)
            assert cron.previous_due(vector["expr"], zone, due) == due, vector


# What is refused, and where the message belongs


@pytest.mark.parametrize(
    ("expression", "field"),
    [
        ("61 * * * *", "minute"),
        ("-1 * * * *", "minute"),
        ("*/0 * * * *", "minute"),
        ("0 24 * * *", "hour"),
        ("0 9-5 * * *", "hour"),
        ("0 0 0 * *", "day"),
        ("0 0 32 * *", "day"),
        ("0 0 1,L2 * *", "day"),
        ("0 0 * 13 *", "month"),
        ("0 0 * JANUARY *", "month"),
        ("0 0 * * 8", "weekday"),
        ("0 0 * * FRI-MON", "weekday"),
        ("0 0 * * 1#6", "weekday"),
        ("0 0 * * L", "weekday"),
    ],
)
def test_the_error_names_the_field(expression: str, field: str) -> None:
    with pytest.raises(InvalidCron) as caught:
        cron.parse(expression)
    assert caught.value.field == field
    assert "use" in caught.value.message


@pytest.mark.parametrize("expression", ["0 0 30 2 *", "0 0 31 2,4,6,9,11 *", "0 0 30,31 FEB *", "0 0 */29 2 1#5"])
def test_a_date_that_never_comes_is_refused(expression: str) -> None:
    with pytest.raises(InvalidCron, match="never comes") as caught:
        cron.parse(expression)
    assert caught.value.field == "day"


@pytest.mark.parametrize("expression", ["0 0 30 2 1", "0 0 29 2 *", "0 0 29 2 */7", "0 0 31 * 5L"])
def test_a_date_that_comes_seldom_is_accepted(expression: str) -> None:
    assert cron.parse(expression) == expression


@pytest.mark.parametrize(
    ("expression", "says"),
    [
        ("", "0 fields"),
        ("* * * *", "4 fields"),
        ("0 * * * * *", "6 fields"),
        ("@reboot", "@reboot is not known"),
        ("@fortnightly", "@daily"),
        ("٣ * * * *", "ASCII"),
        ("0\x1f0 * * *", "ASCII"),
        ("0 0 * * *\x00", "ASCII"),
        ("0 0 * * " + "1," * 100 + "1", "200"),
        ("*" * 10_000, "10000 characters"),
    ],
)
def test_the_whole_expression_is_refused(expression: str, says: str) -> None:
    with pytest.raises(InvalidCron, match=says) as caught:
        cron.parse(expression)
    assert caught.value.field == "expression"


@pytest.mark.parametrize(
    "zone", ["", "Mars/Olympus", "europe/berlin", "../../etc/passwd", "/etc/localtime", "Europe", "+02:00"]
)
def test_an_unknown_zone_is_refused(zone: str) -> None:
    with pytest.raises(InvalidCron) as caught:
        cron.check_zone(zone)
    assert caught.value.field == "zone"
    with pytest.raises(InvalidCron):
        cron.next_due("0 9 * * *", zone, instant("2026-01-01"))


@pytest.mark.parametrize(
    ("expression", "normal"),
    [
        ("  0   9\t* * mon-fri ", "0 9 * * MON-FRI"),
        ("@daily", "0 0 * * *"),
        ("@Midnight\n", "0 0 * * *"),
        ("@weekly", "0 0 * * 0"),
        ("@monthly", "0 0 1 * *"),
        ("@annually", "0 0 1 1 *"),
        ("@yearly", "0 0 1 1 *"),
        ("@hourly", "0 * * * *"),
        ("5/15 * * * *", "5/15 * * * *"),
        ("7-7/3,1 0 * * *", "7,1 0 * * *"),
        ("0 0 l * *", "0 0 L * *"),
    ],
)
def test_the_normal_form(expression: str, normal: str) -> None:
    assert cron.parse(expression) == normal
    assert cron.parse(normal) == normal


@pytest.mark.timeout(30)
def test_hostile_expressions_end() -> None:
    for expression in ("0-59/1 " * 5, "*/1,*/2,*/3,*/4 " * 5, "0 0 29 2 1#5", "9" * 199, "1-" * 99, "0 0 31 2 7L"):
        try:
            cron.next_due(expression, "America/St_Johns", instant("2010-11-07T02:31"))
        except InvalidCron:
            continue


# Clock changes


def test_a_fixed_time_in_a_spring_gap_runs_at_its_end() -> None:
    due = cron.next_dues("30 2 * * *", "America/New_York", instant("2026-03-07T12:00", "America/New_York"), 2)
    assert local(due, "America/New_York") == ["2026-03-08 03:00 -0400", "2026-03-09 02:30 -0400"]


def test_several_fixed_times_in_one_gap_run_once() -> None:
    due = cron.next_dues("0,30 2,3 * * *", "Europe/Berlin", instant("2026-03-29T00:00", "Europe/Berlin"), 2)
    assert local(due, "Europe/Berlin") == ["2026-03-29 03:00 +0200", "2026-03-29 03:30 +0200"]


def test_a_fixed_time_in_an_autumn_fold_runs_once() -> None:
    due = cron.next_dues("30 1 * * *", "Europe/London", instant("2026-10-24T12:00", "Europe/London"), 2)
    assert local(due, "Europe/London") == ["2026-10-25 01:30 +0100", "2026-10-26 01:30 +0000"]


@pytest.mark.parametrize("expression", ["*/30 1 * * *", "0,30 */1 * * *"])
def test_a_time_with_a_star_follows_real_time_through_a_fold(expression: str) -> None:
    start = instant("2026-10-25T00:59", "Europe/London")
    assert local(cron.next_dues(expression, "Europe/London", start, 4), "Europe/London") == [
        "2026-10-25 01:00 +0100",
        "2026-10-25 01:30 +0100",
        "2026-10-25 01:00 +0000",
        "2026-10-25 01:30 +0000",
    ]


def test_a_time_with_a_star_in_a_gap_does_not_run() -> None:
    due = cron.next_due("*/10 2 * * *", "Europe/Berlin", instant("2026-03-28T12:00", "Europe/Berlin"))
    assert local([due], "Europe/Berlin") == ["2026-03-30 02:00 +0200"]


def test_starting_inside_the_second_pass_gives_no_past_time() -> None:
    start = instant("2026-11-01T01:45", "America/New_York").replace(fold=1)
    assert cron.next_due("50 1 * * *", "America/New_York", start) == instant("2026-11-02T01:50", "America/New_York")
    assert cron.next_due("50 * * * *", "America/New_York", start) == instant("2026-11-01T06:50+00:00")


def test_the_day_that_apia_skipped_is_a_correction_of_the_clock() -> None:
    due = cron.next_dues("0 12 * * *", "Pacific/Apia", instant("2011-12-29T00:00", "Pacific/Apia"), 2)
    assert local(due, "Pacific/Apia") == ["2011-12-29 12:00 -1000", "2011-12-31 12:00 +1400"]


def test_a_clock_set_back_by_a_day_runs_fixed_times_again() -> None:
    # Kwajalein moved to the other side of the date line at the end of September 1969: 23 hours passed twice
    due = cron.next_dues("0 12 * * *", "Pacific/Kwajalein", instant("1969-09-29T12:00+00:00"), 3)
    assert local(due, "Pacific/Kwajalein") == [
        "1969-09-30 12:00 +1100",
        "1969-09-30 12:00 -1200",
        "1969-10-01 12:00 -1200",
    ]
    assert cron.previous_due("0 12 * * *", "Pacific/Kwajalein", due[1] - timedelta(seconds=1)) == due[0]


def test_exactly_three_hours_are_still_a_clock_change() -> None:
    zone = "Antarctica/Casey"  # 2009-10-18: 02:00 became 05:00; 2010-03-05: 02:00 became 23:00 of the day before
    gap = cron.next_dues("30 3 * * *", zone, instant("2009-10-17T12:00", zone), 2)
    assert local(gap, zone) == ["2009-10-18 05:00 +1100", "2009-10-19 03:30 +1100"]
    fold = cron.next_dues("30 0 * * *", zone, instant("2010-03-04T12:00", zone), 2)
    assert local(fold, zone) == ["2010-03-05 00:30 +1100", "2010-03-06 00:30 +0800"]


def test_the_gap_of_st_johns_one_minute_after_midnight() -> None:
    zone = "America/St_Johns"  # 2010-03-14: 00:01 became 01:01
    due = cron.next_dues("0,1,30 0 * * *", zone, instant("2010-03-13T12:00", zone), 3)
    assert local(due, zone) == ["2010-03-14 00:00 -0330", "2010-03-14 01:01 -0230", "2010-03-15 00:00 -0230"]


def test_half_an_hour_is_skipped_on_lord_howe() -> None:
    zone = "Australia/Lord_Howe"  # 2026-10-04: 02:00 became 02:30
    due = cron.next_dues("15 2 * * *", zone, instant("2026-10-03T12:00", zone), 2)
    assert local(due, zone) == ["2026-10-04 02:30 +1100", "2026-10-05 02:15 +1100"]


@pytest.mark.parametrize(
    ("expression", "plain"),
    [
        ("1-1/2 * * * *", "1 * * * *"),
        ("01-1/2 * * * *", "1 * * * *"),
        ("0 0 1-01/5 * *", "0 0 1 * *"),
        ("0 0 * jan-1/3 *", "0 0 * 1 *"),
        ("0 0 * * MON-1/2,wed-wed/3", "0 0 * * 1,3"),
        ("0 0 * * 1-5/2", "0 0 * * 1,3,5"),
        ("0 0 * * sun-7/3", "0 0 * * 0,3,6"),
    ],
)
def test_a_range_with_a_step_ends_where_it_says(expression: str, plain: str) -> None:
    start = instant("2026-11-22T00:00+00:00")
    assert cron.next_dues(expression, "UTC", start, 6) == cron.next_dues(plain, "UTC", start, 6)


# Looking back and around


@pytest.mark.parametrize(
    ("expression", "zone", "at", "expected"),
    [
        ("0 9 * * *", "UTC", "2026-11-22T09:00+00:00", "2026-11-22T09:00+00:00"),
        ("0 9 * * *", "UTC", "2026-11-22T08:59:59.999999+00:00", "2026-11-21T09:00+00:00"),
        ("0 9 * * *", "UTC", "2026-11-22T09:00:00.000001+00:00", "2026-11-22T09:00+00:00"),
        ("0 0 29 2 *", "UTC", "2026-11-22T00:00+00:00", "2024-02-29T00:00+00:00"),
        ("30 2 * * *", "America/New_York", "2026-03-08T12:00-04:00", "2026-03-08T03:00-04:00"),
        ("30 2 * * *", "America/New_York", "2026-03-08T03:00-04:00", "2026-03-08T03:00-04:00"),
        ("30 2 * * *", "America/New_York", "2026-03-08T01:59-05:00", "2026-03-07T02:30-05:00"),
        ("50 1 * * *", "America/New_York", "2026-11-01T01:10-05:00", "2026-11-01T01:50-04:00"),
        ("50 * * * *", "America/New_York", "2026-11-01T01:10-05:00", "2026-11-01T01:50-04:00"),
        ("0 12 * * *", "Pacific/Apia", "2011-12-31T00:00+14:00", "2011-12-29T12:00-10:00"),
    ],
)
def test_the_previous_due_time(expression: str, zone: str, at: str, expected: str) -> None:
    assert cron.previous_due(expression, zone, instant(at)) == instant(expected)


def test_there_is_no_due_time_before_the_calendar_begins() -> None:
    assert cron.previous_due("0 9 * * *", "UTC", datetime(1, 1, 1, 8, tzinfo=UTC)) is None


def test_there_is_no_due_time_after_the_calendar_ends() -> None:
    with pytest.raises(InvalidCron, match="no due time after 9999-12-31"):
        cron.next_due("0 9 * * *", "UTC", datetime(9999, 12, 31, 10, tzinfo=UTC))


def test_due_times_between_two_instants_exclude_the_first_and_include_the_last() -> None:
    after, until = instant("2026-11-20T09:00+00:00"), instant("2026-11-22T09:00+00:00")
    due = cron.due_between("0 9 * * *", "UTC", after, until, 10)
    assert due == [instant("2026-11-21T09:00+00:00"), until]
    assert cron.due_between("0 9 * * *", "UTC", after, until, 1) == due[:1]
    assert cron.due_between("0 9 * * *", "UTC", until, until, 10) == []


def test_due_times_are_in_utc_whatever_the_zone_of_the_question() -> None:
    due = cron.next_due("0 9 * * *", "Asia/Kolkata", instant("2026-11-22T00:00", "America/New_York"))
    assert due.tzinfo is UTC
    assert due == instant("2026-11-23T09:00", "Asia/Kolkata")


def test_a_naive_instant_is_refused() -> None:
    with pytest.raises(ValueError, match="aware"):
        cron.next_due("0 9 * * *", "UTC", datetime(2026, 11, 22))  # noqa: DTZ001 - that is the test


def test_a_star_in_either_day_field_means_both_must_match() -> None:
    both = cron.next_dues("0 0 */2 * SAT", "UTC", instant("2023-05-02T00:00+00:00"), 2)
    assert local(both, "UTC") == ["2023-05-13 00:00 +0000", "2023-05-27 00:00 +0000"]
    either = cron.next_dues("0 0 1 * MON", "UTC", instant("2023-05-29T00:00+00:00"), 2)
    assert local(either, "UTC") == ["2023-06-01 00:00 +0000", "2023-06-05 00:00 +0000"]


# Words


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("0 9 * * *", "Every day at 09:00"),
        ("0 9 * * 0-6", "Every day at 09:00"),
        ("0 9,17 * * *", "Every day at 09:00 and 17:00"),
        ("0 9 * * 1", "Every Monday at 09:00"),
        ("0 9 * * MON-FRI", "Monday to Friday at 09:00"),
        ("30 6 * * 6,0", "Every Saturday and Sunday at 06:30"),
        ("0 9 * * 7,1,3", "Every Monday, Wednesday and Sunday at 09:00"),
        ("30 6 1 * *", "On day 1 of every month at 06:30"),
        ("30 6 1,15,L * *", "On day 1, day 15 and the last day of every month at 06:30"),
        ("0 9 LW * *", "On the last weekday of every month at 09:00"),
        ("0 9 * * 1#2", "On the second Monday of every month at 09:00"),
        ("0 9 * * 5L", "On the last Friday of every month at 09:00"),
        ("@yearly", "Every year on 1 January at 00:00"),
        ("0 9 29 2 *", "Every leap year on 29 February at 09:00"),
        ("* * * * *", "Every minute"),
        ("*/15 * * * *", "Every 15 minutes"),
        ("*/30 * * * 1-5", "Every 30 minutes, Monday to Friday"),
        ("@hourly", "Every hour"),
        ("15 * * * *", "Every hour at 15 minutes past"),
        ("0 */2 * * *", "Every 2 hours"),
        ("1 * * * *", "Every hour at 1 minute past"),
        ("0 */2 1 * *", "Every 2 hours, on day 1 of every month"),
        ("0 9 */2 * 1", "At 09:00 on every second day of month if it's on Monday"),
        ("0 9 1 * 1", "At 09:00 on the first day of month and on Monday"),
        ("0 9 * 1-6 1", "At 09:00 on Monday in every month from January through June"),
    ],
)
def test_in_words(expression: str, words: str) -> None:
    assert cron.in_words(expression) == words


def test_uneven_steps_do_not_read_as_even_ones() -> None:
    assert "45 minutes" not in cron.in_words("*/45 * * * *")
    assert "5 hours" not in cron.in_words("0 */5 * * *")


def test_words_of_a_bad_expression_are_refused() -> None:
    with pytest.raises(InvalidCron):
        cron.in_words("61 * * * *")
