"""Book the usage of runs that are not kept: added up here, and stored a few times a second.

A request that keeps nothing must not wait for a store, and a store not write for each of them. What
a process that is killed has not stored is lost: as much as was used in the last quarter of a second.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import fields
from decimal import Decimal
from operator import attrgetter
from typing import TypeAlias

from claude_gateway.errors import GatewayError
from claude_gateway.interfaces import Observer
from claude_gateway.repeating import repeated
from claude_gateway.spending_stores import KeepsUsage
from claude_gateway.types.runs import Run
from claude_gateway.types.spending import Booked, Sum
from claude_gateway.types.usage import Usage

log = logging.getLogger(__name__)

EVERY = 0.25  # seconds
DAY = 86_400
# What of a usage can be added up: the words in it mean nothing for a sum.
TOKENS = tuple(attrgetter(one.name) for one in fields(Usage) if one.name.endswith("_tokens"))

# Day (a number since 1970), owner, key, model, project.
Account: TypeAlias = tuple[int, str, str, str, str]
Used: TypeAlias = tuple[Usage, Decimal | None]  # of one run


class Till(Observer):
    """Hears of the end of runs. `clock` tells the time of day."""

    def __init__(self, store: KeepsUsage, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._clock = clock
        self._sums: dict[Account, Sum] = {}
        self._ended: dict[Account, list[Used]] = {}  # since these were added up

    def run_ended(self, run: Run) -> None:
        """Add what it used. A failure that used nothing is no usage."""
        if run.kept or run.parked or (run.error is not None and not run.usage.total_tokens):
            return
        who, model = run.principal, run.fallback or run.model
        account = (int(self._clock() // DAY), who.id, who.key_id or "", model, "")
        self._ended.setdefault(account, []).append((run.usage, run.cost()))

    async def flush(self) -> None:
        """Store what was added since; what cannot be stored stays for the next time."""
        ended, self._ended = self._ended, {}
        for account, those in ended.items():
            self._add(account, _added_up(those))
        if not self._sums:
            return
        taken, self._sums = self._sums, {}
        try:
            await self._store.book_usage([_booked(*it) for it in taken.items()])
        except GatewayError as exc:
            for account, used in taken.items():
                self._add(account, used)
            log.warning("usage could not be booked yet", extra={"error": exc.code})

    def booking(self, every: float = EVERY) -> AbstractAsyncContextManager[None]:
        """Store every so many seconds, until left, and once more then."""
        return repeated(self.flush, every)

    def _add(self, account: Account, used: Sum) -> None:
        before = self._sums.get(account)
        self._sums[account] = used if before is None else before + used


def _added_up(those: Sequence[Used]) -> Sum:
    usages = [usage for usage, _ in those]
    costs = [cost for _, cost in those if cost is not None]
    return Sum(
        len(those),
        Usage(*(sum(map(tokens, usages)) for tokens in TOKENS)),
        sum(costs, Decimal(0)) if costs else None,
        len(those) - len(costs),
    )


def _booked(account: Account, used: Sum) -> Booked:
    day, owner, key, model, project = account
    return Booked(
        time.strftime("%Y-%m-%d", time.gmtime(day * DAY)), owner, key, model, project, used
    )
