"""Which source serves a dataset: the sources a project has by name, and the one rule that chooses among them.

A run and a notebook opened in JupyterLab both ask here, so that they read the same data. Nothing here opens a source.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from reports.errors import NotFound
from reports.sources import query
from reports.sources.values import Source

if TYPE_CHECKING:
    from reports.templates import Dataset

DEFAULT_NAME = "usage"


def registered(store_url: str) -> dict[str, Source]:
    """The sources of the project by name; none where its database, or its table of them, does not exist yet.

    Raises ExtractError where the database cannot be reached, ConfigError for a URL that is none.
    """
    from reports.store.engine import database_url  # noqa: PLC0415  the store knows values of this package
    from reports.store.rows import to_source  # noqa: PLC0415
    from reports.store.tables import sources  # noqa: PLC0415

    url = database_url(store_url)
    if url.get_backend_name() == "sqlite" and not Path(str(url.database)).exists():
        return {}
    with query.reading(store_url, "the project's database") as connection:
        if not sa.inspect(connection).has_table(sources.name):
            return {}
        rows = connection.execute(sa.select(sources).order_by(sources.c.name)).mappings()
        return {row["name"]: to_source(row) for row in rows}


def serving(dataset: Dataset, there: Mapping[str, Source], chosen: str | None = None) -> Source:
    """The source of a dataset: the one chosen, else the one its template names, else the only one there is.

    A query, and a choice, mean one source and no other. Raises NotFound, which lists the sources there are.
    """
    name = chosen or dataset.connection or dataset.source or DEFAULT_NAME
    return choose(name, there, exactly=bool(chosen) or dataset.sql is not None)


def choose(name: str, there: Mapping[str, Source], *, exactly: bool = False) -> Source:
    """The source called `name`; else, unless it must be `exactly` that one, the only source there is.

    Raises NotFound, which lists the sources there are.
    """
    if name in there:
        return there[name]
    if len(there) == 1 and not exactly:
        return next(iter(there.values()))
    raise _no_source(name, sorted(there))


def _no_source(name: str, there: list[str]) -> NotFound:
    error = NotFound("source", name)
    listed = f"The sources are: {', '.join(there)}." if there else "There is none yet: add one by `gazette source add`."
    error.args = (f"{error} {listed}",)
    return error
