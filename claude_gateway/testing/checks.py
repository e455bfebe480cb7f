"""Single things that a backend must get right, each raising AssertionError with what is wrong."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing

from claude_gateway.errors import GatewayError
from claude_gateway.types.events import Event
from claude_gateway.types.requests import Answer

# How long a backend may take to let go of its upstream, in seconds.
LET_GO_WITHIN = 1.0


def check_counts(usage: Mapping[str, object]) -> None:
    """Raise AssertionError unless every count, also a nested one, is a whole number from 0."""
    for name, value in usage.items():
        if isinstance(value, Mapping):
            check_counts(value)
        elif name.endswith("_tokens") and value is not None:
            fine = type(value) is int and value >= 0
            assert fine, f"{name} is {value!r}, not a whole number from 0 up."


def check_body(answer: Answer) -> None:
    """Raise AssertionError unless `body` is the message as JSON."""
    assert json.loads(answer.body) == answer.message, (
        f"The answer's body is not its message as JSON: {answer.body!r:.200}"
    )


def check_error(exc: Exception) -> None:
    """Raise AssertionError unless this error is one that a client can be told."""
    assert isinstance(exc, GatewayError), (
        f"{type(exc).__name__} came out of the backend; it must be turned into a GatewayError: {exc}"
    )
    assert str(exc).strip(), f"{type(exc).__name__} has no message."


async def one_by_one(batches: AsyncGenerator[Sequence[Event]]) -> AsyncGenerator[Event]:
    """Unpack batches, none of which may be empty."""
    async with aclosing(batches):
        async for batch in batches:
            assert len(batch) > 0, "stream_batches() gave an empty batch."
            for event in batch:
                yield event


async def cancel_the_wait(stream: AsyncGenerator[Event]) -> None:
    """Cancel where the stream waits first; one that never waits is read to its end."""
    while True:
        waiting = asyncio.create_task(_next(stream))
        await asyncio.sleep(0)
        if not waiting.done():
            break
        if waiting.result() is None:
            return
    waiting.cancel()
    done, _ = await asyncio.wait({waiting}, timeout=LET_GO_WITHIN)
    assert done, f"A cancelled stream went on for more than {LET_GO_WITHIN:g} s."
    assert waiting.cancelled(), "The stream swallowed its cancellation (CancelledError)."


async def _next(stream: AsyncGenerator[Event]) -> Event | None:
    return await anext(stream, None)
