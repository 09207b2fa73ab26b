"""What Explore's URL means: days, filters in their order, the way back, and the report made of them. All pure."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from urllib.parse import parse_qs, urlencode

import pytest

from reports.errors import InvalidInput
from reports.model import Filters, Period
from web.components import explored
from web.components.explored import Asked

NOW = datetime(2026, 11, 18, 23, 30, tzinfo=UTC)  # Thursday the 19th in Berlin
BERLIN = "Europe/Berlin"


@pytest.mark.parametrize(
    ("choice", "dates", "start", "end"),
    [
        ("last_7_days", "", date(2026, 11, 12), date(2026, 11, 18)),
        ("last_30_days", "", date(2026, 10, 20), date(2026, 11, 18)),
        ("last_90_days", "", date(2026, 8, 21), date(2026, 11, 18)),
        ("previous_week", "", date(2026, 11, 9), date(2026, 11, 15)),
        ("previous_month", "", date(2026, 10, 1), date(2026, 10, 31)),
        ("own", "3 to 5 November 2026", date(2026, 11, 3), date(2026, 11, 5)),
        ("own", "2026-11", date(2026, 11, 1), date(2026, 11, 19)),  # a month that is not over ends today
        ("own", "2026-11-19", date(2026, 11, 19), date(2026, 11, 19)),
    ],
)
def test_the_days_are_those_of_the_zone(choice: str, dates: str, start: date, end: date) -> None:
    assert explored.period_of(choice, dates, NOW, BERLIN) == Period(start, end, BERLIN)


def test_every_period_that_is_offered_has_days() -> None:
    for choice in explored.PERIODS:
        assert explored.period_of(choice, "2026-11-02", NOW, BERLIN).days >= 1


@pytest.mark.parametrize(
    ("dates", "said"),
    [
        ("", "are empty. Write a day"),
        ("soon", "is not understood: 'soon'"),
        ("2026-11-20", "lie in the future"),
        ("1 November 2024 to 1 November 2026", "are 731 days; at most 366"),
        ("2026-11-05 to 2026-11-01", "ends before it begins"),
    ],
)
def test_dates_that_are_none_are_refused_at_their_field(dates: str, said: str) -> None:
    with pytest.raises(InvalidInput, match=r"^dates: ") as caught:
        explored.period_of("own", dates, NOW, BERLIN)
    assert said in caught.value.message


def test_a_look_asks_for_its_days_filters_and_comparison() -> None:
    asked = Asked("demo", "previous_week", filters=(("user", ("u-1",)), ("model", ("a", "b"))))
    query = asked.query(NOW, BERLIN)
    assert query.source == "demo"
    assert query.comparison == Period(date(2026, 11, 2), date(2026, 11, 8), BERLIN)
    assert query.filters == Filters(user_ids=("u-1",), model_ids=("a", "b"))
    assert Asked("demo", against="nothing").query(NOW, BERLIN).comparison is None


def test_a_url_says_what_is_not_usual_and_reads_back_the_same() -> None:
    assert Asked().url() == {}
    filters = (("model", ("a&b=c", "d")), ("user", ("ü",)))
    asked = Asked("demo", "own", "2026-11", "nothing", filters, "team", "tokens")
    read = parse_qs(urlencode(asked.url(), doseq=True))
    assert explored.chosen(read) == filters
    assert read["dates"] == ["2026-11"]
    assert read["by"] == ["team"]
    assert "dates" not in Asked(period="last_7_days", dates="2026-11").url()


def test_filters_are_read_in_the_urls_order_without_what_is_empty_or_unknown() -> None:
    url = {"by": ["user"], "team": ["t", "t", ""], "q": ["x"], "model": [""], "user": ["u"]}
    assert explored.chosen(url) == (("team", ("t",)), ("user", ("u",)))


def test_drilling_down_fixes_one_more_and_takes_apart_by_what_is_open() -> None:
    first = Asked("demo").drilled("model", "gpt")
    assert (first.filters, first.by) == ((("model", ("gpt",)),), "user")
    second = first.drilled("user", "ada")
    assert (second.filters, second.by) == ((("model", ("gpt",)), ("user", ("ada",))), "team")
    narrowed = Asked(filters=(("model", ("gpt", "claude")),)).drilled("model", "gpt")
    assert narrowed.filters == (("model", ("gpt",)),)


def test_the_way_back_takes_one_filter_off_at_a_time() -> None:
    here = Asked("demo", "last_30_days").drilled("model", "gpt").drilled("user", "ada")
    trail = here.trail()
    assert [step.filters for step in trail] == [(), here.filters[:1], here.filters]
    assert {step.period for step in trail} == {"last_30_days"}
    assert trail[-1] is here
    assert Asked().trail() == [Asked()]


def test_filters_are_said_by_name() -> None:
    names = {"user_ids": {"u-1": "Ada", "u-2": "Ben"}}
    assert explored.words(("user", ("u-1",)), names) == "User Ada"
    assert explored.words(("user", ("u-2", "u-9")), names) == "Users Ben, u-9"
    assert explored.words(("model", ("gpt",)), {}) == "Model gpt"


def test_the_monday_report_has_the_filters_and_a_name_that_is_not_too_long() -> None:
    asked = Asked(filters=(("model", ("gpt",)), ("user", ("u-1",))))
    fields = explored.monday_report(asked, {"user_ids": {"u-1": "Ada"}})
    assert fields == {
        "template": "usage_summary",
        "name": "Weekly usage: Model gpt; User Ada",
        "filters": '{"user_ids":["u-1"],"model_ids":["gpt"]}',
        "period_policy": "previous_week",
        "cron": "0 7 * * 1",
        "send": "me",
    }
    assert Filters.from_json(json.loads(fields["filters"])) == asked.wanted
    assert explored.monday_report(Asked(), {})["name"] == "Weekly usage"
    assert explored.monday_report(Asked(source="eu"), {})["source"] == "eu"
    many = Asked(filters=(("user", tuple(f"user-{number}" for number in range(99))),))
    assert len(explored.monday_report(many, {})["name"]) == 200


def test_parts_are_counted_in_words() -> None:
    assert explored.counted(1, "user") == "1 user"
    assert explored.counted(2, "key") == "2 keys"
