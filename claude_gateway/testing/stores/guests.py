"""What guests try in a project of Ada's, and the project."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import NamedTuple

from claude_gateway.stores import Store
from claude_gateway.testing.stores.samples import (
    ADA,
    ALL,
    EVE,
    EVERY,
    chunk,
    ended,
    message,
    project,
    session,
    starting,
)
from claude_gateway.types.sharing import Role, Visitor
from claude_gateway.types.turns import TurnStart

GUEST = Visitor(EVE, ADA)
Call = Callable[[Store, Visitor], Awaitable[object]]


class Try(NamedTuple):
    """A call, and the role that it needs."""

    need: Role
    call: Call


# What a guest does with the things in Ada's project `p`: its session `s`, its run `run_1`.
TRIES: Mapping[str, Try] = {
    "get_project": Try("viewer", lambda s, who: s.get_project(who, "p")),
    "update_project": Try("owner", lambda s, who: s.update_project(who, "p", {"name": "New"})),
    "delete_project": Try("owner", lambda s, who: s.delete_project(who, "p")),
    "set_member": Try("owner", lambda s, who: s.set_member(who, "p", "bob", "viewer")),
    "remove_member": Try("owner", lambda s, who: s.remove_member(who, "p", "cleo")),
    "list_members": Try("viewer", lambda s, who: s.list_members(who, "p")),
    "create_session": Try(
        "editor", lambda s, who: s.create_session(session("n", project_id="p"), None, who)
    ),
    "get_session": Try("viewer", lambda s, who: s.get_session(who, "s")),
    "get_session to change it": Try("editor", lambda s, who: s.get_session(who, "s", "editor")),
    "update_session": Try("editor", lambda s, who: s.update_session(who, "s", {"title": "New"})),
    "delete_session": Try("owner", lambda s, who: s.delete_session(who, "s")),
    "fork_session": Try(
        "editor", lambda s, who: s.fork_session(who, "s", session("f", project_id="p"))
    ),
    "add_messages": Try("editor", lambda s, who: s.add_messages(who, "s", [message("New")])),
    "history": Try("viewer", lambda s, who: s.history(who, "s")),
    "get_message": Try("viewer", lambda s, who: s.get_message(who, "s", message().id)),
    "list_messages": Try("viewer", lambda s, who: s.list_messages(who, "s", ALL)),
    "list_tool_executions": Try("viewer", lambda s, who: s.list_tool_executions(who, "s", ALL)),
    "begin_turn": Try("editor", lambda s, who: s.begin_turn(going_on(who))),
    "begin_turn in a new session": Try("editor", lambda s, who: s.begin_turn(anew(who))),
    "get_run": Try("viewer", lambda s, who: s.get_run(who, "run_1")),
    "get_run to stop it": Try("editor", lambda s, who: s.get_run(who, "run_1", "editor")),
    "read_events": Try("viewer", lambda s, who: s.read_events(who, "run_1")),
}
# What only the gateway itself does, what is the visitor's own, and lists: tests below.
OTHERS = {
    *("create_project", "ensure_project", "add_tool_executions", "append_events", "end_run"),
    *("update_run", "park_run", "parked_state", "orphaned_runs", "find_replay"),
    *("count_active_sessions", "session_stats", "list_projects", "list_sessions", "list_runs"),
}


def going_on(who: Visitor) -> TurnStart:
    """Return a turn of a guest's in the session `s`."""
    start = starting("run_9", new_session=False, session=session(project_id="p"), expected=1)
    return replace(start, run=replace(start.run, caller=who.id, project_id="p"), by=who)


def anew(who: Visitor) -> TurnStart:
    """Return a turn of a guest's in a session that is to be made."""
    start = starting("run_9", ADA, "new", session=session("new", project_id="p"))
    return replace(start, run=replace(start.run, caller=who.id, project_id="p"), by=who)


async def shared(store: Store) -> None:
    """Keep a project of Ada's, which Eve may not see yet, and something beside it."""
    await store.create_project(project())
    await store.set_member(ADA, "p", "cleo", "viewer")
    private = starting("run_2", ADA, "private", replay=None)
    await store.end_run(ended(await store.begin_turn(private)))
    await store.begin_turn(starting(session=session(project_id="p")))
    await store.append_events([chunk("run_1", 1, 3)])
    run = replace(await store.get_run(ADA, "run_1"), project_id="p")
    await store.end_run(replace(ended(run), messages=[]))


async def adas(store: Store) -> object:
    """Return all that might have been changed."""
    return (
        await store.list_projects(ADA, ALL),
        [one for one in await store.list_members(ADA, "p") if one.user != EVE],
        await store.list_sessions(ADA, ALL, EVERY),
        await store.history(ADA, "s"),
        await store.list_runs(ADA, ALL),
    )
