"""Starts `gazette` for tests as a process of its own that need not import for seconds what others have imported.

This process imports what commands import and runs none itself: it forks for each line of JSON on standard input, and
answers with the exit code.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from typing import Any

# Beside the command itself: what its commands import when they need it, and what takes long.
LATER = (
    "alembic.command", "papermill", "psycopg", "reports.sources.demo", "reports.sources.usage_import", "runner.once",
    "runner.wiring",
)  # fmt: skip


def main() -> None:
    from runner import cli  # noqa: PLC0415  from the folder that PYTHONPATH names

    for name in LATER:
        importlib.import_module(name)
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            become(json.loads(line))
            cli.main()
            return  # and the process ends as any other, with its cleaning up
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        print(code, flush=True)


def become(wanted: dict[str, Any]) -> None:
    """The command in its folder, with its environment, its arguments and its output."""
    os.chdir(wanted["folder"])
    os.environ.clear()
    os.environ.update(wanted["environment"])
    sys.argv = ["gazette", *wanted["arguments"]]
    for stream, path in ((1, wanted["stdout"]), (2, wanted["stderr"])):
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(file, stream)
        os.close(file)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)


if __name__ == "__main__":
    main()
