"""JSON answers and failures."""

from __future__ import annotations

import math
from collections.abc import Mapping

from aiohttp import web

from claude_gateway import sse
from claude_gateway.dialects.envelope import envelope
from claude_gateway.errors import (
    GatewayError,
    MethodNotAllowed,
    Overloaded,
    Unauthorized,
)
from claude_gateway.web.whole import Whole

BODY_UNREAD = (408, 413)
OVERLOAD_PAUSE = 5.0  # seconds; what is asked for when upstream does not say


def json_reply(
    value: object, status: int = 200, headers: Mapping[str, str] | None = None
) -> web.Response:
    """Compact JSON."""
    return bytes_reply(sse.compact(value), status, headers)


def bytes_reply(
    body: bytes, status: int = 200, headers: Mapping[str, str] | None = None
) -> web.Response:
    """JSON that is bytes already."""
    reply = Whole(body, status)
    if headers:
        reply.headers.update(headers)
    return reply


def size_of(response: web.StreamResponse) -> int:
    """Return the bytes of a body that is still to be sent, as far as they are known."""
    return response.size if isinstance(response, Whole) else response.content_length or 0


def failure(
    error: GatewayError, request_id: str, overload_status: int = Overloaded.status
) -> web.Response:
    """The envelope, with the headers that the official clients obey when they try again."""
    status = overload_status if isinstance(error, Overloaded) else error.status
    # Of a 401, Claude Code thinks for minutes that it may pass, unless it is told otherwise.
    headers = {"x-should-retry": "true" if error.should_retry else "false"}
    retry_after = error.retry_after
    if retry_after is None and isinstance(error, Overloaded):
        retry_after = OVERLOAD_PAUSE
    if retry_after is not None:
        headers["Retry-After"] = str(math.ceil(retry_after))
    if isinstance(error, MethodNotAllowed):
        headers["Allow"] = error.allowed
    if isinstance(error, Unauthorized):
        headers["WWW-Authenticate"] = "Bearer"
    response = json_reply(envelope(error, request_id, status), status, headers)
    if status in BODY_UNREAD:
        response.force_close()  # what is left of the body would be read as the next request
    return response
