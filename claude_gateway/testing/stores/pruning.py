"""How a store forgets."""
# ruff: noqa: D102  # the name of a test is its sentence

from __future__ import annotations

from dataclasses import replace

import pytest

from claude_gateway.errors import NotFound
from claude_gateway.stores import Store
from claude_gateway.testing.stores.base import OfAStore
from claude_gateway.testing.stores.samples import (
    ADA,
    ALL,
    EVE,
    EVERY,
    START,
    chunk,
    ended,
    ids,
    replay,
    session,
    starting,
    turn,
)


class OfPruning(OfAStore):
    """Tests of Prunes."""

    async def test_t31_sessions_are_forgotten_a_bounded_number_at_a_time(
        self, store: Store
    ) -> None:
        for number in range(7):
            owner = (ADA, EVE)[number % 2]
            await store.create_session(session(str(number), owner, at=1000.0 + number))
        await store.create_session(session("new"))
        assert await store.prune_sessions(1005.0, 0) == 0
        assert await store.prune_sessions(1005.0, 3) == 3
        assert await store.prune_sessions(1005.0, 3) == 2
        assert await store.prune_sessions(1005.0, 3) == 0
        left = [*ids((await store.list_sessions(ADA, ALL, EVERY)).items)]
        left += ids((await store.list_sessions(EVE, ALL, EVERY)).items)
        assert set(left) == {"5", "6", "new"}

    async def test_a_session_that_went_on_is_not_old(self, store: Store) -> None:
        await store.create_session(session(at=1000.0))
        await turn(store, "run_1")
        assert await store.prune_sessions(START - 10, 10) == 0
        assert await store.prune_sessions(START + 10, 10) == 1
        with pytest.raises(NotFound):
            await store.get_run(ADA, "run_1")
        assert (await store.session_stats(ADA)).total.runs == 1

    async def test_t31_logs_are_forgotten_a_bounded_number_at_a_time(self, store: Store) -> None:
        for number in range(7):
            start = starting(f"run_{number}", ADA, str(number))
            begun = replace(start.run, created_at=1000.0 + number)
            await store.begin_turn(replace(start, run=begun))
            await store.append_events([chunk(begun.id, n, n) for n in range(1, 4)])
            if number != 1:
                await store.end_run(ended(begun, events=chunk(begun.id, 4, 4)))
        before = 1005.0  # the first ended at 1001, and the second never
        assert await store.prune_events(before, 2) == 2
        assert await store.prune_events(before, 10) == 1
        assert await store.prune_events(before, 10) == 0
        kept = [len(await store.read_events(ADA, f"run_{number}")) for number in range(7)]
        assert kept == [0, 3, 0, 0, 4, 4, 4]
        assert (await store.get_run(ADA, "run_0")).usage.output_tokens == 5
        assert (await store.session_stats(ADA)).total.runs == 6

    async def test_a_whole_answer_goes_with_the_log(self, store: Store) -> None:
        begun = await store.begin_turn(starting())
        end = ended(begun)
        await store.end_run(replace(end, run=replace(end.run, reply=b"{}")))
        assert (await store.get_run(ADA, "run_1")).reply == b"{}"
        assert await store.prune_events(START + 10, 10) == 1
        assert (await store.get_run(ADA, "run_1")) == end.run
        assert len((await store.history(ADA, "s"))[1]) == 2

    async def test_t31_keys_are_forgotten_a_bounded_number_at_a_time(self, store: Store) -> None:
        for number in range(5):
            request = replace(replay(str(number), "session"), key=str(number), created_at=number)
            await store.create_session(session(str(number)), request)
        assert await store.prune_replays(4, 3) == 3
        assert await store.prune_replays(4, 3) == 1
        assert await store.find_replay(ADA, "3") is None
        assert await store.find_replay(ADA, "4") is not None
