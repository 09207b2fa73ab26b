"""What an owner is told of a run that failed or was missed: what, where, whether it is tried again, what to do next.

It is built from the run alone, so that a deleted report or a missing archive never keeps it from being sent.
"""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from reports.messages.envelope import Envelope
from reports.messages.notice import Excerpt, Notice, report_argument
from reports.model import MAX_ATTEMPTS, Run, RunError, RunState

LINES_AROUND = 5  # of the cell's source before and after the failing line
MESSAGE_LIMIT = 2_000  # characters of an error's message; some carry whole tables
VALUES_LIMIT = 500  # characters of the run's parameters

NEXT_STEPS = {
    "ExecutionError": "Open the template {template} in JupyterLab with the values of this run, correct the cell and "
    "save it; then run `gazette report run {report}`.",
    "ExecutionTimeout": "Narrow the report's period or filters, or raise run_cell_seconds or run_wall_seconds; then "
    "run `gazette report run {report}`.",
    "ExtractError": "Check the data source with `gazette source check`; then run `gazette report run {report}`.",
    "RenderError": "Open the executed notebook of this run in the archive and correct what it shows; then run "
    "`gazette report run {report}`.",
    "ArchiveError": "Check that the archive has room and can be written; then run `gazette report run {report}`.",
}
OTHER_STEP = "Look at `gazette runs show {run}`; when the cause is gone, run `gazette report run {report}`."
MISSED_STEP = (
    "If these days are still wanted, open the run's page and choose “Run again for the same days”. To have missed due "
    "times made up for, change the report's catch-up or its grace; to miss fewer, keep a runner alive."
)


def failure_notice(envelope: Envelope) -> Notice:
    run = envelope.run
    if run.state is RunState.MISSED:
        return Notice("Missed", _missed_facts(run, envelope.missed), MISSED_STEP)
    error = run.error or RunError(run.stage or "unknown", "", run.reason or "No reason was recorded.")
    return Notice("Failed", _facts(run, error), _next_step(run, error), _excerpt(error))


def _missed_facts(run: Run, earlier: tuple[datetime, ...]) -> list[tuple[str, str]]:
    facts = [("Due", _moment(run, run.due_at)), ("Why", f"{run.reason[:1].upper()}{run.reason[1:]}.")]
    if earlier:
        first = _moment(run, earlier[0])
        facts.append(("Also missed", f"{len(earlier)} due times since {first}" if len(earlier) > 1 else first))
    return facts


def _facts(run: Run, error: RunError) -> list[tuple[str, str]]:
    cell = f"code cell {error.cell} of {run.template}" if error.cell is not None else ""
    facts = {
        "Where": cell or (f"the {error.stage} stage" if error.stage else ""),
        "Line": error.line.strip(),
        "Error": _error_in_words(error),
        "Values": ", ".join(f"{name} = {value!r}" for name, value in run.parameters.items())[:VALUES_LIMIT],
        "Due": _moment(run, run.due_at),
        "Attempt": f"{run.attempt} of {MAX_ATTEMPTS}",
        "Retry": _again(run),
    }
    return [(name, value) for name, value in facts.items() if value]


def _error_in_words(error: RunError) -> str:
    if len(error.message) > MESSAGE_LIMIT:
        return error.message[:MESSAGE_LIMIT] + " … (shortened)"
    return error.message or error.kind


def _moment(run: Run, at: datetime) -> str:
    return f"{at.astimezone(ZoneInfo(run.period.zone)):%Y-%m-%d %H:%M} {run.period.zone} time"


def _again(run: Run) -> str:
    """What becomes of the run now; the notice may be read after the next attempt has begun or even ended."""
    if run.state is RunState.QUEUED:
        if run.not_before is None:
            return "It will be tried again shortly."
        at = run.not_before.astimezone(ZoneInfo(run.period.zone))
        return f"It will be tried again at {at:%H:%M:%S} {run.period.zone} time."
    if run.state is RunState.RUNNING:
        return "It is being tried again now."
    if run.state is RunState.SUCCEEDED:
        return "A later attempt has succeeded; nothing needs to be done."
    return "It will not be tried again by itself."


def _next_step(run: Run, error: RunError) -> str:
    if run.state is RunState.SUCCEEDED:
        return "Nothing; the report has been made after all."
    step = NEXT_STEPS.get(error.kind, OTHER_STEP)
    return step.format(template=run.template, report=report_argument(run), run=run.id)


def _excerpt(error: RunError) -> Excerpt:
    """The cell's lines around the failing one, each with whether it is that one; [] if the source is not known."""
    lines = error.source.splitlines()
    wanted = error.line.strip()
    at = next((number for number, line in enumerate(lines) if wanted and line.strip() == wanted), None)
    if at is None:
        return [(False, line) for line in lines[: 2 * LINES_AROUND + 1]]
    first = max(0, at - LINES_AROUND)
    return [(number == at, lines[number]) for number in range(first, min(len(lines), at + LINES_AROUND + 1))]
