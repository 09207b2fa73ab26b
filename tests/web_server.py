"""The server as it is started for real, in a process of its own, over a data folder of the test's."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests

ROOT = Path(__file__).resolve().parents[1]
STARTUP = 60.0  # seconds; a cold import takes about five


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextmanager
def served(data_dir: Path, log: Path, port: int | None = None, **more: str) -> Iterator[str]:
    """The server's address while it answers; `more` are variables of its environment."""
    port = port or free_port()
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("GAZETTE_", "STREAMLIT_"))}
    environ |= {"GAZETTE_DATA_DIR": str(data_dir), "GAZETTE_NOTEBOOKS_DIR": str(ROOT / "notebooks"), **more}
    command = [sys.executable, "-m", "streamlit", "run", str(ROOT / "app.py"), f"--server.port={port}"]
    with log.open("wb") as output:
        child = subprocess.Popen(command, env=environ, cwd=data_dir.parent, stdout=output, stderr=output)
    try:
        url = f"http://127.0.0.1:{port}"
        _wait(child, url, log)
        yield url
    finally:
        child.terminate()
        child.wait(20)


def _wait(child: subprocess.Popen[bytes], url: str, log: Path) -> None:
    end = time.monotonic() + STARTUP
    while time.monotonic() < end and child.poll() is None:
        try:
            if requests.get(f"{url}/healthz", timeout=5).ok:
                return
        except (requests.ConnectionError, requests.Timeout):
            time.sleep(0.2)
    raise AssertionError(f"the server did not come up:\n{log.read_text(encoding='utf-8')}")
