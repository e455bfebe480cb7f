"""/v1/sessions/{id}/tools."""

from __future__ import annotations

from aiohttp import web

from claude_gateway.dialects.fields import parse_object
from claude_gateway.dialects.resources import tools
from claude_gateway.dialects.resources.reading import page
from claude_gateway.dialects.resources.writing import listed
from claude_gateway.web.addresses import place_of, seen_session
from claude_gateway.web.bodies import read_json_body
from claude_gateway.web.keeping import store_of
from claude_gateway.web.operation import KEPT, Operation
from claude_gateway.web.replies import json_reply
from claude_gateway.web.sessions import changed


@Operation(gives="SessionTools", query=("limit", "offset", "tool_type", "execution_status"))
async def list_tools(request: web.Request) -> web.StreamResponse:
    """Say which tools were chosen, and list those that were called, the newest first."""
    store, (who, id_) = store_of(request), place_of(request, request.match_info["id"])
    window, only = page(request.query), tools.read_filter(request.query)
    session = await store.get_session(who, id_)
    listing = await store.list_tool_executions(who, id_, window, **only)
    executions = listed("executions", listing, window, tools.written)
    return json_reply({**tools.choices(seen_session(request, session)), **executions})


@Operation(takes="ToolChoices", gives="ChosenTools", fails=KEPT)
async def choose_tools(request: web.Request) -> web.StreamResponse:
    """Choose the tools of the turns to come."""
    choices = tools.read(parse_object(await read_json_body(request)))
    who, id_ = place_of(request, request.match_info["id"])
    session = await store_of(request).get_session(who, id_, "editor")
    session = await changed(request, session, choices)
    return json_reply(tools.choices(seen_session(request, session)))
