"""The recorded database of a real LiteLLM proxy, loaded into an empty PostgreSQL database."""

from __future__ import annotations

import gzip
from pathlib import Path

import psycopg


def load_dump(url: str, shared_dir: Path) -> None:
    folder = shared_dir / "data" / "litellm"
    schema = (folder / "schema_11_tables.sql").read_text(encoding="utf-8")
    rows = gzip.decompress((folder / "data_302_requests.sql.gz").read_bytes()).decode("utf-8")
    with connect(url) as connection:
        for text in (schema, rows):
            connection.execute(_without_commands(text))  # type: ignore[arg-type]


def connect(url: str) -> psycopg.Connection[tuple[object, ...]]:
    return psycopg.connect(url.replace("+psycopg", ""))


def _without_commands(text: str) -> str:
    """A dump less the lines for psql alone (restrict, unrestrict)."""
    return "\n".join(line for line in text.splitlines() if not line.startswith("\\"))
