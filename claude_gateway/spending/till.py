"""Book the usage of runs that are not kept: added up here, and stored a few times a second.

A request that keeps nothing must not wait for a store, and a store not write for each of them. What
a process that is killed has not stored is lost: as much as was used in the last quarter of a second.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from typing import TypeAlias

from claude_gateway.errors import GatewayError
from claude_gateway.interfaces import Observer
from claude_gateway.spending_stores import KeepsUsage
from claude_gateway.types.runs import Run
from claude_gateway.types.spending import Booked, Sum

log = logging.getLogger(__name__)

EVERY = 0.25  # seconds
DAY = 86_400

# Day (a number since 1970), owner, key, model, project.
Account: TypeAlias = tuple[int, str, str, str, str]


class Till(Observer):
    """Hears of the end of runs. `clock` tells the time of day."""

    def __init__(self, store: KeepsUsage, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._clock = clock
        self._sums: dict[Account, Sum] = {}

    def run_ended(self, run: Run) -> None:
        """Add what it used. A failure that used nothing is no usage."""
        if run.kept or run.parked or (run.error is not None and not run.usage.total_tokens):
            return
        cost = run.cost()
        who, model = run.principal, run.fallback or run.model
        account = (int(self._clock() // DAY), who.id, who.key_id or "", model, "")
        self._add(account, Sum(1, run.usage, cost, int(cost is None)))

    async def flush(self) -> None:
        """Store what was added since; what cannot be stored stays for the next time."""
        if not self._sums:
            return
        taken, self._sums = self._sums, {}
        try:
            await self._store.book_usage([_booked(*it) for it in taken.items()])
        except GatewayError as exc:
            for account, used in taken.items():
                self._add(account, used)
            log.warning("usage could not be booked yet", extra={"error": exc.code})

    @asynccontextmanager
    async def booking(self, every: float = EVERY) -> AsyncGenerator[None]:
        """Store every so many seconds, until left, and once more then."""
        task = asyncio.create_task(self._keep_flushing(every))
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            await self.flush()

    def _add(self, account: Account, used: Sum) -> None:
        before = self._sums.get(account)
        self._sums[account] = used if before is None else before + used

    async def _keep_flushing(self, every: float) -> None:
        while True:
            await asyncio.sleep(every)
            await asyncio.shield(self.flush())


def _booked(account: Account, used: Sum) -> Booked:
    day, owner, key, model, project = account
    return Booked(
        time.strftime("%Y-%m-%d", time.gmtime(day * DAY)), owner, key, model, project, used
    )
