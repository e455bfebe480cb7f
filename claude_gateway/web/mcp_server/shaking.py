"""The era of handshakes: a session begins with `initialize`, and every other message is in one."""

from __future__ import annotations

import time

from aiohttp import web

from claude_gateway.dialects.fields import required
from claude_gateway.dialects.mcp import versions
from claude_gateway.dialects.mcp.messages import (
    INVALID_REQUEST,
    NO_SUCH_SESSION,
    Id,
    Message,
    RpcError,
    answer,
)
from claude_gateway.dialects.mcp.pages import Written
from claude_gateway.toolbox import Entry
from claude_gateway.web.gateway import GATEWAY
from claude_gateway.web.keeping import owner_of
from claude_gateway.web.mcp_server.answering import ProgressLine, Reply
from claude_gateway.web.mcp_server.methods import Asked, capabilities, method_of
from claude_gateway.web.mcp_server.scope import scope_of
from claude_gateway.web.mcp_server.sessions import McpSession
from claude_gateway.web.mcp_server.working import SERVER, Made, instructions, made
from claude_gateway.web.replies import bytes_reply
from claude_gateway.web.siblings import at_home


async def answered(request: web.Request, message: Message) -> web.StreamResponse:
    """Answer one message. Raises RpcError where that is not even begun."""
    if message.method == "initialize":
        return await _begin(request, message)
    session = session_of(request)
    if message.id is None or not message.method:
        if message.method == "notifications/cancelled":
            session.cancel(message.params.get("requestId"))
        return web.Response(status=202)
    return await _answer(request, session, message, message.id)


def session_of(request: web.Request) -> McpSession:
    """Return the session that a request names. Raises RpcError; somebody else's is not found."""
    named = request.headers.getall(versions.SESSION_HEADER, ())
    if len(named) != 1:
        raise RpcError(
            INVALID_REQUEST,
            f"Begin with initialize, and send the {versions.SESSION_HEADER} that it gives, once.",
        )
    at_home(request, named[0])
    session = request.app[GATEWAY].mcp_sessions.find(owner_of(request), named[0])
    if session is None:
        raise RpcError(NO_SUCH_SESSION, "There is no such session any more. Begin with initialize.")
    return session


async def _begin(request: web.Request, message: Message) -> web.StreamResponse:
    if message.id is None:
        raise RpcError(INVALID_REQUEST, "initialize must have an id.")
    scope = await scope_of(request)
    version = versions.agreed(required(message.params, "protocolVersion", str))
    session = request.app[GATEWAY].mcp_sessions.begin(owner_of(request), version)
    result = {
        "protocolVersion": version,
        "capabilities": capabilities(scope),
        "serverInfo": SERVER,
        "instructions": instructions(scope),
    }
    return bytes_reply(answer(message.id, result), headers={versions.SESSION_HEADER: session.id})


async def _answer(
    request: web.Request, session: McpSession, message: Message, id_: Id
) -> web.StreamResponse:
    scope = await scope_of(request)
    line = ProgressLine(message.progress_token)
    execution = request.app[GATEWAY].ids.execution()
    asked = Asked(message, scope, stateless=False, id=execution, progress=line.take, check=_fine)

    async def work() -> Written:
        return await method_of(asked)(asked)

    async def working() -> Made:
        return (await made(request, id_, work))._replace(status=200)

    if id_ in session.calls:  # looked at last: nothing is waited for until it is there
        raise RpcError(INVALID_REQUEST, "A request with this id is still being worked at.")
    reply = Reply(request, working(), line)
    session.calls[id_] = reply.task
    try:
        return await reply.sent()
    finally:
        del session.calls[id_]
        session.used = time.monotonic()


def _fine(_entry: Entry) -> None:
    """Nothing more is asked of a call."""
