"""Retention, runners and the engine in both databases."""

from __future__ import annotations

import socket
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from examples import DUE, LEASE, a_delivery, a_report, a_run, a_subscription, an_artifact
from sqlalchemy.exc import OperationalError

from reports.errors import ConfigError, NotFound
from reports.model import DeliveryState, Run, RunKind
from reports.store import Store
from reports.store.engine import insert_if_new
from reports.store.rows import run_row
from reports.store.runners import FORGOTTEN_AFTER
from reports.store.tables import runners, runs
from reports.store.types import Now

DAY = timedelta(days=1)
RETENTION = 90 * DAY


def finished(store: Store, age: timedelta, *, deliver: bool = False, **changes: Any) -> Run:
    """A succeeded run with one artifact that ended `age` ago."""
    report = store.add_report(a_report())
    subscription = store.add_subscription(a_subscription(report))
    store.add_run(a_run(report, **({"kind": RunKind.MANUAL} | changes)))
    run = store.claim_run("runner", LEASE)
    assert run is not None
    deliveries = [a_delivery(run, subscription)] if deliver else []
    store.finish_run(run.id, run.attempt, [an_artifact(run)], {}, {}, deliveries)
    with store.writing() as connection:
        ended = datetime.now(UTC) - age
        connection.execute(sa.update(runs).where(runs.c.id == run.id).values(finished_at=ended))
    return store.run(run.id)


def prunable(store: Store) -> list[str]:
    return [run.id for run in store.prunable_runs(datetime.now(UTC), RETENTION)]


def test_runs_past_their_retention_are_prunable_the_oldest_first(store: Store) -> None:
    old, older = finished(store, 91 * DAY), finished(store, 200 * DAY)
    finished(store, 89 * DAY)
    assert prunable(store) == [older.id, old.id]
    assert len(store.prunable_runs(datetime.now(UTC), RETENTION, limit=1)) == 1


def test_previews_are_kept_for_a_day(store: Store) -> None:
    preview = finished(store, 25 * timedelta(hours=1), kind=RunKind.PREVIEW)
    finished(store, 23 * timedelta(hours=1), kind=RunKind.PREVIEW)
    assert prunable(store) == [preview.id]


def test_runs_that_are_not_done_stay(store: Store) -> None:
    report = store.add_report(a_report())
    store.enqueue(report, [a_run(report, created_at=DUE - 900 * DAY)], None)
    assert prunable(store) == []
    run = store.claim_run("runner", LEASE)
    assert run is not None
    assert not store.mark_pruned(run.id)


def test_a_pinned_run_is_exempt(store: Store) -> None:
    run = finished(store, 91 * DAY)
    store.pin_run(run.id)
    assert store.run(run.id).pinned
    assert prunable(store) == []
    assert not store.mark_pruned(run.id), "pinned after it was listed"
    store.pin_run(run.id, pinned=False)
    assert prunable(store) == [run.id]
    with pytest.raises(NotFound):
        store.pin_run("nothing")


def test_a_run_that_is_still_being_sent_keeps_its_files(store: Store) -> None:
    run = finished(store, 91 * DAY, deliver=True)
    assert prunable(store) == []
    assert not store.mark_pruned(run.id)
    delivery = store.claim_delivery("runner", LEASE)
    assert delivery is not None
    store.finish_delivery(delivery.id, 1, DeliveryState.SENT)
    assert prunable(store) == [run.id]


def test_a_marked_run_is_hidden_and_can_be_pruned_again_after_a_crash(store: Store) -> None:
    run = finished(store, 91 * DAY)
    [artifact] = store.artifacts(run.id)
    assert store.mark_pruned(run.id)
    assert store.runs() == []
    for call in (lambda: store.run(run.id), lambda: store.artifact(artifact.id), lambda: store.pin_run(run.id)):
        with pytest.raises(NotFound):
            call()
    assert prunable(store) == [run.id]
    assert store.mark_pruned(run.id)
    store.delete_run(run.id)
    store.delete_run(run.id)
    assert prunable(store) == []
    assert store.known_paths([artifact.path]) == set()


def test_a_run_that_is_not_marked_is_not_deleted(store: Store) -> None:
    run = finished(store, 91 * DAY, deliver=True)
    store.delete_run(run.id)
    assert store.run(run.id) == run


def test_deleting_a_run_takes_all_that_belongs_to_it(store: Store) -> None:
    run = finished(store, DAY, deliver=True)
    delivery = store.claim_delivery("runner", LEASE)
    assert delivery is not None
    store.finish_delivery(delivery.id, 1, DeliveryState.SENT)
    store.mark_pruned(run.id)
    store.delete_run(run.id)
    assert (store.deliveries(run.id), store.artifacts(run.id), store.attempts(delivery.id)) == ([], [], [])


def test_known_paths_are_those_an_artifact_names(store: Store) -> None:
    run = finished(store, DAY)
    [artifact] = store.artifacts(run.id)
    many = [f"other/1/{number}.pdf" for number in range(1200)]
    assert store.known_paths([*many, artifact.path]) == {artifact.path}
    assert store.known_paths([]) == set()


def test_runners_are_known_by_their_heartbeat(store: Store) -> None:
    store.beat("one", {"host": "a", "seats": 2})
    store.beat("two", {"host": "b"})
    [first] = [seen for seen in store.runners() if seen.id == "one"]
    assert first.info == {"host": "a", "seats": 2}
    store.beat("one", {"host": "a", "seats": 3})
    last, _ = store.runners()
    assert (last.id, last.info["seats"], last.started_at) == ("one", 3, first.started_at)
    assert last.seen_at >= first.seen_at
    assert timedelta() <= last.silent_for < timedelta(seconds=10)
    store.remove_runner("one")
    assert [seen.id for seen in store.runners()] == ["two"]


def test_a_runner_long_silent_is_forgotten(store: Store) -> None:
    store.beat("gone", {})
    with store.writing() as connection:
        connection.execute(sa.update(runners).values(seen_at=Now(-FORGOTTEN_AFTER - DAY)))
    store.beat("here", {})
    assert [seen.id for seen in store.runners()] == ["here"]


# The engine


def test_the_databases_clock_adds_what_it_is_told(store: Store) -> None:
    with store.reading() as connection:
        now, later, earlier = connection.execute(sa.select(Now(), Now(timedelta(minutes=90)), Now(-DAY))).one()
    assert now.tzinfo is UTC
    assert abs(datetime.now(UTC) - now) < timedelta(seconds=30)
    assert abs(later - now - timedelta(minutes=90)) < timedelta(milliseconds=50)
    assert abs(now - earlier - DAY) < timedelta(milliseconds=50)


def test_what_the_clock_writes_and_what_is_bound_compare_by_time(store: Store) -> None:
    store.beat("one", {})
    for shift, earlier in ((timedelta(seconds=2), True), (timedelta(seconds=-2), False)):
        moment = datetime.now(UTC) + shift
        with store.reading() as connection:
            assert connection.scalar(sa.select(runners.c.seen_at < moment)) is earlier


def test_writers_in_many_threads_wait_for_each_other(store: Store) -> None:
    def beat_often(name: str) -> None:
        for number in range(20):
            store.beat(name, {"number": number})

    call_in_threads(beat_often, [f"runner {number}" for number in range(8)])
    assert sorted(seen.info["number"] for seen in store.runners()) == [19] * 8


def call_in_threads(call: Callable[[str], None], values: list[str]) -> None:
    errors: list[BaseException] = []

    def guarded(value: str) -> None:
        try:
            call(value)
        except BaseException as error:  # noqa: BLE001
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(value,)) for value in values]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


def test_a_failed_transaction_leaves_nothing(store: Store) -> None:
    run = a_run(a_report())
    with pytest.raises(RuntimeError, match="power cut"), store.writing() as connection:
        insert_if_new(connection, runs, [run_row(run)])
        raise RuntimeError("power cut")
    assert store.runs() == []


def test_more_rows_than_one_statement_holds_are_inserted(store: Store) -> None:
    report = a_report()
    rows = [run_row(a_run(report, parameters={"n": number})) for number in range(1201)]
    with store.writing() as connection:
        assert len(insert_if_new(connection, runs, rows)) == 1201
        assert insert_if_new(connection, runs, rows[:3]) == set()
        assert insert_if_new(connection, runs, []) == set()


def test_sqlite_keeps_what_it_was_told_to_keep(sqlite_url: str) -> None:
    store = Store(sqlite_url)
    with store.reading() as connection:
        pragmas = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 30_000}
    store.close()


def test_a_sqlite_reader_does_not_wait_for_a_writer(sqlite_url: str) -> None:
    store = Store(sqlite_url)
    store.beat("one", {"number": 1})
    with store.writing() as connection:
        connection.execute(sa.update(runners).values(info={"number": 2}))
        assert store.runners()[0].info == {"number": 1}
    assert store.runners()[0].info == {"number": 2}
    store.close()


def test_a_restarted_connection_is_no_error(postgres_url: str) -> None:
    store = Store(postgres_url)
    store.beat("one", {})
    with store.reading() as connection:
        victim = connection.scalar(sa.text("SELECT pg_backend_pid()"))
    other = sa.create_engine(postgres_url)
    with other.begin() as connection:
        connection.execute(sa.text("SELECT pg_terminate_backend(:pid)"), {"pid": victim})
    other.dispose()
    assert [seen.id for seen in store.runners()] == ["one"]
    store.close()


def test_a_server_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reports.postgresql.CONNECT_SECONDS", 2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        store = Store(f"postgresql://nobody@127.0.0.1:{silent.getsockname()[1]}/none")
        refused: list[Exception] = []

        def ask() -> None:
            try:
                store.runners()
            except OperationalError as error:
                refused.append(error)

        asking = threading.Thread(target=ask, daemon=True)
        asking.start()
        asking.join(60)
    assert refused
    store.close()


def test_a_server_that_vanished_is_noticed(postgres_url: str) -> None:
    asked = sa.make_url(postgres_url).update_query_dict({"keepalives_idle": "7"}).render_as_string(hide_password=False)
    for url, expected in ((postgres_url, "30"), (asked, "7")):
        store = Store(url)
        with store.reading() as connection:
            driver: Any = connection.connection.driver_connection
        assert driver.info.get_parameters()["keepalives_idle"] == expected
        store.close()


def test_a_missing_driver_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(ConfigError, match=r"database_url: .*gazette\[postgres\]"):
        Store("postgresql://nobody@127.0.0.1/none")
