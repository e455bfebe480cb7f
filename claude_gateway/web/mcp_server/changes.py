"""Tell whoever listens that a list has changed.

Servers keep their lists ready, so looking is cheap, and works for those that cannot tell as well.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncGenerator
from contextlib import suppress
from dataclasses import dataclass, replace

from claude_gateway import sse
from claude_gateway.dialects.mcp import writing
from claude_gateway.dialects.mcp.asking import Wanted
from claude_gateway.web.gateway import Gateway
from claude_gateway.web.mcp_server.scope import Scope

TICK = 1.0  # seconds between two looks
KINDS = ("tools", "prompts", "resources")


@dataclass(frozen=True, slots=True)
class Seen:
    """What the lists were like: a digest for each, "" for one that nobody wants to know of."""

    tools: str = ""
    prompts: str = ""
    resources: str = ""

    @property
    def id(self) -> str:
        """All of it, as the id of an event."""
        return ".".join((self.tools, self.prompts, self.resources))

    @classmethod
    def of(cls, id_: str) -> Seen | None:
        """Return what a client has seen; None when that is no id of ours."""
        parts = id_.split(".")
        return cls(*parts) if len(parts) == len(KINDS) else None

    def changed(self, now: Seen) -> list[str]:
        """Name the lists that are not what they were."""
        return [kind for kind in KINDS if getattr(self, kind) != getattr(now, kind)]


async def look(scope: Scope, wanted: Wanted) -> Seen:
    """Look at the lists."""
    return Seen(
        await _tools(scope) if wanted.tools else "",
        await _prompts(scope) if wanted.prompts else "",
        await _resources(scope) if wanted.resources else "",
    )


async def changes(
    gateway: Gateway, scope: Scope, wanted: Wanted, ended: asyncio.Event, seen: Seen
) -> AsyncGenerator[tuple[str, Seen]]:
    """Yield the name of each list that is not as it was `seen`, until `ended` or the gateway stops."""
    while not ended.is_set() and not gateway.draining:
        now = await look(scope, wanted)
        for kind in seen.changed(now):
            yield kind, now
        seen = now
        with suppress(TimeoutError):
            async with asyncio.timeout(TICK):
                await ended.wait()


async def _tools(scope: Scope) -> str:
    entries = await scope.toolbox.entries(*scope.choices)
    return _digest([[entry.wire_name, entry.digest] for entry in entries])


async def _prompts(scope: Scope) -> str:
    found = await scope.toolbox.extras.prompts(scope.caller, *scope.choices)
    return _digest([writing.prompt(scope.names, *one) for one in found])


async def _resources(scope: Scope) -> str:
    extras, caller, choices = scope.toolbox.extras, scope.caller, scope.choices
    listed = [
        writing.resource(scope.names, server, replace(one, size=None))  # what is in it is no change
        for server, one in await extras.resources(caller, *choices)
    ]
    patterns = await extras.templates(caller, *choices)
    return _digest([listed, [writing.template(scope.names, *one) for one in patterns]])


def _digest(value: object) -> str:
    return hashlib.sha256(sse.compact(value)).hexdigest()[:16]
