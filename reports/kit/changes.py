"""Since the last report: which figures moved, which rows are new or gone, and what moved most.

One call makes a section. It compares what this run has recorded so far with the last delivered run of the same report,
and records whether anything changed, which a subscription can wait for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import pandas as pd

from reports import bundle, comparison
from reports.comparison import CHANGED, GONE, NEW, Comparison, MetricPair, TableChange
from reports.errors import ArchiveError
from reports.kit import format as fmt
from reports.kit.cards import ARROWS, change_words
from reports.kit.context import RunContext, current
from reports.kit.header import moment
from reports.kit.markup import escape
from reports.kit.output import emit, record
from reports.kit.tables import Column, keep, table_html, table_text
from reports.model import Period
from reports.periods import in_words
from reports.results import Changes, Metric

MOST_METRICS = 12  # figures listed as moved; a report's cards are fewer
MOST_ROWS = 5  # of each kind, new, gone and moved; the sheet has all
MOST_STEADY = 6  # figures without a change that are named; more are counted
MOST_TERMS = 5  # definitions that are named
MIXED = "mixed"  # a column of figures in several units, as text on the right
NO_EARLIER = "There is no earlier report to compare with."
UNREADABLE = "The results of the last report cannot be read, so that there is nothing to compare with."


def changes(
    tables: Sequence[str] | None = None,
    keys: Mapping[str, str] | None = None,
    *,
    terms: Mapping[str, str] | None = None,
) -> None:
    """Emit what changed since the last report. Call it after the metrics and tables it is to compare.

    `tables` are names of tables; by default all recorded so far but those by day. `keys` maps a table to the column
    that tells its rows apart, where that is not the first. `terms` are what `definitions` will be given, so that a
    definition in other words is named. Percentages of the change compare with the last report, not with the period
    before. Where there is no earlier report, and in JupyterLab, the section says so.
    """
    run = current()
    previous = run.context.previous_run
    if run.run_dir is None or previous is None:
        return _nothing(NO_EARLIER)
    now = bundle.of_run(run.run_dir, run.context.template_digest)
    try:
        before = bundle.read(run.run_dir / previous["file"])
        found = comparison.compare(now, before, tables, keys, terms)
    except ArchiveError:
        return _nothing(UNREADABLE)
    record("changes", asdict(found.summary()))
    _paragraph(_introduction(run, previous, found))
    _metrics_table(found.metrics, run.currency)
    for change in found.tables:
        _rows_table(change)
    if rest := _rest(found):
        _paragraph(rest)
    return None


def _nothing(text: str) -> None:
    record("changes", asdict(Changes(compared=False)))
    _paragraph([text])


def _paragraph(sentences: Sequence[str]) -> None:
    text = " ".join(sentences)
    emit("changes", f"<p>{escape(text)}</p>", text)


def _introduction(run: RunContext, previous: Mapping[str, Any], found: Comparison) -> list[str]:
    """What it is compared with, how much changed, and what else may be a reason."""
    period = Period.from_json(previous["period"])
    made = moment(previous["due_at"], run.period.zone)
    sentences = [f"Compared with the report of {made} for {in_words(period)}."]
    if period == run.period:
        sentences.append("It covered the same days.")
    elif period.days != run.period.days:
        sentences.append(f"It covered {fmt.plural(period.days, 'day')}, this one {fmt.short(run.period.days)}.")
    if not found.summary().anything:
        sentences.append("Nothing changed.")
    if found.template_changed:
        sentences.append("The template was changed since then, so figures may be made in another way.")
    if found.terms:
        named = fmt.listed(found.terms[:MOST_TERMS]) if len(found.terms) <= MOST_TERMS else f"{len(found.terms)} terms"
        sentences.append(f"Defined in other words since then: {named}.")
    return sentences


def _metrics_table(pairs: Sequence[MetricPair], currency: str) -> None:
    """Figures that are not steady, in the report's order, as text: their units differ."""
    moved = [pair for pair in pairs if pair_words(pair) != "steady"]
    if not moved:
        return
    columns = [
        Column("label", "Figure"),
        Column("now", "This report", MIXED),
        Column("before", "Last report", MIXED),
        Column("words", "Change"),
    ]
    rows = [
        {
            "label": either(pair).label,
            "now": figure_words(pair.now, currency),
            "before": figure_words(pair.before, currency),
            "words": with_arrow(pair_words(pair)),
        }
        for pair in moved[:MOST_METRICS]
    ]
    of = f"{len(moved)} of {fmt.plural(len(pairs), 'figure')} moved"
    listed = f"{of}; the first {MOST_METRICS} are listed" if len(moved) > MOST_METRICS else of
    _emit_table("changes-figures", listed, rows, columns)


def either(pair: MetricPair) -> Metric:
    metric = pair.now or pair.before
    assert metric is not None
    return metric


def pair_words(pair: MetricPair) -> str:
    """The change in words; steady also for what is not available both times."""
    if pair.now is None:
        return "gone"
    if pair.before is None:
        return "new"
    if pair.now.unit != pair.before.unit:
        return "other unit"
    now, before = pair.now.value, pair.before.value
    if now is None or before is None:
        return "steady" if now is before else "no comparison"
    return change_words(now, before, pair.now.unit)


def with_arrow(words: str) -> str:
    arrow = ARROWS.get(words.split(maxsplit=1)[0])
    return f"{arrow} {words}" if arrow else words


def figure_words(metric: Metric | None, currency: str) -> str:
    if metric is None:
        return fmt.EN_DASH
    return "not available" if metric.value is None else fmt.figure(metric.value, metric.unit, currency)


def _rows_table(change: TableChange) -> None:
    """New and gone rows and the biggest movers of one table; every row of them goes to a sheet."""
    listed = _listed(change)
    if listed.empty:
        return
    title, label = change.table.title, change.table.columns[0].label
    columns = [Column("label", label)]
    if change.measure:
        unit, name = change.measure.unit, change.measure.label
        columns += [Column("now", f"{name}, this report", unit), Column("before", f"{name}, last report", unit)]
    columns.append(Column("words", "Change"))
    name = f"changes-{change.table.name}"
    everything = change.rows.assign(words=row_words(change.rows, change))
    keep(name, f"{title}, changes", everything, columns, f"{title} against the last report", role="changes")
    rows: list[dict[str, Any]] = listed.assign(words=row_words(listed, change)).to_dict("records")  # type: ignore[assignment]
    _emit_table(name, _caption(change), rows, columns)


def _listed(change: TableChange) -> pd.DataFrame:
    rows = change.rows
    if change.measure:  # a row may differ in something else than what it is measured by
        rows = rows[(rows["what"] != CHANGED) | (rows["now"].fillna(0) != rows["before"].fillna(0))]
    return rows.groupby("what", sort=False).head(MOST_ROWS)


def row_words(rows: pd.DataFrame, change: TableChange) -> list[str]:
    unit = change.measure.unit if change.measure else ""
    return [_row_word(str(what), now, before, unit) for what, now, before in rows[["what", "now", "before"]].to_numpy()]


def _row_word(what: str, now: float, before: float, unit: str) -> str:
    if what != CHANGED or fmt.is_missing(now) or fmt.is_missing(before):
        return what
    words = change_words(now, before, unit)
    return CHANGED if words == "no comparison" else "from zero" if words == "new" else with_arrow(words)


def _caption(change: TableChange) -> str:
    counts = [(change.count(what), what) for what in (NEW, GONE, CHANGED)]
    said = fmt.listed([f"{fmt.full(count)} {what}" for count, what in counts if count])
    more = any(count > MOST_ROWS for count, _ in counts)
    kinds = " of each" if sum(bool(count) for count, _ in counts) > 1 else ""
    measured = f", the largest by {change.measure.label.lower()}," if change.measure else ""
    text = f"{change.table.title}: {said}" + (f"; {MOST_ROWS}{kinds}{measured} are listed" if more else "")
    return f"{text} ({change.why_not})" if change.why_not else text


def _rest(found: Comparison) -> list[str]:
    """What needs no table: steady figures, tables without a change, tables that could not be compared."""
    sentences = []
    steady = [either(pair).label for pair in found.metrics if pair_words(pair) == "steady"]
    same = [each.table.title for each in found.tables if each.rows.empty and not each.why_not]
    anything = found.summary().anything  # without, it was said that nothing changed
    if steady and anything:
        named = fmt.listed(steady) if len(steady) <= MOST_STEADY else fmt.plural(len(steady), "figure")
        sentences.append(f"Steady, within 1{fmt.NBSP}%: {named}.")
    if same and anything:
        sentences.append(f"No row changed in {fmt.listed(same)}.")
    sentences += [
        f"{each.table.title} cannot be compared: {each.why_not}."
        for each in found.tables
        if each.rows.empty and each.why_not
    ]
    return sentences


def _emit_table(name: str, caption: str, rows: Sequence[Mapping[str, Any]], columns: Sequence[Column]) -> None:
    emit("table", table_html(name, caption, rows, columns), table_text(caption, rows, columns))
