"""Results kept for the next run, and what differs from them: every count checked against rows made by hand."""

from __future__ import annotations

import zipfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from reports import bundle, comparison
from reports.bundle import Bundle
from reports.comparison import CHANGED, GONE, NEW, TableChange
from reports.errors import ArchiveError
from reports.results import Changes, Column, Metric, append

COLUMNS = (
    Column("name", "User"),
    Column("id", "User id"),
    Column("requests", "Requests", "count"),
    Column("spend_usd", "Cost", "usd"),
    Column("share", "Share", "percent"),
    Column("previous_spend_usd", "Cost before", "usd"),
)
DIGEST = "a" * 64


def user(id: str, requests: int, spend: float, *, name: str = "", share: float = 0.0, before: float = 0.0) -> Any:
    values = (name or id.title(), id, requests, spend, share, before)
    return dict(zip((column.name for column in COLUMNS), values, strict=True))


def write_table(folder: Path, name: str, rows: list[Any], columns: tuple[Column, ...], role: str = "table") -> None:
    frame = pd.DataFrame(rows, columns=[column.name for column in columns])
    frame.to_parquet(folder / f"table-{name}.parquet", index=False)
    facts = {"name": name, "title": name.title(), "file": f"table-{name}.parquet", "role": role, "caption": ""}
    append(folder, "table", {**facts, "columns": [asdict(column) for column in columns]})


def a_run(
    folder: Path, users: list[Any], *, metrics: dict[str, Any] | None = None, digest: str = DIGEST, term: str = "x"
) -> Bundle:
    folder.mkdir()
    for name, value in (metrics or {"requests": sum(each["requests"] for each in users)}).items():
        append(folder, "metric", asdict(Metric(name, name.title(), value)))
    if users:
        write_table(folder, "users", users, COLUMNS)
    append(folder, "definition", {"term": "Data", "meaning": folder.name})
    append(folder, "definition", {"term": "Cost", "meaning": term})
    return bundle.of_run(folder, digest)


def differences(tmp_path: Path, now: list[Any], before: list[Any], **options: Any) -> TableChange:
    one, two = a_run(tmp_path / "now", now), a_run(tmp_path / "before", before)
    (found,) = comparison.compare(one, two, **options).tables
    return found


def listed(found: TableChange, what: str) -> list[str]:
    return list(found.rows.loc[found.rows["what"] == what, "label"])


# The file


def test_a_bundle_comes_back_as_it_was_written(tmp_path: Path) -> None:
    made = a_run(tmp_path / "now", [user("ann", 3, 1.5), user("ben", 2, 0.25)])
    found = bundle.read(bundle.write(made, tmp_path / "results.zip"))
    assert found.metrics == made.metrics and found.metrics["requests"].value == 5
    assert found.results.definitions == made.results.definitions
    assert found.template_digest == DIGEST
    assert found.rows == {"users": 2} and not found.is_cut("users")
    pd.testing.assert_frame_equal(found.frame("users"), made.frame("users"))
    assert list(found.tables["users"].columns) == list(COLUMNS)
    assert not comparison.compare(found, made).summary().anything


def test_equal_results_give_equal_files(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        made = a_run(tmp_path / name / "run", [user("ann", 3, 1.5)])
        bundle.write(made, tmp_path / f"{name}.zip")
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()


def test_long_tables_are_cut_and_say_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundle, "MAX_ROWS", 3)
    monkeypatch.setattr(comparison, "MAX_ROWS", 3)
    before = a_run(tmp_path / "before", [user(each, 9 - n, 9.0 - n) for n, each in enumerate("abcde")])
    kept = bundle.read(bundle.write(before, tmp_path / "results.zip"))
    assert (len(kept.frame("users")), kept.rows["users"], kept.is_cut("users")) == (3, 5, True)
    now = a_run(tmp_path / "now", [user(each, 9 - n, 9.0 - n) for n, each in enumerate("adbce")])
    (found,) = comparison.compare(now, kept, keys={"users": "id"}).tables
    assert (found.count(NEW), found.count(GONE)) == (0, 0), "what moved past the cut is neither new nor gone"
    assert listed(found, CHANGED) == ["B"]
    assert "first 3" in found.why_not


def test_figures_behind_charts_and_odd_records_are_left_out(tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    write_table(run, "shown", [{"name": "a"}], COLUMNS[:1])
    write_table(run, "behind", [{"name": "a"}], COLUMNS[:1], role="figures")
    (tmp_path / "secret.parquet").write_bytes((run / "table-shown.parquet").read_bytes())
    for file in ("../secret.parquet", "missing.parquet"):
        append(run, "table", {"name": file, "title": "Odd", "file": file, "columns": [asdict(COLUMNS[0])]})
    made = bundle.of_run(run, DIGEST)
    assert set(made.tables) == {"shown"}
    with zipfile.ZipFile(bundle.write(made, tmp_path / "results.zip")) as archive:
        assert archive.namelist() == ["results.json", "tables/1.parquet"]


@pytest.mark.parametrize("content", [b"", b"no zip", b"PK\x05\x06" + b"\0" * 18])
def test_what_is_no_bundle_is_an_error_of_the_archive(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "results.zip").write_bytes(content)
    with pytest.raises(ArchiveError, match="cannot be read"):
        bundle.read(tmp_path / "results.zip")


def test_a_notebook_without_the_kit_has_an_empty_bundle(tmp_path: Path) -> None:
    made = bundle.read(bundle.write(bundle.of_run(tmp_path, DIGEST), tmp_path / "results.zip"))
    assert (made.metrics, made.tables) == ({}, {})


# Figures


def test_figures_that_differ_are_counted(tmp_path: Path) -> None:
    now = {"same": 5, "none": None, "noise": 0.1 + 0.2, "moved": 5, "appeared": 1.0, "lost": None, "added": 7}
    before = {"same": 5, "none": None, "noise": 0.3, "moved": 6, "appeared": None, "lost": 2.0, "dropped": 7}
    found = comparison.compare(a_run(tmp_path / "now", [], metrics=now), a_run(tmp_path / "b", [], metrics=before))
    names = {(pair.now or pair.before).name for pair in found.metrics if pair.differs}  # type: ignore[union-attr]
    assert names == {"moved", "appeared", "lost", "added", "dropped"}
    assert found.summary() == Changes(compared=True, metrics=5)
    assert found.summary().anything


# Rows


def test_new_gone_and_changed_rows_come_largest_first(tmp_path: Path) -> None:
    before = [user("ann", 9, 10.0), user("ben", 4, 4.0), user("cem", 1, 1.0), user("old", 1, 0.5), user("past", 1, 6.0)]
    now = [user("ann", 9, 15.0), user("ben", 4, 4.0), user("cem", 9, 31.0), user("dan", 1, 1.0), user("eve", 2, 2.0)]
    found = differences(tmp_path, now, before)
    assert listed(found, NEW) == ["Eve", "Dan"]
    assert listed(found, GONE) == ["Past", "Old"]
    assert listed(found, CHANGED) == ["Cem", "Ann"]
    assert found.measure is not None and found.measure.name == "spend_usd"
    amounts = found.rows.set_index("label")[["now", "before"]]
    assert tuple(amounts.loc["Cem"]) == (31.0, 1.0)
    assert amounts.loc["Eve", "now"] == 2.0 and pd.isna(amounts.loc["Eve", "before"])
    assert pd.isna(amounts.loc["Past", "now"]) and amounts.loc["Past", "before"] == 6.0


def test_shares_and_the_period_before_do_not_make_a_row_another(tmp_path: Path) -> None:
    before, now = user("ann", 2, 1.0, share=50.0, before=9.0), user("ann", 2, 1.0, share=20.0, before=1.0)
    assert differences(tmp_path, [now], [before]).rows.empty


def test_a_row_whose_measure_stays_may_have_changed(tmp_path: Path) -> None:
    found = differences(tmp_path, [user("ann", 3, 1.0)], [user("ann", 2, 1.0)])
    assert listed(found, CHANGED) == ["Ann"]
    assert tuple(found.rows.loc[0, ["now", "before"]]) == (1.0, 1.0)


def test_rows_are_told_apart_by_the_key_that_is_named(tmp_path: Path) -> None:
    before, now = [user("u1", 1, 1.0, name="Ann")], [user("u1", 1, 1.0, name="Ann B.")]
    renamed = differences(tmp_path, now, before, keys={"users": "id"})
    assert listed(renamed, CHANGED) == ["Ann B."]
    (tmp_path / "by-name").mkdir()
    by_name = differences(tmp_path / "by-name", now, before)
    assert (listed(by_name, NEW), listed(by_name, GONE)) == (["Ann B."], ["Ann"])


@pytest.mark.parametrize(
    ("rows", "key", "said"),
    [
        ([user("a", 1, 1.0, name="Same"), user("b", 1, 1.0, name="Same")], "name", "cannot be told apart"),
        ([user("a", 1, 1.0)], "number", "columns are others"),
    ],
)
def test_rows_that_cannot_be_compared_say_why(tmp_path: Path, rows: list[Any], key: str, said: str) -> None:
    found = differences(tmp_path, rows, rows, keys={"users": key})
    assert said in found.why_not and found.rows.empty


def test_a_table_without_rows_was_not_recorded_and_still_compares(tmp_path: Path) -> None:
    one, none = a_run(tmp_path / "one", [user("ann", 1, 1.0)]), a_run(tmp_path / "none", [], metrics={"requests": 1})
    (gone,) = comparison.compare(none, one).tables
    assert (gone.count(GONE), gone.count(NEW)) == (1, 0)
    (new,) = comparison.compare(one, none, ["users", "unheard-of"]).tables
    assert (new.count(GONE), new.count(NEW)) == (0, 1)
    other = a_run(tmp_path / "other", [], digest="b" * 64, metrics={"requests": 1})
    assert comparison.compare(other, one).tables == (), "another template may not have the table"


def test_tables_by_day_are_compared_only_if_named(tmp_path: Path) -> None:
    days = (Column("day", "Day", "date"), Column("requests", "Requests", "count"))
    made = []
    for number, folder in enumerate((tmp_path / "now", tmp_path / "before")):
        folder.mkdir()
        day = pd.Timestamp(2026, 11, 20 + number).date()
        write_table(folder, "days", [{"day": day, "requests": 1}], days)
        made.append(bundle.of_run(folder, DIGEST))
    assert comparison.compare(*made).tables == ()
    (named,) = comparison.compare(*made, ["days"]).tables
    assert (named.count(NEW), named.count(GONE)) == (1, 1)


def test_a_table_of_words_has_no_measure(tmp_path: Path) -> None:
    columns = (Column("sensor", "Sensor"), Column("state", "State"))
    made = []
    for folder, state in ((tmp_path / "now", "failing"), (tmp_path / "before", "ok")):
        folder.mkdir()
        write_table(folder, "sensors", [{"sensor": "A", "state": state}, {"sensor": "B", "state": "ok"}], columns)
        made.append(bundle.of_run(folder, DIGEST))
    (found,) = comparison.compare(*made).tables
    assert found.measure is None
    assert listed(found, CHANGED) == ["A"]


def test_numbers_that_became_words_and_missing_values(tmp_path: Path) -> None:
    columns = (Column("name", "Name"), Column("size", "Size", "count"))
    made = []
    for folder, rows in (
        (tmp_path / "now", [("a", "12"), ("b", None)]),
        (tmp_path / "before", [("a", 12), ("b", None)]),
    ):
        folder.mkdir()
        write_table(folder, "sizes", [{"name": name, "size": size} for name, size in rows], columns)
        made.append(bundle.of_run(folder, DIGEST))
    (found,) = comparison.compare(*made).tables
    assert found.measure is None and set(found.rows["label"]) <= {"a"}


def test_a_thousand_rows_agree_with_sets(tmp_path: Path) -> None:
    before = [user(f"u{n}", n, n * 0.5) for n in range(1, 1000)]
    now = [user(f"u{n}", n, n * 0.5 + (n % 7 == 0)) for n in range(300, 1400)]
    found = differences(tmp_path, now, before)
    assert found.count(NEW) == 400 and found.count(GONE) == 299
    assert found.count(CHANGED) == sum(n % 7 == 0 for n in range(300, 1000))


# The template and its definitions


def test_another_template_and_other_definitions_are_noted(tmp_path: Path) -> None:
    before = a_run(tmp_path / "before", [], metrics={"a": 1}, term="As stored by the source.")
    same = a_run(tmp_path / "same", [], metrics={"a": 1}, term="As stored\u00a0by the source.")
    found = comparison.compare(same, before)
    assert (found.template_changed, found.terms) == (False, ()), "when the data was read is no definition"
    other = a_run(tmp_path / "other", [], metrics={"a": 1}, term="With tax.", digest="b" * 64)
    found = comparison.compare(other, before)
    assert (found.template_changed, found.terms) == (True, ("Cost",))
    assert not found.summary().anything, "a note, but not a change of what is reported"
    assert comparison.compare(same, before, terms={"Cost": "With tax.", "New": "x"}).terms == ("Cost",)
