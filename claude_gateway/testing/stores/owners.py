"""That nobody meets what is another's: every call of the store, by two owners."""
# ruff: noqa: D102  # the name of a test is its sentence

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
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
    chunk,
    ended,
    message,
    project,
    replay,
    run,
    session,
    starting,
)
from claude_gateway.types.resources import SessionFilter, ToolExecution
from claude_gateway.types.turns import TurnStart

Call = Callable[[Store], Awaitable[object]]

TOOL = ToolExecution("t", "s", "look", 1.0)

# What Eve tries with the ids of Ada's things; none of it may find anything.
TRIES: Mapping[str, Call] = {
    "get_project": lambda store: store.get_project(EVE, "p"),
    "update_project": lambda store: store.update_project(EVE, "p", {"name": "Eve's"}),
    "delete_project": lambda store: store.delete_project(EVE, "p"),
    "get_session": lambda store: store.get_session(EVE, "s"),
    "update_session": lambda store: store.update_session(EVE, "s", {"title": "Eve's"}),
    "delete_session": lambda store: store.delete_session(EVE, "s"),
    "fork_session": lambda store: store.fork_session(EVE, "s", session("fork", EVE)),
    "add_messages": lambda store: store.add_messages(EVE, "s", [message("Eve's")]),
    "history": lambda store: store.history(EVE, "s"),
    "get_message": lambda store: store.get_message(EVE, "s", message().id),
    "list_messages": lambda store: store.list_messages(EVE, "s", ALL),
    "add_tool_executions": lambda store: store.add_tool_executions(EVE, [TOOL]),
    "list_tool_executions": lambda store: store.list_tool_executions(EVE, "s", ALL),
    "begin_turn": lambda store: store.begin_turn(
        starting("run_9", EVE, new_session=False, expected=1)
    ),
    "begin_turn without a session": lambda store: store.begin_turn(TurnStart(run("run_9", EVE))),
    "end_run": lambda store: store.end_run(ended(run("run_1", EVE))),
    "update_run": lambda store: store.update_run(EVE, "run_1", {"status": "queued"}),
    "get_run": lambda store: store.get_run(EVE, "run_1"),
    "read_events": lambda store: store.read_events(EVE, "run_1"),
}


class OfOwners(OfAStore):
    """Tests of what is promised of owners."""

    @pytest.mark.parametrize("call", TRIES)
    async def test_s8_s9_what_is_anothers_is_not_there(self, store: Store, call: str) -> None:
        await adas(store)
        before = await everything(store, ADA)
        with pytest.raises(NotFound):
            await TRIES[call](store)
        assert await everything(store, ADA) == before
        assert await nothing(store, EVE)

    async def test_s9_lists_figures_and_keys_are_ones_own(self, store: Store) -> None:
        await adas(store)
        assert await nothing(store, EVE)
        for only in filters(searches=self.searches):
            assert (await store.list_sessions(EVE, ALL, only)).total == 0
        assert await store.find_replay(EVE, "key") is None

    async def test_s9_two_owners_may_use_the_same_ids(self, store: Store) -> None:
        await adas(store)
        before = await everything(store, ADA)
        hers = replace(project("p", EVE), name="Eve's")
        assert await store.create_project(hers) == hers
        begun = await store.begin_turn(
            starting("run_2", EVE, "s", "Eve's words", replay=replay("run_2", digest="hers"))
        )
        assert begun.id == "run_2"
        await store.add_tool_executions(EVE, [replace(TOOL, tool_name="hers")])
        await store.end_run(ended(begun, "For Eve"))
        assert [m.text for m in (await store.history(EVE, "s"))[1]] == ["Eve's words", "For Eve"]
        assert await everything(store, ADA) == before
        await store.delete_session(EVE, "s")
        await store.delete_project(EVE, "p")
        assert await everything(store, ADA) == before

    async def test_s8_a_run_that_is_anothers_cannot_be_begun_again(self, store: Store) -> None:
        await adas(store)
        again = starting("run_9", EVE, "new", replay=replay("run_9"))
        assert (await store.begin_turn(again)).id == "run_9"


async def adas(store: Store) -> None:
    """Keep one of each, of Ada's."""
    await store.create_project(project())
    await store.begin_turn(starting(replay=replay("run_1"), session=session(project_id="p")))
    await store.append_events([chunk("run_1", 1, 3)])
    await store.add_tool_executions(ADA, [TOOL])


async def everything(store: Store, owner: str) -> object:
    """Return all that is found of Ada's things by this owner."""
    return (
        await store.list_projects(owner, ALL),
        await store.list_sessions(owner, ALL, EVERY),
        await store.history(owner, "s"),
        await store.list_tool_executions(owner, "s", ALL),
        await store.list_runs(owner, ALL),
        await store.get_run(owner, "run_1"),
        await store.read_events(owner, "run_1"),
        await store.session_stats(owner),
        await store.find_replay(owner, "key"),
    )


def filters(*, searches: bool) -> list[SessionFilter]:
    """Return filters that would find something of Ada's."""
    searching = [SessionFilter(query="h")] if searches else []
    return [SessionFilter("p"), SessionFilter(status="active"), *searching]


async def nothing(store: Store, owner: str) -> bool:
    """Whether an owner has nothing at all."""
    lists = (
        await store.list_projects(owner, ALL),
        await store.list_sessions(owner, ALL, EVERY),
        await store.list_runs(owner, ALL),
    )
    stats = await store.session_stats(owner)
    return not any(listing.total for listing in lists) and stats.total.runs == 0
