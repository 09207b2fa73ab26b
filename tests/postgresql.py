"""A private PostgreSQL for one test session: its own cluster in a temporary folder, gone when the session ends.

It uses the newest server binaries found, runs as an unprivileged user when the tests run as root, and listens on
loopback with a password of its own. It never touches a PostgreSQL that is already there.
"""

from __future__ import annotations

import math
import os
import pwd
import re
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

START_SECONDS = 30  # a cluster on a busy two-core machine answers within 3
UNPRIVILEGED = ("postgres", "nobody")  # whom the server may run as when the tests run as root
# Nothing here has to survive a power cut, and a test that needs many connections must get them.
OPTIONS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "200",
    "shared_buffers": "32MB",
    "autovacuum": "off",
}


DISCONNECT = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %(name)s"
MOST_KEPT = 32 * 1024**2  # bytes; an empty one has eight million


class NoPostgres(Exception):
    """The tests need PostgreSQL server binaries, and there are none."""


def binaries() -> Path:
    """The folder with `initdb` and `postgres`: the newest under /usr/lib/postgresql, else what is on PATH."""
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: _version(path.parts[-3]))
    if installed:
        return installed[-1].parent
    on_path = shutil.which("initdb")
    if on_path and shutil.which("postgres", path=str(Path(on_path).resolve().parent)):
        return Path(on_path).resolve().parent
    raise NoPostgres("The tests need a PostgreSQL server; install one, on Debian: apt-get install postgresql")


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", text))


def _unprivileged_user() -> str | None:
    """Whom to run the server as: None is whoever runs the tests, since PostgreSQL refuses root only."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    for name in UNPRIVILEGED:
        if name in names:
            return name
    raise NoPostgres(f"PostgreSQL refuses to run as root and there is no user {' or '.join(UNPRIVILEGED)}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def new_name() -> str:
    return f"test_{secrets.token_hex(6)}"


@dataclass
class PostgresServer:
    """A running cluster. `new_database()` answers with the SQLAlchemy URL of a database nobody else uses."""

    folder: Path
    port: int
    password: str
    server: subprocess.Popen[bytes]
    returned: list[str] = field(default_factory=list)  # names of empty databases that were lent before

    def url(self, database: str) -> str:
        return f"postgresql+psycopg://postgres:{self.password}@127.0.0.1:{self.port}/{database}"

    def new_database(self, template: str = "template1") -> str:
        """A fresh database, empty or a copy of `template` (a database of this cluster nobody is connected to)."""
        name = new_name()
        self.administer("CREATE DATABASE {} TEMPLATE {}", name, template)
        return self.url(name)

    def drop_database(self, url: str) -> None:
        self.administer("DROP DATABASE IF EXISTS {} WITH (FORCE)", url.rsplit("/", 1)[1])

    def lend(self, template: str) -> str:
        """A database with the tables of `template` and no row, under a name that nobody has had.

        Making one takes ten times as long as to empty one that a test has done with.
        """
        return self.url(self.returned.pop()) if self.returned else self.new_database(template)

    def take_back(self, url: str, tables: Sequence[str]) -> None:
        """Empty the tables, which no others refer to but those before them.

        Who is still connected is so no more, and does not find it again: it has another name at once.
        """
        name, other = url.rsplit("/", 1)[1], new_name()
        with self._connect() as connection:
            connection.execute(DISCONNECT, {"name": name})
            (size,) = connection.execute("SELECT pg_database_size(%s)", [name]).fetchone() or (0,)
        try:
            self.administer("ALTER DATABASE {} RENAME TO {}", name, other)
        except psycopg.errors.ObjectInUse:  # somebody was quick to connect once more
            size = math.inf
        if size > MOST_KEPT:  # emptied, it would still be slow to read
            self.drop_database(self.url(name))
            self.drop_database(self.url(other))
            return
        with self._connect(other) as connection:
            for table in tables:
                connection.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(table)))
        self.returned.append(other)

    def administer(self, statement: str, *names: str) -> None:
        with self._connect() as connection:
            connection.execute(sql.SQL(statement).format(*(sql.Identifier(name) for name in names)))  # type: ignore[arg-type]

    def _connect(self, database: str = "postgres") -> psycopg.Connection[Any]:
        return psycopg.connect(
            host="127.0.0.1",
            port=self.port,
            user="postgres",
            password=self.password,
            dbname=database,
            autocommit=True,
        )

    def wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                self._connect().close()
            except psycopg.OperationalError as error:
                if self.server.poll() is not None or time.monotonic() > deadline:
                    log = (self.folder / "log").read_text(encoding="utf-8", errors="replace")
                    raise NoPostgres(f"PostgreSQL did not start:\n{log[-4000:]}") from error
                time.sleep(0.05)
            else:
                return

    def stop(self) -> None:
        self.server.send_signal(signal.SIGQUIT)  # at once: nothing in it is kept
        try:
            self.server.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.server.kill()
            self.server.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def start() -> PostgresServer:
    """Make and start a cluster; raises NoPostgres, which says what to install."""
    bin_dir, user = binaries(), _unprivileged_user()
    folder = Path(tempfile.mkdtemp(prefix="gazette-pg-", dir="/tmp"))  # short: a socket's path has 107 bytes
    password, port = secrets.token_urlsafe(12), _free_port()
    (folder / "password").write_text(password, encoding="utf-8")
    (folder / "log").touch()
    if user is not None:
        for path in (folder, folder / "password", folder / "log"):
            shutil.chown(path, user)
    _initdb(bin_dir, folder, user)
    options = OPTIONS | {
        "port": str(port),
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": str(folder),
    }
    with (folder / "log").open("ab") as log:
        server = subprocess.Popen(
            [str(bin_dir / "postgres"), "-D", str(folder / "data")]
            + [part for name, value in options.items() for part in ("-c", f"{name}={value}")],
            stdout=log,
            stderr=log,
            start_new_session=True,  # Ctrl-C reaches pytest, which then stops the server in order
            **_as_user(user, folder),
        )
    cluster = PostgresServer(folder, port, password, server)
    try:
        cluster.wait_until_ready()
    except BaseException:
        cluster.stop()
        raise
    return cluster


def _initdb(bin_dir: Path, folder: Path, user: str | None) -> None:
    command = [str(bin_dir / "initdb"), "--pgdata", str(folder / "data"), "--username", "postgres", "--no-sync"]
    command += ["--pwfile", str(folder / "password"), "--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C"]
    made = subprocess.run(command, capture_output=True, text=True, **_as_user(user, folder))
    if made.returncode != 0:
        shutil.rmtree(folder, ignore_errors=True)
        raise NoPostgres(f"initdb failed: {made.stderr.strip()}")


def _as_user(user: str | None, folder: Path) -> dict[str, Any]:
    place = {"cwd": folder, "env": {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C"}}
    if user is None:
        return place
    return place | {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []}
