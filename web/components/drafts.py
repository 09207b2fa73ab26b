"""Reports that a session is writing: what each form began with, which preview belongs to which form, and the save.

A draft lives in the session alone until it is saved. The form is another one each time it begins anew, so that no
input of the old one comes back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import streamlit as st

from reports.model import Report
from reports.service import NewReport
from web import subscribing
from web.wiring import desk

BEGUN = "drafts_begun"  # keys of the session's state
NUMBERS = "drafts_numbers"
PREVIEWED = "drafts_previewed"


@dataclass
class Draft:
    """One form. `base` is the stored report as it was when the form began; None for a new one."""

    name: str
    number: int
    start: NewReport
    base: Report | None = None
    attempted: bool = False  # it was to be saved or previewed: what is wrong is said from now on
    touched: bool = False
    send_me: bool = False  # whoever writes it is subscribed once it is saved

    @property
    def form(self) -> str:
        return f"{self.name}_{self.number}"


@dataclass(frozen=True)
class Previewed:
    """What a preview was made of, and the query that opens its form again."""

    draft: Draft
    asked: NewReport | Report
    query: Mapping[str, str]


def of(name: str) -> Draft | None:
    found: Draft | None = st.session_state.get(BEGUN, {}).get(name)
    return found


def begin(name: str, start: NewReport, base: Report | None = None) -> Draft:
    number = st.session_state.setdefault(NUMBERS, {}).get(name, 0)
    draft = Draft(name, number, start, base)
    st.session_state.setdefault(BEGUN, {})[name] = draft
    return draft


def drop(name: str) -> None:
    """Forget what was typed; the next form of this name begins with what is stored."""
    st.session_state.get(BEGUN, {}).pop(name, None)
    numbers = st.session_state.setdefault(NUMBERS, {})
    numbers[name] = numbers.get(name, 0) + 1


def save(draft: Draft, asked: NewReport | Report, at: datetime) -> Report:
    """Store the report and forget the form; where that is refused, the form stays as it is."""
    if isinstance(asked, Report):
        done = desk().edit_report(asked, at)
    else:
        with desk().together():
            done = desk().create_report(asked, at)
            if draft.send_me:
                subscribing.subscribe_oneself(desk(), done.id)
    drop(draft.name)
    return done


def remember_preview(run_id: str, previewed: Previewed) -> None:
    st.session_state.setdefault(PREVIEWED, {})[run_id] = previewed


def of_preview(run_id: str) -> Previewed | None:
    """None in another session, after the page was loaded anew, and once its draft was saved or dropped."""
    found: Previewed | None = st.session_state.get(PREVIEWED, {}).get(run_id)
    return found if found is not None and of(found.draft.name) is found.draft else None
