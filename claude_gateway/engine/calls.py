"""One call of a model: begun, or answered in one piece.

Made for every request, so the values here are none of them frozen dataclasses, which take three times as
long to make; those of which one becomes another are named tuples.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import AbstractContextManager, aclosing
from typing import NamedTuple

from claude_gateway.backends import Backend
from claude_gateway.engine.breaker import Breakers
from claude_gateway.engine.fallback import Alternative
from claude_gateway.engine.fold import Fold
from claude_gateway.errors import UpstreamError
from claude_gateway.types.events import Accepted, Event
from claude_gateway.types.requests import Answer, ModelRequest
from claude_gateway.types.values import value


class Asking(NamedTuple):
    """Who is asked what, and who else may be."""

    backend: Backend
    request: ModelRequest
    alternatives: Sequence[Alternative] = ()


class Begun(NamedTuple):
    """A stream, read up to the first event that a client would see. `call` is yours to enter, and leave."""

    backend: Backend
    request: ModelRequest
    call: AbstractContextManager[object]
    head: Sequence[Event]
    rest: AsyncGenerator[Sequence[Event]]


@value
class Whole:
    """An answer in one piece, and who gave it to what."""

    backend: Backend
    request: ModelRequest
    answer: Answer


async def begin(breakers: Breakers, backend: Backend, request: ModelRequest) -> Begun:
    """Ask for a stream, and wait for its first event."""
    call = breakers.of(backend.name).call()
    try:
        head, events = await _first(backend, request)
    except BaseException as exc:
        call.end(exc)
        raise
    call.heard()
    return Begun(backend, request, call, head, events)


async def at_once(breakers: Breakers, backend: Backend, request: ModelRequest) -> Whole:
    """Ask for an answer in one piece."""
    call = breakers.of(backend.name).call()
    try:
        if backend.complete is not None:
            answer = await backend.complete(request)
        else:
            answer = await folded(backend.stream(request))
    except BaseException as exc:
        call.end(exc)
        raise
    call.end(None)
    return Whole(backend, request, answer)


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
