"""Which addresses webhooks may reach."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from reports.errors import ConfigError, DeliveryError
from runner.deliver.address_guard import AddressGuard

PUBLIC = ["1.1.1.1", "93.184.215.14", "172.32.0.1", "100.128.0.1", "2606:4700:4700::1111", "2a00:1450:4001::8a"]
REFUSED = [
    "0.0.0.0",
    "10.0.0.1",
    "100.64.0.1",
    "100.100.100.200",  # metadata at a cloud in the range of carrier-grade NAT
    "127.0.0.1",
    "127.255.255.254",
    "168.63.129.16",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.8",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::ffff:10.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:0:169.254.169.254",
    "::10.0.0.1",
    "64:ff9b::a00:1",  # NAT64 of 10.0.0.1
    "64:ff9b::a9fe:a9fe",  # NAT64 of the metadata service
    "64:ff9b:1::1",
    "100::1",
    "2001::1",  # Teredo
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "2001:db8::1",
    "2002:a00:1::",  # 6to4 of 10.0.0.1
    "2002:7f00:1::1",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",  # metadata over IPv6
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
]


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_permitted(address: str) -> None:
    assert AddressGuard().permits(address)


@pytest.mark.parametrize("address", REFUSED)
def test_all_others_are_refused(address: str) -> None:
    assert not AddressGuard().permits(address)


@pytest.mark.parametrize("address", ["::ffff:1.1.1.1", "64:ff9b::101:101", "2002:101:101::1"])
def test_a_public_address_in_another_form_is_permitted(address: str) -> None:
    assert AddressGuard().permits(address)


def test_networks_an_administrator_listed() -> None:
    guard = AddressGuard.from_settings(["10.20.0.0/16", "fd12::/32"])
    assert guard.permits("10.20.3.4")
    assert guard.permits("::ffff:10.20.3.4")
    assert guard.permits("fd12::7")
    assert not guard.permits("10.21.0.1")
    assert not guard.permits("127.0.0.1")


@pytest.mark.parametrize("network", ["10.20.0.1/16", "intranet", ""])
def test_a_network_that_is_none(network: str) -> None:
    with pytest.raises(ConfigError, match="webhook_allow"):
        AddressGuard.from_settings([network])


@pytest.mark.parametrize(
    "host", ["127.1", "0x7f.1", "2130706433", "0177.0.0.1", "localhost", "::1", "::ffff:127.0.0.1", "0"]
)
def test_however_loopback_is_written_it_is_refused(host: str) -> None:
    with pytest.raises(DeliveryError, match="not a public address") as caught:
        AddressGuard().resolve(host, 443)
    assert caught.value.permanent


def answering(*addresses: str) -> Any:
    def getaddrinfo(host: str, port: int, **options: Any) -> list[tuple[Any, ...]]:
        family = {True: socket.AF_INET6, False: socket.AF_INET}
        return [(family[":" in text], socket.SOCK_STREAM, 6, "", (text, port)) for text in addresses]

    return getaddrinfo


def test_one_private_answer_among_public_ones_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", answering("1.1.1.1", "10.0.0.1"))
    with pytest.raises(DeliveryError, match=r"10\.0\.0\.1"):
        AddressGuard().resolve("peer.example.org", 443)


def test_the_connection_goes_to_the_address_that_was_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    """The name is asked once; what it answers the next time does not matter."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        answers = [answering("127.0.0.1"), answering("10.0.0.1")]
        asked: list[str] = []

        def getaddrinfo(host: str, port: int, **options: Any) -> list[tuple[Any, ...]]:
            asked.append(host)
            return answers.pop(0)(host, port)  # type: ignore[no-any-return]

        monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
        guard = AddressGuard.from_settings(["127.0.0.0/8"])
        with guard.connect("peer.example.org", port, 2) as connection:
            assert connection.getpeername() == ("127.0.0.1", port)
        assert asked == ["peer.example.org"]


def test_the_next_address_is_tried_when_one_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.2", 0)) as listener:
        port = listener.getsockname()[1]
        monkeypatch.setattr(socket, "getaddrinfo", answering("127.0.0.1", "127.0.0.2"))
        guard = AddressGuard.from_settings(["127.0.0.0/8"])
        with guard.connect("peer.example.org", port, 2) as connection:
            assert connection.getpeername()[0] == "127.0.0.2"


@pytest.mark.parametrize("host", ["nowhere.invalid", "x" * 64 + ".example.org", "a..b"])
def test_a_name_without_an_address_is_tried_again(host: str) -> None:
    with pytest.raises(DeliveryError, match="cannot be resolved") as caught:
        AddressGuard().resolve(host, 443)
    assert not caught.value.permanent
