"""Agreeing to what a tool says now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from claude_gateway.errors import Conflict, NotFound
from claude_gateway.toolbox.entries import Entry
from claude_gateway.toolbox.pins import Pins
from claude_gateway.toolbox.shelves import Shelf
from claude_gateway.types.trust import Pin


@dataclass(frozen=True, slots=True)
class Change:
    """A tool that is kept apart until it is approved: as it is now, and as it was.

    `before` is None of one that nobody has agreed to yet.
    """

    entry: Entry
    before: Pin | None


class Approvals:
    """What is to be approved, of any server."""

    def __init__(self, shelves: Mapping[str, Shelf], pins: Mapping[str, Pins]) -> None:
        self._shelves = shelves
        self._pins = pins

    async def changes(self, server_id: str) -> list[Change]:
        """Return what is kept apart of a server until it is approved. Raises NotFound."""
        shelf = await self._looked_at(server_id)
        pins = self._pins.get(server_id)
        if pins is None:
            return []
        return [Change(entry, await pins.before(entry)) for entry in shelf.held]

    async def known(self, server_id: str, tool: str) -> Entry:
        """Return a tool as it is now, also one that waits for approval. Raises NotFound."""
        shelf = await self._looked_at(server_id)
        for entry in (*shelf.held, *shelf.entries):
            if entry.tool.name == tool:
                return entry
        raise NotFound(f"There is no tool called {tool[:100]!r} that could be approved.")

    async def approve(self, server_id: str, tool: str, digest: str) -> Entry:
        """Take a tool for what it says now, if that is what has this digest.

        Raises NotFound, and Conflict (`changed_again`) when it says something else meanwhile.
        """
        entry = await self.known(server_id, tool)
        if entry.digest != digest:
            raise Conflict(
                "The tool does not say what you have looked at; look again.", code="changed_again"
            )
        shelf = self._shelves[server_id]
        if entry in shelf.held:
            await self._pins[server_id].approve(entry)
            await shelf.look()
        return entry

    async def _looked_at(self, server_id: str) -> Shelf:
        shelf = self._shelves.get(server_id)
        if shelf is None:
            raise NotFound(f"There is no tool server called {server_id[:100]!r}.")
        await shelf.look()
        return shelf
