"""POST /v1/mcp/tools/fanout: several tools at once, or one tool of several servers."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial

from aiohttp import web

from claude_gateway.dialects.fields import parse_object
from claude_gateway.dialects.resources import mcp
from claude_gateway.errors import GatewayError
from claude_gateway.toolbox import Entry, Outcome
from claude_gateway.toolbox.fanout import merged, side_by_side
from claude_gateway.web.bodies import read_json_body
from claude_gateway.web.gateway import GATEWAY
from claude_gateway.web.operation import KEPT, NOT_FOUND, Operation
from claude_gateway.web.replies import json_reply
from claude_gateway.web.tool_scope import Scope, scope_of


@Operation(takes="ToolFanout", gives="ToolOutcomes", fails=(NOT_FOUND, *KEPT))
async def fan_out(request: web.Request) -> web.StreamResponse:
    """Make all calls, so many at a time, and give what each gave, in their order."""
    asked = mcp.read_fanout(parse_object(await read_json_body(request)))
    scope, began = await scope_of(request, asked.where), time.monotonic()
    calls = asked.calls or await _everywhere(scope, asked)
    jobs = [partial(_made, scope, call) for call in calls]
    made = await side_by_side(jobs, asked.at_once)
    results = [
        mcp.written_refusal(call, end) if isinstance(end, GatewayError) else _written(end)
        for call, end in zip(calls, made, strict=True)
    ]
    outcomes = [end[1] for end in made if not isinstance(end, GatewayError)]
    failed = len(calls) - sum(not outcome.result.is_error for outcome in outcomes)
    reply: dict[str, object] = {"results": results, "failed": failed}
    if asked.merge:
        reply["content"] = merged(outcomes).content
    reply["duration_ms"] = round((time.monotonic() - began) * 1000)
    return json_reply(reply)


async def _everywhere(scope: Scope, asked: mcp.AskedFanout) -> Sequence[mcp.AskedCall]:
    """Return the call of one tool, for each server that is named, or else that has it."""
    servers = asked.servers
    if servers is None:
        entries = await scope.request.app[GATEWAY].toolbox.entries(*scope.choices)
        servers = tuple(entry.server for entry in entries if entry.tool.name == asked.tool)
    return [mcp.AskedCall(server, asked.tool, asked.arguments) for server in servers]


async def _made(scope: Scope, call: mcp.AskedCall) -> tuple[Entry, Outcome] | GatewayError:
    """Make one call, or say why it was not made: to the others that is nothing."""
    try:
        entry = await scope.named(call.server, call.tool)
        return entry, await scope.call(entry, call.arguments)
    except GatewayError as exc:
        return exc.with_traceback(None)


def _written(made: tuple[Entry, Outcome]) -> dict[str, object]:
    return mcp.written_outcome(*made)
