"""One turn: ask the backend, keep the account, tell the observers."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from typing import TypeVar

from claude_gateway.backends import Backend
from claude_gateway.engine.account import account, note
from claude_gateway.engine.booking import Booking, safely
from claude_gateway.engine.breaker import Breaker, Breakers, Call
from claude_gateway.engine.deadline import in_time, until
from claude_gateway.engine.fold import Fold
from claude_gateway.engine.retry import retried
from claude_gateway.errors import GatewayError, InvalidRequest, UpstreamError
from claude_gateway.interfaces import Observer
from claude_gateway.types.events import Accepted, Event
from claude_gateway.types.requests import Answer, ModelRequest
from claude_gateway.types.runs import Run

T = TypeVar("T")

# Answers that may take longer than ten minutes in one piece are streamed inside: an idle connection
# is closed by some hop on the way. The figure is Anthropic's: 128,000 tokens take about an hour.
LONGEST_WHOLE_ANSWER = 128_000 * 10 // 60


class Engine:
    """Runs turns. Of them it holds no state, only what they tell of the backends."""

    def __init__(
        self, observers: Sequence[Observer], max_retries: int, breakers: Breakers | None = None
    ) -> None:
        """Without `breakers` no circuit ever opens."""
        self._observers = tuple(observers)
        self._max_retries = max_retries
        self._breakers = breakers or Breakers()
        self._breakers.listen(self._breaker_changed)

    async def stream(
        self, backend: Backend, request: ModelRequest, run: Run
    ) -> AsyncGenerator[Sequence[Event]]:
        """Yield batches of events; close the generator to stop the turn and let go of upstream.

        Nothing is yielded before the first event that a client may see, so an error raised before
        the first batch can still become a status.
        """
        breaker = self._breakers.of(backend.name)
        with self._booked(run):
            call, head, rest = await self._tried(lambda: _begin(backend, request, breaker), run)
            if run.deadline is not None:
                rest = until(rest, run.deadline)
            with call:
                async with aclosing(rest):
                    self._note(run, head)
                    yield head
                    async for batch in rest:
                        self._note(run, batch)
                        yield batch
                if not run.complete:
                    raise UpstreamError(
                        f"The backend {backend.name} ended the stream before the answer was whole.",
                        code="upstream_truncated",
                    )

    async def complete(
        self, backend: Backend, request: ModelRequest, run: Run, *, whole: bool = False
    ) -> Answer:
        """Answer in one piece; `whole` forbids streaming inside, however long the answer may be."""
        ask = backend.complete
        if ask is None or (request.max_tokens > LONGEST_WHOLE_ANSWER and not whole):
            return await self._folded(backend, request, run)
        breaker = self._breakers.of(backend.name)

        async def asked() -> Answer:
            with breaker.call():
                return await ask(request)

        with self._booked(run):
            answer = await self._tried(asked, run)
            account(run, answer)
        return answer

    async def count_tokens(self, backend: Backend, request: ModelRequest, run: Run) -> Answer:
        """Count a prompt; it is no turn, so no observer hears of it."""
        ask = backend.count_tokens
        if ask is None:
            raise InvalidRequest(
                f"The backend {backend.name} cannot count tokens.",
                code="unsupported",
                param="model",
            )
        breaker = self._breakers.of(backend.name)

        async def asked() -> Answer:
            with breaker.call():
                return await ask(request)

        return await in_time(lambda: retried(asked, self._max_retries, run), run.deadline)

    async def _folded(self, backend: Backend, request: ModelRequest, run: Run) -> Answer:
        fold = Fold()
        async with aclosing(self.stream(backend, request, run)) as batches:
            async for batch in batches:
                for event in batch:
                    fold.add(event)
        return fold.answer()

    async def _tried(self, call: Callable[[], Awaitable[T]], run: Run) -> T:
        return await in_time(
            lambda: retried(call, self._max_retries, run, self._retrying), run.deadline
        )

    def _note(self, run: Run, batch: Sequence[Event]) -> None:
        if note(run, batch):
            run.first_token = time.monotonic()
            for observer in self._observers:
                safely(observer.first_token, run)

    def _booked(self, run: Run) -> Booking:
        return Booking(run, self._observers)

    def _retrying(self, run: Run, error: GatewayError) -> None:
        for observer in self._observers:
            safely(observer.upstream_retried, run, error)

    def _breaker_changed(self, backend: str, state: str) -> None:
        for observer in self._observers:
            safely(observer.breaker_changed, backend, state)


async def _begin(
    backend: Backend, request: ModelRequest, breaker: Breaker
) -> tuple[Call, list[Event], AsyncGenerator[Sequence[Event]]]:
    """Read up to the first event that a client would see. The call is the caller's to end."""
    call = breaker.call()
    try:
        head, events = await _first(backend, request)
    except BaseException as exc:
        call.end(exc)
        raise
    call.heard()
    return call, head, events


async def _first(
    backend: Backend, request: ModelRequest
) -> tuple[list[Event], AsyncGenerator[Sequence[Event]]]:
    events = backend.stream(request)
    head: list[Event] = []
    try:
        while not head or all(type(event) is Accepted for event in head):
            head += await anext(events)
    except StopAsyncIteration:
        raise UpstreamError("The model's service closed the stream without an answer.") from None
    except BaseException:
        await events.aclose()
        raise
    return head, events
