"""What is done again and again is done once more at the end, and never broken off."""

from __future__ import annotations

import asyncio

import pytest

from claude_gateway.repeating import repeated


class Acts:
    """Counts; waits in the middle when it is told to."""

    def __init__(self) -> None:
        self.begun = self.ended = 0
        self.began = asyncio.Event()
        self.may_end = asyncio.Event()
        self.may_end.set()

    async def act(self) -> None:
        self.begun += 1
        self.began.set()
        await self.may_end.wait()
        self.ended += 1


async def test_it_acts_every_so_often_and_once_more() -> None:
    acts = Acts()
    async with repeated(acts.act, 0.001):
        while acts.ended < 3:
            await acts.began.wait()
            await asyncio.sleep(0)
    assert acts.ended == acts.begun >= 4


async def test_who_leaves_early_has_it_done_once() -> None:
    acts = Acts()
    async with repeated(acts.act, 3_600):
        pass
    assert (acts.begun, acts.ended) == (1, 1)


async def test_what_has_begun_is_finished_before_the_last_time() -> None:
    acts = Acts()
    acts.may_end.clear()
    async with repeated(acts.act, 0.001):
        await acts.began.wait()
        asyncio.get_running_loop().call_soon(acts.may_end.set)
    assert (acts.begun, acts.ended) == (2, 2)


async def test_a_defect_comes_out() -> None:
    async def broken() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        async with repeated(broken, 3_600):
            pass
