"""Ask a backend by the rules: its circuit, further attempts, other models, the deadline."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TypeAlias, TypeVar

from claude_gateway.backends import Backend
from claude_gateway.engine.breaker import Breakers
from claude_gateway.engine.calls import Asking, Begun, Whole, at_once, begin
from claude_gateway.engine.deadline import in_time
from claude_gateway.engine.fallback import answered
from claude_gateway.engine.hearing import safely
from claude_gateway.engine.retry import retried, retried_after
from claude_gateway.engine.thinking import bound, rejects, without_thinking
from claude_gateway.errors import GatewayError, InvalidRequest
from claude_gateway.interfaces import Observer
from claude_gateway.types.requests import Answer, ModelRequest
from claude_gateway.types.runs import Run

T = TypeVar("T")
Ask: TypeAlias = Callable[[Breakers, Backend, ModelRequest], Awaitable[T]]


class Caller:
    """Makes calls, and tells the observers what it took."""

    def __init__(self, observers: Sequence[Observer], max_retries: int, breakers: Breakers) -> None:
        self._observers = observers
        self._max_retries = max_retries
        self._breakers = breakers
        self._breakers.listen(self._breaker_changed)

    def begin(self, asking: Asking, run: Run) -> Awaitable[Begun]:
        """Begin a stream: read up to the first event that a client would see."""
        return self._tried(begin, asking, run)

    def at_once(self, asking: Asking, run: Run) -> Awaitable[Whole]:
        """Get an answer in one piece."""
        return self._tried(at_once, asking, run)

    async def count_tokens(self, backend: Backend, request: ModelRequest, run: Run) -> Answer:
        """Count a prompt."""
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

        return await in_time(partial(retried, asked, self._max_retries, run), run.deadline)

    def _tried(self, ask: Ask[T], asking: Asking, run: Run) -> Awaitable[T]:
        """Ask, again if need be, and others if need be, until the deadline."""
        if asking.alternatives:
            return self._or_others(ask, asking, run)
        if run.deadline is None:
            return self._of(ask, run, asking.backend, asking.request)
        first = partial(self._of, ask, run, asking.backend, asking.request)
        return in_time(first, run.deadline)

    async def _or_others(self, ask: Ask[T], asking: Asking, run: Run) -> T:
        """Ask; when it is upstream that fails, ask others in its place."""
        tried = partial(self._of, ask, run)
        first = partial(tried, asking.backend, asking.request)
        answer = await in_time(
            partial(answered, tried, first, asking.alternatives, run), run.deadline
        )
        if run.fallback is not None:
            for observer in self._observers:
                safely(observer.fell_back, run)
        return answer

    async def _of(self, ask: Ask[T], run: Run, backend: Backend, request: ModelRequest) -> T:
        """Ask one backend: again if need be, and then without thinking, if need be."""
        sent = bound(request)
        try:
            return await ask(self._breakers, backend, sent)
        except GatewayError as exc:
            failed = [exc]
        call = partial(ask, self._breakers, backend, sent)
        try:
            return await retried_after(failed, call, self._max_retries, run, self._retrying)
        except GatewayError as exc:
            if not rejects(exc, request):
                raise
            self._retrying(run, exc)
        run.retries += 1
        call = partial(ask, self._breakers, backend, without_thinking(request, run))
        return await retried(call, self._max_retries, run, self._retrying)

    def _retrying(self, run: Run, error: GatewayError) -> None:
        for observer in self._observers:
            safely(observer.upstream_retried, run, error)

    def _breaker_changed(self, backend: str, state: str) -> None:
        for observer in self._observers:
            safely(observer.breaker_changed, backend, state)
