"""The form of a report: what it shows, when it comes, which days it covers, what is made and who owns it.

It shows inputs and what is wrong with them, and answers with the report as it is asked for; it saves nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import streamlit as st
from markupsafe import Markup

from reports import cron, periods
from reports.errors import ConfigError, InvalidInput, NotFound, StageError
from reports.model import REPORT_FORMATS, Filters, Format, PeriodPolicy, Report
from reports.periods import MAX_DAYS
from reports.service import MAX_GRACE, NewReport
from reports.sources.known import Known
from reports.sources.registry import serving
from reports.templates import Template
from web.components import notices, parameter_inputs, schedule_input, tables, words
from web.components.fields import KEEP, Fields, parameter
from web.components.reader import Reader
from web.components.report_words import CATCH_UP_WORDS, FIELD_NAMES, FILTER_NAMES, HOUR
from web.wiring import desk

AS_TEMPLATE = ""  # the source that the template names
LOOKED_UP = "10m"  # how long known values are kept: new users and models come slowly
NO_VALUES: Known = {}
NO_DEFAULT = object()
POLICY_WORDS = {each: words.period_policy(each, "…") for each in PeriodPolicy}


def asked_of(report: Report) -> NewReport:
    """What the form shows of a report at first."""
    names = ("name", "template", "owner", "cron", "zone", "period_policy", "period_days", "parameters")
    more = ("filters", "sources", "formats", "catch_up", "grace", "paused")
    return NewReport(**{name: getattr(report, name) for name in (*names, *more)})


def show(start: NewReport, template: Template, fields: Fields, now: Reader) -> NewReport:
    """The report as the inputs have it; what cannot be used yet is in `fields.refused`."""
    name = st.text_input("Name", start.name, key=fields.key("name"), autocomplete="off", persist_state=KEEP)
    fields.place("name", "Name")
    st.header("What it shows")
    values = _parameters(start, template, fields)
    sources = _sources(start, template, fields)
    filters = _filters(start, template, sources, fields, now)
    st.header("When it comes")
    schedule = schedule_input.show(start.cron, start.zone or desk().settings.zone, fields, now)
    policy, days = _period(start, template, schedule.cron, schedule.zone, fields, now)
    st.header("What is made")
    formats = _formats(start, template, fields)
    asked = replace(
        start,
        name=name or "",
        parameters=values,
        filters=filters,
        sources=sources,
        cron=schedule.cron,
        zone=schedule.zone,
        period_policy=policy,
        period_days=days,
        formats=formats,
    )
    return _more(asked, fields)


def _parameters(start: NewReport, template: Template, fields: Fields) -> dict[str, Any]:
    """Only what differs from the template or was said before: the template's new defaults reach the report."""
    if not template.parameters:
        st.text("Its template has no parameters.")
    found: dict[str, Any] = {}
    for each in template.parameters:
        found |= parameter_inputs.show([each], start.parameters, fields.key("parameter"), KEEP)
        fields.place(parameter(each.name), each.name.replace("_", " ").capitalize())
    defaults = {each.name: each.default for each in template.parameters if not each.required}
    said = {*start.parameters, *(name for name, value in found.items() if value != defaults.get(name, NO_DEFAULT))}
    return {name: value for name, value in found.items() if name in said}


def _sources(start: NewReport, template: Template, fields: Fields) -> dict[str, str]:
    """The sources chosen; a dataset that is left to the template has none."""
    there = {each.name: f"{each.name}: {each.label}" if each.label else each.name for each in desk().sources()}
    chosen: dict[str, str] = {}
    for dataset in template.datasets:
        named = dataset.connection or dataset.source or "usage"
        given = start.sources.get(dataset.name, AS_TEMPLATE)
        source_words = {AS_TEMPLATE: f"as the template says ({named})", **there}
        source_words.setdefault(given, given)  # one that was removed meanwhile
        source = fields.choice(f"source_{dataset.name}", f"Data for {dataset.name}", source_words, given)
        fields.place(f"sources.{dataset.name}", f"Data for {dataset.name}")
        if source:
            chosen[dataset.name] = source
    fields.place("sources", "Data")
    return chosen


# Filters


def _filters(start: NewReport, template: Template, sources: Mapping[str, str], fields: Fields, now: Reader) -> Filters:
    """Known values are looked up only where the reader opens the part, since that may take seconds."""
    usage = [dataset for dataset in template.datasets if dataset.source is not None]
    if not usage:
        return start.filters
    given = start.filters.to_json()
    key = fields.key("filters")
    with st.expander(
        "Only some teams, users, models, providers or keys", bool(given), key=key, on_change="rerun"
    ) as part:
        known, trouble = _known(template, sources, now) if part.open else (NO_VALUES, "")
        st.caption(
            "They hold for every figure of the report. An empty field means all; what is not offered can be typed."
        )
        if trouble:
            st.warning(notices.plain(trouble))
        return Filters(
            **{
                name: _values(name, label, given.get(name, ()), known.get(name, {}), fields)
                for name, label in FILTER_NAMES.items()
            }
        )


def _values(name: str, label: str, given: tuple[str, ...], known: Mapping[str, str], fields: Fields) -> tuple[str, ...]:
    chosen = st.multiselect(
        label,
        list(dict.fromkeys((*given, *known))),
        default=given,
        format_func=lambda value: _called(value, known),
        placeholder="all",
        accept_new_options=True,
        filter_mode="contains",
        select_all=False,  # else Enter chooses all that is like what was typed
        key=fields.key(name),
        wrap=True,
        persist_state=KEEP,
    )
    fields.place(f"filters.{name}", label)
    return tuple(chosen)


def _called(value: str, known: Mapping[str, str]) -> str:
    name = known.get(value, value)
    return value if name == value else f"{name} ({value})"


def _known(template: Template, sources: Mapping[str, str], now: Reader) -> tuple[Known, str]:
    """The values that may be chosen, and what kept them from being looked up."""
    (dataset, *_) = [each for each in template.datasets if each.source is not None]
    there = {each.name: each for each in desk().sources()}
    try:
        source = serving(dataset, there, sources.get(dataset.name))
        return _looked_up(source.name, desk().settings.store_url, now), ""
    except (NotFound, StageError, ConfigError) as error:
        return NO_VALUES, f"The names to choose from could not be looked up: {error} They can be typed."


@st.cache_data(ttl=LOOKED_UP, show_spinner="Looking up names …", max_entries=20)
def _looked_up(source: str, url: str, _now: Reader) -> dict[str, dict[str, str]]:
    found = desk().known_values(source, _now.now)
    return {name: dict(values) for name, values in found.items()}


# Period, formats and the rest


def _period(
    start: NewReport, template: Template, expression: str, zone: str, fields: Fields, now: Reader
) -> tuple[PeriodPolicy, int | None]:
    first = start.period_policy or template.period_policy
    days = start.period_days or template.period_days
    beside = st.columns([3, 2])
    with beside[0]:
        policy = fields.choice("period_policy", "Days it covers", POLICY_WORDS, first)
    if policy is PeriodPolicy.LAST_N_DAYS:
        with beside[1]:
            days = st.number_input(
                "How many days", 1, MAX_DAYS, days or 14, key=fields.key("period_days"), persist_state=KEEP
            )
            fields.place("period_days", "How many days")
    _explain_period(policy, days, expression, zone, now)
    return policy, days


def _explain_period(policy: PeriodPolicy, days: int | None, expression: str, zone: str, now: Reader) -> None:
    try:
        due = cron.next_due(expression, zone, now.now) if expression else now.now
        period = periods.compute(policy, due, zone, days=days)
    except InvalidInput:  # said at its own field
        return
    which = "The next one covers" if expression else "Run today, it covers"
    st.caption(f"{which} {periods.in_words(period)}.")


def _formats(start: NewReport, template: Template, fields: Fields) -> tuple[Format, ...]:
    first = start.formats or template.formats
    with st.container(horizontal=True):
        chosen = [
            each
            for each in REPORT_FORMATS
            if st.checkbox(
                words.FORMAT_NAMES[each],
                each in first,
                key=fields.key(f"format_{each}"),
                width="content",
                persist_state=KEEP,
            )
        ]
    fields.place("formats", "What is made")
    if not chosen:
        fields.refuse(InvalidInput("formats", "choose at least one"))
    return tuple(chosen)


def ask_whether_to_send(email: str, fields: Fields, *, first: bool) -> bool:
    """Of a new report: whether whoever makes it gets it. Others are subscribed on its page."""
    st.header("Who gets it")
    wanted = st.checkbox("Send it to me", first, key=fields.key("send_me"), persist_state=KEEP)
    note = "By mail to {}, with the usual files. Once it is saved, its page subscribes others and offers more choices."
    st.html(Markup(f'<p class="gz-note">{note}</p>').format(tables.name_of(email)))
    return wanted


def _more(asked: NewReport, fields: Fields) -> NewReport:
    if desk().is_admin:
        owner = st.text_input(
            "Owner",
            asked.owner,
            help="A user name or an e-mail address. The owner may change the report and is told when it fails.",
            key=fields.key("owner"),
            autocomplete="off",
            persist_state=KEEP,
        )
        fields.place("owner", "Owner")
        asked = replace(asked, owner=owner or "")
    if not asked.cron:
        return asked
    beside = st.columns([3, 2])
    with beside[0]:
        catch_up = fields.choice("catch_up", FIELD_NAMES["catch_up"], CATCH_UP_WORDS, asked.catch_up)
    with beside[1]:
        hours = st.number_input(
            "Not older than, in hours",
            0.0,
            MAX_GRACE / HOUR,
            asked.grace / HOUR,
            step=1.0,
            format="%g",
            key=fields.key("grace"),
            persist_state=KEEP,
        )
        fields.place("grace", "Not older than, in hours")
    return replace(asked, catch_up=catch_up, grace=timedelta(hours=hours))
