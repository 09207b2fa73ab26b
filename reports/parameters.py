"""The typed form of a template, read from its cell tagged `parameters`, and the values people give for it.

A name that the cell does not declare is always refused: papermill writes names into the notebook as code. Values are
JSON values (days and instants as ISO text); nothing here executes the cell.
"""

from __future__ import annotations

import ast
import io
import json
import math
import tokenize
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from hashlib import sha256
from typing import Any

from reports.errors import InvalidParameter
from reports.notebook import syntax_tree

JsonValue = str | int | float | bool | None | list[Any]

MAX_TEXT = 10_000  # characters; longer text is data and belongs into a source
MAX_WHOLE = 2**63 - 1  # what databases and spreadsheets can hold


@dataclass(frozen=True)
class Parameter:
    """One typed input. `type` is str, int, float, bool, date, datetime or list[...] of those."""

    name: str
    type: str
    default: JsonValue = None
    required: bool = False  # declared without a default
    optional: bool = False  # None is a value of its own
    choices: tuple[str | int | bool, ...] = ()  # Literal[...]
    help: str = ""

    @property
    def expected(self) -> str:
        """What a value must be, in words: "a whole number", "one of a, b"."""
        words = _expected(self.type, self.choices)
        return f"{words}, or nothing" if self.optional else words


def read_parameters(source: str) -> tuple[Parameter, ...]:
    """The parameters declared in the source of one cell, in its order.

    Raises InvalidParameter naming a parameter whose type or default is none of the supported ones, and
    InvalidParameter("parameters", ...) if the cell is no Python.
    """
    try:
        tree = syntax_tree(source) or ast.parse("")
    except SyntaxError as error:
        raise InvalidParameter("parameters", f"the cell is not valid Python: {error}") from error
    comments = _trailing_comments(source)
    found: dict[str, Parameter] = {}
    for statement in tree.body:
        declared = _declaration(statement)
        if declared is None:
            continue
        name, annotation, value = declared
        if name in found:
            raise InvalidParameter(name, "is declared twice; keep one of the two lines")
        found[name] = _parameter(name, annotation, value, comments.get(statement.end_lineno or 0, ""))
    return tuple(found.values())


def _declaration(statement: ast.stmt) -> tuple[str, ast.expr | None, ast.expr | None] | None:
    """Name, annotation and default of an assignment; None for imports and remarks, which declare nothing."""
    match statement:
        case ast.AnnAssign(target=ast.Name(id=name), annotation=annotation, value=value):
            return name, annotation, value
        case ast.Assign(targets=[ast.Name(id=name)], value=value):
            return name, None, value
        case ast.Import() | ast.ImportFrom() | ast.Pass() | ast.Expr(value=ast.Constant()):
            return None
    message = f"line {statement.lineno} of the cell is not of the form `name: type = default`; move it to another cell"
    raise InvalidParameter("parameters", message)


def _trailing_comments(source: str) -> dict[int, str]:
    comments = {}
    try:
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            if token.type == tokenize.COMMENT:
                comments[token.start[0]] = token.string.lstrip("# ").rstrip()
    except (tokenize.TokenError, SyntaxError):  # stricter than the compiler; help texts are not worth a refusal
        pass
    return comments


def _parameter(name: str, annotation: ast.expr | None, value: ast.expr | None, help: str) -> Parameter:
    default = None if value is None else _default(name, value)
    declared = (_type_of(name, default), False, ()) if annotation is None else _read_type(name, annotation)
    type_, optional, choices = declared
    parameter = Parameter(name, type_, None, value is None, optional, choices, help)
    return parameter if value is None else replace(parameter, default=coerce_value(parameter, default))


# Types


SCALARS = ("str", "int", "float", "bool", "date", "datetime")
LISTS = ("list[str]", "list[int]", "list[float]")

_WORDS = {
    "str": "text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "date": "a day such as 2026-11-22",
    "datetime": "a moment such as 2026-11-22T09:00",
    "list[str]": "a list of texts",
    "list[int]": "a list of whole numbers",
    "list[float]": "a list of numbers",
}


def _expected(type_: str, choices: Sequence[str | int | bool]) -> str:
    if choices:
        return "one of " + ", ".join(str(choice) for choice in choices)
    return _WORDS[type_]


def _read_type(name: str, annotation: ast.expr) -> tuple[str, bool, tuple[str | int | bool, ...]]:
    """Type, whether None is allowed, and the choices, from an annotation; a quoted one is read as well."""
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        annotation = _unquoted(name, annotation.value)
    members = _members(annotation)
    wanted = [member for member in members if not _is_none(member)]
    if len(wanted) != 1:
        raise _unknown_type(name, annotation)
    choices = _choices(name, wanted[0])
    type_ = type(choices[0]).__name__ if choices else ast.unparse(wanted[0]).removeprefix("datetime.")
    type_ = {"List[str]": "list[str]", "List[int]": "list[int]", "List[float]": "list[float]"}.get(type_, type_)
    type_ = "list[str]" if type_ in {"list", "List"} else type_
    if type_ not in SCALARS + LISTS:
        raise _unknown_type(name, annotation)
    return type_, len(members) > len(wanted), choices


def _unquoted(name: str, text: str) -> ast.expr:
    try:
        return ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:  # a NUL character; nesting too deep
        raise InvalidParameter(name, f"has a type that is not valid Python: {text!r}") from error


def _members(annotation: ast.expr) -> list[ast.expr]:
    """The members of `X | None`, `Optional[X]` and `Union[X, None]`; else the annotation itself."""
    match annotation:
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return _members(left) + _members(right)
        case ast.Subscript(value=ast.Name(id="Optional") | ast.Attribute(attr="Optional"), slice=inner):
            return [*_members(inner), ast.Constant(None)]
        case ast.Subscript(value=ast.Name(id="Union") | ast.Attribute(attr="Union"), slice=ast.Tuple(elts=inner)):
            return [member for part in inner for member in _members(part)]
    return [annotation]


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _choices(name: str, node: ast.expr) -> tuple[str | int | bool, ...]:
    match node:
        case ast.Subscript(value=ast.Name(id="Literal") | ast.Attribute(attr="Literal"), slice=inner):
            elements = inner.elts if isinstance(inner, ast.Tuple) else [inner]
        case _:
            return ()
    values = tuple(_default(name, element) for element in elements)
    if not values or {type(value) for value in values} not in ({str}, {int}, {bool}):
        raise InvalidParameter(name, "has choices that are not all texts or all whole numbers")
    return values


def _unknown_type(name: str, annotation: ast.expr) -> InvalidParameter:
    known = ", ".join(SCALARS + LISTS)
    return InvalidParameter(
        name, f"has the type {ast.unparse(annotation)}; use one of {known}, Literal[...], or one of them `| None`"
    )


# Defaults


def _default(name: str, node: ast.expr) -> Any:
    """The value of a literal, of `date(...)` and of `datetime(...)`, without executing anything."""
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, MemoryError, RecursionError):
        pass
    try:
        match node:
            case ast.Call(func=ast.Name(id=kind) | ast.Attribute(attr=kind), args=arguments, keywords=[]) if kind in {
                "date",
                "datetime",
            }:
                numbers = [ast.literal_eval(argument) for argument in arguments]
                return date(*numbers) if kind == "date" else datetime(*numbers)  # noqa: DTZ001 - written without a zone
    except (ValueError, TypeError, OverflowError) as error:
        raise InvalidParameter(name, f"has a default that is no moment: {ast.unparse(node)}") from error
    raise InvalidParameter(name, f"has the default {ast.unparse(node)}; write a plain value such as 10 or 'all'")


def _type_of(name: str, default: Any) -> str:
    """The type an un-annotated default stands for."""
    if isinstance(default, list | tuple):
        kinds = {type(item).__name__ for item in default} or {"str"}
        kinds = {"float"} if kinds == {"int", "float"} else kinds
        type_ = f"list[{kinds.pop()}]" if len(kinds) == 1 else "list of mixed values"
    else:
        type_ = type(default).__name__
    if type_ not in SCALARS + LISTS:
        raise InvalidParameter(name, f"needs a type: write `{name}: str | None = ...` or another supported type")
    return type_


# Values


def coerce(parameters: Sequence[Parameter], values: Mapping[str, Any]) -> dict[str, JsonValue]:
    """`values` checked against the declared parameters, as JSON values in the order given; defaults are not added.

    Raises InvalidParameter for a name that is not declared and for a value of another type.
    """
    declared = {parameter.name: parameter for parameter in parameters}
    result: dict[str, JsonValue] = {}
    for name, value in values.items():
        if name not in declared:
            raise _undeclared(name, declared)
        result[name] = coerce_value(declared[name], value)
    return result


def check_required(parameters: Sequence[Parameter], values: Mapping[str, Any]) -> None:
    """Raises InvalidParameter for the first parameter without a default that `values` does not hold."""
    for parameter in parameters:
        if parameter.required and parameter.name not in values:
            raise InvalidParameter(parameter.name, f"is required; give {parameter.expected}")


def from_text(parameters: Sequence[Parameter], texts: Mapping[str, str]) -> dict[str, JsonValue]:
    """Values from what a person typed: `5`, `yes`, `2026-11-22`, `a,b` or `["a", "b"]`; nothing typed means None."""
    declared = {parameter.name: parameter for parameter in parameters}
    values: dict[str, Any] = {}
    for name, text in texts.items():
        if name not in declared:
            raise _undeclared(name, declared)
        values[name] = _from_text(declared[name], text)
    return coerce(parameters, values)


def parameters_key(values: Mapping[str, Any]) -> str:
    """sha256 of the values' canonical JSON: equal for equal values, whatever their order."""
    text = json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return sha256(text.encode()).hexdigest()


def coerce_value(parameter: Parameter, value: Any) -> JsonValue:
    """One value as JSON. Raises InvalidParameter saying what was expected."""
    if value is None and parameter.optional:
        return None
    try:
        result = _READERS[parameter.type](value)
    except (ValueError, TypeError, OverflowError) as error:
        raise _unexpected(parameter, value) from error
    if parameter.choices and (result not in parameter.choices or type(result) is not type(parameter.choices[0])):
        raise _unexpected(parameter, value)
    return result


def _undeclared(name: str, declared: Mapping[str, Parameter]) -> InvalidParameter:
    known = ", ".join(declared) or "none"
    return InvalidParameter(name, f"is no parameter of this template (it has: {known})")


def _unexpected(parameter: Parameter, value: Any) -> InvalidParameter:
    shown = repr(value)
    shown = shown if len(shown) <= 60 else shown[:57] + "..."
    return InvalidParameter(parameter.name, f"must be {parameter.expected}; got {shown}")


def _text(value: Any) -> str:
    """Raises ValueError for what a database or a spreadsheet cannot hold: NUL, half a surrogate pair, too much."""
    if not isinstance(value, str):
        raise TypeError
    value.encode("utf-8")
    if "\0" in value or len(value) > MAX_TEXT:
        raise ValueError
    return value


def _whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float) or value != int(value):
        raise TypeError
    if abs(value) > MAX_WHOLE:
        raise ValueError
    return int(value)


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise TypeError
    return float(value)


def _truth(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


def _day(value: Any) -> str:
    if isinstance(value, date) and not isinstance(value, datetime):
        return value.isoformat()
    return date.fromisoformat(_text(value)).isoformat()


def _moment(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    return datetime.fromisoformat(_text(value)).isoformat()


def _list_of(read: Callable[[Any], Any]) -> Callable[[Any], JsonValue]:
    def read_list(value: Any) -> JsonValue:
        if not isinstance(value, list | tuple):
            raise TypeError
        return [read(item) for item in value]

    return read_list


_READERS: dict[str, Callable[[Any], JsonValue]] = {
    "str": _text,
    "int": _whole,
    "float": _number,
    "bool": _truth,
    "date": _day,
    "datetime": _moment,
    "list[str]": _list_of(_text),
    "list[int]": _list_of(_whole),
    "list[float]": _list_of(_number),
}

_TRUTHS = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}


def _from_text(parameter: Parameter, text: str) -> Any:
    typed = text.strip()
    if parameter.optional and (typed == "" or (parameter.type != "str" and typed.lower() in {"none", "null"})):
        return None
    try:
        if parameter.type.startswith("list["):
            return _list_from_text(parameter.type[5:-1], typed)
        return _scalar_from_text(parameter.type, text if parameter.type == "str" else typed)
    except (ValueError, KeyError, RecursionError) as error:
        raise _unexpected(parameter, text) from error


def _list_from_text(item_type: str, text: str) -> list[Any]:
    if text.startswith("["):
        items = json.loads(text)
        return items if isinstance(items, list) else [items]
    return [_scalar_from_text(item_type, item.strip()) for item in text.split(",")] if text else []


def _scalar_from_text(type_: str, text: str) -> Any:
    match type_:
        case "int":
            return int(text)
        case "float":
            return float(text)
        case "bool":
            return _TRUTHS[text.lower()]
    return text
