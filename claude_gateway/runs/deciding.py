"""People decide about calls of tools that a run waits for; when all are decided, it goes on.

What was decided is stored before anything else happens, and whether a run goes on as well: a call that was
approved is made once, or not at all, whenever the process dies.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from typing import NamedTuple, TypeAlias

from claude_gateway.errors import (
    Conflict,
    GatewayError,
    Gone,
    InvalidRequest,
    NotFound,
    Unavailable,
)
from claude_gateway.repeating import alongside
from claude_gateway.runs import Runs
from claude_gateway.runs.gathering import Gathering
from claude_gateway.runs.live import LiveRun
from claude_gateway.runs.work import Work
from claude_gateway.types.approvals import AskedCall, Decision
from claude_gateway.types.principals import Principal
from claude_gateway.types.turns import RunRecord

log = logging.getLogger(__name__)

LOOK_EVERY = 0.5  # seconds


@dataclass(frozen=True, slots=True)
class Verdict:
    """What somebody decides. `remember` lets the session call the tool from now on."""

    decision: Decision
    reason: str = ""
    remember: bool = False


class Revived(NamedTuple):
    """What a run goes on with: its work, and what it has said already."""

    work: Work
    gathered: Gathering


# Makes the work of a run again from what was kept of it. None is a caller of another process.
Revive: TypeAlias = Callable[[RunRecord, bytes, Principal | None], Revived]


class Deciding:
    """Decides about the runs that wait in this process."""

    def __init__(self, runs: Runs, revive: Revive) -> None:
        """`revive` raises GatewayError when a run cannot go on any more."""
        self._runs = runs
        self._revive = revive

    async def decide(self, live: LiveRun, call_id: str, verdict: Verdict) -> None:
        """Decide about one call; saying the same twice changes nothing.

        Raises NotFound for a call that nobody was asked about, Conflict when something else was decided,
        and Gone when it is too late.
        """
        async with live.deciding:
            call = asked_call(live.record, call_id)
            if not is_open(live.record, call, verdict):
                return
            if verdict.remember:
                await self._remember(live.record, call)
            await self._settle(live, verdict, [call])

    async def expire(self, now: float) -> None:
        """Refuse what nobody has decided about in time."""
        for live in self._runs.all:
            if live.parked and not live.ending and _due(live.record, now):
                async with live.deciding:
                    await self._look_again(live, now)

    def watching(self) -> AbstractAsyncContextManager[None]:
        """Let time run out for those that wait, until left."""
        return alongside(self._keep_watching())

    async def _keep_watching(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY)
            try:
                await self.expire(time.time())
            except GatewayError as exc:
                log.warning("a run that waits could not go on", extra={"code": exc.code})
            except Exception:
                log.exception("a run that waits could not go on")

    async def take_up(self, ours: Callable[[RunRecord], bool] = bool) -> int:
        """Take up the runs that wait of processes that are gone, as far as they are `ours`.

        Return how many there are.
        """
        orphans = await self._runs.store.orphaned_runs()
        waiting = [run for run in orphans if run.status == "awaiting_approval" and ours(run)]
        for run in waiting:
            mine = {"instance": self._runs.store.instance}
            record = await self._runs.store.update_run(run.owner, run.id, mine)
            live = self._runs.wait_again(record)
            async with live.deciding:
                if all(call.decision != "pending" for call in record.approvals):
                    await self._go_on(live)
                else:
                    await self._can_go_on(live)
            if live.ending:
                await live.over()
        return len(waiting)

    async def _look_again(self, live: LiveRun, now: float) -> None:
        if not live.parked or live.ending:
            return
        if late := _late(live.record, now):
            await self._settle(live, Verdict("expired"), late)
        elif not any(map(_open, live.record.approvals)):  # it was decided, and could not go on then
            await self._go_on(live)

    async def _settle(self, live: LiveRun, verdict: Verdict, calls: Sequence[AskedCall]) -> None:
        now, record, ids = time.time(), live.record, {call.id for call in calls}
        approvals = tuple(
            replace(call, decision=verdict.decision, reason=verdict.reason, decided_at=now)
            if call.id in ids
            else call
            for call in record.approvals
        )
        changes: Mapping[str, object] = {"approvals": approvals}
        await self._runs.store.update_run(record.owner, record.id, changes)
        live.record = replace(record, approvals=approvals)
        if all(call.decision != "pending" for call in approvals):
            await self._go_on(live)

    async def _remember(self, record: RunRecord, call: AskedCall) -> None:
        if call.approval == "always":
            raise InvalidRequest(
                "Every call of this tool has to be approved.",
                code="cannot_remember",
                param="remember",
            )
        if record.session_id is None:
            raise InvalidRequest(
                "This run belongs to no session.", code="cannot_remember", param="remember"
            )
        store = self._runs.store
        session = await store.get_session(record.owner, record.session_id)
        approved = {**session.approved, call.name: call.digest}
        await store.update_session(record.owner, record.session_id, {"approved": approved})

    async def _go_on(self, live: LiveRun) -> None:
        """Let it go on. That it does is stored before it does."""
        store, record = self._runs.store, live.record
        now = await store.get_run(record.owner, record.id)
        if now.instance != store.instance or now.status != "awaiting_approval":
            self._runs.drop(live)
            return
        revived = await self._can_go_on(live)
        if revived is None or live.ending:
            return
        await store.update_run(record.owner, record.id, {"status": "running"})
        if not live.ending:
            live.go_on(replace(record, status="running"), *revived)

    async def _can_go_on(self, live: LiveRun) -> Revived | None:
        """Return what it goes on with; one that cannot is ended, with the reason.

        Raises what the store raises; then it waits on.
        """
        record = live.record
        try:
            state = await self._runs.store.parked_state(record.owner, record.id)
        except NotFound as exc:  # deleted with its session
            live.break_off(exc.again())
            return None
        try:
            return self._revive(record, state, live.principal)
        except GatewayError as exc:
            live.break_off(exc.again())
        except (KeyError, TypeError, ValueError):
            log.exception("what was kept of a run cannot be read", extra={"run": record.id})
            live.break_off(
                Unavailable("What was kept of this run cannot be read.", code="interrupted")
            )
        return None


def asked_call(record: RunRecord, call_id: str) -> AskedCall:
    """Return a call that somebody was asked about. Raises NotFound."""
    for call in record.approvals:
        if call.id == call_id:
            return call
    raise NotFound("This run has not asked about such a call.")


def is_open(record: RunRecord, call: AskedCall, verdict: Verdict) -> bool:
    """Whether there is something to decide; not when the same was decided before.

    Raises Conflict when something else was, and Gone when it is too late.
    """
    if call.decision == verdict.decision:
        return False
    if call.decision == "expired" or (record.status != "awaiting_approval" and _open(call)):
        raise Gone(
            _TOO_LATE, code="approval_expired" if call.decision == "expired" else "run_ended"
        )
    if not _open(call):
        raise Conflict(
            f"This call was {call.decision} before.", code="already_decided", should_retry=False
        )
    if call.expires_at <= time.time():
        raise Gone(_TOO_LATE, code="approval_expired")
    return True


_TOO_LATE = "It is too late to decide about this call."


def _open(call: AskedCall) -> bool:
    return call.decision == "pending"


def _due(record: RunRecord, now: float) -> bool:
    return bool(_late(record, now)) or not any(map(_open, record.approvals))


def _late(record: RunRecord, now: float) -> list[AskedCall]:
    return [call for call in record.approvals if _open(call) and call.expires_at <= now]
