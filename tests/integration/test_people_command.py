"""`gazette person` and `gazette token`: accounts from the command line, and changes there in the log."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import people
import pytest
from typer.testing import CliRunner, Result

from reports.accounts import Accounts
from reports.errors import Conflict, GazetteError, InvalidInput, NotFound, SignInRefused
from reports.service import Service
from reports.settings import Settings, load_settings
from reports.store import AuditQuery
from runner.cli import app
from runner.commands import people as commands
from runner.commands import serving
from runner.commands.workplace import opened_service

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GAZETTE_DATA_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("GAZETTE_NOTEBOOKS_DIR", str(ROOT / "notebooks"))
    return tmp_path / "state"


@pytest.fixture
def service(data_dir: Path) -> Iterator[Service]:
    with opened_service() as service:
        yield service


def gazette(*arguments: str, typed: str = "") -> Result:
    result = CliRunner().invoke(app, arguments, input=typed)
    if isinstance(result.exception, GazetteError):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result


def test_somebody_gets_an_account_and_signs_in(service: Service) -> None:
    arguments = ("person", "add", "Ada@Example.org", "--role", "editor", "--name", "Ada", "--json")
    made = json.loads(gazette(*arguments, typed=f"{people.PASSWORD}\n").stdout)
    assert (made["id"], made["role"], made["email"]) == ("ada@example.org", "editor", "ada@example.org")
    accounts, now = Accounts(service.store, service.settings.session_length), datetime.now(UTC)
    assert accounts.sign_in("ada@example.org", people.PASSWORD, "here", now)[0].name == "Ada"
    gazette("person", "password", "ada@example.org", typed="quite another password\n")
    with pytest.raises(SignInRefused):
        accounts.sign_in("ada@example.org", people.PASSWORD, "here", now)
    gazette("person", "disable", "ada@example.org")
    with pytest.raises(SignInRefused):
        accounts.sign_in("ada@example.org", "quite another password", "here", now)
    gazette("person", "disable", "ada@example.org", "--undo")
    gazette("person", "change", "ada@example.org", "--role", "admin", "--email", "ada.l@example.org")
    (shown,) = json.loads(gazette("person", "list", "--json").stdout)["people"]
    assert (shown["role"], shown["email"], shown["disabled"]) == ("admin", "ada.l@example.org", False)
    assert "hash" not in shown
    lines = service.store.audit(AuditQuery(item="ada@example.org"))
    assert [line.action for line in reversed(lines)] == ["create", "set password", "edit", "edit", "edit"]
    assert {line.person for line in lines} == {"command line"}


def test_a_token_is_shown_once_and_revoked(service: Service) -> None:
    gazette("person", "add", "robot", "--without-password")
    made = json.loads(
        gazette("token", "add", "robot", "--name", "ci", "--scope", "reports:write", "--days", "30", "--json").stdout
    )
    accounts = Accounts(service.store, service.settings.session_length)
    assert accounts.holder(made["secret"], datetime.now(UTC)) is not None
    listed = gazette("token", "list").stdout
    assert made["id"][:8] in listed
    assert "valid until" in listed
    assert made["secret"] not in gazette("token", "list", "--json").stdout
    gazette("token", "revoke", made["id"][:8])
    assert accounts.holder(made["secret"], datetime.now(UTC)) is None
    assert "revoked" in gazette("token", "list").stdout
    for unknown in ("", "nope"):
        with pytest.raises(NotFound):
            gazette("token", "revoke", unknown)


def test_what_is_missing_is_said() -> None:
    assert "gazette person add" in gazette("person", "list").stdout
    assert "gazette token add" in gazette("token", "list").stdout
    with pytest.raises(InvalidInput, match="role"):
        gazette("person", "add", "ada", "--role", "queen", typed=people.PASSWORD)
    with pytest.raises(InvalidInput, match="standard input"):
        gazette("person", "add", "ada")
    with pytest.raises(InvalidInput, match="at least 12"):
        gazette("person", "add", "ada", typed="short\n")
    for arguments in (
        ("person", "password", "ada"),
        ("person", "disable", "ada"),
        ("token", "add", "ada", "--name", "x"),
    ):
        with pytest.raises(NotFound):
            gazette(*arguments, typed=people.PASSWORD)
    gazette("person", "add", "ada", "--without-password")
    with pytest.raises(Conflict):
        gazette("person", "add", "ADA", "--without-password")


def test_a_password_at_a_terminal_is_typed_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    def prompt(text: str, *, hide_input: bool, confirmation_prompt: str, err: bool) -> str:
        asked.append(f"{text}, {confirmation_prompt}")
        assert hide_input
        assert err
        return people.PASSWORD

    monkeypatch.setattr("sys.stdin", Terminal())
    monkeypatch.setattr(commands.typer, "prompt", prompt)
    assert commands.asked_password() == people.PASSWORD
    assert asked == ["Password, The password again"]


def test_changes_at_the_console_are_in_the_log(service: Service) -> None:
    gazette("report", "add", "usage_summary", "--name", "Daily", "--cron", "0 7 * * *", "--owner", "ada")
    gazette("report", "pause", "Daily")
    subscribed = json.loads(
        gazette("subscribe", "Daily", "--webhook", "https://hooks.example.org/T0/SECRET", "--json").stdout
    )
    gazette("unsubscribe", subscribed["id"])
    gazette("report", "delete", "Daily")
    lines = service.store.audit()
    assert [f"{line.action} {line.kind}" for line in reversed(lines)] == [
        "create report",
        "pause report",
        "subscribe subscription",
        "unsubscribe subscription",
        "delete report",
    ]
    assert {line.person for line in lines} == {"command line"}
    kept = json.dumps([(line.before, line.after) for line in lines])
    assert "SECRET" not in kept
    assert subscribed["secret"] not in kept


def test_serving_tells_where_the_first_admin_is_made(service: Service, capsys: pytest.CaptureFixture[str]) -> None:
    serving.welcome(service.settings)
    said = capsys.readouterr().err
    assert "Gazette is served on http://127.0.0.1:8501\n" in said
    assert "http://127.0.0.1:8501/sign-in?first=" in said
    public = Settings(data_dir=service.settings.data_dir, base_url="https://reports.example.org")
    serving.welcome(public)
    assert "https://reports.example.org/sign-in?first=" in capsys.readouterr().err
    people.add_people(service.store)
    serving.welcome(service.settings)
    assert "first=" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("host", "shown"),
    [("0.0.0.0", "127.0.0.1"), ("::", "127.0.0.1"), ("::1", "[::1]"), ("gazette.example.org", "gazette.example.org")],
)
def test_the_address_is_one_that_a_browser_takes(host: str, shown: str) -> None:
    assert serving.address(load_settings(host=host)) == f"http://{shown}:8501"
