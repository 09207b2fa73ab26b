"""Numbers and days as people read them."""

from __future__ import annotations

from datetime import date

import pytest

from reports.kit import format as fmt
from reports.kit import markup
from reports.model import Period


def plain(text: str) -> str:
    return text.replace("\u00a0", " ")


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0, "0"),
        (999_994, "999,994"),
        (999_996, "1.00 M"),
        (10_420_000, "10.42 M"),
        (6_570_000_000, "6.57 B"),
        (999_999_999, "1.00 B"),
        (-12_345, "−12,345"),
        (2e12, "2.00 T"),
    ],
)
def test_short(value: float, words: str) -> None:
    assert plain(fmt.short(value)) == words


@pytest.mark.parametrize(
    ("value", "currency", "words"),
    [
        (9326.92, "USD", "$9,326.92"),
        (0, "USD", "$0.00"),
        (0.1213, "USD", "$0.1213"),
        (0.99994, "USD", "$0.9999"),
        (0.99996, "USD", "$1.00"),
        (0.00001, "USD", "under $0.0001"),
        (-3.2, "USD", "−$3.20"),
        (12.5, "EUR", "€12.50"),
        (12.5, "CHF", "CHF 12.50"),
    ],
)
def test_money_has_four_decimals_below_one_and_keeps_the_currency_label(
    value: float, currency: str, words: str
) -> None:
    assert plain(fmt.money(value, currency)) == words


@pytest.mark.parametrize(("value", "words"), [(53.14, "+53.1 %"), (-7.9, "−7.9 %"), (0.04, "0.0 %"), (-0.04, "0.0 %")])
def test_signed_percent(value: float, words: str) -> None:
    assert plain(fmt.signed_percent(value)) == words


@pytest.mark.parametrize(
    ("value", "unit", "words"),
    [
        (500_000, "count", "500 k"),
        (1_500_000, "count", "1.5 M"),
        (1500, "usd", "$1,500"),
        (20_000, "usd", "$20 k"),
        (0.002, "usd", "$0.002"),
        (0, "count", "0"),
        (40, "percent", "40 %"),
        (2.5e9, "tokens", "2.5 B"),
    ],
)
def test_ticks_are_no_longer_than_needed(value: float, unit: str, words: str) -> None:
    assert plain(fmt.axis(value, unit)) == words


def test_cells_keep_counts_in_full_and_text_as_it_is() -> None:
    assert fmt.cell(3_411_823, "count") == "3,411,823"
    assert plain(fmt.cell(630_260_000, "tokens")) == "630.26 M"
    assert fmt.cell("gpt-4o", "") == "gpt-4o"
    assert fmt.cell(date(2026, 11, 9), "date") == "Mon 9 Nov 2026"


@pytest.mark.parametrize(
    ("first", "last", "words"),
    [
        (date(2026, 11, 22), date(2026, 11, 22), "22 Nov"),
        (date(2026, 11, 9), date(2026, 11, 15), "9–15 Nov"),
        (date(2026, 10, 28), date(2026, 11, 3), "28 Oct–3 Nov"),
    ],
)
def test_short_days(first: date, last: date, words: str) -> None:
    assert plain(fmt.short_days(Period(first, last))) == words


def test_runs_join_neighbours() -> None:
    days = [date(2026, 11, 3), date(2026, 10, 30), date(2026, 10, 31), date(2026, 11, 1)]
    assert fmt.runs(days) == "30 October to 1 November 2026 and 3 November 2026"
    assert fmt.runs([date(2026, 12, 31), date(2027, 1, 1)]) == "31 December 2026 to 1 January 2027"


def test_plural_and_lists() -> None:
    assert plain(fmt.plural(1, "day")) == "1 day"
    assert plain(fmt.plural(2_000_000, "request")) == "2.00 M requests"
    assert fmt.listed(["a"]) == "a"
    assert fmt.listed(["a", "b", "c"]) == "a, b and c"


def test_names_stay_text_and_cannot_turn_their_neighbours() -> None:
    assert markup.name("<script>") == "<bdi>&lt;script&gt;</bdi>"
    assert markup.escape("a\x00b\ud800") == "a\ufffdb\ufffd"
    assert markup.escape('"&') == "&quot;&amp;"


def test_bold_is_the_only_markup_and_a_name_cannot_forge_it() -> None:
    assert markup.sentence_html("up **2 %** <b>") == "up <strong>2 %</strong> &lt;b&gt;"
    forged = markup.sentence_html(f"{markup.bold('a**b**c')} leads")
    assert forged.count("<strong>") == 1
    assert markup.sentence_plain("**10.42\u00a0M** requests") == "10.42 M requests"
    assert markup.sentence_plain(f"{markup.quoted('x**y**')} leads") == "x**y** leads"


def test_identifiers_are_safe_for_ids_and_files() -> None:
    assert markup.identifier("../../Top users: “ä”") == "top-users"
    assert markup.identifier("…") == "piece"
    assert len(markup.identifier("x" * 300)) == 60
