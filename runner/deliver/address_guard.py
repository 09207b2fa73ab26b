"""Which addresses a webhook may reach: public ones, and the networks an administrator listed.

A name is resolved here, every answer is judged, and the connection goes to the very address that was judged, so that
a name which changes its answer in between gains nothing. It never looks at URLs, and never connects to anything else.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any

from reports.errors import ConfigError, DeliveryError

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
SocketInfo = tuple[int, int, int, tuple[Any, ...]]  # family, type, protocol, address as `socket.connect` takes it

# The IANA special-purpose registries, written out because `ipaddress` judges differently from one Python to the next.
REFUSED_V4 = tuple(
    IPv4Network(text)
    for text in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # carrier-grade NAT; some clouds keep their metadata here
        "127.0.0.0/8",  # loopback
        "168.63.129.16/32",  # Azure's own services inside a virtual machine
        "169.254.0.0/16",  # link-local, with the metadata service 169.254.169.254
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",  # private
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
    )
)
GLOBAL_V6 = IPv6Network("2000::/3")  # all of global unicast; loopback, link-local, unique local, multicast lie outside
REFUSED_V6 = tuple(
    IPv6Network(text)
    for text in (
        "2001::/23",  # protocol assignments, with Teredo (it hides an IPv4 address behind an obfuscation)
        "2001:db8::/32",  # documentation
        "3fff::/20",  # documentation
    )
)
SIX_TO_FOUR = IPv6Network("2002::/16")
# Prefixes whose last 32 bits are an IPv4 address: mapped, the old "compatible" form, translated, and NAT64.
EMBEDDING_V6 = tuple(IPv6Network(text) for text in ("::ffff:0:0/96", "::/96", "::ffff:0:0:0/96", "64:ff9b::/96"))

MOST_ADDRESSES = 4  # of one name that are tried; more would only eat the deadline


@dataclass(frozen=True)
class AddressGuard:
    allowed: tuple[Network, ...] = ()  # besides public addresses

    @classmethod
    def from_settings(cls, networks: Iterable[str]) -> AddressGuard:
        """Raises ConfigError for a text that is no network such as 10.20.0.0/16."""
        try:
            return cls(tuple(ip_network(text) for text in networks))
        except ValueError as error:
            raise ConfigError("webhook_allow", f"takes networks such as 10.20.0.0/16; {error}") from error

    def permits(self, text: str) -> bool:
        """Whether a connection to this literal address, with or without a %scope, is allowed."""
        address = ip_address(text.partition("%")[0])
        inner = _embedded_v4(address)
        if any(candidate in network for candidate in (address, inner) if candidate for network in self.allowed):
            return True
        return _is_public(inner or address)

    def resolve(self, host: str, port: int) -> Sequence[SocketInfo]:
        """Where `host` leads. Raises DeliveryError if any of its addresses is refused, or if it has none."""
        try:
            answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (socket.gaierror, UnicodeError) as error:
            raise DeliveryError(
                f"The name {host} cannot be resolved ({error}); check the webhook's address."
            ) from error
        for _, _, _, _, address in answers:
            if not self.permits(str(address[0])):
                raise DeliveryError(
                    f"{host} leads to {address[0]}, which is not a public address. Webhooks may reach it only when "
                    "an administrator lists its network in webhook_allow.",
                    permanent=True,
                )
        return [(family, kind, protocol, address) for family, kind, protocol, _, address in answers][:MOST_ADDRESSES]

    def connect(self, host: str, port: int, timeout: float | None) -> socket.socket:
        """A connection to one of the addresses just judged. Raises DeliveryError, or OSError of the last one tried."""
        failure: OSError = OSError(f"{host} has no address")
        for family, kind, protocol, address in self.resolve(host, port):
            connection = socket.socket(family, kind, protocol)
            try:
                connection.settimeout(timeout)
                connection.connect(address)
            except OSError as error:
                connection.close()
                failure = error
            else:
                return connection
        raise failure


def _is_public(address: Address) -> bool:
    if isinstance(address, IPv4Address):
        return not any(address in network for network in REFUSED_V4)
    return address in GLOBAL_V6 and not any(address in network for network in REFUSED_V6)


def _embedded_v4(address: Address) -> IPv4Address | None:
    """The IPv4 address that an IPv6 one would be delivered to, where it carries one."""
    if isinstance(address, IPv4Address):
        return None
    if address in SIX_TO_FOUR:
        return IPv4Address(int(address) >> 80 & 0xFFFFFFFF)
    if any(address in network for network in EMBEDDING_V6):
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return None
