"""What went wrong in a notebook, said as an ExecutionError or ExecutionTimeout.

It turns replies, exit statuses and limits into the cell's number as its author counts, the failing line and the error.
"""

from __future__ import annotations

import re
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from reports.errors import ExecutionError, ExecutionTimeout
from runner.execute.guard import SIGNALLED

INJECTED_TAG = "injected-parameters"
EVALUE_CHARACTERS = 2_000  # of an error's own message; a database row and a page show it
TRACEBACK_CHARACTERS = 20_000
LOG_CHARACTERS = 2_000

_ANSI = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")


@dataclass(frozen=True)
class CellPlace:
    """Where the run was: `number` counts the template's code cells from 1; None for papermill's own cell."""

    number: int | None
    source: str
    execution_count: int | None = None


def place_of(cells: Sequence[Any], index: int) -> CellPlace:
    cell = cells[index]
    if INJECTED_TAG in cell.metadata.get("tags", []):
        return CellPlace(None, cell.source, cell.get("execution_count"))
    number = sum(1 for other in cells[: index + 1] if _is_authored(other))
    return CellPlace(number, cell.source, cell.get("execution_count"))


def _is_authored(cell: Any) -> bool:
    return cell.cell_type == "code" and INJECTED_TAG not in cell.metadata.get("tags", [])


def cell_failed(place: CellPlace, reply: Mapping[str, Any]) -> ExecutionError:
    """The error of an execute reply whose status is "error"."""
    traceback = plain("\n".join(reply.get("traceback") or []))
    ename = str(reply.get("ename", "Error"))
    return ExecutionError(
        ename,
        plain(str(reply.get("evalue", "")))[:EVALUE_CHARACTERS],
        cell=place.number,
        source=place.source,
        line=_exiting_line(place) if ename == "SystemExit" else failing_line(place, traceback),
        traceback=traceback[-TRACEBACK_CHARACTERS:],
    )


def cell_ended_kernel(place: CellPlace) -> ExecutionError:
    line = _exiting_line(place)
    message = "the cell ended the kernel; let a notebook run to its last cell"
    return ExecutionError("SystemExit", message, cell=place.number, source=place.source, line=line)


def kernel_died(place: CellPlace | None, status: int | None, log: str) -> ExecutionError:
    """The kernel ended while a cell ran, or before the first one (`place` None)."""
    if place is None:
        message = (
            f"the kernel could not start ({exit_words(status)}): {log[-LOG_CHARACTERS:].strip() or 'it wrote nothing'}"
        )
        error = ExecutionError("KernelDied", message)
        error.permanent = False
        return error
    line = _crashed_line(place, log)
    message = f"the kernel died: {exit_words(status)}"
    return ExecutionError(
        "KernelDied", message, cell=place.number, source=place.source, line=line, traceback=log[:LOG_CHARACTERS].strip()
    )


def timed_out(place: CellPlace, limit: timedelta, *, of_notebook: bool) -> ExecutionTimeout:
    where = f"Cell {place.number}" if place.number is not None else "The cell with the parameters"
    allowed = in_words(limit)
    if of_notebook:
        message = f"{where} was running when the notebook reached its limit of {allowed}; the run was ended"
    else:
        message = f"{where} did not finish within {allowed}; the run was ended"
    return ExecutionTimeout(message, cell=place.number, source=place.source)


def failing_line(place: CellPlace, traceback: str) -> str:
    """The line of the cell at which the traceback entered or failed; "" if it does not say."""
    numbers = re.findall(rf"Cell In\[{place.execution_count}\], line (\d+)", traceback)
    return _line(place, int(numbers[-1])) if numbers else ""


def _exiting_line(place: CellPlace) -> str:
    """IPython shows no traceback for an exit, so the source is searched for it."""
    return next((line for line in place.source.splitlines() if re.search(r"\b(exit|quit|SystemExit)\b", line)), "")


def _crashed_line(place: CellPlace, log: str) -> str:
    """faulthandler names the innermost frame first; a cell's own file is in the kernel's temporary folder."""
    found = re.search(r'File "[^"]*ipykernel_\d+/\d+\.py", line (\d+) in <module>', log)
    return _line(place, int(found.group(1))) if found else ""


def _line(place: CellPlace, number: int) -> str:
    lines = place.source.splitlines()
    return lines[number - 1] if 0 < number <= len(lines) else ""


def plain(text: str) -> str:
    """Text without terminal colours."""
    return _ANSI.sub("", text)


def exit_words(status: int | None) -> str:
    if status is None:
        return "it does not answer any more"
    if status <= SIGNALLED:
        return f"it ended with status {status}"
    number = status - SIGNALLED
    try:
        name = signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
    meaning = {"SIGKILL": ", as when memory runs out", "SIGXCPU": ", its CPU time was used up"}.get(name, "")
    return f"{name} ({signal.strsignal(number)}{meaning})"


def in_words(duration: timedelta) -> str:
    seconds = duration.total_seconds()
    if seconds >= 60 and seconds % 60 == 0:
        minutes = int(seconds // 60)
        return "1 minute" if minutes == 1 else f"{minutes} minutes"
    return "1 second" if seconds == 1 else f"{seconds:g} seconds"
