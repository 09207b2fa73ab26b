"""The fields of one form: the keys of their inputs, and what is wrong with them, said right below each.

The inputs keep what was typed for the whole session, so that nothing is lost by a mistake or a look at another page.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeVar

import streamlit as st
from markupsafe import Markup
from streamlit.delta_generator import DeltaGenerator

from reports.errors import InvalidCron, InvalidInput, InvalidParameter

KEEP: Literal["session"] = "session"
SCHEDULE = "expression"
CRON_FIELDS = ("expression", "minute", "hour", "day", "month", "weekday")

Value = TypeVar("Value")


@dataclass
class Fields:
    """`form` begins the key of each input; another form has another."""

    form: str
    labels: dict[str, str] = field(default_factory=dict)
    refused: list[InvalidInput] = field(default_factory=list)
    _places: dict[str, DeltaGenerator] = field(default_factory=dict)

    def key(self, name: str) -> str:
        return f"{self.form}_{name}"

    def choice(self, name: str, label: str, words: Mapping[Value, str], first: Value) -> Value:
        """One of the values of `words`, shown by its words; `first` until another is chosen."""
        values = list(words)
        return st.selectbox(
            label,
            values,
            index=values.index(first),
            format_func=lambda value: words[value],
            key=self.key(name),
            persist_state=KEEP,
        )

    def place(self, name: str, label: str) -> None:
        """Right below an input: where its message will stand."""
        self.labels[name] = label
        self._places[name] = st.empty()

    def refuse(self, error: InvalidInput) -> None:
        """Say at its field what is wrong; the first message of a field stays."""
        name = name_of(error)
        if any(name_of(each) == name for each in self.refused):
            return
        self.refused.append(error)
        if name in self._places:
            self._places[name].html(
                Markup('<p class="gz-error"><span aria-hidden="true">■</span> {}</p>').format(self.sentence(error))
            )

    def sentence(self, error: InvalidInput) -> str:
        """The message with the field's name as the form shows it."""
        name = name_of(error)
        label = self.labels.get(name, error.field)
        part = f", {error.field}" if name == SCHEDULE and error.field in CRON_FIELDS[1:] else ""
        return f"{label}{part}: {error.message}"


def name_of(error: InvalidInput) -> str:
    """The name of the field where a message of the core belongs."""
    if isinstance(error, InvalidParameter):
        return parameter(error.field)
    if isinstance(error, InvalidCron) and error.field in CRON_FIELDS:
        return SCHEDULE
    return error.field


def parameter(name: str) -> str:
    """A parameter may be called as a field of the report is."""
    return f"parameters.{name}"
