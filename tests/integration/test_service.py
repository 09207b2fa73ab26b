"""The use cases over a real store on both databases, a real archive and real notebook files."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from examples import LEASE, a_delivery, an_artifact

from reports.archive import Archive
from reports.errors import (
    ArchiveError,
    Conflict,
    InvalidCron,
    InvalidInput,
    InvalidParameter,
    InvalidRecipient,
    NotFound,
    StaleVersion,
)
from reports.model import (
    CatchUp,
    ChannelKind,
    DeliveryKind,
    DeliveryState,
    Filters,
    Format,
    Period,
    PeriodPolicy,
    Run,
    RunKind,
    RunState,
)
from reports.planning import delivery_id, planned_runs
from reports.service import NewReport, NewSubscription, Service
from reports.settings import Settings
from reports.sources import Source
from reports.store import DeliveryQuery, ReportQuery, Store

AT = datetime(2026, 11, 16, 6, 30, tzinfo=UTC)
DAY = timedelta(days=1)
NOTEBOOK: dict[str, Any] = {
    "nbformat": 4,
    "nbformat_minor": 5,
    "metadata": {
        "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
        "gazette": {
            "title": "Usage summary",
            "period": {"policy": "last_7_days"},
            "datasets": {"usage": {"source": "usage"}},
            "formats": ["html", "pdf"],
        },
    },
    "cells": [
        {
            "id": "parameters",
            "cell_type": "code",
            "metadata": {"tags": ["parameters"]},
            "execution_count": None,
            "outputs": [],
            "source": "top: int = 10  # Rows of a table\nteam: str | None = None  # Only this team\n",
        }
    ],
}


@pytest.fixture
def service(store: Store, store_url: str, tmp_path: Path) -> Service:
    notebooks = tmp_path / "notebooks"
    notebooks.mkdir()
    (notebooks / "usage_summary.ipynb").write_text(json.dumps(NOTEBOOK), encoding="utf-8")
    needy = json.loads(json.dumps(NOTEBOOK))
    needy["cells"][0]["source"] = "customer: str  # Whose report\n"
    (notebooks / "needy.ipynb").write_text(json.dumps(needy), encoding="utf-8")
    settings = Settings(data_dir=tmp_path, notebooks_dir=notebooks, database_url=store_url, zone="Europe/Berlin")
    service = Service(store, Archive(str(tmp_path / "archive")), settings)
    service.add_source(Source("usage", "embedded"))
    return service


def new(**changes: Any) -> NewReport:
    values: dict[str, Any] = {
        "name": "Usage of the week",
        "template": "usage_summary",
        "owner": "owner@example.org",
        "cron": "0 8 * * mon",
    }
    return NewReport(**values | changes)


def by_mail(report: str, **changes: Any) -> NewSubscription:
    values: dict[str, Any] = {"report": report, "channel": ChannelKind.EMAIL, "address": "reader@example.org"}
    return NewSubscription(**values | changes)


def succeeded(service: Service, run: Run, content: bytes = b"%PDF") -> Run:
    """The run as a runner would leave it: one file in the archive, one delivery for each subscription."""
    claimed = service.store.claim_run("runner", LEASE)
    assert claimed is not None
    assert claimed.id == run.id
    path = Path(service.settings.data_dir) / "made.pdf"
    path.write_bytes(content)
    stored = service.archive.put(run.id, claimed.attempt, "report.pdf", path)
    artifact = replace(an_artifact(claimed), path=stored.path, sha256=stored.sha256, bytes=stored.bytes)
    deliveries = [a_delivery(claimed, each) for each in service.store.subscriptions(run.report_id)]
    service.store.finish_run(run.id, claimed.attempt, [artifact], {}, {}, deliveries)
    return service.run(run.id)


# Reports


def test_a_report_follows_its_template_and_the_settings(service: Service) -> None:
    report = service.create_report(new(name="  Usage of the week "), AT)
    assert (report.name, report.cron, report.zone) == ("Usage of the week", "0 8 * * MON", "Europe/Berlin")
    assert (report.period_policy, report.formats) == (PeriodPolicy.LAST_7_DAYS, (Format.HTML, Format.PDF))
    assert report.next_due_at == datetime(2026, 11, 16, 7, 0, tzinfo=UTC)
    assert report.created_at == AT
    assert service.report(report.id) == service.report("Usage of the week") == report
    assert service.reports() == [report]
    assert service.reports(ReportQuery(owner="nobody")) == []


def test_a_report_keeps_what_it_is_given(service: Service) -> None:
    report = service.create_report(
        new(
            cron="",
            zone="Asia/Kolkata",
            period_policy=PeriodPolicy.LAST_N_DAYS,
            period_days=3,
            parameters={"top": 5, "team": "research"},
            filters=Filters(model_ids=("m", "m")),
            sources={"usage": "usage"},
            formats=(Format.XLSX,),
            catch_up=CatchUp.SKIP,
            grace=timedelta(hours=1),
        ),
        AT,
    )
    assert (report.cron, report.next_due_at, report.zone) == ("", None, "Asia/Kolkata")
    assert (report.period_policy, report.period_days) == (PeriodPolicy.LAST_N_DAYS, 3)
    assert report.parameters == {"top": 5, "team": "research"}
    assert report.filters == Filters(model_ids=("m",))
    assert (report.sources, report.formats) == ({"usage": "usage"}, (Format.XLSX,))
    assert (report.catch_up, report.grace) == (CatchUp.SKIP, timedelta(hours=1))


@pytest.mark.parametrize(
    ("changes", "kind", "field"),
    [
        ({"name": " "}, InvalidInput, "name"),
        ({"name": "a\nb"}, InvalidInput, "name"),
        ({"name": "x" * 201}, InvalidInput, "name"),
        ({"owner": ""}, InvalidInput, "owner"),
        ({"owner": "a@b@c"}, InvalidRecipient, "owner"),
        ({"template": "nothing"}, InvalidInput, "template"),
        ({"template": "../usage_summary"}, InvalidInput, "template"),
        ({"cron": "61 * * * *"}, InvalidCron, "minute"),
        ({"cron": "0 0 30 2 *"}, InvalidCron, None),
        ({"cron": "* * * * * *"}, InvalidCron, None),
        ({"zone": "Mars/Olympus"}, InvalidCron, "zone"),
        ({"zone": "Mars/Olympus", "cron": ""}, InvalidCron, "zone"),
        ({"period_policy": PeriodPolicy.LAST_N_DAYS}, InvalidInput, "period_days"),
        ({"period_policy": PeriodPolicy.LAST_N_DAYS, "period_days": 0}, InvalidInput, "period_days"),
        ({"parameters": {"nothing": 1}}, InvalidParameter, "nothing"),
        ({"parameters": {"top": "many"}}, InvalidParameter, "top"),
        ({"parameters": {"x=1;import os": 1}}, InvalidParameter, "x=1;import os"),
        ({"template": "needy"}, InvalidParameter, "customer"),
        ({"formats": ("docx",)}, InvalidInput, "formats"),
        ({"formats": (Format.NOTEBOOK,)}, InvalidInput, "formats"),
        ({"filters": Filters(team_ids=("",))}, InvalidInput, "filters.team_ids"),
        ({"sources": {"other": "usage"}}, InvalidInput, "sources"),
        ({"sources": {"usage": "other"}}, InvalidInput, "sources.usage"),
        ({"grace": -DAY}, InvalidInput, "grace"),
        ({"grace": 400 * DAY}, InvalidInput, "grace"),
    ],
)
def test_what_cannot_be_used_is_refused_at_its_field(
    service: Service, changes: dict[str, Any], kind: type[InvalidInput], field: str | None
) -> None:
    with pytest.raises(kind) as caught:
        service.create_report(new(**changes), AT)
    if field is not None:
        assert caught.value.field == field
    assert service.reports() == []


def test_an_unknown_template_is_answered_with_those_there_are(service: Service) -> None:
    with pytest.raises(InvalidInput, match="needy, usage_summary"):
        service.create_report(new(template="usage"), AT)


def test_an_edit_is_checked_and_moves_the_due_time_with_the_schedule(service: Service) -> None:
    report = service.create_report(new(), AT)
    renamed = service.edit_report(replace(report, name=" New "), AT + DAY)
    assert (renamed.name, renamed.version, renamed.next_due_at) == ("New", 2, report.next_due_at)
    daily = service.edit_report(replace(renamed, cron="@daily"), AT + DAY)
    assert daily.next_due_at == datetime(2026, 11, 17, 23, 0, tzinfo=UTC)
    with pytest.raises(StaleVersion):
        service.edit_report(replace(report, name="Late"), AT)
    with pytest.raises(InvalidCron):
        service.edit_report(replace(daily, cron="nonsense"), AT)
    assert service.report(report.id) == daily


def test_a_pause_is_not_caught_up(service: Service) -> None:
    report = service.create_report(new(), AT)
    paused = service.pause_report(report.name)
    assert (paused.paused, paused.next_due_at) == (True, None)
    assert service.store.due_reports(AT + 100 * DAY, 10) == []
    resumed = service.resume_report(report.id, AT + 14 * DAY)
    assert (resumed.paused, resumed.next_due_at) == (False, datetime(2026, 11, 30, 7, 0, tzinfo=UTC))


def test_a_report_by_hand_is_never_due(service: Service) -> None:
    report = service.create_report(new(cron=" "), AT)
    service.pause_report(report.id)
    assert service.resume_report(report.id, AT).next_due_at is None


def test_an_edit_of_a_paused_report_leaves_it_paused(service: Service) -> None:
    paused = service.pause_report(service.create_report(new(), AT).id)
    assert service.edit_report(replace(paused, cron="0 9 * * *"), AT).next_due_at is None


def test_a_deleted_report_leaves_its_runs(service: Service) -> None:
    report = service.create_report(new(), AT)
    [run] = service.run_now(report.id, AT)
    succeeded(service, run)
    service.delete_report(report.name)
    with pytest.raises(NotFound):
        service.report(report.id)
    assert service.run(run.id).state is RunState.SUCCEEDED
    assert [artifact.format for artifact in service.artifacts(run.id)] == [Format.PDF]


def test_names_need_not_be_unique_but_must_be_to_be_used(service: Service) -> None:
    service.create_report(new(), AT)
    service.create_report(new(), AT)
    for call in (service.report, service.pause_report, service.delete_report, service.subscriptions):
        with pytest.raises(InvalidInput, match="several reports"):
            call("Usage of the week")


def test_next_dues_are_told(service: Service) -> None:
    dues = service.next_dues("0 8 * * mon", "Europe/Berlin", AT, 2)
    assert dues == [datetime(2026, 11, 16, 7, tzinfo=UTC), datetime(2026, 11, 23, 7, tzinfo=UTC)]
    for count in (0, 1001):
        with pytest.raises(InvalidInput, match="count"):
            service.next_dues("@daily", "UTC", AT, count)


# Subscriptions


def test_a_subscription_takes_pdf_unless_it_says_otherwise(service: Service) -> None:
    report = service.create_report(new(), AT)
    subscription = service.subscribe(by_mail(report.name, subscriber=" A Reader "), AT)
    assert (subscription.report_id, subscription.formats) == (report.id, (Format.PDF,))
    assert (subscription.subscriber, subscription.secret, subscription.created_at) == ("A Reader", "", AT)
    sheet = service.create_report(new(name="Sheet", formats=(Format.XLSX,)), AT)
    assert service.subscribe(by_mail(sheet.id), AT).formats == (Format.XLSX,)
    assert service.subscribe(by_mail(report.id, formats=(Format.HTML,)), AT).formats == (Format.HTML,)


def test_a_webhook_gets_a_secret(service: Service) -> None:
    report = service.create_report(new(), AT)
    webhook = by_mail(report.id, channel=ChannelKind.WEBHOOK, address="https://hooks.example.org/x")
    subscription = service.subscribe(replace(webhook, include_content=True), AT)
    assert subscription.secret.startswith("whsec_")
    assert subscription.include_content
    assert service.subscribe(webhook, AT).secret != subscription.secret


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"address": "nobody"}, "address"),
        ({"address": "a@example.org\r\nBcc: b@example.org"}, "address"),
        ({"subscriber": "A\r\nBcc: b@example.org"}, "subscriber"),
        ({"channel": ChannelKind.WEBHOOK, "address": "http://hooks.example.org"}, "address"),
        ({"channel": ChannelKind.WEBHOOK, "address": "https://u:p@hooks.example.org"}, "address"),
        ({"channel": ChannelKind.WEBHOOK, "address": "https://hooks.example.org", "secret": "x"}, "secret"),
        ({"secret": "whsec_abc"}, "secret"),
        ({"channel": ChannelKind.OUTBOX, "address": ""}, "address"),
        ({"formats": ("docx",)}, "formats"),
        ({"parameters": {"nothing": 1}}, "nothing"),
    ],
)
def test_an_odd_subscription_is_refused_at_its_field(service: Service, changes: dict[str, Any], field: str) -> None:
    report = service.create_report(new(), AT)
    with pytest.raises(InvalidInput) as caught:
        service.subscribe(by_mail(report.id, **changes), AT)
    assert caught.value.field == field
    assert service.subscriptions(report.id) == []


def test_a_subscription_is_edited_paused_and_removed(service: Service) -> None:
    report = service.create_report(new(), AT)
    subscription = service.subscribe(by_mail(report.id), AT)
    edited = service.edit_subscription(replace(subscription, address="Other@EXAMPLE.org", parameters={"top": 3}))
    assert (edited.address, edited.parameters) == ("other@example.org", {"top": 3})
    with pytest.raises(InvalidInput):
        service.edit_subscription(replace(subscription, address="other"))
    assert service.pause_subscription(subscription.id).paused
    assert not service.pause_subscription(subscription.id, paused=False).paused
    assert service.subscriptions(report.name) == [service.subscription(subscription.id)]
    service.unsubscribe(subscription.id)
    assert service.subscriptions(report.id) == []
    with pytest.raises(NotFound):
        service.unsubscribe(subscription.id)


# Runs


def test_run_now_queues_a_run_for_each_set_of_parameters(service: Service) -> None:
    report = service.create_report(new(parameters={"top": 10}), AT)
    service.subscribe(by_mail(report.id), AT)
    service.subscribe(by_mail(report.id, address="other@example.org", parameters={"top": 10}), AT)
    service.subscribe(by_mail(report.id, address="third@example.org", parameters={"top": 3}), AT)
    made = service.run_now(report.name, AT)
    assert sorted(run.parameters["top"] for run in made) == [3, 10]
    assert {(run.kind, run.state, run.due_at) for run in made} == {(RunKind.MANUAL, RunState.QUEUED, AT)}
    assert made[0].period == Period(date(2026, 11, 9), date(2026, 11, 15), "Europe/Berlin")
    assert {run.id for run in service.runs()} == {run.id for run in made}
    assert [run.id for run in service.run_now(report.id, AT)] == [run.id for run in made], "asked for twice"


def test_a_preview_of_a_draft_saves_no_report(service: Service) -> None:
    run = service.preview(new(), AT, {"top": 1})
    assert (run.kind, run.parameters, run.report_name) == (RunKind.PREVIEW, {"top": 1}, "Usage of the week")
    assert service.reports() == []
    with pytest.raises(InvalidParameter):
        service.preview(new(), AT, {"top": "many"})


def test_a_preview_of_a_report_changes_nothing_in_it(service: Service) -> None:
    report = service.create_report(new(), AT)
    edited = replace(report, name="Edited", formats=(Format.HTML,))
    run = service.preview(edited, AT + DAY)
    assert (run.report_id, run.report_name, run.formats) == (report.id, "Edited", (Format.HTML,))
    assert service.report(report.id) == report


def test_since_last_begins_after_the_last_scheduled_run(service: Service) -> None:
    report = service.create_report(new(period_policy=PeriodPolicy.SINCE_LAST), AT)
    [run] = planned_runs(report, AT, [], service.store.last_period_end)
    assert run.period == Period(date(2026, 11, 15), date(2026, 11, 15), "Europe/Berlin")
    service.store.enqueue(report, [run], AT + 7 * DAY)
    succeeded(service, run)
    [by_hand] = service.run_now(report.id, AT + 5 * DAY)
    assert by_hand.period == Period(date(2026, 11, 16), date(2026, 11, 20), "Europe/Berlin")
    preview = service.preview(report, AT + 2 * DAY)
    assert preview.period == Period(date(2026, 11, 16), date(2026, 11, 17), "Europe/Berlin")


def test_a_queued_run_is_cancelled_by_hand(service: Service) -> None:
    [run] = service.run_now(service.create_report(new(), AT).id, AT)
    service.cancel_run(run.id)
    assert service.run(run.id).state is RunState.CANCELLED
    with pytest.raises(Conflict):
        service.cancel_run(run.id)


def test_a_run_is_pinned_and_its_timeline_read(service: Service) -> None:
    [run] = service.run_now(service.create_report(new(), AT).id, AT)
    service.pin_run(run.id)
    assert service.run(run.id).pinned
    service.pin_run(run.id, pinned=False)
    assert not service.run(run.id).pinned
    assert service.stages(run.id) == []


def test_an_artifact_is_opened_only_when_it_is_what_was_archived(service: Service) -> None:
    [run] = service.run_now(service.create_report(new(), AT).id, AT)
    succeeded(service, run, b"%PDF a report")
    [artifact] = service.artifacts(run.id)
    opened, file = service.open_artifact(artifact.id)
    with file:
        assert (opened, file.read()) == (artifact, b"%PDF a report")
    stored = Path(service.settings.archive_location) / artifact.path
    stored.write_bytes(b"%PDF altered!")
    with pytest.raises(ArchiveError, match="not what was archived"):
        service.open_artifact(artifact.id)
    stored.unlink()
    with pytest.raises(ArchiveError, match="missing"):
        service.open_artifact(artifact.id)


def test_what_is_not_there_is_not_found(service: Service) -> None:
    calls: list[Callable[[str], object]] = [
        service.report,
        service.delete_report,
        service.subscription,
        service.run,
        service.artifacts,
        service.open_artifact,
        service.deliveries,
        service.delivery_log,
        service.retry_delivery,
        service.cancel_run,
        service.template,
        service.source,
        service.check_source,
    ]
    for call in calls:
        with pytest.raises(NotFound):
            call("nothing")


# Deliveries


def test_a_failed_delivery_is_sent_again_by_hand(service: Service) -> None:
    report = service.create_report(new(), AT)
    service.subscribe(by_mail(report.id), AT)
    [run] = service.run_now(report.id, AT)
    succeeded(service, run)
    delivery = service.store.claim_delivery("runner", LEASE)
    assert delivery is not None
    service.store.finish_delivery(delivery.id, 1, DeliveryState.FAILED, error="550 no such user")
    assert [(line.outcome, line.detail) for line in service.delivery_log(delivery.id)] == [
        ("failed", "550 no such user")
    ]
    assert service.retry_delivery(delivery.id).state is DeliveryState.PENDING
    assert {each.id: each.kind for each in service.deliveries(run.id)} == {
        delivery.id: DeliveryKind.REPORT,
        delivery_id(run.id, "owner:undelivered"): DeliveryKind.UNDELIVERED,
    }
    found = service.find_deliveries(DeliveryQuery(report_id=report.id))
    assert {each.id for each in found} == {each.id for each in service.deliveries(run.id)}


# Templates, sources, counts


def test_templates_are_listed_and_read(service: Service) -> None:
    assert [template.name for template in service.templates()] == ["needy", "usage_summary"]
    assert [parameter.name for parameter in service.template("usage_summary").parameters] == ["top", "team"]


def test_sources_are_added_checked_and_removed(service: Service) -> None:
    assert service.source("usage") == Source("usage", "embedded")
    assert service.check_source("usage").rows == 0
    service.add_source(Source(" other ", "embedded"))
    assert [source.name for source in service.sources()] == ["other", "usage"]
    service.remove_source("other")
    with pytest.raises(InvalidInput):
        service.add_source(Source("a\nb", "embedded"))


def test_what_is_going_on_is_counted(service: Service) -> None:
    report = service.create_report(new(), AT)
    [run] = service.run_now(report.id, AT)
    assert service.reachable()
    assert (service.count_reports(), service.count_runs()) == (1, 1)
    assert service.latest_runs([report.id]) == {report.id: run}
    assert service.runs_by_state()[RunState.QUEUED] == 1
    assert service.deliveries_by_state()[DeliveryState.SENT] == 0
    assert service.backlog().queued == 1
    assert service.runners() == []
