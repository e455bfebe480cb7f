"""What servers have besides tools: resources, prompts, and suggestions for their arguments.

A server's lists are taken as they are at this moment; what cannot be shown is left out.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeAlias, TypeVar

from claude_gateway.errors import GatewayError, NotFound, UpstreamError, UpstreamTimeout
from claude_gateway.redaction import redacted
from claude_gateway.tool_servers import HasPrompts, HasResources, SuggestsValues, ToolServer
from claude_gateway.toolbox.choices import Choice
from claude_gateway.toolbox.decency import (
    decent_contents,
    decent_messages,
    decent_prompt,
    decent_resource,
    decent_suggestions,
    decent_template,
)
from claude_gateway.toolbox.shelves import PATIENCE, state_of
from claude_gateway.types.prompts import Prompt, PromptResult, Suggestions, Unfinished
from claude_gateway.types.server_resources import Caller, Resource, ResourceTemplate

log = logging.getLogger(__name__)

S = TypeVar("S")
T = TypeVar("T")
Lists: TypeAlias = list[tuple[str, T]]  # what is listed, each with the id of its server

MOST = 1000  # of one kind, of one server
MOST_SUGGESTIONS = 100


class Extras:
    """Asks servers for what is no tool. Which servers may be asked is said every time."""

    def __init__(self, servers: Mapping[str, ToolServer], timeout: float = 60.0) -> None:
        """`timeout` bounds reading one thing, in seconds; lists have less."""
        self._servers = servers
        self._resources = {i: s for i, s in servers.items() if isinstance(s, HasResources)}
        self._prompts = {i: s for i, s in servers.items() if isinstance(s, HasPrompts)}
        self._suggest = {i: s for i, s in servers.items() if isinstance(s, SuggestsValues)}
        self._timeout = timeout

    def has_resources(self, *choices: Choice) -> bool:
        """Whether a server that may be asked could have resources."""
        return any(self._may(id_, choices) for id_ in self._resources)

    def has_prompts(self, *choices: Choice) -> bool:
        """Whether a server that may be asked could have prompts."""
        return any(self._may(id_, choices) for id_ in self._prompts)

    def suggests(self, *choices: Choice) -> bool:
        """Whether a server that may be asked helps with arguments."""
        return any(self._may(id_, choices) for id_ in self._suggest)

    async def resources(self, caller: Caller, *choices: Choice) -> Lists[Resource]:
        """Return what can be read, in order of servers."""
        return await self._all(
            self._resources, choices, lambda server: server.resources(caller), decent_resource
        )

    async def templates(self, caller: Caller, *choices: Choice) -> Lists[ResourceTemplate]:
        """Return the patterns of what else can be read."""
        return await self._all(
            self._resources,
            choices,
            lambda server: server.resource_templates(caller),
            decent_template,
        )

    async def read(
        self, server_id: str, uri: str, caller: Caller, *choices: Choice
    ) -> Sequence[Mapping[str, object]]:
        """Read a resource by its server's own URI. Raises a GatewayError."""
        server = self._one(self._resources, server_id, choices)
        contents = await self._answered(server_id, server.read_resource(uri, caller))
        return _decent(contents, decent_contents(contents))

    async def prompts(self, caller: Caller, *choices: Choice) -> Lists[Prompt]:
        """Return the prompts, in order of servers."""
        return await self._all(
            self._prompts, choices, lambda server: server.prompts(caller), decent_prompt
        )

    async def prompt(
        self,
        server_id: str,
        name: str,
        arguments: Mapping[str, str],
        caller: Caller,
        *choices: Choice,
    ) -> PromptResult:
        """Return a prompt, filled in. Raises a GatewayError."""
        server = self._one(self._prompts, server_id, choices)
        result = await self._answered(server_id, server.get_prompt(name, arguments, caller))
        return _decent(result, decent_messages(result))

    async def suggest(
        self, server_id: str, unfinished: Unfinished, caller: Caller, *choices: Choice
    ) -> Suggestions:
        """Return what an argument may become: nothing, where the server does not help with that."""
        if server_id in self._servers and server_id not in self._suggest:
            return Suggestions()
        server = self._one(self._suggest, server_id, choices)
        found = await self._answered(server_id, server.suggest(unfinished, caller))
        _decent(found, decent_suggestions(found))
        cut = len(found.values) > MOST_SUGGESTIONS
        return Suggestions(found.values[:MOST_SUGGESTIONS], found.total, found.more or cut)

    def _one(self, servers: Mapping[str, S], server_id: str, choices: Sequence[Choice]) -> S:
        server = servers.get(server_id)
        if server is None or not self._may(server_id, choices):
            raise NotFound(f"No server {server_id[:100]!r} has this, or it may not be used here.")
        return server

    def _may(self, server_id: str, choices: Sequence[Choice]) -> bool:
        if state_of(self._servers[server_id]).status == "disabled":
            return False
        return all(choice.allows_server(server_id) for choice in choices)

    async def _all(
        self,
        servers: Mapping[str, S],
        choices: Sequence[Choice],
        ask: Callable[[S], Awaitable[Sequence[T]]],
        mistake: Callable[[object], str | None],
    ) -> Lists[T]:
        ids = [id_ for id_ in servers if self._may(id_, choices)]
        lists = await asyncio.gather(*(_listed(id_, ask(servers[id_])) for id_ in ids))
        found: Lists[T] = []
        for id_, listed in zip(ids, lists, strict=True):
            for thing in listed[:MOST]:
                if (why := mistake(thing)) is None:
                    found.append((id_, thing))
                else:
                    log.debug("something is not listed", extra={"server": id_, "why": why})
        return found

    async def _answered(self, server_id: str, asking: Awaitable[T]) -> T:
        """Wait for a stranger's answer; whatever goes wrong is a GatewayError."""
        patience = asyncio.timeout(self._timeout)
        try:
            async with patience:
                return await asking
        except GatewayError as exc:
            raise _masked(exc) from None
        except (Exception, SystemExit) as exc:  # noqa: BLE001  # a stranger's code; see below
            if patience.expired():
                raise UpstreamTimeout(
                    f"{server_id} took longer than {self._timeout:g} s."
                ) from None
            # None of its own words, which may hold anything, and no traceback, which may quote them.
            why = type(exc).__name__
            log.error("a tool server failed", extra={"server": server_id, "error": why})  # noqa: TRY400
            raise UpstreamError(f"{server_id} failed ({why}).") from None


def _masked(exc: GatewayError) -> GatewayError:
    error = exc.again()
    error.message = redacted(exc.message)
    return error


async def _listed(server_id: str, asking: Awaitable[Sequence[T]]) -> Sequence[T]:
    """Return a server's list; one that does not answer has none for now."""
    try:
        async with asyncio.timeout(PATIENCE):
            return tuple(await asking)
    except Exception as exc:  # noqa: BLE001  # a stranger's code; its words may hold anything
        why = type(exc).__name__
        log.warning("a tool server did not list", extra={"server": server_id, "error": why})
        return ()


def _decent(value: T, mistake: str | None) -> T:
    if mistake is not None:
        raise UpstreamError(f"The server gave an answer that {mistake}.")
    return value
