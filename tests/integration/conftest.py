"""A runner's parts and a seeded site for tests; what each needs is imported only where it is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import people
import pytest
import web_seed

from reports.store import Store

if TYPE_CHECKING:
    from pages import Site
    from running import Plant


@pytest.fixture
def plant(tmp_path: Path, store: Store) -> Iterator[Plant]:
    """Everything one runner has, once on each database."""
    yield from _plant(tmp_path, store)


@pytest.fixture
def sqlite_plant(tmp_path: Path, sqlite_url: str) -> Iterator[Plant]:
    store = Store(sqlite_url)
    yield from _plant(tmp_path, store)
    store.close()


def _plant(folder: Path, store: Store) -> Iterator[Plant]:
    from running import Plant  # noqa: PLC0415  loads papermill

    plant = Plant(folder, store)
    yield plant
    plant.executor.close()


@pytest.fixture
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty one of the process's own service, looked at by an admin."""
    from web import wiring  # noqa: PLC0415  loads Streamlit

    monkeypatch.setenv("GAZETTE_DATA_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("GAZETTE_NOTEBOOKS_DIR", str(web_seed.ROOT / "notebooks"))
    monkeypatch.setenv("GAZETTE_ZONE", "Europe/Berlin")
    monkeypatch.setattr(wiring, "person_id", lambda: people.ADMIN.id)
    wiring.forget()
    wiring.service().store.add_person(people.ADMIN, people.password_hash())
    wiring.forget()
    yield tmp_path / "state"
    wiring.forget()


@pytest.fixture(scope="session")
def seedbed(tmp_path_factory: pytest.TempPathFactory) -> web_seed.Seedbed:
    return web_seed.Seedbed(tmp_path_factory.mktemp("seedbed"))


@pytest.fixture
def site(data_dir: Path, seedbed: web_seed.Seedbed) -> Site:
    from pages import Site  # noqa: PLC0415

    return Site(seedbed.planted(data_dir))
