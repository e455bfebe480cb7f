"""One turn: ask the backend, keep the account, tell the observers."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from typing import TypeAlias, TypeVar

from claude_gateway.backends import Backend
from claude_gateway.engine.account import account, note
from claude_gateway.engine.booking import Booking, safely
from claude_gateway.engine.breaker import Breakers, Call
from claude_gateway.engine.deadline import in_time, until
from claude_gateway.engine.fallback import Alternative, answered
from claude_gateway.engine.fold import Fold
from claude_gateway.engine.retry import retried
from claude_gateway.errors import GatewayError, InvalidRequest, UpstreamError
from claude_gateway.interfaces import Observer
from claude_gateway.types.events import Accepted, Event
from claude_gateway.types.requests import Answer, ModelRequest
from claude_gateway.types.runs import Run

T = TypeVar("T")
Begun: TypeAlias = tuple[Call, list[Event], AsyncGenerator[Sequence[Event]]]

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
        self,
        backend: Backend,
        request: ModelRequest,
        run: Run,
        alternatives: Sequence[Alternative] = (),
    ) -> AsyncGenerator[Sequence[Event]]:
        """Yield batches of events; close the generator to stop the turn and let go of upstream.

        Nothing is yielded before the first event that a client may see, so an error raised before
        the first batch can still become a status, or be another model's to answer.
        """
        with self._booked(run):
            call, head, rest = await self._tried(self._begin, backend, request, run, alternatives)
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
                        f"The backend {run.served_backend or backend.name} ended the stream before "
                        "the answer was whole.",
                        code="upstream_truncated",
                    )

    async def complete(  # one call of a model, and what may be different about it
        self,
        backend: Backend,
        request: ModelRequest,
        run: Run,
        alternatives: Sequence[Alternative] = (),
        *,
        whole: bool = False,
    ) -> Answer:
        """Answer in one piece; `whole` forbids streaming inside, however long the answer may be."""
        too_long = request.max_tokens > LONGEST_WHOLE_ANSWER and not whole
        if backend.complete is None or too_long:
            return await self._folded(backend, request, run, alternatives)
        with self._booked(run):
            answer = await self._tried(self._at_once, backend, request, run, alternatives)
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

    async def _folded(
        self,
        backend: Backend,
        request: ModelRequest,
        run: Run,
        alternatives: Sequence[Alternative],
    ) -> Answer:
        return await folded(self.stream(backend, request, run, alternatives))

    async def _at_once(self, backend: Backend, request: ModelRequest) -> Answer:
        with self._breakers.of(backend.name).call():
            if backend.complete is not None:
                return await backend.complete(request)
            return await folded(backend.stream(request))

    async def _begin(self, backend: Backend, request: ModelRequest) -> Begun:
        """Read up to the first event that a client would see. The call is the caller's to end."""
        call = self._breakers.of(backend.name).call()
        try:
            head, events = await _first(backend, request)
        except BaseException as exc:
            call.end(exc)
            raise
        call.heard()
        return call, head, events

    async def _tried(
        self,
        ask: Callable[[Backend, ModelRequest], Awaitable[T]],
        backend: Backend,
        request: ModelRequest,
        run: Run,
        alternatives: Sequence[Alternative],
    ) -> T:
        """Ask, again if need be, and others if need be, until the deadline."""

        def tried(backend: Backend, request: ModelRequest) -> Awaitable[T]:
            return retried(lambda: ask(backend, request), self._max_retries, run, self._retrying)

        def first() -> Awaitable[T]:
            return tried(backend, request)

        if not alternatives:
            return await in_time(first, run.deadline)
        answer = await in_time(lambda: answered(tried, first, alternatives, run), run.deadline)
        if run.fallback is not None:
            for observer in self._observers:
                safely(observer.fell_back, run)
        return answer

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


async def folded(batches: AsyncGenerator[Sequence[Event]]) -> Answer:
    """Read a stream to its end, and fold it."""
    fold = Fold()
    async with aclosing(batches):
        async for batch in batches:
            for event in batch:
                fold.add(event)
    return fold.answer()


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
