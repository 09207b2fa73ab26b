"""The command's manners: exit codes, JSON, and errors that name the field."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command import ROOT, Gazette
from typer.testing import CliRunner

from reports.settings import Settings
from runner.cli import app


@pytest.fixture
def gazette(tmp_path: Path) -> Gazette:
    return Gazette(tmp_path)


def test_next_due_times_across_the_change_of_clocks() -> None:
    arguments = ["schedule", "next", "30 2 * * *", "--zone", "Europe/Berlin", "--after", "2026-03-28T12:00", "--json"]
    answer = json.loads(CliRunner().invoke(app, [*arguments, "--count", "2"]).stdout)
    assert answer["next"] == ["2026-03-29T03:00:00+02:00", "2026-03-30T02:30:00+02:00"]
    assert answer["words"] == "Every day at 02:30"


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("schedule", "next", "61 * * * *"), "minute"),
        (("schedule", "next", "0 0 30 2 *"), "day"),
        (("schedule", "next", "* * * * *", "--zone", "Mars/Olympus"), "zone"),
        (("schedule", "next", "* * * * *", "--after", "tomorrow"), "after"),
        (("schedule", "next", "* * * * *", "--after", "0001-01-01T00:00+14:00"), "after"),
        (("render", "usage_summary", "--at", "9999-12-31"), "at"),
        (("render", "usage_summary", "--formats", "docx"), "formats"),
        (("render", "usage_summary", "-p", "top_n=many"), "top_n"),
        (("render", "usage_summary", "-p", "x=1;import os"), "x"),
        (("render", "usage_summary", "--filter", "colour=red"), "colour"),
        (
            ("render", "usage_summary", "--period", "last_n_days", "--days", "0"),
            "got 0",
        ),
        (("render", "no_such"), "no_such"),
        (("report", "add", "usage_summary", "--cron", "0 0 0 0 0 0"), "expression"),
        (("report", "add", "usage_summary", "--owner", "no@address@"), "owner"),
        (("report", "add", "usage_summary", "--grace-hours", "1e13"), "grace_hours"),
        (("report", "show", "nobody"), "nobody"),
        (("source", "check", "nowhere"), "nowhere"),
        (("subscribe", "nobody"), "--email"),
    ],
)
def test_bad_input_exits_with_2_and_names_the_field(gazette: Gazette, arguments: tuple[str, ...], named: str) -> None:
    refused = gazette.run(*arguments, expect=2)
    assert named in refused.stderr
    assert "Traceback" not in refused.stderr
    assert refused.stdout == ""


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"database_url": "postgresql://nobody:hush-hush@127.0.0.1:1/none"}, "the database cannot be used"),
        ({"data_dir": "/dev/null/state"}, "/dev/null/state: Not a directory"),
    ],
)
def test_what_fails_outside_is_told_in_one_line(tmp_path: Path, settings: dict[str, str], words: str) -> None:
    failed = Gazette(tmp_path, settings).run("report", "list", expect=1)
    assert words in failed.stderr
    assert "Traceback" not in failed.stderr and "hush-hush" not in failed.stderr
    assert len(failed.stderr.splitlines()) == 1


def test_usage_is_not_imported_where_nothing_reads_it(gazette: Gazette) -> None:
    (gazette.folder / "usage.csv").write_text("started_at,prompt_tokens,completion_tokens\n2026-11-20,1,2\n")
    gazette.run("source", "add", "usage", gazette.folder / "usage.csv")
    refused = gazette.run("usage", "import", gazette.folder / "usage.csv", expect=2)
    assert "source: 'usage' is of kind files" in refused.stderr
    assert gazette.json("usage", "import", gazette.folder / "usage.csv", "--source", " other ")["added"] == 1
    assert gazette.json("source", "check", "other")["rows"] == 1
    (gazette.folder / "usage.csv").write_text("started_at,prompt_tokens,completion_tokens\nnoon,1,2\n")
    nothing = gazette.run("usage", "import", gazette.folder / "usage.csv", "--source", "other", expect=1)
    assert "1 row could not be used" in nothing.stderr


def test_odd_settings_stop_every_command(tmp_path: Path) -> None:
    assert "GAZETTE_PROT" in Gazette(tmp_path, {"prot": "1"}).run("runs", "list", expect=2).stderr
    assert "port" in Gazette(tmp_path, {"port": "high"}).run("runs", "list", expect=2).stderr


def test_settings_are_shown_without_secrets(tmp_path: Path) -> None:
    gazette = Gazette(tmp_path, {"smtp_password": "hush-hush"})
    shown = gazette.json("config", "show")
    assert shown["smtp_password"] == "**********"
    assert "hush-hush" not in gazette.run("config", "show").stdout


def test_passwords_of_sources_are_not_shown(gazette: Gazette) -> None:
    nowhere = "postgresql://reader:hush-hush@127.0.0.1:1/litellm"
    refused = gazette.run("source", "add", "usage", nowhere, expect=1)
    assert "hush-hush" not in refused.stderr
    assert gazette.json("source", "list")["sources"] == []  # what kind it is could not be looked up
    refused = gazette.run("source", "add", "usage", nowhere, "--kind", "litellm", expect=1)
    assert "hush-hush" not in refused.stderr and "'usage' is kept" in refused.stderr
    listed = gazette.run("source", "list").stdout
    assert "usage" in listed and "hush-hush" not in listed


def test_a_report_is_defined_paused_resumed_and_deleted(gazette: Gazette) -> None:
    gazette.run("source", "add", "usage")
    added = gazette.json("report", "add", "usage_summary", "--cron", "0 7 * * 1", "--zone", "Europe/Berlin")
    assert added["name"] == "Usage summary" and added["next_due_at"]
    assert [line.split()[-1] for line in gazette.run("report", "list").stdout.splitlines()] == ["id", added["id"]]
    subscribed = gazette.json("subscribe", "Usage summary", "--outbox", "shelf")
    gazette.run("report", "pause", added["id"])
    assert gazette.json("report", "show", added["id"])["paused"] is True
    gazette.run("report", "resume", added["id"])
    shown = gazette.json("report", "show", added["id"])
    assert shown["words"] == "Every Monday at 07:00 (Europe/Berlin)" and len(shown["next"]) == 5
    assert [item["address"] for item in shown["subscriptions"]] == ["shelf"]
    gazette.run("unsubscribe", subscribed["id"])
    gazette.run("report", "delete", added["id"])
    assert gazette.json("report", "list") == {"reports": []}


def test_templates_are_listed_and_may_be_published(gazette: Gazette) -> None:
    names = {template["name"] for template in gazette.json("template", "list")["templates"]}
    assert "usage_summary" in names
    findings = gazette.json("template", "check")["templates"]
    assert not [finding for found in findings.values() for finding in found if finding["level"] == "error"]


def test_every_command_and_group_explains_itself() -> None:
    for group in (
        [],
        ["report"],
        ["runs"],
        ["schedule"],
        ["source"],
        ["usage"],
        ["template"],
        ["config"],
        ["person"],
        ["token"],
    ):
        shown = CliRunner().invoke(app, [*group, "--help"])
        assert shown.exit_code == 0
        assert "Usage" in shown.stdout


def test_every_setting_is_in_the_operators_page() -> None:
    page = (ROOT / "docs" / "operators.md").read_text(encoding="utf-8")
    for name, field in Settings.model_fields.items():
        assert f"| `{name}` |" in page, name
        assert field.description and field.description in page, name
