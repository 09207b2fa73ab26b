"""Conditions of subscriptions: read from text, refused with their field, met or not with a reason."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from reports import conditions
from reports.conditions import Found
from reports.errors import InvalidInput
from reports.model import Condition, Operator, SendIf
from reports.results import Metric

SPEND = Metric("spend_usd", "Cost", 120.0, 80.0, "usd")
RATE = Metric("success_rate", "Success rate", None, note="not recorded by the source")
FOUND = Found(has_data=True, changed=True, metrics={"spend_usd": SPEND, "success_rate": RATE})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("always", Condition()),
        (" Has-Data ", Condition(SendIf.HAS_DATA)),
        ("changed", Condition(SendIf.CHANGED)),
        ("spend_usd>100", Condition(SendIf.METRIC, "spend_usd", Operator.ABOVE, 100.0)),
        ("success_rate <= 99.5", Condition(SendIf.METRIC, "success_rate", Operator.AT_MOST, 99.5)),
        ("requests change>20%", Condition(SendIf.METRIC, "requests", Operator.ABOVE, 20.0, of_change=True)),
        ("requests  change < -20", Condition(SendIf.METRIC, "requests", Operator.BELOW, -20.0, of_change=True)),
        ("p95>=1.5", Condition(SendIf.METRIC, "p95", Operator.AT_LEAST, 1.5)),
        ("change>5", Condition(SendIf.METRIC, "change", Operator.ABOVE, 5.0)),
    ],
)
def test_what_is_written_is_what_is_meant(text: str, expected: Condition) -> None:
    found = conditions.parse(text)
    assert found == expected
    assert conditions.parse(str(found)) == found, "shown as it can be typed again"


@pytest.mark.parametrize("value", [0.1, 1234567.0, 1e20, -0.000001, 123456.789])
def test_a_limit_is_shown_and_stored_exactly(value: float) -> None:
    condition = Condition(SendIf.METRIC, "spend_usd", Operator.AT_LEAST, value)
    assert conditions.parse(str(condition)) == condition
    assert Condition.from_json(json.loads(json.dumps(condition.to_json()))) == condition


def test_always_is_stored_as_nothing() -> None:
    assert Condition().to_json() is None and Condition.from_json(None) == Condition()
    assert Condition.from_json(Condition(SendIf.CHANGED).to_json()) == Condition(SendIf.CHANGED)


@pytest.mark.parametrize(
    ("text", "field", "said"),
    [
        ("sometimes", "send_if", "has_data"),
        ("", "send_if", "changed"),
        ("spend_usd=100", "send_if", "spend_usd>100"),
        ("spend_usd>100%", "send_if", "spend_usd change>100%"),
        ("spend_usd>1.2.3", "send_if.value", "no number"),
        ("spend_usd>many", "send_if", "got"),
        (">5", "send_if", "got"),
        ("a b>5", "send_if", "got"),
        ("x" * 201 + ">5", "send_if.metric", "name a figure"),
    ],
)
def test_what_cannot_be_used_names_its_field(text: str, field: str, said: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        conditions.parse(text)
    assert refused.value.field == field
    assert said in refused.value.message


@pytest.mark.parametrize(
    ("condition", "field"),
    [
        (Condition(SendIf.METRIC), "send_if.metric"),
        (Condition(SendIf.METRIC, "a\nb"), "send_if.metric"),
        (Condition(SendIf.METRIC, "a", value=float("nan")), "send_if.value"),
        (Condition(SendIf.METRIC, "a", value=float("inf")), "send_if.value"),
        (Condition(SendIf.METRIC, "a", operator="=="), "send_if.operator"),  # type: ignore[arg-type]
    ],
)
def test_conditions_made_by_programs_are_checked_too(condition: Condition, field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        conditions.checked(condition)
    assert refused.value.field == field


def test_what_belongs_to_a_threshold_is_dropped_from_the_others() -> None:
    assert conditions.checked(Condition(SendIf.CHANGED, "spend_usd", value=3.0)) == Condition(SendIf.CHANGED)


@pytest.mark.parametrize(
    ("has_data", "changed", "kind", "reason"),
    [
        (False, False, SendIf.ALWAYS, ""),
        (True, False, SendIf.HAS_DATA, ""),
        (None, None, SendIf.HAS_DATA, ""),
        (False, True, SendIf.HAS_DATA, "there is no data for the period"),
        (True, True, SendIf.CHANGED, ""),
        (True, None, SendIf.CHANGED, ""),
        (True, False, SendIf.CHANGED, "nothing changed since the last report"),
    ],
)
def test_in_doubt_the_report_is_sent(has_data: bool | None, changed: bool | None, kind: SendIf, reason: str) -> None:
    assert conditions.unmet(Condition(kind), Found(has_data, changed)) == reason


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("spend_usd>100", ""),
        ("spend_usd>120", "spend_usd is 120, not above 120"),
        ("spend_usd>=120", ""),
        ("spend_usd>=121", "spend_usd is 120, below 121"),
        ("spend_usd<120", "spend_usd is 120, not below 120"),
        ("spend_usd<=120", ""),
        ("spend_usd<=100", "spend_usd is 120, above 100"),
        ("spend_usd change>49%", ""),
        ("spend_usd change>50%", "spend_usd changed by +50%, not above 50%"),
        ("spend_usd change<0%", "spend_usd changed by +50%, not below 0%"),
        ("success_rate<99", "success_rate is not available: not recorded by the source"),
        ("success_rate change<0%", "success_rate is not available: not recorded by the source"),
        ("requests>1", "the report has no figure requests"),
    ],
)
def test_thresholds(text: str, reason: str) -> None:
    assert conditions.unmet(conditions.parse(text), FOUND) == reason


@pytest.mark.parametrize(
    ("value", "text", "reason"),
    [
        (52_340.0, "total_tokens>1000000", "total_tokens is 52340, not above 1000000"),
        (12_345_678_901.0, "total_tokens<1e10", "total_tokens is 12345678901, not below 10000000000"),
        (3.5e9, "total_tokens change<100000%", "total_tokens changed by +3499999900%, not below 100000%"),
        (0.000123, "spend_usd>0.5", "spend_usd is 0.000123, not above 0.5"),
    ],
)
def test_large_figures_are_written_out(value: float, text: str, reason: str) -> None:
    metrics = {name: Metric(name, name, value, previous=100.0) for name in ("total_tokens", "spend_usd")}
    assert conditions.unmet(conditions.parse(text), Found(metrics=metrics)) == reason


def test_a_change_without_a_period_before_is_that_since_the_last_report() -> None:
    alone = replace(SPEND, previous=None)
    condition = conditions.parse("spend_usd change>10%")
    nothing = Found(metrics={"spend_usd": alone})
    assert conditions.unmet(condition, nothing) == "spend_usd has nothing to be compared with"
    last = replace(nothing, before={"spend_usd": replace(SPEND, value=100.0)})
    assert conditions.unmet(condition, last) == ""
    assert conditions.unmet(condition, replace(last, before={"spend_usd": SPEND})).startswith(
        "spend_usd changed by +0%"
    )


def test_from_zero_is_more_than_any_limit() -> None:
    found = Found(metrics={"spend_usd": replace(SPEND, previous=0.0)})
    assert conditions.unmet(conditions.parse("spend_usd change>1000%"), found) == ""
    reason = conditions.unmet(conditions.parse("spend_usd change<10%"), found)
    assert reason == "spend_usd came up from zero, which is not below 10%"
