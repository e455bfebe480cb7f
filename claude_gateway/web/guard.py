"""What every request passes, in this order and no other.

Request id → errors → Host → client profile → authentication. A profile may ask something else
instead, which passes all of that but the first. Authorisation looks at the route that the router
resolved, never at a URL.
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from urllib.parse import urlsplit

from aiohttp import HttpVersion11, hdrs, web
from aiohttp.typedefs import Handler
from multidict import istr

from claude_gateway.access.door import Arrival
from claude_gateway.context import CURRENT, Context
from claude_gateway.engine.following import Together
from claude_gateway.engine.hearing import tell
from claude_gateway.engine.telling import told
from claude_gateway.errors import (
    Forbidden,
    GatewayError,
    InvalidRequest,
    MethodNotAllowed,
    NotFound,
    PayloadTooLarge,
    Unauthorized,
)
from claude_gateway.types.principals import Scope
from claude_gateway.types.watching import RequestEnd
from claude_gateway.web.access_log import Ended, describe, route_of
from claude_gateway.web.adapted import ADAPTED
from claude_gateway.web.carried import start_of
from claude_gateway.web.edge import ROUTED
from claude_gateway.web.gateway import (
    CONTEXT,
    GATEWAY,
    PRINCIPAL,
    REQUEST_ID,
    RUN,
    Gateway,
    RouteRule,
)
from claude_gateway.web.incoming import Incoming, Way, way_of
from claude_gateway.web.peers import came_through_a_proxy, client_address
from claude_gateway.web.rationing import rationed
from claude_gateway.web.relay import RELAYED, relayed
from claude_gateway.web.replies import failure, size_of
from claude_gateway.web.siblings import Elsewhere

X_REQUEST_ID, X_API_KEY = istr("x-request-id"), istr("x-api-key")
SANE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")
CLIENT_CLOSED = 499


async def guard(request: Incoming, way: Way) -> web.StreamResponse:
    """Pass a request through all steps, before its handler and behind it."""
    gateway = request.gateway
    asked = request.headers.get(X_REQUEST_ID)
    name = asked if asked and SANE_ID.fullmatch(asked) else gateway.ids.request()
    context = Context(name, time.monotonic())
    request.kept[REQUEST_ID], request.kept[CONTEXT] = name, context
    CURRENT.set(context)
    following = gateway.following
    followed = following.request(start_of(request, name)) if following is not None else None
    task = request.task  # the connection's: cancelling it cancels what it waits for
    gateway.live.add(task)
    status = CLIENT_CLOSED
    try:
        response = await _answer(request, way.handler, gateway, way.rule)
        status = response.status
        if not response.prepared:  # a stream has counted what it wrote
            context.sent = size_of(response)
        return response
    finally:
        CURRENT.set(None)  # the next request on this connection is another one
        gateway.live.discard(task)
        end = RequestEnd(request.method, way.name, status, time.monotonic() - context.began)
        if ROUTED in request.kept:
            end = replace(end, route=route_of(request[ROUTED]))
        _over(request, context, end, followed)


def _over(
    request: Incoming, context: Context, end: RequestEnd, followed: Together[RequestEnd] | None
) -> None:
    """Tell the log and the observers that a request has ended."""
    gateway, kept = request.gateway, request.kept
    if followed is not None:
        followed.ended(end)
    if gateway.siblings is not None and RELAYED in kept:  # another worker logs and counts it
        return
    log = gateway.access_log
    if log is not None:
        ended = Ended(end.status, end.seconds, kept.get(PRINCIPAL), kept.get(RUN))
        level = ended.level
        if log.wants(level):
            log.write(describe(kept.get(ROUTED, request), context, ended, level, end.route))
    tell(gateway.hearing.requests, end)


async def _answer(
    request: Incoming, handler: Handler, gateway: Gateway, rule: RouteRule
) -> web.StreamResponse:
    """Turn what is raised, by the checks as well, into the envelope."""
    try:
        try:
            check_place(request, gateway)
            profile = gateway.edge.named_by(request)
            if profile is not None:
                return await gateway.edge.adapted(request, profile, _respond)
            return await _admitted(request, handler, gateway, rule)
        except Elsewhere as there:
            if gateway.siblings is None or ADAPTED in request.kept:
                raise
            home, body = there.home, there.body
        return await relayed(request, gateway.siblings, home, body)
    except (ConnectionError, GeneratorExit, Elsewhere):  # the latter is for who adapts the request
        raise
    except BaseException as exc:
        # Bound to no other name: an exception that its own frame refers to stays in memory, and
        # the request's body with it, until the garbage collector comes round.
        response = _failure(exc, request, rule, interrupting=gateway.interrupting)
        if response is None:
            raise
        return response


async def _respond(request: web.Request) -> web.StreamResponse:
    """Answer what a profile has asked, with all checks."""
    assert isinstance(request, Incoming)  # noqa: S101  # made of one
    gateway = request.gateway
    way = way_of(request.match_info, gateway)
    return await _answer(request, way.handler, gateway, way.rule)


async def _admitted(
    request: Incoming, handler: Handler, gateway: Gateway, rule: RouteRule
) -> web.StreamResponse:
    if not rule.foreign_pages:
        check_pages(request, gateway)
    if request.method == "OPTIONS":
        return web.Response(status=204)
    if rule.public:
        return await handler(request)
    principal = await gateway.door.admit(_keys(request), partial(_arrival, request))
    kept = request.kept
    kept[PRINCIPAL] = principal
    context = kept[CONTEXT]
    context.principal, context.admitted = principal.id, time.monotonic()
    profile = gateway.edge.of_key(request, principal)
    if profile is not None:
        return await gateway.edge.adapted(request, profile, _respond)
    if rule.scopes and principal.scopes.isdisjoint(rule.scopes):
        raise lacking(rule.scopes)
    if gateway.limiter.concerns(principal):
        return await rationed(request, handler, rule)
    return await handler(request)


async def admit_again(request: web.Request) -> None:
    """Ask again who it is, after a wait in which the key may have been revoked.

    Raises Unauthorized and Forbidden, as at the door.
    """
    gateway = request.app[GATEWAY]
    principal = await gateway.door.admit(_keys(request), partial(_arrival, request))
    scopes = way_of(request.match_info, gateway).rule.scopes
    if scopes and principal.scopes.isdisjoint(scopes):
        raise lacking(scopes)
    request[PRINCIPAL] = principal


def lacking(scopes: Sequence[Scope]) -> Forbidden:
    """What is said to whoever may not do this."""
    return Forbidden(
        f"This API key lacks the scope {' or '.join(scopes)}, which this needs. Use another key, or "
        "ask whoever runs this gateway for one.",
        code="insufficient_scope",
    )


def check_place(request: web.Request, gateway: Gateway) -> None:
    """Check the Host on every route, public or not."""
    hosts = request.headers.getall(hdrs.HOST, ())
    if len(hosts) != 1:
        raise InvalidRequest("Send exactly one Host header.", code="invalid_host")
    gateway.door.check_host(hosts[0])
    if not request.raw_path.startswith("/") and (named := urlsplit(request.raw_path).netloc):
        gateway.door.check_host(named)  # "GET http://name/path" says where it wants to go, too


def check_pages(request: web.Request, gateway: Gateway) -> None:
    """Let no page ask that is not of this machine, the gateway's own, or named, not even with a key."""
    for origin in request.headers.getall("Origin", ()):
        gateway.door.check_origin(origin, gateway.cors_origins)


def _failure(
    exc: BaseException, request: web.Request, rule: RouteRule, *, interrupting: bool
) -> web.Response | None:
    if isinstance(exc, web.HTTPException):
        error: GatewayError | None = from_http(exc, request)
    else:
        error = told(exc, request[REQUEST_ID], interrupting=interrupting)
    return None if error is None else failure(error, request[REQUEST_ID], rule.overload_status)


def _arrival(request: web.Request) -> Arrival:
    headers = request.headers
    return Arrival(
        client_address(request),
        headers["Host"],
        ", ".join(headers.getall("Origin")) if "Origin" in headers else None,
        relayed=headers.get("Sec-Fetch-Site") == "cross-site" or came_through_a_proxy(request),
    )


def _keys(request: web.Request) -> list[str]:
    """Every credential of the request; one that is empty or of another kind is a wrong one."""
    headers = request.headers
    keys: list[str] = []
    for value in headers.getall(hdrs.AUTHORIZATION, ()):
        scheme, _, key = value.partition(" ")
        if scheme.lower() != "bearer":
            raise Unauthorized(
                "Use 'Authorization: Bearer <key>'; no other scheme is known here.",
                code="invalid_api_key",
            )
        keys.append(key.strip())
    for key in headers.getall(X_API_KEY, ()):
        if key not in keys:
            keys.append(key)
    return keys


def from_http(exc: web.HTTPException, request: web.Request) -> GatewayError:
    match exc:
        case web.HTTPNotFound():
            return NotFound(f"There is nothing at {request.path[:200]}. GET /v1 lists what is.")
        case web.HTTPMethodNotAllowed():
            allowed = ", ".join(sorted(exc.allowed_methods))
            return MethodNotAllowed(
                f"{request.method} is not allowed here. Allowed: {allowed}.", allowed
            )
        case web.HTTPExpectationFailed():
            return InvalidRequest(
                "The only expectation met here is 100-continue.", code="expectation_failed"
            )
        case web.HTTPRequestEntityTooLarge():
            return PayloadTooLarge("The body is larger than this gateway reads.")
        case _:
            return InvalidRequest(f"The request cannot be served: {exc.reason}.")


async def refuse_expectation(request: web.Request) -> web.StreamResponse | None:
    """Answer `Expect`, which aiohttp looks at before any middleware."""
    if request.version < HttpVersion11:  # for which RFC 9110 has it ignored
        return None
    if request.headers.get("Expect", "").lower() == "100-continue":
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0  # it is no part of the answer
        return None
    name = request[REQUEST_ID] = request.app[GATEWAY].ids.request()
    return failure(from_http(web.HTTPExpectationFailed(), request), name)
