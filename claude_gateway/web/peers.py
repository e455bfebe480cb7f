"""Who sends a request: the client itself, or a proxy that stands in between."""

from __future__ import annotations

from collections.abc import Sequence

from aiohttp import web
from multidict import istr

from claude_gateway.access import peers
from claude_gateway.settings import Network

TRUSTED: web.AppKey[Sequence[Network]] = web.AppKey("trusted_proxies")
PEER = istr("x-gateway-peer")  # of a request that a worker passes on
FORWARDED_FOR = "X-Forwarded-For"
RELAYS = (FORWARDED_FOR, "Forwarded", "X-Real-IP", "Via")


def is_private(request: web.Request) -> bool:
    """Whether it came from another worker, through a socket that nobody else can reach."""
    return getattr(request.protocol, "private", False) is True


def peer_of(request: web.Request) -> str | None:
    """Return the address that was connected; of what another worker passes on, what that one says."""
    return request.headers.get(PEER) if is_private(request) else request.remote


def client_address(request: web.Request) -> str | None:
    """Return the client's address: the peer's own, or what trusted proxies say of it."""
    trusted = request.app[TRUSTED]
    if not trusted:
        return peer_of(request)
    return peers.client(peer_of(request), request.headers.getall(FORWARDED_FOR, ()), trusted)


def came_through_a_proxy(request: web.Request) -> bool:
    """Whether a proxy stands in between: it says so, or it is one that is known."""
    if any(name in request.headers for name in RELAYS):
        return True
    return peers.is_proxy(peer_of(request), request.app[TRUSTED])
