"""/v1/sessions/{id}/tools."""

from __future__ import annotations

from aiohttp import web

from claude_gateway.dialects.fields import parse_object
from claude_gateway.dialects.resources import tools
from claude_gateway.dialects.resources.reading import page
from claude_gateway.dialects.resources.writing import listed
from claude_gateway.web.bodies import read_json_body
from claude_gateway.web.keeping import owner_of, store_of
from claude_gateway.web.replies import json_reply
from claude_gateway.web.sessions import changed


async def list_tools(request: web.Request) -> web.StreamResponse:
    """Say which tools were chosen, and list those that were called, the newest first."""
    store, owner, id_ = store_of(request), owner_of(request), request.match_info["id"]
    window, only = page(request.query), tools.read_filter(request.query)
    session = await store.get_session(owner, id_)
    listing = await store.list_tool_executions(owner, id_, window, **only)
    executions = listed("executions", listing, window, tools.written)
    return json_reply({**tools.choices(session), **executions})


async def choose_tools(request: web.Request) -> web.StreamResponse:
    """Choose the tools of the turns to come."""
    choices = tools.read(parse_object(await read_json_body(request)))
    session = await store_of(request).get_session(owner_of(request), request.match_info["id"])
    return json_reply(tools.choices(await changed(request, session, choices)))
