"""Cross-origin headers, on every answer.

Permissive by default: no cookie is ever a credential here, so a foreign page can read only what is
public or what it has a key for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from aiohttp import hdrs, web
from multidict import istr

from claude_gateway.web import deadlines, rationing, timing, trail

ALLOW_ORIGIN = istr("Access-Control-Allow-Origin")
FOR_NO_PAGE = ((ALLOW_ORIGIN, "*"),)
METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
HEADERS = (
    "Authorization, Content-Type, x-api-key, x-request-id, anthropic-version, anthropic-beta, "
    "x-gateway-strict, x-gateway-missing-tool-results, Idempotency-Key, Last-Event-ID, "
    "Mcp-Session-Id, MCP-Protocol-Version, Mcp-Method, Mcp-Name, " + deadlines.HEADER
)
EXPOSED = (
    "x-request-id, request-id, content-disposition, retry-after, x-should-retry, x-upstream-request-id, "
    "x-gateway-model-remapped, x-gateway-ignored-params, x-gateway-schema-valid, "
    "deprecation, sunset, Mcp-Session-Id, "
    + ", ".join((timing.HEADER, *trail.NAMES, *rationing.NAMES))
)


def cors_headers(request: web.Request, allowed: tuple[str, ...]) -> Iterable[tuple[str, str]]:
    """Return the headers for one answer; `allowed` is `*` or a list of origins."""
    origin = request.headers.get(hdrs.ORIGIN)
    if origin is None and request.method != "OPTIONS" and "*" in allowed:
        return FOR_NO_PAGE
    return _for_a_page(request, origin, allowed)


def _for_a_page(
    request: web.Request, origin: str | None, allowed: tuple[str, ...]
) -> Iterator[tuple[str, str]]:
    if "*" in allowed:
        reader = "*"
    else:
        # An unlisted origin is told a listed one, which its browser then refuses.
        reader = origin if origin is not None and origin in allowed else allowed[0]
        yield "Vary", "Origin"
    yield ALLOW_ORIGIN, reader
    if origin is not None:
        yield "Access-Control-Expose-Headers", EXPOSED
        yield "Timing-Allow-Origin", reader
    if request.method == "OPTIONS":
        asked = request.headers.get("Access-Control-Request-Headers")
        yield "Access-Control-Allow-Methods", METHODS
        yield "Access-Control-Allow-Headers", f"{HEADERS}, {asked}" if asked else HEADERS
        yield "Access-Control-Max-Age", "600"
