"""What every request passes, in this order and no other: request id → errors → place → auth.

Authorisation looks at the route that the router resolved, never at a URL.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time

from aiohttp import web
from aiohttp.typedefs import Handler

from claude_gateway.access.door import Arrival
from claude_gateway.errors import (
    GatewayError,
    InternalError,
    InvalidRequest,
    MethodNotAllowed,
    NotFound,
    PayloadTooLarge,
    Unauthorized,
)
from claude_gateway.web.access_log import describe
from claude_gateway.web.gateway import GATEWAY, GUARDED, PRINCIPAL, REQUEST_ID, RUN
from claude_gateway.web.replies import failure
from claude_gateway.web.streams import stopping

log = logging.getLogger(__name__)

SANE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")
RELAYS = ("X-Forwarded-For", "Forwarded", "X-Real-IP", "Via")
CLIENT_CLOSED = 499


@web.middleware
async def request_id(request: web.Request, handler: Handler) -> web.StreamResponse:
    """First, so that every log line and every answer has it; last to see the answer."""
    gateway = request.app[GATEWAY]
    asked = request.headers.get("x-request-id")
    name = asked if asked and SANE_ID.fullmatch(asked) else gateway.ids.request()
    request[REQUEST_ID] = name
    started = time.monotonic()
    task = asyncio.current_task()
    gateway.live.add(task)
    status = CLIENT_CLOSED
    try:
        response = await handler(request)
        status = response.status
        return response
    finally:
        gateway.live.discard(task)
        if gateway.access_log is not None:
            seconds, who = time.monotonic() - started, (request.get(PRINCIPAL), request.get(RUN))
            gateway.access_log.write(describe(request, name, status, seconds, who))


@web.middleware
async def errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn what is raised into the envelope; outside of auth, which raises too."""
    gateway = request.app[GATEWAY]
    try:
        return await handler(request)
    except GatewayError as exc:
        error = exc
    except web.HTTPException as exc:
        error = _from_http(exc, request)
    except ConnectionError:
        raise
    except asyncio.CancelledError:
        if not gateway.interrupting:
            raise
        error = stopping()
    except Exception:
        log.exception("a request failed", extra={"request_id": request[REQUEST_ID]})
        error = InternalError("The gateway failed. The log says why, under this request id.")
    rule = gateway.rules.get(request.match_info.route, GUARDED)
    return failure(error, request[REQUEST_ID], rule.overload_status)


@web.middleware
async def place(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Check the Host on every route, public or not; answer preflights."""
    hosts = request.headers.getall("Host", ())
    if len(hosts) != 1:
        raise InvalidRequest("Send exactly one Host header.", code="invalid_host")
    request.app[GATEWAY].door.check_host(hosts[0])
    if request.method == "OPTIONS":
        return web.Response(status=204)
    return await handler(request)


@web.middleware
async def auth(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Last before the handler: a route is private unless it says otherwise."""
    gateway = request.app[GATEWAY]
    if not gateway.rules.get(request.match_info.route, GUARDED).public:
        request[PRINCIPAL] = await gateway.door.admit(_keys(request), lambda: _arrival(request))
    return await handler(request)


ALL = (request_id, errors, place, auth)


def _arrival(request: web.Request) -> Arrival:
    headers = request.headers
    return Arrival(
        request.remote,
        headers["Host"],
        headers.get("Origin"),
        relayed=headers.get("Sec-Fetch-Site") == "cross-site"
        or any(name in headers for name in RELAYS),
    )


def _keys(request: web.Request) -> list[str]:
    """Every credential of the request; one that is empty or of another kind is a wrong one."""
    headers = request.headers
    keys: list[str] = []
    for value in headers.getall("Authorization", ()):
        scheme, _, key = value.partition(" ")
        if scheme.lower() != "bearer":
            raise Unauthorized(
                "Use 'Authorization: Bearer <key>'; no other scheme is known here.",
                code="invalid_api_key",
            )
        keys.append(key.strip())
    return [*keys, *(key for key in headers.getall("x-api-key", ()) if key not in keys)]


def _from_http(exc: web.HTTPException, request: web.Request) -> GatewayError:
    match exc:
        case web.HTTPNotFound():
            return NotFound(f"There is nothing at {request.path[:200]}. GET /v1 lists what is.")
        case web.HTTPMethodNotAllowed():
            allowed = ", ".join(sorted(exc.allowed_methods))
            return MethodNotAllowed(f"{request.method} is not allowed here; {allowed} is.")
        case web.HTTPRequestEntityTooLarge():
            return PayloadTooLarge("The body is larger than this gateway reads.")
        case _:
            return InvalidRequest(f"The request cannot be served: {exc.reason}.")
