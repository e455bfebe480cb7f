"""One turn: ask the backend, keep the account, tell the observers."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing

from claude_gateway.backends import Backend
from claude_gateway.engine.account import account, note
from claude_gateway.engine.fold import Fold
from claude_gateway.engine.retry import retried
from claude_gateway.errors import GatewayError, InvalidRequest, UpstreamError
from claude_gateway.interfaces import Observer
from claude_gateway.types.events import Accepted, Event
from claude_gateway.types.requests import Answer, ModelRequest
from claude_gateway.types.runs import Run

log = logging.getLogger(__name__)

# Answers that may take longer than ten minutes in one piece are streamed inside: an idle connection
# is closed by some hop on the way. The figure is Anthropic's: 128,000 tokens take about an hour.
LONGEST_WHOLE_ANSWER = 128_000 * 10 // 60


class Engine:
    """Runs turns. Holds no state of any of them."""

    def __init__(self, observers: Sequence[Observer], max_retries: int) -> None:
        self._observers = tuple(observers)
        self._max_retries = max_retries

    async def stream(
        self, backend: Backend, request: ModelRequest, run: Run
    ) -> AsyncGenerator[Sequence[Event]]:
        """Yield batches of events; close the generator to stop the turn and let go of upstream.

        Nothing is yielded before the first event that a client may see, so an error raised before
        the first batch can still become a status.
        """
        with self._booked(run):
            head, rest = await retried(lambda: _begin(backend, request), self._max_retries, run)
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
        call = backend.complete
        if call is None or (request.max_tokens > LONGEST_WHOLE_ANSWER and not whole):
            return await self._folded(backend, request, run)
        with self._booked(run):
            answer = await retried(lambda: call(request), self._max_retries, run)
            account(run, answer)
        return answer

    async def count_tokens(self, backend: Backend, request: ModelRequest, run: Run) -> Answer:
        """Count a prompt; it is no turn, so no observer hears of it."""
        call = backend.count_tokens
        if call is None:
            raise InvalidRequest(
                f"The backend {backend.name} cannot count tokens.",
                code="unsupported",
                param="model",
            )
        return await retried(lambda: call(request), self._max_retries, run)

    async def _folded(self, backend: Backend, request: ModelRequest, run: Run) -> Answer:
        fold = Fold()
        async with aclosing(self.stream(backend, request, run)) as batches:
            async for batch in batches:
                for event in batch:
                    fold.add(event)
        return fold.answer()

    def _note(self, run: Run, batch: Sequence[Event]) -> None:
        if note(run, batch):
            run.first_token = time.monotonic()
            for observer in self._observers:
                _safely(observer.first_token, run)

    def _booked(self, run: Run) -> _Booking:
        return _Booking(run, self._observers)


class _Booking:
    """Tells the observers how a turn begins and ends, and turns what no plugin should let through.

    A connection error of a backend's would otherwise look like a client that has left.
    """

    __slots__ = ("_observers", "_run")

    def __init__(self, run: Run, observers: Sequence[Observer]) -> None:
        self._run = run
        self._observers = observers

    def __enter__(self) -> None:
        for observer in self._observers:
            _safely(observer.run_started, self._run)

    def __exit__(
        self, _kind: type[BaseException] | None, exc: BaseException | None, _trace: object
    ) -> None:
        run = self._run
        run.ended = time.monotonic()
        foreign = isinstance(exc, OSError | TimeoutError)
        if exc is not None:
            run.error = UpstreamError.default_code if foreign else _code(exc)
        for observer in self._observers:
            _safely(observer.run_ended, run)
        if foreign:
            raise UpstreamError(
                f"The backend {run.backend} lost its upstream ({type(exc).__name__})."
            ) from exc


async def _begin(
    backend: Backend, request: ModelRequest
) -> tuple[list[Event], AsyncGenerator[Sequence[Event]]]:
    """Read up to the first event that a client would see."""
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


def _code(exc: BaseException) -> str:
    if isinstance(exc, GatewayError):
        return exc.code
    if isinstance(exc, GeneratorExit | asyncio.CancelledError):
        return "cancelled"
    return "internal_error"


def _safely(tell: Callable[[Run], None], run: Run) -> None:
    try:
        tell(run)
    except Exception:
        log.exception("an observer failed", extra={"observer": getattr(tell, "__qualname__", "?")})
