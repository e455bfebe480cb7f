"""Messages of sessions, and the tools that ran in them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from operator import attrgetter

from claude_gateway import (
    Listing,
    Message,
    NotFound,
    Page,
    Replay,
    Session,
    ToolExecution,
)
from claude_gateway_sqlite import replays, rows, sessions
from claude_gateway_sqlite.desk import NO_SESSION, SESSION, Desk
from claude_gateway_sqlite.readers import Readers
from claude_gateway_sqlite.writer import Writer

ADD = """
INSERT INTO messages(
    session, number, id, role, content, text, created_at, token_count, metadata, run_id
) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
GROW = """
UPDATE sessions SET last_number = last_number + ?1, message_count = message_count + ?1,
    updated_at = max(updated_at, ?2)
WHERE owner = ?3 AND id = ?4 RETURNING ref, last_number
"""
# The session, then its messages, with as many columns: one statement sees one moment.
HISTORY = """
SELECT * FROM whole_sessions WHERE owner = ?1 AND id = ?2
UNION ALL
SELECT NULL, NULL, m.id, m.role, m.content, m.created_at, m.text, m.token_count, m.metadata,
    m.run_id, m.number, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
FROM sessions s JOIN messages m ON m.session = s.ref
WHERE s.owner = ?1 AND s.id = ?2 AND m.superseded = 0
"""
LIST = """
SELECT id, role, content, created_at, text, token_count, metadata, run_id, number FROM messages
WHERE session = ?1 AND superseded = 0 AND number > ?2 AND (?3 = '' OR role = ?3)
ORDER BY number LIMIT ?4 OFFSET ?5
"""
COUNT = """
SELECT count(*) FROM messages
WHERE session = ?1 AND superseded = 0 AND number > ?2 AND (?3 = '' OR role = ?3)
"""
GET = """
SELECT id, role, content, created_at, text, token_count, metadata, run_id, number FROM messages
WHERE session = ? AND superseded = 0 AND id = ? ORDER BY number LIMIT 1
"""
MADE_BEFORE = """
SELECT m.id, m.role, m.content, m.created_at, m.text, m.token_count, m.metadata, m.run_id, m.number
FROM sessions s JOIN messages m ON m.session = s.ref
WHERE s.owner = ? AND s.ref = ? AND m.number >= ? ORDER BY m.number LIMIT ?
"""

KEEP_EXECUTION = """
INSERT OR REPLACE INTO tool_executions(
    session, id, tool_name, created_at, run_id, tool_type, server, input_params, output, status,
    error_message, execution_time_ms, completed_at
) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
LIST_EXECUTIONS = """
SELECT id, ?6, tool_name, created_at, run_id, tool_type, server, input_params, output, status,
    error_message, execution_time_ms, completed_at
FROM tool_executions
WHERE session = ?1 AND (?2 = '' OR tool_type = ?2) AND (?3 = '' OR status = ?3)
ORDER BY created_at DESC, ref DESC LIMIT ?4 OFFSET ?5
"""
COUNT_EXECUTIONS = """
SELECT count(*) FROM tool_executions
WHERE session = ?1 AND (?2 = '' OR tool_type = ?2) AND (?3 = '' OR status = ?3)
"""
NONE = "There is no such message."

# In the order of KEEP_EXECUTION, without the session.
_values = attrgetter(
    *("id", "tool_name", "created_at", "run_id", "tool_type", "server", "input_params", "output"),
    *("status", "error_message", "execution_time_ms", "completed_at"),
)


@dataclass(frozen=True, slots=True)
class Addition:
    """Messages to add to a session; `by` is who asks."""

    owner: str
    session_id: str
    messages: Sequence[Message]
    replay: Replay | None
    by: str


class Messages:
    """The part of the store that keeps what is in sessions."""

    _writer: Writer
    _readers: Readers

    async def add_messages(
        self, owner: str, session_id: str, messages: Sequence[Message], replay: Replay | None = None
    ) -> Sequence[Message]:
        return await self._writer.do(added, Addition(owner, session_id, messages, replay, owner))

    async def history(self, owner: str, session_id: str) -> tuple[Session, Sequence[Message]]:
        found = await self._readers.rows(HISTORY, (owner, session_id))
        if not found:
            raise NotFound(NO_SESSION)
        messages = [rows.message(row[2:11]) for row in found[1:]]
        return rows.session(found[0]), sorted(messages, key=lambda message: message.number)

    async def get_message(self, owner: str, session_id: str, message_id: str) -> Message:
        row = await self._readers.row(GET, (await self._ref(owner, session_id), message_id))
        if row is None:
            raise NotFound(NONE)
        return rows.message(row)

    async def list_messages(
        self, owner: str, session_id: str, page: Page, *, role: str = "", after: int = 0
    ) -> Listing[Message]:
        ref = await self._ref(owner, session_id)
        only = (ref, min(after, sessions.EVERY_NUMBER), role)
        listed = await self._readers.rows(LIST, (*only, page.limit, page.offset))
        counted = await self._readers.rows(COUNT, only)
        return Listing([rows.message(row) for row in listed], counted[0][0])

    async def add_tool_executions(self, owner: str, executions: Sequence[ToolExecution]) -> None:
        await self._writer.do(add_executions, (owner, executions))

    async def list_tool_executions(
        self, owner: str, session_id: str, page: Page, *, tool_type: str = "", status: str = ""
    ) -> Listing[ToolExecution]:
        ref = await self._ref(owner, session_id)
        only = (ref, tool_type, status)
        window = (page.limit, page.offset, session_id)
        listed = await self._readers.rows(LIST_EXECUTIONS, (*only, *window))
        counted = await self._readers.rows(COUNT_EXECUTIONS, only)
        return Listing([rows.execution(row) for row in listed], counted[0][0])

    async def _ref(self, owner: str, session_id: str) -> int:
        row = await self._readers.row(SESSION, (owner, session_id))
        if row is None:
            raise NotFound(NO_SESSION)
        return int(row[0])


def added(desk: Desk, wanted: Addition) -> Sequence[Message]:
    owner, messages = wanted.owner, wanted.messages
    if (before := replays.made_before(desk, wanted.by, wanted.replay)) is not None:
        found = desk.cur.execute(MADE_BEFORE, (owner, *before[5:8])).fetchall()
        return [rows.message(row) for row in found]
    values = (len(messages), time.time(), owner, wanted.session_id)
    row = desk.cur.execute(GROW, values).fetchone()
    if row is None:
        raise NotFound(NO_SESSION)
    ref, last = row
    first = last - len(messages) + 1
    add(desk, ref, first, messages)
    replays.keep(desk, wanted.by, wanted.replay, (ref, first, len(messages)))
    return [replace(message, number=first + i) for i, message in enumerate(messages)]


def add(desk: Desk, session: int, first: int, messages: Sequence[Message]) -> None:
    """Add messages numbered from `first`; the session has counted them already."""
    for number, message in enumerate(messages, first):
        values = (
            *(session, number, message.id, message.role, message.content, message.text),
            *(message.created_at, message.token_count, rows.mapping(message.metadata)),
            message.run_id,
        )
        desk.cur.execute(ADD, values)
    desk.cur.execute(sessions.TO_INDEX, (session,))


def add_executions(desk: Desk, wanted: tuple[str, Sequence[ToolExecution]]) -> None:
    owner, executions = wanted
    names = {execution.session_id for execution in executions}
    found = {name: desk.session(owner, name, look=True) for name in names}
    for execution in executions:
        desk.cur.execute(KEEP_EXECUTION, (found[execution.session_id], *_values(execution)))
