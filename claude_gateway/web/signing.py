"""What every answer has on its head, whoever made it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from aiohttp import hdrs, web
from multidict import istr

from claude_gateway.web.about import NAME
from claude_gateway.web.cors import cors_headers
from claude_gateway.web.gateway import GATEWAY, REQUEST_ID, RUN
from claude_gateway.web.rationing import QUOTAS, quota_headers
from claude_gateway.web.timing import HEADER, server_timing
from claude_gateway.web.trail import trail

# Puts something on an answer before its head is sent.
Sign: TypeAlias = Callable[[web.Request, web.StreamResponse], None]
SIGNS: web.AppKey[Sequence[Sign]] = web.AppKey("signs")

# Names that need not be looked at letter by letter for each answer.
X_REQUEST_ID, A_REQUEST_ID = istr("x-request-id"), istr("request-id")
CONTENT_TYPE_OPTIONS, SERVER_TIMING = istr("X-Content-Type-Options"), istr(HEADER)


def sign(request: web.Request, response: web.StreamResponse) -> None:
    """Put on every answer what every answer has."""
    headers, gateway = response.headers, request.app[GATEWAY]
    name = request.get(REQUEST_ID)
    if name is None:  # answered before the guard
        name = request[REQUEST_ID] = gateway.ids.request()
    headers[X_REQUEST_ID] = headers[A_REQUEST_ID] = name
    headers[hdrs.SERVER] = NAME
    headers[CONTENT_TYPE_OPTIONS] = "nosniff"
    if (run := request.get(RUN)) is not None:
        headers.update(trail(run))
    if (admission := request.get(QUOTAS)) is not None:
        headers.update(quota_headers(admission))
    if (timing := server_timing(request)) is not None:
        headers[SERVER_TIMING] = timing
    for header, value in cors_headers(request, gateway.cors_origins):
        also = headers.get(header) if header == "Vary" else None
        headers[header] = f"{also}, {value}" if also else value
