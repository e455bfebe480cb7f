"""What each method of the protocol does. Both eras share them, but for how they begin and end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from claude_gateway.dialects.mcp import asking, writing
from claude_gateway.dialects.mcp.messages import (
    INVALID_PARAMS,
    NO_SUCH_RESOURCE,
    Message,
    RpcError,
    no_method,
)
from claude_gateway.dialects.mcp.names import Names
from claude_gateway.dialects.mcp.pages import Written, page
from claude_gateway.errors import NotFound
from claude_gateway.toolbox import Choice, Entry
from claude_gateway.types.prompts import Unfinished
from claude_gateway.types.tools import Progress, ToolCall
from claude_gateway.web.mcp_server.scope import Scope


@dataclass(frozen=True, slots=True)
class Asked:
    """A request, what it may see, and whom to tell how far it has come.

    `stateless` is the era. `id` is the call's, if it calls a tool. `check` may look at the tool that
    is about to be called, and raise.
    """

    message: Message
    scope: Scope
    stateless: bool
    id: str
    progress: Callable[[Progress], None]
    check: Callable[[Entry], None]

    @property
    def params(self) -> Mapping[str, object]:
        """The request's parameters."""
        return self.message.params


Method: TypeAlias = Callable[[Asked], Awaitable[Written]]


async def ping(_asked: Asked) -> Written:
    return {}


async def list_tools(asked: Asked) -> Written:
    scope = asked.scope
    entries = await scope.toolbox.entries(*scope.choices)
    tools = [writing.tool(scope.names, entry) for entry in entries]
    return page(tools, "name", asked.params, "tools")


async def call_tool(asked: Asked) -> Written:
    wanted, scope = asking.read_call(asked.params), asked.scope
    entry = await _entry(scope, wanted.name)
    asked.check(entry)
    caller = scope.caller
    call = ToolCall(
        wanted.arguments,
        caller.principal,
        project_id=caller.project_id,
        project_path=caller.project_path,
        id=asked.id,
        progress=asked.progress,
        carried=asking.carried(asked.params),
    )
    outcome = await scope.toolbox.call(entry.wire_name, call, *scope.choices)
    return writing.result(_linking(scope, entry.server), entry.server, outcome.result)


async def list_resources(asked: Asked) -> Written:
    scope = asked.scope
    found = await scope.toolbox.extras.resources(scope.caller, *scope.choices)
    written = [writing.resource(scope.names, server, one) for server, one in found]
    return page(written, "uri", asked.params, "resources")


async def list_templates(asked: Asked) -> Written:
    scope = asked.scope
    found = await scope.toolbox.extras.templates(scope.caller, *scope.choices)
    written = [writing.template(scope.names, server, one) for server, one in found]
    return page(written, "uriTemplate", asked.params, "resourceTemplates")


async def read_resource(asked: Asked) -> Written:
    scope, uri = asked.scope, asking.read_uri(asked.params)
    try:
        server, own = scope.names.place(uri)
        contents = await scope.toolbox.extras.read(server, own, scope.caller, *scope.choices)
    except NotFound as exc:
        code = INVALID_PARAMS if asked.stateless else NO_SUCH_RESOURCE
        raise RpcError(code, exc.message, {"uri": uri}) from None
    return {"contents": [scope.names.contents(server, one) for one in contents]}


async def list_prompts(asked: Asked) -> Written:
    scope = asked.scope
    found = await scope.toolbox.extras.prompts(scope.caller, *scope.choices)
    written = [writing.prompt(scope.names, server, one) for server, one in found]
    return page(written, "name", asked.params, "prompts")


async def get_prompt(asked: Asked) -> Written:
    wanted, scope = asking.read_prompt(asked.params), asked.scope
    server, name = await _prompt(scope, wanted.name)
    extras, caller = scope.toolbox.extras, scope.caller
    given = await extras.prompt(server, name, wanted.arguments, caller, *scope.choices)
    return writing.filled_in(_linking(scope, server), server, given)


async def complete(asked: Asked) -> Written:
    wanted, scope = asking.read_completion(asked.params), asked.scope
    if wanted.prompt:
        server, own = await _prompt(scope, wanted.prompt)
    else:
        server, own = scope.names.place(wanted.uri_template)
    unfinished = Unfinished(
        wanted.argument,
        wanted.value,
        prompt=own if wanted.prompt else "",
        uri_template="" if wanted.prompt else own,
        others=wanted.others,
    )
    extras = scope.toolbox.extras
    return writing.completion(
        await extras.suggest(server, unfinished, scope.caller, *scope.choices)
    )


TOOLS: Mapping[str, Method] = {"tools/list": list_tools, "tools/call": call_tool}
RESOURCES: Mapping[str, Method] = {
    "resources/list": list_resources,
    "resources/templates/list": list_templates,
    "resources/read": read_resource,
}
PROMPTS: Mapping[str, Method] = {"prompts/list": list_prompts, "prompts/get": get_prompt}
COMPLETIONS: Mapping[str, Method] = {"completion/complete": complete}


def method_of(asked: Asked) -> Method:
    """Return what a request asks for. What was not declared is not there, either."""
    name, scope = asked.message.method, asked.scope
    extras = scope.toolbox.extras
    there = dict(TOOLS) if asked.stateless else {"ping": ping, **TOOLS}
    if extras.has_resources(*scope.choices):
        there |= RESOURCES
    if extras.has_prompts(*scope.choices):
        there |= PROMPTS
    if extras.suggests(*scope.choices):
        there |= COMPLETIONS
    if name not in there:
        raise no_method(name)
    return there[name]


def capabilities(scope: Scope) -> Written:
    """Say what there is."""
    extras, changing = scope.toolbox.extras, {"listChanged": True}
    return {
        "tools": changing,
        **({"resources": changing} if extras.has_resources(*scope.choices) else {}),
        **({"prompts": changing} if extras.has_prompts(*scope.choices) else {}),
        **({"completions": {}} if extras.suggests(*scope.choices) else {}),
    }


def _linking(scope: Scope, server: str) -> Names:
    """Return how links in contents are written: as they are, where nothing could be read by them."""
    readable = scope.toolbox.extras.has_resources(*scope.choices, Choice.of([server], None))
    return scope.names if readable else Names(server)


async def _entry(scope: Scope, name: str) -> Entry:
    if scope.names.only is None:
        return await scope.toolbox.find(name, *scope.choices)
    return await scope.toolbox.named(scope.names.only, name, *scope.choices)


async def _prompt(scope: Scope, name: str) -> tuple[str, str]:
    """Return the server of a prompt, and its own name for it."""
    if scope.names.only is not None:
        return scope.names.only, name
    for server, one in await scope.toolbox.extras.prompts(scope.caller, *scope.choices):
        if scope.names.prompt(server, one.name) == name:
            return server, one.name
    raise NotFound(f"There is no prompt called {name[:100]!r}, or it may not be used here.")
