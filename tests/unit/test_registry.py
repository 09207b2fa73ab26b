"""Which source serves a dataset: one rule for runs and for notebooks opened in JupyterLab."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path

import pytest

from reports.errors import ExtractError, NotFound
from reports.sources import Source
from reports.sources.registry import choose, registered, serving
from reports.store import Store
from reports.templates import Dataset

USAGE, OTHER = Source("usage", "embedded"), Source("other", "litellm", "postgresql://db/litellm")
QUERY = Dataset("orders", connection="other", sql="select 1")


def by_name(*sources: Source) -> dict[str, Source]:
    return {source.name: source for source in sources}


@pytest.mark.parametrize(
    ("name", "there", "expected"),
    [("usage", (USAGE, OTHER), USAGE), ("other", (USAGE, OTHER), OTHER), ("usage", (OTHER,), OTHER)],
)
def test_the_named_one_else_the_only_one(name: str, there: tuple[Source, ...], expected: Source) -> None:
    assert choose(name, by_name(*there)) == expected


@pytest.mark.parametrize(
    ("there", "told"),
    [((), "There is none yet: add one by `gazette source add`."), ((USAGE, OTHER), "The sources are: other, usage.")],
)
def test_otherwise_it_tells_which_there_are(there: tuple[Source, ...], told: str) -> None:
    with pytest.raises(NotFound, match=re.escape(f"There is no source 'third'. {told}")):
        choose("third", by_name(*there))


def test_a_choice_and_a_query_mean_one_source_and_no_other() -> None:
    assert serving(Dataset("usage"), by_name(OTHER)) == OTHER
    assert serving(Dataset("usage", source="other"), by_name(OTHER, USAGE)) == OTHER
    assert serving(Dataset("usage", source="other"), by_name(OTHER, USAGE), "usage") == USAGE
    assert serving(QUERY, by_name(OTHER, USAGE)) == OTHER
    for dataset, chosen in ((QUERY, None), (Dataset("usage"), "typo")):
        with pytest.raises(NotFound, match="The sources are: usage"):
            serving(dataset, by_name(USAGE), chosen)


def test_the_sources_of_a_project(store: Store) -> None:
    url = store.url.render_as_string(hide_password=False)
    assert registered(url) == {}
    store.add_source(USAGE)
    store.add_source(Source("files", "files", "data/*.csv", {"map": {"user": "who"}}, "Exports"))
    assert registered(url) == {source.name: source for source in store.sources()}
    assert registered(url)["files"].options == {"map": {"user": "who"}}


def test_a_project_without_a_database_has_none(tmp_path: Path) -> None:
    missing, empty = tmp_path / "none" / "gazette.db", tmp_path / "empty.db"
    sqlite3.connect(empty).close()
    assert registered(f"sqlite:///{missing}") == registered(f"sqlite:///{empty}") == {}
    assert not missing.parent.exists(), "asking makes nothing"


def test_a_database_out_of_reach_is_an_error_and_not_empty() -> None:
    with pytest.raises(ExtractError, match="could not be read"):
        registered("postgresql://nobody@127.0.0.1:1/gazette")
