"""The policy of the pages, and the names the server answers to."""

from __future__ import annotations

import base64
import hashlib

import pytest

from reports.settings import Settings
from web import security


def test_each_inline_script_is_let_in_by_its_hash() -> None:
    page = "<script>\n a()\n</script><script src='x.js'></script><script>b()</script>"
    expected = [base64.b64encode(hashlib.sha256(text).digest()).decode() for text in (b"\n a()\n", b"b()")]
    assert security.inline_script_hashes(page) == [f"'sha256-{digest}'" for digest in expected]


def test_the_policy_knows_the_script_of_the_installed_streamlit() -> None:
    assert len(security.inline_script_hashes(security.START_PAGE.read_text(encoding="utf-8"))) == 1


def test_scripts_are_neither_inline_nor_evaluated() -> None:
    scripts = next(part for part in security.page_policy().split("; ") if part.startswith("script-src"))
    assert "unsafe" not in scripts
    assert "http" not in security.page_policy()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_on_loopback_only_its_own_names_are_answered(host: str) -> None:
    assert security.allowed_hosts(Settings(host=host)) == ["127.0.0.1", "localhost", "::1", "[::1]"]


def test_behind_a_proxy_its_public_name_is_answered() -> None:
    settings = Settings(base_url="https://reports.example.org:8443/gazette")
    assert "reports.example.org" in security.allowed_hosts(settings)


def test_whoever_listens_to_all_answers_to_all() -> None:
    assert security.allowed_hosts(Settings(host="0.0.0.0")) == ["*"]
