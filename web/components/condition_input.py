"""When a subscription is sent: always, or only if something is so; a threshold is on a figure of the last run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from reports.conditions import written
from reports.model import Condition, Operator, SendIf

CHOICES = {
    SendIf.ALWAYS: "Every time",
    SendIf.HAS_DATA: "Only if there is data for the period",
    SendIf.CHANGED: "Only if something changed since the last report that was sent",
    SendIf.METRIC: "Only if a figure crosses a threshold",
}
IN_SHORT = {
    SendIf.ALWAYS: "every time",
    SendIf.HAS_DATA: "if there is data",
    SendIf.CHANGED: "if something changed",
}
OPERATORS = {
    Operator.ABOVE: "is above",
    Operator.AT_LEAST: "is at least",
    Operator.BELOW: "is below",
    Operator.AT_MOST: "is at most",
}
OF_VALUE, OF_CHANGE = "The figure itself", "Its change in percent"


def show(given: Condition, metrics: Mapping[str, Any], key: str) -> Condition:
    """`metrics` are the figures of the last run, which there may not have been; nothing is checked here."""
    kinds = list(CHOICES)
    kind = st.selectbox(
        "Send it", kinds, kinds.index(given.kind), format_func=lambda each: CHOICES[each], key=f"{key}_kind"
    )
    if kind is not SendIf.METRIC:
        return Condition(kind)
    metric = _metric(given, metrics, key)
    looks_at = st.radio("Look at", [OF_VALUE, OF_CHANGE], int(given.of_change), horizontal=True, key=f"{key}_of")
    operators = list(OPERATORS)
    by_operator, by_value = st.columns(2)
    with by_operator:
        operator = st.selectbox(
            "Sent if it",
            operators,
            operators.index(given.operator),
            format_func=lambda each: OPERATORS[each],
            key=f"{key}_operator",
        )
    with by_value:
        unit = "percent" if looks_at == OF_CHANGE else "the figure's own unit"
        value = st.number_input(f"Threshold, in {unit}", value=given.value, format="%g", step=None, key=f"{key}_value")
    return Condition(SendIf.METRIC, metric, operator, value, looks_at == OF_CHANGE)


def in_words(condition: Condition) -> str:
    """For instance "if something changed" or "if spend_usd is above 100"."""
    if condition.kind is not SendIf.METRIC:
        return IN_SHORT[condition.kind]
    percent = " %" if condition.of_change else ""
    what = f"the change of {condition.metric}" if condition.of_change else condition.metric
    return f"if {what} {OPERATORS[condition.operator]} {written(condition.value)}{percent}"


def _metric(given: Condition, metrics: Mapping[str, Any], key: str) -> str:
    if not metrics:
        return st.text_input("Figure", given.metric, placeholder="spend_usd", key=f"{key}_metric")
    names = list(dict.fromkeys([*([given.metric] if given.metric else []), *metrics]))
    return st.selectbox(
        "Figure", names, format_func=lambda name: f"{name}{_last(metrics.get(name))}", key=f"{key}_metric"
    )


def _last(value: Any) -> str:
    return f" (last: {value:,.6g})" if isinstance(value, int | float) and not isinstance(value, bool) else ""
