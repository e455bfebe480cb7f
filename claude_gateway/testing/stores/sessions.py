"""What a store does with sessions."""
# ruff: noqa: D102  # the name of a test is its sentence

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from claude_gateway.errors import Conflict, InvalidRequest, NotFound
from claude_gateway.stores import Store
from claude_gateway.testing.stores.base import OfAStore
from claude_gateway.testing.stores.samples import (
    ADA,
    ALL,
    EVE,
    EVERY,
    ODD,
    START,
    ids,
    message,
    replay,
    session,
    texts,
)
from claude_gateway.types.resources import Page, Session, SessionFilter

WHOLE = session(
    title="Whole",
    system_prompt="Be brief.",
    metadata={"n": 2**70, "list": [None, 0.1]},
    parent_id="another",
    context_tokens=7,
    thinking_after=3,
    system=b' "as it is" ',
    tools=b'[ {"name":"t"}]',
    enabled_tools=("a", "b"),
    enabled_servers=(),
    audit_log=True,
    approval="ask",
    approved={"server__tool": "digest"},
)


class OfSessions(OfAStore):
    """Tests of sessions in KeepsSessions."""

    async def test_a_session_comes_back_as_it_was_kept(self, store: Store) -> None:
        assert await store.create_session(WHOLE) == WHOLE
        assert await store.get_session(ADA, "s") == WHOLE

    async def test_a_session_of_the_same_id_is_refused(self, store: Store) -> None:
        await store.create_session(WHOLE)
        with pytest.raises(Conflict) as refusal:
            await store.create_session(session())
        assert refusal.value.code == "exists"
        assert await store.get_session(ADA, "s") == WHOLE

    async def test_a_session_that_is_made_again_by_the_same_request_is_the_first(
        self, store: Store
    ) -> None:
        first = await store.create_session(session("one"), replay("one", "session"))
        assert await store.create_session(session("two"), replay("two", "session")) == first
        with pytest.raises(Conflict) as refusal:
            await store.create_session(session("two"), replay("two", "session", digest="other"))
        assert refusal.value.code == "idempotency_key_reused"

    async def test_one_key_does_not_make_things_of_two_kinds(self, store: Store) -> None:
        await store.create_session(session("one"), replay("one", "session"))
        with pytest.raises(Conflict) as refusal:
            await store.create_session(session("two"), replay("two", "project"))
        assert refusal.value.code == "idempotency_key_reused"

    async def test_of_many_equal_requests_at_once_one_makes_a_session(self, store: Store) -> None:
        made = await asyncio.gather(
            *(
                store.create_session(session(str(n)), replay(str(n), "session", key="one"))
                for n in range(20)
            )
        )
        assert len(set(ids(made))) == 1
        assert (await store.list_sessions(ADA, ALL, EVERY)).total == 1

    async def test_two_hundred_sessions_can_be_made_at_once(self, store: Store) -> None:
        names = [f"{number:03}" for number in range(100)]
        results = await asyncio.gather(
            *(store.create_session(session(name)) for name in names * 2), return_exceptions=True
        )
        assert sum(isinstance(result, Session) for result in results) == 100
        assert sum(isinstance(result, Conflict) for result in results) == 100
        assert set(ids((await store.list_sessions(ADA, ALL, EVERY)).items)) == set(names)

    async def test_sessions_are_listed_by_their_last_change(self, store: Store) -> None:
        for number in range(5):
            await store.create_session(session(str(number), at=START - 100 + number))
        await store.update_session(ADA, "1", {"title": "changed"})
        await store.add_messages(ADA, "3", [message()])
        listed = await store.list_sessions(ADA, Page(2, 1), EVERY)
        assert (ids(listed.items), listed.total) == (["1", "4"], 5)
        assert ids((await store.list_sessions(ADA, ALL, EVERY)).items) == ["3", "1", "4", "2", "0"]
        assert (await store.list_sessions(ADA, Page(5, 5), EVERY)).total == 5

    async def test_sessions_are_listed_by_project_and_status(self, store: Store) -> None:
        for number, (project, status) in enumerate(
            [("p", "active"), ("p", "ended"), ("q", "active")]
        ):
            one = session(str(number), at=START + number, project_id=project, status=status)
            await store.create_session(one)
        for only, found in [
            (SessionFilter("p"), ["1", "0"]),
            (SessionFilter(status="active"), ["2", "0"]),
            (SessionFilter("p", "active"), ["0"]),
            (SessionFilter("none"), []),
        ]:
            listed = await store.list_sessions(ADA, ALL, only)
            assert (ids(listed.items), listed.total) == (found, len(found)), only
        assert (await store.list_sessions(ADA, Page(1, 1), SessionFilter("p"))).total == 2

    async def test_a_list_leaves_out_what_is_only_sent_upstream(self, store: Store) -> None:
        await store.create_session(WHOLE)
        listed = await store.list_sessions(ADA, ALL, EVERY)
        assert list(listed.items) == [replace(WHOLE, system=None, tools=None)]

    async def test_a_session_changes_in_the_fields_that_are_named(self, store: Store) -> None:
        await store.create_session(WHOLE)
        changes: dict[str, object] = {
            "title": "New",
            "status": "ended",
            "tools": None,
            "enabled_tools": ("c",),
        }
        changes |= {"approval": "always", "approved": {}}
        changed = await store.update_session(ADA, "s", changes)
        expected = replace(WHOLE, updated_at=changed.updated_at, **changes)  # type: ignore[arg-type]
        assert changed == expected == await store.get_session(ADA, "s")
        for field in ("id", "owner", "created_at", "total_cost", "message_count", "last_number"):
            with pytest.raises(InvalidRequest):
                await store.update_session(ADA, "s", {field: 1})

    async def test_a_deleted_session_is_gone_and_its_id_is_free(self, store: Store) -> None:
        await store.create_session(WHOLE)
        await store.add_messages(ADA, "s", [message("old words")])
        await store.delete_session(ADA, "s")
        for call in (
            store.get_session(ADA, "s"),
            store.history(ADA, "s"),
            store.list_messages(ADA, "s", ALL),
            store.list_tool_executions(ADA, "s", ALL),
            store.delete_session(ADA, "s"),
        ):
            with pytest.raises(NotFound):
                await call
        if self.searches:
            assert (await store.list_sessions(ADA, ALL, SessionFilter(query="old"))).total == 0
        await store.create_session(session())
        assert texts((await store.history(ADA, "s"))[1]) == []

    async def test_active_sessions_of_everybody_are_counted(self, store: Store) -> None:
        await store.create_session(session("a"))
        await store.create_session(session("a", EVE))
        await store.create_session(session("b", status="ended"))
        await store.create_session(session("c"))
        await store.delete_session(ADA, "c")
        assert await store.count_active_sessions() == 2

    @pytest.mark.parametrize("odd", ODD)
    async def test_s1_a_session_may_be_called_anything(self, store: Store, odd: str) -> None:
        one = session(odd, title=odd, model=odd, project_id=odd, system_prompt=odd)
        await store.create_session(one)
        await store.create_session(session("other"))
        assert await store.get_session(ADA, odd) == one
        assert (await store.update_session(ADA, odd, {"metadata": {odd: odd}})).title == odd
        of_project = await store.list_sessions(ADA, ALL, SessionFilter(odd))
        assert ids(of_project.items) == [odd]
        await store.delete_session(ADA, odd)
        assert ids((await store.list_sessions(ADA, ALL, EVERY)).items) == ["other"]
