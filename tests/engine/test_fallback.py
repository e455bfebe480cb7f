"""Another model answers while nothing has been sent, and only when it is upstream that failed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from typing import TYPE_CHECKING

import pytest

from claude_gateway import (
    OWNER,
    GatewayError,
    InvalidRequest,
    ModelRequest,
    Observer,
    Overloaded,
    RateLimited,
    Run,
    UpstreamError,
)
from claude_gateway.backends import Backend
from claude_gateway.engine import Engine
from claude_gateway.engine.breaker import Breakers
from claude_gateway.engine.fallback import Alternative

if TYPE_CHECKING:
    from tests.conftest import Completing, Scripted

ASKED = ModelRequest("m", {"max_tokens": 10})
BUSY = Overloaded("Busy.", retry_after=0)


class Diary(Observer):
    def __init__(self) -> None:
        self.said: list[str] = []

    def fell_back(self, run: Run) -> None:
        self.said.append(f"{run.model} -> {run.fallback} of {run.served_backend}")


@pytest.fixture
def run() -> Run:
    return Run("run_1", OWNER, "m", "first", "req_1", stream=True, started=0.0)


def other(fake: Scripted, request: Callable[[], ModelRequest] = lambda: ASKED) -> Alternative:
    return Alternative("n", Backend.of("second", fake), request)


async def drained(engine: Engine, fake: Scripted, run: Run, *others: Alternative) -> int:
    async with aclosing(engine.stream(Backend.of("first", fake), ASKED, run, others)) as batches:
        return len([batch async for batch in batches])


@pytest.mark.parametrize("failure", [BUSY, UpstreamError("x"), ConnectionResetError()], ids=repr)
async def test_another_model_answers_when_upstream_fails(
    scripted: type[Scripted], run: Run, failure: Exception
) -> None:
    diary, second = Diary(), scripted()
    asked = ModelRequest("n", {"max_tokens": 5})
    await drained(Engine([diary], 0), scripted([failure]), run, other(second, lambda: asked))
    assert second.asked == [asked]
    assert diary.said == ["m -> n of second"]
    assert (run.fallback, run.served_backend, run.error, run.complete) == (
        "n",
        "second",
        None,
        True,
    )


@pytest.mark.parametrize(
    "failure",
    [InvalidRequest("x"), RateLimited("x"), UpstreamError("x", code="upstream_auth_error")],
    ids=repr,
)
async def test_what_is_not_upstreams_fault_goes_to_nobody_else(
    scripted: type[Scripted], run: Run, failure: GatewayError
) -> None:
    second = scripted()
    with pytest.raises(type(failure)):
        await drained(Engine([], 0), scripted([failure]), run, other(second))
    assert (second.asked, run.fallback) == ([], None)


async def test_nobody_else_is_asked_after_the_first_byte(
    scripted: type[Scripted], run: Run
) -> None:
    first, second = scripted([*scripted.saying("Hi")[:3], BUSY]), scripted()
    with pytest.raises(Overloaded):
        await drained(Engine([], 0), first, run, other(second))
    assert second.asked == []


async def test_an_open_circuit_leads_to_the_fallback_at_once(
    scripted: type[Scripted], run: Run
) -> None:
    first, second = scripted([BUSY]), scripted()
    engine = Engine([], 0, Breakers(1, 10))
    for _ in range(3):
        await drained(engine, first, run, other(second))
    assert (len(first.asked), len(second.asked)) == (1, 3)


async def test_when_nobody_answers_the_first_failure_is_told(
    scripted: type[Scripted], run: Run
) -> None:
    def impossible() -> ModelRequest:
        raise InvalidRequest("This model takes no such thing.")

    wrong, failing = scripted([InvalidRequest("Wrong.")]), scripted([UpstreamError("Down.")])
    others = [other(scripted(), impossible), other(wrong), other(failing)]
    with pytest.raises(Overloaded):
        await drained(Engine([], 0), scripted([BUSY]), run, *others)
    assert (run.error, run.fallback) == ("overloaded", None)
    assert (wrong.open, failing.open) == (0, 0)


async def test_whole_answers_fall_back_too_also_to_a_backend_that_only_streams(
    completing: type[Completing], scripted: type[Scripted], run: Run
) -> None:
    first = Backend.of("first", completing(BUSY, BUSY))
    for second in (scripted(), completing()):
        answer = await Engine([], 0).complete(first, ASKED, run, [other(second)])
        assert answer.message["content"] == [{"type": "text", "text": "Hello"}]
    assert run.fallback == "n"


async def test_a_fallback_that_loses_its_upstream_later_is_the_one_that_is_named(
    scripted: type[Scripted], run: Run
) -> None:
    second = scripted([*scripted.saying("Hi")[:3], ConnectionResetError()])
    with pytest.raises(UpstreamError, match="backend second lost"):
        await drained(Engine([], 0), scripted([BUSY]), run, other(second))


async def test_a_client_that_leaves_meanwhile_closes_everything(
    scripted: type[Scripted], run: Run
) -> None:
    second = scripted([asyncio.Event()])
    turn = asyncio.create_task(drained(Engine([], 0), scripted([BUSY]), run, other(second)))
    while not second.open:
        await asyncio.sleep(0)
    turn.cancel()
    with pytest.raises(asyncio.CancelledError):
        await turn
    assert second.open == 0
