"""Runs that outlive the connection that asked for them: kept, watched, stopped."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import partial
from typing import Any

from claude_gateway.context import spending
from claude_gateway.errors import GatewayError, NotFound, RateLimited
from claude_gateway.ids import Ids
from claude_gateway.repeating import alongside
from claude_gateway.runs.claims import Claim, Claims
from claude_gateway.runs.live import LiveRun
from claude_gateway.runs.recovery import cut
from claude_gateway.runs.work import Ending, Work, at_rest
from claude_gateway.stores import Store
from claude_gateway.types.approvals import Parked
from claude_gateway.types.turns import Events, RunEnd, RunRecord, TurnStart
from claude_gateway.types.usage import Usage

log = logging.getLogger(__name__)

FLUSH_EVERY = 0.2  # seconds; what a client has seen is in the store after a quarter of a second


@dataclass(frozen=True, slots=True)
class Limits:
    """`most_live` runs an owner may have at a time, `most_bytes` of frames a run may log."""

    most_live: int = 256
    most_bytes: int = 64 * 2**20


class Runs:
    """The runs that this process keeps alive, by id and by session."""

    def __init__(
        self,
        store: Store,
        price: Callable[[str, Usage], Decimal | None],
        limits: Limits | None = None,
    ) -> None:
        """`price` says what a model's tokens cost in US dollars, None when nobody knows."""
        self.store = store
        self.claims = Claims()
        self.repeats = Claims(most_waiting=None)  # requests that may be the same one, sent again
        self.price = price
        self._limits = limits or Limits()
        self.most_bytes = self._limits.most_bytes
        self._live: dict[str, LiveRun] = {}
        self._sessions: dict[tuple[str, str], LiveRun] = {}
        self._by_owner: Counter[str] = Counter()
        self._late: list[RunEnd] = []
        self._new_id = Ids().message

    async def begin(
        self, start: TurnStart, work: Work, claim: Claim | None = None
    ) -> LiveRun | RunRecord:
        """Store the start of a turn, then let it run.

        Returns the record instead when the same request began a run before, which is over. Raises
        RateLimited when the owner has too many at a time, and what the store raises. The claim is
        released when the run ends, or when there is nothing to run.
        """
        wanted = start.run
        if self._by_owner[wanted.payer] >= self._limits.most_live:
            raise RateLimited(
                f"You have {self._limits.most_live} runs at work already; wait for one to end.",
                code="too_many_runs",
                retry_after=5,
            )
        self._by_owner[wanted.payer] += 1
        keeping = asyncio.ensure_future(self.store.begin_turn(start))
        since = time.monotonic()
        try:
            kept = await asyncio.shield(keeping)
        except asyncio.CancelledError:
            await self._without_caller(keeping, start, work, claim)
            raise
        except BaseException:
            self._left(wanted.payer, None)
            raise
        finally:
            if (spent := spending()) is not None:
                spent.store += time.monotonic() - since
        return self._begun(kept, wanted, work, claim)

    def live(self, owner: str, run_id: str) -> LiveRun | None:
        """Return the owner's run of this id, if it lives here."""
        found = self._live.get(run_id)
        return found if found is not None and found.record.owner == owner else None

    def in_session(self, owner: str, session_id: str) -> LiveRun | None:
        """Return the run that a session is busy with."""
        return self._sessions.get((owner, session_id))

    @property
    def all(self) -> Sequence[LiveRun]:
        """Every run that lives."""
        return list(self._live.values())

    @property
    def tasks(self) -> list[asyncio.Task[Any]]:
        """What there is to wait for until every run is over."""
        return [live.task for live in self.all if live.task is not None and not live.parked]

    def keeping(self) -> AbstractAsyncContextManager[None]:
        """Store the logs of live runs again and again, until left."""
        return alongside(self._keep_flushing())

    async def stop_all(self, patience: float, why: Ending = "interrupted") -> None:
        """End every run, and wait up to `patience` seconds until their ends are stored.

        Those that wait for approvals are left: they can go on later.
        """
        for live in self.all:
            live.cancel(why)
        with suppress(TimeoutError):
            async with asyncio.timeout(patience):
                await asyncio.gather(*(live.over() for live in self.all if not live.parked))

    async def park(self, run: RunRecord, parked: Parked, events: Events | None) -> None:
        """Keep a run that waits for approvals. Raises what the store raises."""
        await self.store.park_run(run, parked.state, events)

    async def cut(self, run: RunRecord, why: GatewayError, events: Events | None) -> RunEnd:
        """Return the end of a run that waited in vain."""
        cost = self.price(run.model, run.usage)
        try:
            end = await cut(self.store, run, why, cost, self._new_id())
        except GatewayError as exc:
            log.warning(
                "what a run had called is not known", extra={"run": run.id, "code": exc.code}
            )
            end = await cut(self.store, replace(run, session_id=None), why, cost, "")
            end = replace(end, run=replace(end.run, session_id=run.session_id))
        last = run.last_event if events is None else events.last
        return replace(end, run=replace(end.run, last_event=last), events=events)

    def wait_again(self, record: RunRecord) -> LiveRun:
        """Take up a run that waits for approvals, with its session. Raises Conflict when that is taken."""
        claim = None
        if record.session_id is not None:
            claim = self.claims.take((record.owner, record.session_id))
        self._by_owner[record.payer] += 1
        return self._living(record, at_rest(record), claim)

    def drop(self, live: LiveRun) -> None:
        """Let go of a run that waits, and that another process has taken up."""
        live.log.close()
        live.leave()

    async def keep(self, end: RunEnd) -> GatewayError | None:
        """Store the end of a run; return why that was not possible."""
        try:
            await self._stored(end)
        except GatewayError as exc:
            log.warning(
                "a run's end could not be stored", extra={"run": end.run.id, "code": exc.code}
            )
            return exc.again()
        return None

    def keep_later(self, end: RunEnd) -> None:
        """Store it as soon as that is possible again."""
        self._late.append(end)

    async def flush(self) -> None:
        """Store what the logs have that is not stored yet."""
        fresh = [
            (live, Events(live.record.id, *found, live.run.usage))
            for live in self._live.values()
            if (found := live.log.fresh()) is not None
        ]
        if fresh:
            await self.store.append_events([events for _, events in fresh])
            for live, events in fresh:
                live.log.safe(events.last)
        while self._late:
            await self._stored(self._late[0])
            del self._late[0]

    async def _stored(self, end: RunEnd) -> None:
        try:
            await self.store.end_run(end)
        except NotFound:  # deleted with its session meanwhile: there is nothing to keep
            log.info("a run was deleted before its end", extra={"run": end.run.id})

    async def _keep_flushing(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_EVERY)
            try:
                await self.flush()
            except GatewayError as exc:
                log.warning("logs of runs could not be stored", extra={"code": exc.code})
            except Exception:
                log.exception("logs of runs could not be stored")

    async def _without_caller(
        self, keeping: asyncio.Future[RunRecord], start: TurnStart, work: Work, claim: Claim | None
    ) -> None:
        """Whoever asked has left while the start was being stored: what is stored must live."""
        await asyncio.wait([keeping])
        if keeping.cancelled() or keeping.exception() is not None:
            self._left(start.run.payer, None)
            return
        begun = self._begun(keeping.result(), start.run, work, claim)
        if isinstance(begun, LiveRun) and begun.record.on_disconnect == "cancel":
            begun.cancel()

    def _begun(
        self, kept: RunRecord, wanted: RunRecord, work: Work, claim: Claim | None
    ) -> LiveRun | RunRecord:
        if kept.id == wanted.id:
            return self._started(kept, work, claim)
        self._left(wanted.payer, claim)
        return self._live.get(kept.id) or kept

    def _started(self, record: RunRecord, work: Work, claim: Claim | None) -> LiveRun:
        live = self._living(record, work, claim)
        if work.run.permit is not None:
            work.run.permit.kept = True
        live.start()
        return live

    def _living(self, record: RunRecord, work: Work, claim: Claim | None) -> LiveRun:
        over = partial(self._ended, record, claim)
        work.run.price = self.price
        live = self._live[record.id] = LiveRun(record, work, self, over)
        if claim is not None:
            self._sessions[claim.place] = live
        return live

    def _ended(self, record: RunRecord, claim: Claim | None) -> None:
        self._live.pop(record.id, None)
        if claim is not None:
            self._sessions.pop(claim.place, None)
        self._left(record.payer, claim)

    def _left(self, owner: str, claim: Claim | None) -> None:
        self._by_owner[owner] -= 1
        if not self._by_owner[owner]:
            del self._by_owner[owner]
        if claim is not None:
            claim.release()
