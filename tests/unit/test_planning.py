"""From a report and a due time to runs and deliveries."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from examples import DUE, a_report, a_run, a_subscription

from reports.model import (
    ChannelKind,
    DeliveryKind,
    DeliveryState,
    Format,
    Period,
    PeriodPolicy,
    RunKind,
    RunState,
)
from reports.parameters import parameters_key
from reports.planning import (
    missed,
    owner_notice,
    parameter_sets,
    planned_run,
    planned_runs,
    report_deliveries,
)


def test_a_report_without_subscriptions_runs_once_for_the_archive() -> None:
    report = a_report()
    [run] = planned_runs(report, DUE, [])
    assert (run.report_id, run.kind, run.state, run.due_at) == (report.id, RunKind.SCHEDULED, RunState.QUEUED, DUE)
    assert (run.parameters, run.formats, run.owner) == (report.parameters, report.formats, report.owner)
    assert run.period == Period(date(2026, 11, 15), date(2026, 11, 15), "UTC")


def test_a_paused_subscription_counts_for_nothing() -> None:
    report = a_report(formats=(Format.HTML,))
    paused = a_subscription(report, parameters={"top": 3}, formats=(Format.PDF,), paused=True)
    [run] = planned_runs(report, DUE, [paused])
    assert (run.parameters, run.formats) == (report.parameters, (Format.HTML,))
    assert report_deliveries(run, report, [replace(paused, parameters={})]) == []


def test_subscriptions_with_the_same_parameters_share_a_run() -> None:
    report = a_report(parameters={"top": 10, "team": None}, formats=(Format.HTML,))
    same, also, other = (
        a_subscription(report, formats=(Format.PDF,)),
        a_subscription(report, parameters={"top": 10}, formats=(Format.XLSX,)),
        a_subscription(report, parameters={"team": "research"}, formats=(Format.PDF,)),
    )
    first, second = planned_runs(report, DUE, [same, also, other])
    assert first.parameters == {"top": 10, "team": None}
    assert first.formats == (Format.HTML, Format.PDF, Format.XLSX)
    assert second.parameters == {"top": 10, "team": "research"}
    assert second.formats == (Format.HTML, Format.PDF)
    assert first.parameters_key == parameters_key({"team": None, "top": 10}) != second.parameters_key
    assert [d.subscription_id for d in report_deliveries(first, report, [same, also, other])] == [same.id, also.id]
    assert [d.subscription_id for d in report_deliveries(second, report, [same, also, other])] == [other.id]
    assert len(parameter_sets(report, [same, also, other])) == 2


def test_the_period_comes_from_the_due_time_in_the_reports_zone() -> None:
    report = a_report(zone="Pacific/Auckland")
    [run] = planned_runs(report, DUE + timedelta(hours=5), [])
    assert run.period == Period(date(2026, 11, 16), date(2026, 11, 16), "Pacific/Auckland")


def test_the_last_period_is_asked_for_only_where_it_matters() -> None:
    asked: list[tuple[str, str]] = []

    def last_end(report_id: str, key: str) -> date:
        asked.append((report_id, key))
        return date(2026, 11, 12)

    planned_run(a_report(), DUE, RunKind.SCHEDULED, {}, last_end)
    assert asked == []
    since = a_report(period_policy=PeriodPolicy.SINCE_LAST)
    run = planned_run(since, DUE, RunKind.SCHEDULED, {"top": 1}, last_end)
    assert asked == [(since.id, parameters_key({"top": 1}))]
    assert run.period == Period(date(2026, 11, 13), date(2026, 11, 15))
    assert planned_run(since, DUE, RunKind.SCHEDULED, {}).period == Period(date(2026, 11, 15), date(2026, 11, 15))


def test_a_missed_due_time_is_over_and_says_why() -> None:
    run = missed(a_run(a_report()), "the runner was down", DUE)
    assert (run.state, run.reason, run.finished_at) == (RunState.MISSED, "the runner was down", DUE)


def test_delivery_ids_derive_from_run_and_subscription() -> None:
    report = a_report()
    subscription = a_subscription(report)
    run = a_run(report)
    [first], [again] = report_deliveries(run, report, [subscription]), report_deliveries(run, report, [subscription])
    assert first == again
    [other] = report_deliveries(a_run(report), report, [subscription])
    assert other.id != first.id
    assert (first.state, first.kind, first.address) == (
        DeliveryState.PENDING,
        DeliveryKind.REPORT,
        subscription.address,
    )


@pytest.mark.parametrize(
    ("owner", "channel"), [("alice@example.org", ChannelKind.EMAIL), ("alice", ChannelKind.OUTBOX)]
)
def test_the_owner_is_told_by_mail_or_in_the_outbox(owner: str, channel: ChannelKind) -> None:
    run = a_run(a_report(owner=owner))
    notice = owner_notice(run)
    assert (notice.channel, notice.address, notice.subscription_id) == (channel, owner, None)
    assert notice.kind is DeliveryKind.FAILURE
    assert notice == owner_notice(replace(run, attempt=3))
