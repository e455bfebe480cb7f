"""A whole plugin: a tool server whose one tool rolls dice."""

import secrets
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager

from claude_gateway import (
    NotFound,
    Offer,
    ServerState,
    Settings,
    Tool,
    ToolCall,
    ToolResult,
    ToolServer,
    hookimpl,
)

ROLL = Tool(
    "roll",
    "Roll a die with this many sides.",
    {
        "type": "object",
        "properties": {"sides": {"type": "integer", "minimum": 2, "maximum": 1000}},
        "required": ["sides"],
    },
    annotations={"readOnlyHint": True},
)


class Dice:
    """Rolls."""

    title = "Dice"
    description = "Rolls dice."
    transport = "builtin"

    def state(self) -> ServerState:
        """Say how it is doing: always fine."""
        return ServerState("available")

    async def tools(self) -> Sequence[Tool]:
        """Return the tools as they are now."""
        return (ROLL,)

    async def call(self, name: str, call: ToolCall) -> ToolResult:
        """Run a tool; what it cannot do is a failed result, which a model can read."""
        if name != ROLL.name:
            raise NotFound(f"There is no tool called {name!r}.")
        sides = call.arguments.get("sides")
        if not isinstance(sides, int):
            return ToolResult.failed("sides must be a whole number.")
        rolled = 1 + secrets.randbelow(sides)
        return ToolResult.of(f"You rolled {rolled}.", {"rolled": rolled})


class Plugin:
    """What the gateway asks, once, at the start."""

    @hookimpl
    def register_tool_servers(self, settings: Settings) -> Sequence[Offer[ToolServer]]:
        @asynccontextmanager
        async def opened() -> AsyncGenerator[ToolServer]:
            # Connect here; what is after the yield runs when the gateway stops.
            yield Dice()

        return [Offer("dice", opened)]


plugin = Plugin()
