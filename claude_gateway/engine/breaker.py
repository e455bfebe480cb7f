"""A circuit breaker for each backend: one that keeps failing is left alone for a while.

Closed: calls pass. After so many failures of upstream's in a row it is open: calls are refused at
once. When the cooldown is over it is half-open: one call passes, and its first byte closes the
circuit. Only a whole answer clears the count, so that an upstream which breaks off every answer in
the middle opens it as well.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from claude_gateway.engine.blame import CIRCUIT_OPEN, an_answer, upstreams_fault
from claude_gateway.errors import Unavailable
from claude_gateway.types.health import Health

log = logging.getLogger(__name__)

CLOSED, OPEN, HALF_OPEN = "closed", "open", "half-open"


class Breaker:
    """The circuit of one backend. `failures` 0 means that it never opens; times are seconds."""

    def __init__(
        self,
        backend: str,
        failures: int = 0,
        cooldown: float = 0.0,
        changed: Callable[[str, str], None] = lambda _backend, _state: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`changed` is told the backend and the new state."""
        self._backend = backend
        self._limit = failures
        self._cooldown = cooldown
        self._changed = changed
        self._clock = clock
        self._failures = 0
        self._until: float | None = None
        self._probing = False

    @property
    def state(self) -> str:
        """`closed`, `open` or `half-open`."""
        if self._until is None:
            return CLOSED
        return OPEN if self._clock() < self._until and not self._probing else HALF_OPEN

    def health(self) -> Health:
        """How it looks right now."""
        state = self.state
        if state == CLOSED:
            return Health(True, CLOSED)
        return Health(False, f"{state} after {self._failures} failures of upstream in a row")

    def call(self) -> Call:
        """Begin a call. Raises Unavailable while the circuit is open, or a probe is under way."""
        if self._until is None:
            return Call(self)
        left = self._until - self._clock()
        if left > 0:
            raise Unavailable(
                f"The backend {self._backend} keeps failing and is left alone for a moment. "
                "Try again later.",
                code=CIRCUIT_OPEN,
                retry_after=left,
            )
        # A probe that takes longer than this, as a long answer in one piece does, keeps nobody out.
        self._until = self._clock() + self._cooldown
        self._probing = True
        self._changed(self._backend, HALF_OPEN)
        return Call(self, probe=True)

    def close(self) -> None:
        """Let everybody in; until an answer was whole, one failure opens it again."""
        if self._until is not None:
            self._until, self._probing = None, False
            self._failures = self._limit - 1
            self._changed(self._backend, CLOSED)

    def succeeded(self) -> None:
        """An answer was whole."""
        if self._until is None:
            self._failures = 0

    def failed(self, *, probe: bool) -> None:
        """Upstream failed. What began before the circuit opened says nothing new."""
        if not self._limit or (self._until is not None and not probe):
            return
        self._failures = min(self._failures + 1, self._limit)
        if self._failures == self._limit:
            self._until, self._probing = self._clock() + self._cooldown, False
            self._changed(self._backend, OPEN)

    def released(self) -> None:
        """A probe ended without a verdict: the next call is one."""
        if self._until is not None:
            self._until, self._probing = self._clock(), False


class Call:
    """One call through a circuit; leave it, or `end` it, with what became of it."""

    __slots__ = ("_breaker", "_probe")

    def __init__(self, breaker: Breaker, probe: bool = False) -> None:
        self._breaker = breaker
        self._probe = probe

    def heard(self) -> None:
        """Upstream has begun to answer."""
        if self._probe:
            self._probe = False
            self._breaker.close()

    def end(self, exc: BaseException | None) -> None:
        """Book how it ended. A caller that left, or was wrong, says nothing about upstream."""
        if exc is None:
            if self._probe:
                self.heard()
            self._breaker.succeeded()
        elif upstreams_fault(exc):
            self._breaker.failed(probe=self._probe)
        elif an_answer(exc):
            self.heard()
        elif self._probe:
            self._breaker.released()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        exc: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.end(exc)


class Breakers:
    """One for each backend."""

    def __init__(
        self,
        failures: int = 0,
        cooldown: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._failures = failures
        self._cooldown = cooldown
        self._clock = clock
        self._all: dict[str, Breaker] = {}
        self._listener: Callable[[str, str], None] | None = None

    def of(self, backend: str) -> Breaker:
        """Return the backend's breaker, closed if it is new."""
        breaker = self._all.get(backend)
        if breaker is None:
            breaker = self._all[backend] = Breaker(
                backend,
                self._failures,
                self._cooldown,
                self._changed,
                self._clock,
            )
        return breaker

    def listen(self, listener: Callable[[str, str], None]) -> None:
        """Tell `listener` the backend and its new state when one changes."""
        self._listener = listener

    def _changed(self, backend: str, state: str) -> None:
        log.warning("circuit changed", extra={"backend": backend, "state": state})
        if self._listener is not None:
            self._listener(backend, state)
