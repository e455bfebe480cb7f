"""Sessions: made, found, changed, forked, deleted."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from claude_gateway import (
    Conflict,
    Listing,
    NotFound,
    Page,
    Replay,
    Session,
    SessionFilter,
)
from claude_gateway_sqlite import replays, rows
from claude_gateway_sqlite.desk import NO_SESSION, Desk, Texts
from claude_gateway_sqlite.projects import Change
from claude_gateway_sqlite.readers import Readers
from claude_gateway_sqlite.search import index_some, looks_up, words_of
from claude_gateway_sqlite.writer import Writer

CHANGEABLE = frozenset(
    {
        *("project_id", "model", "title", "system_prompt", "status", "metadata"),
        *("context_tokens", "thinking_after", "system", "tools"),
        *("enabled_tools", "enabled_servers", "audit_log", "approval", "approved"),
    }
)

ADD = """
INSERT INTO sessions(
    owner, id, project_id, model, title, status, parent_id, created_at, updated_at,
    context_tokens, thinking_after, audit_log, message_count, last_number
) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING
"""
ADD_TEXTS = """
INSERT INTO session_texts(
    session, system_prompt, metadata, system, tools, enabled_tools, enabled_servers, approvals
) VALUES(?, ?, ?, ?, ?, ?, ?, ?)
"""
CHANGE = """
UPDATE sessions SET project_id = ?, model = ?, title = ?, status = ?, context_tokens = ?,
    thinking_after = ?, audit_log = ?
WHERE owner = ? AND ref = ?
"""
TOUCH = "UPDATE sessions SET updated_at = ? WHERE owner = ? AND ref = ?"
# Nothing is written when nothing has changed: they can be long, and come with every turn.
CHANGE_TEXTS = """
UPDATE session_texts SET system_prompt = ?2, metadata = ?3, system = ?4, tools = ?5,
    enabled_tools = ?6, enabled_servers = ?7
WHERE session = ?1 AND (
    system_prompt IS NOT ?2 OR metadata IS NOT ?3 OR system IS NOT ?4 OR tools IS NOT ?5
    OR enabled_tools IS NOT ?6 OR enabled_servers IS NOT ?7
)
"""
AGREE = "UPDATE session_texts SET approvals = ?2 WHERE session = ?1 AND approvals IS NOT ?2"
GET = "SELECT * FROM whole_sessions WHERE owner = ? AND id = ?"
# Lists leave out what is long: what is sent upstream.
LIST = """
SELECT s.ref, s.owner, s.id, s.project_id, s.model, s.title, s.status, s.parent_id, s.created_at,
    s.updated_at, s.total_tokens, s.total_cost, s.unpriced_runs, s.message_count, s.last_number,
    s.context_tokens, s.thinking_after, s.audit_log, t.system_prompt, t.metadata, t.enabled_tools,
    t.enabled_servers, NULL, NULL, t.approvals
FROM sessions s INDEXED BY sessions_by_change JOIN session_texts t ON t.session = s.ref
WHERE s.owner = ? AND (?2 IS NULL OR s.status = ?2)
ORDER BY s.updated_at DESC, s.ref DESC LIMIT ?3 OFFSET ?4
"""
COUNT = "SELECT count(*) FROM sessions s WHERE s.owner = ?1 AND (?2 IS NULL OR s.status = ?2)"
LIST_OF_PROJECT = """
SELECT s.ref, s.owner, s.id, s.project_id, s.model, s.title, s.status, s.parent_id, s.created_at,
    s.updated_at, s.total_tokens, s.total_cost, s.unpriced_runs, s.message_count, s.last_number,
    s.context_tokens, s.thinking_after, s.audit_log, t.system_prompt, t.metadata, t.enabled_tools,
    t.enabled_servers, NULL, NULL, t.approvals
FROM sessions s INDEXED BY sessions_by_project JOIN session_texts t ON t.session = s.ref
WHERE s.owner = ?1 AND s.project_id = ?5 AND (?2 IS NULL OR s.status = ?2)
ORDER BY s.updated_at DESC, s.ref DESC LIMIT ?3 OFFSET ?4
"""
COUNT_OF_PROJECT = """
SELECT count(*) FROM sessions s
WHERE s.owner = ?1 AND s.project_id = ?3 AND (?2 IS NULL OR s.status = ?2)
"""
# Of those that were found, by a JSON array of their refs.
LIST_FOUND = """
SELECT s.ref, s.owner, s.id, s.project_id, s.model, s.title, s.status, s.parent_id, s.created_at,
    s.updated_at, s.total_tokens, s.total_cost, s.unpriced_runs, s.message_count, s.last_number,
    s.context_tokens, s.thinking_after, s.audit_log, t.system_prompt, t.metadata, t.enabled_tools,
    t.enabled_servers, NULL, NULL, t.approvals
FROM json_each(?5) f JOIN sessions s ON s.ref = f.value JOIN session_texts t ON t.session = s.ref
WHERE s.owner = ?1 AND (?2 IS NULL OR s.status = ?2) AND (?6 IS NULL OR s.project_id = ?6)
ORDER BY s.updated_at DESC, s.ref DESC LIMIT ?3 OFFSET ?4
"""
COUNT_FOUND = """
SELECT count(*) FROM json_each(?3) f JOIN sessions s ON s.ref = f.value
WHERE s.owner = ?1 AND (?2 IS NULL OR s.status = ?2) AND (?4 IS NULL OR s.project_id = ?4)
"""
ACTIVE = "SELECT count(*) FROM sessions WHERE status = 'active' AND owner IS NOT NULL"
TO_INDEX = "INSERT INTO not_searchable(session) VALUES(?) ON CONFLICT DO NOTHING"
NOT_TO_INDEX = "DELETE FROM not_searchable WHERE session = ?"
# Nobody finds it any more; what hangs on it goes later.
DELETE = "UPDATE sessions SET owner = NULL WHERE owner = ? AND id = ? RETURNING ref"
COPY_MESSAGES = """
INSERT INTO messages(
    session, number, id, role, content, text, created_at, token_count, metadata, run_id
) SELECT ?, number, id, role, content, text, created_at, token_count, metadata, run_id
FROM messages WHERE session = ? AND superseded = 0 AND number <= ? ORDER BY number
"""
COUNT_COPIES = """
UPDATE sessions SET
    message_count = (SELECT count(*) FROM messages m WHERE m.session = ?2),
    last_number = (SELECT coalesce(max(m.number), 0) FROM messages m WHERE m.session = ?2)
WHERE owner = ?1 AND ref = ?2
"""

EVERY_NUMBER = 1 << 62


@dataclass(frozen=True, slots=True)
class Fork:
    """A session to make with the messages of another one; `by` is who asks."""

    owner: str
    source: str
    fork: Session
    last_number: int | None
    replay: Replay | None
    by: str


class Sessions:
    """The part of the store that keeps sessions."""

    _writer: Writer
    _readers: Readers

    async def create_session(self, session: Session, replay: Replay | None = None) -> Session:
        return await self._writer.do(create, (session, replay, session.owner))

    async def get_session(self, owner: str, session_id: str) -> Session:
        row = await self._readers.row(GET, (owner, session_id))
        if row is None:
            raise NotFound(NO_SESSION)
        return rows.session(row)

    async def list_sessions(self, owner: str, page: Page, only: SessionFilter) -> Listing[Session]:
        window, project = (page.limit, page.offset), only.project_id
        listed: tuple[str, tuple[object, ...]]
        counted: tuple[str, tuple[object, ...]]
        if words := words_of(only.query):
            found = await self._found(owner, words)
            listed = (LIST_FOUND, (owner, only.status, *window, found, project))
            counted = (COUNT_FOUND, (owner, only.status, found, project))
        elif project is not None:
            listed = (LIST_OF_PROJECT, (owner, only.status, *window, project))
            counted = (COUNT_OF_PROJECT, (owner, only.status, project))
        else:
            listed = (LIST, (owner, only.status, *window))
            counted = (COUNT, (owner, only.status))
        items = [rows.session(row) for row in await self._readers.rows(*listed)]
        return Listing(items, (await self._readers.rows(*counted))[0][0])

    async def _found(self, owner: str, words: Sequence[str]) -> str:
        """Return, as a JSON array, the refs of sessions in which every word is found."""
        while await self._writer.do(index_some, owner):
            pass
        found: set[int] | None = None
        for word in words:
            statement, value = looks_up(word, last=word is words[-1])
            refs = {row[0] for row in await self._readers.rows(statement, (owner, value))}
            found = refs if found is None else found & refs
        return f"[{','.join(map(str, found or ()))}]"

    async def update_session(
        self, owner: str, session_id: str, changes: Mapping[str, object]
    ) -> Session:
        return await self._writer.do(change, Change(owner, session_id, changes))

    async def delete_session(self, owner: str, session_id: str) -> None:
        await self._writer.do(delete, (owner, session_id))

    async def fork_session(
        self,
        owner: str,
        session_id: str,
        fork: Session,
        last_number: int | None = None,
        replay: Replay | None = None,
    ) -> Session:
        wanted = Fork(owner, session_id, fork, last_number, replay, owner)
        return await self._writer.do(forked, wanted)

    async def count_active_sessions(self) -> int:
        return int((await self._readers.rows(ACTIVE))[0][0])


def create(desk: Desk, wanted: tuple[Session, Replay | None, str]) -> Session:
    session, replay, by = wanted
    if (before := replays.made_before(desk, by, replay)) is not None:
        return get(desk, session.owner, before[3])
    add(desk, session)
    replays.keep(desk, by, replay)
    return get(desk, session.owner, session.id)


def add(desk: Desk, session: Session, messages: int = 0, at: float = 0.0) -> int:
    """Add a session, and return its ref; its first messages are added `at` a time, right after it.

    Raises Conflict when its id is taken.
    """
    values = (
        *(session.owner, session.id, session.project_id, session.model, session.title),
        *(session.status, session.parent_id, session.created_at, max(session.updated_at, at)),
        *(session.context_tokens, session.thinking_after, int(session.audit_log)),
        *(messages, messages),
    )
    desk.cur.execute(ADD, values)
    if desk.cur.rowcount == 0:
        raise Conflict("There is a session of this id already.", code="exists")
    ref = desk.cur.lastrowid
    assert ref is not None  # noqa: S101  # a row was added
    desk.cur.execute(ADD_TEXTS, (ref, *texts(session), rows.agreed(session)))
    desk.met(session.owner, session.id, ref)
    if session.title:
        desk.cur.execute(TO_INDEX, (ref,))
    return ref


def texts(session: Session) -> Texts:
    """What is in the table beside, in its order."""
    return (
        session.system_prompt,
        rows.mapping(session.metadata),
        session.system,
        session.tools,
        rows.names(session.enabled_tools),
        rows.names(session.enabled_servers),
    )


def get(desk: Desk, owner: str, session_id: str) -> Session:
    row = desk.cur.execute(GET, (owner, session_id)).fetchone()
    if row is None:
        raise NotFound(NO_SESSION)
    return rows.session(row)


def change(desk: Desk, wanted: Change) -> Session:
    wanted.check(CHANGEABLE)
    before = get(desk, wanted.owner, wanted.id)
    session: Session = replace(before, **wanted.fields, updated_at=time.time())  # type: ignore[arg-type]
    ref = desk.session(wanted.owner, wanted.id, look=True)
    write(desk, ref, session)
    desk.cur.execute(TOUCH, (session.updated_at, session.owner, ref))
    desk.cur.execute(CHANGE_TEXTS, (ref, *texts(session)))
    desk.cur.execute(AGREE, (ref, rows.agreed(session)))
    desk.know(ref, texts(session))
    return session


def write(desk: Desk, ref: int, session: Session) -> None:
    """Replace the short fields that may change."""
    values = (session.project_id, session.model, session.title, session.status)
    numbers = (session.context_tokens, session.thinking_after, session.audit_log)
    desk.cur.execute(CHANGE, (*values, *numbers, session.owner, ref))
    desk.cur.execute(TO_INDEX, (ref,))


def delete(desk: Desk, which: tuple[str, str]) -> None:
    desk.refs.pop(which, None)
    row = desk.cur.execute(DELETE, which).fetchone()
    if row is None:
        raise NotFound(NO_SESSION)
    desk.cur.execute(NOT_TO_INDEX, row)


def forked(desk: Desk, wanted: Fork) -> Session:
    if (before := replays.made_before(desk, wanted.by, wanted.replay)) is not None:
        return get(desk, wanted.owner, before[3])
    source = desk.session(wanted.owner, wanted.source, look=True)
    fork = replace(wanted.fork, owner=wanted.owner)
    ref = add(desk, fork)
    last = EVERY_NUMBER if wanted.last_number is None else wanted.last_number
    desk.cur.execute(COPY_MESSAGES, (ref, source, last))
    desk.cur.execute(COUNT_COPIES, (wanted.owner, ref))
    replays.keep(desk, wanted.by, wanted.replay)
    desk.cur.execute(TO_INDEX, (ref,))
    return get(desk, wanted.owner, fork.id)
