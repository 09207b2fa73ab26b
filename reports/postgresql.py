"""What every connection to PostgreSQL is opened with, ours and those of sources, so that a dead server is noticed.

Without these a server that vanished, unlike one that was stopped, keeps whoever waits for it for hours.
"""

from __future__ import annotations

from collections.abc import Mapping

CONNECT_SECONDS = 10
WHILE_SILENT = {  # libpq's names: after 30 s of silence it asks every 10 s, and gives up when 3 answers are missing
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,  # ms until something sent must have been acknowledged
}


def connect_arguments(asked: Mapping[str, object]) -> dict[str, int]:
    """For libpq; what the URL's query asks for itself stays as it is."""
    ours = {"connect_timeout": CONNECT_SECONDS, **WHILE_SILENT}
    return {name: value for name, value in ours.items() if name not in asked}
