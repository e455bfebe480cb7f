"""What a request may see: which servers, and for which project. All of it is in the URL and headers."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from claude_gateway.dialects.fields import wrong
from claude_gateway.dialects.mcp.names import Names
from claude_gateway.dialects.session_fields import HEADERS, an_id
from claude_gateway.toolbox import Choice, Toolbox, choices_of
from claude_gateway.types.resources import DEFAULT_PROJECT
from claude_gateway.types.server_resources import Caller
from claude_gateway.web.gateway import GATEWAY, PRINCIPAL
from claude_gateway.web.keeping import project_path
from claude_gateway.web.tool_scope import chosen

MOST_SERVERS = 100  # named in a URL


@dataclass(frozen=True, slots=True)
class Scope:
    """On whose behalf, through which choices, and under which names."""

    toolbox: Toolbox
    choices: tuple[Choice, ...]
    names: Names
    caller: Caller


async def scope_of(request: web.Request) -> Scope:
    """Read it. Raises NotFound for a server or project that the caller does not have."""
    toolbox, principal = request.app[GATEWAY].toolbox, request[PRINCIPAL]
    only, named = request.match_info.get("server_id"), _servers(request)
    asked = chosen(request, request.query.get("profile") or None)
    asked += () if named is None else (Choice.of(named, None),)
    choices = choices_of(principal, None, *asked)
    for server in named or ():
        toolbox.check_reach(server, *choices)
    project = an_id({"project_id": _project(request)}, "project_id")
    path = await project_path(request, project or DEFAULT_PROJECT, named=project is not None)
    caller = Caller(principal.id, project or DEFAULT_PROJECT, path)
    return Scope(toolbox, choices, Names(only), caller)


def _servers(request: web.Request) -> list[str] | None:
    """Return the servers that the URL names; None when it names none."""
    if (only := request.match_info.get("server_id")) is not None:
        return [only]
    if (several := request.query.get("servers")) is None:
        return None
    named = several.split(",")
    if len(named) > MOST_SERVERS:
        wrong("servers", f"names more than {MOST_SERVERS} servers")
    return named


def _project(request: web.Request) -> str | None:
    return request.query.get("project_id") or request.headers.get(HEADERS["project_id"])
