"""A run while it lives: a task of its own, which no connection owns.

The model's events are gathered for the conversation, written as frames into the log, and read from
there by whoever watches. The end is stored before anybody is shown it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Literal, Protocol, TypeAlias

from claude_gateway.dialects.encoder import Encoder
from claude_gateway.engine.telling import stopping, told
from claude_gateway.errors import Conflict, GatewayError, InternalError, PayloadTooLarge
from claude_gateway.runs.gathering import Gathering
from claude_gateway.runs.kept import Kept
from claude_gateway.runs.live_log import LiveLog
from claude_gateway.runs.outcome import cost_of, final
from claude_gateway.types.events import Event, MessageStop
from claude_gateway.types.runs import Run
from claude_gateway.types.turns import Events, RunEnd, RunRecord, RunStatus
from claude_gateway.types.usage import Usage

log = logging.getLogger(__name__)

Ending: TypeAlias = Literal["cancelled", "interrupted"]
# Writes the answer for a client that does not stream: the message and what it cost.
Reply: TypeAlias = Callable[[Mapping[str, object], Decimal | None], Awaitable[bytes]]


@dataclass(frozen=True, slots=True)
class Work:
    """What there is to do: the model's events, how they are written, the account they are kept in.

    `batches` must not have been started. `message_id` is what the answer will be called. `kept` says
    what of it is kept before its end.
    """

    run: Run
    batches: AsyncGenerator[Sequence[Event]]
    encoder: Encoder
    message_id: str
    reply: Reply | None = None
    kept: Callable[[], Kept] = Kept


class Keeper(Protocol):
    """Who keeps the end of runs, and knows what they cost."""

    most_bytes: int

    @property
    def price(self) -> Callable[[str, Usage], Decimal | None]:
        """What a model's tokens cost in US dollars; None is unknown."""
        ...

    async def keep(self, end: RunEnd) -> GatewayError | None:
        """Store it; return why that was not possible."""
        ...

    def keep_later(self, end: RunEnd) -> None:
        """Store it as soon as that is possible again."""
        ...


class LiveRun:
    """One run; `record` is in its final state once it is over."""

    def __init__(self, record: RunRecord, work: Work, keeper: Keeper) -> None:
        self.record = record
        self.log = LiveLog()
        self.failure: GatewayError | None = None
        self.watchers = 0
        self._work = work
        self._keeper = keeper
        self._gathered = Gathering()
        self._logged = 0
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

    def start(self) -> asyncio.Task[None]:
        """Begin; the task ends when the run does, and never fails."""
        self._task = asyncio.create_task(self._live(), name=self.record.id)
        return self._task

    def cancel(self, why: Ending = "cancelled") -> None:
        """End it soon. What was said is kept; an end that is being stored is not disturbed."""
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
        if self._task is not None:
            await asyncio.wait([self._task])

    async def _live(self) -> None:
        status: RunStatus = "completed"
        try:
            await self._heard()
        except BaseException as exc:  # noqa: BLE001  # whatever it is, the run is over and kept
            status, self.failure = self._verdict(exc)
        self._finishing = True
        if self._task is not None:
            self._task.uncancel()
        await self._finish(status)

    async def _heard(self) -> None:
        self._living = True
        async with aclosing(self._work.batches) as batches:
            if self._ending is not None:
                raise asyncio.CancelledError
            async for batch in batches:
                self._take(batch)

    def _take(self, batch: Sequence[Event]) -> None:
        self._gathered.add(batch)
        if type(batch[-1]) is MessageStop:  # what it becomes is shown when all is stored
            self._last = batch[-1:]
            batch = batch[:-1]
        if frames := self._work.encoder.feed(batch):
            self._logged += len(frames)
            if self._logged > self._keeper.most_bytes:
                raise PayloadTooLarge(
                    f"The answer is longer than the {self._keeper.most_bytes} bytes kept of one.",
                    code="answer_too_large",
                )
            self.log.add(frames)

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
        cost = cost_of(work.run, self._keeper.price)
        reply = await self._replied(message, cost)
        end = self._end(status, message, cost=cost, reply=reply)
        trouble = await self._keeper.keep(end)
        if trouble is not None:
            self.failure = self.failure or trouble
            events = self._events(work.encoder.fail(trouble, self.record.request_id))
            end = replace(
                end, events=events, run=replace(end.run, last_event=self._last_of(events))
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
