"""News from a store that many need at the same moment, and that one of them asks for."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from math import inf


class News:
    """Asks again before what is known grows older than `fresh` seconds, for as long as somebody needs it.

    From half of that age on it is asked in the background, so that under load nobody waits. All who
    do wait are told together: a lock would let in one of them for each turn of the event loop, and
    a crowd would stand in line for seconds.
    """

    __slots__ = ("_again", "_ask", "_asking", "_fresh", "_until")

    def __init__(self, ask: Callable[[], Awaitable[None]], fresh: float) -> None:
        self._ask = ask
        self._fresh = fresh
        self._until = self._again = -inf
        self._asking: asyncio.Task[None] | None = None

    def known(self) -> bool:
        """Whether what is known is young enough. It costs next to nothing to ask that."""
        now = time.monotonic()
        if self._asking is None and self._again <= now < self._until:
            self._asking = self._begin()
        return now < self._until

    async def hear(self) -> None:
        """Wait until what is known is young enough. Raises what asking raises."""
        if not self.known():
            asking = self._asking = self._asking or self._begin()
            await asyncio.shield(asking)  # whoever leaves does not end it for the others

    def forget(self) -> None:
        """Ask anew: what is known is old, and so is what an answer under way will say."""
        self._until = self._again = -inf
        self._asking = None

    def _begin(self) -> asyncio.Task[None]:
        asking = asyncio.create_task(self._hear())
        asking.add_done_callback(self._heard)
        return asking

    async def _hear(self) -> None:
        asked = time.monotonic()
        await self._ask()
        if self._asking is asyncio.current_task():
            self._until, self._again = asked + self._fresh, asked + self._fresh / 2

    def _heard(self, asking: asyncio.Task[None]) -> None:
        if self._asking is asking:
            self._asking = None
        if not asking.cancelled():
            asking.exception()  # whoever waits has it; in the background it is asked again soon
