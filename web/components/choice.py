"""Choices whose values stand in the URL, so that links to them last; Streamlit's own binding would write labels."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from web.components import paging


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
