"""`claude-gateway mcp`: tool servers and their tools, without the gateway or beside it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from claude_gateway.cli.mcp_approve import approve
from claude_gateway.cli.mcp_audit import show_audit
from claude_gateway.cli.mcp_call import call_tool
from claude_gateway.cli.stored import json_option, show_json, shown
from claude_gateway.cli.tools import Tools, wait_option, with_tools


@click.group()
def mcp() -> None:
    """Look at tool servers, and call their tools. They are started for it, in this process."""


@mcp.command("list")
@wait_option
@json_option
def list_servers(*, wait: float, as_json: bool) -> None:
    """List the servers: how they are doing, their tools, and those that are kept apart, and why."""
    servers = with_tools(_described, wait)
    if as_json:
        show_json(servers)
        return
    click.echo("\n\n".join(map(_told, servers)) or "There are no tool servers.")


for _command in (call_tool, approve, show_audit):
    mcp.add_command(_command)


async def _described(tools: Tools) -> list[dict[str, object]]:
    from claude_gateway.dialects.resources.mcp import (  # noqa: PLC0415  # as in cli.tools
        written_server,
        written_tool,
    )

    return [
        {
            **written_server(display),
            "tools": [written_tool(entry) for entry in display.entries],
        }
        for display in await tools.toolbox.displays()
    ]


def _told(server: Mapping[str, Any]) -> str:
    """Tell a person of one server: a line of its own, and one for each tool."""
    words = (server["id"], server["transport"], server["status"], server["reason"])
    lines = ["  ".join(shown(word) for word in words if word)]
    for tool in server["tools"]:
        what = tool["description"].strip().partition("\n")[0]
        lines.append(f"    {shown(tool['name'])}  {shown(what)}".rstrip())
    apart = server["quarantined"]
    lines += [f"    {shown(tool['name'])}  KEPT APART: {shown(tool['reason'])}" for tool in apart]
    return "\n".join(lines)
