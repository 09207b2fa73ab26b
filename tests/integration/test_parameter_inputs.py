"""The typed form of a template's parameters: which inputs it shows, and which values come of them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from reports.parameters import coerce, read_parameters

CELL = """
from typing import Literal
from datetime import date
team: str | None = None  # Only this team
title: str = "Usage"
top_n: int = 10  # Rows of each table
budget: float | None = None  # A month
share: float = 0.005
rank_by: Literal["cost", "tokens"] = "cost"
level: Literal[1, 2] | None = None
detailed: bool = False
rounded: bool | None = None
since: date = date(2026, 1, 1)
models: list[str] = ["small", "large"]
limits: list[float] = [0.5, 0.9]
customer: str  # Whose figures
"""
DEFAULTS = {parameter.name: parameter.default for parameter in read_parameters(CELL) if not parameter.required}


SCRIPT = """
import json
import streamlit as st
from reports.parameters import read_parameters
from web.components import parameter_inputs
st.code(json.dumps(parameter_inputs.show(read_parameters({cell!r}), {values!r}, "p")))
"""


def shown(values: dict[str, Any] | None = None) -> AppTest:
    app = AppTest.from_string(SCRIPT.format(cell=CELL, values=values or {}), default_timeout=20).run()
    assert not app.exception
    return app


def answer(app: AppTest) -> dict[str, Any]:
    assert not app.exception
    found: dict[str, Any] = json.loads(app.code[0].value)
    return found


def test_untouched_the_form_gives_the_templates_defaults_in_their_types() -> None:
    found = answer(shown())
    assert found == DEFAULTS
    assert coerce(read_parameters(CELL), found) == DEFAULTS


def test_values_fill_the_inputs() -> None:
    values = {"top_n": 25, "rank_by": "tokens", "level": 2, "rounded": False, "customer": "ACME", "budget": 12.5}
    assert answer(shown(values)) == DEFAULTS | values


def test_what_is_typed_comes_back_in_its_type() -> None:
    app = shown()
    app.number_input(key="p_top_n").set_value(3)
    app.text_input(key="p_budget").set_value("1500.25")
    app.text_input(key="p_share").set_value("0.001")
    app.selectbox(key="p_level").set_value("1")
    app.checkbox(key="p_detailed").check()
    app.selectbox(key="p_rounded").set_value("Yes")
    app.text_input(key="p_since").set_value("2026-11-22")
    app.text_input(key="p_limits").set_value("1, 2.5")
    app.multiselect(key="p_models").set_value(["small"])
    app.text_input(key="p_team").set_value("blue")
    assert answer(app.run()) == DEFAULTS | {
        "top_n": 3,
        "budget": 1500.25,
        "share": 0.001,
        "level": 1,
        "detailed": True,
        "rounded": True,
        "since": "2026-11-22",
        "limits": [1.0, 2.5],
        "models": ["small"],
        "team": "blue",
    }


@pytest.mark.parametrize(("name", "text"), [("share", "much"), ("since", "22.11.2026"), ("limits", "1;2")])
def test_what_cannot_be_read_is_said_at_its_field_and_kept_as_typed(name: str, text: str) -> None:
    app = shown()
    app.text_input(key=f"p_{name}").set_value(text).run()
    assert name in app.error[0].value
    assert answer(app)[name] == text


def test_an_emptied_number_falls_back_to_the_default_and_an_optional_one_to_nothing() -> None:
    app = shown({"budget": 5.0, "share": 0.5})
    app.text_input(key="p_budget").set_value("")
    app.text_input(key="p_share").set_value("").run()
    assert (answer(app)["budget"], answer(app)["share"]) == (None, DEFAULTS["share"])


def test_an_empty_list_and_an_empty_text_are_values() -> None:
    app = shown()
    app.multiselect(key="p_models").set_value([])
    app.text_input(key="p_limits").set_value("")
    app.text_input(key="p_title").set_value("").run()
    found = answer(app)
    assert (found["models"], found["limits"], found["title"]) == ([], [], "")


def test_a_required_parameter_has_no_value_until_it_is_given() -> None:
    app = shown()
    assert "customer" not in answer(app)
    app.text_input(key="p_customer").set_value("ACME").run()
    assert answer(app)["customer"] == "ACME"


def test_labels_hold_the_name_in_words_and_the_remark() -> None:
    app = shown()
    assert app.number_input(key="p_top_n").label == "Top n: Rows of each table"
    assert app.text_input(key="p_customer").label.endswith("(required)")
