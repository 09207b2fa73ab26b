"""Fixtures every test may use: the recorded facts beside the project, stores on both databases."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import litellm_dump
import postgresql
import pytest
import structlog
from hypothesis import HealthCheck, settings
from hypothesis.internal.conjecture import providers

from reports.store import Store
from reports.store.usage_tables import metadata

if TYPE_CHECKING:
    from report_cases import Press

SHARED = Path(__file__).resolve().parents[2] / "shared"
MIGRATED = "gazette_migrated"  # the database every test's own PostgreSQL database is copied from


# Hypothesis also tries constants of the modules that happen to be loaded: with them, what a derandomized test draws
# would depend on the tests before it in the same process.
providers._get_local_constants = lambda: providers._local_constants

# What a busy machine takes long for is not wrong.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")


@pytest.fixture(autouse=True)
def logs_of_its_own() -> Iterator[None]:
    """A command that a test runs in this process sets up logging; the next test begins without."""
    yield
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """The folder with recorded facts and real data that stands beside the project where it is developed."""
    if not SHARED.is_dir():
        pytest.skip("the folder ../shared with real data is not beside this checkout")
    return SHARED


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[postgresql.PostgresServer]:
    """A PostgreSQL of this session's own; `new_database()` makes an empty database and answers with its URL."""
    server = postgresql.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def _migrated_postgres(postgres_server: postgresql.PostgresServer) -> str:
    postgres_server.administer("CREATE DATABASE {}", MIGRATED)
    store = Store(postgres_server.url(MIGRATED))
    store.migrate()
    store.close()
    return MIGRATED


@pytest.fixture(scope="session")
def _migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("migrated") / "gazette.db"
    store = Store(f"sqlite:///{path}")
    store.migrate()
    store.close()
    return path


@pytest.fixture
def postgres_url(postgres_server: postgresql.PostgresServer, _migrated_postgres: str) -> Iterator[str]:
    """The URL of a migrated PostgreSQL database without rows, for one test."""
    url = postgres_server.lend(_migrated_postgres)
    yield url
    postgres_server.take_back(url, [table.name for table in reversed(metadata.sorted_tables)])


@pytest.fixture
def sqlite_url(_migrated_sqlite: Path, tmp_path: Path) -> str:
    """The URL of a migrated SQLite database without rows, for one test."""
    path = tmp_path / "gazette.db"
    shutil.copyfile(_migrated_sqlite, path)
    return f"sqlite:///{path}"


@pytest.fixture(scope="module")
def dump_url(postgres_server: postgresql.PostgresServer, shared_dir: Path) -> str:
    """The URL of a database of a LiteLLM proxy as it was recorded; tests read it, and change only copies of it."""
    url = postgres_server.new_database()
    litellm_dump.load_dump(url, shared_dir)
    return url


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest) -> str:
    """The URL of a migrated database without rows, once on each database."""
    name = {"sqlite": "sqlite_url", "postgresql": "postgres_url"}[request.param]
    return str(request.getfixturevalue(name))


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    """A Store without rows, once on each database."""
    store = Store(store_url)
    yield store
    store.close()


@pytest.fixture(scope="session")
def press(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Press]:
    """Reports of every template for every kind of usage, made when asked for."""
    import report_cases  # noqa: PLC0415  papermill takes seconds to import

    base = tmp_path_factory.getbasetemp()  # of this process; its parent is all processes' of this run
    made = report_cases.Press((base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "press")
    yield made
    made.close()
