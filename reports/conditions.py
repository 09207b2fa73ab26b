"""When a subscription is sent a report: its condition as text, and whether a run meets it.

Pure: what a run found is passed in. Where it cannot be told whether something changed or whether there is data, the
report is sent: a mail too many is noticed, one that is missing is not.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from reports.errors import InvalidInput
from reports.model import Condition, Operator, SendIf
from reports.periods import change
from reports.results import Metric

FIELD = "send_if"
PLAIN = (SendIf.ALWAYS, SendIf.HAS_DATA, SendIf.CHANGED)
EXAMPLES = 'always, has_data, changed, or a figure such as "spend_usd>100" or "requests change>20%"'
MAX_METRIC = 200  # characters of a figure's name

HOLDS: Mapping[Operator, Callable[[float, float], bool]] = {
    Operator.ABOVE: lambda value, limit: value > limit,
    Operator.AT_LEAST: lambda value, limit: value >= limit,
    Operator.BELOW: lambda value, limit: value < limit,
    Operator.AT_MOST: lambda value, limit: value <= limit,
}
NOT_MET = {  # what is so where the condition does not hold
    Operator.ABOVE: "not above",
    Operator.AT_LEAST: "below",
    Operator.BELOW: "not below",
    Operator.AT_MOST: "above",
}
_THRESHOLD = re.compile(
    r"(?P<metric>[^\s<>=%]+)(?P<change>\s+change)?\s*(?P<operator>>=|<=|>|<)\s*(?P<value>[-+]?[0-9.]+(?:e[-+]?[0-9]+)?)\s*(?P<percent>%?)"
)


@dataclass(frozen=True)
class Found:
    """What a run found. None for `has_data` and `changed`: it cannot be told."""

    has_data: bool | None = None
    changed: bool | None = None
    metrics: Mapping[str, Metric] = field(default_factory=dict)
    before: Mapping[str, Metric] = field(default_factory=dict)  # of the last delivered run


def parse(text: str) -> Condition:
    """`text` as a condition: always, has_data, changed, "spend_usd>100", "requests change>20%".

    Raises InvalidInput naming send_if.
    """
    word = text.strip().lower().replace("-", "_")
    if word in PLAIN:
        return Condition(SendIf(word))
    match = _THRESHOLD.fullmatch(text.strip())
    if match is None:
        raise InvalidInput(FIELD, f"must be {EXAMPLES}; got {text!r}")
    of_change = match["change"] is not None
    if match["percent"] and not of_change:
        instead = f"{match['metric']} change{match['operator']}{match['value']}%"
        raise InvalidInput(
            FIELD, f'write "{instead}" for a change, or leave out the % for a figure that is a percentage itself'
        )
    try:
        value = float(match["value"])
    except ValueError as error:
        raise InvalidInput(f"{FIELD}.value", f"{match['value']!r} is no number") from error
    return checked(Condition(SendIf.METRIC, match["metric"], Operator(match["operator"]), value, of_change))


def checked(condition: Condition) -> Condition:
    """The condition in the form in which it is kept. Raises InvalidInput naming the field."""
    if condition.kind is not SendIf.METRIC:
        return Condition(SendIf(condition.kind))
    name = condition.metric.strip()
    if not name or len(name) > MAX_METRIC or not name.isprintable():
        raise InvalidInput(f"{FIELD}.metric", "must name a figure of the report, such as spend_usd")
    if isinstance(condition.value, bool) or not math.isfinite(condition.value):
        raise InvalidInput(f"{FIELD}.value", "must be a number")
    if condition.operator not in set(Operator):
        raise InvalidInput(f"{FIELD}.operator", f"must be one of {' '.join(Operator)}")
    operator = Operator(condition.operator)
    return Condition(SendIf.METRIC, name, operator, float(condition.value), condition.of_change)


def unmet(condition: Condition, found: Found) -> str:
    """Why the report is not sent, in a sentence without its full stop; "" if it is."""
    match condition.kind:
        case SendIf.ALWAYS:
            return ""
        case SendIf.HAS_DATA:
            return "there is no data for the period" if found.has_data is False else ""
        case SendIf.CHANGED:
            return "nothing changed since the last report" if found.changed is False else ""
        case SendIf.METRIC:
            return _change_unmet(condition, found) if condition.of_change else _value_unmet(condition, found)


def _value_unmet(condition: Condition, found: Found) -> str:
    metric = found.metrics.get(condition.metric)
    if metric is None or metric.value is None:
        return _not_available(condition.metric, metric)
    if HOLDS[condition.operator](metric.value, condition.value):
        return ""
    return f"{condition.metric} is {written(metric.value)}, {NOT_MET[condition.operator]} {written(condition.value)}"


def _change_unmet(condition: Condition, found: Found) -> str:
    """The change on the figure's card; for a figure without one, the change since the last report."""
    metric = found.metrics.get(condition.metric)
    if metric is None or metric.value is None:
        return _not_available(condition.metric, metric)
    last = found.before.get(condition.metric)
    previous = metric.previous if metric.previous is not None else last.value if last else None
    moved = change(metric.value, previous)
    if moved.word == "no comparison":
        return f"{condition.metric} has nothing to be compared with"
    percent = math.inf if moved.percent is None else moved.percent  # from zero: more than any limit
    if HOLDS[condition.operator](percent, condition.value):
        return ""
    limit = f"{NOT_MET[condition.operator]} {written(condition.value)}%"
    if moved.percent is None:
        return f"{condition.metric} came up from zero, which is {limit}"
    return f"{condition.metric} changed by {'+' if percent >= 0 else ''}{written(percent)}%, {limit}"


def written(value: float) -> str:
    """To ten digits, and whole where there are more: tokens run into billions, and 1e+06 is not how people write."""
    return f"{value:.10g}" if abs(value) < 1e9 else f"{value:.0f}"


def _not_available(name: str, metric: Metric | None) -> str:
    if metric is None:
        return f"the report has no figure {name}"
    return f"{name} is not available" + (f": {metric.note}" if metric.note else "")
