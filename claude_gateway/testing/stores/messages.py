"""What a store does with messages, and with tools that ran."""
# ruff: noqa: D102  # the name of a test is its sentence

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from claude_gateway.errors import Conflict, NotFound
from claude_gateway.stores import Store
from claude_gateway.testing.stores.base import OfAStore
from claude_gateway.testing.stores.samples import (
    ADA,
    ALL,
    EVERY,
    ODD,
    START,
    message,
    replay,
    session,
    starting,
    texts,
    turn,
)
from claude_gateway.types.resources import Page, ToolExecution


def execution(id_: str, at: float = START, **fields: object) -> ToolExecution:
    """Return a call of a tool."""
    return ToolExecution(id_, "s", "look", at, **fields)  # type: ignore[arg-type]


class OfMessages(OfAStore):
    """Tests of messages and executions in KeepsSessions."""

    async def test_messages_are_numbered_and_come_back_byte_by_byte(self, store: Store) -> None:
        await store.create_session(session())
        sent = [
            message("one", metadata={"n": 2**70}, run_id="run_9", token_count=3),
            message("two", "assistant"),
            replace(message("three"), content=b'"\\ud83e\\udd8a \xf0\x9f\xa6\x8a\\u0000"'),
        ]
        added = await store.add_messages(ADA, "s", sent)
        assert list(added) == [replace(one, number=n) for n, one in enumerate(sent, 1)]
        kept, history = await store.history(ADA, "s")
        assert list(history) == list(added)
        assert (kept.message_count, kept.last_number) == (3, 3)
        assert kept == await store.get_session(ADA, "s")

    async def test_messages_from_many_hands_are_numbered_once_each(self, store: Store) -> None:
        await store.create_session(session())
        pairs = [[message(f"{n} a"), message(f"{n} b")] for n in range(50)]
        added = await asyncio.gather(*(store.add_messages(ADA, "s", pair) for pair in pairs))
        assert all(second.number == first.number + 1 for first, second in added)
        history = (await store.history(ADA, "s"))[1]
        assert [one.number for one in history] == list(range(1, 101))

    async def test_messages_that_are_added_again_by_the_same_request_are_the_first(
        self, store: Store
    ) -> None:
        await store.create_session(session())
        await store.add_messages(ADA, "s", [message("before")])
        request = replay("msg", "message")
        first = await store.add_messages(ADA, "s", [message("a"), message("b")], request)
        await store.add_messages(ADA, "s", [message("after")])
        again = [message("a", created_at=9.0), message("b", created_at=9.0)]
        assert list(await store.add_messages(ADA, "s", again, request)) == list(first)
        with pytest.raises(Conflict):
            await store.add_messages(ADA, "s", again, replace(request, digest="other"))
        assert texts((await store.history(ADA, "s"))[1]) == ["before", "a", "b", "after"]

    async def test_messages_are_listed_in_order(self, store: Store) -> None:
        await store.create_session(session())
        for number in range(1, 7):
            role = "user" if number % 2 else "assistant"
            await store.add_messages(ADA, "s", [message(str(number), role)])
        for page, role, after, found, total in [
            (Page(2, 1), "", 0, ["2", "3"], 6),
            (ALL, "user", 0, ["1", "3", "5"], 3),
            (ALL, "", 4, ["5", "6"], 2),
            (Page(1), "assistant", 2, ["4"], 2),
            (Page(5, 6), "", 0, [], 6),
            (ALL, "", 2**80, [], 0),
        ]:
            listed = await store.list_messages(ADA, "s", page, role=role, after=after)
            assert (texts(listed.items), listed.total) == (found, total), (page, role, after)

    async def test_a_message_is_found_by_its_id_in_its_own_session(self, store: Store) -> None:
        await store.create_session(session())
        await store.create_session(session("other"))
        first, second = await store.add_messages(ADA, "s", [message("a"), message("b")])
        assert await store.get_message(ADA, "s", first.id) == first
        assert await store.get_message(ADA, "s", second.id) == second
        for where in (("other", first.id), ("s", "none"), ("none", first.id)):
            with pytest.raises(NotFound):
                await store.get_message(ADA, *where)

    async def test_no_messages_can_be_added_to_nothing(self, store: Store) -> None:
        with pytest.raises(NotFound):
            await store.add_messages(ADA, "s", [message()])
        assert (await store.list_sessions(ADA, ALL, EVERY)).total == 0

    @pytest.mark.parametrize("odd", ODD)
    async def test_s1_a_message_may_say_anything(self, store: Store, odd: str) -> None:
        await store.create_session(session())
        (added,) = await store.add_messages(ADA, "s", [message(odd, odd)])
        assert (await store.history(ADA, "s"))[1] == [added]
        assert (added.text, added.content) == (odd, message(odd).content)

    # --- forks

    async def test_a_fork_has_the_messages_and_begins_its_totals_at_zero(
        self, store: Store
    ) -> None:
        await turn(store, "run_1")
        await turn(store, "run_2")
        fork = session("fork", parent_id="s", title="Fork")
        made = await store.fork_session(ADA, "s", fork)
        assert made == replace(fork, message_count=4, last_number=4)
        assert made == await store.get_session(ADA, "fork")
        original = (await store.history(ADA, "s"))[1]
        copies = (await store.history(ADA, "fork"))[1]
        assert [(m.number, m.content) for m in copies] == [(m.number, m.content) for m in original]
        await store.add_messages(ADA, "fork", [message("only here")])
        assert len((await store.history(ADA, "s"))[1]) == 4

    async def test_the_same_request_makes_one_fork(self, store: Store) -> None:
        await turn(store, "run_1")
        first = await store.fork_session(ADA, "s", session("one"), None, replay("one", "session"))
        again = await store.fork_session(ADA, "s", session("two"), None, replay("two", "session"))
        assert again == first
        with pytest.raises(NotFound):
            await store.get_session(ADA, "two")
        other = replay("two", "session", digest="other")
        with pytest.raises(Conflict):
            await store.fork_session(ADA, "s", session("two"), None, other)

    async def test_a_fork_can_end_earlier(self, store: Store) -> None:
        await turn(store, "run_1")
        await turn(store, "run_2")
        fork = await store.fork_session(ADA, "s", session("fork"), 2)
        assert (fork.message_count, fork.last_number) == (2, 2)
        assert len((await store.history(ADA, "fork"))[1]) == 2

    async def test_a_fork_needs_a_source_and_an_id_of_its_own(self, store: Store) -> None:
        await store.begin_turn(starting())
        with pytest.raises(NotFound):
            await store.fork_session(ADA, "none", session("fork"))
        with pytest.raises(Conflict):
            await store.fork_session(ADA, "s", session("s"))
        assert (await store.list_sessions(ADA, ALL, EVERY)).total == 1

    # --- executions

    async def test_executions_are_listed_the_newest_first(self, store: Store) -> None:
        await store.create_session(session())
        whole = execution(
            "b",
            START + 1,
            run_id="run_1",
            tool_type="native",
            server="files",
            input_params=b'{ "a":1}',
            output=b" [] ",
            status="failed",
            error_message="broken",
            execution_time_ms=7,
            completed_at=START + 2,
        )
        await store.add_tool_executions(ADA, [execution("a"), whole, execution("c", START + 2)])
        listed = await store.list_tool_executions(ADA, "s", Page(2))
        assert list(listed.items) == [execution("c", START + 2), whole]
        assert listed.total == 3
        for only, found in [
            ({"tool_type": "native"}, ["b"]),
            ({"status": "pending"}, ["c", "a"]),
            ({"tool_type": "mcp", "status": "failed"}, []),
        ]:
            some = await store.list_tool_executions(ADA, "s", ALL, **only)
            assert ([one.id for one in some.items], some.total) == (found, len(found))

    async def test_an_execution_of_the_same_id_is_replaced(self, store: Store) -> None:
        await store.create_session(session())
        await store.add_tool_executions(ADA, [execution("a")])
        done = execution("a", status="completed", output=b"1")
        await store.add_tool_executions(ADA, [done])
        assert list((await store.list_tool_executions(ADA, "s", ALL)).items) == [done]
        with pytest.raises(NotFound):
            await store.add_tool_executions(ADA, [done, replace(done, session_id="none")])
