"""What differs between the results of two runs: figures, rows of tables, the template and its definitions.

Compares what was recorded, never pages, and judges nothing. Both the section of a report and the condition of a
subscription come from here, so that they agree.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from reports.bundle import MAX_ROWS, Bundle
from reports.results import Changes, Column, Metric, Table

SAME = 1e-9  # relative: what sums in another order may differ by
AMOUNTS = ("usd", "count", "tokens", "ms")  # units of what a row is measured by, the most telling first
COMPARED = ("", "date", *AMOUNTS, "usd_per_million")  # not percent: a share moves when other rows do
BEFORE = "previous_"  # how columns begin that hold the period before: they change without any usage
DATA = "Data"  # the definition that says when the data was read: another one in every run
NEW, GONE, CHANGED = "new", "gone", "changed"


@dataclass(frozen=True)
class MetricPair:
    """A figure now and then; one of them is None where the figure is new or gone."""

    now: Metric | None
    before: Metric | None

    @property
    def differs(self) -> bool:
        if self.now is None or self.before is None:
            return True
        return self.now.unit != self.before.unit or not _same(self.now.value, self.before.value)


@dataclass(frozen=True)
class TableChange:
    """The rows of one table that differ. `why_not` says why its rows could not be compared.

    `rows` has the columns label, what (new, gone or changed), now and before (of `measure`; NaN where there is none):
    new rows first, the largest first, then those gone, then those changed, by how much their measure moved.
    """

    table: Table
    rows: pd.DataFrame
    measure: Column | None = None
    why_not: str = ""

    def count(self, what: str) -> int:
        return int((self.rows["what"] == what).sum())


@dataclass(frozen=True)
class Comparison:
    metrics: tuple[MetricPair, ...]
    tables: tuple[TableChange, ...]
    template_changed: bool
    terms: tuple[str, ...]  # defined in other words than then

    def summary(self) -> Changes:
        return Changes(
            compared=True,
            metrics=sum(pair.differs for pair in self.metrics),
            new_rows=sum(table.count(NEW) for table in self.tables),
            gone_rows=sum(table.count(GONE) for table in self.tables),
            changed_rows=sum(table.count(CHANGED) for table in self.tables),
        )


def compare(
    now: Bundle,
    before: Bundle,
    tables: Sequence[str] | None = None,
    keys: Mapping[str, str] | None = None,
    terms: Mapping[str, str] | None = None,
) -> Comparison:
    """Every figure, and the rows of `tables`; None: of all tables except those with a row for each day.

    `keys` names the column that tells the rows of a table apart; by default the first. `terms` are the definitions of
    this run, for when they are not recorded yet. Raises ArchiveError if a table's file cannot be read.
    """
    same_template = now.template_digest == before.template_digest
    names = list(tables) if tables is not None else _comparable(now, before)
    # A table without rows is not recorded; one that another template did not make has nothing to be compared with.
    there = now.tables.keys() | before.tables.keys() if same_template else now.tables.keys() & before.tables.keys()
    return Comparison(
        metrics=_pairs(now.metrics, before.metrics),
        tables=tuple(_compare_table(name, now, before, (keys or {}).get(name)) for name in names if name in there),
        template_changed=not same_template,
        terms=_other_terms(dict(now.results.definitions) if terms is None else terms, before),
    )


def _pairs(now: Mapping[str, Metric], before: Mapping[str, Metric]) -> tuple[MetricPair, ...]:
    names = [*now, *(name for name in before if name not in now)]
    return tuple(MetricPair(now.get(name), before.get(name)) for name in names)


def _other_terms(terms: Mapping[str, str], before: Bundle) -> tuple[str, ...]:
    known = dict(before.results.definitions)
    return tuple(
        term for term, meaning in terms.items() if term != DATA and known.get(term, meaning).split() != meaning.split()
    )


def _comparable(now: Bundle, before: Bundle) -> list[str]:
    """Tables of either run, except those by day: their rows are others in every period."""
    both = {**before.tables, **now.tables}
    order = [*now.tables, *(name for name in before.tables if name not in now.tables)]
    return [name for name in order if both[name].columns and both[name].columns[0].unit != "date"]


def _compare_table(name: str, now: Bundle, before: Bundle, key: str | None) -> TableChange:
    table = now.tables[name] if name in now.tables else before.tables[name]
    key = key or table.columns[0].name
    ours = _frame(now if name in now.tables else before, name, empty=name not in now.tables)
    theirs = _frame(before if name in before.tables else now, name, empty=name not in before.tables)
    if why_not := _why_not(key, ours, theirs):
        return TableChange(table, _no_rows(), why_not=why_not)
    measure = _measure(table, ours, theirs)
    rows = _differing(table, key, measure, ours, theirs)
    if now.is_cut(name) or before.is_cut(name):
        why_not = f"only rows that were among the first {MAX_ROWS:,} both times are compared"
        rows = rows[rows["what"] == CHANGED]
    return TableChange(table, rows.reset_index(drop=True), measure, why_not)


def _frame(bundle: Bundle, name: str, *, empty: bool) -> pd.DataFrame:
    frame = bundle.frame(name)
    return frame.iloc[:0] if empty else frame


def _no_rows() -> pd.DataFrame:
    empty = {"label": "object", "what": "object", "now": "float64", "before": "float64"}
    return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in empty.items()})


def _why_not(key: str, *frames: pd.DataFrame) -> str:
    if any(key not in frame for frame in frames):
        return "its columns are others than then"
    if any(frame[key].duplicated().any() for frame in frames):
        return "its rows cannot be told apart"
    return ""


def _measure(table: Table, *frames: pd.DataFrame) -> Column | None:
    """The amount a row is measured by: money, else the first count, tokens or milliseconds."""
    for unit in AMOUNTS:
        for column in table.columns:
            if column.unit == unit and not column.name.startswith(BEFORE) and _all_numbers(column.name, frames):
                return column
    return None


def _all_numbers(name: str, frames: Sequence[pd.DataFrame]) -> bool:
    return all(name in frame and (frame.empty or pd.api.types.is_numeric_dtype(frame[name])) for frame in frames)


def _differing(
    table: Table, key: str, measure: Column | None, ours: pd.DataFrame, theirs: pd.DataFrame
) -> pd.DataFrame:
    """See TableChange.rows."""
    label = table.columns[0].name
    one, two = _keyed(ours, key), _keyed(theirs, key)
    new, gone = one.index.difference(two.index, sort=False), two.index.difference(one.index, sort=False)
    both = one.index.intersection(two.index, sort=False)
    columns = [c.name for c in table.columns if c.unit in COMPARED and not c.name.startswith(BEFORE)]
    shared = [name for name in columns if name in one and name in two and name != key]
    changed = both[_row_differs(one.loc[both, shared], two.loc[both, shared])] if shared else both[:0]
    labels = pd.concat([one[label], two.loc[gone, label]]) if label in one and label in two else None
    parts = []
    for what, index in ((NEW, new), (GONE, gone), (CHANGED, changed)):
        amounts = {
            "now": _amounts(one, index, measure if what != GONE else None),
            "before": _amounts(two, index, measure if what != NEW else None),
        }
        names = index if labels is None else labels.reindex(index)
        part = pd.DataFrame({"label": [str(each) for each in names], "what": what, **amounts})
        moved = (part["now"].fillna(0) - part["before"].fillna(0)).abs()
        parts.append(part.iloc[np.argsort(-moved.to_numpy(), kind="stable")])
    filled = [part for part in parts if len(part)]
    return pd.concat(filled, ignore_index=True) if filled else _no_rows()


def _keyed(frame: pd.DataFrame, key: str) -> pd.DataFrame:
    """The frame with its keys as text, so that they match whatever type each file gave them."""
    return frame.set_index(frame[key].astype(str))


def _amounts(frame: pd.DataFrame, index: pd.Index, measure: Column | None) -> np.ndarray:
    if measure is None:
        return np.full(len(index), np.nan)
    return np.asarray(frame.loc[index, measure.name].to_numpy(dtype="float64", na_value=np.nan))


def _row_differs(one: pd.DataFrame, two: pd.DataFrame) -> np.ndarray:
    differs = np.zeros(len(one), dtype=bool)
    for name in one.columns:
        differs |= _values_differ(one[name], two[name])
    return differs


def _values_differ(one: pd.Series, two: pd.Series) -> np.ndarray:
    if pd.api.types.is_numeric_dtype(one) and pd.api.types.is_numeric_dtype(two):
        left, right = (each.to_numpy(dtype="float64", na_value=np.nan) for each in (one, two))
        return np.asarray(~np.isclose(left, right, rtol=SAME, atol=0.0, equal_nan=True))
    left, right = (each.astype(str).where(each.notna(), "").to_numpy() for each in (one, two))
    return np.asarray(left != right, dtype=bool)


def _same(one: float | int | None, two: float | int | None) -> bool:
    if one is None or two is None:
        return one is two
    return abs(one - two) <= SAME * max(abs(one), abs(two))
