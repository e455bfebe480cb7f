"""How a store keeps limits of money, if it does."""
# ruff: noqa: D102  # the name of a test is its sentence

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from claude_gateway.budget_stores import KeepsBudgets
from claude_gateway.errors import NotFound
from claude_gateway.testing.stores.money import (
    CENT,
    DAY,
    HOUR,
    NAMES,
    NOTHING,
    NOW,
    OF_ADA,
    TEN,
    asking,
    budget,
)
from claude_gateway.testing.stores.samples import ADA, ALL, EVE, START, turn
from claude_gateway.testing.stores.usage import booked
from claude_gateway.types.budgets import (
    BudgetKind,
    BudgetName,
    Reserved,
    Spender,
)
from claude_gateway.types.keys import Key, KeySecret
from claude_gateway.types.principals import Limits, Period
from claude_gateway.types.resources import Page


class BudgetsConformance:
    """The tests that every store must pass that keeps budgets, beside StoreConformance."""

    @pytest.fixture
    async def store(self) -> Any:
        """Return or yield the store to test, which is empty; override this one."""
        raise NotImplementedError("a class that inherits the kit has a fixture called `store`")

    async def test_the_gateway_finds_that_it_keeps_budgets(self, store: KeepsBudgets) -> None:
        assert isinstance(store, KeepsBudgets)

    async def test_a_budget_comes_back_as_it_was_set(self, store: KeepsBudgets) -> None:
        wanted = budget(BudgetName("project", "p; DROP", "month", ADA), TEN, Decimal("0.85"))
        state = await store.set_budget(wanted)
        assert (state.budget, state.window, state.spent) == (wanted, "2027-01", NOTHING)
        assert await store.get_budget(wanted.name, NOW) == state
        assert list((await store.list_budgets(ALL, NOW)).items) == [state]
        assert set(await store.budget_subjects()) == {("project", ADA, "p; DROP")}

    async def test_each_change_has_another_revision_and_nothing_else_has(
        self, store: KeepsBudgets
    ) -> None:
        seen = [await store.budgets_revision()]
        await store.set_budget(budget())
        seen.append(await store.budgets_revision())
        await store.reserve(asking("a", CENT))
        await store.settle("a", CENT)
        assert await store.budgets_revision() == seen[-1]
        await store.remove_budget(OF_ADA)
        seen.append(await store.budgets_revision())
        assert len(set(seen)) == 3

    async def test_what_is_removed_is_gone_and_limits_nothing(self, store: KeepsBudgets) -> None:
        await store.set_budget(budget(dollars=NOTHING))
        await store.remove_budget(OF_ADA)
        with pytest.raises(NotFound):
            await store.get_budget(OF_ADA, NOW)
        with pytest.raises(NotFound):
            await store.remove_budget(OF_ADA)
        assert await store.reserve(asking("a", TEN)) == Reserved()

    async def test_where_there_is_no_budget_nothing_is_reserved(self, store: KeepsBudgets) -> None:
        await store.set_budget(budget(BudgetName("user", EVE, "total"), NOTHING))
        await store.set_budget(budget(BudgetName("project", "p", "total", EVE), NOTHING))
        await store.set_budget(budget(BudgetName("session", "s", "day", EVE), NOTHING))
        await store.set_budget(budget(BudgetName("key", ADA, "total"), NOTHING))
        assert await store.reserve(asking("a", TEN)) == Reserved()

    @pytest.mark.parametrize("name", NAMES, ids=lambda name: name.kind)
    async def test_each_kind_limits_what_it_is_for(
        self, store: KeepsBudgets, name: BudgetName
    ) -> None:
        await store.set_budget(budget(name, TEN))
        assert (await store.reserve(asking("a", TEN))).refused is None
        refused = (await store.reserve(asking("b", CENT))).refused
        assert refused is not None
        assert (refused.budget.name, refused.spent, refused.reserved) == (name, NOTHING, TEN)

    async def test_of_what_is_done_in_anothers_project_its_budgets_count_and_the_spenders_own(
        self, store: KeepsBudgets
    ) -> None:
        guest = Spender(EVE, "key_2", "p", "s", ADA)
        for name in NAMES[2:]:
            await store.set_budget(budget(name, TEN))
        await store.set_budget(budget(BudgetName("user", EVE, "total"), TEN))
        await store.set_budget(budget(BudgetName("project", "p", "total", EVE), CENT))
        came = await store.reserve(asking("a", TEN, guest))
        assert came.refused is None
        assert len(came.states) == 3
        refused = (await store.reserve(asking("b", CENT))).refused
        assert refused is not None
        assert refused.budget.name in NAMES[2:]

    async def test_it_must_fit_into_all_or_is_reserved_of_none(self, store: KeepsBudgets) -> None:
        for name in NAMES[:3]:
            await store.set_budget(budget(name, TEN))
        await store.set_budget(budget(NAMES[3], CENT))
        refused = (await store.reserve(asking("a", TEN))).refused
        assert refused is not None
        assert refused.budget.name == NAMES[3]
        assert [(await store.get_budget(name, NOW)).reserved for name in NAMES] == [0] * 4

    async def test_what_was_reserved_gives_way_to_what_it_cost(self, store: KeepsBudgets) -> None:
        await store.set_budget(budget())
        first = await store.reserve(asking("a", Decimal(8)))
        assert [state.reserved for state in first.states] == [0]
        await store.settle("a", Decimal("1.234567890123"))
        await store.settle("a", TEN)  # a second time, which changes nothing
        await store.settle("unknown", TEN)
        state = await store.get_budget(OF_ADA, NOW)
        assert (state.spent, state.reserved) == (Decimal("1.234567890123"), NOTHING)
        assert state.left == Decimal("8.765432109877")
        assert (await store.reserve(asking("b", Decimal(8)))).refused is None

    async def test_where_the_cost_is_not_known_all_of_it_counts(self, store: KeepsBudgets) -> None:
        await store.set_budget(budget())
        await store.reserve(asking("a", Decimal(3)))
        await store.settle("a", None)
        assert (await store.get_budget(OF_ADA, NOW)).spent == 3

    async def test_a_call_that_can_do_with_less_gets_a_part_of_the_least_that_is_left(
        self, store: KeepsBudgets
    ) -> None:
        await store.set_budget(budget())
        await store.set_budget(budget(NAMES[0], Decimal(4)))
        open_ended = replace(asking("a", Decimal(8)), least=CENT)
        came = await store.reserve(open_ended)
        assert (came.refused, came.dollars) == (None, Decimal(1))
        assert (await store.get_budget(OF_ADA, NOW)).reserved == Decimal(1)
        needs = replace(asking("b", Decimal(8)), least=Decimal("2.5"))
        assert (await store.reserve(needs)).dollars == Decimal("2.5")
        little = await store.reserve(replace(needs, id="c"))
        assert little.refused is not None
        assert little.refused.budget.name == NAMES[0]
        small = replace(asking("d", CENT), least=CENT / 2)
        assert (await store.reserve(small)).dollars == CENT

    async def test_nothing_left_refuses_also_what_costs_nothing(self, store: KeepsBudgets) -> None:
        await store.set_budget(budget(dollars=CENT))
        await store.reserve(asking("a", CENT))
        await store.settle("a", CENT)
        assert (await store.reserve(asking("b", NOTHING))).refused is not None

    async def test_many_at_once_never_get_more_than_there_is(self, store: KeepsBudgets) -> None:
        await store.set_budget(budget(dollars=Decimal("1.00")))

        async def call(number: int) -> Decimal | None:
            id_ = f"call {number}"
            if (await store.reserve(asking(id_, Decimal("0.07")))).refused is not None:
                return None
            cost = CENT * (number % 8)
            await store.settle(id_, cost)
            return cost

        told = await asyncio.gather(*(call(number) for number in range(200)))
        costs = [cost for cost in told if cost is not None]
        state = await store.get_budget(OF_ADA, NOW)
        assert sum(costs) == state.spent <= 1
        assert state.reserved == NOTHING
        assert len(costs) >= 14  # as many as fit if each costs the most that it can
        assert (await store.reserve(asking("last", state.left))).refused is None

    @pytest.mark.parametrize(("period", "later"), [("day", HOUR), ("month", HOUR)])
    async def test_a_day_or_month_begins_anew_by_itself(
        self, store: KeepsBudgets, period: Period, later: float
    ) -> None:
        name = BudgetName("user", ADA, period)
        await store.set_budget(budget(name))
        await store.reserve(asking("a", TEN))
        before = await store.get_budget(name, NOW)
        assert (before.left, before.resets_at) == (NOTHING, NOW + HOUR / 2)
        after = await store.get_budget(name, NOW + later)
        assert (after.left, after.reserved) == (TEN, NOTHING)
        assert after.window == ("2027-02-01" if period == "day" else "2027-02")
        assert (await store.reserve(asking("b", TEN, at=NOW + later))).refused is None
        assert (await store.get_budget(name, NOW + later)).reserved == TEN

    async def test_a_call_counts_for_the_day_in_which_it_was_reserved(
        self, store: KeepsBudgets
    ) -> None:
        name = BudgetName("user", ADA, "day")
        await store.set_budget(budget(name))
        await store.reserve(asking("a", TEN))
        await store.reserve(asking("b", CENT, at=NOW + HOUR))
        await store.settle("a", TEN)
        await store.settle("b", CENT)
        assert (await store.get_budget(name, NOW + HOUR)).spent == CENT

    async def test_a_clock_that_is_put_back_gives_nobody_more(self, store: KeepsBudgets) -> None:
        name = BudgetName("user", ADA, "day")
        await store.set_budget(budget(name))
        await store.reserve(asking("a", TEN, at=NOW + DAY))
        assert (await store.reserve(asking("b", CENT))).refused is not None
        assert (await store.reserve(asking("c", CENT, at=NOW + DAY))).refused is not None

    async def test_a_change_of_the_limit_keeps_what_is_spent(self, store: KeepsBudgets) -> None:
        await store.set_budget(budget())
        await store.reserve(asking("a", TEN))
        await store.settle("a", Decimal(4))
        state = await store.set_budget(budget(dollars=Decimal(5), soft=Decimal("0.5")))
        assert (state.spent, state.left, state.warns) == (Decimal(4), Decimal(1), True)
        assert (await store.set_budget(budget(dollars=Decimal(3)))).left == 0

    @pytest.mark.parametrize(
        ("kind", "subject", "owner"),
        [("user", ADA, ""), ("project", "default", ADA), ("session", "s", ADA)],
    )
    async def test_a_new_budget_begins_with_what_was_used_before(
        self, store: Any, kind: BudgetKind, subject: str, owner: str
    ) -> None:
        await turn(store, "run_1")  # costs 0.25 on the day of START
        await turn(store, "run_2", owner=EVE, session_id="s2")
        await store.book_usage([booked(day="2020-01-01", project="default")])
        spent = {
            period: (
                await store.set_budget(
                    replace(budget(BudgetName(kind, subject, period, owner)), changed_at=START + 1)
                )
            ).spent
            for period in ("day", "month", "total")
        }
        quarter, ever = Decimal("0.25"), Decimal("0.25" if kind == "session" else "0.5")
        assert spent == {"day": quarter, "month": quarter, "total": ever}

    async def test_lists_are_bounded_and_of_one_owner_where_that_is_asked(
        self, store: KeepsBudgets
    ) -> None:
        theirs = [*NAMES, BudgetName("session", "s", "day", ADA)]
        others = [
            BudgetName("user", EVE, "total"),
            BudgetName("session", "s", "total", EVE),
            BudgetName("key", "key_2", "total"),
        ]
        for name in (*theirs, *others):
            await store.set_budget(budget(name))
        listing = await store.list_budgets(ALL, NOW, ADA, "key_1")
        assert {state.budget.name for state in listing.items} == set(theirs)
        assert listing.total == len(theirs)
        assert (await store.list_budgets(ALL, NOW)).total == len(theirs) + len(others)
        window = await store.list_budgets(Page(limit=2, offset=1), NOW, ADA, "key_1")
        assert list(window.items) == list(listing.items)[1:3]

    async def test_a_budget_of_a_keys_own_is_one_of_them(self, store: Any) -> None:
        limits = Limits(budget=Decimal("0.5"))
        key = Key("key_9", "phone", "cg-", NOW, limits=limits)
        await store.add_key(key, KeySecret(bytes(32), "cg-"))
        name = BudgetName("key", "key_9", "total")
        assert (await store.get_budget(name, NOW)).budget.dollars == Decimal("0.5")
        daily = Limits(budget=Decimal(2), budget_period="day")
        await store.update_key("key_9", {"limits": daily})
        day = BudgetName("key", "key_9", "day")
        assert (await store.get_budget(day, NOW)).budget.dollars == 2
        with pytest.raises(NotFound):
            await store.get_budget(name, NOW)
        await store.update_key("key_9", {"name": "tablet"})
        await store.set_budget(budget(day, Decimal(3)))
        await store.set_budget(budget(name, TEN))
        assert (await store.get_key("key_9")).limits == replace(daily, budget=Decimal(3))
        await store.remove_budget(day)
        assert (await store.get_key("key_9")).limits == Limits()
        assert set(await store.budget_subjects()) == {("key", "", "key_9")}

    async def test_a_month_ends_where_the_next_one_begins(self, store: KeepsBudgets) -> None:
        december = datetime(2027, 12, 31, 12, tzinfo=UTC)
        name = BudgetName("user", ADA, "month")
        await store.set_budget(budget(name))
        state = await store.get_budget(name, december.timestamp())
        assert state.resets_at == (december + timedelta(hours=12)).timestamp()

    async def test_nothing_is_released_of_those_who_live(self, store: KeepsBudgets) -> None:
        await store.set_budget(budget())
        await store.reserve(asking("a", CENT))
        assert await store.release_abandoned() == 0
        assert (await store.get_budget(OF_ADA, NOW)).reserved == CENT
