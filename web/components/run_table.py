"""Runs as a table: when they were due, for which days, how they stand and how they ended. For lists of any page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from markupsafe import Markup

from reports import periods
from reports.model import Artifact, Format, Run, RunKind, RunState
from web.components import status_text, tables, words
from web.components.reader import Reader
from web.components.tables import Cell, Column

ACTIVE = (RunState.QUEUED, RunState.RUNNING)
KIND_NAMES = {RunKind.SCHEDULED: "", RunKind.MANUAL: "by hand", RunKind.PREVIEW: "preview"}
SHORT = {Format.HTML: "HTML", Format.PDF: "PDF", Format.XLSX: "Excel"}
COLUMNS = (Column("State"), Column("Due", time=True), Column("Took", number=True))


def show(
    caption: str,
    runs: Sequence[Run],
    reader: Reader,
    *,
    quiet: bool = False,
    files: Mapping[str, Sequence[Artifact]] | None = None,
) -> None:
    """`files` by run id, where they are to be opened from the list."""
    columns = [Column("Report", wide=True), *COLUMNS[:1], Column("Period"), *COLUMNS[1:]]
    if files is not None:
        columns.append(Column("Files"))
    rows = []
    for run in runs:
        stands, *others = _cells(run, reader)
        row = [
            name(run),
            stands,
            tables.with_note(tables.one_line(periods.in_words(run.period)), _values(run)),
            *others,
        ]
        rows.append(row if files is None else [*row, links(run, files.get(run.id, ()))])
    tables.show(tables.Table(caption, columns, rows, quiet))


def links(run: Run, files: Sequence[Artifact]) -> Cell:
    """To open or download the report itself."""
    made = {each.format: each for each in files}
    suffix = f"of {run.report_name} for {periods.in_words(run.period)}, {run.id[:8]}"
    shown = [tables.link(f"files/{made[format].id}", SHORT[format], suffix) for format in SHORT if format in made]
    return tables.joined(shown) if shown else tables.NOTHING


def show_of_one(caption: str, runs: Sequence[Run], reader: Reader) -> None:
    """Runs of one report: named by their periods, under a heading that names the report."""
    columns = (Column("Period", wide=True), *COLUMNS)
    tables.show(tables.Table(caption, columns, [(period(run), *_cells(run, reader)) for run in runs], quiet=True))


def name(run: Run) -> Markup:
    link = tables.link("run", run.report_name, f"run of {periods.in_words(run.period)}, {run.id[:8]}", id=run.id)
    return tables.with_note(link, ", ".join(filter(None, (KIND_NAMES[run.kind], "kept" if run.pinned else ""))))


def period(run: Run) -> Markup:
    link = tables.link("run", periods.in_words(run.period), f"run {run.id[:8]}", id=run.id)
    return tables.with_note(link, ", ".join(filter(None, (KIND_NAMES[run.kind], _values(run)))))


def _cells(run: Run, reader: Reader) -> tuple[Markup, Markup, str]:
    return state(run), due(run, reader), took(run)


def due(run: Run, reader: Reader) -> Markup:
    return tables.with_note(reader.at(run.due_at), reader.relative(run.due_at))


def state(run: Run) -> Markup:
    """The state and, in short, why it is so."""
    return tables.with_note(status_text.run_state(run.state), why(run))


def why(run: Run) -> str:
    if run.state is RunState.RUNNING:
        return f"{run.stage or 'starting'}, attempt {run.attempt}"
    if run.error is not None and run.state in {RunState.FAILED, RunState.QUEUED}:
        return f"{run.error.kind} in cell {run.error.cell}" if run.error.cell else run.error.kind
    return run.reason


def took(run: Run) -> str:
    if run.started_at is None or run.finished_at is None:
        return tables.NOTHING
    return words.duration(run.finished_at - run.started_at)


def _values(run: Run) -> str:
    return words.values(run.parameters)
