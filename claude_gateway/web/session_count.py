"""How many sessions are active, counted in the background, so that asking is always fast."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress

from claude_gateway.stores import Store

log = logging.getLogger(__name__)


def unheard(_count: int) -> None:
    """Nobody wants to know."""


class SessionCount:
    """The latest count, of everybody's sessions; 0 without a store."""

    def __init__(
        self,
        store: Store | None,
        tell: Callable[[int], None] = unheard,
        *,
        every: float = 15,
        pause: float = 0.2,
    ) -> None:
        """`tell` is told each count.

        `every` and `pause` are seconds: between counts, and the least between two of them.
        """
        self.latest = 0
        self._store = store
        self._tell = tell
        self._every = every
        self._pause = pause
        self._changed = asyncio.Event()

    def changed(self) -> None:
        """Have it counted soon: one was made, ended or deleted."""
        self._changed.set()

    @asynccontextmanager
    async def watching(self) -> AsyncGenerator[None]:
        """Count again and again."""
        if self._store is None:
            yield
            return
        task = asyncio.create_task(self._watch(self._store))
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _watch(self, store: Store) -> None:
        while True:
            self._changed.clear()
            try:
                self.latest = await store.count_active_sessions()
                self._tell(self.latest)
            except Exception:
                log.exception("the active sessions could not be counted")
            await asyncio.sleep(self._pause)
            with suppress(TimeoutError):
                async with asyncio.timeout(self._every):
                    await self._changed.wait()
