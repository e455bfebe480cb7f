"""One run at a time in a session."""

from __future__ import annotations

import asyncio

import pytest

from claude_gateway.errors import Conflict
from claude_gateway.runs.claims import Claims

PLACE = ("owner", "s")


def test_a_session_is_taken_once_and_free_again_when_released() -> None:
    claims = Claims()
    claim = claims.take(PLACE)
    with pytest.raises(Conflict) as refused:
        claims.take(PLACE)
    assert refused.value.code == "session_busy"
    assert not refused.value.should_retry
    claims.take(("somebody else", "s"))
    claim.release()
    claim.release()
    claims.take(PLACE)


async def test_those_who_queue_are_let_in_one_after_the_other() -> None:
    claims = Claims()
    first = claims.take(PLACE)
    order: list[int] = []

    async def turn(number: int) -> None:
        claim = await claims.take_in_turn(PLACE)
        order.append(number)
        await asyncio.sleep(0)
        claim.release()

    waiting = [asyncio.create_task(turn(n)) for n in range(3)]
    await asyncio.sleep(0)
    assert not order
    first.release()
    await asyncio.gather(*waiting)
    assert sorted(order) == [0, 1, 2]
    assert not claims.busy(PLACE)


async def test_a_queue_has_an_end() -> None:
    claims = Claims(most_waiting=1)
    claim = claims.take(PLACE)
    waiting = asyncio.create_task(claims.take_in_turn(PLACE))
    await asyncio.sleep(0)
    with pytest.raises(Conflict):
        await claims.take_in_turn(PLACE)
    waiting.cancel()
    await asyncio.wait([waiting])
    claim.release()
    (await claims.take_in_turn(PLACE)).release()
