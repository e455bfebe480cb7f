"""Strict-Transport-Security: browsers shall not come back without TLS."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from claude_gateway.access.places import host_name, is_loopback_name

if TYPE_CHECKING:
    from aiohttp import web

    from claude_gateway.web.signing import Sign

HEADER = "Strict-Transport-Security"


def promising(seconds: int) -> Sign:
    """Return what says whether the header goes on an answer.

    A browser keeps it for a name with all its ports, so loopback names never have it: other
    programs of this machine speak plain http there.
    """
    header = ((HEADER, f"max-age={seconds}"),)

    def promise(request: web.Request) -> Iterable[tuple[str, str]]:
        name = host_name(request.headers.get("Host", ""))
        return () if name is None or is_loopback_name(name) else header

    return promise
