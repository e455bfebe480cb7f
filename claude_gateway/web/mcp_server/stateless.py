"""The stateless era: every request stands alone, and says who is speaking and in which revision."""

from __future__ import annotations

from functools import partial

from aiohttp import web

from claude_gateway.dialects.mcp import versions
from claude_gateway.dialects.mcp.asking import read_call, read_wanted
from claude_gateway.dialects.mcp.headers import Headers, check_envelope, check_params
from claude_gateway.dialects.mcp.messages import INVALID_REQUEST, Message, RpcError
from claude_gateway.dialects.mcp.pages import Written
from claude_gateway.toolbox import Entry
from claude_gateway.web.gateway import GATEWAY
from claude_gateway.web.mcp_server.answering import ProgressLine, Reply
from claude_gateway.web.mcp_server.listening import listen_alone
from claude_gateway.web.mcp_server.methods import Asked, capabilities, method_of
from claude_gateway.web.mcp_server.scope import scope_of
from claude_gateway.web.mcp_server.working import SERVER, instructions, made

DISCOVER, LISTEN = "server/discover", "subscriptions/listen"
KEEPABLE = frozenset(
    {
        DISCOVER,
        "tools/list",
        "prompts/list",
        "resources/list",
        "resources/templates/list",
        "resources/read",
    }
)
FRESH: Written = {"ttlMs": 0, "cacheScope": "private"}  # lists depend on the key and may change


async def answered(request: web.Request, message: Message, headers: Headers) -> web.StreamResponse:
    """Answer one message. Raises RpcError where that is not even begun."""
    if not message.method:
        raise RpcError(INVALID_REQUEST, "Nothing was asked that could be answered.")
    if message.id is None:  # nothing in this era is told that way; whoever leaves, cancels
        return web.Response(status=202)
    check_envelope(message, headers)
    scope = await scope_of(request)
    if message.method == LISTEN:
        return await listen_alone(request, message, scope, read_wanted(message.params))
    line = ProgressLine(message.progress_token)
    asked = Asked(
        message,
        scope,
        stateless=True,
        id=request.app[GATEWAY].ids.execution(),
        progress=line.take,
        check=partial(_check, message, headers),
    )
    return await Reply(request, made(request, message.id, partial(_work, asked)), line).sent()


async def _work(asked: Asked) -> Written:
    name = asked.message.method
    result = _about(asked) if name == DISCOVER else await method_of(asked)(asked)
    kept = FRESH if name in KEEPABLE else {}
    return {"resultType": "complete", **result, **kept, "_meta": {versions.META_SERVER: SERVER}}


def _about(asked: Asked) -> Written:
    return {
        "supportedVersions": [*versions.STATELESS],
        "capabilities": capabilities(asked.scope),
        "instructions": instructions(asked.scope),
    }


def _check(message: Message, headers: Headers, entry: Entry) -> None:
    check_params(entry.tool.input_schema, read_call(message.params).arguments, headers)
