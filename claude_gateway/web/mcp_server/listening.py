"""Streams that only tell of changes: a session's, and `subscriptions/listen`."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

from aiohttp import web

from claude_gateway.dialects.mcp import versions
from claude_gateway.dialects.mcp.asking import Wanted
from claude_gateway.dialects.mcp.messages import Id, Message, answer, frame, notification
from claude_gateway.web.gateway import GATEWAY
from claude_gateway.web.mcp_server.changes import KINDS, Seen, changes, look
from claude_gateway.web.mcp_server.scope import Scope
from claude_gateway.web.mcp_server.sessions import McpSession
from claude_gateway.web.streams import EventStream

RETRY = b"retry: 1000\n"  # milliseconds until a client that lost its stream comes again


async def listen_in_session(
    request: web.Request, session: McpSession, scope: Scope
) -> web.StreamResponse:
    """Tell of changes until the session ends. Only the latest stream of a session is told.

    A client that comes back says in Last-Event-ID what it has seen, and is told what it missed.
    """
    if session.listener is not None:
        session.listener.set()
    ended = session.listener = asyncio.Event()
    gateway, stream = request.app[GATEWAY], EventStream(request, {})
    gateway.pulse.watch(stream)
    try:
        now = await look(scope, Wanted())
        await stream.send(_beginning(session, now))
        seen = Seen.of(request.headers.get("Last-Event-ID", "")) or now
        async with aclosing(changes(gateway, scope, Wanted(), ended, seen)) as changing:
            async for kind, state in changing:
                await stream.send(frame(_changed(kind), state.id))
    finally:
        gateway.pulse.forget(stream)
        if session.listener is ended:
            session.listener = None
    return await stream.end()


async def listen_alone(
    request: web.Request, message: Message, scope: Scope, wanted: Wanted
) -> web.StreamResponse:
    """Say what will be told, tell of it, and say when that is over."""
    sessions, owner = request.app[GATEWAY].mcp_sessions, scope.caller.principal
    with sessions.listening(owner):
        return await _listen(request, message, scope, wanted)


async def _listen(
    request: web.Request, message: Message, scope: Scope, wanted: Wanted
) -> web.StreamResponse:
    about = {versions.META_SUBSCRIPTION: message.id}
    granted = {f"{kind}ListChanged": True for kind in KINDS if getattr(wanted, kind)}
    gateway, stream = request.app[GATEWAY], EventStream(request, {})
    gateway.pulse.watch(stream)
    try:
        seen = await look(scope, wanted)
        granting = {"_meta": about, "notifications": granted}
        await stream.send(frame(notification("notifications/subscriptions/acknowledged", granting)))
        async with aclosing(changes(gateway, scope, wanted, asyncio.Event(), seen)) as changing:
            async for kind, _state in changing:
                await stream.send(frame(_changed(kind, {"_meta": about})))
        await stream.send(frame(_over(message.id, about)))
    finally:
        gateway.pulse.forget(stream)
    return await stream.end()


def _beginning(session: McpSession, now: Seen) -> bytes:
    """Return what comes first: older clients want no event without data."""
    if session.version not in versions.PRIMED:
        return b": listening\n\n"
    return b"id: %b\n%bdata: \n\n" % (now.id.encode(), RETRY)


def _changed(kind: str, params: dict[str, object] | None = None) -> bytes:
    return notification(f"notifications/{kind}/list_changed", params)


def _over(id_: Id | None, about: dict[str, Id | None]) -> bytes:
    return answer(id_ or "", {"resultType": "complete", "_meta": about})
