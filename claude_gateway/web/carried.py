"""What a request carries along for those who follow work: W3C's trace context."""

from __future__ import annotations

from aiohttp import web

from claude_gateway.types.watching import CARRIED, RequestStart, decent
from claude_gateway.web.access_log import route_of


def start_of(request: web.Request, request_id: str) -> RequestStart:
    """Return what is told of a request before anything is done for it."""
    headers = request.headers
    carried: dict[str, str] = {}
    if "traceparent" in headers:
        for name in CARRIED:
            value = ",".join(
                headers.getall(name, ())
            )  # two parents joined are none, as W3C wants it
            if value and decent(value):
                carried[name] = value
    return RequestStart(request_id, request.method, route_of(request), carried)
