"""What happens between two calls of a model, on its way to whoever reads the stream."""

from __future__ import annotations

import asyncio
from collections.abc import Hashable, Sequence

from claude_gateway.types.events import Activity


class News:
    """Takes events from those that are at work, in order, and never makes them wait."""

    def __init__(self) -> None:
        self._waiting: dict[Hashable, Activity] = {}
        self._told = 0
        self._changed = asyncio.Event()
        self._over = False

    def add(self, event: Activity, instead: Hashable | None = None) -> None:
        """Take an event, in the place of one with the same `instead` that nobody has read yet."""
        self._told += 1
        self._waiting[self._told if instead is None else ("instead", instead)] = event
        self._changed.set()

    def close(self) -> None:
        """Take note that there will be no more."""
        self._over = True
        self._changed.set()

    async def next(self) -> Sequence[Activity]:
        """Return what is new, after waiting for it; nothing when there will be no more."""
        while not self._waiting and not self._over:
            self._changed.clear()
            await self._changed.wait()
        found, self._waiting = [*self._waiting.values()], {}
        return found
