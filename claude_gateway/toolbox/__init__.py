"""The tools of all open servers under one roof."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from claude_gateway.context import spending
from claude_gateway.errors import NotFound
from claude_gateway.interfaces import Followed
from claude_gateway.stores import KeepsPins
from claude_gateway.tool_servers import ToolServer
from claude_gateway.toolbox.approvals import Approvals, Change
from claude_gateway.toolbox.auditing import Audit
from claude_gateway.toolbox.calling import called
from claude_gateway.toolbox.choices import Choice, choices_of
from claude_gateway.toolbox.entries import Entry, Quarantined
from claude_gateway.toolbox.extras import Extras
from claude_gateway.toolbox.outcomes import BUSY, Course, Outcome
from claude_gateway.toolbox.pins import MemoryPins, Pins
from claude_gateway.toolbox.profiles import Profile
from claude_gateway.toolbox.shelves import Shelf, state_of
from claude_gateway.toolbox.showing import Block, shown
from claude_gateway.toolbox.slots import Slots
from claude_gateway.types.health import Health
from claude_gateway.types.tools import ServerState, ToolCall, ToolResult
from claude_gateway.types.watching import ToolEnd, ToolStart

__all__ = [
    "Audit",
    "Block",
    "Change",
    "Choice",
    "Display",
    "Entry",
    "Extras",
    "Limits",
    "Outcome",
    "Profile",
    "Quarantined",
    "Shelf",
    "Toolbox",
    "choices_of",
    "unheard",
]


def unheard(_call: ToolEnd) -> None:
    """Nobody wants to know."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds of one call, and bytes of text that a model is given of its result.

    `pinned` keeps tools apart that have changed, until somebody approves them. `at_once` is how many
    calls one caller may have under way.
    """

    timeout: float = 60.0
    shown: int = 100_000
    pinned: bool = True
    at_once: int = 64


@dataclass(frozen=True, slots=True)
class Display:
    """What somebody may see of a server: how it is doing, and those of its tools they may use."""

    id: str
    server: ToolServer
    state: ServerState
    entries: Sequence[Entry]
    quarantined: Sequence[Quarantined]


class Toolbox:
    """Finds tools and calls them. Who may use which is asked every time, also when it is called."""

    def __init__(
        self,
        servers: Mapping[str, ToolServer],
        limits: Limits | None = None,
        pins: KeepsPins | None = None,
        audit: Audit | None = None,
        profiles: Mapping[str, Profile] | None = None,
    ) -> None:
        """What tools said is remembered in `pins`, and without it for as long as this lives."""
        self.profiles = profiles or {}
        self.servers = dict(sorted(servers.items()))
        self._limits = limits or Limits()
        self._audit = audit
        self.tell: Callable[[ToolEnd], None] = unheard  # told of each call that is over
        self.follow: Callable[[ToolStart], Followed[ToolEnd]] | None = None  # … and when it begins
        self._slots = Slots(self._limits.at_once)
        self.extras = Extras(self.servers, self._limits.timeout)
        keeper = pins or MemoryPins()
        pinned = {id_: Pins(id_, keeper) for id_ in self.servers if self._limits.pinned}
        self._shelves = {i: Shelf(i, s, pinned.get(i)) for i, s in self.servers.items()}
        self.approvals = Approvals(self._shelves, pinned)

    @property
    def under_way(self) -> int:
        """How many calls are being made."""
        return self._slots.busy

    def state(self, server_id: str) -> ServerState:
        """Say how a server is doing. Raises NotFound."""
        return state_of(self._server(server_id))

    def health(self) -> Health:
        """Say whether every server that is wanted works."""
        states = {id_: self.state(id_) for id_ in self.servers}
        ill = {i: s for i, s in states.items() if s.status in ("error", "auth_required")}
        words = "; ".join(f"{id_}: {state.reason or state.status}" for id_, state in ill.items())
        return Health(not ill, words or f"{len(states)} servers")

    async def shelf(self, server_id: str) -> Shelf:
        """Return what a server has now. Raises NotFound."""
        self._server(server_id)
        shelf = self._shelves[server_id]
        await shelf.look()
        return shelf

    def check_reach(self, server_id: str, *choices: Choice) -> None:
        """Raise NotFound unless there is such a server, and all choices reach it."""
        self._server(server_id)
        if not all(choice.reaches(server_id) for choice in choices):
            raise _no_server(server_id)

    async def display(self, server_id: str, *choices: Choice) -> Display:
        """Return what all choices let be seen of a server. Raises NotFound when that is nothing."""
        self.check_reach(server_id, *choices)
        server = self._server(server_id)
        shelf = await self.shelf(server_id)
        allowed = [entry for entry in shelf.entries if _allowed(entry, choices)]
        return Display(server_id, server, state_of(server), allowed, shelf.quarantined)

    async def displays(self, *choices: Choice) -> list[Display]:
        """Return what all choices let be seen of all servers."""
        seen = [id_ for id_ in self.servers if all(choice.reaches(id_) for choice in choices)]
        return await asyncio.gather(*(self.display(id_, *choices) for id_ in seen))

    async def entries(self, *choices: Choice) -> list[Entry]:
        """Return the tools that all choices allow, by their names on the wire."""
        return await _entries([*self._shelves.values()], choices)

    async def find(self, wire_name: str, *choices: Choice) -> Entry:
        """Return a tool by its name on the wire. Raises NotFound, also when it is not allowed."""
        every = [*self._shelves.values()]
        holding = [shelf for shelf in every if wire_name in shelf.names]
        for entry in await _entries(holding or every, choices):
            if entry.wire_name == wire_name:
                return entry
        raise _unknown(wire_name)

    async def named(self, server_id: str, tool: str, *choices: Choice) -> Entry:
        """Return a tool of a server by the server's own name for it. Raises NotFound."""
        self._server(server_id)
        for entry in await _entries([self._shelves[server_id]], choices):
            if entry.tool.name == tool:
                return entry
        raise _unknown(tool)

    async def call(
        self, wire_name: str, call: ToolCall, *choices: Choice, timeout: float | None = None
    ) -> Outcome:
        """Call a tool, if all choices allow it now. Whatever goes wrong is in the result.

        `timeout` is in seconds; the toolbox's own bounds it, too.
        """
        began, clock = time.time(), time.monotonic()
        noted = await self._audit.begun(wire_name, call, began) if self._audit else None
        course = Course()
        followed: Followed[ToolEnd] | None = None
        if self.follow is not None:
            followed = self.follow(ToolStart(wire_name, call.id, call.run_id, call.carried))
            call = replace(call, carried={**call.carried, **followed.carried})
        try:
            await self._make(course, wire_name, call, choices, timeout)
        finally:
            seconds = time.monotonic() - clock
            took = round(seconds * 1000)
            if (spent := spending()) is not None:
                spent.tools += seconds
            end = course.told(seconds)
            self.tell(end)
            if followed is not None:
                followed.ended(end)
            if self._audit is not None and noted is not None:
                await self._audit.ended(noted, course, took)
        result = course.result
        return Outcome(
            wire_name,
            result,
            self.shown(result),
            began,
            took,
            course.entry,
            busy=course.busy,
        )

    async def _make(
        self,
        course: Course,
        wire_name: str,
        call: ToolCall,
        choices: Sequence[Choice],
        timeout: float | None,
    ) -> None:
        try:
            entry = course.entry = await self.find(wire_name, *choices)
        except NotFound as exc:
            course.refuse(exc.message)
            return
        with self._slots.taken(call.principal) as free:
            if not free:
                course.refuse(BUSY, busy=True)
                return
            seconds = min(timeout or self._limits.timeout, self._limits.timeout)
            course.end(await called(self.servers[entry.server], entry, call, seconds))

    def shown(self, result: ToolResult) -> list[Block]:
        """Return what a model is given of a result."""
        return shown(result, self._limits.shown)

    def _server(self, server_id: str) -> ToolServer:
        server = self.servers.get(server_id)
        if server is None:
            raise _no_server(server_id)
        return server


async def _entries(shelves: Sequence[Shelf], choices: Sequence[Choice]) -> list[Entry]:
    await asyncio.gather(*(shelf.look() for shelf in shelves))
    found = [entry for shelf in shelves for entry in shelf.entries]
    allowed = [entry for entry in found if _allowed(entry, choices)]
    return sorted(allowed, key=lambda entry: entry.wire_name)


def _allowed(entry: Entry, choices: Sequence[Choice]) -> bool:
    return all(choice.allows(entry) for choice in choices)


def _no_server(server_id: str) -> NotFound:
    return NotFound(f"There is no tool server called {server_id[:100]!r}.")


def _unknown(name: str) -> NotFound:
    return NotFound(f"There is no tool called {name[:100]!r}, or it may not be used here.")
