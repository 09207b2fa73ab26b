"""What each role may see and do through a desk, and that every change is in the log or did not happen."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import people
import pytest

from reports.access import BY_LINK, CONSOLE, Desk
from reports.archive import Archive
from reports.errors import Conflict, Forbidden, GazetteError, InvalidInput, NotFound, StaleVersion
from reports.model import (
    LEASE,
    Artifact,
    ChannelKind,
    Delivery,
    DeliveryState,
    Format,
    Person,
    Report,
    Run,
    RunKind,
    Scope,
    Subscription,
)
from reports.planning import new_id, planned_run, report_deliveries
from reports.service import NewReport, NewSubscription, Service
from reports.settings import Settings
from reports.sources import Source
from reports.store import AuditQuery, DeliveryQuery, RunQuery, Store

AT = datetime(2026, 11, 22, 12, tzinfo=UTC)
ROOT = Path(__file__).resolve().parents[2]
NEW = NewReport("Mine", "usage_summary", "root", "0 7 * * *")


@dataclass
class House:
    """One report of the owner with a subscriber and an outbox, a run of it with a file, and its deliveries."""

    service: Service
    report: Report
    subscription: Subscription
    outbox: Subscription
    run: Run
    queued: Run
    artifact: Artifact
    deliveries: dict[str, Delivery]

    def desk(self, person: Person, *scopes: str) -> Desk:
        return Desk(self.service, person, scopes or None)


@pytest.fixture
def house(store: Store, tmp_path: Path) -> Iterator[House]:
    settings = Settings(data_dir=tmp_path / "state", notebooks_dir=ROOT / "notebooks")
    service = Service(store, Archive(settings.archive_location), settings)
    people.add_people(store)
    report = service.create_report(NewReport("Daily", "usage_summary", people.OWNER.id, "0 7 * * *"), AT)
    mail = service.subscribe(NewSubscription(report.id, ChannelKind.EMAIL, people.SUBSCRIBER.email), AT)
    outbox = service.subscribe(NewSubscription(report.id, ChannelKind.OUTBOX, "finance"), AT)
    store.add_run(planned_run(report, AT, RunKind.SCHEDULED, report.parameters))
    run = store.claim_run("runner", LEASE)
    assert run is not None
    source = tmp_path / "report.pdf"
    source.write_bytes(b"%PDF")
    kept = service.archive.put(run.id, run.attempt, "report.pdf", source)
    artifact = Artifact(new_id(), run.id, Format.PDF, kept.path, kept.sha256, kept.bytes)
    store.finish_run(run.id, run.attempt, [artifact], {}, {}, report_deliveries(run, report, [mail, outbox]))
    while sent := store.claim_delivery("runner", LEASE):
        store.finish_delivery(sent.id, sent.attempt, DeliveryState.FAILED, error="no")
    queued = store.add_run(planned_run(report, AT.replace(hour=13), RunKind.MANUAL, report.parameters))
    deliveries = {each.address: each for each in store.deliveries(run.id)}
    yield House(service, report, mail, outbox, run, queued, artifact, deliveries)


def outcome(action: Callable[[], Any]) -> str:
    try:
        action()
    except GazetteError as error:
        return {NotFound: "not found", Forbidden: "forbidden"}[type(error)]
    return "yes"


LOOKS: dict[str, Callable[[Desk, House], Any]] = {
    "catalogue": lambda desk, house: desk.report(house.report.id),
    "run": lambda desk, house: desk.run(house.run.id),
    "stages": lambda desk, house: desk.stages(house.run.id),
    "log": lambda desk, house: desk.run_log(house.run.id),
    "artifacts": lambda desk, house: desk.artifacts(house.run.id),
    "artifact": lambda desk, house: desk.artifact(house.artifact.id),
    "open": lambda desk, house: desk.open_artifact(house.artifact.id)[1].close(),
    "deliveries": lambda desk, house: desk.deliveries(house.run.id),
    "own delivery": lambda desk, house: desk.delivery_log(house.deliveries[people.SUBSCRIBER.email].id),
    "another's delivery": lambda desk, house: desk.delivery_log(house.deliveries["finance"].id),
    "own subscription": lambda desk, house: desk.subscription(house.subscription.id),
    "another's subscription": lambda desk, house: desk.subscription(house.outbox.id),
    "remove a source": lambda desk, house: desk.remove_source("usage"),
    "log of changes": lambda desk, house: desk.audit(),
    "size of the log": lambda desk, house: desk.count_audit(),
}
CHANGES: dict[str, Callable[[Desk, House], Any]] = {
    "create": lambda desk, house: desk.create_report(NEW, AT),
    "draft": lambda desk, house: desk.draft(NEW, AT),
    "edit": lambda desk, house: desk.edit_report(replace(house.report, name="Other"), AT),
    "pause": lambda desk, house: desk.pause_report(house.report.id),
    "resume": lambda desk, house: desk.resume_report(house.report.id, AT),
    "delete": lambda desk, house: desk.delete_report(house.report.id),
    "run now": lambda desk, house: desk.run_now(house.report.id, AT.replace(hour=14)),
    "preview the report": lambda desk, house: desk.preview(house.report, AT),
    "preview a draft": lambda desk, house: desk.preview(NEW, AT),
    "cancel": lambda desk, house: desk.cancel_run(house.queued.id),
    "pin": lambda desk, house: desk.pin_run(house.run.id),
    "retry own": lambda desk, house: desk.retry_delivery(house.deliveries[people.SUBSCRIBER.email].id),
    "subscribe somebody": lambda desk, house: desk.subscribe(
        NewSubscription(house.report.id, ChannelKind.EMAIL, "new@example.org"), AT
    ),
    "subscribe a webhook": lambda desk, house: desk.subscribe(
        NewSubscription(house.report.id, ChannelKind.WEBHOOK, "https://hooks.example.org/x"), AT
    ),
    "subscribe oneself": lambda desk, house: desk.subscribe(
        NewSubscription(house.report.id, ChannelKind.EMAIL, desk.person.email.upper()), AT
    ),
    "pause subscriber": lambda desk, house: desk.pause_subscription(house.subscription.id),
    "unsubscribe subscriber": lambda desk, house: desk.unsubscribe(house.subscription.id),
    "unsubscribe outbox": lambda desk, house: desk.unsubscribe(house.outbox.id),
    "add a source": lambda desk, house: desk.add_source(Source("usage", "files", "/data/usage.csv")),
}
ROLES = {"admin": people.ADMIN, "owner": people.OWNER, "other": people.OTHER, "subscriber": people.SUBSCRIBER}
ROLES |= {"viewer": people.VIEWER}
Y, N, F = "yes", "not found", "forbidden"
#                            admin owner other subscriber viewer
MATRIX = {
    "catalogue":              (Y, Y, Y, Y, Y),
    "run":                    (Y, Y, N, Y, N),
    "stages":                 (Y, Y, N, Y, N),
    "log":                    (Y, Y, N, Y, N),
    "artifacts":              (Y, Y, N, Y, N),
    "artifact":               (Y, Y, N, Y, N),
    "open":                   (Y, Y, N, Y, N),
    "deliveries":             (Y, Y, N, Y, N),
    "own delivery":           (Y, Y, N, Y, N),
    "another's delivery":     (Y, Y, N, N, N),
    "own subscription":       (Y, Y, N, Y, N),
    "another's subscription": (Y, Y, N, N, N),
    "remove a source":         (N, F, F, F, F),
    "log of changes":         (Y, F, F, F, F),
    "size of the log":        (Y, F, F, F, F),
    "create":                 (Y, Y, Y, F, F),
    "draft":                  (Y, Y, Y, F, F),
    "edit":                   (Y, Y, N, N, N),
    "pause":                  (Y, Y, N, N, N),
    "resume":                 (Y, Y, N, N, N),
    "delete":                 (Y, Y, N, N, N),
    "run now":                (Y, Y, N, N, N),
    "preview the report":     (Y, Y, N, F, F),
    "preview a draft":        (Y, Y, Y, F, F),
    "cancel":                 (Y, Y, N, N, N),
    "pin":                    (Y, Y, N, N, N),
    "retry own":              (Y, Y, N, N, N),
    "subscribe somebody":     (Y, Y, F, F, F),
    "subscribe a webhook":    (Y, Y, F, F, F),
    "subscribe oneself":      (Y, Y, Y, Y, Y),
    "pause subscriber":       (Y, Y, N, Y, N),
    "unsubscribe subscriber": (Y, Y, N, Y, N),
    "unsubscribe outbox":     (Y, Y, N, N, N),
    "add a source":           (Y, F, F, F, F),
}  # fmt: skip


def test_the_matrix_names_everything_that_is_tried() -> None:
    assert list(MATRIX) == [*LOOKS, *CHANGES]


@pytest.mark.parametrize("what", MATRIX)
def test_the_matrix_of_roles(house: House, what: str) -> None:
    """Each in a transaction that is undone, so that all of a row meet the same house."""
    found = []
    for person in ROLES.values():
        with pytest.raises(_Undone), house.service.store.together():
            found.append(outcome(partial((LOOKS | CHANGES)[what], house.desk(person), house)))
            raise _Undone
    assert dict(zip(ROLES, found, strict=True)) == dict(zip(ROLES, MATRIX[what], strict=True))


class _Undone(Exception): ...


@pytest.mark.parametrize("what", CHANGES)
def test_every_change_is_in_the_log_once(house: House, what: str) -> None:
    CHANGES[what](house.desk(people.ADMIN), house)
    lines = house.service.store.audit()
    assert len(lines) == (0 if what == "draft" else 1), [line.action for line in lines]
    assert all(line.person == "root" and line.at is not None for line in lines)
    assert "whsec_" not in json.dumps([line.after for line in lines])


@pytest.mark.parametrize("what", CHANGES)
def test_what_is_refused_changes_and_logs_nothing(house: House, what: str) -> None:
    before = _everything(house)
    if outcome(lambda: CHANGES[what](house.desk(people.VIEWER), house)) != "yes":
        assert _everything(house) == before
        assert house.service.store.count_audit() == 0


def _everything(house: House) -> Any:
    store = house.service.store
    return store.reports(), store.runs(), store.subscriptions(house.report.id), store.deliveries(house.run.id)


def test_a_change_that_cannot_be_logged_does_not_happen(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_entry: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(house.service.store, "add_audit", full)
    with pytest.raises(OSError, match="disk full"):
        house.desk(people.ADMIN).delete_report(house.report.id)
    assert house.service.report(house.report.id)
    assert len(house.service.subscriptions(house.report.id)) == 2
    assert house.service.run(house.queued.id).state == "queued"


def test_a_change_that_fails_is_not_logged(house: House) -> None:
    desk = house.desk(people.OWNER)
    with pytest.raises(StaleVersion):
        desk.edit_report(replace(house.report, version=7), AT)
    with pytest.raises(InvalidInput):
        desk.create_report(replace(NEW, cron="61 * * * *"), AT)
    with pytest.raises(Conflict):
        desk.cancel_run(house.run.id)
    assert house.service.store.count_audit() == 0


# Scopes of tokens


@pytest.mark.parametrize("what", CHANGES)
def test_a_token_for_reading_changes_nothing(house: House, what: str) -> None:
    if what != "draft":
        assert outcome(lambda: CHANGES[what](house.desk(people.ADMIN, Scope.READ), house)) != "yes"
        assert house.service.store.count_audit() == 0


def test_a_token_without_the_scope_admin_makes_an_admin_an_editor(house: House) -> None:
    desk = house.desk(people.ADMIN, Scope.READ, Scope.WRITE)
    assert outcome(lambda: desk.run(house.run.id)) == "not found"
    assert outcome(desk.audit) == "forbidden"
    assert desk.create_report(replace(NEW, owner="somebody"), AT).owner == "root"
    assert outcome(house.desk(people.ADMIN, Scope.ADMIN).audit) == "yes"


def test_a_token_makes_nobody_more_than_she_is(house: House) -> None:
    assert outcome(house.desk(people.VIEWER, *Scope).audit) == "forbidden"
    assert outcome(lambda: house.desk(people.VIEWER, *Scope).create_report(NEW, AT)) == "forbidden"


# Owners


def test_the_owner_in_a_request_is_ignored_but_for_admins(house: House) -> None:
    asked = replace(NEW, owner="somebody@example.org")
    assert house.desk(people.OTHER).create_report(asked, AT).owner == "other"
    assert house.desk(people.OTHER).draft(asked, AT).owner == "other"
    assert house.desk(people.ADMIN).create_report(asked, AT).owner == "somebody@example.org"
    kept = house.desk(people.OWNER).edit_report(replace(house.report, owner="other"), AT)
    assert kept.owner == people.OWNER.id


def test_a_report_can_be_owned_by_an_address(house: House) -> None:
    theirs = house.service.create_report(replace(NEW, owner=people.OTHER.email), AT)
    assert house.desk(people.OTHER).pause_report(theirs.id).paused


def test_an_owner_who_is_an_editor_no_more_looks_but_changes_nothing(house: House) -> None:
    demoted = replace(people.OWNER, role=people.VIEWER.role)
    assert outcome(lambda: house.desk(demoted).run(house.run.id)) == "yes"
    assert outcome(lambda: house.desk(demoted).pause_report(house.report.id)) == "forbidden"


def test_a_preview_cannot_borrow_another_owners_report(house: House) -> None:
    borrowed = replace(house.report, owner=people.OTHER.id)
    assert outcome(lambda: house.desk(people.OTHER).preview(borrowed, AT)) == "not found"
    draft = house.desk(people.OTHER).draft(NEW, AT)
    run = house.desk(people.OTHER).preview(replace(draft, owner=people.OWNER.id), AT)
    assert run.owner == "other"


def test_previews_are_not_for_subscribers(house: House) -> None:
    run = house.desk(people.OWNER).preview(house.report, AT)
    assert outcome(lambda: house.desk(people.SUBSCRIBER).run(run.id)) == "not found"


def test_runs_of_a_deleted_report_stay_its_owners(house: House) -> None:
    house.desk(people.OWNER).delete_report(house.report.id)
    assert house.desk(people.OWNER).run(house.run.id).id == house.run.id
    assert outcome(lambda: house.desk(people.SUBSCRIBER).run(house.run.id)) == "not found"


# Lists


def test_lists_and_counts_hold_what_may_be_seen(house: House) -> None:
    theirs = house.service.create_report(replace(NEW, owner="other"), AT)
    house.service.store.add_run(planned_run(theirs, AT, RunKind.MANUAL, theirs.parameters))
    seen = {name: house.desk(person).count_runs() for name, person in ROLES.items()}
    assert seen == {"admin": 3, "owner": 2, "other": 1, "subscriber": 2, "viewer": 0}
    for person in ROLES.values():
        desk = house.desk(person)
        assert len(desk.runs()) == desk.count_runs()
    everybodys = RunQuery(seen_by=people.ADMIN)
    assert house.desk(people.VIEWER).runs(everybodys) == [], "who is asking is not for the caller to say"
    latest = {name: len(house.desk(person).latest_runs([house.report.id])) for name, person in ROLES.items()}
    assert latest == {"admin": 1, "owner": 1, "other": 0, "subscriber": 1, "viewer": 0}


def test_deliveries_to_others_are_the_owners_to_see(house: House) -> None:
    seen = {
        name: sorted(each.address for each in house.desk(person).find_deliveries(DeliveryQuery()))
        for name, person in ROLES.items()
    }
    own = ["board@example.org"]
    whole = [*own, "finance", "owner@example.org"]  # the last is told that the first was not reached
    assert seen == {"admin": whole, "owner": whole, "other": [], "subscriber": own, "viewer": []}
    assert [each.address for each in house.desk(people.SUBSCRIBER).deliveries(house.run.id)] == own
    assert len(house.desk(people.OWNER).deliveries(house.run.id)) == len(whole)
    assert [each.address for each in house.desk(people.SUBSCRIBER).subscriptions(house.report.id)] == own


def test_where_sources_are_is_for_admins(house: House) -> None:
    house.service.add_source(Source("usage", "litellm", "postgresql://reader:hunter2@db/litellm", {"sql": "x"}))
    for desk, url in (
        (house.desk(people.OWNER), ""),
        (house.desk(people.ADMIN), "postgresql://reader:hunter2@db/litellm"),
    ):
        assert desk.source("usage").url == desk.sources()[0].url == url


# Subscribing oneself


def test_a_subscription_of_ones_own_stays_ones_own(house: House) -> None:
    desk = house.desk(people.SUBSCRIBER)
    changed = desk.edit_subscription(replace(house.subscription, formats=(Format.XLSX,)))
    assert changed.formats == (Format.XLSX,)
    for stolen in (
        replace(house.subscription, address="elsewhere@example.org"),
        replace(house.subscription, channel=ChannelKind.OUTBOX, address="finance"),
    ):
        assert outcome(lambda stolen=stolen: desk.edit_subscription(stolen)) == "forbidden"
    moved = replace(house.subscription, report_id=house.service.create_report(NEW, AT).id)
    assert desk.edit_subscription(moved).report_id == house.report.id


def test_ones_own_address_is_ones_own_however_it_is_typed(house: House) -> None:
    asked = NewSubscription(house.report.id, ChannelKind.EMAIL, " Vera@EXAMPLE.org")
    made = house.desk(people.VIEWER).subscribe(asked, AT)
    assert made.address == people.VIEWER.email
    assert [each.id for each in house.desk(people.VIEWER).subscriptions(house.report.id)] == [made.id]


def test_who_was_subscribed_by_an_owner_is_herself_however_her_address_was_typed(house: House) -> None:
    asked = NewSubscription(house.report.id, ChannelKind.EMAIL, "Vera@EXAMPLE.org")
    made = house.desk(people.OWNER).subscribe(asked, AT)
    herself = house.desk(people.VIEWER)
    assert herself.own_subscriptions([house.report.id]) == {house.report.id: made}
    herself.unsubscribe(made.id)
    assert herself.subscriptions(house.report.id) == []


def test_somebody_without_an_address_cannot_subscribe(house: House) -> None:
    nobody = replace(people.VIEWER, email="")
    assert outcome(lambda: CHANGES["subscribe oneself"](house.desk(nobody), house)) == "forbidden"


# The log


def test_the_log_is_read_page_by_page_and_cut(house: House) -> None:
    admin = house.desk(people.ADMIN)
    for paused in range(6):
        if paused % 2:
            admin.resume_report(house.report.id, AT)
        else:
            house.desk(people.OWNER).pause_report(house.report.id)
    admin.unsubscribe(house.outbox.id)
    assert admin.count_audit() == 7
    assert [line.kind for line in admin.audit(AuditQuery(limit=1))] == ["subscription"]
    assert admin.count_audit(AuditQuery(person=people.OWNER.id)) == 3
    assert admin.count_audit(AuditQuery(kind="report", action="resume")) == 3
    assert admin.count_audit(AuditQuery(item=house.outbox.id)) == 1
    assert admin.count_audit(AuditQuery(since=datetime(2100, 1, 1, tzinfo=UTC))) == 0
    times = [line.at for line in admin.audit()]
    assert times == sorted(times, reverse=True)
    pages = [line.id for offset in range(0, 8, 2) for line in admin.audit(AuditQuery(limit=2, offset=offset))]
    assert len(set(pages)) == 7


def test_an_edit_is_told_with_before_and_after(house: House) -> None:
    house.desk(people.OWNER).edit_report(replace(house.report, name="Every day"), AT)
    (line,) = house.desk(people.ADMIN).audit()
    assert (line.before, line.after) == ({"name": "Daily"}, {"name": "Every day"})


def test_the_console_and_the_link_act_under_names_nobody_can_have(house: House) -> None:
    from reports.accounts import USER_NAME  # noqa: PLC0415  only here

    for acting in (CONSOLE, BY_LINK):
        assert not USER_NAME.fullmatch(acting.id)
        assert "@" not in acting.id
