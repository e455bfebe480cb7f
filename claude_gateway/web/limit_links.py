"""What workers say to each other about limits: a line of JSON for each thing, over a connection that stays."""

from __future__ import annotations

import asyncio
import logging
from asyncio import StreamReader, StreamWriter
from collections.abc import Sequence
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import orjson

from claude_gateway.access.limiter import Admission, LocalLimiter, Quota
from claude_gateway.errors import RateLimited
from claude_gateway.types.principals import UNLIMITED, Limits, Principal

log = logging.getLogger(__name__)

# Seconds for an answer: to count in another place is better than to have somebody wait. A worker that has never
# been there is starting, and waited for.
PATIENCE, AT_THE_START, TRY_EVERY = 1.0, 20.0, 0.05
RECENT = 1024  # requests that can still be withdrawn; that happens at once, or not at all


class Link:
    """The connection to one other worker, opened when it is needed."""

    def __init__(self, address: Path) -> None:
        self._address = str(address)
        self._numbers = count()
        self._waiting: dict[int, asyncio.Future[dict[str, Any] | None]] = {}
        self._opening = asyncio.Lock()
        self._was_there = False
        self._writer: StreamWriter | None = None
        self._reading: asyncio.Task[None] | None = None

    async def admit(self, who: Principal, turn: int | None) -> Admission | None:
        """Ask for a request to be counted. None when nobody answers."""
        number = next(self._numbers)
        answer: asyncio.Future[dict[str, Any] | None] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        limits, of_user = _figures(who.limits), _figures(who.user_limits)
        try:
            async with asyncio.timeout(PATIENCE if self._was_there else AT_THE_START):
                async with self._opening:
                    writer = self._writer or await self._open()
                _say(
                    writer,
                    admit=number,
                    id=who.id,
                    key=who.key_id,
                    limits=limits,
                    user=of_user,
                    turn=turn,
                )
                said = await answer
        except (OSError, TimeoutError):
            self.close()
            return None
        finally:
            self._waiting.pop(number, None)
        return None if said is None else self._admission(number, said, turn)

    def close(self) -> None:
        """Hang up: whatever this worker had admitted is over then."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None
        if self._reading is not None:
            self._reading.cancel()
            self._reading = None
        self._nobody_answers()

    async def _open(self) -> StreamWriter:
        reader, writer = await self._reached()
        self._was_there = True
        self._writer = writer
        self._reading = asyncio.create_task(self._read(reader, writer))
        return writer

    async def _reached(self) -> tuple[StreamReader, StreamWriter]:
        while True:
            try:
                return await asyncio.open_unix_connection(self._address)
            except (FileNotFoundError, ConnectionRefusedError):
                if self._was_there:
                    raise
            await asyncio.sleep(TRY_EVERY)

    async def _read(self, reader: StreamReader, writer: StreamWriter) -> None:
        try:
            while line := await reader.readline():
                said = orjson.loads(line)
                answer = self._waiting.get(said["admit"])
                if answer is not None and not answer.done():
                    answer.set_result(said)
        except ConnectionError:
            log.debug("a worker hung up")
        writer.close()
        if self._writer is writer:
            self._writer = None
            self._nobody_answers()

    def _nobody_answers(self) -> None:
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_result(None)

    def _admission(self, number: int, said: dict[str, Any], turn: int | None) -> Admission:
        requests, tokens = (Quota(*q) if q else None for q in (said["requests"], said["tokens"]))
        if said["refusal"] is not None:
            message, code, after = said["refusal"]
            refusal = RateLimited(message, code=code, retry_after=after)
            return Admission(requests, tokens, refusal=refusal)
        permit = None if turn is None else _FarPermit(self, number)
        withdraw = partial(self.tell, withdrawn=number)
        return Admission(requests, tokens, permit, withdraw=withdraw)

    def tell(self, **what: int) -> None:
        """Say something that is not answered. Where nobody is, there is nothing to take note of."""
        if self._writer is not None:
            _say(self._writer, **what)


class _FarPermit:
    """One turn that another worker counts."""

    __slots__ = ("_link", "_number", "_over", "kept")

    def __init__(self, link: Link, number: int) -> None:
        self.kept = False
        self._link = link
        self._number = number
        self._over = False

    def over(self, tokens: int) -> None:
        if not self._over:
            self._over = True
            self._link.tell(over=self._number, tokens=tokens)


class _Asker:
    """What one other worker has had admitted here, by its numbers."""

    def __init__(self, limiter: LocalLimiter) -> None:
        self._limiter = limiter
        self._turns: dict[int, tuple[Admission, int]] = {}
        self._recent: dict[int, Admission] = {}

    async def admit(self, said: dict[str, Any]) -> dict[str, object]:
        """Decide, and return the answer."""
        limits, of_user = _limits(said["limits"]), _limits(said["user"])
        who = Principal(said["id"], "", limits=limits, user_limits=of_user, key_id=said["key"])
        number, turn = said["admit"], said["turn"]
        admission = await self._limiter.admit(who, turn)
        if admission.refusal is None and turn is not None:
            self._turns[number] = admission, turn
        elif admission.refusal is None:
            self._recent[number] = admission
            if len(self._recent) > RECENT:
                del self._recent[next(iter(self._recent))]
        return _written(number, admission)

    def over(self, number: int, tokens: int) -> None:
        """A turn has ended."""
        admission, _ = self._turns.pop(number, (None, 0))
        if admission is not None and admission.permit is not None:
            admission.permit.over(tokens)

    def withdrawn(self, number: int) -> None:
        """A request is counted elsewhere; when it was a turn, that was said to be over before."""
        admission, _ = self._turns.pop(number, (self._recent.pop(number, None), 0))
        if admission is not None and admission.withdraw is not None:
            admission.withdraw()

    def gone(self) -> None:
        """It has died: its turns are over, and cost what was guessed."""
        for admission, guess in self._turns.values():
            if admission.permit is not None:
                admission.permit.over(guess)


class Answering:
    """Answers the other workers, each on a connection of its own."""

    def __init__(self, limiter: LocalLimiter) -> None:
        self._limiter = limiter
        self._open: dict[StreamWriter, asyncio.Task[object] | None] = {}

    async def __call__(self, reader: StreamReader, writer: StreamWriter) -> None:
        """Answer one of them until it hangs up."""
        self._open[writer] = asyncio.current_task()
        asker = _Asker(self._limiter)
        try:
            while line := await reader.readline():
                said = orjson.loads(line)
                if "admit" in said:
                    writer.write(orjson.dumps(await asker.admit(said)) + b"\n")
                elif "over" in said:
                    asker.over(said["over"], said["tokens"])
                else:
                    asker.withdrawn(said["withdrawn"])
        except ConnectionError:
            log.debug("a worker hung up")
        finally:
            del self._open[writer]
            asker.gone()
            writer.close()

    async def close(self) -> None:
        """Hang up, and wait until everybody has noticed: nobody is cancelled in the middle of a word."""
        tasks = [task for task in self._open.values() if task is not None]
        for writer in list(self._open):
            writer.close()
        if tasks:
            await asyncio.wait(tasks)


def _figures(limits: Limits) -> tuple[int | None, ...] | None:
    return None if limits is UNLIMITED else (limits.rpm, limits.tpm, limits.max_concurrent)


def _limits(figures: Sequence[int | None] | None) -> Limits:
    if figures is None:
        return UNLIMITED
    rpm, tpm, most = figures
    return Limits(rpm, tpm, most)


def _written(number: int, admission: Admission) -> dict[str, object]:
    refusal = admission.refusal
    return {
        "admit": number,
        "requests": _quota(admission.requests),
        "tokens": _quota(admission.tokens),
        "refusal": refusal and (refusal.message, refusal.code, refusal.retry_after),
    }


def _quota(quota: Quota | None) -> tuple[int, int, float] | None:
    return None if quota is None else (quota.limit, quota.remaining, quota.reset)


def _say(writer: StreamWriter, **what: object) -> None:
    writer.write(orjson.dumps(what) + b"\n")
