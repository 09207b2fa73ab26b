"""Explore: usage as it is now, for days and filters of the reader's choice; the reports' figures without a schedule."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import streamlit as st
from markupsafe import Markup

from reports import periods
from reports.errors import ExtractError, InvalidInput
from reports.explored import NO_FILTERS
from reports.kit import Dataset
from reports.kit.header import source_words
from reports.kit.markup import sentence_html
from reports.sources import Source
from reports.sources.known import Known
from web.components import charts, choice, crumbs, explored, notices, tables, usage_board
from web.components.explored import Asked
from web.components.reader import reader
from web.wiring import desk


def page() -> None:
    sources = desk().usage_sources()  # refuses who may not see usage
    st.title("Explore")
    if not sources:
        nothing_yet()
        return
    now, asked = reader().now, asked_for(sources)
    try:
        query = asked.query(now, desk().settings.zone)
    except InvalidInput as error:
        st.error(notices.plain(f"The dates {error.message}"))
        return
    try:
        with st.spinner("Reading usage …"):
            everything = desk().usage(replace(query, filters=NO_FILTERS), now)
            names = usage_board.known(everything.sha256, everything)
            snapshot = desk().usage(query, now)
    except (ExtractError, InvalidInput) as error:
        choose_filters({})
        st.error(f"{notices.plain(str(error))}\n\nTry again, or choose another source, other days or other filters.")
        return
    choose_filters(names)
    if everything.meta["coverage"]["first_day"]:
        show(asked, usage_board.data_of(snapshot, query, desk().settings.currency), snapshot.sha256, names)
    else:
        nothing_yet(asked.source)


def nothing_yet(source: str = "") -> None:
    what = f"The source {source} holds no usage yet." if source else "There is no usage to explore yet."
    notices.empty(
        notices.plain(what),
        "Try it on synthetic usage with the first of these commands, connect a gateway with the second, or import a "
        "file with the third. This page shows it at once.",
        "gazette demo\ngazette source add usage postgresql://reader@db.example.org/litellm\n"
        "gazette usage import requests.csv",
    )


def asked_for(sources: Sequence[Source]) -> Asked:
    """From the fields above everything and those further down, all of which stand in the URL."""
    labels = {each.name: each.name if each.shown == each.name else f"{each.name}: {each.shown}" for each in sources}
    columns = iter(st.columns(2 + (len(sources) > 1) + (st.query_params.get("period") == explored.OWN)))
    source = sources[0].name
    if len(sources) > 1:
        with next(columns):
            source = choice.from_url("Source", "source", labels)
    with next(columns):
        period, dates = choice.from_url("Period", "period", explored.PERIODS), ""
    if period == explored.OWN:
        with next(columns):
            dates = st.text_input("Dates", key="dates", bind="query-params", placeholder="9 to 15 November 2026")
    with next(columns):
        against = choice.from_url("Compare with", "against", explored.AGAINST)
    filters = explored.chosen({name: st.query_params.get_all(name) for name in st.query_params})
    return Asked(
        source, period, dates, against, filters, one_of(explored.PARTS, "by"), one_of(explored.ORDERS, "order")
    )


def choose_filters(names: Known) -> None:
    """Folded; those in force are said below. They come to effect through the URL, in whose order the reader came."""
    with st.expander("Filters"):
        for column, (name, field) in zip(st.columns(len(explored.FIELDS)), explored.FIELDS.items(), strict=True):
            with column:
                noun = f"{explored.NOUNS[name]}s"
                choice.several_from_url(noun, name, names.get(field, {}), f"All {noun.lower()}")


def show(asked: Asked, data: Dataset, sha256: str, names: Known) -> None:
    with st.spinner("Adding it up …"):
        found = usage_board.overview(sha256, data)
    crumbs.show("explore", [(crumb_words(step, names), step.url()) for step in asked.trail()])
    against = f", against {periods.in_words(data.comparison)}" if data.comparison else ""
    st.markdown(notices.plain(f"{periods.in_words(data.period)}{against}. {source_words(data)}"))
    for text in found.warnings:
        st.warning(notices.plain(text))
    st.html(found.cards)
    monday(asked, names)
    st.header("What stands out")
    sentences = [Markup(f"<li>{sentence_html(text)}</li>") for text in found.sentences]
    st.html(Markup("<ul>{}</ul>").format(Markup().join(sentences)))
    show_parts(asked, data, sha256)
    for chart in found.charts:
        charts.show(chart)


def show_parts(asked: Asked, data: Dataset, sha256: str) -> None:
    """What the figures are made of; each name leads to a look at it alone."""
    found = usage_board.parts(sha256, asked.by, asked.order, data)
    st.header(found.chart.title)
    by_part, by_order = st.columns(2)
    with by_part:
        choice.from_url("Take apart by", "by", explored.PARTS)
    with by_order:
        choice.from_url("The largest first by", "order", explored.ORDERS)
    charts.show(found.chart, headed=True)
    if found.rows:
        noun = explored.counted(found.found, asked.by)
        rows = [(part_name(part, asked), *part.cells[1:]) for part in found.rows]
        tables.show(tables.Table(f"{noun}, the largest {asked.order} first{found.gone}", found.heads, rows))


def part_name(part: usage_board.Part, asked: Asked) -> Markup:
    name = part.cells[0]
    if not part.only:
        return tables.name_of(name)
    return tables.link("explore", name, "", **asked.drilled(asked.by, part.only).url())


def monday(asked: Asked, names: Known) -> None:
    link = tables.link("edit", "Send me this every Monday", **explored.monday_report(asked, names))
    why = "A report with these filters, each Monday at 07:00 on the week before. You see it before it is saved."
    st.html(Markup('<p class="gz-action">{}</p><p class="gz-note">{}</p>').format(link, why))


def one_of(options: Mapping[str, str], name: str) -> str:
    """As `choice.from_url` will answer, for links that are drawn before it."""
    asked = st.query_params.get(name, "")
    return asked if asked in options else next(iter(options))


def crumb_words(step: Asked, names: Known) -> str:
    return explored.words(step.filters[-1], names) if step.filters else "All usage"


page()
