"""Where a request comes from and what it is addressed to: addresses, hosts, origins."""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache

_HOST = re.compile(
    r"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?\.?)(:[0-9]{1,5})?"
)
_ORIGIN = re.compile(r"([a-z][a-z0-9+.-]*)://([^/?#@\\\s]*)")

# Apps that show a page of their own from the device itself.
_LOCAL_SCHEMES = frozenset({"app", "capacitor", "ionic", "tauri"})


@lru_cache(maxsize=1024)
def host_name(header: str) -> str | None:
    """Return the name in a Host header, lower case, without port; None when it is no host."""
    match = _HOST.fullmatch(header)
    return match[1].lower().strip("[]").removesuffix(".") if match else None


@lru_cache(maxsize=1024)
def is_loopback_name(name: str) -> bool:
    """Whether a host name always means this very machine."""
    return name == "localhost" or name.endswith(".localhost") or is_loopback_address(name)


@lru_cache(maxsize=1024)
def is_loopback_address(address: str) -> bool:
    """Whether an IP address is 127.0.0.0/8, ::1 or the former written as IPv6."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(ip, "ipv4_mapped", None)
    return (mapped or ip).is_loopback


@lru_cache(maxsize=1024)
def is_address(name: str) -> bool:
    """Whether a host is written as an IP address, which no DNS answer can redirect."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


@lru_cache(maxsize=1024)
def is_local_origin(origin: str) -> bool:
    """Whether an Origin header names a page of this machine or of an app's own shell."""
    match = _ORIGIN.fullmatch(origin.lower())
    if match is None:
        return False
    if match[1] in _LOCAL_SCHEMES:
        return True
    name = host_name(match[2])
    return match[1] in ("http", "https") and name is not None and is_loopback_name(name)


@lru_cache(maxsize=1024)
def origin_name(origin: str) -> str | None:
    """Return the host of an Origin header that names a web page; None when it does not."""
    match = _ORIGIN.fullmatch(origin.lower())
    return host_name(match[2]) if match and match[1] in ("http", "https") else None


def default_gateway(route_table: str) -> str | None:
    """Read the default gateway from Linux's /proc/net/route: in a container, its own bridge."""
    for line in route_table.splitlines()[1:]:
        _interface, target, gateway, flags, *_ = [*line.split(), "", "", "0", "0"]
        if target == "00000000" and int(flags, 16) & 2:
            return str(ipaddress.IPv4Address(bytes.fromhex(gateway)[::-1]))
    return None
