"""Times, durations, sizes and periods as the pages say them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from reports import conditions, periods
from reports.errors import InvalidInput
from reports.model import Period
from web.components import condition_input, notices, period_text, words

NOW = datetime(2026, 11, 16, 5, 0, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")


def test_a_time_names_its_zone_and_stands_before_the_relative_one() -> None:
    assert words.both(datetime(2026, 11, 16, 8, tzinfo=UTC), BERLIN, NOW) == "Mon 16 Nov, 09:00 CET, in 3 hours"


def test_another_year_is_named() -> None:
    assert (
        words.moment(datetime(2025, 12, 31, 23, 30, tzinfo=UTC), ZoneInfo("UTC"), NOW) == "Wed 31 Dec 2025, 23:30 UTC"
    )


def test_the_year_is_the_one_of_the_zone() -> None:
    eve = datetime(2025, 12, 31, 23, 30, tzinfo=UTC)
    assert words.moment(eve, BERLIN, NOW) == "Thu 1 Jan, 00:30 CET"


def test_a_zone_without_a_name_says_how_far_it_is_from_utc() -> None:
    assert words.moment(NOW, ZoneInfo("America/Sao_Paulo"), NOW) == "Mon 16 Nov, 02:00 UTC-03"


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0, "just now"),
        (-59, "just now"),
        (20, "in a moment"),
        (60, "in 1 minute"),
        (-90 * 60, "2 hours ago"),
        (-86400, "1 day ago"),
        (3 * 86400 + 5, "in 3 days"),
    ],
)
def test_relative_times(seconds: int, expected: str) -> None:
    assert words.relative(NOW + timedelta(seconds=seconds), NOW) == expected


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0.04, "0.0 s"), (9.94, "9.9 s"), (12.4, "12 s"), (59.4, "59 s"), (200, "3 min 20 s"), (7500, "2 h 5 min")],
)
def test_durations(seconds: float, expected: str) -> None:
    assert words.duration(timedelta(seconds=seconds)) == expected


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1000, "1.0 kB"),
        (123_456, "123 kB"),
        (999_600, "1.0 MB"),
        (5_250_000, "5.2 MB"),
        (80_100_000_000, "80.1 GB"),
        (4 * 10**15, "4000 TB"),
    ],
)
def test_sizes(count: int, expected: str) -> None:
    assert words.size(count) == expected


def test_values_are_said_in_words() -> None:
    said = words.values({"team": None, "detail": True, "models": ["a", "b"], "top": 10, "tags": []})
    assert said == "team: none, detail: yes, models: a and b, top: 10, tags: none"


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("2026", date(2026, 1, 1), date(2026, 12, 31)),
        ("2026-11", date(2026, 11, 1), date(2026, 11, 30)),
        (" 2026-11-09 ", date(2026, 11, 9), date(2026, 11, 9)),
        ("November 2026", date(2026, 11, 1), date(2026, 11, 30)),
        ("9 nov 2026", date(2026, 11, 9), date(2026, 11, 9)),
        ("2026-10 to 2026-11-09", date(2026, 10, 1), date(2026, 11, 9)),
        ("October to November 2026", date(2026, 10, 1), date(2026, 11, 30)),
    ],
)
def test_a_period_is_understood(text: str, first: date, last: date) -> None:
    assert period_text.days(text) == (first, last)


@pytest.mark.parametrize(
    "period",
    [
        Period(date(2026, 11, 21), date(2026, 11, 21)),
        Period(date(2026, 11, 9), date(2026, 11, 15)),
        Period(date(2026, 10, 28), date(2026, 11, 3)),
        Period(date(2025, 12, 29), date(2026, 1, 4)),
    ],
)
def test_the_words_of_the_pages_can_be_pasted(period: Period) -> None:
    assert period_text.days(periods.in_words(period)) == (period.start, period.end)


@pytest.mark.parametrize("text", ["", "   "])
def test_no_period_is_any_period(text: str) -> None:
    assert period_text.days(text) is None


@pytest.mark.parametrize(
    "text",
    ["nonsense", "09.11.2026", "11/09/2026", "2026-13", "2026-02-30", "31 June 2026", "15 to 9 November 2026", "to"],
)
def test_a_period_that_may_mean_anything_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(InvalidInput, match="2026-11-09") as refused:
        period_text.days(text)
    assert refused.value.field == "period"


def test_markdown_in_data_stays_text() -> None:
    assert notices.plain("*a* [b](c) <d>") == "\\*a\\* \\[b\\]\\(c\\) \\<d\\>"


def test_only_a_name_that_turns_text_is_isolated() -> None:
    assert words.isolated("Daily usage – naïve") == "Daily usage – naïve"
    assert words.isolated("\u202eevil") == "\u2068\u202eevil\u2069"
    assert words.isolated("דוח").startswith("\u2068")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("changed", "if something changed"),
        ("total_tokens>=2000000", "if total_tokens is at least 2000000"),
        ("spend_usd change<-12.5%", "if the change of spend_usd is below -12.5 %"),
    ],
)
def test_a_condition_is_said_in_full(text: str, said: str) -> None:
    assert condition_input.in_words(conditions.parse(text)) == said
