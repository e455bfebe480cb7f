"""Money is reserved before calls and settled after them, and who has no budget pays one question."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from claude_gateway_sqlite.store import SqliteStore, open_store

from claude_gateway import ModelInfo, ModelRequest, Price, Principal, Run, Unavailable, Usage
from claude_gateway.backends import Backend
from claude_gateway.engine import Engine
from claude_gateway.engine.calls import Asking
from claude_gateway.engine.fallback import Alternative
from claude_gateway.errors import BudgetExceeded, Forbidden, GatewayError, UpstreamError
from claude_gateway.models.catalogue import Catalogue
from claude_gateway.spending import budgets as module
from claude_gateway.spending.bounds import SHORTEST, Bounds
from claude_gateway.spending.budgets import Budgets
from claude_gateway.spending.sizing import prompt_tokens
from claude_gateway.types.budgets import Budget, BudgetName
from claude_gateway.types.watching import BudgetNews
from tests.conftest import Scripted

ADA = BudgetName("user", "ada", "day")
ASKED = ModelRequest("m", {"max_tokens": 100, "messages": [{"role": "user", "content": "Hi"}]})
NOW = datetime(2027, 1, 31, 12, tzinfo=UTC).timestamp()
PROMPT = prompt_tokens(ASKED, ModelInfo("m"))
MOST = Decimal(PROMPT + 100 * 5) / 1_000_000
USED = Decimal(10 * 1 + 5 * 5) / 1_000_000  # what the script of an ordinary answer costs


class Priced(Scripted):
    """A backend with one model that has a price, and one that has none."""

    def __init__(self, *scripts: Any) -> None:
        super().__init__(*scripts)
        self.models = (ModelInfo("m", price=Price(1, 5)), ModelInfo("free", price=None))


class World:
    """A store, a backend, an engine that pays."""

    def __init__(self, store: SqliteStore, backend: Priced, *, unpriced: bool = False) -> None:
        self.store = store
        self.backend = Backend.of("scripted", backend)
        self.catalogue = Catalogue([self.backend], {})
        self.news: list[BudgetNews] = []
        bounds = Bounds(self.catalogue, {}, lambda: datetime.now(UTC).date(), unpriced)
        self.budgets = Budgets(store, bounds, self.news.append, lambda: NOW)
        self.engine = Engine([], 0, purse=self.budgets)
        self._runs = 0

    def run(self, **fields: Any) -> Run:
        self._runs += 1
        who = Principal("ada", "Ada", key_id="key_1")
        values = {"request_id": "req", "stream": True, "started": 0.0, "price": price, **fields}
        return Run(f"run_{self._runs}", who, "m", "scripted", **values)

    async def limit(self, dollars: str, soft: str | None = None, name: BudgetName = ADA) -> None:
        share = None if soft is None else Decimal(soft)
        await self.store.set_budget(Budget(name, Decimal(dollars), share, NOW))
        self.budgets.forget()

    async def stands(self, name: BudgetName = ADA) -> tuple[object, object]:
        await self.budgets.flush()
        state = await self.store.get_budget(name, NOW)
        return state.spent, state.reserved


def price(_model: str, used: Usage) -> Decimal:
    return Decimal(used.prompt_tokens + 5 * used.output_tokens) / 1_000_000


Made = Callable[..., World]


@pytest.fixture
async def store(tmp_path: Path) -> AsyncGenerator[SqliteStore]:
    async with open_store(tmp_path) as store:
        yield store


@pytest.fixture
def made(store: SqliteStore) -> Made:
    def make(*scripts: Any, unpriced: bool = False) -> World:
        return World(store, Priced(*scripts), unpriced=unpriced)

    return make


async def streamed(world: World, run: Run, others: Sequence[Alternative] = ()) -> None:
    async for _ in world.engine.stream(world.backend, ASKED, run, others):
        pass


async def at_once(world: World, run: Run) -> None:
    await world.engine.complete(world.backend, ASKED, run)


WAYS: Sequence[Callable[[World, Run], Awaitable[None]]] = (streamed, at_once)


@pytest.mark.parametrize("way", WAYS)
async def test_what_a_call_did_cost_takes_the_place_of_what_was_reserved(
    made: Made, way: Callable[[World, Run], Awaitable[None]]
) -> None:
    world = made()
    await world.limit("1")
    await way(world, world.run())
    assert await world.stands() == (USED, 0)
    await way(world, world.run())
    assert await world.stands() == (USED + USED, 0)


@pytest.mark.parametrize("way", WAYS)
async def test_nothing_is_asked_when_there_is_not_enough(
    made: Made, way: Callable[[World, Run], Awaitable[None]]
) -> None:
    world = made()
    await world.limit("0.0001")
    run = world.run()
    with pytest.raises(BudgetExceeded) as refused:
        await way(world, run)
    assert refused.value.should_retry is False
    assert refused.value.retry_after is None
    assert "a smaller max_tokens makes that less" in refused.value.message
    assert (run.error, run.rounds) == ("budget_exceeded", ())
    assert [(news.kind, news.period, news.refused) for news in world.news] == [
        ("user", "day", True)
    ]
    assert await world.stands() == (0, 0)


async def test_who_has_no_budget_asks_the_store_twice_a_second_at_most(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    world, asked = made(), 0
    revision = world.store.budgets_revision

    async def counted() -> int:
        nonlocal asked
        asked += 1
        return await revision()

    monkeypatch.setattr(world.store, "budgets_revision", counted)
    monkeypatch.setattr(world.store, "reserve", None)  # nobody may call it
    await world.limit("0", name=BudgetName("user", "eve", "day"))
    for _ in range(50):
        await streamed(world, world.run())
    assert asked <= 2


async def test_a_change_is_heard_of_when_the_news_is_old(made: Made) -> None:
    world = made()
    await streamed(world, world.run())
    await world.store.set_budget(Budget(ADA, Decimal(0), None, NOW))  # by somebody else
    await streamed(world, world.run())
    world.budgets.forget()
    with pytest.raises(BudgetExceeded):
        await streamed(world, world.run())


@pytest.mark.parametrize("way", WAYS)
async def test_a_call_that_fails_gives_everything_back(
    made: Made, way: Callable[[World, Run], Awaitable[None]]
) -> None:
    world = made([UpstreamError("No.")])
    await world.limit("1")
    with pytest.raises(UpstreamError):
        await way(world, world.run())
    assert await world.stands() == (0, 0)


async def test_each_round_is_reserved_for_itself(made: Made) -> None:
    world = made()
    await world.limit("1")
    run = world.run()
    held = await world.budgets.reserve(Asking(world.backend, ASKED), run)
    assert held is not None
    first = await world.stands()
    again = await world.budgets.reserve(Asking(world.backend, ASKED), run)
    assert again is not None
    assert first == (0, MOST)
    assert await world.stands() == (0, 2 * MOST)
    held.release()
    held.answered(Usage(10**6))  # what is said later does not count
    again.answered(Usage(10, 5))
    assert await world.stands() == (USED, 0)


async def test_what_was_reserved_first_is_for_the_first_call(made: Made) -> None:
    world = made()
    await world.limit("1")
    run = world.run()
    await world.budgets.reserve_first(Asking(world.backend, ASKED), run)
    assert await world.stands() == (0, MOST)
    await streamed(world, run)
    assert await world.stands() == (USED, 0)
    left = world.run()
    await world.budgets.reserve_first(Asking(world.backend, ASKED), left)
    assert left.held is not None
    left.held.release()
    assert await world.stands() == (USED, 0)


async def test_a_wait_that_is_cancelled_leaves_nothing_reserved(made: Made) -> None:
    world = made()
    await world.limit("1")
    await streamed(world, world.run())
    task = asyncio.create_task(streamed(world, world.run()))
    await asyncio.sleep(0)  # it has begun, and waits for the store
    task.cancel()
    await asyncio.wait([task])
    assert await world.stands() == (USED, 0)


async def test_an_answer_that_broke_off_counts_what_may_have_been_said(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, never = Scripted.saying("word")[:3], asyncio.Event()
    world = made([*begun, never])
    await world.limit("1")
    monkeypatch.setattr("claude_gateway.spending.holding.FASTEST", 10**9)
    batches = world.engine.stream(world.backend, ASKED, world.run())
    await anext(batches)
    await batches.aclose()
    assert await world.stands() == (Decimal(10 + 5 * 100) / 1_000_000, 0)


async def test_where_the_cost_is_not_known_afterwards_all_that_was_reserved_counts(
    made: Made,
) -> None:
    world = made()
    await world.limit("1")
    held = await world.budgets.reserve(
        Asking(world.backend, ASKED), world.run(price=lambda *_: None)
    )
    assert held is not None
    _, reserved = await world.stands()
    held.answered(Usage(1, 1))
    assert await world.stands() == (reserved, 0)


async def test_the_dearest_that_may_answer_decides(made: Made) -> None:
    world = made()
    await world.limit("1")
    dear = Priced()
    dear.models = (ModelInfo("dear", price=Price(100, 500)),)
    other = Backend.of("dear", dear)
    bounds = replace(world.budgets.bounds, catalogue=Catalogue([world.backend, other], {}))
    alone = bounds.of(Asking(world.backend, ASKED))
    assert not alone.asking.alternatives
    longer = replace(ASKED, params={**ASKED.params, "max_tokens": 9999})
    stand_in = Alternative("dear", other, lambda: longer)
    unpriced = Alternative("free", world.backend, lambda: ASKED)
    both = bounds.of(Asking(world.backend, ASKED, [unpriced, stand_in]))
    assert both.dollars(100) == 100 * alone.dollars(100) == 100 * MOST
    (only,) = both.asking.alternatives
    assert (only.model, only.request().max_tokens) == ("dear", 100)  # what is reserved is enough
    allowing = replace(bounds, unpriced=True)
    asking = allowing.of(Asking(world.backend, ASKED, [unpriced])).asking
    assert [other.model for other in asking.alternatives] == ["free"]


async def test_a_model_without_a_price_is_refused_or_counts_as_nothing(made: Made) -> None:
    asked = Asking(made().backend, replace(ASKED, model="free"))
    world = made()
    await world.limit("1")
    with pytest.raises(Forbidden) as refused:
        await world.budgets.reserve(asked, world.run())
    assert (refused.value.code, refused.value.param) == ("model_unpriced", "model")
    allowing = made(unpriced=True)
    held = await allowing.budgets.reserve(asked, allowing.run())
    assert held is not None
    assert await allowing.stands() == (0, 0)
    await allowing.limit("0")
    with pytest.raises(BudgetExceeded):
        await allowing.budgets.reserve(asked, allowing.run())


async def test_from_a_share_on_it_warns_every_time(made: Made) -> None:
    world = made()
    await world.limit("0.01", soft="0.003")
    first, second = world.run(), world.run()
    await streamed(world, first)
    await streamed(world, second)
    assert first.warning == ""
    assert (
        second.warning == "user day: $0.0000 of $0.0100 spent, begins anew at 2027-02-01T00:00:00Z"
    )
    (news,) = world.news
    assert (news.run, news.kind, news.refused) == (second, "user", False)
    assert news.share == pytest.approx(0.0035)


async def test_it_tells_how_much_of_those_that_were_used_lately_is_spent(made: Made) -> None:
    world = made()
    await world.limit("0.01")
    await world.limit("0.02", name=BudgetName("key", "key_1", "total"))
    assert world.budgets.shares() == {}
    await streamed(world, world.run())
    assert world.budgets.shares() == {"user": 0.0, "key": 0.0}
    await world.budgets.flush()
    await streamed(world, world.run())
    assert world.budgets.shares() == {"user": pytest.approx(0.0035), "key": pytest.approx(0.00175)}
    world.budgets._clock = lambda: NOW + 86_400
    assert set(world.budgets.shares()) == {"key"}


async def test_what_cannot_be_counted_is_counted_as_soon_as_that_is_possible(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = made()
    await world.limit("1")
    settle, failures = world.store.settle, iter([Unavailable("No."), Unavailable("No.")])

    def failing(reservation: str, dollars: Decimal | None) -> Awaitable[None]:
        failure: GatewayError | None = next(failures, None)
        if failure is not None:
            raise failure
        return settle(reservation, dollars)

    monkeypatch.setattr(world.store, "settle", failing)
    await streamed(world, world.run())
    assert (await world.store.get_budget(ADA, NOW)).reserved > 0
    monkeypatch.setattr(module, "AGAIN", 0.01)
    async with world.budgets.keeping():
        async with asyncio.timeout(5):
            while (await world.store.get_budget(ADA, NOW)).reserved:
                await asyncio.sleep(0.01)
    assert await world.stands() == (USED, 0)


# --- answers of which nobody said how long they may be

OPEN = replace(ASKED, params={**ASKED.params, "max_tokens": 100_000}, open_ended=True)


async def reserved(world: World, request: ModelRequest) -> ModelRequest:
    held = await world.budgets.reserve(Asking(world.backend, request), world.run())
    assert held is not None
    return held.asking.request


async def test_an_open_answer_is_as_long_as_a_quarter_of_what_is_left_and_leaves_the_others_something(
    made: Made,
) -> None:
    world = made()
    await world.limit("1")
    lengths = [(await reserved(world, OPEN)).max_tokens for _ in range(3)]
    assert lengths[0] == (250_000 - PROMPT) // 5
    assert lengths == sorted(lengths, reverse=True)
    spent, held = await world.stands()
    assert (spent, held) == (
        0,
        Decimal("0.578125"),
    )  # a quarter, and a quarter of the rest, and so on


async def test_with_much_left_an_open_answer_is_as_long_as_its_model_can(made: Made) -> None:
    world = made()
    await world.limit("10")
    assert await reserved(world, OPEN) is OPEN


async def test_an_open_answer_is_refused_when_it_would_be_too_short_to_be_of_use(
    made: Made,
) -> None:
    world = made()
    await world.limit("0.03")
    assert (await reserved(world, OPEN)).max_tokens == SHORTEST
    with pytest.raises(BudgetExceeded):
        await reserved(world, OPEN)


async def test_who_says_how_long_an_answer_may_be_gets_that_or_nothing(made: Made) -> None:
    world = made()
    await world.limit("1")
    said = replace(OPEN, open_ended=False, raw=b"{}")
    assert await reserved(world, said) is said
    with pytest.raises(BudgetExceeded):
        await reserved(world, replace(said, params={**said.params, "max_tokens": 200_000}))


async def test_thinking_stays_shorter_than_the_answer_that_it_is_part_of(made: Made) -> None:
    world = made()
    await world.limit("0.2")
    thinking = {"type": "enabled", "budget_tokens": 50_000}
    with pytest.raises(BudgetExceeded):  # an answer has to have room beside it
        await reserved(world, replace(OPEN, params={**OPEN.params, "thinking": thinking}))
    thinking["budget_tokens"] = 8000
    asked = await reserved(world, replace(OPEN, params={**OPEN.params, "thinking": thinking}))
    assert asked.max_tokens == 8000 + SHORTEST
    assert asked.params["thinking"] == thinking
