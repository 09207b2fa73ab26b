"""`gazette browser`: which browser draws charts and prints PDFs; fetched by kaleido where the machine has none."""

from __future__ import annotations

import typer

from reports.errors import ConfigError
from reports.settings import load_settings
from runner.commands import console


def browser() -> None:
    """Print the browser in use; download one where none is found."""
    from runner.browser_path import find_browser  # noqa: PLC0415

    settings = load_settings()
    try:
        found = find_browser(settings.browser)
    except ConfigError as error:
        if settings.browser is not None:
            raise
        console.note(f"{error}. Downloading Chrome instead ...")
        _download()
        found = find_browser(None)
    console.show(str(found))


def _download() -> None:
    import kaleido  # noqa: PLC0415

    try:
        kaleido.get_chrome_sync()
    except (OSError, ValueError, RuntimeError) as error:
        console.note(f"The download did not work: {error}")
        console.note("Install Chromium or Chrome with your package manager, or set GAZETTE_BROWSER to one.")
        raise typer.Exit(1) from error
