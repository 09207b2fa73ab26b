"""Choices whose values stand in the URL, so that links to them last; Streamlit's own binding would write labels."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Literal

import streamlit as st

from reports.errors import InvalidInput
from web.components import notices, paging, period_text


def from_url(label: str, name: str, options: Mapping[str, str]) -> str:
    """One of the values of `options` (value -> label); the first where the URL names none of them."""
    values = list(options)
    asked = st.query_params.get(name, "")
    return st.selectbox(
        label,
        values,
        index=values.index(asked) if asked in options else 0,
        format_func=lambda value: options[value],
        key=_key(name),
        on_change=_keep,
        args=(name,),
    )


def several_from_url(label: str, name: str, options: Mapping[str, str], empty: str) -> tuple[str, ...]:
    """Any of the values of `options` (value -> label), or others that are typed; without any it says `empty`."""
    asked = [value for value in dict.fromkeys(st.query_params.get_all(name)) if value]
    return tuple(
        st.multiselect(
            label,
            [*options, *(value for value in asked if value not in options)],
            default=asked,
            format_func=lambda value: options.get(value, value),
            key=_key(name),
            on_change=_keep_several,
            args=(name,),
            accept_new_options=True,
            filter_mode="contains",
            select_all=False,  # else Enter chooses all that is like what was typed
            placeholder=empty,
            wrap=True,
        )
    )


def text_from_url(label: str, name: str, placeholder: str, type: Literal["default", "search"] = "default") -> str:
    """What is typed, without spaces around it."""
    text = st.text_input(
        label, key=name, type=type, bind="query-params", placeholder=placeholder, on_change=paging.restart
    )
    return text.strip()


def days_from_url(label: str, name: str) -> tuple[tuple[date, date] | None, bool]:
    """First and last of the days that are typed, None for any; and whether they were understood, else that is said."""
    text = text_from_url(label, name, "2026-11 or 9 November 2026")
    try:
        return period_text.days(text), True
    except InvalidInput as error:
        st.error(notices.plain(f"The {label.lower()} {error.message}"))
        return None, False


def _key(name: str) -> str:
    return f"choice_{name}"


def _keep(name: str) -> None:
    chosen = st.session_state[_key(name)]
    if chosen:
        st.query_params[name] = chosen
    else:
        st.query_params.pop(name, None)
    paging.restart()


def _keep_several(name: str) -> None:
    chosen = [value.strip() for value in st.session_state[_key(name)] if value.strip()]
    if chosen:
        st.query_params[name] = chosen
    else:
        st.query_params.pop(name, None)
    paging.restart()
