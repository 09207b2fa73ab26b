"""Reports, subscriptions and sources in both databases."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
import sqlalchemy as sa
from examples import DUE, HOUR, LEASE, a_delivery, a_report, a_run, a_subscription

from reports.errors import InvalidInput, NotFound, StaleVersion
from reports.model import (
    CatchUp,
    ChannelKind,
    DeliveryState,
    Filters,
    Format,
    PeriodPolicy,
    RunState,
)
from reports.sources.values import Source
from reports.store import ReportQuery, Store
from reports.store.tables import reports


def test_a_report_comes_back_as_it_was_saved(store: Store) -> None:
    report = a_report(
        name="Über­sicht “Kosten” 🧾",
        period_policy=PeriodPolicy.LAST_N_DAYS,
        period_days=14,
        parameters={"team": None, "days": [1, 2], "ratio": 0.1, "text": "ü\u2028"},
        filters=Filters(user_ids=("u1", "u2"), key_aliases=("ci",)),
        formats=(Format.HTML, Format.XLSX),
        catch_up=CatchUp.ALL,
        grace=timedelta(hours=3),
        paused=True,
        created_at=DUE,
    )
    assert store.add_report(report) == report
    assert store.report(report.id) == report


def test_created_at_is_the_databases_clock_unless_given(store: Store) -> None:
    created = store.add_report(a_report()).created_at
    assert created is not None
    assert abs(datetime.now(UTC) - created) < timedelta(seconds=30)


def test_instants_of_any_zone_come_back_as_the_same_instant_in_utc(store: Store) -> None:
    there = datetime(2026, 11, 16, 12, 30, 15, 123456, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    saved = store.add_report(a_report(next_due_at=there))
    assert saved.next_due_at == there
    assert saved.next_due_at is not None
    assert saved.next_due_at.utcoffset() == timedelta()


def test_a_naive_instant_is_refused(store: Store) -> None:
    with pytest.raises(sa.exc.StatementError, match="names no time zone"):
        store.add_report(a_report(next_due_at=datetime(2026, 11, 16, 7, 0)))  # noqa: DTZ001
    assert store.reports() == []


def test_a_report_is_found_by_id_or_by_a_name_that_is_its_own(store: Store) -> None:
    one, other = store.add_report(a_report(name="One")), store.add_report(a_report(name="Two"))
    assert store.report(one.id) == store.report("One") == one
    twin = store.add_report(a_report(name="Two"))
    with pytest.raises(InvalidInput, match="several reports") as caught:
        store.report("Two")
    assert other.id in caught.value.message
    assert twin.id in caught.value.message
    with pytest.raises(NotFound):
        store.report("Three")


def test_reports_are_filtered_counted_and_paged(store: Store) -> None:
    for number in range(7):
        store.add_report(a_report(name=f"Report {number}", owner="a@example.org" if number % 2 else "b@example.org"))
    store.add_report(a_report(name="100% paused_one", paused=True, template="cost_analysis"))
    page = [report.name for report in store.reports(ReportQuery(text="report", limit=3, offset=2))]
    assert page == ["Report 2", "Report 3", "Report 4"]
    assert store.count_reports(ReportQuery(owner="a@example.org")) == 3
    assert [report.name for report in store.reports(ReportQuery(paused=True))] == ["100% paused_one"]
    assert [report.name for report in store.reports(ReportQuery(template="cost_analysis"))] == ["100% paused_one"]
    assert store.count_reports(ReportQuery(text="%")) == 1
    assert store.count_reports(ReportQuery(text="d_o")) == 1
    assert store.count_reports(ReportQuery(text="/")) == 0
    assert store.count_reports(ReportQuery(text="PAUSED")) == 1
    assert store.count_reports() == 8


def test_names_of_reports_come_in_the_order_in_which_they_are_listed(store: Store) -> None:
    made = [store.add_report(a_report(name=name)) for name in ("b", "a", "c")]
    assert store.report_names(2) == {made[1].id: "a", made[0].id: "b"}


def test_due_reports_are_those_whose_time_has_come(store: Store) -> None:
    late = store.add_report(a_report(name="late", next_due_at=DUE - HOUR))
    now = store.add_report(a_report(name="now"))
    store.add_report(a_report(name="later", next_due_at=DUE + timedelta(microseconds=1)))
    store.add_report(a_report(name="paused", paused=True))
    store.add_report(a_report(name="by hand", cron="", next_due_at=None))
    assert store.due_reports(DUE, 10) == [late, now]
    assert store.due_reports(DUE, 1) == [late]


def test_due_reports_read_an_index_and_not_the_table(store: Store) -> None:
    due = sa.select(reports).where(reports.c.paused == sa.false(), reports.c.next_due_at <= DUE)
    text = str(
        due.order_by(reports.c.next_due_at).limit(5).compile(store.engine, compile_kwargs={"literal_binds": True})
    )
    with store.engine.connect() as connection:
        if store.on_sqlite:
            plan = " ".join(row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}"))
        else:
            connection.exec_driver_sql("SET enable_seqscan = off")
            plan = " ".join(row[0] for row in connection.exec_driver_sql(f"EXPLAIN {text}"))
    assert "ix_reports_paused_next_due_at" in plan
    assert "TEMP B-TREE" not in plan
    assert "Sort" not in plan


def test_an_edit_of_a_stale_version_is_refused(store: Store) -> None:
    report = store.add_report(a_report())
    first = store.update_report(replace(report, name="First"), report.version)
    assert first.version == 2
    with pytest.raises(StaleVersion) as caught:
        store.update_report(replace(report, name="Second"), report.version)
    assert caught.value.current == 2
    assert store.report(report.id).name == "First"
    with pytest.raises(NotFound):
        store.update_report(a_report(), 1)


def test_of_edits_at_once_one_is_saved(store: Store) -> None:
    report = store.add_report(a_report())

    def edit(number: int) -> bool:
        try:
            store.update_report(replace(report, name=f"Edit {number}"), report.version)
        except StaleVersion:
            return False
        return True

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(edit, range(6))) == 1
    assert store.report(report.id).version == 2


def test_an_edit_of_the_name_does_not_move_the_due_time_back(store: Store) -> None:
    report = store.add_report(a_report())
    store.enqueue(report, [a_run(report)], DUE + HOUR)
    assert store.update_report(replace(report, name="New name"), report.version).next_due_at == DUE + HOUR


@pytest.mark.parametrize("change", [{"cron": "30 7 * * *"}, {"zone": "Europe/Berlin"}, {"paused": True}])
def test_an_edit_of_the_schedule_moves_the_due_time(store: Store, change: dict[str, object]) -> None:
    report = store.add_report(a_report())
    edited = replace(report, next_due_at=DUE + 3 * HOUR, **change)  # type: ignore[arg-type]
    assert store.update_report(edited, report.version).next_due_at == DUE + 3 * HOUR


def test_subscriptions_come_back_as_they_were_saved(store: Store) -> None:
    report = store.add_report(a_report())
    subscription = a_subscription(
        report,
        channel=ChannelKind.WEBHOOK,
        address="https://hooks.example.org/x",
        formats=(Format.HTML, Format.PDF),
        parameters={"team": "research"},
        secret="whsec_abc whsec_def",
        include_content=True,
        created_at=DUE,
    )
    assert store.add_subscription(subscription) == subscription
    assert store.subscription(subscription.id) == subscription
    changed = store.update_subscription(replace(subscription, paused=True, address="https://hooks.example.org/y"))
    assert changed.paused
    assert store.subscriptions(report.id) == [changed]


def test_subscriptions_of_several_reports_come_in_one_query(store: Store) -> None:
    one, two, none = (store.add_report(a_report()) for _ in range(3))
    first = store.add_subscription(a_subscription(one, created_at=DUE))
    second = store.add_subscription(a_subscription(one, created_at=DUE + HOUR))
    third = store.add_subscription(a_subscription(two))
    assert store.subscriptions_of([one.id, two.id, none.id]) == {one.id: [first, second], two.id: [third]}


def test_nobody_subscribes_to_what_is_not_there(store: Store) -> None:
    with pytest.raises(NotFound):
        store.add_subscription(a_subscription(a_report()))
    for call in (store.subscription, store.remove_subscription, store.delete_report):
        with pytest.raises(NotFound):
            call("nothing")


def test_deleting_a_report_keeps_its_history_and_cancels_the_rest(store: Store) -> None:
    report = store.add_report(a_report(catch_up=CatchUp.ALL))
    subscription = store.add_subscription(a_subscription(report))
    done, waiting = a_run(report), a_run(report, due_at=DUE + HOUR)
    store.enqueue(report, [done, waiting], DUE + 2 * HOUR)
    claimed = store.claim_run("runner", LEASE)
    assert claimed is not None
    assert claimed.id == done.id
    store.finish_run(done.id, 1, [], {"requests": 5}, {}, [a_delivery(done, subscription)])
    store.delete_report(report.id)
    assert store.run(done.id).state is RunState.SUCCEEDED
    assert store.run(done.id).metrics == {"requests": 5}
    assert (store.run(waiting.id).state, store.run(waiting.id).reason) == (
        RunState.CANCELLED,
        "the report was deleted",
    )
    assert [delivery.state for delivery in store.deliveries(done.id)] == [DeliveryState.CANCELLED]
    assert store.claim_run("runner", LEASE) is None
    assert store.claim_delivery("runner", LEASE) is None
    assert store.subscriptions(report.id) == []


def test_a_run_that_is_running_when_its_report_is_deleted_finishes_undelivered(store: Store) -> None:
    report = store.add_report(a_report())
    subscription = store.add_subscription(a_subscription(report))
    store.enqueue(report, [a_run(report)], None)
    run = store.claim_run("runner", LEASE)
    assert run is not None
    store.delete_report(report.id)
    store.extend_lease(run.id, run.attempt, LEASE)
    store.finish_run(run.id, run.attempt, [], {}, {}, [a_delivery(run, subscription)])
    assert store.run(run.id).state is RunState.SUCCEEDED
    assert [delivery.state for delivery in store.deliveries(run.id)] == [DeliveryState.CANCELLED]


def test_removing_a_subscription_cancels_its_pending_deliveries_only(store: Store) -> None:
    report = store.add_report(a_report())
    leaver, stayer = (store.add_subscription(a_subscription(report)) for _ in range(2))
    store.enqueue(report, [a_run(report)], None)
    run = store.claim_run("runner", LEASE)
    assert run is not None
    store.finish_run(run.id, 1, [], {}, {}, [a_delivery(run, leaver), a_delivery(run, stayer)])
    store.remove_subscription(leaver.id)
    states = {delivery.subscription_id: delivery.state for delivery in store.deliveries(run.id)}
    assert states == {leaver.id: DeliveryState.CANCELLED, stayer.id: DeliveryState.PENDING}


def test_sources_are_kept_by_name(store: Store) -> None:
    usage = Source("usage", "embedded", "", {"synthetic": True}, "Demo")
    litellm = Source("proxy", "litellm", "postgresql://reader:${GAZETTE_SOURCE_PASSWORD}@db/litellm")
    store.add_source(usage)
    store.add_source(litellm)
    assert store.sources() == [litellm, usage]
    store.add_source(replace(usage, label="Synthetic"))
    assert store.source("usage").label == "Synthetic"
    store.remove_source("usage")
    for call in (store.source, store.remove_source):
        with pytest.raises(NotFound):
            call("usage")


def test_values_that_mean_sql_are_only_values(store: Store) -> None:
    name = "Robert'); DROP TABLE reports;--"
    report = store.add_report(a_report(name=name))
    assert store.report(name) == report
    assert store.reports(ReportQuery(text="'); DROP")) == [report]
