"""Where the gateway may connect to because a client said so: never to what only it can reach.

An address is judged, not a name or the way it was written: whoever connects must resolve the name
first, ask here, and then connect to the very address that was asked about.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Sequence
from typing import TypeAlias

from claude_gateway.settings import Network

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

# An IPv6 address in here is translated on the way, to the IPv4 address in its last 32 bits.
NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


class Reach:
    """Every address but those in `deny`; what is in `allow`, by network or by host name, all the same."""

    def __init__(self, deny: Sequence[Network], allow: Sequence[Network | str]) -> None:
        self._deny = tuple(deny)
        self._allow = tuple(place for place in allow if not isinstance(place, str))
        self._hosts = frozenset(place for place in allow if isinstance(place, str))

    def allows(self, host: str, address: str) -> bool:
        """Whether `address`, to which `host` was resolved, may be connected to."""
        if host.lower().removesuffix(".") in self._hosts:
            return True
        try:
            ip = ipaddress.ip_address(address)
        except ValueError:
            return False
        return all(self._may(form) for form in _forms(ip))

    def _may(self, ip: Address) -> bool:
        if any(ip in network for network in self._allow):
            return True
        return not any(ip in network for network in self._deny)


def _forms(ip: Address) -> Iterator[Address]:
    """Yield an address, and the IPv4 addresses that are hidden in it."""
    if isinstance(ip, ipaddress.IPv4Address):
        yield ip
        return
    if ip.ipv4_mapped is not None:
        yield ip.ipv4_mapped
        return
    yield ip
    if ip.sixtofour is not None:
        yield ip.sixtofour
    if ip.teredo is not None:
        yield from ip.teredo
    if ip in NAT64:
        yield ipaddress.IPv4Address(ip.packed[-4:])
