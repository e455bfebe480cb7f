"""Observers can ask how things stand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from claude_gateway import (
    Observer,
    Offer,
    ServerState,
    Settings,
    Standing,
    Tool,
    ToolCall,
    ToolResult,
    ToolServer,
    hookimpl,
)

if TYPE_CHECKING:
    from tests.conftest import Scripted, Serving


class Curious(Observer):
    look: Callable[[], Standing]

    def can_look(self, look: Callable[[], Standing]) -> None:
        self.look = look


class Slow:
    """A tool server whose tool takes as long as the test wants."""

    title, description, transport = "Slow", "Takes its time.", "builtin"

    def __init__(self) -> None:
        self.called, self.release = asyncio.Event(), asyncio.Event()

    def state(self) -> ServerState:
        return ServerState()

    async def tools(self) -> Sequence[Tool]:
        return [Tool("wait", "Waits.", {"type": "object"})]

    async def call(self, name: str, call: ToolCall) -> ToolResult:
        self.called.set()
        await self.release.wait()
        return ToolResult.of("done")


class Looking:
    def __init__(self, observer: Observer, server: ToolServer) -> None:
        self.observer, self.server = observer, server

    @hookimpl
    def register_observers(self, settings: Settings) -> Sequence[Offer[Observer]]:
        @asynccontextmanager
        async def opened() -> AsyncGenerator[Observer]:
            yield self.observer

        return [Offer("looking", opened)]

    @hookimpl
    def register_tool_servers(self, settings: Settings) -> Sequence[Offer[ToolServer]]:
        @asynccontextmanager
        async def opened() -> AsyncGenerator[ToolServer]:
            yield self.server

        return [Offer("slow", opened)]


async def test_an_observer_sees_what_is_under_way_and_that_the_gateway_stops(
    serving: Serving, scripted: type[Scripted]
) -> None:
    curious, slow = Curious(), Slow()
    async with serving(Looking(curious, slow), GATEWAY_STORE="none") as app:
        idle = curious.look()
        assert (idle.tool_calls, idle.servers, idle.draining) == (0, {"slow": "available"}, False)
        calling = asyncio.create_task(app.gateway.toolbox.call("slow__wait", ToolCall({}, "ada")))
        await slow.called.wait()
        assert curious.look().tool_calls == 1
        slow.release.set()
        await calling
        app.gateway.draining = True
        now = curious.look()
    assert (now.tool_calls, now.draining) == (0, True)


async def test_without_a_store_there_are_no_figures_of_one(serving: Serving) -> None:
    curious = Curious()
    async with serving(Looking(curious, Slow()), GATEWAY_STORE="none"):
        now = curious.look()
    assert (now.store, now.runs_parked, now.approvals, now.turns_waiting) == (None, 0, 0, 0)
