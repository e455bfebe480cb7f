"""A plugin with a tool server for tests: its tool writes lines into the log, and waits for a file."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import structlog

from claude_gateway import (
    WORKSPACE_DIR,
    Offer,
    ServerState,
    Settings,
    Tool,
    ToolCall,
    ToolResult,
    ToolServer,
    hookimpl,
)

log = logging.getLogger(__name__)


class Talking:
    """`talk` says so with `logging`, with structlog, and as a library."""

    title, description, transport = "Talking", "Talks.", "builtin"

    def __init__(self, workspace: Path) -> None:
        self._workspace = workspace

    def state(self) -> ServerState:
        return ServerState("available")

    async def tools(self) -> Sequence[Tool]:
        return [Tool("talk", "Talks.", {"type": "object"})]

    async def call(self, name: str, call: ToolCall) -> ToolResult:
        log.debug("a tool talks", extra={"until": str(call.arguments.get("until"))})
        structlog.get_logger("some.library").warning("a library talks")
        await asyncio.to_thread(log.info, "a thread talks")
        async with asyncio.timeout(10):
            while not (self._workspace / str(call.arguments.get("until", "."))).exists():
                await asyncio.sleep(0.01)
        log.info("a tool has waited")
        return ToolResult.of("Talked.")


class Plugin:
    @hookimpl
    def register_tool_servers(self, settings: Settings) -> Sequence[Offer[ToolServer]]:
        @asynccontextmanager
        async def opened() -> AsyncGenerator[ToolServer]:
            yield Talking(settings[WORKSPACE_DIR])

        return [Offer("talking", opened)]


plugin = Plugin()
