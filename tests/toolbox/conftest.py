"""A tool server by script."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

import pytest

from claude_gateway import NotFound, ServerState, Tool, ToolCall, ToolResult
from claude_gateway.toolbox import Limits, Toolbox

SCHEMA: Mapping[str, object] = {"type": "object"}


def tool(name: str = "look", schema: object = SCHEMA, **more: object) -> Tool:
    return Tool(name, "Looks.", schema, **more)  # type: ignore[arg-type]


@dataclass
class Scripted:
    """Lists `listed`, and does what `does` says when it is called."""

    listed: Sequence[object] = (tool(),)
    does: Callable[[ToolCall], Awaitable[object]] | None = None
    now: ServerState = field(default_factory=ServerState)
    failing: BaseException | None = None
    title: str = "Scripted"
    description: str = "For tests."
    transport: str = "builtin"
    calls: list[tuple[str, ToolCall]] = field(default_factory=list)

    def state(self) -> ServerState:
        return self.now

    async def tools(self) -> Sequence[Tool]:
        if self.failing is not None:
            raise self.failing
        return self.listed  # type: ignore[return-value]

    async def call(self, name: str, call: ToolCall) -> ToolResult:
        self.calls.append((name, call))
        if name not in [getattr(tool, "name", None) for tool in self.listed]:
            raise NotFound(name)
        if self.does is None:
            return ToolResult.of("seen")
        return await self.does(call)  # type: ignore[return-value]


def box(limits: Limits | None = None, **servers: Scripted) -> Toolbox:
    return Toolbox(servers, limits)


@pytest.fixture
def call() -> ToolCall:
    return ToolCall({}, "ada", session_id="s", run_id="r", id="toolu_1")
