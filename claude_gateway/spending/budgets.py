"""Let nobody spend more than there is: reserve the most that a call can cost, count what it did cost.

Who has a budget at all is remembered, so that whoever has none waits for no store. What is remembered is
forgotten when anybody has changed a budget, in this process or another one: twice a second at most, and
only while models are asked, the store is asked for the number of its last change.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Collection
from contextlib import AbstractAsyncContextManager
from decimal import Decimal
from itertools import count

from claude_gateway.budget_stores import KeepsBudgets
from claude_gateway.engine.calls import Asking
from claude_gateway.errors import GatewayError
from claude_gateway.freshness import News
from claude_gateway.repeating import repeated
from claude_gateway.spending.bounds import Bounds
from claude_gateway.spending.exceeding import exceeded, subjects_of, warning
from claude_gateway.spending.holding import Holding
from claude_gateway.types.budgets import BudgetName, BudgetState, Reservation, Reserved, Spender
from claude_gateway.types.principals import Principal
from claude_gateway.types.runs import Run
from claude_gateway.types.watching import BudgetNews

log = logging.getLogger(__name__)

# Seconds: how old the news of a change may be, and how often what could not be counted is tried again.
FRESH, AGAIN = 0.5, 0.25
MOST_SHARES = 1000

Subjects = Collection[tuple[str, str, str]]


class Budgets:
    """The purse of everybody. `tell` hears when a budget warns or refuses, `clock` tells the time of day."""

    def __init__(
        self,
        store: KeepsBudgets,
        bounds: Bounds,
        tell: Callable[[BudgetNews], None] = lambda _news: None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.store = store
        self.bounds = bounds
        self._tell = tell
        self._clock = clock
        self._known: Subjects = frozenset()
        self._revision: int | None = None
        self._news = News(self._ask, FRESH)
        self._numbers = count(1)
        self._settling: set[asyncio.Future[None]] = set()
        self._late: list[tuple[str, Decimal | None]] = []
        self._shares: dict[BudgetName, tuple[float, float | None]] = {}

    def free(self, run: Run) -> bool:
        """Whether it is known at once that no budget applies to a run."""
        if not self._news.known():
            return False
        return run.held is None and (not self._known or not self._concerns(run))

    async def reserve(self, asking: Asking, run: Run) -> Holding | None:
        """Reserve for a call of the run's, or take what was reserved before; None where no budget applies.

        Raises BudgetExceeded, Forbidden where nobody knows the price, and what the store raises.
        """
        before, run.held = run.held, None
        if isinstance(before, Holding):
            return before
        if not self._news.known():
            await self._news.hear()
        if not self._concerns(run):
            return None
        estimate = self.bounds.of(asking)
        dollars, least = (estimate.dollars(n) for n in (estimate.longest, estimate.shortest))
        id_ = f"{run.id}.{next(self._numbers)}"
        wanted = Reservation(
            id_, run.id, spender(run), dollars, run.cost() or Decimal(0), self._clock(), least
        )
        try:
            came = await self.store.reserve(wanted)
        except BaseException:  # nobody waits any more, and it may be reserved all the same
            self.settle(id_, Decimal(0))
            raise
        self._note(run, came, least)
        return Holding(id_, estimate.within(came.dollars), run, self) if came.states else None

    async def reserve_first(self, asking: Asking, run: Run) -> None:
        """Reserve for the first call of a run that is not kept yet, so that nothing is when it is refused."""
        if not self.free(run):
            run.held = await self.reserve(asking, run)

    async def limits(self, who: Principal) -> bool:
        """Whether somebody's key or user has a budget."""
        if not self._news.known():
            await self._news.hear()
        mine = Spender(who.id, who.key_id)
        return any(subject in self._known for subject in subjects_of(mine))

    def settle(self, id_: str, dollars: Decimal | None) -> None:
        """Count what a call did cost; nobody waits for that."""
        try:
            settling = asyncio.ensure_future(self.store.settle(id_, dollars))
        except GatewayError as exc:
            self._not_settled(id_, dollars, exc)
            return
        self._settling.add(settling)
        settling.add_done_callback(lambda done: self._settled(done, id_, dollars))

    async def flush(self) -> None:
        """Wait until all is counted that is over."""
        again, self._late = self._late, []
        for id_, dollars in again:
            self.settle(id_, dollars)
        if self._settling:
            await asyncio.wait(self._settling)

    def forget(self) -> None:
        """Look again: something was changed in this process."""
        self._news.forget()

    def shares(self) -> dict[str, float]:
        """Return by kind the highest share that is spent, of budgets that were used lately."""
        now, highest = self._clock(), dict[str, float]()
        for name, (share, until) in self._shares.items():
            if until is None or now < until:
                highest[name.kind] = max(share, highest.get(name.kind, 0.0))
        return highest

    def keeping(self) -> AbstractAsyncContextManager[None]:
        """Count again and again what could not be counted, until left, and once more then."""
        return repeated(self.flush, AGAIN)

    def _concerns(self, run: Run) -> bool:
        return any(subject in self._known for subject in subjects_of(spender(run)))

    def _note(self, run: Run, came: Reserved, wanted: Decimal) -> None:
        """Remember how budgets stand, and warn. Raises BudgetExceeded when there is not enough."""
        for state in came.states:
            if len(self._shares) >= MOST_SHARES:
                self._shares.clear()
            self._shares[state.budget.name] = (state.share, state.resets_at)
        if came.refused is not None:
            self._say(run, came.refused, refused=True)
            raise exceeded(came.refused, wanted)
        warned = [state for state in came.states if state.warns]
        for state in warned:
            self._say(run, state, refused=False)
        run.warning = "; ".join(map(warning, warned))

    def _say(self, run: Run, state: BudgetState, *, refused: bool) -> None:
        name = state.budget.name
        self._tell(BudgetNews(run, name.kind, name.period, state.share, refused))

    async def _ask(self) -> None:
        """Find out whether anything was changed."""
        revision = await self.store.budgets_revision()
        if revision != self._revision:
            self._known = await self.store.budget_subjects()
            self._revision = revision

    def _settled(self, done: asyncio.Future[None], id_: str, dollars: Decimal | None) -> None:
        self._settling.discard(done)
        if done.cancelled():
            self._late.append((id_, dollars))
        elif (exc := done.exception()) is not None:
            self._not_settled(id_, dollars, exc)

    def _not_settled(self, id_: str, dollars: Decimal | None, exc: BaseException) -> None:
        self._late.append((id_, dollars))
        why = exc.code if isinstance(exc, GatewayError) else type(exc).__name__
        log.warning("what a call cost could not be counted yet", extra={"error": why})


def spender(run: Run) -> Spender:
    """Return who pays for a run."""
    who = run.principal
    return Spender(who.id, who.key_id, run.project_id, run.session_id, run.host)
