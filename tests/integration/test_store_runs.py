"""Runs in both databases: once for each due time, one at a time for each report, fenced by their attempt."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import partial

import pytest
import sqlalchemy as sa
from examples import DUE, HOUR, LEASE, a_delivery, a_report, a_run, a_subscription, an_artifact, an_error

from reports.errors import Conflict, LeaseLost, NotFound
from reports.model import (
    CatchUp,
    ChannelKind,
    DeliveryKind,
    DeliveryState,
    Filters,
    Format,
    Report,
    Run,
    RunKind,
    RunState,
)
from reports.planning import missed, owner_notice
from reports.store import RunQuery, Store
from reports.store.tables import runs

SHORT = timedelta(milliseconds=50)
THREADS = 6


def at_once(*calls: Callable[[], object]) -> list[object]:
    """Call all at the same moment in threads of their own; what each returned, or the exception it raised."""
    barrier = threading.Barrier(len(calls))

    def call(this: Callable[[], object]) -> object:
        barrier.wait()
        try:
            return this()
        except Exception as error:  # noqa: BLE001
            return error

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(call, calls))


def enqueued(store: Store, count: int = 1, **changes: object) -> list[Run]:
    """Runs of reports of their own, the oldest first."""
    made = []
    for number in range(count):
        report = store.add_report(a_report(**changes))
        made += store.enqueue(report, [a_run(report, due_at=DUE + timedelta(minutes=number))], None)
    return made


def claimed(store: Store, lease: timedelta = LEASE) -> Run:
    run = store.claim_run("runner", lease)
    assert run is not None
    return run


# Enqueue


def enqueue_once(store: Store, report: Report) -> list[Run]:
    return store.enqueue(report, [a_run(report)], DUE + HOUR)


def test_a_run_comes_back_as_it_was_enqueued(store: Store) -> None:
    report = store.add_report(a_report())
    run = a_run(report, parameters={"team": "ü"}, filters=Filters(model_ids=("m",)), created_at=DUE)
    assert store.enqueue(report, [run], DUE + HOUR) == [run]
    assert store.run(run.id) == run
    assert store.report(report.id).next_due_at == DUE + HOUR


def test_a_due_time_is_enqueued_once(store: Store) -> None:
    report = store.add_report(a_report())
    assert len(store.enqueue(report, [a_run(report)], DUE + HOUR)) == 1
    assert store.enqueue(report, [a_run(report)], DUE + HOUR) == []
    set_back = store.update_report(replace(report, zone="Europe/Berlin"), report.version)
    assert set_back.next_due_at == DUE
    assert store.enqueue(set_back, [a_run(report)], DUE + HOUR) == [], "even when the clock went back"
    assert store.count_runs() == 1


def test_enqueuers_at_once_make_one_run(store: Store) -> None:
    for _ in range(5):
        report = store.add_report(a_report())
        results = at_once(*[partial(enqueue_once, store, report)] * THREADS)
        assert sorted(len(result) for result in results if isinstance(result, list)) == [0] * (THREADS - 1) + [1]
        assert store.count_runs(RunQuery(report_id=report.id)) == 1


def test_each_set_of_parameters_is_a_run_of_its_own(store: Store) -> None:
    report = store.add_report(a_report())
    its_runs = [a_run(report, parameters={"team": team}) for team in ("a", "b", "c")]
    assert len(store.enqueue(report, its_runs, None)) == 3


def test_a_report_that_was_paused_edited_or_deleted_meanwhile_is_not_enqueued(store: Store) -> None:
    paused, edited, deleted = (store.add_report(a_report()) for _ in range(3))
    store.update_report(replace(paused, paused=True), 1)
    store.update_report(replace(edited, cron="5 5 * * *", next_due_at=DUE + 5 * HOUR), 1)
    store.delete_report(deleted.id)
    for report in (paused, edited, deleted):
        assert store.enqueue(report, [a_run(report)], DUE + HOUR) == []
    assert store.count_runs() == 0


def test_missed_due_times_are_recorded_with_their_reason(store: Store) -> None:
    report = store.add_report(a_report())
    late = missed(a_run(report, due_at=DUE - HOUR), "the runner was down", DUE)
    store.enqueue(report, [late, a_run(report)], DUE + HOUR)
    assert store.run(late.id).state is RunState.MISSED
    assert store.run(late.id).reason == "the runner was down"
    assert claimed(store).due_at == DUE


@pytest.mark.parametrize("policy", list(CatchUp))
def test_a_waiting_run_gives_way_to_a_later_due_time_unless_all_are_wanted(store: Store, policy: CatchUp) -> None:
    report = store.add_report(a_report(catch_up=policy))
    store.enqueue(report, [a_run(report)], DUE + HOUR)
    running = claimed(store)
    waiting = a_run(report, due_at=DUE + HOUR)
    store.enqueue(replace(report, next_due_at=DUE + HOUR), [waiting], DUE + 2 * HOUR)
    later = a_run(report, due_at=DUE + 2 * HOUR)
    store.enqueue(replace(report, next_due_at=DUE + 2 * HOUR), [later], DUE + 3 * HOUR)
    assert store.run(running.id).state is RunState.RUNNING
    assert store.run(later.id).state is RunState.QUEUED
    if policy is CatchUp.ALL:
        assert store.run(waiting.id).state is RunState.QUEUED
    else:
        superseded = store.run(waiting.id)
        assert superseded.state is RunState.MISSED
        assert superseded.reason == "the run due 16 November 2026, 09:00 UTC took its place"
        assert superseded.finished_at is not None


def test_only_the_same_parameters_are_superseded(store: Store) -> None:
    report = store.add_report(a_report())
    other = a_run(report, parameters={"team": "other"})
    store.enqueue(report, [other], DUE + HOUR)
    store.enqueue(replace(report, next_due_at=DUE + HOUR), [a_run(report, due_at=DUE + HOUR)], None)
    assert store.run(other.id).state is RunState.QUEUED


def test_a_run_by_hand_needs_its_report_and_a_preview_does_not(store: Store) -> None:
    draft = a_report()
    with pytest.raises(NotFound):
        store.add_run(a_run(draft, kind=RunKind.MANUAL))
    assert store.add_run(a_run(draft, kind=RunKind.PREVIEW)).state is RunState.QUEUED
    saved = store.add_report(draft)
    first = store.add_run(a_run(saved, kind=RunKind.MANUAL))
    assert store.add_run(a_run(saved, kind=RunKind.MANUAL)) == first, "asked for twice in the same moment"


# Claim


def test_the_oldest_due_time_is_claimed_first(store: Store) -> None:
    made = enqueued(store, 3)
    first = claimed(store)
    assert (first.id, first.state, first.attempt) == (made[0].id, RunState.RUNNING, 1)
    assert first.started_at is not None
    assert [claimed(store).id, claimed(store).id] == [made[1].id, made[2].id]
    assert store.claim_run("runner", LEASE) is None


def test_claimers_at_once_get_each_run_once(store: Store) -> None:
    made = enqueued(store, 40)

    def claim_until_empty() -> list[str]:
        mine = []
        while (run := store.claim_run(threading.current_thread().name, LEASE)) is not None:
            mine.append(run.id)
        return mine

    results = at_once(*[claim_until_empty] * THREADS)
    assert all(isinstance(result, list) for result in results), results
    got = Counter(id for result in results if isinstance(result, list) for id in result)
    # On PostgreSQL a claimer may find the last run locked by another, so that none is left for it: never twice.
    assert got == Counter(run.id for run in made)


def test_two_runs_of_one_report_never_run_at_once(store: Store) -> None:
    report = store.add_report(a_report(catch_up=CatchUp.ALL))
    store.enqueue(report, [a_run(report, parameters={"n": n}) for n in range(20)], None)
    for _ in range(20):
        got = [run for run in at_once(*[lambda: store.claim_run("runner", LEASE)] * THREADS) if run is not None]
        assert len(got) == 1, got
        run = got[0]
        assert isinstance(run, Run)
        assert store.count_runs(RunQuery(states=(RunState.RUNNING,))) == 1
        store.finish_run(run.id, run.attempt, [], {}, {}, [])
    assert store.claim_run("runner", LEASE) is None


def test_the_database_itself_refuses_a_second_running_run_of_a_report(store: Store) -> None:
    report = store.add_report(a_report())
    store.enqueue(report, [a_run(report, parameters={"n": n}) for n in range(2)], None)
    with pytest.raises(sa.exc.IntegrityError), store.writing() as connection:
        connection.execute(sa.update(runs).values(state="running"))


def test_runs_of_other_reports_do_not_wait(store: Store) -> None:
    busy = store.add_report(a_report())
    store.enqueue(busy, [a_run(busy, due_at=DUE - HOUR, parameters={"n": n}) for n in range(2)], None)
    [free] = enqueued(store)
    assert claimed(store).report_id == busy.id
    assert claimed(store).id == free.id


def test_a_run_waits_for_its_not_before(store: Store) -> None:
    [run] = enqueued(store)
    store.fail_run(claimed(store).id, 1, an_error(), datetime.now(UTC) + HOUR, None)
    assert store.claim_run("runner", LEASE) is None
    with store.writing() as connection:
        connection.execute(sa.update(runs).values(not_before=datetime.now(UTC) - timedelta(seconds=1)))
    again = claimed(store)
    assert (again.id, again.attempt, again.not_before) == (run.id, 2, None)


def test_a_run_keeps_its_snapshot_of_the_report(store: Store) -> None:
    report = store.add_report(a_report())
    store.enqueue(report, [a_run(report)], None)
    run = claimed(store)
    store.update_report(replace(report, name="Another", template="other", formats=(Format.XLSX,), parameters={}), 1)
    now = store.run(run.id)
    assert (now.report_name, now.template, now.formats, now.parameters) == (
        report.name,
        report.template,
        report.formats,
        report.parameters,
    )


# Leases and fencing


def test_a_lease_is_judged_by_the_databases_clock(store: Store) -> None:
    enqueued(store)
    run = claimed(store, SHORT)
    assert claimed_again_after_reap(store, run).attempt == 2


def claimed_again_after_reap(store: Store, run: Run) -> Run:
    time.sleep(2 * SHORT.total_seconds())
    assert [reaped.id for reaped in store.reap_runs()] == [run.id]
    return claimed(store)


def test_an_extended_lease_is_not_reaped(store: Store) -> None:
    enqueued(store)
    run = claimed(store, SHORT)
    store.extend_lease(run.id, run.attempt, LEASE)
    time.sleep(2 * SHORT.total_seconds())
    assert store.reap_runs() == []


WRITES: dict[str, Callable[[Store, Run, Report], None]] = {
    "extend": lambda store, run, _: store.extend_lease(run.id, run.attempt, LEASE),
    "stage": lambda store, run, _: store.set_stage(run.id, run.attempt, "render"),
    "finish": lambda store, run, report: store.finish_run(
        run.id, run.attempt, [an_artifact(run)], {"requests": 1}, {"execution_key": "old"}, [owner_notice(run)]
    ),
    "fail": lambda store, run, _: store.fail_run(run.id, run.attempt, an_error(), None, owner_notice(run)),
    "release": lambda store, run, _: store.release_run(run.id, run.attempt),
}


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("since", ["reaped", "claimed by another", "finished by another", "given up"])
def test_whoever_was_paused_past_the_lease_changes_nothing(store: Store, write: str, since: str) -> None:
    report = store.add_report(a_report())
    store.enqueue(report, [a_run(report)], None)
    paused = claimed(store, SHORT)
    time.sleep(2 * SHORT.total_seconds())
    store.reap_runs(1 if since == "given up" else 3)
    if since in {"claimed by another", "finished by another"}:
        other = claimed(store)
        if since == "finished by another":
            store.finish_run(other.id, other.attempt, [an_artifact(other)], {"requests": 2}, {}, [])
    before = everything(store, paused.id)
    with pytest.raises(LeaseLost):
        WRITES[write](store, paused, report)
    assert everything(store, paused.id) == before


def everything(store: Store, run_id: str) -> tuple[object, ...]:
    return store.run(run_id), store.artifacts(run_id), store.deliveries(run_id), store.stages(run_id)


def test_of_finishers_at_once_one_publishes(store: Store) -> None:
    report = store.add_report(a_report())
    subscription = store.add_subscription(a_subscription(report))
    for number in range(5):
        store.add_run(a_run(report, kind=RunKind.MANUAL, due_at=DUE + timedelta(minutes=number)))
        run = claimed(store)

        def finish(run: Run = run) -> None:
            store.finish_run(run.id, 1, [an_artifact(run)], {}, {}, [a_delivery(run, subscription)])

        results = at_once(*[finish] * THREADS)
        assert sorted(type(result).__name__ for result in results) == ["LeaseLost"] * (THREADS - 1) + ["NoneType"]
        assert len(store.artifacts(run.id)) == 1
        assert len(store.deliveries(run.id)) == 1


def test_a_reaper_and_a_finisher_at_once_agree_on_one_outcome(store: Store) -> None:
    for number in range(10):
        [run] = enqueued(store, name=f"Report {number}")
        mine = claimed(store, timedelta(0))
        finished, reaped = at_once(
            lambda mine=mine: store.finish_run(mine.id, 1, [], {}, {}, []),  # type: ignore[misc]
            lambda: store.reap_runs(1),
        )
        state = store.run(run.id).state
        if isinstance(finished, LeaseLost):
            assert state is RunState.FAILED
        else:
            assert (finished, reaped, state) == (None, [], RunState.SUCCEEDED)


# Ends


def test_finishing_publishes_everything_at_once(store: Store) -> None:
    report = store.add_report(a_report())
    subscriptions = [store.add_subscription(a_subscription(report, address=f"{n}@example.org")) for n in range(3)]
    store.enqueue(report, [a_run(report)], None)
    run = claimed(store)
    store.set_stage(run.id, 1, "extract")
    store.set_stage(run.id, 1, "execute")
    artifacts = [an_artifact(run, format) for format in (Format.HTML, Format.PDF)]
    metrics = {"requests": 9_007_199_254_740_993, "spend_usd": 0.1213, "none": None}
    store.finish_run(
        run.id, 1, artifacts, metrics, {"execution_key": "k1"}, [a_delivery(run, each) for each in subscriptions]
    )
    done = store.run(run.id)
    assert (done.state, done.stage, done.error, done.metrics) == (RunState.SUCCEEDED, "", None, metrics)
    assert done.finished_at is not None
    assert done.provenance == {"execution_key": "k1"}
    assert store.artifacts(run.id) == sorted(artifacts, key=lambda artifact: artifact.format)
    assert store.artifact(artifacts[0].id) == artifacts[0]
    deliveries = store.deliveries(run.id)
    assert {delivery.subscription_id for delivery in deliveries} == {each.id for each in subscriptions}
    assert all(delivery.state is DeliveryState.PENDING and delivery.attempt == 0 for delivery in deliveries)
    timeline = store.stages(run.id)
    assert [stage.stage for stage in timeline] == ["extract", "execute"]
    assert all(stage.finished_at and stage.finished_at >= stage.started_at for stage in timeline)


def test_finishing_is_all_or_nothing(store: Store) -> None:
    enqueued(store)
    run = claimed(store)
    twice = an_artifact(run, Format.PDF)
    with pytest.raises(sa.exc.IntegrityError):
        store.finish_run(run.id, 1, [twice, replace(twice, id="another")], {}, {}, [])
    assert store.run(run.id).state is RunState.RUNNING
    assert store.artifacts(run.id) == []
    with pytest.raises((ValueError, sa.exc.StatementError), match="JSON"):
        store.finish_run(run.id, 1, [an_artifact(run)], {"spend_usd": float("nan")}, {}, [])
    assert store.run(run.id).state is RunState.RUNNING


def test_a_failure_is_kept_with_its_cell_and_tells_the_owner_once(store: Store) -> None:
    enqueued(store)
    run = claimed(store)
    store.fail_run(run.id, 1, an_error("first"), datetime.now(UTC) - HOUR, owner_notice(run))
    waiting = store.run(run.id)
    assert (waiting.state, waiting.error) == (RunState.QUEUED, an_error("first"))
    again = claimed(store)
    store.fail_run(again.id, 2, an_error("second"), None, owner_notice(again))
    failed = store.run(run.id)
    assert (failed.state, failed.error, failed.attempt) == (RunState.FAILED, an_error("second"), 2)
    assert failed.finished_at is not None
    [notice] = store.deliveries(run.id)
    assert (notice.kind, notice.subscription_id, notice.address) == (DeliveryKind.FAILURE, None, "owner@example.org")


def test_a_success_after_a_failure_leaves_no_error(store: Store) -> None:
    enqueued(store)
    run = claimed(store)
    store.fail_run(run.id, 1, an_error(), datetime.now(UTC) - HOUR, None)
    claimed(store)
    store.finish_run(run.id, 2, [], {}, {}, [])
    assert store.run(run.id).error is None


def test_an_error_may_hold_any_text(store: Store) -> None:
    enqueued(store)
    run = claimed(store)
    store.fail_run(run.id, 1, an_error("NUL \0, half a character \ud800, from right to left \u202e"), None, None)
    error = store.run(run.id).error
    assert error is not None
    assert error.message.startswith("NUL ")


def test_a_released_run_goes_back_at_once_and_does_not_count(store: Store) -> None:
    enqueued(store)
    for attempt in range(1, 6):
        run = claimed(store, SHORT)
        assert (run.attempt, run.tries) == (attempt, 1), "the number grows, since it fences; the count does not"
        store.release_run(run.id, run.attempt)
        assert store.run(run.id).state is RunState.QUEUED
    run = claimed(store, SHORT)
    assert claimed_again_after_reap(store, run).tries == 2


def test_a_run_whose_runner_keeps_dying_fails_and_tells_the_owner(store: Store) -> None:
    [made] = enqueued(store, owner="alice")
    for _ in range(2):
        claimed(store, SHORT)
        time.sleep(2 * SHORT.total_seconds())
        assert [run.state for run in store.reap_runs()] == [RunState.QUEUED]
    last = claimed(store, SHORT)
    store.set_stage(last.id, last.attempt, "execute")
    time.sleep(2 * SHORT.total_seconds())
    [failed] = store.reap_runs()
    assert (failed.id, failed.state) == (made.id, RunState.FAILED)
    assert failed.error is not None
    assert (failed.error.kind, failed.error.stage) == ("RunnerGone", "execute")
    assert "runner" in failed.error.message
    [notice] = store.deliveries(made.id)
    assert (notice.kind, notice.channel, notice.address) == (DeliveryKind.FAILURE, ChannelKind.OUTBOX, "alice")
    assert store.reap_runs() == []
    assert all(stage.finished_at for stage in store.stages(made.id))


def test_nobody_is_told_of_a_dead_preview(store: Store) -> None:
    preview = store.add_run(a_run(a_report(), kind=RunKind.PREVIEW))
    claimed(store, SHORT)
    time.sleep(2 * SHORT.total_seconds())
    assert [run.state for run in store.reap_runs(1)] == [RunState.FAILED]
    assert store.deliveries(preview.id) == []


@pytest.mark.parametrize("way", ["fail", "release", "reap"])
def test_a_run_of_a_deleted_report_does_not_start_again(store: Store, way: str) -> None:
    [made] = enqueued(store)
    run = claimed(store, SHORT)
    store.delete_report(made.report_id)
    if way == "fail":
        store.fail_run(run.id, 1, an_error(), DUE, None)
    elif way == "release":
        store.release_run(run.id, 1)
    else:
        time.sleep(2 * SHORT.total_seconds())
        store.reap_runs()
    assert store.run(run.id).state is RunState.CANCELLED
    assert store.run(run.id).reason == "the report was deleted"
    assert store.claim_run("runner", LEASE) is None


def test_only_a_queued_run_is_cancelled(store: Store) -> None:
    first, second = enqueued(store, 2)
    store.cancel_run(second.id, "cancelled by hand")
    assert (store.run(second.id).state, store.run(second.id).reason) == (RunState.CANCELLED, "cancelled by hand")
    claimed(store)
    with pytest.raises(Conflict, match="running"):
        store.cancel_run(first.id, "too late")
    with pytest.raises(NotFound):
        store.cancel_run("nothing", "")


def test_deleting_and_finishing_at_once_leave_no_delivery_pending(store: Store) -> None:
    for _ in range(8):
        report = store.add_report(a_report())
        subscription = store.add_subscription(a_subscription(report))
        store.enqueue(report, [a_run(report)], None)
        run = claimed(store)
        results = at_once(
            lambda run=run, subscription=subscription: store.finish_run(  # type: ignore[misc]
                run.id, 1, [], {}, {}, [a_delivery(run, subscription)]
            ),
            lambda report=report: store.delete_report(report.id),  # type: ignore[misc]
        )
        assert results == [None, None]
        assert store.run(run.id).state is RunState.SUCCEEDED
        assert [delivery.state for delivery in store.deliveries(run.id)] == [DeliveryState.CANCELLED]


def test_deleting_and_enqueuing_at_once_leave_no_run_queued(store: Store) -> None:
    for _ in range(8):
        report = store.add_report(a_report())
        results = at_once(
            lambda report=report: store.enqueue(report, [a_run(report)], None),  # type: ignore[misc]
            lambda report=report: store.delete_report(report.id),  # type: ignore[misc]
        )
        assert results[1] is None
        assert store.count_runs(RunQuery(report_id=report.id, states=(RunState.QUEUED,))) == 0


# Reading


def test_runs_are_filtered_counted_and_paged_latest_first(store: Store) -> None:
    report, other = store.add_report(a_report(name="One")), store.add_report(a_report(name="Other", owner="b"))
    store.enqueue(
        report,
        [missed(a_run(report, due_at=DUE + n * HOUR), "down", DUE) for n in range(5)],
        None,
    )
    preview = store.add_run(a_run(other, kind=RunKind.PREVIEW, due_at=DUE + 9 * HOUR, template="cost_analysis"))
    assert [run.due_at for run in store.runs(RunQuery(limit=2, offset=1))] == [DUE + 4 * HOUR, DUE + 3 * HOUR]
    assert store.count_runs(RunQuery(since=DUE + HOUR, until=DUE + 4 * HOUR)) == 3
    assert store.count_runs(RunQuery(states=(RunState.MISSED, RunState.FAILED))) == 5
    for query in (
        RunQuery(owner="b"),
        RunQuery(kinds=(RunKind.PREVIEW,)),
        RunQuery(template="cost_analysis"),
        RunQuery(report_id=other.id),
        RunQuery(text="oTHER"),
    ):
        assert store.runs(query) == [preview]
    with pytest.raises(NotFound):
        store.run("nothing")
    with pytest.raises(NotFound):
        store.artifact("nothing")


def test_the_latest_run_of_each_report_leaves_previews_out(store: Store) -> None:
    one, two, none = (store.add_report(a_report(catch_up=CatchUp.ALL)) for _ in range(3))
    for report in (one, two):
        store.enqueue(report, [a_run(report, due_at=DUE + n * HOUR) for n in range(3)], None)
    store.add_run(a_run(one, kind=RunKind.PREVIEW, due_at=DUE + 9 * HOUR))
    latest = store.latest_runs([one.id, two.id, none.id])
    assert {id: run.due_at for id, run in latest.items()} == {one.id: DUE + 2 * HOUR, two.id: DUE + 2 * HOUR}


def test_an_execution_is_found_by_its_key_once_it_succeeded(store: Store) -> None:
    enqueued(store, 2)
    first, second = claimed(store), claimed(store)
    assert store.find_execution("k") is None
    store.finish_run(first.id, 1, [], {}, {"execution_key": "k"}, [])
    store.fail_run(second.id, 1, an_error(), None, None)
    found = store.find_execution("k")
    assert found is not None
    assert found.id == first.id
    assert store.find_execution("other") is None


def test_the_last_period_is_that_of_the_last_scheduled_success(store: Store) -> None:
    report = store.add_report(a_report())
    run = a_run(report)
    assert store.last_period_end(report.id, run.parameters_key) is None
    store.enqueue(report, [run], None)
    claimed(store)
    assert store.last_period_end(report.id, run.parameters_key) is None
    store.finish_run(run.id, 1, [], {}, {}, [])
    assert store.last_period_end(report.id, run.parameters_key) == date(2026, 11, 15)
    assert store.last_period_end(report.id, "other parameters") is None


def test_the_backlog_counts_what_waits_and_what_is_worked_on(store: Store) -> None:
    enqueued(store, 3)
    run = claimed(store)
    store.finish_run(run.id, 1, [], {}, {}, [owner_notice(run)])
    claimed(store)
    backlog = store.backlog()
    assert (backlog.queued, backlog.running, backlog.pending, backlog.sending) == (1, 1, 1, 0)
