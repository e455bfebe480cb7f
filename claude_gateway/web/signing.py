"""What every answer has on its head, whoever made it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, TypeAlias

from aiohttp import hdrs, web
from multidict import istr

from claude_gateway.web.about import NAME
from claude_gateway.web.cors import cors_headers
from claude_gateway.web.gateway import CONTEXT, REQUEST_ID, RUN
from claude_gateway.web.rationing import QUOTAS, quota_headers
from claude_gateway.web.timing import HEADER, server_timing
from claude_gateway.web.trail import trail

if TYPE_CHECKING:
    from claude_gateway.web.incoming import Incoming

# Says what goes on the head of every answer to a request, before it is sent.
Sign: TypeAlias = Callable[["Incoming"], Iterable[tuple[str, str]]]
SIGNS: web.AppKey[Sequence[Sign]] = web.AppKey("signs")

# Names that need not be looked at letter by letter for each answer.
X_REQUEST_ID, A_REQUEST_ID, SERVER_TIMING = istr("x-request-id"), istr("request-id"), istr(HEADER)
USUAL = ((hdrs.SERVER, NAME), (istr("X-Content-Type-Options"), "nosniff"))


def signature(request: Incoming) -> list[tuple[str, str]]:
    """Return what every answer has on its head, each header once."""
    gateway, kept = request.gateway, request.kept
    name = kept.get(REQUEST_ID)
    if name is None:  # answered before the guard
        name = kept[REQUEST_ID] = gateway.ids.request()
    signed: list[tuple[str, str]] = [(X_REQUEST_ID, name), (A_REQUEST_ID, name), *USUAL]
    run = kept.get(RUN)
    if run is not None and (told := trail(run)):
        signed += told.items()
    if QUOTAS in kept:
        signed += quota_headers(kept[QUOTAS])
    if (timing := server_timing(kept.get(CONTEXT), run)) is not None:
        signed.append((SERVER_TIMING, timing))
    signed += cors_headers(request, gateway.cors_origins)
    return signed


def sign(response: web.StreamResponse, signed: Iterable[tuple[str, str]]) -> None:
    """Put on an answer what every answer has."""
    headers = response.headers
    for header, value in signed:
        also = headers.get(header) if header == hdrs.VARY else None
        headers[header] = f"{also}, {value}" if also else value
