"""The one address of the protocol: POST asks, GET listens, DELETE ends a session."""

from __future__ import annotations

from collections.abc import Sequence

from aiohttp import web

from claude_gateway import sse
from claude_gateway.dialects.mcp import versions
from claude_gateway.dialects.mcp.headers import stands_alone
from claude_gateway.dialects.mcp.messages import (
    INVALID_PARAMS,
    Id,
    Message,
    RpcError,
    Unreadable,
    read_message,
    refusal,
)
from claude_gateway.errors import InvalidRequest, MethodNotAllowed
from claude_gateway.web.bodies import read_json_body
from claude_gateway.web.gateway import GATEWAY
from claude_gateway.web.mcp_server import shaking, stateless
from claude_gateway.web.mcp_server.accepting import check_accepts
from claude_gateway.web.mcp_server.listening import listen_in_session
from claude_gateway.web.mcp_server.scope import scope_of
from claude_gateway.web.operation import Operation
from claude_gateway.web.replies import bytes_reply

RPC, SESSION = "RpcAnswer", ("mcp_session_needed",)
MCP = (404, 405, 406)  # no such session or method, no such thing in a revision, nothing to be read


@Operation(
    takes="RpcMessage",
    gives=RPC,
    headers=("mcp_session",),
    streams=True,
    empty=202,
    fails=MCP,
    fails_as=RPC,
)
async def post(request: web.Request) -> web.StreamResponse:
    """Take one message."""
    check_accepts(request, "application/json", "text/event-stream")
    try:
        message = read_message(await read_json_body(request))
    except Unreadable as exc:
        return _refused(exc.id, exc.error)
    try:
        return await _answered(request, message)
    except RpcError as exc:
        return _refused(message.id, exc)
    except InvalidRequest as exc:
        return _refused(message.id, RpcError(INVALID_PARAMS, exc.message))


@Operation(headers=SESSION, streams=True, fails=MCP, fails_as=RPC)
async def get(request: web.Request) -> web.StreamResponse:
    """Listen to what a session is told without asking."""
    _check_era(request)
    check_accepts(request, "text/event-stream")
    try:
        session = shaking.session_of(request)
    except RpcError as exc:
        return _refused(None, exc)
    if request.method == "HEAD":
        return web.Response(headers=sse.HEADERS)
    return await listen_in_session(request, session, await scope_of(request))


@Operation(headers=SESSION, empty=204, fails=MCP, fails_as=RPC)
async def delete(request: web.Request) -> web.StreamResponse:
    """End a session, and whatever is going on in it."""
    _check_era(request)
    try:
        session = shaking.session_of(request)
    except RpcError as exc:
        return _refused(None, exc)
    request.app[GATEWAY].mcp_sessions.end(session)
    return web.Response(status=204)


async def _answered(request: web.Request, message: Message) -> web.StreamResponse:
    def headers(name: str) -> Sequence[str]:
        return request.headers.getall(name, ())

    if stands_alone(message, headers):
        return await stateless.answered(request, message, headers)
    return await shaking.answered(request, message)


def _check_era(request: web.Request) -> None:
    """Sessions, and streams of their own, are of one era only."""
    if any(
        v not in versions.HANDSHAKE for v in request.headers.getall(versions.VERSION_HEADER, ())
    ):
        raise MethodNotAllowed("In this revision of the protocol there is only POST.", "POST")


def _refused(id_: Id | None, error: RpcError) -> web.Response:
    return bytes_reply(refusal(id_, error), error.status)
