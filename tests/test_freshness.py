"""News are asked for by one for all, and before anybody has to wait for them."""

from __future__ import annotations

import asyncio

import pytest

from claude_gateway import freshness
from claude_gateway.freshness import News

FRESH = 0.5
CROWD = 100


class Store:
    """Counts who asks, answers when it may, and fails when it is told to."""

    def __init__(self) -> None:
        self.asked = self.answered = 0
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.failure: Exception | None = None

    async def ask(self) -> None:
        self.asked += 1
        await self.may_answer.wait()
        if self.failure is not None:
            raise self.failure
        self.answered += 1


class Clock:
    """Stands still."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr(freshness.time, "monotonic", lambda: self.now)  # type: ignore[attr-defined]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


async def turns(number: int) -> None:
    """Let the event loop turn so many times."""
    for _ in range(number):
        await asyncio.sleep(0)


async def test_a_crowd_is_told_together_by_one_who_asks(clock: Clock) -> None:
    store = Store()
    store.may_answer.clear()
    news = News(store.ask, FRESH)
    crowd = [asyncio.ensure_future(news.hear()) for _ in range(CROWD)]
    await turns(3)
    assert store.asked == 1
    store.may_answer.set()
    await turns(8)  # far fewer than there are who wait: with a lock it would take one for each
    assert sum(one.done() for one in crowd) == CROWD
    await asyncio.gather(*crowd)
    assert store.asked == 1
    assert news.known()


async def test_what_is_half_as_old_as_it_may_be_is_asked_while_nobody_waits(clock: Clock) -> None:
    store = Store()
    news = News(store.ask, FRESH)
    await news.hear()
    clock.now += FRESH / 2 - 0.01
    assert news.known()
    await turns(3)
    assert store.asked == 1
    clock.now += 0.02
    assert news.known()
    assert news.known()
    await turns(3)
    assert store.asked == 2
    clock.now += FRESH - 0.01  # counted from when it was asked the second time
    assert news.known()


async def test_what_is_too_old_is_waited_for(clock: Clock) -> None:
    store = Store()
    news = News(store.ask, FRESH)
    await news.hear()
    clock.now += FRESH
    assert not news.known()
    await news.hear()
    assert (store.asked, news.known()) == (2, True)


async def test_all_who_wait_are_told_of_a_failure_and_the_next_asks_anew(clock: Clock) -> None:
    store = Store()
    store.failure = OSError("the disk is gone")
    news = News(store.ask, FRESH)
    said = await asyncio.gather(news.hear(), news.hear(), return_exceptions=True)
    assert [str(one) for one in said] == ["the disk is gone"] * 2
    assert not news.known()
    store.failure = None
    await news.hear()
    assert (store.asked, news.known()) == (2, True)


async def test_a_failure_in_the_background_is_tried_again_until_it_is_too_late(
    clock: Clock,
) -> None:
    store = Store()
    news = News(store.ask, FRESH)
    await news.hear()
    store.failure = OSError("the disk is gone")
    clock.now += FRESH * 0.6
    for asked in (2, 3):
        assert news.known()
        await turns(3)
        assert store.asked == asked
    clock.now += FRESH
    with pytest.raises(OSError, match="the disk is gone"):
        await news.hear()


async def test_who_leaves_takes_nothing_from_the_others(clock: Clock) -> None:
    store = Store()
    store.may_answer.clear()
    news = News(store.ask, FRESH)
    leaving, staying = (asyncio.ensure_future(news.hear()) for _ in range(2))
    await turns(2)
    leaving.cancel()
    await turns(2)
    store.may_answer.set()
    await staying
    assert leaving.cancelled()
    assert (store.asked, store.answered) == (1, 1)


async def test_an_answer_that_was_under_way_when_all_was_forgotten_is_old(clock: Clock) -> None:
    store = Store()
    store.may_answer.clear()
    news = News(store.ask, FRESH)
    early = asyncio.ensure_future(news.hear())
    await turns(2)
    news.forget()
    store.may_answer.set()
    await early
    assert not news.known()
    await news.hear()
    assert (store.asked, news.known()) == (2, True)
