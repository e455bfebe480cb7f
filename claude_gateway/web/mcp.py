"""/v1/mcp: the tools that this gateway runs. Servers come from its operator, never over HTTP."""

from __future__ import annotations

from dataclasses import replace

from aiohttp import web

from claude_gateway.conversations.tool_calls import KeptCalls
from claude_gateway.dialects.fields import parse_object, wrong
from claude_gateway.dialects.resources import mcp
from claude_gateway.toolbox import Choice, Entry, Outcome, choices_of
from claude_gateway.types.resources import DEFAULT_PROJECT, Session
from claude_gateway.types.tools import ToolCall
from claude_gateway.web.bodies import read_json_body
from claude_gateway.web.gateway import GATEWAY, PRINCIPAL
from claude_gateway.web.keeping import owner_of, project_path, store_of
from claude_gateway.web.replies import json_reply


async def list_servers(request: web.Request) -> web.StreamResponse:
    """List the tool servers that the caller may use, also those that do not work."""
    displays = await request.app[GATEWAY].toolbox.displays(*_choices(request))
    return json_reply({"servers": [mcp.written_server(display) for display in displays]})


async def list_server_tools(request: web.Request) -> web.StreamResponse:
    """List the tools of one server, by their own names."""
    id_ = request.match_info["server_id"]
    display = await request.app[GATEWAY].toolbox.display(id_, *_choices(request))
    return json_reply({"server_id": id_, "tools": [mcp.written_tool(e) for e in display.entries]})


async def list_tools(request: web.Request) -> web.StreamResponse:
    """List the tools of all servers, with the names that models know them by."""
    entries = await request.app[GATEWAY].toolbox.entries(*_choices(request))
    tools = [
        {"server_id": e.server, "wire_name": e.wire_name, **mcp.written_tool(e)} for e in entries
    ]
    return json_reply({"tools": tools})


async def call_tool(request: web.Request) -> web.StreamResponse:
    """Call a tool, in a session if one is named. One that fails is an answer, too."""
    asked = mcp.read_call(parse_object(await read_json_body(request)))
    toolbox = request.app[GATEWAY].toolbox
    session = await _session(request, asked)
    choices = choices_of(request[PRINCIPAL], session)
    entry = await toolbox.named(asked.server, asked.tool, *choices)
    project_id = session.project_id if session else asked.project_id or DEFAULT_PROJECT
    call = ToolCall(
        asked.arguments,
        owner_of(request),
        asked.session_id,
        project_id,
        await project_path(request, project_id, named=asked.project_id is not None),
    )
    outcome = await _called(request, session, entry, call)
    return json_reply(mcp.written_outcome(entry, outcome))


def _choices(request: web.Request) -> tuple[Choice, ...]:
    return choices_of(request[PRINCIPAL])


async def _session(request: web.Request, asked: mcp.AskedCall) -> Session | None:
    if asked.session_id is None:
        return None
    session = await store_of(request).get_session(owner_of(request), asked.session_id)
    if asked.project_id not in (None, session.project_id):
        wrong("project_id", "is not the project of the session")
    return session


async def _called(
    request: web.Request, session: Session | None, entry: Entry, call: ToolCall
) -> Outcome:
    gateway = request.app[GATEWAY]
    id_ = gateway.ids.execution()
    call = replace(call, id=id_)
    if session is None:
        return await gateway.toolbox.call(entry.wire_name, call, *_choices(request))
    kept = KeptCalls(store_of(request), gateway.toolbox, session.owner, session.id)
    return await kept.call(id_, entry, call, *_choices(request))
