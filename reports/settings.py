"""All settings in one place: `gazette.toml`, then `GAZETTE_*` variables, secrets also from `GAZETTE_*_FILE`.

This is the only module that reads the environment (in a kernel, `reports.kit` reads the one variable that names
the run's folder). Odd values fail at start with the setting's name.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from datetime import timedelta
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit
from zoneinfo import available_timezones

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from reports.errors import ConfigError
from reports.model import RETENTION_DAYS

SOURCE_PREFIX, SIGNING_PREFIX = "GAZETTE_SOURCE_", "GAZETTE_SIGNING_"  # variables that are named elsewhere
CONFIG_VARIABLE = "GAZETTE_CONFIG"  # another path than ./gazette.toml
SECRETS = ("database_url", "smtp_password", "secret_key", "oidc_client_secret")


def _notebooks_here_or_shipped() -> Path:
    here = Path("notebooks")
    return here if here.is_dir() else Path(__file__).resolve().parents[1] / "notebooks"


class Settings(BaseSettings):
    """Gazette's configuration; every field is a key of gazette.toml and, in capitals after GAZETTE_, a variable."""

    model_config = SettingsConfigDict(
        env_prefix="GAZETTE_", env_ignore_empty=True, extra="forbid", validate_default=True, frozen=True
    )

    data_dir: Path = Field(Path("data/state"), description="database, archive, snapshots and outbox")
    database_url: SecretStr | None = Field(None, description="SQLAlchemy URL; default: SQLite in the data folder")
    notebooks_dir: Path = Field(
        default_factory=_notebooks_here_or_shipped,
        description="where templates are found; default: ./notebooks, else those shipped",
    )
    archive_url: str | None = Field(None, description="fsspec URL of the archive; default: a folder in the data folder")
    retention_days: int = Field(RETENTION_DAYS, ge=1, le=3650, description="how long runs stay readable")
    zone: str = Field("UTC", description="IANA zone for reports that name none")
    currency: str = Field(
        "USD", min_length=1, max_length=8, description="label shown with money; figures are not converted"
    )

    concurrency: int = Field(2, ge=1, le=64, description="reports executed at the same time")
    tick_seconds: float = Field(1.0, ge=0.1, le=60, description="pause between looks at what is due")
    run_wall_seconds: int = Field(600, ge=1, le=86400, description="longest execution of one notebook")
    run_cell_seconds: int = Field(300, ge=1, le=86400, description="longest execution of one cell")
    kernel_memory_mb: int = Field(4096, ge=256, description="address space of one kernel")
    browser: Path | None = Field(
        None, description="Chrome, Chromium or chromium-headless-shell; default: found on this machine"
    )

    host: str = Field("127.0.0.1", description="address the UI listens on")
    port: int = Field(8501, ge=1, le=65535, description="port the UI listens on")
    base_url: str | None = Field(None, description="public address of the UI, for links in mails and webhooks")
    api_requests_per_minute: int = Field(
        600, ge=1, le=1_000_000, description="how many one token, person or address may send to the REST API"
    )
    secret_key: SecretStr | None = Field(
        None, description="signs links and cookies; default: made once in the data folder"
    )
    session_hours: int = Field(12, ge=1, le=720, description="how long somebody stays signed in")
    oidc_issuer: str | None = Field(None, description="identity provider that people may sign in at (OpenID Connect)")
    oidc_client_id: str | None = Field(None, description="with oidc_issuer: what Gazette is called there")
    oidc_client_secret: SecretStr | None = Field(None, description="with oidc_issuer: its password there")
    oidc_admin_group: str | None = Field(None, description="group at the identity provider whose members are admins")
    oidc_editor_group: str | None = Field(None, description="group whose members are editors; others are viewers")

    smtp_host: str | None = Field(None, description="without it mails go to the outbox folder")
    smtp_port: int = Field(587, ge=1, le=65535, description="465 goes with tls, 587 with starttls")
    smtp_security: Literal["starttls", "tls", "none"] = Field(
        "starttls", description="none only for a server on loopback"
    )
    smtp_user: str | None = Field(None, description="who signs in at the mail server, if anybody must")
    smtp_password: SecretStr | None = Field(None, description="with smtp_user")
    smtp_ca_file: Path | None = Field(None, description="certificate authority of a private mail server")
    mail_from: str = Field("gazette@localhost", description="sender of all mails")
    mail_max_mb: float = Field(
        10, gt=0, le=100, description="encoded size up to which reports are attached, not linked"
    )
    webhook_allow: Annotated[list[str], NoDecode] = Field(
        default_factory=list, description="networks webhooks may reach besides public ones, as CIDR"
    )
    webhook_allow_http: bool = Field(False, description="allow http:// besides https://")
    dead_man_url: str | None = Field(None, description="pinged after each healthy minute")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        toml = TomlConfigSettingsSource(settings_cls, Path(os.environ.get(CONFIG_VARIABLE, "gazette.toml")))
        return init_settings, env_settings, toml

    @field_validator("zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        if value not in available_timezones():
            raise ValueError("must be an IANA time zone such as Europe/Berlin")
        return value

    @field_validator("smtp_security")
    @classmethod
    def _plain_only_on_loopback(cls, value: str, info: ValidationInfo) -> str:
        host = info.data.get("smtp_host")
        if value == "none" and host is not None and not _is_loopback(host):
            raise ValueError(f"must be starttls or tls for {host}; none is only for a server on loopback")
        return value

    @field_validator("mail_from")
    @classmethod
    def _one_sender(cls, value: str) -> str:
        if "@" not in value or not value.isprintable():
            raise ValueError("must be an address such as reports@example.org")
        return value

    @field_validator("webhook_allow", mode="before")
    @classmethod
    def _listed(cls, value: Any) -> Any:
        """A variable holds several networks with commas between them."""
        return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value

    @field_validator("webhook_allow")
    @classmethod
    def _networks(cls, value: list[str]) -> list[str]:
        for network in value:
            try:
                ip_network(network)
            except ValueError as error:
                raise ValueError(f"must hold networks such as 10.0.0.0/8; {error}") from error
        return value

    @field_validator("oidc_client_secret")
    @classmethod
    def _whole_provider(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        wanted = info.data.get("oidc_issuer") is not None
        if wanted and (value is None or info.data.get("oidc_client_id") is None):
            raise ValueError("must be set, and oidc_client_id too, where oidc_issuer is")
        return value

    @field_validator("oidc_issuer")
    @classmethod
    def _encrypted_provider(cls, value: str | None) -> str | None:
        parts = urlsplit(value or "https://none")
        if not parts.hostname or not (
            parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(parts.hostname))
        ):
            raise ValueError("must be an address such as https://id.example.org; http only on loopback")
        return value

    @field_validator("base_url", "dead_man_url")
    @classmethod
    def _web_address(cls, value: str | None) -> str | None:
        if value is not None and (urlsplit(value).scheme not in {"http", "https"} or not urlsplit(value).hostname):
            raise ValueError("must be a web address such as https://reports.example.org")
        return value.rstrip("/") if value else value

    @property
    def store_url(self) -> str:
        if self.database_url is not None:
            return self.database_url.get_secret_value()
        return f"sqlite:///{(self.data_dir / 'gazette.db').resolve()}"

    @property
    def outbox_dir(self) -> Path:
        return (self.data_dir / "outbox").resolve()

    @property
    def snapshots_dir(self) -> Path:
        return self.data_dir / "snapshots"

    @property
    def archive_location(self) -> str:
        return self.archive_url or str((self.data_dir / "archive").resolve())

    @property
    def session_length(self) -> timedelta:
        return timedelta(hours=self.session_hours)

    @property
    def retention(self) -> timedelta:
        return timedelta(days=self.retention_days)

    def shown(self) -> dict[str, Any]:
        """The settings as JSON values with secrets hidden."""
        return self.model_dump(mode="json")


def load_settings(**overrides: Any) -> Settings:
    """Settings from overrides, environment, secret files and gazette.toml; the first that names one wins.

    Raises ConfigError naming the setting and what it expected; also for a GAZETTE_* variable that does not exist.
    """
    _refuse_unknown_variables(os.environ)
    _check_config_file(os.environ)
    try:
        return Settings(**(_secrets_from_files(os.environ) | overrides))
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"][:1]) or "gazette.toml"
        raise ConfigError(name, _expectation(name, first)) from error
    except (ValueError, OSError) as error:  # a gazette.toml that is no TOML or may not be read
        raise ConfigError("gazette.toml", str(error)) from error


def _expectation(name: str, error: Any) -> str:
    if error["type"] == "extra_forbidden":
        return "is no setting of Gazette; `gazette config show` lists them"
    message = str(error["msg"]).removeprefix("Value error, ")
    return message if name in SECRETS else f"{message} (got {error['input']!r})"


def _check_config_file(environ: Mapping[str, str]) -> None:
    path = environ.get(CONFIG_VARIABLE)
    if path is not None and not Path(path).is_file():
        raise ConfigError(CONFIG_VARIABLE, f"names {path}, which is no file; correct it or unset it")


def _secrets_from_files(environ: Mapping[str, str]) -> dict[str, Any]:
    secrets: dict[str, Any] = {}
    for name in SECRETS:
        variable = f"GAZETTE_{name.upper()}"
        path = environ.get(f"{variable}_FILE")
        if path and not environ.get(variable):
            try:
                secrets[name] = Path(path).read_text(encoding="utf-8").strip()
            except (OSError, UnicodeDecodeError) as error:
                reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
                raise ConfigError(f"{variable}_FILE", f"cannot be read: {reason}") from error
    return secrets


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def expand_variables(text: str) -> str:
    """`text` with every `${GAZETTE_SOURCE_...}` replaced, so that a source's password stays out of the database.

    Raises ConfigError naming a variable that is not set.
    """
    return _expanded(text, SOURCE_PREFIX, "a source")


def signing_secrets(text: str) -> str:
    """`text` with every `${GAZETTE_SIGNING_...}` replaced, so that a file of reports need not hold a webhook's secret.

    Raises ConfigError naming a variable that is not set.
    """
    return _expanded(text, SIGNING_PREFIX, "a webhook")


def _expanded(text: str, prefix: str, named_by: str) -> str:
    def value(match: re.Match[str]) -> str:
        name = match.group(1)
        if name not in os.environ:
            raise ConfigError(name, f"is named by {named_by} but not set in the environment")
        return os.environ[name]

    return re.sub(rf"\$\{{({prefix}[A-Z0-9_]+)\}}", value, text)


def _refuse_unknown_variables(environ: Mapping[str, str]) -> None:
    known = {f"GAZETTE_{name.upper()}" for name in Settings.model_fields}
    known |= {f"GAZETTE_{name.upper()}_FILE" for name in SECRETS} | {CONFIG_VARIABLE, "GAZETTE_RUN_DIR"}
    for name in environ:
        if name.startswith("GAZETTE_") and name not in known and not name.startswith((SOURCE_PREFIX, SIGNING_PREFIX)):
            raise ConfigError(name, "is no setting of Gazette; `gazette config show` lists them")
