"""A plugin with a tool server for tests: tools that wait for each other, or for a file."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from claude_gateway import (
    WORKSPACE_DIR,
    NotFound,
    Offer,
    Progress,
    ServerState,
    Settings,
    Tool,
    ToolCall,
    ToolResult,
    ToolServer,
    hookimpl,
)

NAMED = {"type": "object", "properties": {"name": {"type": "string"}}}


class Gate:
    """`meet` returns when two are there, `wait` when the file `name` is; it says so in `name.here`.

    `careful` and `guarded` leave lines in `name.lines`, and want to be approved before.
    """

    title, description, transport = "Gate", "Waits.", "builtin"

    def __init__(self, workspace: Path) -> None:
        self._workspace = workspace
        self._barrier = asyncio.Barrier(2)

    def state(self) -> ServerState:
        return ServerState("available")

    async def tools(self) -> Sequence[Tool]:
        names = ("meet", "wait", "echo", "fail", "long", "report")
        free = [Tool(name, f"Does {name}.", NAMED) for name in names]
        careful = Tool("careful", "Leaves a line.", NAMED, approval="ask")
        return [*free, careful, Tool("guarded", "Leaves a line.", NAMED, approval="always")]

    async def call(self, name: str, call: ToolCall) -> ToolResult:
        said = str(call.arguments.get("name"))
        if name == "meet":
            await self._barrier.wait()
            return ToolResult.of(f"{said} met")
        if name in ("careful", "guarded"):
            with (self._workspace / f"{said}.lines").open("a") as file:
                file.write(f"{name}\n")
            return ToolResult.of(f"{said} left")
        if name == "wait":
            return await self._waited(said, call)
        if name == "fail":
            return ToolResult.failed("It cannot be done.")
        if name == "long":
            return ToolResult.of("x" * 300_000)
        if name not in ("echo", "report"):
            raise NotFound(name)
        call.progress(Progress(1, 2, "half"))
        return ToolResult.of(f"{said} in {call.project_path or '.'} for {call.principal}")

    async def _waited(self, name: str, call: ToolCall) -> ToolResult:
        here, gone = self._workspace / f"{name}.here", self._workspace / f"{name}.gone"
        here.touch()
        try:
            while not (self._workspace / name).exists():
                await asyncio.sleep(0.01)
        except asyncio.CancelledError:
            gone.touch()
            raise
        return ToolResult.of(f"{name} came")


class Plugin:
    """Offers the gate."""

    @hookimpl
    def register_tool_servers(self, settings: Settings) -> Sequence[Offer[ToolServer]]:
        @asynccontextmanager
        async def opened() -> AsyncGenerator[ToolServer]:
            yield Gate(settings[WORKSPACE_DIR])

        return [Offer("gate", opened)]


plugin = Plugin()
