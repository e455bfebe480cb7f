"""Connects to servers once, to see whether they work."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from claude_gateway import ServerState
from claude_gateway_mcp.fleet import Fleet
from claude_gateway_mcp.keepers import Limits
from claude_gateway_mcp.specs import Spec
from claude_gateway_mcp.vault import Vault

GLANCE = 0.02  # seconds
LONGER = 20.0  # seconds beyond the start, in which a server is ended that did not make it


@dataclass(frozen=True, slots=True)
class Tried:
    """What became of one server."""

    spec: Spec
    state: ServerState
    tools: Sequence[str]
    words: str

    @property
    def fine(self) -> bool:
        """Whether it works, or is not wanted."""
        return self.state.status in ("available", "disabled")

    def told(self) -> str:
        """Tell a person."""
        heading = f"{self.spec.name}  {self.spec.transport}  {self.state.status}"
        if self.state.reason:
            return f"{heading}\n    {_readable(self.state.reason)}"
        tools = _readable(", ".join(self.tools)) or "none"
        return f"{heading}  {_readable(self.words)}\n    {len(self.tools)} tools: {tools}"


async def tried(servers: Sequence[Spec], patience: float, vault: Vault) -> list[Tried]:
    """Try servers side by side; each has `patience` seconds to start."""
    return list(await asyncio.gather(*(_tried(spec, patience, vault) for spec in servers)))


async def _tried(spec: Spec, patience: float, vault: Vault) -> Tried:
    async with Fleet(Limits(patience), vault).serving(spec) as server:
        async with asyncio.timeout(patience + LONGER):
            while server.state().status == "starting":  # noqa: ASYNC110  # a state has no bell
                await asyncio.sleep(GLANCE)
        names = [tool.name for tool in await server.tools()]
        return Tried(spec, server.state(), names, server.description)


def _readable(text: str) -> str:
    """Return text without what could play tricks on a terminal."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)
