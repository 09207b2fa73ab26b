"""Which kind of source a location is, for people who name only the location."""

from __future__ import annotations

from reports.settings import expand_variables
from reports.sources import litellm_tables, query
from reports.sources.values import SourceKind


def kind_of(location: str, name: str) -> SourceKind:
    """A database URL is litellm where LiteLLM's tables are there, else sql; a path is files; nothing is embedded.

    Raises ExtractError where a database cannot be reached.
    """
    if not location:
        return "embedded"
    if "://" not in location:
        return "files"
    with query.reading(expand_variables(location), name) as connection:
        found = query.columns_of(connection, [litellm_tables.DAILY, litellm_tables.LOGS])
    return "litellm" if any(found.values()) else "sql"
