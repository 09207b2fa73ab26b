"""Seals: unaltered, for one purpose, until one instant; and the key they are made with."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from reports import seals
from reports.errors import ConfigError, Forbidden
from reports.seals import Seals
from reports.settings import Settings

AT = datetime(2026, 11, 22, 12, tzinfo=UTC)
SOON = AT + timedelta(hours=1)
KEY = "k" * 32


def test_what_was_sealed_comes_back() -> None:
    value = {"person": "anna", "numbers": [1, 2]}
    assert Seals(KEY).unseal("test", Seals(KEY).seal("test", value, SOON), AT) == value
    assert Seals(KEY).unseal("test", Seals(KEY).seal("test", "for ever"), AT + timedelta(days=4000)) == "for ever"


def test_it_ends_at_its_instant() -> None:
    sealed = Seals(KEY).seal("test", "value", SOON)
    assert Seals(KEY).unseal("test", sealed, SOON - timedelta(seconds=1)) == "value"
    with pytest.raises(Forbidden, match="expired"):
        Seals(KEY).unseal("test", sealed, SOON)


def test_every_altered_character_is_noticed() -> None:
    sealed = Seals(KEY).seal("test", "value", SOON)
    for place, sign in enumerate(sealed[:-1]):  # the last one holds bits that base64 does not use
        altered = sealed[:place] + ("A" if sign != "A" else "B") + sealed[place + 1 :]
        with pytest.raises(Forbidden, match="altered"):
            Seals(KEY).unseal("test", altered, AT)


@pytest.mark.parametrize("text", ["", ".", "a.b", "\0", "é", "x" * 100_000])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(Forbidden, match="altered"):
        Seals(KEY).unseal("test", text, AT)


def test_a_seal_is_for_one_purpose_and_one_key() -> None:
    sealed = Seals(KEY).seal("one", "value", SOON)
    for other, purpose in ((Seals(KEY), "two"), (Seals("j" * 32), "one")):
        with pytest.raises(Forbidden):
            other.unseal(purpose, sealed, AT)


def test_a_link_is_to_one_file() -> None:
    sealed = seals.file_seal(Seals(KEY), "a1", SOON)
    seals.check_file_seal(Seals(KEY), "a1", sealed, AT)
    with pytest.raises(Forbidden, match="altered"):
        seals.check_file_seal(Seals(KEY), "a2", sealed, AT)
    with pytest.raises(Forbidden, match="altered"):
        seals.subscription_of(Seals(KEY), sealed, AT)


def test_the_way_out_does_not_expire() -> None:
    sealed = seals.unsubscribe_seal(Seals(KEY), "s1")
    assert seals.subscription_of(Seals(KEY), sealed, AT + timedelta(days=3650)) == "s1"


def test_a_seal_fits_a_url() -> None:
    sealed = seals.file_seal(Seals(KEY), "a" * 32, SOON)
    assert set(sealed) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.")
    assert len(sealed) < 100


def test_the_key_is_made_once_and_its_owners_alone(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "state")
    sealed = seals.seals_of(settings).seal("test", "value")
    assert seals.seals_of(settings).unseal("test", sealed, AT) == "value"
    key = tmp_path / "state" / seals.KEY_FILE
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert [path.name for path in key.parent.iterdir()] == [key.name]


def test_programs_that_start_together_have_the_same_key(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "state")
    with ThreadPoolExecutor(8) as pool:
        sealed = list(pool.map(lambda _: seals.seals_of(settings).seal("test", "value"), range(16)))
    assert len(set(sealed)) == 1


def test_a_chosen_key_is_used_and_must_be_long(tmp_path: Path) -> None:
    sealed = seals.seals_of(Settings(data_dir=tmp_path / "state", secret_key=KEY)).seal("test", "value")
    assert Seals(KEY).unseal("test", sealed, AT) == "value"
    assert not (tmp_path / "state").exists()
    with pytest.raises(ConfigError, match="32 characters") as caught:
        seals.seals_of(Settings(secret_key="hunter2"))
    assert "hunter2" not in str(caught.value)


def test_a_key_that_cannot_be_kept_is_named(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file where a folder should be")
    with pytest.raises(ConfigError, match="secret_key"):
        seals.seals_of(Settings(data_dir=tmp_path / "state"))
