"""Reports as code: a document makes what it says, once however often, or nothing; what is exported makes the same."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import people
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as some

from reports import applying
from reports.access import CONSOLE, Desk
from reports.applying import Action, Applied
from reports.archive import Archive
from reports.errors import Forbidden, InvalidInput
from reports.model import ChannelKind
from reports.service import NewReport, NewSubscription, Service
from reports.settings import Settings
from reports.sources import Source
from reports.store import AuditQuery, Store
from runner.commands import as_code as command

AT = datetime(2026, 11, 22, 12, tzinfo=UTC)
ROOT = Path(__file__).resolve().parents[2]
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
DAILY: dict[str, Any] = {
    "name": "Daily usage",
    "template": "usage_summary",
    "owner": "ada@example.org",
    "cron": "0 7 * * 1-5",
    "zone": "Europe/Berlin",
}
BOARD: dict[str, Any] = {"channel": "email", "address": "board@example.org", "formats": ["pdf", "xlsx"]}
HOOK: dict[str, Any] = {"channel": "webhook", "address": "https://hooks.example.org/a"}


@pytest.fixture
def desk(store: Store, tmp_path: Path) -> Desk:
    where = Settings(data_dir=tmp_path / "state", notebooks_dir=ROOT / "notebooks")
    service = Service(store, Archive(where.archive_location), where)
    service.add_source(Source("usage", "files", "usage.csv"))
    return Desk(service, CONSOLE)


def apply(desk: Desk, *reports: Any, **more: Any) -> Applied:
    return applying.apply(desk, {"version": 1, "reports": list(reports)}, AT, expanded, **more)


def expanded(text: str) -> str:
    return text.replace("${GAZETTE_SIGNING_FINANCE}", SECRET)


def state(desk: Desk) -> list[Any]:
    reports = desk.reports()
    return [(report, desk.subscriptions(report.id)) for report in reports]


def actions(done: Applied) -> list[tuple[str, str, str]]:
    return [(change.action.value, change.kind, change.address or change.name) for change in done.changes]


# What it does


def test_what_is_not_there_is_made_and_twice_is_once(desk: Desk) -> None:
    entry = DAILY | {"parameters": {"top_n": 5}, "filters": {"team_ids": ["a"]}, "subscriptions": [BOARD, HOOK]}
    first = apply(desk, entry)
    assert actions(first) == [
        ("create", "report", "Daily usage"),
        ("create", "subscription", "board@example.org"),
        ("create", "subscription", "https://hooks.example.org/a"),
    ]
    assert first.changes[2].new_secret.startswith("whsec_"), "the only time it is told"
    ((report, subscriptions),) = state(desk)
    assert (report.cron, report.parameters, report.filters.team_ids) == ("0 7 * * 1-5", {"top_n": 5}, ("a",))
    assert {each.address: each.formats for each in subscriptions} == {
        BOARD["address"]: ("pdf", "xlsx"),
        HOOK["address"]: ("pdf",),
    }
    assert report.next_due_at is not None
    again = apply(desk, entry)
    assert (again.changes, again.unchanged) == ((), 3)
    assert state(desk) == [(report, subscriptions)], "not even a version moves"


def test_what_differs_is_changed_and_told_field_by_field(desk: Desk) -> None:
    apply(desk, DAILY | {"subscriptions": [BOARD]})
    ((before, (board,)),) = state(desk)
    done = apply(
        desk,
        DAILY | {"cron": "0 9 * * *", "subscriptions": [BOARD | {"formats": ["html"], "send_if": "requests > 5"}]},
    )
    assert [(change.kind, dict(change.fields)) for change in done.changes] == [
        ("report", {"cron": ("0 7 * * 1-5", "0 9 * * *")}),
        ("subscription", {"formats": (["pdf", "xlsx"], ["html"]), "send_if": (None, "requests > 5")}),
    ]
    ((after, (changed,)),) = state(desk)
    assert (after.id, after.version, after.cron) == (before.id, before.version + 1, "0 9 * * *")
    assert after.next_due_at != before.next_due_at
    assert (changed.id, str(changed.send_if)) == (board.id, "requests > 5")


def test_what_is_not_named_is_left_alone_unless_pruned(desk: Desk) -> None:
    other = DAILY | {"name": "Other", "subscriptions": [BOARD]}
    apply(desk, DAILY | {"subscriptions": [BOARD, HOOK]}, other)
    kept = apply(desk, DAILY | {"subscriptions": [BOARD]})
    assert (kept.changes, kept.unchanged) == ((), 2)
    silent = apply(desk, DAILY, other, prune=True)
    assert silent.changes == (), "an entry without `subscriptions` does not speak of them"
    pruned = apply(desk, DAILY | {"subscriptions": [BOARD]}, prune=True)
    assert actions(pruned) == [
        ("delete", "subscription", "https://hooks.example.org/a"),
        ("delete", "report", "Other"),
    ]
    ((report, subscriptions),) = state(desk)
    assert (report.name, [each.address for each in subscriptions]) == ("Daily usage", ["board@example.org"])


def test_a_dry_run_tells_the_same_and_changes_nothing(desk: Desk) -> None:
    apply(desk, DAILY, DAILY | {"name": "Other"})
    before, lines = state(desk), desk.count_audit()
    wanted = (DAILY | {"zone": "UTC", "subscriptions": [BOARD]}, DAILY | {"name": "New", "subscriptions": [HOOK]})
    told = apply(desk, *wanted, dry_run=True, prune=True)
    assert (state(desk), desk.count_audit()) == (before, lines)
    done = apply(desk, *wanted, prune=True)
    assert actions(told) == actions(done)
    assert [change.fields for change in told.changes] == [change.fields for change in done.changes]
    assert (done.count(Action.CREATE), done.count(Action.EDIT), done.count(Action.DELETE)) == (3, 1, 1)


def test_each_change_is_in_the_log_without_secrets(desk: Desk) -> None:
    apply(desk, DAILY | {"subscriptions": [HOOK | {"secret": "${GAZETTE_SIGNING_FINANCE}"}]})
    apply(desk, DAILY | {"paused": True}, prune=True)
    lines = desk.audit(AuditQuery())
    assert sorted((each.action, each.kind) for each in lines) == [
        ("create", "report"),
        ("edit", "report"),
        ("subscribe", "subscription"),
    ]
    assert SECRET not in repr(lines)
    assert {each.person for each in lines} == {CONSOLE.id}


def test_a_secret_is_kept_unless_another_is_named(desk: Desk) -> None:
    apply(desk, DAILY | {"subscriptions": [HOOK]})
    ((_, (made,)),) = state(desk)
    assert apply(desk, DAILY | {"subscriptions": [HOOK]}).changes == ()
    named = apply(desk, DAILY | {"subscriptions": [HOOK | {"secret": "${GAZETTE_SIGNING_FINANCE}"}]})
    assert dict(named.changes[0].fields) == {"secret": ("(hidden)", "(of ${GAZETTE_SIGNING_FINANCE})")}
    ((_, (changed,)),) = state(desk)
    assert (changed.id, changed.secret) == (made.id, SECRET)
    assert apply(desk, DAILY | {"subscriptions": [HOOK | {"secret": "${GAZETTE_SIGNING_FINANCE}"}]}).changes == ()
    assert SECRET not in repr(applying.export(desk))


def test_two_of_one_name_are_told_apart_by_what_they_hold(desk: Desk) -> None:
    twins = [DAILY | {"owner": "ada"}, DAILY | {"owner": "bob"}]
    apply(desk, *twins)
    before = {report.owner: report.id for report, _ in state(desk)}
    assert apply(desk, *reversed(twins)).changes == ()
    assert [change.action for change in apply(desk, DAILY | {"owner": "bob", "paused": True}, prune=True).changes] == [
        Action.EDIT,
        Action.DELETE,
    ]
    ((left, _),) = state(desk)
    assert left.id in before.values()
    parameters = [BOARD | {"parameters": {"top_n": number}} for number in (3, 5)]
    apply(desk, DAILY | {"owner": "bob", "subscriptions": parameters})
    assert apply(desk, DAILY | {"owner": "bob", "subscriptions": parameters[::-1]}).changes == ()


def test_only_what_is_ones_own_can_be_applied(desk: Desk) -> None:
    apply(desk, DAILY | {"owner": people.OTHER.id})
    viewer = Desk(desk._service, people.SUBSCRIBER)
    with pytest.raises(Forbidden):
        apply(viewer, DAILY)


# What is refused


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"cron": "61 * * * *"}, "reports[1].cron: "),
        ({"zone": "Mars/Base"}, "reports[1].zone: "),
        ({"template": "nope"}, "reports[1].template: "),
        ({"name": 2026}, "reports[1].name: must be a text; put it in quotes: '2026'"),
        ({"owner": ""}, "reports[1].owner: is needed"),
        ({"crom": "@daily"}, "reports[1].crom: is not known here"),
        ({"period": "weekly"}, "reports[1].period: must be one of previous_day"),
        ({"period": "last_n_days"}, "reports[1].days: must be a whole number"),
        ({"days": "5"}, "reports[1].days: must be a whole number"),
        ({"parameters": {"top_n": "many"}}, "reports[1].parameters.top_n: "),
        ({"parameters": {"nope": 1}}, "reports[1].parameters.nope: "),
        ({"filters": {"teams": ["a"]}}, "reports[1].filters.teams: is not known here"),
        ({"filters": {"team_ids": [5]}}, "reports[1].filters.team_ids: must be a list of texts"),
        ({"sources": {"usage": "elsewhere"}}, "reports[1].sources.usage: there is no source 'elsewhere'"),
        ({"formats": ["docx"]}, "reports[1].formats: must be some of html, pdf, xlsx; got docx"),
        ({"grace_hours": -1}, "reports[1].grace_hours: "),
        ({"grace_hours": float("nan")}, "reports[1].grace_hours: "),
        ({"paused": "yes"}, "reports[1].paused: must be true or false"),
        ({"catch_up": "some"}, "reports[1].catch_up: must be one of skip, latest, all"),
        ({"subscriptions": {"a": 1}}, "reports[1].subscriptions: must be a list"),
        ({"subscriptions": [BOARD, {}]}, "reports[1].subscriptions[1].channel: must be one of email"),
        ({"subscriptions": [BOARD | {"address": "x"}]}, "reports[1].subscriptions[0].address: "),
        ({"subscriptions": [HOOK | {"secret": SECRET}]}, "reports[1].subscriptions[0].secret: must name a variable"),
        (
            {"subscriptions": [HOOK | {"address": "http://a.example"}]},
            "reports[1].subscriptions[0].address: must begin",
        ),
        ({"subscriptions": [BOARD | {"send_if": "often"}]}, "reports[1].subscriptions[0].send_if: must be always"),
        ({"subscriptions": [BOARD | {"send_if": {"metric": "a"}}]}, "reports[1].subscriptions[0].send_if.value: "),
        ({"subscriptions": [BOARD | {"parameters": {"x": 1}}]}, "reports[1].subscriptions[0].parameters.x: "),
    ],
)
def test_a_bad_entry_is_named_and_nothing_is_changed(desk: Desk, entry: dict[str, Any], said: str) -> None:
    apply(desk, DAILY)
    before, lines = state(desk), desk.count_audit()
    good = DAILY | {"paused": True, "subscriptions": [BOARD]}
    with pytest.raises(InvalidInput) as refused:
        apply(desk, good, DAILY | {"name": "Second"} | entry)
    assert str(refused.value)[: len(said)] == said
    assert (state(desk), desk.count_audit()) == (before, lines)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "document: must have fields"),
        ([], "document: must have fields"),
        ({"reports": []}, "version: must be 1"),
        ({"version": 2}, "version: must be 1"),
        ({"version": 1, "report": []}, "report: is not known here"),
        ({"version": 1, "reports": "a"}, "reports: must be a list"),
        ({"version": 1, "reports": ["a"]}, "reports[0]: must have fields"),
    ],
)
def test_a_document_of_another_shape_is_refused(desk: Desk, content: Any, said: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        applying.apply(desk, content, AT, expanded)
    assert str(refused.value)[: len(said)] == said


@pytest.mark.parametrize("text", ["a: [", "a: 1\na: 2", "\x07", "!!python/object/apply:os.system [id]"])
def test_what_is_no_yaml_is_refused_with_its_place(text: str) -> None:
    with pytest.raises(InvalidInput, match=r"^reports\.yaml: is no YAML: "):
        command.parsed(text, "reports.yaml")


@pytest.mark.parametrize("opened", ["[", "{a: ", "- ", "? ", "!!set {? "])
def test_what_is_nested_too_deep_is_refused_before_the_rest_is_read(opened: str) -> None:
    with pytest.raises(InvalidInput, match=r"nested deeper than 32 levels .*line 1, column"):
        command.parsed(opened * 5000, "reports.yaml")


def test_what_is_nested_as_deep_as_may_be_is_read() -> None:
    assert command.parsed("[" * 31 + "1" + "]" * 31, "reports.yaml")
    assert len(command.parsed("[" + "[], " * 5000 + "]", "reports.yaml")) == 5000, "side by side is not deep"


def test_a_file_of_many_fields_is_read_in_a_moment_and_one_given_twice_found() -> None:
    text = "".join(f"k{number}: 1\n" for number in range(20_000))
    assert len(command.parsed(text, "reports.yaml")) == 20_000
    with pytest.raises(InvalidInput, match="'k7' is given twice"):
        command.parsed(text + "k7: 2\n", "reports.yaml")


def test_a_file_that_is_too_large_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "large.yaml"
    path.write_text("#" * (command.MAX_BYTES + 5), encoding="utf-8")
    with pytest.raises(InvalidInput, match=r"large\.yaml: is larger than 5 MB; write it as several files"):
        command.apply(str(path))
    path.write_text("#" * (command.MAX_BYTES - 3) + "é\n", encoding="utf-8")
    assert command.parsed(path.read_text(encoding="utf-8"), "large.yaml") is None


# There and back

plain = some.text(
    some.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp")), min_size=1, max_size=20
).filter(str.strip)
odd = some.sampled_from(["yes", "null", "2026-01-01", "1e3", "0x1F", "12:30", "- a", "a: b", "#", "*a", "&a", "≠ 😀"])
texts = plain | odd
formats = some.lists(some.sampled_from(["html", "pdf", "xlsx"]), min_size=1, unique=True)
conditions = some.sampled_from(["always", "has_data", "changed", "requests > 5", "spend_usd change <= -20.5%"]) | (
    some.fixed_dictionaries(
        {"metric": plain, "operator": some.sampled_from([">", ">=", "<", "<="]), "value": some.floats(-1e9, 1e9)},
        optional={"of_change": some.booleans()},
    )
)
own_values = {"parameters": some.fixed_dictionaries({"top_n": some.integers(1, 20)})}
subscriptions = some.one_of(
    some.fixed_dictionaries(
        {"channel": some.just("email"), "address": some.sampled_from(["a@example.org", "b@example.org"])},
        optional={"formats": formats, "subscriber": texts, "send_if": conditions, "paused": some.booleans()}
        | own_values,
    ),
    some.fixed_dictionaries(
        {"channel": some.just("webhook"), "address": some.just("https://hooks.example.org/x?y=1")},
        optional={"include_content": some.booleans(), "paused": some.booleans()},
    ),
    some.fixed_dictionaries({"channel": some.just("outbox"), "address": texts}),
)
reports = some.fixed_dictionaries(
    {
        "name": some.sampled_from(["Same", "Other"]) | texts,
        "template": some.just("usage_summary"),
        "owner": some.sampled_from(["ada", "bob@example.org"]),
    },
    optional={
        "cron": some.sampled_from(["@daily", "0 7 * * mon", "*/5 * * * *"]),
        "zone": some.sampled_from(["UTC", "Asia/Kolkata"]),
        "period": some.sampled_from(["previous_day", "previous_week", "since_last"]),
        "filters": some.fixed_dictionaries({}, optional={"team_ids": some.lists(texts, max_size=3)}),
        "sources": some.just({"usage": "usage"}),
        "formats": formats,
        "catch_up": some.sampled_from(["skip", "latest", "all"]),
        "grace_hours": some.integers(0, 100) | some.floats(0, 100),
        "paused": some.booleans(),
        "subscriptions": some.lists(subscriptions, max_size=3),
    }
    | own_values,
)


@settings(
    max_examples=6,
    deadline=None,
    derandomize=True,
    database=None,
    phases=(Phase.generate,),  # a counterexample is small as it is; making it smaller takes minutes
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(wanted=some.lists(reports, max_size=3))
def test_what_is_exported_makes_the_same_elsewhere(desk: Desk, wanted: list[dict[str, Any]]) -> None:
    apply(desk, prune=True)
    assert desk.reports() == [], "each example begins with nothing"
    apply(desk, *wanted)
    exported = applying.export(desk)
    kept = state(desk)
    again = applying.apply(desk, {"version": 1, "reports": wanted}, AT, expanded)
    assert (again.changes, state(desk)) == ((), kept)
    content = command.parsed(command.written(exported), "reports.yaml")
    assert content == exported
    assert applying.apply(desk, content, AT, expanded, prune=True).changes == ()
    apply(desk, prune=True)
    applying.apply(desk, content, AT, expanded)
    assert applying.export(desk) == exported


def test_what_was_made_by_hand_is_exported_too(desk: Desk) -> None:
    made = desk.create_report(NewReport("By hand", "cost_analysis", "ada"), AT)
    desk.subscribe(NewSubscription(made.id, ChannelKind.OUTBOX, "finance"), AT)
    exported = applying.export(desk)
    assert [each["name"] for each in exported["reports"]] == ["By hand"]
    apply(desk, prune=True)
    applying.apply(desk, exported, AT, expanded)
    assert applying.export(desk) == exported
