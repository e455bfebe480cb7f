"""How a store adds up what was used, if it does."""
# ruff: noqa: D102  # the name of a test is its sentence

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from claude_gateway.spending_stores import KeepsUsage
from claude_gateway.testing.stores.samples import ADA, ALL, EVE, START, USAGE, ended, starting, turn
from claude_gateway.types.resources import Page
from claude_gateway.types.spending import SORTS, Booked, Sum, UsageFilter
from claude_gateway.types.usage import Usage

TODAY = datetime.fromtimestamp(START + 1, UTC).date().isoformat()
TOKENS = replace(USAGE, service_tier="", inference_geo="")
ONE = Sum(1, TOKENS, Decimal("0.25"))
MINE, EVERYBODYS = UsageFilter(TODAY, TODAY, ADA), UsageFilter("2000-01-01", "2999-12-31", None)


def booked(used: Sum = ONE, *, day: str = TODAY, owner: str = ADA, **names: str) -> Booked:
    """Return what was not kept."""
    values = {"key": "", "model": "claude-test", "project": "", **names}
    return Booked(day, owner, sum=used, **values)


class UsageConformance:
    """The tests that every store must pass that adds up what was used, beside StoreConformance."""

    @pytest.fixture
    async def store(self) -> Any:
        """Return or yield the store to test, which is empty; override this one."""
        raise NotImplementedError("a class that inherits the kit has a fixture called `store`")

    async def test_the_gateway_finds_that_it_adds_up(self, store: KeepsUsage) -> None:
        assert isinstance(store, KeepsUsage)

    async def test_nothing_used_is_nothing(self, store: KeepsUsage) -> None:
        assert await store.usage_sum(MINE) == Sum()
        listing = await store.usage(MINE, ["day"], ALL)
        assert (list(listing.items), listing.total) == ([], 0)

    async def test_what_is_booked_twice_is_added(self, store: KeepsUsage) -> None:
        unpriced = Sum(2, TOKENS, None, 2)
        await store.book_usage([booked(), booked(unpriced, key="key_1")])
        await store.book_usage([booked(), booked(unpriced)])
        assert await store.usage_sum(MINE) == ONE + ONE + unpriced + unpriced
        rows = (await store.usage(MINE, ["key"], ALL)).items
        assert [(list(row.group), row.sum) for row in rows] == [
            ([""], ONE + ONE + unpriced),
            (["key_1"], unpriced),
        ]

    async def test_kept_runs_and_others_are_told_together(self, store: Any) -> None:
        begun = await turn(store, "run_1")
        await store.end_run(ended(begun))  # a second time, which changes nothing
        await store.book_usage([booked()])
        assert await store.usage_sum(MINE) == ONE + ONE
        rows = (await store.usage(MINE, ["session"], ALL)).items
        assert [(list(row.group), row.sum) for row in rows] == [([""], ONE), (["s"], ONE)]

    async def test_a_run_belongs_to_the_key_that_asked_for_it(self, store: Any) -> None:
        start = starting()
        start = replace(start, run=replace(start.run, key_id="key_1"))
        begun = await store.begin_turn(start)
        await store.end_run(ended(await store.get_run(ADA, begun.id)))
        await store.delete_session(ADA, "s")
        rows = (await store.usage(MINE, ["key", "session"], ALL)).items
        assert [list(row.group) for row in rows] == [["key_1", "s"]]

    async def test_the_rounds_of_a_run_come_back(self, store: Any) -> None:
        begun = await store.begin_turn(starting())
        end = ended(begun)
        await store.end_run(replace(end, run=replace(end.run, rounds=[USAGE, Usage(1, 2)])))
        assert list((await store.get_run(ADA, begun.id)).rounds) == [USAGE, Usage(1, 2)]

    async def test_days_are_told_apart_and_both_ends_count(self, store: KeepsUsage) -> None:
        days = [f"2027-01-0{n}" for n in range(1, 6)]
        await store.book_usage([booked(day=day) for day in days])
        only = UsageFilter(days[1], days[3], ADA)
        assert (await store.usage_sum(only)).runs == 3
        listing = await store.usage(only, ["day"], Page(limit=2, offset=1))
        assert [list(row.group) for row in listing.items] == [[days[2]], [days[3]]]
        assert listing.total == 3

    async def test_nobody_is_told_of_others_unless_all_is_asked_for(self, store: Any) -> None:
        await turn(store, "run_1", owner=EVE)
        await store.book_usage([booked(), booked(owner=EVE), booked(owner="' OR 1=1 --")])
        assert await store.usage_sum(MINE) == ONE
        rows = (await store.usage(EVERYBODYS, ["owner"], ALL)).items
        assert [(row.group[0], row.sum.runs) for row in rows] == [
            ("' OR 1=1 --", 1),
            (ADA, 1),
            (EVE, 2),
        ]

    async def test_it_can_be_told_by_everything_at_once(self, store: Any) -> None:
        await turn(store, "run_1")
        (row,) = (await store.usage(MINE, SORTS, ALL)).items
        assert list(row.group) == [TODAY, ADA, "", "claude-test", "default", "s"]

    async def test_much_that_is_booked_at_once_all_counts(self, store: KeepsUsage) -> None:
        await asyncio.gather(*(store.book_usage([booked()] * 3) for _ in range(50)))
        assert (await store.usage_sum(MINE)).runs == 150
        assert (await store.usage_sum(MINE)).cost == Decimal("37.5")
