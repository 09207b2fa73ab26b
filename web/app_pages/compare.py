"""Two runs side by side (`?a=` and `?b=`): their figures and the rows of their tables that differ, in words.

Compares what each run kept of its results, never pages. The earlier period stands left, whichever is named first.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import streamlit as st

from reports import bundle, comparison, periods
from reports.bundle import BUNDLE_FILE, Bundle
from reports.comparison import CHANGED, GONE, NEW, Comparison, TableChange
from reports.errors import ArchiveError, NotFound
from reports.kit import format as fmt
from reports.kit.changes import either, figure_words, pair_words, row_words, with_arrow
from reports.model import Format, Run, RunState
from reports.store import RunQuery
from web.components import choice, notices, run_table, tables, words
from web.components.reader import Reader, reader
from web.components.tables import Cell, Column
from web.wiring import desk

CHOICES = 50  # runs of the same report that are offered
ROWS = 20  # of a table that are listed; how many differ is said


def page() -> None:
    st.title("Compare two runs")
    one = run_of("a") or run_of("b")
    if one is None:
        notices.empty("Here two runs stand side by side.", "Choose the first in the archive, and there Compare.")
        st.page_link("app_pages/archive.py", label="Archive")
        return
    now = reader()
    others = [run for run in of_same_report(one) if run.id != one.id]
    if not others:
        st.info("This report has no other run that succeeded and is still kept, so there is nothing to compare with.")
        st.html(tables.more("run", "Back to the run", id=one.id))
        return
    other = chosen(one, others, now)
    before, after = sorted((one, other), key=lambda run: (run.period.end, run.due_at, run.id))
    show(before, after, now)


def run_of(name: str) -> Run | None:
    id = st.query_params.get(name, "")
    return desk().run(id) if id else None


def of_same_report(run: Run) -> list[Run]:
    """Those that kept what there is to compare."""
    runs = desk().runs(RunQuery(report_id=run.report_id, states=(RunState.SUCCEEDED,), limit=CHOICES))
    files = desk().artifacts_of([each.id for each in runs])
    return [each for each in runs if any(file.format is Format.RESULTS for file in files.get(each.id, ()))]


def chosen(one: Run, others: list[Run], now: Reader) -> Run:
    """From the URL or from the choice; by itself the run before."""
    linked = run_of("b") if st.query_params.get("a") else None
    everything = {run.id: run for run in [*others, *([linked] if linked and linked.id != one.id else [])]}
    earlier = [run for run in others if run.due_at < one.due_at] or others
    if "b" not in st.query_params or st.query_params["b"] not in everything:
        st.query_params["a"], st.query_params["b"] = one.id, earlier[0].id
    named = {id: f"{periods.in_words(run.period)}, due {now.at(run.due_at)}" for id, run in everything.items()}
    return everything[choice.from_url("Compared with", "b", named)]


def show(before: Run, after: Run, now: Reader) -> None:
    columns = (Column("Run"), Column("Earlier", wide=True), Column("Later", wide=True))
    rows = [(name, *cells) for name, *cells in facts(before, after, now)]
    tables.show(tables.Table(f"Two runs of {after.report_name}", columns, rows))
    with tempfile.TemporaryDirectory(prefix="gazette-compare-") as folder:
        try:
            earlier, later = results(before, Path(folder) / "a"), results(after, Path(folder) / "b")
            found = comparison.compare(later, earlier)
        except (ArchiveError, NotFound) as error:
            st.error(notices.plain(f"These two cannot be compared. {error}"))
            return
    show_summary(found)
    st.header("Figures")
    show_figures(found)
    for change in found.tables:
        show_table(change)


def facts(before: Run, after: Run, now: Reader) -> Iterator[tuple[Cell, Cell, Cell]]:
    def both(name: str, of: Callable[[Run], Cell]) -> tuple[Cell, Cell, Cell]:
        return name, of(before), of(after)

    yield both("Period", lambda run: tables.link("run", periods.in_words(run.period), f"run {run.id[:8]}", id=run.id))
    yield both("Due", lambda run: tables.with_note(now.at(run.due_at), run_table.KIND_NAMES[run.kind]))
    if before.parameters or after.parameters:
        yield both("Parameters", lambda run: words.values(run.parameters) or tables.NOTHING)
    if before.filters != after.filters:
        yield both("Only usage of", lambda run: words.values(run.filters.to_json()) or "all")
    yield both("Report", report_file)


def report_file(run: Run) -> Cell:
    return run_table.links(run, desk().artifacts(run.id))


def results(run: Run, folder: Path) -> Bundle:
    """What the run kept. Raises NotFound for a run from before results were kept."""
    kept = next((each for each in desk().artifacts(run.id) if each.format is Format.RESULTS), None)
    if kept is None:
        raise NotFound("results of the run", run.id)
    folder.mkdir()
    _, source = desk().open_artifact(kept.id)
    with source, (folder / BUNDLE_FILE).open("wb") as target:
        shutil.copyfileobj(source, target)
    return bundle.read(folder / BUNDLE_FILE)


def show_summary(found: Comparison) -> None:
    summary = found.summary()
    counts = [
        (summary.metrics, "figure has another value", "figures have other values"),
        (summary.new_rows, "row is new", "rows are new"),
        (summary.gone_rows, "row is gone", "rows are gone"),
        (summary.changed_rows, "row changed", "rows changed"),
    ]
    said = [fmt.plural(count, one, many) for count, one, many in counts if count]
    st.text(f"{fmt.listed(said)}.".capitalize() if said else "Nothing differs: every figure and every row is the same.")
    if found.template_changed:
        st.warning("The template was changed between the two, so figures may be made in another way.")
    if found.terms:
        st.warning(notices.plain(f"Defined in other words: {fmt.listed(found.terms)}."))


def show_figures(found: Comparison) -> None:
    if not found.metrics:
        st.text("Neither run recorded a figure.")
        return
    currency = desk().settings.currency
    ends = (Column("Earlier", number=True), Column("Later", number=True), Column("Change"))
    columns = (Column("Figure", wide=True), *ends)
    rows = [
        (
            either(pair).label,
            figure_words(pair.before, currency),
            figure_words(pair.now, currency),
            with_arrow(pair_words(pair)),
        )
        for pair in found.metrics
    ]
    tables.show(tables.Table("Figures of both runs", columns, rows, quiet=True))


def show_table(change: TableChange) -> None:
    st.header(notices.plain(change.table.title))
    if change.rows.empty:
        st.text(f"Not compared: {change.why_not}." if change.why_not else "No row differs.")
        return
    measure, label = change.measure, change.table.columns[0].label
    columns = [Column(label, wide=True)]
    if measure is not None:
        columns += [Column(f"{measure.label}, earlier", number=True), Column(f"{measure.label}, later", number=True)]
    listed = change.rows.head(ROWS)
    rows: list[list[Cell]] = []
    for row, said in zip(listed.to_dict("records"), row_words(listed, change), strict=True):
        amounts = [amount(row[name], measure.unit) for name in ("before", "now")] if measure is not None else []
        rows.append([tables.name_of(str(row["label"])), *amounts, said])
    tables.show(tables.Table(caption(change), [*columns, Column("Change")], rows))


def amount(value: float, unit: str) -> str:
    return tables.NOTHING if fmt.is_missing(value) else fmt.figure(value, unit, desk().settings.currency)


def caption(change: TableChange) -> str:
    kinds = [what for what in (NEW, GONE, CHANGED) if change.count(what)]
    counts = fmt.listed([f"{fmt.full(change.count(what))} {what}" for what in kinds])
    more = f"; the first {ROWS} are listed, the largest first" if len(change.rows) > ROWS else ""
    return f"{change.table.title}: {counts}{more}" + (f" ({change.why_not})" if change.why_not else "")


page()
