"""The `gazette` command as a person starts it: a process of its own with a data folder of its own.

Most tests have it forked from a process that has imported it already (`command_server`), which saves half of its time;
those that are `cold` start it from nothing.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
COMMAND = (sys.executable, "-m", "runner")
PATIENCE = 280  # seconds; a demo makes four reports, and the machine may have more to do. A test has 300.


def path_of(rendered: Any, format: str) -> Path:
    """Where a file is that `gazette render --json` tells of."""
    return next(Path(item["path"]) for item in rendered["artifacts"] if item["format"] == format)


@cache
def server() -> subprocess.Popen[str]:
    """Ends when its standard input does, with this process."""
    program = [sys.executable, str(ROOT / "tests" / "command_server.py")]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.Popen(program, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def ask_server(wanted: dict[str, Any]) -> int:
    """The exit code of the command."""
    process = server()
    assert process.stdin is not None and process.stdout is not None
    try:
        process.stdin.write(json.dumps(wanted) + "\n")
        process.stdin.flush()
        return int(process.stdout.readline())
    except BaseException:  # a test that took too long: the answer to come is not the next one's
        process.kill()
        server.cache_clear()
        raise


@dataclass
class Gazette:
    """Runs commands with `settings` in the environment; the working folder is the data folder's parent."""

    folder: Path
    settings: dict[str, str] = field(default_factory=dict)
    cold: bool = False

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("GAZETTE_")}
        given = {f"GAZETTE_{name.upper()}": value for name, value in self.settings.items()}
        return kept | {"GAZETTE_DATA_DIR": str(self.folder / "state"), "PYTHONPATH": str(ROOT)} | given

    def run(self, *arguments: object, expect: int = 0) -> subprocess.CompletedProcess[str]:
        asked = list(map(str, arguments))
        done = self._started_cold(asked) if self.cold else self._forked(asked)
        assert done.returncode == expect, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def _started_cold(self, arguments: list[str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*COMMAND, *arguments],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )

    def _forked(self, arguments: list[str]) -> subprocess.CompletedProcess[str]:
        with tempfile.TemporaryDirectory() as folder:
            stdout, stderr = Path(folder) / "stdout", Path(folder) / "stderr"
            asked = {"arguments": arguments, "folder": str(self.folder), "environment": self.environment}
            code = ask_server(asked | {"stdout": str(stdout), "stderr": str(stderr)})
            said = [path.read_text(encoding="utf-8") for path in (stdout, stderr)]
        return subprocess.CompletedProcess([*COMMAND, *arguments], code, *said)

    def json(self, *arguments: object, expect: int = 0) -> Any:
        return json.loads(self.run(*arguments, "--json", expect=expect).stdout)

    @contextmanager
    def started(self, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
        """A command that stays, stopped by SIGTERM at the end; it must then exit with 0."""
        log = self.folder / f"{arguments[0]}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [*COMMAND, *arguments], cwd=self.folder, env=self.environment, stdout=output, stderr=output
            )
            try:
                yield process
                process.send_signal(signal.SIGTERM)
                assert process.wait(60) == 0, log.read_text(encoding="utf-8")
            finally:
                if process.poll() is None:
                    process.kill()
                    process.wait()
