"""Where a request really comes from, when proxies stand in between."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import TypeAlias

from claude_gateway.settings import Network

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

# Some proxies write the port as well: 192.0.2.1:4711, [2001:db8::1]:4711.
_WITH_PORT = re.compile(r"\[([^\]]+)\](?::[0-9]{1,5})?|([0-9.]+):[0-9]{1,5}")
LONGEST = 64


def client(peer: str | None, forwarded: Sequence[str], trusted: Sequence[Network]) -> str | None:
    """Return the address of the nearest sender that is not to be believed.

    `peer` is who is connected, `forwarded` the values of X-Forwarded-For in their order. Each
    trusted proxy adds at the right whom it was asked by, so what stands left of the first stranger
    is that one's own invention. Where a proxy says what is no address, it counts itself.
    """
    address = _read(peer) if peer else None
    if address is None:
        return peer
    hops = [hop for value in forwarded for hop in value.split(",") if hop.strip()]
    while hops and is_trusted(address, trusted):
        said = _read(hops.pop().strip())
        if said is None:
            break
        address = said
    return str(address)


def is_trusted(address: Address, trusted: Sequence[Network]) -> bool:
    """Whether an address is in one of the networks."""
    return any(address in network for network in trusted)


def is_proxy(peer: str | None, trusted: Sequence[Network]) -> bool:
    """Whether whoever is connected is one of the proxies that are believed."""
    address = _read(peer) if peer and trusted else None
    return address is not None and is_trusted(address, trusted)


@lru_cache(maxsize=1024)
def neighbourhood(address: str) -> str:
    """Return what stands for an address where somebody is counted: of IPv6 its /64.

    Whoever has one address of such a network usually has all of them.
    """
    found = _read(address)
    if isinstance(found, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((int(found) >> 64 << 64, 64)))
    return str(found) if found is not None else address


def _read(text: str) -> Address | None:
    """Read an address, perhaps with a port; one of IPv4 in IPv6's clothes is one of IPv4."""
    if len(text) > LONGEST:
        return None
    if match := _WITH_PORT.fullmatch(text):
        text = match[1] or match[2]
    try:
        found = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found
