"""How far a turn with tools goes."""

from __future__ import annotations

import time
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from claude_gateway import OWNER, Run
from claude_gateway.loop.limits import Limits, Meter
from tests.loop.door import CHAT, GO, Door, calling

if TYPE_CHECKING:
    from tests.conftest import Scripted, Serving


def a_run(**fields: Any) -> Run:
    return Run("run_1", OWNER, "m", "b", "req_1", stream=True, started=time.monotonic(), **fields)


def meter(cost: str | None = "0", **limits: Any) -> Meter:
    return Meter(Limits(**limits), lambda _run: None if cost is None else Decimal(cost))


def test_t35_rounds_are_counted() -> None:
    counted, run = meter(rounds=2), a_run()
    full = []
    for _ in range(3):
        counted.round(run)
        full.append(counted.full)
    assert full == [False, True, True]
    assert not counted.exceeded  # what is asked in the last round is still run


def test_t35_time_is_up_when_the_turn_has_taken_it() -> None:
    counted = meter(seconds=10.0)
    early, late = a_run(), a_run()
    late.started -= 11
    left = counted.left(early)
    assert left is not None
    assert 9 < left <= 10
    full = []
    for run in (early, late):
        counted.round(run)
        full.append(counted.full)
    assert full == [False, True]
    assert "10 seconds" in counted.exceeded
    assert meter(seconds=0).left(late) is None


@pytest.mark.parametrize(("cost", "over"), [("0.49", False), ("0.5", True), (None, False)])
def test_t35_money_is_spent_when_the_turn_has_cost_it(cost: str | None, over: bool) -> None:
    counted = meter(cost, dollars=Decimal("0.50"))
    counted.round(a_run())
    assert counted.full is over
    assert ("0.50 US dollars" in counted.exceeded) is over


def test_t35_without_a_limit_money_does_not_matter() -> None:
    counted = meter("1000", dollars=Decimal(0))
    counted.round(a_run())
    assert not counted.full


def test_t35_only_the_same_tool_with_the_same_arguments_is_the_same_call() -> None:
    counted = meter(repeats=1)
    assert not counted.again("a", {"x": 1})
    assert not counted.again("b", {"x": 1})
    assert not counted.again("a", {"x": 2})
    assert not counted.exceeded
    assert "a was called" in counted.again("a", {"x": 1})
    assert counted.full


async def test_t35_a_turn_whose_time_is_up_is_asked_for_its_answer(
    serving: Serving, scripted: type[Scripted]
) -> None:
    backend = scripted(calling("wait"), calling("open"), scripted.saying("Late."))
    async with serving(backend, Door(), GATEWAY_TOOL_TURN_SECONDS="0.3") as app:
        answer = await app.ask("POST", CHAT, GO)
    assert answer.json["choices"][0]["message"]["content"] == "Late."
    first, second, third = backend.asked
    (given,) = second.params["messages"][-1]["content"]  # type: ignore[index]
    assert "took longer than" in given["content"][0]["text"]
    assert "tool_choice" not in first.params
    assert third.params["tool_choice"] == {"type": "none"}
    (refused,) = third.params["messages"][-1]["content"]  # type: ignore[index]
    assert "has taken its 0.3 seconds" in refused["content"][0]["text"]


async def test_a_turn_stays_with_one_account(serving: Serving, scripted: type[Scripted]) -> None:
    backend = scripted(calling("open"), scripted.saying("Done."))
    async with serving(backend, Door()) as app:
        await app.ask("POST", CHAT, GO)
        await app.ask("POST", CHAT, {**GO, "prompt_cache_key": "mine"})
    first, second, third, *_ = backend.asked
    assert first.affinity
    assert first.affinity == second.affinity
    assert third.affinity == "mine"


async def test_a_request_that_asks_for_no_tool_keeps_its_affinity_and_its_costs(
    serving: Serving, scripted: type[Scripted]
) -> None:
    door, backend = Door(), scripted()
    asked: list[str] = []
    door.tools = lambda: asked.append("tools")  # type: ignore[assignment, method-assign, return-value]
    async with serving(backend, door) as app:
        asked.clear()
        await app.ask("POST", CHAT, {"messages": GO["messages"]})
    assert backend.asked[0].affinity == ""
    assert not asked


async def test_a_call_tells_the_tool_who_asks_and_which_call_it_is(
    serving: Serving, scripted: type[Scripted]
) -> None:
    door, backend = Door(), scripted(calling("open"), scripted.saying("Done."))
    async with serving(backend, door) as app:
        await app.ask("POST", CHAT, GO)
    (call,) = door.calls
    assert (call.principal, call.id, call.session_id) == (OWNER.id, "toolu_0", None)
    assert call.run_id is not None
    assert call.run_id.startswith("run_")
