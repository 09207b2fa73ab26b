"""The log of changes, for admins: who did what to which item and when, with what it was before and is after."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import Any

import streamlit as st
from markupsafe import Markup

from reports.errors import NotFound
from reports.model import AuditEntry
from reports.store import AuditQuery
from web.components import choice, notices, paging, tables
from web.components.reader import Reader, reader
from web.components.tables import Cell, Column
from web.wiring import desk

KINDS = ("report", "subscription", "run", "delivery", "source", "person", "token")
PAGES = {"report": "report", "run": "run"}  # kinds that have a page of their own
GENERATED = re.compile(r"[0-9a-f]{32}")  # an id of ours; people have names
LONGEST = 300  # characters of one value; longer ones are cut


def page() -> None:
    everything = desk().count_audit()  # refuses who is no admin
    st.title("Changes")
    if not everything:
        notices.empty(
            "Every change will be listed here: who made it, when, and what it was before.", "None was made yet."
        )
        return
    now = reader()
    query = asked_for(now)
    if query is None:
        return
    found = desk().count_audit(query)
    if not found:
        st.info("No change is like that. Choose another person, kind or time.")
        return
    show(query, found, now)


def asked_for(now: Reader) -> AuditQuery | None:
    """From the fields, which stand in the URL; None where the time is not understood, which is said there."""
    by_person, by_kind, by_time = st.columns([2, 1, 2])
    with by_person:
        person = choice.text_from_url("Person", "person", "User name, in full")
    with by_kind:
        kind = choice.from_url("Kind", "kind", {"": "Any", **{each: each for each in KINDS}})
    with by_time:
        days, understood = choice.days_from_url("Time", "time")
    if not understood:
        return None
    query = AuditQuery(person=person.lower() or None, kind=kind or None, item=st.query_params.get("item") or None)
    if days is None:
        return query
    since = datetime.combine(days[0], time(), now.zone).astimezone(UTC)
    until = datetime.combine(days[1] + timedelta(days=1), time(), now.zone).astimezone(UTC)
    return replace(query, since=since, until=until)


def show(query: AuditQuery, found: int, now: Reader) -> None:
    cut = paging.page_of(found)
    noun = "change" if found == 1 else "changes"
    columns = (Column("When", time=True), Column("Who"), Column("What"), Column("Before and after", wide=True))
    rows = [row(each, now) for each in desk().audit(replace(query, limit=cut.limit, offset=cut.offset))]
    tables.show(tables.Table(f"{found} {noun}, the latest first; times in {now.zone_name}", columns, rows))
    paging.show(found)


def row(entry: AuditEntry, now: Reader) -> tuple[Cell, ...]:
    when = tables.with_note(now.at(entry.at), now.relative(entry.at))
    return (
        when,
        tables.name_of(entry.person),
        tables.with_note(f"{entry.action} {entry.kind}", item(entry)),
        fields(entry),
    )


def item(entry: AuditEntry) -> Markup:
    name = (entry.after or entry.before or {}).get("name", "") or name_now(entry)
    if entry.kind in PAGES and entry.action != "delete":
        return tables.link(PAGES[entry.kind], str(name), f"{entry.action}, {entry.id[:8]}", id=entry.item)
    return tables.name_of(str(name))


def name_now(entry: AuditEntry) -> str:
    """What the item is called today; of what is gone or has no name, its id, or the beginning of a long one."""
    try:
        return desk().report(entry.item).name if entry.kind == "report" else shortened(entry.item)
    except NotFound:
        return shortened(entry.item)


def shortened(id: str) -> str:
    return id[:8] if GENERATED.fullmatch(id) else id


def fields(entry: AuditEntry) -> Cell:
    """Each field that changed with both values; all of them where something was made or removed."""
    before, after = entry.before or {}, entry.after or {}
    lines = [
        Markup("{}: {}").format(name, _both(before, after, name))
        for name in dict.fromkeys([*before, *after])
        if before.get(name) not in (None, "", [], {}) or after.get(name) not in (None, "", [], {})
    ]
    return Markup("<br>").join(lines) if lines else tables.NOTHING


def _both(before: dict[str, Any], after: dict[str, Any], name: str) -> Markup:
    old, new = _text(before.get(name)), _text(after.get(name))
    if name not in before or name not in after:
        return tables.name_of(new if name in after else old)
    return Markup('{} <span aria-hidden="true">→</span><span class="gz-hidden">became</span> {}').format(
        tables.name_of(old), tables.name_of(new)
    )


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    shown = "nothing" if value in (None, "", [], {}) else text
    return shown if len(shown) <= LONGEST else f"{shown[:LONGEST]}…"


page()
