"""What people send: kept in one form, or refused with the field where the message belongs."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook

from reports import intake
from reports.errors import InvalidInput, InvalidRecipient
from reports.model import ChannelKind, Filters, Format


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("reader@example.org", "reader@example.org"),
        ("  Reader@EXAMPLE.org ", "reader@example.org"),
        ("root@localhost", "root@localhost"),
        ("reader@mail.local", "reader@mail.local"),
        ("ü@exämple.org", "ü@exämple.org"),
        ("first.last+tag@example.co.uk", "first.last+tag@example.co.uk"),
    ],
)
def test_an_address_is_kept_in_normal_form(text: str, kept: str) -> None:
    assert intake.checked_email("address", text) == kept


@pytest.mark.parametrize(
    "text",
    [
        "",
        "reader",
        "reader@",
        "@example.org",
        "a@@example.org",
        "a@b@example.org",
        "reader@example.org, other@example.org",
        "Reader <reader@example.org>",
        "reader@example.org\r\nBcc: all@example.org",
        "reader@example.org\nX: y",
        "reader@exam\0ple.org",
        "reader@example.org\u2028",
        "reader@[127.0.0.1]",
        "reader@site.onion",
        "x" * 300 + "@example.org",
    ],
)
def test_what_is_no_address_is_refused_at_its_field(text: str) -> None:
    with pytest.raises(InvalidRecipient) as caught:
        intake.checked_email("address", text)
    assert caught.value.field == "address"


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.example.org/gazette?team=a",
        "https://hooks.example.org:8443/",
        "https://[2001:db8::1]/hook",
        "https://bücher.example/hook",
    ],
)
def test_a_webhook_is_an_https_url(url: str) -> None:
    assert intake.checked_address(ChannelKind.WEBHOOK, f" {url} ", allow_http=False) == url


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("http://hooks.example.org", "https://"),
        ("ftp://hooks.example.org", "https://"),
        ("file:///etc/passwd", "https://"),
        ("javascript:alert(1)", "https://"),
        ("hooks.example.org", "https://"),
        ("https://", "host"),
        ("https:///path", "host"),
        ("https://hooks.example.org:0/", "host"),
        ("https://hooks.example.org:99999/", "no URL"),
        ("https://[::1", "no URL"),
        ("https://user@hooks.example.org/", "user name"),
        ("https://user:secret@hooks.example.org/", "user name"),
        ("https://hooks.example.org/a b", "blanks"),
        ("https://hooks.example.org/\r\nHost: other", "control"),
        ("https://hooks.example.org/" + "x" * 2000, "2000"),
    ],
)
def test_what_is_no_webhook_is_refused(url: str, says: str) -> None:
    with pytest.raises(InvalidRecipient, match=says) as caught:
        intake.checked_url(url, allow_http=False)
    assert caught.value.field == "address"


def test_http_needs_the_setting() -> None:
    assert intake.checked_url("http://intranet/hook", allow_http=True) == "http://intranet/hook"


def test_an_outbox_is_a_name() -> None:
    assert intake.checked_address(ChannelKind.OUTBOX, " board ", allow_http=False) == "board"
    with pytest.raises(InvalidInput):
        intake.checked_address(ChannelKind.OUTBOX, "", allow_http=False)


def test_a_new_secret_is_long_random_and_of_use() -> None:
    secrets = {intake.checked_secret("") for _ in range(20)}
    assert len(secrets) == 20
    for secret in secrets:
        assert len(base64.b64decode(secret.removeprefix("whsec_"))) == 24
        assert Webhook(secret)


def whsec(size: int) -> str:
    return "whsec_" + base64.b64encode(b"k" * size).decode()


def test_given_secrets_are_kept_two_during_rotation() -> None:
    assert intake.checked_secret(whsec(24)) == whsec(24)
    assert intake.checked_secret(f" {whsec(32)}   {whsec(64)} ") == f"{whsec(32)} {whsec(64)}"


@pytest.mark.parametrize(
    "secret",
    [
        "secret",
        "whsec_",
        "whsec_not base64!",
        "whsec_*",
        whsec(23),
        whsec(65),
        whsec(32).removeprefix("whsec_"),
        " ".join([whsec(24)] * 3),
    ],
)
def test_weak_or_odd_secrets_are_refused_and_not_repeated(secret: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        intake.checked_secret(secret)
    assert caught.value.field == "secret"
    assert len(secret) < 10 or secret not in caught.value.message


@pytest.mark.parametrize(
    "name", ["A", "x" * 200, "../../x", "CON", "Übersicht 🧾", "<script>", "{x.__class__}", "=cmd|"]
)
def test_a_name_may_be_any_line(name: str) -> None:
    assert intake.checked_name("name", f"  {name} ") == name


@pytest.mark.parametrize("name", ["", "   ", "x" * 201, "a\nb", "a\rb", "a\0b", "a\tb", "a\x1b[31m", "a\ud800"])
def test_a_name_is_one_line_of_printable_text(name: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        intake.checked_name("name", name)
    assert caught.value.field == "name"


def test_an_owner_with_an_at_sign_is_an_address() -> None:
    assert intake.checked_owner(" alice ") == "alice"
    assert intake.checked_owner("Alice@EXAMPLE.org") == "alice@example.org"
    with pytest.raises(InvalidInput) as caught:
        intake.checked_owner("alice@")
    assert caught.value.field == "owner"


def test_formats_are_known_and_in_a_fixed_order() -> None:
    assert intake.checked_formats("formats", ["xlsx", "html", "xlsx"]) == (Format.HTML, Format.XLSX)
    formats: tuple[list[str], ...] = ([], ["docx"], ["pdf", "notebook"], ["PDF"])
    for odd in formats:
        with pytest.raises(InvalidInput, match="html, pdf, xlsx"):
            intake.checked_formats("formats", odd)


def test_filters_keep_each_value_once() -> None:
    filters = Filters(user_ids=("b", "a", "b"), model_ids=("gpt'; drop table runs;--",))
    assert intake.checked_filters(filters) == Filters(("b", "a"), (), ("gpt'; drop table runs;--",))


@pytest.mark.parametrize("values", [("",), ("x" * 201,), ("a\0b",), (7,), tuple(str(n) for n in range(1001))])
def test_odd_filter_values_are_refused_at_their_filter(values: tuple[Any, ...]) -> None:
    with pytest.raises(InvalidInput) as caught:
        intake.checked_filters(Filters(team_ids=values))
    assert caught.value.field == "filters.team_ids"
