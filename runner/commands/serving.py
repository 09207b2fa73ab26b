"""`gazette serve`, `gazette runner` and `gazette up`: the two processes, alone and together.

The UI is a process of its own, started by path, because the runner never imports it.
"""

from __future__ import annotations

import importlib.util
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated
from urllib.error import URLError
from urllib.request import urlopen

import typer

from reports.errors import ConfigError
from reports.seals import first_admin_link, seals_of
from reports.settings import Settings, load_settings
from runner.commands import console
from runner.commands.workplace import opened_service, utc_now

STARTUP = 60.0  # seconds the UI may take until it answers; a cold first import takes about 5
STOP = 15.0  # seconds the UI gets to close its connections


def serve() -> None:
    """Serve the UI until interrupted."""
    settings = load_settings()
    welcome(settings)
    command = ui_command(settings)
    os.execv(command[0], command)  # the UI takes this process over, signals and exit code included


def runner(
    once: Annotated[bool, typer.Option("--once", help="Do all that is due now, then stop.")] = False,
    as_json: console.JsonFlag = False,
) -> None:
    """Execute schedules until interrupted."""
    settings = load_settings()
    if once:
        summary = run_once(settings)
        if as_json:
            console.show_json(summary)
        else:
            console.show(f"Runs: {summary['runs']}; deliveries: {summary['deliveries']}.")
        return
    leave(all_ended=run_forever(settings))


def up() -> None:
    """Serve the UI and execute schedules until interrupted."""
    serve_and_run(load_settings())


def serve_and_run(settings: Settings) -> None:
    with ui_process(settings):
        all_ended = run_forever(settings)
    leave(all_ended=all_ended)


def leave(*, all_ended: bool) -> None:
    """End the process even where a thread hangs, for which the interpreter would wait."""
    if not all_ended:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)


def run_once(settings: Settings, at: datetime | None = None) -> dict[str, int]:
    """Do all that is due at `at`, by default now, and count it."""
    from runner.wiring import build_runner, configure_logging  # noqa: PLC0415  papermill takes seconds to import

    configure_logging(logging.WARNING)
    with build_runner(settings) as running:
        return running.run_once(at)


def run_forever(settings: Settings) -> bool:
    """Whether all work has ended when the runner stops."""
    from runner.wiring import build_runner, configure_logging  # noqa: PLC0415  as above

    configure_logging()
    with build_runner(settings) as running:
        console.note("The runner executes schedules; stop with Ctrl-C.")
        return running.run_forever()


def address(settings: Settings) -> str:
    """Where the UI answers on this machine."""
    host = "127.0.0.1" if settings.host in {"0.0.0.0", "::"} else settings.host
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.port}"


def welcome(settings: Settings) -> None:
    """Where it is served and, while nobody has an account, where the first one is made."""
    console.note(f"Gazette is served on {address(settings)}")
    with opened_service(settings) as service:
        if not service.store.anybody():
            link = first_admin_link(seals_of(settings), settings.base_url or address(settings), utc_now())
            console.note(f"Nobody has an account yet. Make the first one, an admin, at\n  {link}")


def ui_command(settings: Settings) -> list[str]:
    spec = importlib.util.find_spec("app")
    if spec is None or spec.origin is None:
        raise ConfigError("app.py", "was not found; install Gazette with `pip install -e .` in its folder")
    return [
        *(sys.executable, "-m", "streamlit", "run", str(Path(spec.origin).resolve())),
        *(f"--server.address={settings.host}", f"--server.port={settings.port}", "--server.headless=true"),
        "--browser.gatherUsageStats=false",
        "--logger.hideWelcomeMessage=true",
    ]


@contextmanager
def ui_process(settings: Settings) -> Iterator[None]:
    """The UI as a child process, answering when the block begins and gone when it ends.

    Raises ConfigError when it does not come up, naming the port.
    """
    child = subprocess.Popen(ui_command(settings))
    try:
        _wait_until_served(settings, child)
        welcome(settings)
        yield
    finally:
        child.send_signal(signal.SIGTERM)
        try:
            child.wait(STOP)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def _wait_until_served(settings: Settings, child: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + STARTUP
    while time.monotonic() < end:
        if child.poll() is not None:
            break
        try:
            with urlopen(f"{address(settings)}/healthz", timeout=2):
                return
        except (URLError, OSError):
            time.sleep(0.2)
    raise ConfigError("port", f"the UI did not come up on {address(settings)}; is the port taken?")
