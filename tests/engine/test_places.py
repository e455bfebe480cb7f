"""Places for turns, and the queue for them."""

from __future__ import annotations

import asyncio
import random

import pytest

from claude_gateway.engine.places import Places
from claude_gateway.errors import Unavailable


async def queued(places: Places, owner: str) -> asyncio.Task[None]:
    task = asyncio.create_task(places.take(owner))
    await asyncio.sleep(0)
    return task


async def test_whoever_waits_is_served_in_turn_with_others_however_many_they_send() -> None:
    places, order = Places(1, 100), []
    assert places.take_now()

    async def turn(owner: str) -> None:
        await places.take(owner)
        order.append(owner)
        places.release()

    tasks = [asyncio.create_task(turn("greedy")) for _ in range(6)]
    await asyncio.sleep(0)
    tasks.append(asyncio.create_task(turn("modest")))
    await asyncio.sleep(0)
    assert not places.take_now()
    places.release()
    await asyncio.gather(*tasks)
    assert order.index("modest") == 1
    assert (places.taken, places.waiting) == (0, 0)
    assert places.take_now()


async def test_nobody_overtakes_those_who_wait() -> None:
    places = Places(1, 10)
    assert places.take_now()
    waiting = await queued(places, "a")
    places.release()
    assert not places.take_now()
    await waiting
    assert places.taken == 1


async def test_when_the_queue_is_full_the_one_with_most_in_it_gives_way() -> None:
    places = Places(1, 3)
    assert places.take_now()
    greedy = [await queued(places, "greedy") for _ in range(3)]
    modest = await queued(places, "modest")
    with pytest.raises(Unavailable) as refused:
        await greedy[-1]
    assert refused.value.code == "queue_full"
    with pytest.raises(Unavailable):
        await places.take("greedy")
    for task in (*greedy[:-1], modest):
        places.release()
        await asyncio.sleep(0)
        assert not task.cancelled()
    await asyncio.gather(*greedy[:-1], modest)
    places.release()
    assert (places.taken, places.waiting) == (0, 0)


async def test_whoever_stops_waiting_leaves_no_gap_whenever_that_is() -> None:
    chance = random.Random(7)
    places, most = Places(3, 1000), 0

    async def turn(owner: str) -> None:
        nonlocal most
        if not places.take_now():
            await places.take(owner)
        most = max(most, places.taken)
        try:
            for _ in range(chance.randrange(4)):
                await asyncio.sleep(0)
        finally:
            places.release()

    tasks = []
    for _ in range(2000):
        tasks.append(asyncio.create_task(turn(chance.choice("abcd"))))
        if chance.random() < 0.5:
            chance.choice(tasks).cancel()
        if chance.random() < 0.5:
            await asyncio.sleep(0)
    await asyncio.gather(*tasks, return_exceptions=True)
    assert most == 3
    assert (places.taken, places.waiting) == (0, 0)
