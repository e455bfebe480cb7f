"""A server made with the official package, whose tool says what came along with its call."""

from __future__ import annotations

import json

from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError

server = MCPServer("Shows meta")


@server.tool()
def show(ctx: Context) -> str:
    """Return the `_meta` of this call."""
    return json.dumps(dict(ctx.request_context.meta or {}))


@server.tool()
def fail() -> str:
    """Fail."""
    raise ToolError("CANARY in a tool's words")


server.run("stdio")
