"""Finding the browser: the setting, then PATH, then kaleido's download, else what to install."""

from __future__ import annotations

from pathlib import Path

import pytest
from choreographer.cli import _cli_utils

from reports.errors import ConfigError
from runner.browser_path import find_browser


def program(folder: Path, name: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def bare_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PATH of one empty folder and no download."""
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr(_cli_utils, "get_chrome_download_path", lambda mkdir: tmp_path / "download" / "chrome")
    return tmp_path


def test_the_setting_wins(bare_machine: Path) -> None:
    program(bare_machine / "bin", "chromium")
    named = program(bare_machine / "own", "chrome")
    assert find_browser(named) == named


def test_a_setting_may_be_a_program_on_the_path(bare_machine: Path) -> None:
    found = program(bare_machine / "bin", "my-chrome")
    assert find_browser(Path("my-chrome")) == found


def test_a_setting_that_names_nothing_is_refused(bare_machine: Path) -> None:
    with pytest.raises(ConfigError, match=r"^browser: .*/no/such/chrome") as caught:
        find_browser(Path("/no/such/chrome"))
    assert caught.value.setting == "browser"


def test_a_file_that_cannot_be_executed_is_refused(bare_machine: Path) -> None:
    path = bare_machine / "chrome.txt"
    path.write_text("no program")
    with pytest.raises(ConfigError):
        find_browser(path)


def test_the_headless_shell_comes_before_the_full_browser(bare_machine: Path) -> None:
    program(bare_machine / "bin", "google-chrome")
    program(bare_machine / "bin", "chromium")
    shell = program(bare_machine / "bin", "chromium-headless-shell")
    assert find_browser(None) == shell


def test_the_downloaded_chrome_is_the_last_resort(bare_machine: Path) -> None:
    downloaded = program(bare_machine / "download", "chrome")
    assert find_browser(None) == downloaded


def test_without_any_it_says_what_to_install(bare_machine: Path) -> None:
    with pytest.raises(ConfigError, match=r"chromium-headless-shell.*kaleido_get_chrome.*GAZETTE_BROWSER"):
        find_browser(None)
