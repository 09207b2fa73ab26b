"""What is asked often reads an index, so that its cost does not grow with the archive.

SQLite answers how it will read each statement. PostgreSQL's planner decides by statistics that a test has not; the
indexes are the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from examples import DUE, LEASE, a_report, a_run

from reports.model import DeliveryState, RunKind, RunState
from reports.store import DeliveryQuery, ReportQuery, RunQuery, Store
from reports.store.engine import insert_if_new
from reports.store.reports import ANY_REPORT
from reports.store.rows import report_row, run_row
from reports.store.tables import reports, runs

NOW = datetime(2026, 11, 16, tzinfo=UTC)
ASKED_OFTEN: dict[str, Callable[[Store], object]] = {
    "due reports": lambda store: store.due_reports(NOW, 100),
    "claim a run": lambda store: store.claim_run("runner", LEASE),
    "claim a delivery": lambda store: store.claim_delivery("runner", LEASE),
    "reap runs": lambda store: store.reap_runs(),
    "reap deliveries": lambda store: store.reap_deliveries(),
    "the latest runs": lambda store: store.runs(RunQuery(limit=50)),
    "runs of a report": lambda store: store.runs(RunQuery(report_id="x", limit=50)),
    "runs of an owner": lambda store: store.runs(RunQuery(owner="x", limit=50)),
    "runs in a state": lambda store: store.runs(RunQuery(states=(RunState.FAILED,), limit=50)),
    "runs of some days": lambda store: store.runs(RunQuery(since=NOW, limit=50)),
    "the latest run of reports": lambda store: store.latest_runs(["x", "y"]),
    "the same execution": lambda store: store.find_execution("x"),
    "what to prune": lambda store: store.prunable_runs(NOW, timedelta(days=90)),
    "known paths": lambda store: store.known_paths(["x"]),
    "subscriptions": lambda store: store.subscriptions_of(["x"]),
    "artifacts": lambda store: store.artifacts("x"),
    "deliveries": lambda store: store.deliveries("x"),
    "reports": lambda store: store.reports(ANY_REPORT),
    "the latest deliveries": lambda store: store.find_deliveries(DeliveryQuery(limit=50)),
    "deliveries in a state": lambda store: store.find_deliveries(DeliveryQuery(states=(DeliveryState.FAILED,))),
    "runs by text": lambda store: store.runs(RunQuery(text="x", limit=50)),
    "names of reports": lambda store: store.report_names(50),
    "failing reports": lambda store: store.runs(RunQuery(failing=True, limit=26)),
    "deliveries of some days": lambda store: store.find_deliveries(DeliveryQuery(since=NOW, limit=50)),
    "backlog": lambda store: store.backlog(),
}
MAY_SORT = {"what to prune", "runs in a state", "subscriptions", "artifacts", "deliveries", "the same execution"}


@pytest.fixture
def full(sqlite_url: str) -> Iterator[Store]:
    """A store with enough runs for an index to matter."""
    store = Store(sqlite_url)
    some = [a_report(name=f"Report {number}", created_at=DUE) for number in range(20)]
    with store.writing() as connection:
        connection.execute(sa.insert(reports), [report_row(report) for report in some])
        insert_if_new(
            connection,
            runs,
            [
                run_row(a_run(report, due_at=DUE - timedelta(hours=n), state=RunState.SUCCEEDED, finished_at=DUE))
                for report in some
                for n in range(50)
            ],
        )
    yield store
    store.close()


def plans(store: Store, call: Callable[[Store], object]) -> list[str]:
    """How SQLite reads each statement of `call`."""
    seen: list[tuple[str, Any]] = []

    def keep(_c: object, _cursor: object, statement: str, parameters: Any, _x: object, _many: object) -> None:
        if statement.startswith(("SELECT", "UPDATE")):
            seen.append((statement, parameters))

    sa.event.listen(store.engine, "before_cursor_execute", keep)
    call(store)
    sa.event.remove(store.engine, "before_cursor_execute", keep)
    with store.engine.connect() as connection:
        return [
            row[3]
            for statement, parameters in seen
            for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
        ]


@pytest.mark.parametrize("name", ASKED_OFTEN)
def test_what_is_asked_often_reads_an_index(full: Store, name: str) -> None:
    steps = plans(full, ASKED_OFTEN[name])
    assert steps, "nothing was asked"
    for step in steps:
        # A scan along an index is fine where LIMIT ends it; one of the whole table never is.
        assert not step.startswith("SCAN") or "USING" in step or "CONSTANT ROW" in step, steps
        assert name in MAY_SORT or "TEMP B-TREE" not in step or "RIGHT PART" in step, steps


def test_runs_of_a_report_in_a_state_are_found_by_the_report(full: Store) -> None:
    steps = plans(full, lambda store: store.runs(RunQuery(report_id="x", states=(RunState.SUCCEEDED,), limit=50)))
    assert any("report_id=?" in step for step in steps), steps
    assert not any("state=?" in step for step in steps), steps


def test_a_text_is_looked_for_in_the_names_as_they_stand(full: Store) -> None:
    """Folding each name of a large archive first takes three times as long."""
    asked: list[str] = []
    sa.event.listen(full.engine, "before_cursor_execute", lambda *called: asked.append(called[2]))
    full.runs(RunQuery(text="x", limit=50))
    assert "report_name LIKE ?" in asked[-1]
    assert "lower(" not in asked[-1]


def test_names_of_reports_are_read_from_their_index_alone(full: Store) -> None:
    (step,) = plans(full, lambda store: store.report_names(50))
    assert "USING COVERING INDEX" in step


def test_the_test_would_notice_a_scan(full: Store) -> None:
    steps = plans(full, lambda store: store.runs(RunQuery(template="x", limit=50)))
    assert any("SCAN" in step for step in steps)
    unsorted = plans(full, lambda store: store.reports(ReportQuery(owner="x")))
    assert any("TEMP B-TREE" in step for step in unsorted)


def test_the_cost_of_a_tick_is_that_of_what_is_due(store: Store) -> None:
    report = store.add_report(a_report(next_due_at=NOW))
    later = [a_report(name=f"Report {n}", next_due_at=NOW + timedelta(days=1), created_at=NOW) for n in range(500)]
    with store.writing() as connection:
        connection.execute(sa.insert(reports), [report_row(each) for each in later])
    assert store.due_reports(NOW, 100) == [report]
    assert store.due_reports(NOW - timedelta(seconds=1), 100) == []


def test_a_preview_among_many_is_found_by_its_kind(full: Store) -> None:
    preview = full.add_run(a_run(a_report(), kind=RunKind.PREVIEW))
    assert full.runs(RunQuery(kinds=(RunKind.PREVIEW,))) == [preview]
    assert full.count_runs(RunQuery(states=(RunState.SUCCEEDED,))) == 1000
