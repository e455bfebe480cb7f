"""Who sends a request: the client itself, or a proxy that stands in between."""

from __future__ import annotations

from collections.abc import Sequence

from aiohttp import web

from claude_gateway.access import peers
from claude_gateway.settings import Network

TRUSTED: web.AppKey[Sequence[Network]] = web.AppKey("trusted_proxies")
FORWARDED_FOR = "X-Forwarded-For"
RELAYS = (FORWARDED_FOR, "Forwarded", "X-Real-IP", "Via")


def client_address(request: web.Request) -> str | None:
    """Return the client's address: the peer's own, or what trusted proxies say of it."""
    trusted = request.app[TRUSTED]
    if not trusted:
        return request.remote
    return peers.client(request.remote, request.headers.getall(FORWARDED_FOR, ()), trusted)


def came_through_a_proxy(request: web.Request) -> bool:
    """Whether a proxy stands in between: it says so, or it is one that is known."""
    if any(name in request.headers for name in RELAYS):
        return True
    return peers.is_proxy(request.remote, request.app[TRUSTED])
