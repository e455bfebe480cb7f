"""/v1/mcp: the tools that this gateway runs. Servers come from its operator, never over HTTP."""

from __future__ import annotations

from aiohttp import web

from claude_gateway.dialects.fields import parse_object
from claude_gateway.dialects.resources import mcp
from claude_gateway.errors import RateLimited
from claude_gateway.toolbox import Choice, choices_of
from claude_gateway.web.bodies import read_json_body
from claude_gateway.web.gateway import GATEWAY, PRINCIPAL
from claude_gateway.web.operation import KEPT, NOT_FOUND, Operation
from claude_gateway.web.replies import json_reply
from claude_gateway.web.tool_scope import chosen, scope_of

PAUSE = 1.0  # seconds; what is asked for of a caller with too many calls under way


@Operation(gives="ToolServers")
async def list_servers(request: web.Request) -> web.StreamResponse:
    """List the tool servers that the caller may use, also those that do not work."""
    displays = await request.app[GATEWAY].toolbox.displays(*_choices(request))
    return json_reply({"servers": [mcp.written_server(display) for display in displays]})


@Operation(gives="ServerTools")
async def list_server_tools(request: web.Request) -> web.StreamResponse:
    """List the tools of one server, by their own names."""
    id_ = request.match_info["server_id"]
    display = await request.app[GATEWAY].toolbox.display(id_, *_choices(request))
    return json_reply({"server_id": id_, "tools": [mcp.written_tool(e) for e in display.entries]})


@Operation(gives="Tools", query=("profile",))
async def list_tools(request: web.Request) -> web.StreamResponse:
    """List the tools of all servers, or of a profile, with the names that models know them by."""
    choices = (*_choices(request), *chosen(request, request.query.get("profile") or None))
    entries = await request.app[GATEWAY].toolbox.entries(*choices)
    tools = [
        {"server_id": e.server, "wire_name": e.wire_name, **mcp.written_tool(e)} for e in entries
    ]
    return json_reply({"tools": tools})


@Operation(gives="ToolProfiles")
async def list_profiles(request: web.Request) -> web.StreamResponse:
    """List the sets of tools that have a name."""
    toolbox = request.app[GATEWAY].toolbox
    entries = await toolbox.entries(*_choices(request))
    profiles = [
        mcp.written_profile(profile, [one for one in entries if profile.choice.allows(one)])
        for profile in toolbox.profiles.values()
    ]
    return json_reply({"profiles": profiles})


@Operation(takes="ToolCall", gives="ToolOutcome", fails=(NOT_FOUND, *KEPT))
async def call_tool(request: web.Request) -> web.StreamResponse:
    """Call a tool, in a session if one is named. One that fails is an answer, too."""
    fields = parse_object(await read_json_body(request))
    asked = mcp.read_call(fields)
    scope = await scope_of(request, mcp.read_where(fields))
    entry = await scope.named(asked.server, asked.tool)
    outcome = await scope.call(entry, asked.arguments)
    if outcome.busy:
        raise RateLimited(outcome.result.text, code="too_many_tool_calls", retry_after=PAUSE)
    return json_reply(mcp.written_outcome(entry, outcome))


def _choices(request: web.Request) -> tuple[Choice, ...]:
    return choices_of(request[PRINCIPAL])
