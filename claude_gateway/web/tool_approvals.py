"""Tools that have changed since they were seen or approved: whoever manages them looks and agrees."""

from __future__ import annotations

from aiohttp import web

from claude_gateway.dialects.fields import parse_object, required
from claude_gateway.dialects.resources.mcp import written_change
from claude_gateway.web.bodies import read_json_body
from claude_gateway.web.gateway import GATEWAY
from claude_gateway.web.operation import KEPT, Operation
from claude_gateway.web.replies import json_reply


@Operation(gives="ToolChanges")
async def list_changes(request: web.Request) -> web.StreamResponse:
    """List the tools of a server that wait for approval."""
    toolbox, id_ = request.app[GATEWAY].toolbox, request.match_info["server_id"]
    changes = await toolbox.approvals.changes(id_)
    return json_reply({"server_id": id_, "changes": [written_change(one) for one in changes]})


@Operation(takes="Digest", gives="Approved", fails=KEPT)
async def approve(request: web.Request) -> web.StreamResponse:
    """Take a tool for what it says now, which is what the owner has looked at."""
    toolbox = request.app[GATEWAY].toolbox
    digest = required(parse_object(await read_json_body(request)), "digest", str)
    id_, tool = request.match_info["server_id"], request.match_info["tool"]
    entry = await toolbox.approvals.approve(id_, tool, digest)
    return json_reply(
        {"server_id": id_, "tool": entry.tool.name, "digest": entry.digest, "approved": True}
    )
