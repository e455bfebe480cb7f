"""Request bodies: JSON, of bounded size, arriving at a decent pace."""

from __future__ import annotations

import asyncio

from aiohttp import hdrs, web

from claude_gateway.errors import InvalidRequest, PayloadTooLarge, UnsupportedMediaType
from claude_gateway.web.adapted import ADAPTED, Adapted
from claude_gateway.web.gateway import GATEWAY, PRINCIPAL, RAW

LARGEST_BODY = 32 * 2**20
JSON = "application/json"
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
    if adapted is not None and adapted.given is not None:
        return adapted.given
    _check(request)
    content = request.content
    # Nearly always it came with the headers.
    at_hand = content.is_eof()
    body = content.read_nowait(-1) if at_hand else await _collect(request, _patience(request))
    if request.app[GATEWAY].siblings is not None:
        request[RAW] = body  # until it is clear that it need not be passed on to another worker
    return body if adapted is None else adapted.rewritten(body, request.get(PRINCIPAL))


async def rest_of(request: web.Request, patience: float) -> bytes:
    """Return a body that nobody has read, of whatever kind it is."""
    if (request.content_length or 0) > LARGEST_BODY:
        raise _too_large()
    return await _collect(request, patience)


def alone(exc: BaseException) -> None:
    """Let an error that somebody keeps forget where it came from.

    A body keeps what was wrong with it. Its traceback leads to frames that hold the body, and all that was
    sent: they would keep each other until the garbage collector comes round, which anybody could make too
    late.
    """
    exc.__traceback__ = exc.__context__ = exc.__cause__ = None


def _check(request: web.Request) -> None:
    headers = request.headers
    # Nearly always it is that and nothing more, which need not be parsed.
    if headers.get(hdrs.CONTENT_TYPE) != JSON:
        kind = request.content_type
        if kind != JSON and not kind.endswith("+json"):
            raise UnsupportedMediaType(
                "Send JSON, with the header 'Content-Type: application/json'."
            )
    encoding = headers.get(hdrs.CONTENT_ENCODING)
    if encoding is not None and encoding.lower() not in ENCODINGS:
        raise UnsupportedMediaType("Send the body uncompressed, or with gzip or deflate.")
    length = headers.get(hdrs.CONTENT_LENGTH)
    if length is not None and int(length) > LARGEST_BODY:
        raise _too_large()


def _patience(request: web.Request) -> float:
    return request.app[GATEWAY].body_timeout


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
    except ConnectionError as exc:
        alone(exc)
        raise ConnectionResetError("the client left before its body was there") from None
    except web.RequestPayloadError as exc:
        alone(exc)
        raise InvalidRequest("The body is broken: its framing or encoding is wrong.") from None


def _too_large() -> PayloadTooLarge:
    return PayloadTooLarge(
        f"The body is larger than the {LARGEST_BODY // 2**20} MB that this gateway reads."
    )
