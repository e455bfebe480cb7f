"""Budgets between processes: what a dead one had reserved, and what the versions before kept."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from claude_gateway_sqlite.opening import migrate, private
from claude_gateway_sqlite.schema import MIGRATIONS
from claude_gateway_sqlite.store import open_store

from claude_gateway import Limits, Reservation
from claude_gateway.testing.stores.money import CENT, NOW, OF_ADA, TEN, asking, budget
from claude_gateway.testing.stores.samples import ADA, ended, starting
from claude_gateway.types.budgets import BudgetName, Spender

QUARTER = Decimal("0.25")


def of_run(run: str, before: Decimal = Decimal(0)) -> Reservation:
    return Reservation(f"{run}.1", run, Spender(ADA), Decimal(2), before, NOW)


async def test_t30_what_a_dead_process_had_reserved_is_released_and_kept_runs_are_counted(
    tmp_path: Path,
) -> None:
    async with open_store(tmp_path) as dead:
        await dead.set_budget(budget())
        begun = await dead.begin_turn(starting("run_kept"))
        await dead.begin_turn(starting("run_rounds", session_id="s2"))
        for reservation in (of_run("run_kept"), of_run("run_rounds", CENT), of_run("run_other")):
            assert (await dead.reserve(reservation)).refused is None
    async with open_store(tmp_path) as store:
        await store.end_run(ended(begun))
        rounds = ended(await store.get_run(ADA, "run_rounds"))
        await store.end_run(rounds)
        await store.reserve(asking("mine", CENT))
        assert (await store.get_budget(OF_ADA, NOW)).reserved == 6 + CENT
        assert await store.release_abandoned() == 3
        state = await store.get_budget(OF_ADA, NOW)
        assert (state.spent, state.reserved) == (QUARTER + QUARTER - CENT, CENT)
        assert await store.release_abandoned() == 0


async def test_of_a_run_whose_price_nobody_knows_all_that_was_reserved_counts(
    tmp_path: Path,
) -> None:
    async with open_store(tmp_path) as dead:
        await dead.set_budget(budget())
        begun = await dead.begin_turn(starting("run_kept"))
        await dead.reserve(of_run("run_kept"))
        end = ended(begun)
        await dead.end_run(replace(end, run=replace(end.run, cost=None)))
    async with open_store(tmp_path) as store:
        await store.release_abandoned()
        assert (await store.get_budget(OF_ADA, NOW)).spent == Decimal(2)


async def test_two_processes_share_what_there_is(tmp_path: Path) -> None:
    async with open_store(tmp_path) as one, open_store(tmp_path) as two:
        await one.set_budget(budget())
        revision = await two.budgets_revision()
        assert (await one.reserve(asking("a", TEN))).refused is None
        assert (await two.reserve(asking("b", CENT))).refused is not None
        assert await two.release_abandoned() == 0
        await two.set_budget(budget(dollars=TEN + TEN))
        assert await one.budgets_revision() != revision
        assert (await one.reserve(asking("c", CENT))).refused is None


@pytest.mark.parametrize(
    ("kept", "dollars"),
    [('{"budget": "12.345678"}', "12.345678"), ('{"rpm": 3, "budget": "1000000000"}', "1000000")],
)
async def test_a_key_of_an_earlier_version_keeps_its_budget_and_what_it_used_counts(
    tmp_path: Path, kept: str, dollars: str
) -> None:
    file = tmp_path / "gateway.db"
    private(file)
    await migrate(file, MIGRATIONS[:6])
    with closing(sqlite3.connect(file)) as db:
        for name, limits in (("key_1", kept), ("key_2", '{"rpm": 3}'), ("key_3", None)):
            values = (name, name, "cg-", 1.0, "[]", limits)
            db.execute(
                "INSERT INTO keys(id, name, hint, created_at, scopes, limits) VALUES(?, ?, ?, ?, ?, ?)",
                values,
            )
        used = ("2027-01-01", "key_1", "key_1", "m", "", 1, 0, 0, 0, 0, 0, 0, 0, 25 * 10**10, 0)
        db.execute(
            "INSERT INTO booked VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            used,
        )
        db.commit()
    async with open_store(tmp_path) as store:
        state = await store.get_budget(BudgetName("key", "key_1", "total"), NOW)
        assert (state.budget.dollars, state.spent) == (Decimal(dollars), QUARTER)
        assert set(await store.budget_subjects()) == {("key", "", "key_1")}
        await store.remove_budget(state.budget.name)
        assert (await store.get_key("key_1")).limits.budget is None
        assert (await store.get_key("key_2")).limits == Limits(rpm=3)
