"""Named figures: the KPI cards of a report and the metrics later runs are compared with.

A change is said in words with an arrow; up is neither good nor bad by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from reports.kit import format as fmt
from reports.kit.context import currency
from reports.kit.markup import escape
from reports.kit.output import emit, record
from reports.periods import change
from reports.results import Metric

ARROWS = {"up": "↑", "down": "↓", "steady": "→"}


def metric(
    name: str,
    label: str,
    value: float | int | None,
    previous: float | int | None = None,
    *,
    unit: str = "count",
    note: str = "",
) -> Metric:
    """A named figure. `unit`: count, tokens, usd, percent, ms. `value` None is "not available", and `note` says why.

    `previous` None means that there is nothing to compare with, which is said; it is never taken for zero.
    """
    return Metric(name, label, _number(value), _number(previous), unit, note)


def metrics(shown: Sequence[Metric], *, also: Sequence[Metric] = ()) -> None:
    """Emit the cards of `shown` together and record them and `also`, which have no card of their own."""
    label = currency()
    text = "\n".join(f"{each.label}: {_value(each, label)} ({_change_text(each, label)})" for each in shown)
    emit("metrics", cards_html(shown, label), text)
    for each in [*shown, *also]:
        record("metric", asdict(each))


def cards_html(shown: Sequence[Metric], currency: str) -> str:
    """The cards as HTML that is final and safe; pages of the app show the same."""
    return f'<ul class="kpis">{"".join(_card(each, currency) for each in shown)}</ul>'


def change_words(current: float | int, previous: float | int | None, unit: str = "count") -> str:
    """The change in words without its origin: up 19.8 %, steady, new, no comparison; percentages move by points.

    change = (current - previous) / previous * 100; within 1 % is steady, from zero is new.
    """
    found = change(current, previous)
    if found.percent is None or found.word == "steady" or previous is None:
        return found.word
    if unit == "percent":
        return f"{found.word} {abs(current - previous):.1f}{fmt.NBSP}points"
    return f"{found.word} {fmt.percent(abs(found.percent))}"


def _card(metric: Metric, currency: str) -> str:
    return (
        f'<li class="kpi"><span class="label">{escape(metric.label)}</span> '
        f'<span class="value">{escape(_value(metric, currency))}</span> {_delta(metric, currency)}</li>'
    )


def _value(metric: Metric, currency: str) -> str:
    return "not available" if metric.value is None else fmt.figure(metric.value, metric.unit, currency)


def _instead(metric: Metric) -> str:
    """What is said where there is nothing to compare; "" where there is."""
    if metric.value is None:
        return metric.note or "no data"
    if metric.previous is None:
        return metric.note or change_words(metric.value, None)
    return "none recorded in either period" if metric.unit == "usd" and metric.value == 0 == metric.previous else ""


def _delta(metric: Metric, currency: str) -> str:
    if instead := _instead(metric):
        return f'<span class="delta none"><span class="prev">{escape(instead)}</span></span>'
    assert metric.value is not None and metric.previous is not None
    words = change_words(metric.value, metric.previous, metric.unit)
    kind = words.split()[0]
    arrow = f'<span aria-hidden="true">{ARROWS[kind]}</span> ' if kind in ARROWS else ""
    before = escape(fmt.figure(metric.previous, metric.unit, currency))
    origin = f'<span class="prev">from {before}</span>'
    return f'<span class="delta {escape(kind)}">{arrow}{escape(words)} {origin}</span>'


def _change_text(metric: Metric, currency: str) -> str:
    if instead := _instead(metric):
        return instead
    assert metric.value is not None and metric.previous is not None
    words = change_words(metric.value, metric.previous, metric.unit)
    return f"{words} from {fmt.figure(metric.previous, metric.unit, currency)}"


def _number(value: float | int | None) -> float | int | None:
    """A plain Python number: NumPy's own would not go into JSON."""
    if fmt.is_missing(value) or value is None:
        return None
    return float(value) if isinstance(value, float) else int(value)
