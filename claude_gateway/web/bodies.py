"""Request bodies: JSON, of bounded size, arriving at a decent pace."""

from __future__ import annotations

import asyncio

from aiohttp import web

from claude_gateway.errors import InvalidRequest, PayloadTooLarge, UnsupportedMediaType
from claude_gateway.web.adapted import ADAPTED, Adapted
from claude_gateway.web.gateway import GATEWAY, PRINCIPAL, RAW

LARGEST_BODY = 32 * 2**20
ENCODINGS = ("identity", "gzip", "deflate")  # what aiohttp itself takes off


class BodyTimeout(InvalidRequest):
    """The rest of the body did not come."""

    status = 408
    default_code = "request_timeout"
    retryable = True


async def read_json_body(request: web.Request) -> bytes:
    """Return the body of a JSON request.

    A body of another type is refused: a foreign web page can post those without asking first.
    """
    adapted: Adapted | None = request.get(ADAPTED)
    if adapted is None:
        return await _read(request)
    if adapted.given is not None:
        return adapted.given
    return adapted.rewritten(await _read(request), request.get(PRINCIPAL))


async def rest_of(request: web.Request, patience: float) -> bytes:
    """Return a body that nobody has read, of whatever kind it is."""
    if (request.content_length or 0) > LARGEST_BODY:
        raise _too_large()
    return await _collect(request, patience)


async def _read(request: web.Request) -> bytes:
    """Read it; where it may have to be passed on to another worker, it is at hand until it is clear."""
    body = await _checked(request)
    if request.app[GATEWAY].siblings is not None:
        request[RAW] = body
    return body


async def _checked(request: web.Request) -> bytes:
    kind = request.content_type
    if kind != "application/json" and not kind.endswith("+json"):
        raise UnsupportedMediaType("Send JSON, with the header 'Content-Type: application/json'.")
    if request.headers.get("Content-Encoding", "identity").lower() not in ENCODINGS:
        raise UnsupportedMediaType("Send the body uncompressed, or with gzip or deflate.")
    if (request.content_length or 0) > LARGEST_BODY:
        raise _too_large()
    content = request.content
    if content.is_eof():  # nearly always: it came with the headers
        return content.read_nowait(-1)
    return await _collect(request, request.app[GATEWAY].body_timeout)


async def _collect(request: web.Request, patience: float) -> bytes:
    pieces: list[bytes] = []
    size = 0
    try:
        while True:
            async with asyncio.timeout(patience):
                piece = await request.content.readany()
            if not piece:
                return b"".join(pieces)
            size += len(piece)
            if size > LARGEST_BODY:
                raise _too_large()
            pieces.append(piece)
    except TimeoutError:
        raise BodyTimeout(f"The body stopped arriving for {patience:g} s.") from None
    except web.RequestPayloadError as exc:
        raise InvalidRequest("The body is broken: its framing or encoding is wrong.") from exc


def _too_large() -> PayloadTooLarge:
    return PayloadTooLarge(
        f"The body is larger than the {LARGEST_BODY // 2**20} MB that this gateway reads."
    )
