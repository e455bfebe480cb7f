"""A tool server whose tools open a door, or wait, and answers that call them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager

from claude_gateway import (
    BlockStart,
    BlockStop,
    Event,
    InputDelta,
    MessageDelta,
    MessageStart,
    MessageStop,
    Offer,
    ServerState,
    Settings,
    Tool,
    ToolCall,
    ToolResult,
    ToolServer,
    hookimpl,
)

CHAT = "/v1/chat/completions"
GO = {"messages": [{"role": "user", "content": "Go"}], "mcp": {}}


def calling(*names: str) -> list[Event | BaseException | asyncio.Event]:
    """The script of an answer that calls tools of the door."""
    message = {"id": "msg_1", "role": "assistant", "model": "m-1", "usage": {"input_tokens": 10}}
    script: list[Event | BaseException | asyncio.Event] = [MessageStart(message)]
    for index, name in enumerate(names):
        block = {"type": "tool_use", "id": f"toolu_{index}", "name": f"door__{name}", "input": {}}
        script += [BlockStart(index, block), InputDelta(index, "{}"), BlockStop(index)]
    return [*script, MessageDelta({"stop_reason": "tool_use"}, {"output_tokens": 5}), MessageStop()]


class Door:
    """A tool server whose tools wait until they are cancelled, open at once, or fail."""

    title, description, transport = "Door", "Waits.", "builtin"

    def __init__(self, failure: Exception | None = None) -> None:
        self._failure = failure
        self.calls: list[ToolCall] = []

    @hookimpl
    def register_tool_servers(self, settings: Settings) -> Sequence[Offer[ToolServer]]:
        @asynccontextmanager
        async def opened() -> AsyncGenerator[ToolServer]:
            yield self

        return [Offer("door", opened)]

    def state(self) -> ServerState:
        return ServerState()

    async def tools(self) -> Sequence[Tool]:
        return [Tool("wait", "Waits.", {}), Tool("open", "Opens.", {})]

    async def call(self, name: str, call: ToolCall) -> ToolResult:
        self.calls.append(call)
        if name == "wait":
            await asyncio.Event().wait()
        if self._failure is not None:
            raise self._failure
        return ToolResult.of("Open.")
