"""What the store does for visitors: members of a project, and keys that reach some projects only.

An owner's own calls go by: they cost a look at a type.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from claude_gateway import (
    Events,
    Listing,
    Message,
    NotFound,
    Page,
    Project,
    Replay,
    Role,
    RunRecord,
    Session,
    SessionFilter,
    SessionStats,
    ToolExecution,
    TurnStart,
    Visitor,
    Who,
)
from claude_gateway_sqlite import (
    admission,
    errands,
    messages,
    projects,
    rows,
    sessions,
    within,
)
from claude_gateway_sqlite.admission import check_project, check_session
from claude_gateway_sqlite.desk import Desk
from claude_gateway_sqlite.ledger import summed
from claude_gateway_sqlite.parts import Parts
from claude_gateway_sqlite.search import like, words_of

T = TypeVar("T")
A = TypeVar("A")


class Visited(Parts):
    """The parts with a doorkeeper."""

    async def get_project(self, owner: Who, project_id: str, need: Role = "viewer") -> Project:
        if isinstance(owner, str):
            return await super().get_project(owner, project_id)
        found = await super().get_project(owner.owner, project_id)
        values = (owner.owner, project_id, owner.id)
        row = await self._readers.row(admission.OF_PROJECT, values)
        admission.judge_project(owner, project_id, row, need)
        return found if row is None else replace(found, role=row[0])

    async def list_projects(self, owner: Who, page: Page, query: str = "") -> Listing[Project]:
        if isinstance(owner, str):
            return await super().list_projects(owner, page, query)
        patterns = rows.names(tuple(like(word) for word in words_of(query)))
        only = (owner.id, within.names(owner), patterns)
        listed = await self._readers.rows(within.PROJECTS, (*only, page.limit, page.offset))
        counted = await self._readers.rows(within.COUNT_PROJECTS, only)
        found = [replace(rows.project(row[:10]), role=row[10]) for row in listed]
        return Listing(found, counted[0][0])

    async def update_project(
        self, owner: Who, project_id: str, changes: Mapping[str, object]
    ) -> Project:
        if isinstance(owner, str):
            return await super().update_project(owner, project_id, changes)
        wanted = projects.Change(owner.owner, project_id, changes)
        return await self._checked(
            errands.in_project(owner, project_id, "owner"), projects.change, wanted
        )

    async def delete_project(self, owner: Who, project_id: str) -> None:
        if isinstance(owner, str):
            await super().delete_project(owner, project_id)
            return
        which = (owner.owner, project_id)
        await self._checked(errands.in_project(owner, project_id, "owner"), projects.delete, which)

    async def create_session(
        self, session: Session, replay: Replay | None = None, by: Visitor | None = None
    ) -> Session:
        if by is None:
            return await super().create_session(session, replay)
        who = by

        def made(desk: Desk, wanted: tuple[Session, Replay | None, str]) -> Session:
            return errands.now_of(desk, who, sessions.create(desk, wanted))

        check = errands.in_project(by, session.project_id, "editor")
        return await self._checked(check, made, (session, replay, by.id))

    async def get_session(self, owner: Who, session_id: str, need: Role = "viewer") -> Session:
        if isinstance(owner, str):
            return await super().get_session(owner, session_id)
        found = await super().get_session(owner.owner, session_id)
        await self._may(owner, session_id, need)
        return found

    async def list_sessions(self, owner: Who, page: Page, only: SessionFilter) -> Listing[Session]:
        if isinstance(owner, str):
            return await super().list_sessions(owner, page, only)
        if only.project_id is None:
            return await self._within(owner, page, only)
        found = await super().list_sessions(owner.owner, page, only)
        values = (owner.owner, only.project_id, owner.id)
        row = await self._readers.row(admission.OF_PROJECT, values)
        try:
            admission.judge_project(owner, only.project_id, row, "viewer")
        except NotFound:
            return Listing([], 0)
        return found

    async def _within(self, who: Visitor, page: Page, only: SessionFilter) -> Listing[Session]:
        """Return sessions of all the visitor's own projects that the key reaches."""
        if who.is_guest:
            return Listing([], 0)
        words = words_of(only.query)
        found = await self._found(who.owner, words) if words else None
        which = (who.owner, only.status, rows.names(who.own_projects), found)
        listed = await self._readers.rows(within.SESSIONS, (*which, page.limit, page.offset))
        counted = await self._readers.rows(within.COUNT_SESSIONS, which)
        return Listing([rows.session(row) for row in listed], counted[0][0])

    async def update_session(
        self, owner: Who, session_id: str, changes: Mapping[str, object]
    ) -> Session:
        if isinstance(owner, str):
            return await super().update_session(owner, session_id, changes)
        who, target = owner, changes.get("project_id")

        def check(desk: Desk) -> None:
            before = check_session(desk, who, session_id, "editor")
            if target is not None and target != before:
                check_project(desk, who, before, "owner")
                check_project(desk, who, str(target), "owner")

        wanted = projects.Change(who.owner, session_id, changes)
        return await self._checked(check, sessions.change, wanted)

    async def delete_session(self, owner: Who, session_id: str) -> None:
        if isinstance(owner, str):
            await super().delete_session(owner, session_id)
            return
        which = (owner.owner, session_id)
        await self._checked(errands.in_session(owner, session_id, "owner"), sessions.delete, which)

    async def fork_session(
        self,
        owner: Who,
        session_id: str,
        fork: Session,
        last_number: int | None = None,
        replay: Replay | None = None,
    ) -> Session:
        if isinstance(owner, str):
            return await super().fork_session(owner, session_id, fork, last_number, replay)
        who = owner

        def check(desk: Desk) -> None:
            check_session(desk, who, session_id, "editor")
            check_project(desk, who, fork.project_id, "editor")

        def made(desk: Desk, wanted: sessions.Fork) -> Session:
            return errands.now_of(desk, who, sessions.forked(desk, wanted))

        wanted = sessions.Fork(who.owner, session_id, fork, last_number, replay, who.id)
        return await self._checked(check, made, wanted)

    async def session_stats(self, owner: Who) -> SessionStats:
        if isinstance(owner, str) or owner.projects is None:
            return await super().session_stats(owner if isinstance(owner, str) else owner.id)
        mine = (owner.id, rows.names(owner.own_projects))
        counted = (await self._readers.rows(within.FIGURES, mine))[0]
        values = (owner.id, within.names(owner), owner.key_id)
        return summed(counted, await self._readers.rows(within.BOOKED, values))

    async def add_messages(
        self, owner: Who, session_id: str, added: Sequence[Message], replay: Replay | None = None
    ) -> Sequence[Message]:
        if isinstance(owner, str):
            return await super().add_messages(owner, session_id, added, replay)
        wanted = messages.Addition(owner.owner, session_id, added, replay, owner.id)
        return await self._checked(
            errands.in_session(owner, session_id, "editor"), messages.added, wanted
        )

    async def history(self, owner: Who, session_id: str) -> tuple[Session, Sequence[Message]]:
        if isinstance(owner, str):
            return await super().history(owner, session_id)
        found = await super().history(owner.owner, session_id)
        await self._may(owner, session_id, "viewer")
        return found

    async def get_message(self, owner: Who, session_id: str, message_id: str) -> Message:
        if isinstance(owner, str):
            return await super().get_message(owner, session_id, message_id)
        await self._may(
            owner, session_id, "viewer"
        )  # else the answer tells which of both is missing
        found = await super().get_message(owner.owner, session_id, message_id)
        await self._may(owner, session_id, "viewer")
        return found

    async def list_messages(
        self, owner: Who, session_id: str, page: Page, *, role: str = "", after: int = 0
    ) -> Listing[Message]:
        if isinstance(owner, str):
            return await super().list_messages(owner, session_id, page, role=role, after=after)
        found = await super().list_messages(owner.owner, session_id, page, role=role, after=after)
        await self._may(owner, session_id, "viewer")
        return found

    async def list_tool_executions(
        self, owner: Who, session_id: str, page: Page, *, tool_type: str = "", status: str = ""
    ) -> Listing[ToolExecution]:
        whose = owner if isinstance(owner, str) else owner.owner
        found = await super().list_tool_executions(
            whose, session_id, page, tool_type=tool_type, status=status
        )
        if not isinstance(owner, str):
            await self._may(owner, session_id, "viewer")
        return found

    def begin_turn(self, start: TurnStart) -> Awaitable[RunRecord]:
        if start.by is None:
            return super().begin_turn(start)
        return self._checked(errands.of_turn(start, start.by), errands.begun, start)

    async def get_run(self, owner: Who, run_id: str, need: Role = "viewer") -> RunRecord:
        if isinstance(owner, str):
            return await super().get_run(owner, run_id)
        found = await super().get_run(await self._owner_of_run(owner, run_id, need), run_id)
        await self._owner_of_run(owner, run_id, need)
        return found

    async def list_runs(
        self, owner: Who, page: Page, *, session_id: str = "", status: str = ""
    ) -> Listing[RunRecord]:
        if isinstance(owner, str):
            return await super().list_runs(owner, page, session_id=session_id, status=status)
        if session_id:
            found = await super().list_runs(owner.owner, page, session_id=session_id, status=status)
            try:
                await self._may(owner, session_id, "viewer")
            except NotFound:
                return Listing([], 0)
            return found
        which = (owner.id, status, rows.names(owner.own_projects), owner.key_id)
        listed = await self._readers.rows(within.RUNS, (*which, page.limit, page.offset))
        counted = await self._readers.rows(within.COUNT_RUNS, which)
        return Listing([rows.run(row) for row in listed], counted[0][0])

    async def read_events(
        self, owner: Who, run_id: str, after: int = 0, most_bytes: int = 1 << 20
    ) -> Sequence[Events]:
        if isinstance(owner, str):
            return await super().read_events(owner, run_id, after, most_bytes)
        whose = await self._owner_of_run(owner, run_id, "viewer")
        found = await super().read_events(whose, run_id, after, most_bytes)
        await self._owner_of_run(owner, run_id, "viewer")
        return found

    async def _may(self, who: Visitor, session_id: str, need: Role) -> None:
        values = (who.owner, session_id, who.id)
        admission.judge_session(who, await self._readers.row(admission.OF_SESSION, values), need)

    async def _owner_of_run(self, who: Visitor, run_id: str, need: Role) -> str:
        row = await self._readers.row(admission.OF_RUN, (run_id, who.id))
        return admission.judge_run(who, row, need)

    def _checked(
        self, check: Callable[[Desk], object], work: Callable[[Desk, A], T], argument: A
    ) -> Awaitable[T]:
        """Do it in the transaction in which it was checked."""

        def both(desk: Desk, wanted: A) -> T:
            check(desk)
            return work(desk, wanted)

        return self._writer.do(both, argument)
