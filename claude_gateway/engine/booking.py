"""The account of a turn: opened, closed, and told to whoever watches."""

from __future__ import annotations

import asyncio
import time

from claude_gateway.engine.deadline import in_time
from claude_gateway.engine.hearing import Hearing, tell, tell_round
from claude_gateway.engine.places import Places
from claude_gateway.errors import GatewayError, UpstreamError
from claude_gateway.types.runs import Run
from claude_gateway.types.usage import NOTHING


class Booking:
    """Tells the observers how a turn begins and ends, and turns what no plugin should let through.

    A connection error of a backend's would otherwise look like a client that has left.
    """

    __slots__ = ("_hearing", "_placed", "_places", "_run")

    def __init__(self, run: Run, hearing: Hearing, places: Places | None = None) -> None:
        self._run = run
        self._hearing = hearing
        self._places = places
        self._placed = False

    def __enter__(self) -> Booking:
        tell(self._hearing.beginnings, self._run)
        return self

    def place_now(self) -> bool:
        """Take a place among those that are answered, if there is one or none is needed."""
        places = self._places
        if places is None:
            return True
        self._placed = places.take_now()
        return self._placed

    async def place(self) -> None:
        """Wait for a place among those that are answered; at once where there is one."""
        places, run = self._places, self._run
        if self.place_now() or places is None:
            return
        since = time.monotonic()
        try:
            await in_time(lambda: places.take(run.principal.id), run.deadline)
        finally:
            run.queued += time.monotonic() - since
        self._placed = True

    def __exit__(
        self, _kind: type[BaseException] | None, exc: BaseException | None, _trace: object
    ) -> None:
        run = self._run
        run.ended = time.monotonic()
        if self._placed and self._places is not None:
            self._places.release()
        if exc is not None:
            run.error = code_of(exc)
        tell(self._hearing.ends, run)
        if exc is not None and isinstance(exc, OSError | TimeoutError):
            raise UpstreamError(
                f"The backend {run.served_backend or run.backend} lost its upstream ({type(exc).__name__})."
            ) from exc


class Upstream:
    """Takes the time of a call of the model's, from the first attempt to its end."""

    __slots__ = ("_began", "_run")

    def __init__(self, run: Run) -> None:
        self._run = run
        self._began = 0.0

    def __enter__(self) -> None:
        self._began = time.monotonic()
        if self._run.asked is None:
            self._run.asked = self._began

    def __exit__(self, *_how: object) -> None:
        self._run.upstream += time.monotonic() - self._began


class Round:
    """One stream of the model's: opened in the account, and told when it is over, well or not."""

    __slots__ = ("_hearing", "_run")

    def __init__(self, run: Run, hearing: Hearing) -> None:
        self._run = run
        self._hearing = hearing

    def __enter__(self) -> None:
        self._run.rounds = (*self._run.rounds, NOTHING)

    def __exit__(self, *_how: object) -> None:
        run = self._run
        tell_round(self._hearing.rounds, run, run.rounds[-1])


def code_of(exc: BaseException) -> str:
    """Return the code of an error as it reaches a turn."""
    if isinstance(exc, GatewayError):
        return exc.code
    if isinstance(exc, OSError | TimeoutError):
        return UpstreamError.default_code
    task = asyncio.current_task()
    if isinstance(exc, asyncio.CancelledError) and task is not None and not task.cancelling():
        return "internal_error"  # nobody cancelled this turn: a plugin let its own task's end out
    if isinstance(exc, GeneratorExit | asyncio.CancelledError):
        return "cancelled"
    return "internal_error"
