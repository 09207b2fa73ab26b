"""Which reports fail now, on both databases: by the last run of each that came to an end."""

from __future__ import annotations

from datetime import timedelta

import people
import pytest
from examples import DUE, HOUR, LEASE, a_delivery, a_report, a_run, a_subscription, an_error

from reports.model import DeliveryState, Report, Run, RunKind, RunState
from reports.store import DeliveryQuery, RunQuery, Store

FAILING = RunQuery(failing=True)
FAILED, SUCCEEDED = RunState.FAILED, RunState.SUCCEEDED


def add(store: Store, report: Report, state: RunState, hours: int = 0, **changes: object) -> Run:
    error = an_error() if state is FAILED else None
    return store.add_run(a_run(report, state=state, error=error, due_at=DUE + hours * HOUR, **changes))


def test_a_report_fails_from_a_failed_run_until_one_succeeds(store: Store) -> None:
    report = store.add_report(a_report())
    add(store, report, SUCCEEDED)
    assert store.runs(FAILING) == []
    add(store, report, FAILED, 1)
    latest = add(store, report, FAILED, 2)
    assert store.runs(FAILING) == [latest], "once, by its last run"
    add(store, report, SUCCEEDED, 3)
    assert store.runs(FAILING) == []


@pytest.mark.parametrize("state", [RunState.QUEUED, RunState.MISSED, RunState.CANCELLED])
def test_what_has_not_ended_by_itself_is_no_proof_of_health(store: Store, state: RunState) -> None:
    report = store.add_report(a_report())
    failed = add(store, report, FAILED)
    add(store, report, state, 1)
    assert store.runs(FAILING) == [failed]


def test_previews_say_nothing_of_a_report(store: Store) -> None:
    report = store.add_report(a_report())
    failed = add(store, report, FAILED)
    add(store, report, SUCCEEDED, 1, kind=RunKind.PREVIEW)
    other = store.add_report(a_report(name="Other"))
    add(store, other, FAILED, kind=RunKind.PREVIEW)
    assert store.runs(FAILING) == [failed]


def test_one_set_of_parameters_of_several_is_enough_and_a_report_is_listed_once(store: Store) -> None:
    report = store.add_report(a_report())
    add(store, report, SUCCEEDED, parameters={"top": 1}, parameters_key="1")
    failed = [add(store, report, FAILED, parameters={"top": n}, parameters_key=f"{n}") for n in (2, 3)]
    (found,) = store.runs(FAILING)
    assert found in failed


def test_a_report_that_is_deleted_fails_no_more(store: Store) -> None:
    report = store.add_report(a_report())
    add(store, report, FAILED)
    store.delete_report(report.id)
    assert store.runs(FAILING) == []


def test_failing_reports_are_paged_and_cut_by_who_asks(store: Store) -> None:
    runs = [add(store, store.add_report(a_report(name=f"Report {n}")), FAILED, n) for n in range(5)]
    mine = add(store, store.add_report(a_report(owner=people.OWNER.id)), FAILED, 9)
    newest_first = [mine, *reversed(runs)]
    assert store.runs(RunQuery(failing=True, limit=2)) == newest_first[:2]
    assert store.runs(RunQuery(failing=True, limit=2, offset=2)) == newest_first[2:4]
    assert store.count_runs(FAILING) == 6
    assert store.runs(RunQuery(failing=True, seen_by=people.VIEWER)) == []
    assert mine in store.runs(RunQuery(failing=True, seen_by=people.OWNER))


def test_deliveries_are_found_since_an_instant(store: Store) -> None:
    report = store.add_report(a_report(next_due_at=None))
    subscription = store.add_subscription(a_subscription(report))
    store.add_run(a_run(report))
    run = store.claim_run("runner", LEASE)
    assert run is not None
    store.finish_run(run.id, run.attempt, [], {}, {}, [a_delivery(run, subscription, created_at=DUE)])
    states = (DeliveryState.PENDING,)
    assert len(store.find_deliveries(DeliveryQuery(states=states, since=DUE))) == 1
    assert store.find_deliveries(DeliveryQuery(states=states, since=DUE + timedelta(seconds=1))) == []
