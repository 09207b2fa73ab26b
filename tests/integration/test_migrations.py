"""The migrations lead to exactly the tables the code uses, on both databases."""

from __future__ import annotations

import stat
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path

import postgresql
import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from reports.errors import ConfigError
from reports.store import Store
from reports.store.migrate import newest_version, version_of
from reports.store.tables import runs
from reports.store.upgrade import configuration
from reports.store.usage_tables import coverage

METADATA = runs.metadata


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database that nothing has touched yet."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'new' / 'folder' / 'gazette.db'}"
    server: postgresql.PostgresServer = request.getfixturevalue("postgres_server")
    url = server.new_database()
    request.addfinalizer(lambda: server.drop_database(url))
    return url


def differences(store: Store) -> list[object]:
    with store.engine.connect() as connection:
        options = {"compare_type": True, "compare_server_default": True}
        return list(compare_metadata(MigrationContext.configure(connection, opts=options), METADATA))


def test_migrations_lead_from_empty_to_the_tables_of_the_code(empty_url: str) -> None:
    store = Store(empty_url)
    store.migrate()
    assert differences(store) == []
    store.close()


def test_the_comparison_would_notice_a_missing_column(empty_url: str) -> None:
    store = Store(empty_url)
    store.migrate()
    with store.writing() as connection:
        connection.execute(sa.text("ALTER TABLE runs DROP COLUMN stage"))
    assert differences(store) != []
    store.close()


def test_migrating_twice_changes_nothing(empty_url: str) -> None:
    store = Store(empty_url)
    store.migrate()
    store.migrate()
    assert differences(store) == []
    store.close()


def test_a_database_of_this_version_is_told_without_alembic(empty_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(empty_url)
    with store.writing() as connection:
        assert version_of(connection) is None
        assert ScriptDirectory.from_config(configuration(connection)).get_current_head() == newest_version()
    store.migrate()
    with store.reading() as connection:
        assert version_of(connection) == newest_version()
    monkeypatch.setitem(sys.modules, "reports.store.upgrade", None)  # importing it would fail
    store.migrate()
    store.close()


def test_programs_that_start_together_migrate_once(empty_url: str) -> None:
    def start(_: int) -> None:
        store = Store(empty_url)
        store.migrate()
        store.close()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(start, range(4)))
    store = Store(empty_url)
    assert differences(store) == []
    store.close()


def test_a_database_of_a_newer_version_is_refused(empty_url: str) -> None:
    store = Store(empty_url)
    store.migrate()
    with store.writing() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = 'from_the_future'"))
    with pytest.raises(ConfigError, match="newer Gazette"):
        store.migrate()
    store.close()


def test_a_migration_that_fails_leaves_the_database_as_it_was(empty_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(empty_url)
    upgrade = command.upgrade

    def breaks_at_the_end(*args: object) -> None:
        upgrade(*args)  # type: ignore[arg-type]
        raise RuntimeError("power cut")

    monkeypatch.setattr(command, "upgrade", breaks_at_the_end)
    with pytest.raises(RuntimeError, match="power cut"):
        store.migrate()
    assert sa.inspect(store.engine).get_table_names() == []
    monkeypatch.undo()
    store.migrate()
    assert differences(store) == []
    store.close()


def test_what_an_earlier_version_kept_is_still_there(empty_url: str) -> None:
    store = Store(empty_url)
    kept = ("usage", date(2026, 11, 22), True)
    with store.writing() as connection:
        command.upgrade(configuration(connection), "0001")
        connection.execute(sa.insert(coverage).values(kept))
    store.migrate()
    with store.reading() as connection:
        assert connection.execute(sa.select(coverage)).all() == [kept]
    assert differences(store) == []
    store.close()


def test_downgrade_leaves_nothing_behind(empty_url: str) -> None:
    store = Store(empty_url)
    store.migrate()
    with store.writing() as connection:
        command.downgrade(configuration(connection), "base")
    assert sa.inspect(store.engine).get_table_names() == ["alembic_version"]
    store.close()


def test_a_new_sqlite_file_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "gazette.db"
    Store(f"sqlite:///{path}").close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "mysql://user@host/name", "no url at all"])
def test_other_databases_are_refused_by_the_settings_name(url: str) -> None:
    with pytest.raises(ConfigError, match="database_url"):
        Store(url)
