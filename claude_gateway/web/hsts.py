"""Strict-Transport-Security: browsers shall not come back without TLS."""

from __future__ import annotations

from typing import TYPE_CHECKING

from claude_gateway.access.places import host_name, is_loopback_name

if TYPE_CHECKING:
    from aiohttp import web

    from claude_gateway.web.signing import Sign

HEADER = "Strict-Transport-Security"


def promising(seconds: int) -> Sign:
    """Return what puts the header on an answer.

    A browser keeps it for a name with all its ports, so loopback names never have it: other
    programs of this machine speak plain http there.
    """
    value = f"max-age={seconds}"

    def promise(request: web.Request, response: web.StreamResponse) -> None:
        name = host_name(request.headers.get("Host", ""))
        if name is not None and not is_loopback_name(name):
            response.headers[HEADER] = value

    return promise
