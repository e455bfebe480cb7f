"""The end of a caller's patience.

Only waiting for upstream is bounded, one wait at a time: a timeout that was open across a `yield`
would cancel whatever the reader does by then.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from typing import TypeVar

from claude_gateway.engine.blame import DEADLINE
from claude_gateway.errors import UpstreamTimeout
from claude_gateway.types.events import Event

T = TypeVar("T")

NOTHING: Sequence[Event] = ()


async def in_time(call: Callable[[], Awaitable[T]], deadline: float | None) -> T:
    """Make `call`, and cancel it at `deadline` (monotonic seconds). Raises UpstreamTimeout."""
    if deadline is None:
        return await call()
    left = deadline - time.monotonic()
    if left <= 0:
        raise _too_late()
    patience = asyncio.timeout(left)
    try:
        async with patience:
            return await call()
    except TimeoutError:
        if not patience.expired():
            raise
        raise _too_late() from None


async def until(
    batches: AsyncGenerator[Sequence[Event]], deadline: float
) -> AsyncGenerator[Sequence[Event]]:
    """Yield what comes before the deadline. Cancelling the wait closes `batches`."""
    async with aclosing(batches):
        while batch := await in_time(lambda: _next(batches), deadline):
            yield batch


async def _next(batches: AsyncGenerator[Sequence[Event]]) -> Sequence[Event]:
    # Not `anext` with a default, which Python 3.11 breaks when the generator waits for nothing.
    try:
        return await anext(batches)
    except StopAsyncIteration:
        return NOTHING


def _too_late() -> UpstreamTimeout:
    return UpstreamTimeout(
        "The answer was not complete by the deadline. Allow more time, or ask for less.",
        code=DEADLINE,
        should_retry=False,
    )
