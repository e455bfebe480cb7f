"""Limits of several workers: counted in one place, over real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from claude_gateway.access.limiter import Admission, LocalLimiter
from claude_gateway.types.principals import Limits, Principal
from claude_gateway.web import limit_links
from claude_gateway.web.shared_limits import SharedLimiter


@dataclass
class Homes:
    """Two workers; whoever's id begins with a number is at home there."""

    index: int
    folder: Path

    @property
    def others(self) -> list[int]:
        return [1 - self.index]

    def home(self, name: str) -> int:
        return int(name[0])


Pair = tuple[SharedLimiter, SharedLimiter]


@pytest_asyncio.fixture
async def pair(tmp_path: Path) -> AsyncGenerator[Pair]:
    async with AsyncExitStack() as stack:
        both = [SharedLimiter(LocalLimiter(), Homes(index, tmp_path)) for index in (0, 1)]
        for one in both:
            await stack.enter_async_context(one.shared())
        yield both[0], both[1]


def caller(limits: Limits, home: int = 0, key: str = "k") -> Principal:
    return Principal(f"{home}-user", "somebody", limits=limits, key_id=key)


async def allowed(limiter: SharedLimiter, who: Principal, turn: int | None = None) -> Admission:
    admission = await limiter.admit(who, turn)
    assert admission.refusal is None, admission.refusal
    return admission


async def code(limiter: SharedLimiter, who: Principal, turn: int | None = None) -> str:
    admission = await limiter.admit(who, turn)
    assert admission.refusal is not None
    assert admission.permit is None
    return admission.refusal.code


async def settled(limiter: SharedLimiter, who: Principal, left: int) -> None:
    """Wait until so many requests are left, as whoever counts them sees it."""
    async with asyncio.timeout(5):
        while True:
            admission = await allowed(limiter, who)
            assert admission.requests is not None
            assert admission.withdraw is not None
            admission.withdraw()
            if admission.requests.remaining == left - 1:
                return
            await asyncio.sleep(0.01)


async def test_requests_are_counted_together_whichever_worker_is_asked(pair: Pair) -> None:
    for home in (0, 1):
        who = caller(Limits(rpm=5), home)
        answers = await asyncio.gather(*(pair[n % 2].admit(who) for n in range(20)))
        assert sum(answer.refusal is None for answer in answers) == 5


async def test_limits_of_a_user_are_counted_together_as_well(pair: Pair) -> None:
    for home in (0, 1):
        who = Principal(f"{home}-user", "somebody", user_limits=Limits(rpm=5), key_id="k")
        answers = await asyncio.gather(*(pair[n % 2].admit(who) for n in range(20)))
        assert sum(answer.refusal is None for answer in answers) == 5


async def test_where_a_caller_stands_is_said_as_it_is_everywhere(pair: Pair) -> None:
    who = caller(Limits(rpm=3, tpm=100))
    here, there = await allowed(pair[0], who, 30), await allowed(pair[1], who, 30)
    assert here.requests is not None
    assert there.requests is not None
    assert there.tokens is not None
    assert (here.requests.remaining, there.requests.remaining) == (2, 1)
    assert (there.tokens.limit, there.tokens.remaining) == (100, 40)
    refusal = (await pair[1].admit(who, 50)).refusal
    assert refusal is not None
    assert (refusal.status, refusal.code) == (429, "rate_limit_exceeded")
    assert "100 tokens a minute" in refusal.message
    assert 1 <= (refusal.retry_after or 0) <= 61


async def test_a_turn_is_over_wherever_it_was_made(pair: Pair) -> None:
    who = caller(Limits(max_concurrent=2, tpm=1000))
    first, second = await allowed(pair[0], who, 10), await allowed(pair[1], who, 10)
    assert [await code(one, who, 10) for one in pair] == ["too_many_concurrent"] * 2
    assert first.permit is not None
    assert second.permit is not None
    second.permit.over(400)
    second.permit.over(400)  # the first call counts
    async with asyncio.timeout(5):
        while (third := await pair[0].admit(who, 10)).refusal is not None:
            await asyncio.sleep(0.01)
    assert third.tokens is not None
    assert third.tokens.remaining == 1000 - 10 - 400 - 10


async def test_what_is_withdrawn_was_never_counted(pair: Pair) -> None:
    who = caller(Limits(rpm=3, max_concurrent=1))
    for limiter in pair:
        for turn in (None, 10):
            admission = await allowed(limiter, who, turn)
            assert admission.withdraw is not None
            admission.withdraw()
            await settled(limiter, who, 3)
    await allowed(pair[0], who, 10)
    assert await code(pair[1], who, 10) == "too_many_concurrent"


async def test_the_turns_of_a_worker_that_dies_are_over(tmp_path: Path) -> None:
    who = caller(Limits(max_concurrent=2))
    home = SharedLimiter(LocalLimiter(), Homes(0, tmp_path))
    async with home.shared():
        dying = SharedLimiter(LocalLimiter(), Homes(1, tmp_path))
        async with dying.shared():
            await allowed(dying, who, 1)
            await allowed(dying, who, 1)
            assert await code(home, who, 1) == "too_many_concurrent"
        async with asyncio.timeout(5):
            while (await home.admit(who, 1)).refusal is not None:
                await asyncio.sleep(0.01)


async def test_each_counts_by_itself_until_the_one_that_counts_is_there_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limit_links, "AT_THE_START", 0.2)
    who = caller(Limits(rpm=2))
    other = SharedLimiter(LocalLimiter(), Homes(1, tmp_path))
    async with other.shared():
        for _ in range(2):
            await allowed(other, who)
        assert await code(other, who) == "rate_limit_exceeded"
        home = SharedLimiter(LocalLimiter(), Homes(0, tmp_path))
        async with home.shared():
            await allowed(other, who)
            await allowed(home, who)
            assert await code(other, who) == "rate_limit_exceeded"
        while (await other.admit(who)).refusal is None:  # as it had counted before
            await asyncio.sleep(0)


async def test_one_that_is_starting_is_waited_for(tmp_path: Path) -> None:
    who = caller(Limits(rpm=5))
    first = SharedLimiter(LocalLimiter(), Homes(1, tmp_path))
    async with first.shared():
        asked = [asyncio.ensure_future(first.admit(who)) for _ in range(10)]
        await asyncio.sleep(0.1)
        assert not any(task.done() for task in asked)
        home = SharedLimiter(LocalLimiter(), Homes(0, tmp_path))
        async with home.shared():
            answers = await asyncio.gather(*asked)
            assert sum(answer.refusal is None for answer in answers) == 5
            assert await code(home, who) == "rate_limit_exceeded"


async def test_what_can_be_withdrawn_is_no_more_than_the_latest(tmp_path: Path) -> None:
    asker = limit_links._Asker(LocalLimiter())
    for number in range(limit_links.RECENT + 10):
        said = {
            "admit": number,
            "id": "u",
            "key": "k",
            "limits": (9999, None, None),
            "user": None,
            "turn": None,
        }
        await asker.admit(said)
    assert len(asker._recent) == limit_links.RECENT
