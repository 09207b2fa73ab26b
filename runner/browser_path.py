"""Where the browser is that draws charts and prints PDFs.

Looks for a program that is already there and never downloads one.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from reports.errors import ConfigError

# Debian's headless shell first: it starts and prints faster than the full browser and draws the same.
PROGRAMS = (
    "chromium-headless-shell",
    "chrome-headless-shell",
    "headless_shell",
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "google-chrome-for-testing",
    "microsoft-edge",
)


def find_browser(setting: Path | None) -> Path:
    """The browser named by the setting, else one on PATH, else the one `kaleido_get_chrome` downloaded.

    Raises ConfigError saying what to install.
    """
    if setting is not None:
        named = shutil.which(setting)
        if named is None:
            raise ConfigError("browser", f"must be the path of a Chrome or Chromium; there is no program at {setting}")
        return Path(named)
    for program in PROGRAMS:
        if found := shutil.which(program):
            return Path(found)
    if (downloaded := _downloaded_chrome()) is not None:
        return downloaded
    raise ConfigError(
        "browser",
        "no Chrome or Chromium was found on this machine; install one (Debian: `apt install chromium-headless-shell`, "
        "elsewhere: `kaleido_get_chrome`) or name one with GAZETTE_BROWSER",
    )


def _downloaded_chrome() -> Path | None:
    from choreographer.cli._cli_utils import get_chrome_download_path  # noqa: PLC0415  only where PATH has none

    path: Path | None = get_chrome_download_path(mkdir=False)
    return path if path is not None and os.access(path, os.X_OK) else None
