"""The typed form of a template's parameters: one input for each, as its type asks for, with the remark beside it.

What is typed is checked at its field and said there. What cannot be read stays in the answer as it was typed, so that
the service refuses it too: nothing is saved that the form could not read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import streamlit as st

from reports.errors import InvalidParameter
from reports.parameters import Parameter, from_text
from web.components import notices

Keep = Literal["page", "session"] | None
SAFE_WHOLE = 2**53 - 1  # beyond that a browser's numbers are no longer exact; such a parameter is typed as text
MARKUP = re.compile(r"[\\`*_\[\]<>$~]")
NOT_SET = ""  # the choice of a parameter that may be nothing
TYPED_NUMBERS = ("int", "float", "date", "datetime")  # an empty field is none of these: the default holds
EXAMPLES = {
    "float": "0.5",
    "date": "2026-11-22",
    "datetime": "2026-11-22T09:00",
    "list[int]": "1, 2, 3",
    "list[float]": "0.5, 0.9",
}


def show(parameters: Sequence[Parameter], values: Mapping[str, Any], key: str, keep: Keep = None) -> dict[str, Any]:
    """The values of all inputs by name; `values` fill them at first, else the template's defaults.

    A required parameter that is still empty has no value. Keys of the inputs are `key` and the name; `keep` is how
    long they hold what was typed while they are not shown.
    """
    shown: dict[str, Any] = {}
    for parameter in parameters:
        given = values.get(parameter.name, parameter.default)
        value = _input(parameter, given, f"{key}_{parameter.name}", keep)
        if value is None and not parameter.optional:
            if not parameter.required:
                shown[parameter.name] = parameter.default
            continue
        shown[parameter.name] = value
    return shown


def label(parameter: Parameter) -> str:
    """The name as words and the analyst's remark, as Markdown that is read aloud with as few signs as possible."""
    name = parameter.name.replace("_", " ").strip().capitalize() or parameter.name
    text = f"{name}: {parameter.help}" if parameter.help else name
    return MARKUP.sub(r"\\\g<0>", text) + (" (required)" if parameter.required else "")


def _input(parameter: Parameter, given: Any, key: str, keep: Keep) -> Any:
    if parameter.choices or parameter.type == "bool":
        return _choice(parameter, given, key, keep)
    if parameter.type == "int" and abs(given or 0) <= SAFE_WHOLE:
        return st.number_input(label(parameter), value=given, step=1, key=key, persist_state=keep)
    if parameter.type == "list[str]":
        return _texts(parameter, given, key, keep)
    return _typed(parameter, given, key, keep)


def _choice(parameter: Parameter, given: Any, key: str, keep: Keep) -> Any:
    if parameter.type == "bool" and not parameter.optional:
        return st.checkbox(label(parameter), value=bool(given), key=key, persist_state=keep)
    named: dict[str, Any] = {NOT_SET: None} if parameter.optional else {}
    named |= {str(choice): choice for choice in parameter.choices} or {"Yes": True, "No": False}
    shown = next((text for text, value in named.items() if value == given and type(value) is type(given)), None)
    index = None if shown is None else list(named).index(shown)
    chosen = st.selectbox(
        label(parameter),
        list(named),
        index=index,
        format_func=lambda text: text or "not set",
        placeholder="Choose",
        key=key,
        persist_state=keep,
    )
    return None if chosen is None else named[chosen]


def _texts(parameter: Parameter, given: Any, key: str, keep: Keep) -> list[str] | None:
    items = list(dict.fromkeys(given or ()))
    chosen = st.multiselect(
        label(parameter),
        items,
        default=items,
        accept_new_options=True,
        filter_mode="contains",
        select_all=False,  # else Enter chooses all that is like what was typed
        placeholder="Type one and press Enter",
        key=key,
        persist_state=keep,
    )
    return None if parameter.optional and not chosen else list(chosen)


def _typed(parameter: Parameter, given: Any, key: str, keep: Keep) -> Any:
    """What is typed, as a value where it can be read; else the text itself, with what is wrong said below it."""
    placeholder = "not set" if parameter.optional else EXAMPLES.get(parameter.type, "")
    text = st.text_input(label(parameter), value=_as_text(given), placeholder=placeholder, key=key, persist_state=keep)
    if not text.strip() and (parameter.optional or parameter.required or parameter.type in TYPED_NUMBERS):
        return None
    try:
        return from_text([parameter], {parameter.name: text})[parameter.name]
    except InvalidParameter as error:
        st.error(notices.plain(str(error)))
        return text


def _as_text(value: Any) -> str:
    if value is None:
        return ""
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
