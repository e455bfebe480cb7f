"""Where calls are made that no model asks for: whose they are, in which session and project."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from aiohttp import web

from claude_gateway.conversations.tool_calls import KeptCalls
from claude_gateway.dialects.fields import wrong
from claude_gateway.dialects.resources.mcp import AskedWhere
from claude_gateway.toolbox import Choice, Entry, Outcome, choices_of
from claude_gateway.types.resources import DEFAULT_PROJECT, Session
from claude_gateway.types.tools import ToolCall
from claude_gateway.web.addresses import place_of, seen_session
from claude_gateway.web.gateway import GATEWAY, PRINCIPAL
from claude_gateway.web.keeping import owner_of, project_in, project_path, store_of


@dataclass(frozen=True, slots=True)
class Scope:
    """Finds and calls tools that all `choices` allow; `on_behalf` is a call without arguments."""

    request: web.Request
    session: Session | None
    on_behalf: ToolCall
    choices: tuple[Choice, ...]

    async def named(self, server: str, tool: str) -> Entry:
        """Return a tool. Raises NotFound, also when it may not be used here."""
        toolbox = self.request.app[GATEWAY].toolbox
        return await toolbox.named(server, tool, *self.choices)

    async def call(self, entry: Entry, arguments: Mapping[str, object]) -> Outcome:
        """Call a tool; what is called in a session is kept there."""
        gateway = self.request.app[GATEWAY]
        id_ = gateway.ids.execution()
        call = replace(self.on_behalf, arguments=arguments, id=id_)
        if self.session is None:
            return await gateway.toolbox.call(entry.wire_name, call, *self.choices)
        store, owner = store_of(self.request), self.session.owner
        kept = KeptCalls(store, gateway.toolbox, owner, self.session.id)
        return await kept.call(id_, entry, call, *self.choices)


async def scope_of(request: web.Request, where: AskedWhere) -> Scope:
    """Look up session, project and profile. Raises NotFound, and InvalidRequest."""
    session = await _session(request, where)
    if session is not None:
        project = await project_in(store_of(request), session.owner, session.project_id)
        project_id, path = seen_session(request, session).project_id, project.path
    else:
        project_id = where.project_id or DEFAULT_PROJECT
        path = await project_path(request, project_id, named=where.project_id is not None)
    call = ToolCall({}, owner_of(request), where.session_id, project_id, path)
    asked = chosen(request, where.profile)
    return Scope(request, session, call, choices_of(request[PRINCIPAL], session, *asked))


def chosen(request: web.Request, profile: str | None, path: str = "profile") -> tuple[Choice, ...]:
    """Return what a profile lets be used, and nothing where none is named. Raises InvalidRequest."""
    if profile is None:
        return ()
    known = request.app[GATEWAY].toolbox.profiles
    if profile not in known:
        names = ", ".join(known) or "none"
        wrong(path, f"must be one of those that there are ({names}), not {profile[:50]!r}")
    return (known[profile].choice,)


async def _session(request: web.Request, where: AskedWhere) -> Session | None:
    if where.session_id is None:
        return None
    who, id_ = place_of(request, where.session_id)
    session = await store_of(request).get_session(who, id_, "editor")
    if where.project_id not in (None, seen_session(request, session).project_id):
        wrong("project_id", "is not the project of the session")
    return session
