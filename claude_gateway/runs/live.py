"""A run while it lives: a task of its own, which no connection owns.

The model's events are gathered for the conversation, written as frames into the log, and read from
there by whoever watches. The end is stored before anybody is shown it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import aclosing
from decimal import Decimal
from typing import Any

from claude_gateway import context
from claude_gateway.dialects import kept
from claude_gateway.engine.telling import stopping, told
from claude_gateway.errors import Conflict, GatewayError, InternalError, PayloadTooLarge
from claude_gateway.runs.gathering import Gathering
from claude_gateway.runs.live_log import LiveLog
from claude_gateway.runs.outcome import final
from claude_gateway.runs.work import Ending, Keeper, Work, at_rest
from claude_gateway.types.events import Event, MessageStop
from claude_gateway.types.runs import Run
from claude_gateway.types.turns import Events, RunEnd, RunRecord, RunStatus
from claude_gateway.types.values import replaced

log = logging.getLogger(__name__)


class LiveRun:
    """One run; `record` is in its final state once it is over.

    A run that waits for approvals has no task, and no work but what `at_rest` returns; whoever decides
    holds `deciding`. `principal` is who asked for it, None when another process knew that.
    """

    def __init__(
        self, record: RunRecord, work: Work, keeper: Keeper, released: Callable[[], object] = bool
    ) -> None:
        """`released` is called when it is over."""
        self.record = record
        self.log = LiveLog(record.last_event)
        self.principal = None if work.run.parked else work.run.principal
        self.deciding = asyncio.Lock()
        self._released = released
        self._over = asyncio.Event()
        self.failure: GatewayError | None = None
        self.watchers = 0
        self._work = work
        self._keeper = keeper
        self._gathered = Gathering()
        self._logged = record.last_event
        self._last: Sequence[Event] = ()
        self._ending: Ending | None = None
        self._living = False
        self._finishing = False
        self._task: asyncio.Task[None] | None = None

    @property
    def run(self) -> Run:
        """The engine's account."""
        return self._work.run

    @property
    def silent(self) -> bool:
        """Whether it failed before there was anything to show: the failure can be a status."""
        return self.failure is not None and not self._logged

    @property
    def parked(self) -> bool:
        """Whether it waits for somebody to decide."""
        return self.record.status == "awaiting_approval"

    @property
    def ending(self) -> bool:
        """Whether somebody has ended it already."""
        return self._ending is not None

    def start(self) -> None:
        """Begin. The task ends when the run does, or parks, and never fails."""
        self._begin(self._live())

    def go_on(self, record: RunRecord, work: Work, gathered: Gathering) -> None:
        """Begin again after a pause; `gathered` is what was said before it."""
        self.record, self._work, self._gathered = record, work, gathered
        self.start()

    def break_off(self, why: GatewayError, ending: Ending = "interrupted") -> None:
        """End it where it waits."""
        if self._ending is None:
            self._ending = ending
            self._begin(self._cut(why))

    def leave(self) -> None:
        """Stop living here, without an end."""
        self._released()
        self._over.set()

    def _begin(self, what: Coroutine[Any, Any, None]) -> None:
        self._living = False
        self._task = asyncio.create_task(what, name=self.record.id)
        self._task.add_done_callback(self._stepped)

    def _stepped(self, _task: asyncio.Task[None]) -> None:
        self._used()
        if self.record.over:
            self._released()
            self._over.set()

    def _used(self) -> None:
        run = self._work.run
        if run.permit is not None:
            run.permit.over(run.usage.total_tokens)
        if run.held is not None:  # it was stopped before its model was asked
            run.held.release()

    def cancel(self, why: Ending = "cancelled") -> None:
        """End it soon. What was said is kept; an end that is being stored is not disturbed.

        An interruption leaves a run that waits as it is: it can go on later.
        """
        if self.parked:
            if why == "cancelled":
                self.break_off(_cancelled(), why)
            return
        if self._task is not None and self._ending is None and not self._finishing:
            self._ending = why
            if self._living:  # a task that is cancelled before its first step never takes it
                self._task.cancel()

    @property
    def task(self) -> asyncio.Task[None] | None:
        """What lives."""
        return self._task

    async def over(self) -> None:
        """Wait for the end to be stored."""
        await self._over.wait()

    async def _live(self) -> None:
        self._on_its_own()
        status: RunStatus = "completed"
        try:
            await self._heard()
            if self._work.run.parked:
                await self._park()
                return
        except BaseException as exc:  # noqa: BLE001  # whatever it is, the run is over and kept
            status, self.failure = self._verdict(exc)
        self._finishing = True
        if self._task is not None:
            self._task.uncancel()
        await self._finish(status)

    def _on_its_own(self) -> None:
        context.begin_run(self.record.id, self.record.request_id, self.record.owner)

    async def _heard(self) -> None:
        self._living = True
        async with aclosing(self._work.batches) as batches:
            if self._ending is not None:
                raise asyncio.CancelledError
            async for batch in batches:
                self._take(batch)

    async def _park(self) -> None:
        """Keep all it takes to go on, say that somebody is asked, and let go of everything."""
        run, parked = self._work.run, self._work.parked()
        if parked is None:
            raise InternalError("A turn waits, and nobody knows for what.")
        events = self._events(self._work.encoder.feed(parked.news))
        asked = {call.id: call for call in (*self.record.approvals, *parked.calls)}
        record = replaced(
            self.record,
            status="awaiting_approval",
            approvals=tuple(asked.values()),
            model=run.fallback or self.record.model,
            served_model=run.served_model,
            usage=run.usage,
            retries=run.retries,
            last_event=self._last_of(events),
        )
        await self._keeper.park(record, parked, events)
        self._used()
        self.record, self._work, self._gathered = record, at_rest(record), Gathering()
        self.log.show()
        self.log.safe(self.log.last)
        self.log.let_go()

    async def _cut(self, why: GatewayError) -> None:
        self._on_its_own()
        async with self.deciding:
            self._finishing, self.failure = True, why
            frames = kept.ended(self.record.dialect, why, self.record.request_id)
            end = await self._keeper.cut(self.record, why, self._events(frames))
            if await self._keeper.keep(end) is not None:
                self._keeper.keep_later(end)
            self.record = end.run
            self.log.close()
            self.log.safe(self.log.last)

    def _take(self, batch: Sequence[Event]) -> None:
        self._gathered.add(batch)
        if type(batch[-1]) is MessageStop:  # what it becomes is shown when all is stored
            self._last = batch[-1:]
            batch = batch[:-1]
        frames, last = self._work.encoder.numbered(batch, self.log.last + 1)
        if frames:
            self._logged += len(frames)
            if self._logged > self._keeper.most_bytes:
                raise PayloadTooLarge(
                    f"The answer is longer than the {self._keeper.most_bytes} bytes kept of one.",
                    code="answer_too_large",
                )
            self.log.add(frames, last)

    def _verdict(self, exc: BaseException) -> tuple[RunStatus, GatewayError]:
        if self._ending is not None:
            return self._ending, stopping() if self._ending == "interrupted" else _cancelled()
        error = told(exc, self.record.request_id, interrupting=True)
        if error is None:
            return "failed", InternalError("The gateway failed. The log says why.")
        return "failed", error.again()

    async def _finish(self, status: RunStatus) -> None:
        """Store the end, then show it. Where it cannot be stored, that is what is shown."""
        work = self._work
        message = self._gathered.message()
        if self.failure is not None:
            work.run.usage = work.kept().estimated(work.run.usage, message)
            if self._logged:  # half an answer is kept: the same turn again would be a second one
                self.failure.should_retry = False
        cost = work.run.cost()
        reply = await self._replied(message, cost)
        end = self._end(status, message, cost=cost, reply=reply)
        trouble = await self._keeper.keep(end)
        if trouble is not None:
            self.failure = self.failure or trouble
            events = self._events(work.encoder.fail(trouble, self.record.request_id))
            end = replaced(
                end, events=events, run=replaced(end.run, last_event=self._last_of(events))
            )
            self._keeper.keep_later(end)
        self.record = end.run
        self.log.close()
        self.log.safe(self.log.last)

    async def _replied(self, message: Mapping[str, object], cost: Decimal | None) -> bytes | None:
        if self._work.reply is None or self.failure is not None:
            return None
        try:
            return await self._work.reply(message, cost)
        except GatewayError as exc:
            self.failure = exc.again()
            return None

    def _end(self, status: RunStatus, message: Mapping[str, object], **rest: Any) -> RunEnd:
        work, failure = self._work, self.failure
        if failure is None:
            frames = work.encoder.feed(self._last) if self._last else b""
        else:
            frames = work.encoder.fail(failure, self.record.request_id)
        events, whole = self._events(frames), failure is None
        last = self._last_of(events)
        return RunEnd(
            final(self.record, work.run, status, failure, last_event=last, **rest),
            work.kept().answer(message, work.message_id, work.run, whole=whole),
            events,
            work.run.usage.total_tokens if whole else None,
            work.run.forgot_thinking,
        )

    def _events(self, frames: bytes) -> Events | None:
        staged = self.log.stage(frames)
        if staged is None:
            return None
        first, last, with_numbers = staged
        return Events(self.record.id, first, last, with_numbers, self._work.run.usage)

    def _last_of(self, events: Events | None) -> int:
        return events.last if events is not None else self.log.last


def _cancelled() -> GatewayError:
    return Conflict("The run was cancelled.", code="cancelled", should_retry=False)
