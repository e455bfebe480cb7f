"""What a store does with runs, their events, and figures."""
# ruff: noqa: D102  # the name of a test is its sentence

from __future__ import annotations

import asyncio
import itertools
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from claude_gateway.errors import Conflict, NotFound
from claude_gateway.stores import Store
from claude_gateway.testing.stores.base import OfAStore
from claude_gateway.testing.stores.samples import (
    ADA,
    ALL,
    EVE,
    START,
    USAGE,
    chunk,
    ended,
    ids,
    run,
    session,
    starting,
    turn,
)
from claude_gateway.types.resources import Page, SessionStats, Tally
from claude_gateway.types.turns import Events, TurnStart
from claude_gateway.types.usage import Usage


async def going(store: Store, id_: str = "run_1", at: float = START, **fields: object) -> None:
    """Begin a run without a session."""
    one = replace(run(id_, session_id=None), created_at=at, **fields)  # type: ignore[arg-type]
    await store.begin_turn(TurnStart(one))


class OfRuns(OfAStore):
    """Tests of the rest of KeepsRuns, and of figures."""

    async def test_events_come_back_in_order_and_byte_by_byte(self, store: Store) -> None:
        await going(store)
        await going(store, "run_2")
        frames = bytes(range(256))
        await store.append_events([chunk("run_1", 1, 3, frames), chunk("run_2", 1, 1)])
        await store.append_events([chunk("run_1", 4, 4), chunk("run_1", 5, 9)])
        read = await store.read_events(ADA, "run_1")
        expected = [chunk("run_1", 1, 3, frames), chunk("run_1", 4, 4), chunk("run_1", 5, 9)]
        assert list(read) == expected
        assert list(await store.read_events(ADA, "run_2")) == [chunk("run_2", 1, 1)]

    @pytest.mark.parametrize(
        ("after", "firsts"),
        [(-1, [1, 4, 5]), (0, [1, 4, 5]), (2, [1, 4, 5]), (3, [4, 5]), (4, [5]), (8, [5]), (9, [])],
    )
    async def test_events_are_read_from_any_number(
        self, store: Store, after: int, firsts: list[int]
    ) -> None:
        for id_ in ("run_0", "run_1", "run_2"):
            await going(store, id_)
            await store.append_events([chunk(id_, 1, 3), chunk(id_, 4, 4), chunk(id_, 5, 9)])
        read = await store.read_events(ADA, "run_1", after)
        assert [events.first for events in read] == firsts
        assert {events.run_id for events in read} <= {"run_1"}
        for far in (2**29, 2**30, 2**62, 2**80):
            assert list(await store.read_events(ADA, "run_1", far)) == []
        assert len(await store.read_events(ADA, "run_1", -(2**62))) == 3

    async def test_events_are_read_about_so_many_bytes_at_a_time(self, store: Store) -> None:
        await going(store)
        pieces = [chunk("run_1", n, n, b"x" * 100) for n in range(1, 31)]
        await store.append_events(pieces)
        for most in (0, 1, 100, 101, 250, 10_000):
            read: list[Events] = []
            while piece := await store.read_events(ADA, "run_1", len(read), most):
                assert sum(len(one.frames) for one in piece) <= max(most, 1) + 100
                read += piece
            assert read == pieces, most

    async def test_events_that_come_twice_are_there_once(self, store: Store) -> None:
        await going(store)
        await store.append_events([chunk("run_1", 1, 3), chunk("run_1", 1, 3)])
        await store.append_events([chunk("run_1", 1, 3)])
        assert len(await store.read_events(ADA, "run_1")) == 1

    async def test_events_of_unknown_and_ended_runs_are_left_out(self, store: Store) -> None:
        await going(store)
        await store.append_events([chunk("none", 1, 1), chunk("run_1", 1, 1)])
        await store.end_run(replace(ended(run(session_id=None)), messages=()))
        await store.append_events([chunk("run_1", 2, 2)])
        assert list(await store.read_events(ADA, "run_1")) == [chunk("run_1", 1, 1)]
        with pytest.raises(NotFound):
            await store.read_events(ADA, "none")

    async def test_a_run_that_goes_on_knows_its_newest_event_and_usage(self, store: Store) -> None:
        await going(store)
        used = Usage(7, 1)
        await store.append_events([chunk("run_1", 1, 3), replace(chunk("run_1", 4, 8), usage=used)])
        begun = await store.get_run(ADA, "run_1")
        assert (begun.last_event, begun.usage) == (8, used)
        (orphan,) = await store.orphaned_runs()
        assert (orphan.last_event, orphan.usage) == (8, used)

    async def test_runs_are_listed_the_newest_first(self, store: Store) -> None:
        await turn(store, "run_1", "s")
        await turn(store, "run_2", "t")
        for number in (3, 4, 5):
            await going(store, f"run_{number}", START + number)
        listed = await store.list_runs(ADA, Page(2, 1))
        assert (ids(listed.items), listed.total) == (["run_4", "run_3"], 5)
        for only, found in [
            ({"session_id": "s"}, ["run_1"]),
            ({"session_id": "none"}, []),
            ({"status": "running"}, ["run_5", "run_4", "run_3"]),
            ({"session_id": "t", "status": "completed"}, ["run_2"]),
            ({"session_id": "t", "status": "running"}, []),
        ]:
            some = await store.list_runs(ADA, ALL, **only)
            assert (ids(some.items), some.total) == (found, len(found)), only

    async def test_a_run_changes_until_it_has_ended(self, store: Store) -> None:
        await going(store)
        changes = {"status": "awaiting_approval", "served_model": "m", "headers": {"a": "b"}}
        changed = await store.update_run(ADA, "run_1", changes)
        assert changed == replace(run(session_id=None), **changes)  # type: ignore[arg-type]
        assert changed == await store.get_run(ADA, "run_1")
        await store.end_run(replace(ended(changed), messages=()))
        with pytest.raises(Conflict):
            await store.update_run(ADA, "run_1", {"status": "running"})
        with pytest.raises(NotFound):
            await store.update_run(ADA, "none", {"status": "running"})

    async def test_runs_of_processes_that_are_gone_are_orphaned(self, store: Store) -> None:
        await going(store, "run_1")
        await going(store, "run_2", instance=store.instance)
        await going(store, "run_3", instance="../../etc/passwd")
        await going(store, "run_4")
        await store.end_run(replace(ended(run("run_4", session_id=None)), messages=()))
        assert set(ids(await store.orphaned_runs())) == {"run_1", "run_3"}

    async def test_a_run_that_ends_after_its_session_was_deleted_is_still_counted(
        self, store: Store
    ) -> None:
        begun = await store.begin_turn(starting())
        await store.append_events([chunk("run_1", 1, 2)])
        await store.delete_session(ADA, "s")
        with pytest.raises(NotFound):
            await store.get_run(ADA, "run_1")
        await store.append_events([chunk("run_1", 3, 4)])
        await store.end_run(ended(begun, events=chunk("run_1", 5, 6)))
        await store.end_run(ended(begun))
        with pytest.raises(NotFound):
            await store.read_events(ADA, "run_1")
        stats = await store.session_stats(ADA)
        assert (stats.total.runs, stats.total.cost) == (1, Decimal("0.25"))
        assert (await store.list_runs(ADA, ALL)).total == 0

    # --- figures

    async def test_of_nobody_nothing_is_counted(self, store: Store) -> None:
        assert await store.session_stats(ADA) == SessionStats(0, 0, Tally(), {}, {})

    async def test_use_is_counted_by_model_and_day_for_ever(self, store: Store) -> None:
        days = (START, START + 86_400)
        for number, (model, at, cost) in enumerate(
            itertools.product(("a", "b"), days, (Decimal("0.1"), None))
        ):
            start = starting(f"run_{number}", ADA, f"s{number % 2}")
            fields = {"new_session": number < 2, "expected": (number // 2) * 2}
            begun = replace(start.run, model=model, created_at=at)
            await store.begin_turn(replace(start, run=begun, **fields))  # type: ignore[arg-type]
            await store.end_run(ended(begun, cost=cost))
        each = Tally(4, 4 * USAGE.total_tokens, Decimal("0.2"), 2)
        stats = await store.session_stats(ADA)
        assert stats.by_model == {"a": each, "b": each}
        assert stats.by_day == {day_of(at + 1): each for at in days}
        assert stats.total == Tally(8, 8 * USAGE.total_tokens, Decimal("0.4"), 4)
        assert (stats.active_sessions, stats.total_messages) == (2, 16)
        await store.delete_session(ADA, "s0")
        await store.update_session(ADA, "s1", {"status": "ended"})
        later = await store.session_stats(ADA)
        assert later == replace(stats, active_sessions=0, total_messages=8)
        assert await store.session_stats(EVE) == SessionStats(0, 0, Tally(), {}, {})

    async def test_many_runs_at_once_lose_nothing(self, store: Store) -> None:
        async def whole(number: int) -> None:
            begun = await store.begin_turn(starting(f"run_{number}", ADA, f"s{number}"))
            await store.append_events([chunk(begun.id, 1, 5)])
            await store.end_run(ended(begun, events=chunk(begun.id, 6, 9)))

        await asyncio.gather(*(whole(number) for number in range(100)))
        stats = await store.session_stats(ADA)
        assert (stats.total.runs, stats.total.cost) == (100, Decimal(25))
        assert (stats.active_sessions, stats.total_messages) == (100, 200)
        for number in (0, 50, 99):
            read = await store.read_events(ADA, f"run_{number}")
            assert [(one.first, one.last) for one in read] == [(1, 5), (6, 9)]
        assert session("s0").id == (await store.get_session(ADA, "s0")).id


def day_of(moment: float) -> str:
    """Return the day, in UTC."""
    return datetime.fromtimestamp(moment, UTC).date().isoformat()
