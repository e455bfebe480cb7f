"""The store with what is said encrypted: sealed on its way in, opened on its way out.

Not sealed is what the store itself needs to find and count: ids, owners, times, models, names of
tools, statuses, figures, projects.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from claude_gateway import (
    AuditEntry,
    AuditFilter,
    Events,
    InvalidRequest,
    Listing,
    Message,
    Page,
    Replay,
    Role,
    RunEnd,
    RunRecord,
    Session,
    SessionFilter,
    ToolExecution,
    TurnStart,
    Visitor,
    Who,
    whose,
)
from claude_gateway_sqlite.envelopes import Envelope
from claude_gateway_sqlite.opening import Synchronous
from claude_gateway_sqlite.sealing import Sealer
from claude_gateway_sqlite.search import words_of
from claude_gateway_sqlite.store import SqliteStore, open_as

UNSEARCHABLE = (
    "Conversations are kept encrypted here (GATEWAY_ENCRYPT_CONTENT), so nothing can be searched in them. "
    "Leave out q."
)


class SealedStore(SqliteStore):
    """A store whose file says little to whoever reads it. It cannot search."""

    envelope: Envelope

    async def create_session(
        self, session: Session, replay: Replay | None = None, by: Visitor | None = None
    ) -> Session:
        made = await super().create_session(self.envelope.session(session), replay, by)
        return self.envelope.session_again(made)

    async def get_session(self, owner: Who, session_id: str, need: Role = "viewer") -> Session:
        return self.envelope.session_again(await super().get_session(owner, session_id, need))

    async def list_sessions(self, owner: Who, page: Page, only: SessionFilter) -> Listing[Session]:
        if words_of(only.query):
            raise InvalidRequest(UNSEARCHABLE, param="q", code="search_unavailable")
        found = await super().list_sessions(owner, page, only)
        return Listing([self.envelope.session_again(one) for one in found.items], found.total)

    async def update_session(
        self, owner: Who, session_id: str, changes: Mapping[str, object]
    ) -> Session:
        sealed = self.envelope.of_session(whose(owner), session_id, changes)
        return self.envelope.session_again(await super().update_session(owner, session_id, sealed))

    async def fork_session(
        self,
        owner: Who,
        session_id: str,
        fork: Session,
        last_number: int | None = None,
        replay: Replay | None = None,
    ) -> Session:
        sealed = self.envelope.session(replace(fork, owner=whose(owner)))
        made = await super().fork_session(owner, session_id, sealed, last_number, replay)
        return self.envelope.session_again(made)

    async def add_messages(
        self, owner: Who, session_id: str, messages: Sequence[Message], replay: Replay | None = None
    ) -> Sequence[Message]:
        sealed = [self.envelope.message(whose(owner), message) for message in messages]
        added = await super().add_messages(owner, session_id, sealed, replay)
        return [self.envelope.message_again(whose(owner), message) for message in added]

    async def history(self, owner: Who, session_id: str) -> tuple[Session, Sequence[Message]]:
        session, said = await super().history(owner, session_id)
        messages = [self.envelope.message_again(whose(owner), message) for message in said]
        return self.envelope.session_again(session), messages

    async def get_message(self, owner: Who, session_id: str, message_id: str) -> Message:
        found = await super().get_message(owner, session_id, message_id)
        return self.envelope.message_again(whose(owner), found)

    async def list_messages(
        self, owner: Who, session_id: str, page: Page, *, role: str = "", after: int = 0
    ) -> Listing[Message]:
        found = await super().list_messages(owner, session_id, page, role=role, after=after)
        return Listing(
            [self.envelope.message_again(whose(owner), one) for one in found.items], found.total
        )

    async def add_tool_executions(self, owner: str, executions: Sequence[ToolExecution]) -> None:
        sealed = [self.envelope.execution(owner, execution) for execution in executions]
        await super().add_tool_executions(owner, sealed)

    async def list_tool_executions(
        self, owner: Who, session_id: str, page: Page, *, tool_type: str = "", status: str = ""
    ) -> Listing[ToolExecution]:
        found = await super().list_tool_executions(
            owner, session_id, page, tool_type=tool_type, status=status
        )
        opened = [self.envelope.execution_again(whose(owner), one) for one in found.items]
        return Listing(opened, found.total)

    def begin_turn(self, start: TurnStart) -> Awaitable[RunRecord]:
        owner, session = start.run.owner, start.session
        sealed = replace(
            start,
            run=self.envelope.run(start.run),
            session=None if session is None else self.envelope.session(session),
            messages=[self.envelope.message(owner, message) for message in start.messages],
        )
        return asyncio.ensure_future(self._run_of(super().begin_turn(sealed)))

    async def _run_of(self, begun: Awaitable[RunRecord]) -> RunRecord:
        return self.envelope.run_again(await begun)

    async def append_events(self, events: Sequence[Events]) -> None:
        await super().append_events([self.envelope.events(chunk) for chunk in events])

    async def end_run(self, end: RunEnd) -> None:
        sealed = replace(
            end,
            run=self.envelope.run(end.run),
            messages=[self.envelope.message(end.run.owner, message) for message in end.messages],
            events=None if end.events is None else self.envelope.events(end.events),
        )
        await super().end_run(sealed)

    async def update_run(self, owner: str, run_id: str, changes: Mapping[str, object]) -> RunRecord:
        calls = changes.get("approvals")
        if isinstance(calls, Sequence):
            changes = {**changes, "approvals": self.envelope.calls(owner, run_id, calls)}
        return await super().update_run(owner, run_id, changes)  # which asks get_run below

    async def park_run(self, run: RunRecord, state: bytes, events: Events | None = None) -> None:
        sealed = None if events is None else self.envelope.events(events)
        await super().park_run(self.envelope.run(run), self.envelope.state(run, state), sealed)

    async def parked_state(self, owner: str, run_id: str) -> bytes:
        return self.envelope.state_again(owner, run_id, await super().parked_state(owner, run_id))

    async def get_run(self, owner: Who, run_id: str, need: Role = "viewer") -> RunRecord:
        return self.envelope.run_again(await super().get_run(owner, run_id, need))

    async def list_runs(
        self, owner: Who, page: Page, *, session_id: str = "", status: str = ""
    ) -> Listing[RunRecord]:
        found = await super().list_runs(owner, page, session_id=session_id, status=status)
        return Listing([self.envelope.run_again(run) for run in found.items], found.total)

    async def read_events(
        self, owner: Who, run_id: str, after: int = 0, most_bytes: int = 1 << 20
    ) -> Sequence[Events]:
        found = await super().read_events(owner, run_id, after, most_bytes)
        return [self.envelope.events_again(chunk) for chunk in found]

    async def orphaned_runs(self) -> Sequence[RunRecord]:
        return [self.envelope.run_again(run) for run in await super().orphaned_runs()]

    async def add_audit(self, entries: Sequence[AuditEntry]) -> None:
        await super().add_audit([self.envelope.audit(entry) for entry in entries])

    async def list_audit(
        self, owner: str | None, page: Page, only: AuditFilter
    ) -> Listing[AuditEntry]:
        found = await super().list_audit(owner, page, only)
        return Listing([self.envelope.audit_again(entry) for entry in found.items], found.total)

    async def read_audit(
        self, owner: str | None, only: AuditFilter, limit: int, last: AuditEntry | None = None
    ) -> Sequence[AuditEntry]:
        found = await super().read_audit(owner, only, limit, last)
        return [self.envelope.audit_again(entry) for entry in found]


@asynccontextmanager
async def open_sealed(
    folder: Path, sealer: Sealer, synchronous: Synchronous = "answers"
) -> AsyncGenerator[SealedStore]:
    """Open the database in a folder, with all that is said sealed. Raises PluginError."""
    async with open_as(SealedStore, folder, synchronous, sealer) as store:
        store.envelope = Envelope(sealer)
        yield store
