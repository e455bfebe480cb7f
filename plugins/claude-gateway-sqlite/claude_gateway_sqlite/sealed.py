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
    AskedCall,
    AuditEntry,
    AuditFilter,
    Events,
    InvalidRequest,
    Listing,
    Message,
    Page,
    Replay,
    RunEnd,
    RunRecord,
    Session,
    SessionFilter,
    ToolExecution,
    TurnStart,
)
from claude_gateway_sqlite import rows
from claude_gateway_sqlite.opening import Synchronous
from claude_gateway_sqlite.packing import packed, unpacked
from claude_gateway_sqlite.sealing import Sealer, as_text, of_text, where
from claude_gateway_sqlite.search import words_of
from claude_gateway_sqlite.store import SqliteStore, open_as

IN_JSON = "\x01"  # the only name in a mapping that is sealed

UNSEARCHABLE = (
    "Conversations are kept encrypted here (GATEWAY_ENCRYPT_CONTENT), so nothing can be searched in them. "
    "Leave out q."
)


class Envelope:
    """Seals and opens the things that a store is given."""

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer

    def text(self, text: str, place: bytes) -> str:
        return as_text(self._sealer.seal(_bytes(text), place)) if text else text

    def text_again(self, text: str, place: bytes) -> str:
        return _text(self._sealer.open(of_text(text), place))

    def mapping(self, value: Mapping[str, object], place: bytes) -> Mapping[str, object]:
        return {IN_JSON: self.text(rows.mapping(value) or "", place)} if value else value

    def mapping_again(self, value: Mapping[str, object], place: bytes) -> Mapping[str, object]:
        sealed = value.get(IN_JSON) if len(value) == 1 else None
        if not isinstance(sealed, str):
            return value
        found: Mapping[str, object] = rows.mapped(self.text_again(sealed, place))
        return found

    def message(self, owner: str, said: Message) -> Message:
        return replace(
            said,
            content=self._sealer.seal(said.content, where("content", owner, said.id)),
            text=self.text(said.text, where("text", owner, said.id)),
            metadata=self.mapping(said.metadata, where("metadata", owner, said.id)),
        )

    def message_again(self, owner: str, said: Message) -> Message:
        return replace(
            said,
            content=self._sealer.open(said.content, where("content", owner, said.id)),
            text=self.text_again(said.text, where("text", owner, said.id)),
            metadata=self.mapping_again(said.metadata, where("metadata", owner, said.id)),
        )

    def of_session(self, owner: str, name: str, fields: Mapping[str, object]) -> dict[str, object]:
        """Seal some fields of a session; those that need not be stay as they are."""
        sealed = dict(fields)
        for field in ("title", "system_prompt", "system", "tools", "metadata"):
            value, place = sealed.get(field), where(field, owner, name)
            if value in (None, "", {}):
                continue
            if isinstance(value, bytes):
                sealed[field] = self._sealer.same(value, place)
            elif isinstance(value, str):
                sealed[field] = as_text(self._sealer.same(_bytes(value), place))
            elif isinstance(value, Mapping):
                plain = _bytes(rows.mapping(value) or "")
                sealed[field] = {IN_JSON: as_text(self._sealer.same(plain, place))}
        return sealed

    def session(self, session: Session) -> Session:
        names = ("title", "system_prompt", "system", "tools", "metadata")
        fields = {name: getattr(session, name) for name in names}
        return replace(session, **self.of_session(session.owner, session.id, fields))  # type: ignore[arg-type]

    def session_again(self, session: Session) -> Session:
        owner, name, again = session.owner, session.id, self._sealer.open_same
        prompt, system, tools = session.system_prompt, session.system, session.tools
        return replace(
            session,
            title=_text(again(of_text(session.title), where("title", owner, name))),
            system_prompt=None
            if prompt is None
            else _text(again(of_text(prompt), where("system_prompt", owner, name))),
            system=None if system is None else again(system, where("system", owner, name)),
            tools=None if tools is None else again(tools, where("tools", owner, name)),
            metadata=self._metadata(session),
        )

    def _metadata(self, session: Session) -> Mapping[str, object]:
        sealed = session.metadata.get(IN_JSON) if len(session.metadata) == 1 else None
        if not isinstance(sealed, str):
            return session.metadata
        place = where("metadata", session.owner, session.id)
        found: Mapping[str, object] = rows.mapped(
            _text(self._sealer.open_same(of_text(sealed), place))
        )
        return found

    def calls(self, owner: str, run: str, calls: Sequence[AskedCall]) -> tuple[AskedCall, ...]:
        return tuple(
            replace(
                call,
                arguments=as_text(
                    self._sealer.seal(call.arguments, where("asked", owner, f"{run}:{call.id}"))
                ).encode(),
            )
            for call in calls
        )

    def run(self, run: RunRecord) -> RunRecord:
        place = where("reply", run.owner, run.id)
        return replace(
            run,
            reply=None if run.reply is None else self._sealer.seal(run.reply, place),
            approvals=self.calls(run.owner, run.id, run.approvals),
        )

    def run_again(self, run: RunRecord) -> RunRecord:
        if run.reply is None and not run.approvals:
            return run
        place = where("reply", run.owner, run.id)
        calls = [
            replace(
                call,
                arguments=self._sealer.open(
                    of_text(call.arguments.decode()),
                    where("asked", run.owner, f"{run.id}:{call.id}"),
                ),
            )
            for call in run.approvals
        ]
        reply = None if run.reply is None else self._sealer.open(run.reply, place)
        return replace(run, reply=reply, approvals=tuple(calls))

    def events(self, chunk: Events) -> Events:
        return replace(chunk, frames=self._sealer.seal(packed(chunk.frames), _log(chunk)))

    def events_again(self, chunk: Events) -> Events:
        return replace(chunk, frames=unpacked(self._sealer.open(chunk.frames, _log(chunk))))

    def state(self, run: RunRecord, state: bytes) -> bytes:
        return self._sealer.seal(packed(state), where("state", run.owner, run.id))

    def state_again(self, owner: str, run: str, state: bytes) -> bytes:
        return unpacked(self._sealer.open(state, where("state", owner, run)))

    def execution(self, owner: str, done: ToolExecution) -> ToolExecution:
        name = f"{done.session_id}:{done.id}"
        output, error = done.output, done.error_message
        return replace(
            done,
            input_params=self._sealer.seal(done.input_params, where("input", owner, name)),
            output=None
            if output is None
            else self._sealer.seal(output, where("output", owner, name)),
            error_message=error and self.text(error, where("error", owner, name)),
        )

    def execution_again(self, owner: str, done: ToolExecution) -> ToolExecution:
        name = f"{done.session_id}:{done.id}"
        output, error = done.output, done.error_message
        return replace(
            done,
            input_params=self._sealer.open(done.input_params, where("input", owner, name)),
            output=None
            if output is None
            else self._sealer.open(output, where("output", owner, name)),
            error_message=error and self.text_again(error, where("error", owner, name)),
        )

    def audit(self, entry: AuditEntry) -> AuditEntry:
        if entry.arguments is None:
            return entry
        place = where("arguments", entry.owner, entry.call_id)
        return replace(entry, arguments=self._sealer.seal(entry.arguments, place))

    def audit_again(self, entry: AuditEntry) -> AuditEntry:
        if entry.arguments is None:
            return entry
        place = where("arguments", entry.owner, entry.call_id)
        return replace(entry, arguments=self._sealer.open(entry.arguments, place))


class SealedStore(SqliteStore):
    """A store whose file says little to whoever reads it. It cannot search."""

    envelope: Envelope

    async def create_session(self, session: Session, replay: Replay | None = None) -> Session:
        made = await super().create_session(self.envelope.session(session), replay)
        return self.envelope.session_again(made)

    async def get_session(self, owner: str, session_id: str) -> Session:
        return self.envelope.session_again(await super().get_session(owner, session_id))

    async def list_sessions(self, owner: str, page: Page, only: SessionFilter) -> Listing[Session]:
        if words_of(only.query):
            raise InvalidRequest(UNSEARCHABLE, param="q", code="search_unavailable")
        found = await super().list_sessions(owner, page, only)
        return Listing([self.envelope.session_again(one) for one in found.items], found.total)

    async def update_session(
        self, owner: str, session_id: str, changes: Mapping[str, object]
    ) -> Session:
        sealed = self.envelope.of_session(owner, session_id, changes)
        return self.envelope.session_again(await super().update_session(owner, session_id, sealed))

    async def fork_session(
        self,
        owner: str,
        session_id: str,
        fork: Session,
        last_number: int | None = None,
        replay: Replay | None = None,
    ) -> Session:
        sealed = self.envelope.session(replace(fork, owner=owner))
        made = await super().fork_session(owner, session_id, sealed, last_number, replay)
        return self.envelope.session_again(made)

    async def add_messages(
        self, owner: str, session_id: str, messages: Sequence[Message], replay: Replay | None = None
    ) -> Sequence[Message]:
        sealed = [self.envelope.message(owner, message) for message in messages]
        added = await super().add_messages(owner, session_id, sealed, replay)
        return [self.envelope.message_again(owner, message) for message in added]

    async def history(self, owner: str, session_id: str) -> tuple[Session, Sequence[Message]]:
        session, said = await super().history(owner, session_id)
        messages = [self.envelope.message_again(owner, message) for message in said]
        return self.envelope.session_again(session), messages

    async def get_message(self, owner: str, session_id: str, message_id: str) -> Message:
        found = await super().get_message(owner, session_id, message_id)
        return self.envelope.message_again(owner, found)

    async def list_messages(
        self, owner: str, session_id: str, page: Page, *, role: str = "", after: int = 0
    ) -> Listing[Message]:
        found = await super().list_messages(owner, session_id, page, role=role, after=after)
        return Listing(
            [self.envelope.message_again(owner, one) for one in found.items], found.total
        )

    async def add_tool_executions(self, owner: str, executions: Sequence[ToolExecution]) -> None:
        sealed = [self.envelope.execution(owner, execution) for execution in executions]
        await super().add_tool_executions(owner, sealed)

    async def list_tool_executions(
        self, owner: str, session_id: str, page: Page, *, tool_type: str = "", status: str = ""
    ) -> Listing[ToolExecution]:
        found = await super().list_tool_executions(
            owner, session_id, page, tool_type=tool_type, status=status
        )
        opened = [self.envelope.execution_again(owner, one) for one in found.items]
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

    async def get_run(self, owner: str, run_id: str) -> RunRecord:
        return self.envelope.run_again(await super().get_run(owner, run_id))

    async def list_runs(
        self, owner: str, page: Page, *, session_id: str = "", status: str = ""
    ) -> Listing[RunRecord]:
        found = await super().list_runs(owner, page, session_id=session_id, status=status)
        return Listing([self.envelope.run_again(run) for run in found.items], found.total)

    async def read_events(
        self, owner: str, run_id: str, after: int = 0, most_bytes: int = 1 << 20
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
    folder: Path, sealer: Sealer, synchronous: Synchronous = "full"
) -> AsyncGenerator[SealedStore]:
    """Open the database in a folder, with all that is said sealed. Raises PluginError."""
    async with open_as(SealedStore, folder, synchronous, sealer) as store:
        store.envelope = Envelope(sealer)
        yield store


def _log(chunk: Events) -> bytes:
    return where("events", chunk.run_id, f"{chunk.first}-{chunk.last}")


def _bytes(text: str) -> bytes:
    return text.encode(errors="surrogatepass")


def _text(plain: bytes) -> str:
    return plain.decode(errors="surrogatepass")
