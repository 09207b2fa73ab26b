"""The typed form of a template's parameters cell, and the values people give for it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports import parameters
from reports.errors import InvalidParameter
from reports.parameters import Parameter, coerce, from_text, parameters_key, read_parameters

CELL = """
# What this report may be asked for
from datetime import date, datetime
from typing import Literal

team: str | None = None  # Only this team
top: int = 10  # Rows in each table
threshold: float = 1
forecast: bool = True
since: date = date(2026, 1, 31)  # First day
until: "date | None" = None
moment: datetime = datetime(2026, 1, 31, 9, 30)
models: list[str] = []  # Only these models
limits: list[float] = [1, 2.5]
view: Literal["short", "full"] = "short"  # How much
level: Literal[1, 2, 3] | None = None
customer: str  # Who asks
colour = "red"
sizes = [1, 2]
rate = -0.5
"""
FORM = {parameter.name: parameter for parameter in read_parameters(CELL)}


def one(line: str) -> Parameter:
    (parameter,) = read_parameters(line)
    return parameter


# Reading the cell


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("team", Parameter("team", "str", None, optional=True, help="Only this team")),
        ("top", Parameter("top", "int", 10, help="Rows in each table")),
        ("threshold", Parameter("threshold", "float", 1.0)),
        ("forecast", Parameter("forecast", "bool", True)),
        ("since", Parameter("since", "date", "2026-01-31", help="First day")),
        ("until", Parameter("until", "date", None, optional=True)),
        ("moment", Parameter("moment", "datetime", "2026-01-31T09:30:00")),
        ("models", Parameter("models", "list[str]", [], help="Only these models")),
        ("limits", Parameter("limits", "list[float]", [1.0, 2.5])),
        ("view", Parameter("view", "str", "short", choices=("short", "full"), help="How much")),
        ("level", Parameter("level", "int", None, optional=True, choices=(1, 2, 3))),
        ("customer", Parameter("customer", "str", None, required=True, help="Who asks")),
        ("colour", Parameter("colour", "str", "red")),
        ("sizes", Parameter("sizes", "list[int]", [1, 2])),
        ("rate", Parameter("rate", "float", -0.5)),
    ],
)
def test_each_kind_of_declaration(name: str, expected: Parameter) -> None:
    assert FORM[name] == expected


def test_the_order_is_that_of_the_cell_and_imports_declare_nothing() -> None:
    assert list(FORM)[:3] == ["team", "top", "threshold"]
    assert len(FORM) == 15


def test_defaults_are_json_values() -> None:
    assert json.loads(json.dumps({name: each.default for name, each in FORM.items()}))["since"] == "2026-01-31"


@pytest.mark.parametrize(
    ("line", "type_", "optional"),
    [
        ("x: Optional[int] = None", "int", True),
        ("x: typing.Optional[str] = 'a'", "str", True),
        ("x: Union[float, None] = None", "float", True),
        ("x: None | bool = None", "bool", True),
        ("x: datetime.date = '2026-01-31'", "date", False),
        ("x: datetime.datetime = '2026-01-31T09:00'", "datetime", False),
        ("x: List[int] = (1, 2)", "list[int]", False),
        ("x: list = ['a']", "list[str]", False),
        ("x: typing.Literal['a', 'b'] = 'a'", "str", False),
    ],
)
def test_other_ways_to_write_a_type(line: str, type_: str, optional: bool) -> None:
    assert (one(line).type, one(line).optional) == (type_, optional)


@pytest.mark.parametrize(
    ("source", "name", "says"),
    [
        ("x: dict = {}", "x", "has the type dict; use one of str"),
        ("x: str | int = 1", "x", r"has the type str \| int"),
        ("x: 'not a type' = 1", "x", "not valid Python"),
        (r"x: 'a\0b' = 1", "x", "not valid Python"),
        ("x: Literal['a', 1] = 1", "x", "choices"),
        ("x: Literal['a'] = 'b'", "x", "must be one of a; got 'b'"),
        ("x: int = 'five'", "x", "must be a whole number; got 'five'"),
        ("x: int = None", "x", "must be a whole number; got None"),
        ("x = None", "x", "needs a type"),
        ("x = {'a': 1}", "x", "needs a type"),
        ("x = [1, 'a']", "x", "needs a type"),
        ("x = open('/etc/passwd').read()", "x", "write a plain value"),
        ("x: str = f'{1}'", "x", "write a plain value"),
        ("x: date = date(2026, 2, 30)", "x", "no moment"),
        ("x: date = date(99999999999999999999, 1, 1)", "x", "no moment"),
        ("x = 1e999", "x", "must be a number; got inf"),
        ("x = 99999999999999999999", "x", "must be a whole number"),
        ("x: date = date.today()", "x", "write a plain value"),
        ("x = 1\nx = 2", "x", "declared twice"),
        ("x = y = 1", "parameters", "line 1"),
        ("x = 1\nprint(x)", "parameters", "line 2"),
        ("a, b = 1, 2", "parameters", "line 1"),
        ("x.y = 1", "parameters", "line 1"),
        ("x = = 1", "parameters", "not valid Python"),
        ("x = '\0'", "parameters", "not valid Python"),
    ],
)
def test_what_the_cell_may_not_hold(source: str, name: str, says: str) -> None:
    with pytest.raises(InvalidParameter, match=says) as caught:
        read_parameters(source)
    assert caught.value.field == name


def test_nothing_in_the_cell_is_executed() -> None:
    with pytest.raises(InvalidParameter):
        read_parameters("x: int = __import__('os').system('false')")


@pytest.mark.parametrize("source", ["", "# nothing to ask", '"""Remarks"""\npass'])
def test_a_cell_may_declare_nothing(source: str) -> None:
    assert read_parameters(source) == ()


def test_magics_and_doubtful_escapes_do_not_disturb() -> None:
    assert one("%matplotlib inline\nx = '\\d'  # digits").help == "digits"


def test_help_comes_from_the_last_line_of_a_declaration() -> None:
    parameter = one('models: list[str] = [\n    "a",  # the cheap one\n    "b",\n]  # Only these "#1" models')
    assert parameter.help == 'Only these "#1" models'
    assert one('x = "# not a comment"').help == ""


# Values


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("team", None, None),
        ("team", "Platform", "Platform"),
        ("team", "<script>alert(1)</script>", "<script>alert(1)</script>"),
        ("team", "", ""),
        ("top", 5, 5),
        ("top", 5.0, 5),
        ("threshold", 2, 2.0),
        ("forecast", False, False),
        ("since", "2026-02-28", "2026-02-28"),
        ("since", date(2026, 2, 28), "2026-02-28"),
        ("moment", "2026-02-28T09:00+01:00", "2026-02-28T09:00:00+01:00"),
        ("moment", datetime(2026, 2, 28, 9, tzinfo=UTC), "2026-02-28T09:00:00+00:00"),
        ("models", ["a", "b"], ["a", "b"]),
        ("models", ("a",), ["a"]),
        ("limits", [1, 2.5], [1.0, 2.5]),
        ("view", "full", "full"),
        ("level", 3, 3),
        ("level", None, None),
    ],
)
def test_a_fitting_value_becomes_json(name: str, value: Any, expected: Any) -> None:
    (result,) = coerce(tuple(FORM.values()), {name: value}).values()
    assert result == expected
    assert type(result) is type(expected)


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("team", 5, "text, or nothing; got 5"),
        ("team", "a\0b", "text"),
        ("team", "\ud800", "text"),
        ("team", "x" * (parameters.MAX_TEXT + 1), r"got 'xxx.*\.\.\.$"),
        ("top", "5", "a whole number; got '5'"),
        ("top", 5.5, "a whole number"),
        ("top", True, "a whole number"),
        ("top", None, "a whole number; got None"),
        ("top", 2**63, "a whole number"),
        ("top", math.inf, "a whole number"),
        ("top", math.nan, "a whole number"),
        ("threshold", math.nan, "a number; got nan"),
        ("threshold", -math.inf, "a number"),
        ("threshold", 10**400, "a number"),
        ("threshold", False, "a number"),
        ("forecast", 1, "true or false"),
        ("forecast", "true", "true or false"),
        ("since", "yesterday", "a day such as 2026-11-22"),
        ("since", "2026-02-30", "a day"),
        ("since", datetime(2026, 1, 1, tzinfo=UTC), "a day"),
        ("moment", 5, "a moment such as"),
        ("models", "a", "a list of texts"),
        ("models", ["a", 1], "a list of texts"),
        ("limits", [math.nan], "a list of numbers"),
        ("view", "long", "one of short, full; got 'long'"),
        ("level", 4, "one of 1, 2, 3, or nothing"),
    ],
)
def test_another_value_is_refused_with_what_was_expected(name: str, value: Any, says: str) -> None:
    with pytest.raises(InvalidParameter, match=says) as caught:
        coerce(tuple(FORM.values()), {name: value})
    assert caught.value.field == name


@pytest.mark.parametrize("read", [coerce, from_text])
@pytest.mark.parametrize("name", ["x=1;import os", "TOP", "top ", "__class__", ""])
def test_a_name_that_is_not_declared_is_refused(read: Any, name: str) -> None:
    with pytest.raises(InvalidParameter, match="no parameter of this template") as caught:
        read(tuple(FORM.values()), {name: "1"})
    assert caught.value.field == name


def test_true_is_no_choice_where_one_is() -> None:
    with pytest.raises(InvalidParameter):
        coerce([one("x: Literal[1, 2] = 1")], {"x": True})
    assert coerce([one("x: Literal[True, False] = True")], {"x": False}) == {"x": False}


def test_only_given_values_come_back_in_their_order() -> None:
    assert list(coerce(tuple(FORM.values()), {"top": 1, "team": None})) == ["top", "team"]
    assert coerce(tuple(FORM.values()), {}) == {}


def test_a_required_parameter_must_be_given() -> None:
    form = tuple(FORM.values())
    parameters.check_required(form, {"customer": "ACME"})
    with pytest.raises(InvalidParameter, match="required; give text") as caught:
        parameters.check_required(form, {"top": 1})
    assert caught.value.field == "customer"


# Typed text


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("team", "Platform", "Platform"),
        ("team", " padded ", " padded "),
        ("team", "", None),
        ("team", "none", "none"),  # a team may be called so
        ("top", " 5 ", 5),
        ("top", "-5", -5),
        ("threshold", "2.5", 2.5),
        ("threshold", "1e3", 1000.0),
        ("forecast", "No", False),
        ("forecast", "1", True),
        ("since", "2026-02-28", "2026-02-28"),
        ("until", "none", None),
        ("until", "", None),
        ("moment", "2026-02-28 09:00", "2026-02-28T09:00:00"),
        ("models", "a, b", ["a", "b"]),
        ("models", '["a, b", "c"]', ["a, b", "c"]),
        ("models", "", []),
        ("limits", "1,2.5", [1.0, 2.5]),
        ("sizes", "3", [3]),
        ("view", "full", "full"),
        ("level", "2", 2),
        ("level", "null", None),
        ("customer", "", ""),
    ],
)
def test_text_becomes_a_value(name: str, text: str, expected: Any) -> None:
    assert from_text(tuple(FORM.values()), {name: text}) == {name: expected}


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("top", "five", "a whole number; got 'five'"),
        ("top", "5.5", "a whole number"),
        ("top", "9" * 5000, "a whole number"),
        ("threshold", "nan", "a number"),
        ("threshold", "inf", "a number"),
        ("forecast", "maybe", "true or false; got 'maybe'"),
        ("since", "28.02.2026", "a day such as"),
        ("sizes", "1,x", "a list of whole numbers"),
        ("models", '["a"', "a list of texts"),
        ("models", "[" * 100_000, "a list of texts"),
        ("view", "", "one of short, full"),
    ],
)
def test_other_text_is_refused(name: str, text: str, says: str) -> None:
    with pytest.raises(InvalidParameter, match=says) as caught:
        from_text(tuple(FORM.values()), {name: text})
    assert caught.value.field == name


# The key


def test_the_key_does_not_depend_on_the_order() -> None:
    assert parameters_key({"a": 1, "b": "ü"}) == parameters_key({"b": "ü", "a": 1})
    assert parameters_key({"a": 1}) != parameters_key({"a": "1"})
    assert parameters_key({}) == "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"


def test_equal_values_have_one_key_once_they_are_checked() -> None:
    form = tuple(FORM.values())
    assert parameters_key(coerce(form, {"threshold": 1})) == parameters_key(coerce(form, {"threshold": 1.0}))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from(sorted(FORM)), json_values, max_size=4))
def test_any_json_value_is_accepted_as_json_or_refused_by_name(values: Mapping[str, Any]) -> None:
    form = tuple(FORM.values())
    try:
        result = coerce(form, values)
    except InvalidParameter as error:
        assert error.field in values
    else:
        assert coerce(form, json.loads(json.dumps(result, allow_nan=False))) == result
        assert len(parameters_key(result)) == 64


@given(st.dictionaries(st.sampled_from(sorted(FORM)), st.text(max_size=30), max_size=4))
def test_any_text_is_accepted_or_refused_by_name(texts: Mapping[str, str]) -> None:
    form = tuple(FORM.values())
    try:
        result = from_text(form, texts)
    except InvalidParameter as error:
        assert error.field in texts
    else:
        assert coerce(form, result) == result


@given(st.text(max_size=60) | st.text(alphabet="x:=|[]'\",1.() \nintstrlistNone#", max_size=60))
def test_any_cell_is_read_or_refused(source: str) -> None:
    try:
        found = read_parameters(source)
    except InvalidParameter:
        return
    assert all(parameter.name.isidentifier() for parameter in found)
