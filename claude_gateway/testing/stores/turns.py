"""What a store does when turns begin and end."""
# ruff: noqa: D102  # the name of a test is its sentence

from __future__ import annotations

import asyncio
from dataclasses import replace
from decimal import Decimal

import pytest

from claude_gateway.errors import Conflict, GatewayError, NotFound
from claude_gateway.stores import Store
from claude_gateway.testing.stores.base import OfAStore
from claude_gateway.testing.stores.samples import (
    ADA,
    ALL,
    EVERY,
    USAGE,
    chunk,
    ended,
    ids,
    message,
    project,
    replay,
    run,
    session,
    starting,
    texts,
    turn,
)
from claude_gateway.types.turns import RunEnd, TurnStart


class OfTurns(OfAStore):
    """Tests of begin_turn and end_run."""

    async def test_a_turn_begins_with_all_that_belongs_to_it(self, store: Store) -> None:
        start = starting(
            project=project("default"),
            session=session(title="New", system=b"[]", enabled_tools=("a",)),
            replay=replay("run_1"),
        )
        assert await store.begin_turn(start) == start.run
        assert await store.get_run(ADA, "run_1") == start.run
        assert await store.get_project(ADA, "default") == project("default")
        kept, history = await store.history(ADA, "s")
        assert (kept.title, kept.system, kept.enabled_tools) == ("New", b"[]", ("a",))
        assert (kept.message_count, kept.last_number) == (1, 1)
        assert list(history) == [replace(start.messages[0], number=1)]
        assert await store.find_replay(ADA, "key") == replay("run_1")
        assert await store.find_replay(ADA, "none") is None

    async def test_a_run_needs_no_session(self, store: Store) -> None:
        begun = await store.begin_turn(TurnStart(run(session_id=None)))
        await store.end_run(replace(ended(begun), messages=()))
        assert (await store.get_run(ADA, "run_1")).status == "completed"
        assert (await store.session_stats(ADA)).total.runs == 1
        with pytest.raises(NotFound):
            await store.begin_turn(TurnStart(run("run_2", session_id="none")))

    async def test_a_session_is_brought_up_to_date_by_its_next_turn(self, store: Store) -> None:
        await turn(store, "run_1")
        kept = await store.get_session(ADA, "s")
        wanted = replace(
            kept,
            model="other",
            title="Now",
            system_prompt="x",
            tools=b"[1]",
            thinking_after=2,
            enabled_servers=("files",),
            metadata={"a": 1},
            audit_log=True,
            total_tokens=9999,
            message_count=77,
        )
        await store.begin_turn(
            starting("run_2", session=wanted, new_session=False, expected=kept.last_number)
        )
        after = await store.get_session(ADA, "s")
        assert after == replace(
            wanted,
            total_tokens=kept.total_tokens,
            message_count=3,
            last_number=3,
            updated_at=after.updated_at,
        )
        assert after.updated_at >= kept.updated_at

    async def test_an_end_is_kept_with_all_that_belongs_to_it(self, store: Store) -> None:
        begun = await store.begin_turn(starting())
        end = ended(begun, "Hi", "there", events=chunk("run_1", 1, 4), context_tokens=20)
        over = replace(end.run, reply=b'{"id":1}', last_event=4, retries=2)
        await store.end_run(replace(end, run=over))
        assert await store.get_run(ADA, "run_1") == over
        assert list(await store.read_events(ADA, "run_1")) == [end.events]
        kept, history = await store.history(ADA, "s")
        assert texts(history) == ["Hello", "Hi", "there"]
        assert [one.number for one in history] == [1, 2, 3]
        assert (kept.total_tokens, kept.total_cost) == (USAGE.total_tokens, Decimal("0.25"))
        assert (kept.unpriced_runs, kept.context_tokens, kept.message_count) == (0, 20, 3)

    async def test_t08_an_end_makes_the_session_forget_what_was_thought_before_its_answer(
        self, store: Store
    ) -> None:
        await turn(store, "run_1")
        kept = await store.get_session(ADA, "s")
        assert kept.thinking_after == 0
        begun = await store.begin_turn(
            starting("run_2", session=kept, new_session=False, expected=kept.last_number)
        )
        await store.end_run(ended(begun, "Hi", "there", forget_thinking=True))
        kept = await store.get_session(ADA, "s")
        assert (kept.thinking_after, kept.last_number) == (3, 5)
        await turn(store, "run_3")
        assert (await store.get_session(ADA, "s")).thinking_after == 3

    async def test_a_second_end_changes_nothing(self, store: Store) -> None:
        begun = await store.begin_turn(starting())
        end = ended(begun, events=chunk("run_1", 1, 4))
        await store.end_run(end)
        before = await state(store)
        other = replace(end.run, status="failed", cost=Decimal(9))
        await store.end_run(replace(end, run=other, messages=[message("more")]))
        await store.append_events([chunk("run_1", 5, 6)])
        assert await state(store) == before

    async def test_a_run_that_never_began_cannot_end(self, store: Store) -> None:
        with pytest.raises(NotFound):
            await store.end_run(ended(run()))
        assert (await store.session_stats(ADA)).total.runs == 0

    async def test_what_a_run_cost_is_exact_and_the_unknown_is_not_nothing(
        self, store: Store
    ) -> None:
        for number, cost in enumerate((None, Decimal("0.000000000001"), Decimal("123.4"), None)):
            begun = await store.begin_turn(
                starting(
                    f"run_{number}",
                    new_session=number == 0,
                    expected=number * 2,
                )
            )
            await store.end_run(ended(begun, cost=cost))
            assert (await store.get_run(ADA, begun.id)).cost == cost
            if number == 0:
                assert (await store.get_session(ADA, "s")).total_cost is None
        kept = await store.get_session(ADA, "s")
        assert (kept.total_cost, kept.unpriced_runs) == (Decimal("123.400000000001"), 2)

    # --- conflicts

    async def test_a_turn_that_has_not_seen_the_newest_message_is_refused(
        self, store: Store
    ) -> None:
        await turn(store, "run_1")
        before = await state(store)
        for expected in (0, 1, 3):
            late = starting("run_2", new_session=False, expected=expected, replay=replay("run_2"))
            with pytest.raises(Conflict) as refusal:
                await store.begin_turn(late)
            assert refusal.value.code == "stale_session"
        assert await state(store) == before
        assert await store.find_replay(ADA, "key") is None

    async def test_a_change_that_the_caller_has_not_seen_is_not_replaced(
        self, store: Store
    ) -> None:
        kept = await store.create_session(session())
        changed = await store.update_session(ADA, "s", {"title": "Renamed"})
        late = starting(session=kept, new_session=False, seen=kept.updated_at)
        with pytest.raises(Conflict) as refusal:
            await store.begin_turn(late)
        assert refusal.value.code == "stale_session"
        assert await store.get_session(ADA, "s") == changed
        seen = starting(session=changed, new_session=False, seen=changed.updated_at)
        await store.begin_turn(seen)
        assert (await store.get_session(ADA, "s")).title == "Renamed"

    async def test_an_attempt_at_which_the_model_said_nothing_can_be_made_again(
        self, store: Store
    ) -> None:
        begun = await store.begin_turn(starting("run_1", replay=replay("run_1")))
        failed = replace(ended(begun).run, status="failed", served_model=None, error_code="x")
        await store.end_run(RunEnd(failed))
        kept = await store.get_session(ADA, "s")
        again = starting(
            "run_2", session=kept, new_session=False, expected=1, replay=replay("run_2")
        )
        assert (await store.begin_turn(again)).id == "run_2"
        await store.end_run(ended(again.run))
        once_more = replace(again, run=run("run_3"), expected=3, replay=replay("run_3"))
        assert (await store.begin_turn(once_more)).id == "run_2"

    async def test_an_attempt_whose_session_is_gone_can_be_made_again(self, store: Store) -> None:
        await store.begin_turn(starting("run_1", replay=replay("run_1")))
        await store.delete_session(ADA, "s")
        again = starting("run_2", replay=replay("run_2"))
        assert (await store.begin_turn(again)).id == "run_2"

    async def test_of_many_turns_at_once_one_begins(self, store: Store) -> None:
        await turn(store, "run_0")
        starts = (
            starting(f"run_{n}", ADA, "s", str(n), new_session=False, expected=2)
            for n in range(1, 21)
        )
        results = await asyncio.gather(
            *(store.begin_turn(start) for start in starts), return_exceptions=True
        )
        begun = [one for one in results if not isinstance(one, BaseException)]
        assert len(begun) == 1
        assert {type(one) for one in results if isinstance(one, BaseException)} == {Conflict}
        history = (await store.history(ADA, "s"))[1]
        assert [begun[0].id] == [one.run_id for one in history[2:]]

    async def test_a_turn_cannot_begin_in_a_session_that_is_new_and_there(
        self, store: Store
    ) -> None:
        await turn(store, "run_1")
        before = await state(store)
        with pytest.raises(Conflict) as refusal:
            await store.begin_turn(starting("run_2", project=project("new")))
        assert refusal.value.code == "exists"
        assert await state(store) == before
        with pytest.raises(NotFound):
            await store.get_project(ADA, "new")

    async def test_a_turn_cannot_begin_in_a_session_that_is_not_there(self, store: Store) -> None:
        with pytest.raises(NotFound):
            await store.begin_turn(starting(new_session=False, project=project("new")))
        with pytest.raises(NotFound):
            await store.get_run(ADA, "run_1")
        with pytest.raises(NotFound):
            await store.get_project(ADA, "new")

    async def test_a_run_of_the_same_id_changes_nothing(self, store: Store) -> None:
        await turn(store, "run_1")
        before = await state(store)
        with pytest.raises(Conflict):
            await store.begin_turn(starting("run_1", new_session=False, expected=2))
        assert await state(store) == before

    async def test_one_bad_turn_does_not_spoil_others_at_the_same_time(self, store: Store) -> None:
        bad = [starting("bad", session_id=f"b{n}", replay=None) for n in range(5)]
        good = [starting(f"run_{n}", session_id=str(n)) for n in range(20)]
        mixed = [*good[:10], *bad, *good[10:]]
        results = await asyncio.gather(
            *(store.begin_turn(start) for start in mixed), return_exceptions=True
        )
        assert sum(isinstance(one, GatewayError) for one in results) == 4
        listed = await store.list_runs(ADA, ALL)
        assert set(ids(listed.items)) == {"bad", *(f"run_{n}" for n in range(20))}
        assert (await store.list_sessions(ADA, ALL, EVERY)).total == 21

    # --- again, and otherwise

    async def test_a_turn_that_is_begun_again_by_the_same_request_is_the_first(
        self, store: Store
    ) -> None:
        first = await store.begin_turn(starting(replay=replay("run_1")))
        await store.end_run(ended(first))
        before = await state(store)
        again = starting("run_2", new_session=False, expected=0, replay=replay("run_2"))
        assert (await store.begin_turn(again)) == await store.get_run(ADA, "run_1")
        with pytest.raises(Conflict) as refusal:
            await store.begin_turn(replace(again, replay=replay("run_2", digest="other")))
        assert refusal.value.code == "idempotency_key_reused"
        assert await state(store) == before

    async def test_messages_above_the_kept_ones_leave_the_conversation(self, store: Store) -> None:
        await turn(store, "run_1")
        await turn(store, "run_2")
        edited = starting("run_3", ADA, "s", "Edited", new_session=False, expected=4, keep=2)
        await store.end_run(ended(await store.begin_turn(edited), "New answer"))
        kept, history = await store.history(ADA, "s")
        assert texts(history) == ["Hello", "Hi", "Edited", "New answer"]
        assert [one.number for one in history] == [1, 2, 5, 6]
        assert (kept.message_count, kept.last_number) == (4, 6)
        listed = await store.list_messages(ADA, "s", ALL)
        assert list(listed.items) == list(history)
        assert listed.total == 4
        fork = await store.fork_session(ADA, "s", session("fork"))
        assert (fork.message_count, fork.last_number) == (4, 6)
        await turn(store, "run_4")
        emptied = starting("run_5", ADA, "s", "Anew", new_session=False, expected=8, keep=0)
        await store.begin_turn(emptied)
        assert texts((await store.history(ADA, "s"))[1]) == ["Anew"]


async def state(store: Store) -> object:
    """Return all that there is of one owner's."""
    return (
        await store.history(ADA, "s"),
        (await store.list_runs(ADA, ALL)),
        (await store.list_projects(ADA, ALL)),
        (await store.list_sessions(ADA, ALL, EVERY)),
        await store.session_stats(ADA),
        await store.read_events(ADA, "run_1"),
    )
