"""The error tree is the one its docstring draws, and messages say what to do next."""

from __future__ import annotations

import inspect
import re

import pytest

from reports import errors
from reports.errors import (
    ConfigError,
    DeliveryError,
    ExecutionError,
    ExecutionTimeout,
    ExtractError,
    GazetteError,
    InvalidCron,
    InvalidInput,
    NotFound,
    RenderError,
    StageError,
    StaleVersion,
)

DRAWN = {
    "ConfigError": "GazetteError",
    "InvalidInput": "GazetteError",
    "InvalidCron": "InvalidInput",
    "InvalidParameter": "InvalidInput",
    "InvalidRecipient": "InvalidInput",
    "InvalidTemplate": "InvalidInput",
    "NotFound": "GazetteError",
    "Forbidden": "GazetteError",
    "SignInRefused": "GazetteError",
    "Conflict": "GazetteError",
    "LeaseLost": "Conflict",
    "StaleVersion": "Conflict",
    "StageError": "GazetteError",
    "ExtractError": "StageError",
    "ExecutionError": "StageError",
    "ExecutionTimeout": "StageError",
    "RenderError": "StageError",
    "ArchiveError": "StageError",
    "DeliveryError": "StageError",
}


def classes() -> dict[str, type[Exception]]:
    found = inspect.getmembers(errors, inspect.isclass)
    return {name: kind for name, kind in found if kind.__module__ == errors.__name__}


def drawn_tree(text: str) -> dict[str, str]:
    """Child and parent for every name in the docstring's drawing; the depth of a line is where its branch begins."""
    parents: dict[str, str] = {}
    above: dict[int, str] = {}
    for line in text.splitlines():
        branch = re.match(r"^([ |]*)(?:(?:\|-|'-) |   )?(?=[A-Z])", line)
        names = re.findall(r"\b[A-Z]\w*", line.split("   ", 1)[0] if line[:1].isalpha() else line)
        known = [name for name in names if name in classes()]
        if branch is None or not known:
            continue
        depth = len(branch.group(0)) // 3
        above[depth] = known[0]
        for name in known if depth else []:
            parents[name] = above[depth - 1]
    return parents


def test_the_tree_is_the_one_that_is_drawn() -> None:
    actual = {name: kind.__bases__[0].__name__ for name, kind in classes().items() if kind is not GazetteError}
    assert actual == DRAWN
    assert drawn_tree(errors.__doc__ or "") == DRAWN


def test_every_error_has_the_one_base() -> None:
    assert all(issubclass(kind, GazetteError) for kind in classes().values())
    assert GazetteError.__bases__ == (Exception,)


def test_invalid_input_carries_the_field_and_the_bare_message() -> None:
    error = InvalidCron("minute", "61 is not possible")
    assert (error.field, error.message, str(error)) == ("minute", "61 is not possible", "minute: 61 is not possible")
    assert isinstance(error, InvalidInput)


def test_messages_name_what_they_are_about() -> None:
    assert str(ConfigError("port", "must be a number")) == "port: must be a number"
    assert str(NotFound("report", "r1")) == "There is no report 'r1'."
    stale = StaleVersion("report", "r1", 7)
    assert stale.current == 7
    assert "load version 7 and edit again" in str(stale)


@pytest.mark.parametrize(
    ("error", "permanent"),
    [
        (ExtractError("x"), False),
        (ExtractError("x", permanent=True), True),
        (ExecutionError("ValueError", "x"), True),
        (ExecutionTimeout("x"), True),
        (RenderError("pdf", "x"), False),
        (RenderError("pdf", "x", permanent=True), True),
        (DeliveryError("x"), False),
        (DeliveryError("x", permanent=True), True),
    ],
)
def test_a_stage_error_says_whether_trying_again_can_help(error: StageError, permanent: bool) -> None:
    assert error.permanent is permanent


def test_one_error_does_not_change_the_next() -> None:
    assert ExtractError("x", permanent=True).permanent
    assert not ExtractError("x").permanent


def test_a_failed_cell_is_named_with_its_line() -> None:
    error = ExecutionError("ZeroDivisionError", "division by zero", cell=3, source="a = 0\n1 / a", line="  1 / a")
    assert str(error) == "Cell 3 failed at `1 / a`: ZeroDivisionError: division by zero"
    assert str(ExecutionError("DeadKernelError", "gone")) == "The notebook failed: DeadKernelError: gone"


def test_a_format_that_cannot_be_made_is_named() -> None:
    error = RenderError("pdf", "the browser closed")
    assert (error.format, str(error)) == ("pdf", "The pdf could not be made: the browser closed")


def test_a_delivery_error_carries_what_the_peer_said() -> None:
    error = DeliveryError("busy", retry_after=120)
    assert (error.retry_after, error.unknown) == (120, False)
    assert DeliveryError("lost", unknown=True).unknown
