"""Settings come from overrides, environment, secret files and gazette.toml; odd values fail and name the setting."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from reports.errors import ConfigError
from reports.settings import SECRETS, Settings, expand_variables, load_settings

PASSWORD = "corr3ct-horse"


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No setting from outside: an empty folder and no variable of ours."""
    for name in os.environ:
        if name.startswith("GAZETTE_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def toml(tmp_path: Path) -> Callable[[str], None]:
    return lambda text: (tmp_path / "gazette.toml").write_text(text, encoding="utf-8") and None


# Where values come from


def test_it_runs_with_nothing_configured(tmp_path: Path) -> None:
    settings = load_settings()
    assert settings.store_url == f"sqlite:///{tmp_path}/data/state/gazette.db"
    assert settings.archive_location == str(tmp_path / "data/state/archive")
    assert settings.outbox_dir == tmp_path / "data/state/outbox"
    assert settings.snapshots_dir == Path("data/state/snapshots")
    assert settings.retention == timedelta(days=90)
    assert (settings.concurrency, settings.zone, settings.smtp_host) == (2, "UTC", None)


def test_the_file_is_read(toml: Callable[[str], None]) -> None:
    toml('zone = "Europe/Berlin"\nconcurrency = 4\nwebhook_allow = ["10.0.0.0/8"]\nbase_url = "https://r.example.org/"')
    settings = load_settings()
    assert (settings.zone, settings.concurrency, settings.webhook_allow) == ("Europe/Berlin", 4, ["10.0.0.0/8"])
    assert settings.base_url == "https://r.example.org"


def test_another_file_may_be_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "other.toml").write_text("port = 9000")
    monkeypatch.setenv("GAZETTE_CONFIG", str(tmp_path / "other.toml"))
    assert load_settings().port == 9000


def test_a_named_file_must_exist(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GAZETTE_CONFIG", str(tmp_path / "missing.toml"))
    with pytest.raises(ConfigError, match=r"missing\.toml, which is no file") as caught:
        load_settings()
    assert caught.value.setting == "GAZETTE_CONFIG"


def test_environment_wins_over_the_file_and_overrides_over_both(
    monkeypatch: pytest.MonkeyPatch, toml: Callable[[str], None]
) -> None:
    toml("port = 1001\nconcurrency = 3\nretention_days = 5")
    monkeypatch.setenv("GAZETTE_PORT", "1002")
    monkeypatch.setenv("GAZETTE_CONCURRENCY", "5")
    settings = load_settings(concurrency=6)
    assert (settings.port, settings.concurrency, settings.retention_days) == (1002, 6, 5)


def test_an_empty_variable_is_no_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAZETTE_SMTP_HOST", "")
    monkeypatch.setenv("GAZETTE_PORT", "")
    assert load_settings().smtp_host is None


@pytest.mark.parametrize("text", ["10.0.0.0/8,192.168.1.0/24", " 10.0.0.0/8 , 192.168.1.0/24, "])
def test_a_list_in_a_variable_has_commas(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("GAZETTE_WEBHOOK_ALLOW", text)
    assert load_settings().webhook_allow == ["10.0.0.0/8", "192.168.1.0/24"]


def test_settings_are_frozen() -> None:
    with pytest.raises(ValueError, match="frozen"):
        load_settings().port = 1


# Odd values


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("zone", "Mars/Olympus", "must be an IANA time zone such as Europe/Berlin (got 'Mars/Olympus')"),
        ("concurrency", "0", "greater than or equal to 1"),
        ("concurrency", "many", "valid integer"),
        ("retention_days", "-1", "greater than or equal to 1"),
        ("tick_seconds", "nan", "less than or equal to 60"),
        ("port", "70000", "less than or equal to 65535"),
        ("smtp_security", "ssl", "'starttls', 'tls' or 'none'"),
        ("base_url", "reports.example.org", "must be a web address"),
        ("base_url", "ftp://reports.example.org", "must be a web address"),
        ("dead_man_url", "https://", "must be a web address"),
        ("mail_from", "nobody", "must be an address"),
        ("mail_from", "a@b\r\nBcc: c@d", "must be an address"),
        ("webhook_allow", "10.0.0.1/8", "host bits"),
        ("webhook_allow", "intranet", "must hold networks such as 10.0.0.0/8"),
        ("currency", "x" * 9, "at most 8"),
        ("webhook_allow_http", "perhaps", "valid boolean"),
    ],
)
def test_an_odd_value_names_its_setting(monkeypatch: pytest.MonkeyPatch, name: str, value: str, says: str) -> None:
    monkeypatch.setenv(f"GAZETTE_{name.upper()}", value)
    with pytest.raises(ConfigError) as caught:
        load_settings()
    assert caught.value.setting == name
    assert str(caught.value).startswith(f"{name}: ")
    assert says in str(caught.value)


@pytest.mark.parametrize("host", ["mail.example.org", "192.0.2.1", "127.0.0.1.example.org"])
def test_mail_in_plain_text_leaves_no_machine(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    monkeypatch.setenv("GAZETTE_SMTP_HOST", host)
    monkeypatch.setenv("GAZETTE_SMTP_SECURITY", "none")
    with pytest.raises(ConfigError, match="only for a server on loopback") as caught:
        load_settings()
    assert caught.value.setting == "smtp_security"


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.0.0.2", "::1"])
def test_mail_in_plain_text_on_loopback_is_fine(host: str) -> None:
    assert load_settings(smtp_host=host, smtp_security="none").smtp_host == host


def test_an_unknown_variable_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAZETTE_RETENTION_DAY", "5")
    with pytest.raises(ConfigError, match="is no setting of Gazette; `gazette config show`") as caught:
        load_settings()
    assert caught.value.setting == "GAZETTE_RETENTION_DAY"


def test_an_unknown_key_of_the_file_is_refused(toml: Callable[[str], None]) -> None:
    toml("retention_day = 5")
    with pytest.raises(ConfigError, match="is no setting of Gazette") as caught:
        load_settings()
    assert caught.value.setting == "retention_day"


@pytest.mark.parametrize("name", ["GAZETTE_SOURCE_WAREHOUSE", "GAZETTE_RUN_DIR", "PATH_TO_GAZETTE"])
def test_variables_of_sources_and_of_a_run_are_no_settings(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "x")
    load_settings()


@pytest.mark.parametrize("text", ["port = ", "[", "port = 1\nport = 2"])
def test_a_damaged_file_is_named(toml: Callable[[str], None], text: str) -> None:
    toml(text)
    with pytest.raises(ConfigError, match=r"gazette\.toml: "):
        load_settings()


def test_a_file_that_is_not_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "gazette.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match=r"gazette\.toml: "):
        load_settings()


# Secrets


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_may_come_from_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str) -> None:
    (tmp_path / "secret").write_text(f"{PASSWORD}\n", encoding="utf-8")
    monkeypatch.setenv(f"GAZETTE_{name.upper()}_FILE", str(tmp_path / "secret"))
    assert getattr(load_settings(), name).get_secret_value() == PASSWORD
    monkeypatch.setenv(f"GAZETTE_{name.upper()}", "from the environment")
    assert getattr(load_settings(), name).get_secret_value() == "from the environment"
    assert getattr(load_settings(**{name: "override"}), name).get_secret_value() == "override"


def test_a_secret_file_wins_over_the_toml(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, toml: Callable[[str], None]
) -> None:
    toml('secret_key = "from toml"')
    (tmp_path / "secret").write_text(PASSWORD)
    monkeypatch.setenv("GAZETTE_SECRET_KEY_FILE", str(tmp_path / "secret"))
    key = load_settings().secret_key
    assert key is not None
    assert key.get_secret_value() == PASSWORD


def test_a_secret_file_that_cannot_be_read_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GAZETTE_SMTP_PASSWORD_FILE", str(tmp_path / "none"))
    with pytest.raises(ConfigError, match="cannot be read: No such file") as caught:
        load_settings()
    assert caught.value.setting == "GAZETTE_SMTP_PASSWORD_FILE"
    (tmp_path / "none").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="not UTF-8"):
        load_settings()


def test_only_secrets_come_from_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAZETTE_PORT_FILE", "/etc/hostname")
    with pytest.raises(ConfigError, match="GAZETTE_PORT_FILE"):
        load_settings()


def test_secrets_are_hidden_wherever_settings_are_shown() -> None:
    url = f"postgresql+psycopg://gazette:{PASSWORD}@db/gazette"
    settings = load_settings(database_url=url, smtp_password=PASSWORD, secret_key=PASSWORD)
    for text in (json.dumps(settings.shown()), repr(settings), str(settings)):
        assert PASSWORD not in text
    assert settings.store_url == url


def test_what_is_shown_names_every_setting_as_json() -> None:
    shown = json.loads(json.dumps(load_settings().shown()))
    assert set(shown) == set(Settings.model_fields)
    assert shown["data_dir"] == "data/state"


def test_a_refused_secret_is_not_printed(toml: Callable[[str], None]) -> None:
    toml("smtp_password = 12345")
    with pytest.raises(ConfigError, match="smtp_password") as caught:
        load_settings()
    assert "12345" not in str(caught.value)


def test_every_setting_says_what_it_is_for() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


# Variables in sources


def test_variables_of_sources_are_expanded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAZETTE_SOURCE_DB", f"a:{PASSWORD}")
    assert expand_variables("postgresql://${GAZETTE_SOURCE_DB}@db") == f"postgresql://a:{PASSWORD}@db"
    assert expand_variables("no variables $HOME ${HOME}") == "no variables $HOME ${HOME}"


def test_a_source_variable_that_is_not_set_is_named() -> None:
    with pytest.raises(ConfigError, match="not set in the environment") as caught:
        expand_variables("postgresql://${GAZETTE_SOURCE_DB}@db")
    assert caught.value.setting == "GAZETTE_SOURCE_DB"
