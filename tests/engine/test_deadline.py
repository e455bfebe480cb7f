"""At the deadline a turn ends, wherever it is, and lets go of upstream."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING

import pytest

from claude_gateway import (
    OWNER,
    Event,
    ModelRequest,
    Overloaded,
    Run,
    UpstreamError,
    UpstreamTimeout,
)
from claude_gateway.backends import Backend
from claude_gateway.engine import Engine
from claude_gateway.engine.breaker import CLOSED, Breakers
from claude_gateway.engine.deadline import in_time

if TYPE_CHECKING:
    from tests.conftest import Completing, Scripted

ASKED = ModelRequest("m", {"max_tokens": 10})


def run(seconds: float) -> Run:
    now = time.monotonic()
    return Run("run_1", OWNER, "m", "s", "req_1", stream=True, started=now, deadline=now + seconds)


async def drained(stream: AsyncGenerator[Sequence[Event]]) -> None:
    async with aclosing(stream) as batches:
        async for _ in batches:
            pass


@pytest.mark.parametrize("seen", [0, 3], ids=["before the first byte", "after it"])
async def test_a_silent_upstream_is_closed_at_the_deadline(
    scripted: type[Scripted], seen: int
) -> None:
    fake = scripted([*scripted.saying("Hi")[:seen], asyncio.Event()])
    breakers, turn = Breakers(1, 10), run(0.05)
    with pytest.raises(UpstreamTimeout) as caught:
        await drained(Engine([], 2, breakers).stream(Backend.of("s", fake), ASKED, turn))
    assert (caught.value.code, turn.error) == ("deadline_exceeded", "deadline_exceeded")
    assert (fake.open, len(fake.asked)) == (0, 1)
    assert breakers.of("s").state == CLOSED


async def test_an_upstream_that_never_pauses_is_stopped_too(scripted: type[Scripted]) -> None:
    fake = scripted(scripted.saying(*["a"] * 100_000))
    with pytest.raises(UpstreamTimeout):
        await drained(Engine([], 0).stream(Backend.of("s", fake), ASKED, run(0.01)))
    assert fake.open == 0


async def test_retries_stop_at_the_deadline(scripted: type[Scripted]) -> None:
    fake = scripted([Overloaded("Busy.", retry_after=30)])
    with pytest.raises(UpstreamTimeout):
        await drained(Engine([], 5).stream(Backend.of("s", fake), ASKED, run(0.05)))
    assert len(fake.asked) == 1


async def test_an_answer_in_time_is_whole(scripted: type[Scripted]) -> None:
    stream = Engine([], 0).stream(Backend.of("s", scripted()), ASKED, run(60))
    assert [event async for batch in stream for event in batch] == scripted.saying("Hello")


async def test_whole_answers_and_counts_have_deadlines_too(completing: type[Completing]) -> None:
    engine, turn = Engine([], 5), run(0.05)
    for ask in (engine.complete, engine.count_tokens):
        backend = Backend.of("c", completing(Overloaded("Busy.", retry_after=30)))
        with pytest.raises(UpstreamTimeout):
            await ask(backend, ASKED, turn)


async def test_a_timeout_of_the_backends_own_is_none_of_the_deadlines(
    scripted: type[Scripted],
) -> None:
    stream = Engine([], 0).stream(Backend.of("s", scripted([TimeoutError()])), ASKED, run(60))
    with pytest.raises(UpstreamError, match="lost its upstream"):
        await anext(stream)


async def test_without_a_deadline_the_call_is_simply_made() -> None:
    async def call() -> int:
        return 1

    assert await in_time(call, None) == 1
    with pytest.raises(UpstreamTimeout):
        await in_time(call, time.monotonic())
