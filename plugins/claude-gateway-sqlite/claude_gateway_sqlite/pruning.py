"""Forgetting what is old, and taking away what was deleted: a little at a time.

Whatever is forgotten is forgotten at once, by one small change; the rows that hung on it go later,
so few in one transaction that a turn which wants to be written hardly waits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from claude_gateway_sqlite.desk import Desk
from claude_gateway_sqlite.schema import EVENT_BITS
from claude_gateway_sqlite.search import AT_ONCE, REMOVE
from claude_gateway_sqlite.writer import Writer

# Rows in one transaction: a few milliseconds.
FEW = 200

# The first sessions by time of each owner, found by hopping from owner to owner in the index.
OLD_SESSIONS = """
WITH RECURSIVE owners(owner) AS (
    SELECT min(owner) FROM sessions
    UNION ALL
    SELECT (SELECT min(s.owner) FROM sessions s WHERE s.owner > owners.owner) FROM owners
    WHERE owners.owner IS NOT NULL
)
SELECT s.ref FROM owners JOIN sessions s ON s.owner = owners.owner AND s.updated_at < ? LIMIT ?
"""
FORGET = "UPDATE sessions SET owner = NULL WHERE ref = ?"
NOT_TO_INDEX = "DELETE FROM not_searchable WHERE session = ?"

OLD_REPLAYS = """
DELETE FROM replays WHERE (owner, key) IN (
    SELECT owner, key FROM replays WHERE created_at < ? LIMIT ?
)
"""

NEXT_LOG = "SELECT min(key) FROM events WHERE key >= ?"
NEXT_REPLY = "SELECT min(run) FROM replies WHERE run >= ?"
ENDED = "SELECT ended_at FROM runs WHERE ref = ?"
DELETE_EVENTS = """
DELETE FROM events WHERE key IN (SELECT key FROM events WHERE key >= ? AND key < ? LIMIT ?)
"""
DELETE_PARKED = "DELETE FROM parked WHERE run = ?"
DELETE_REPLY = "DELETE FROM replies WHERE run = ?"

DELETED = "SELECT ref FROM sessions WHERE owner IS NULL LIMIT 1"
MESSAGES_OF = """
SELECT m.ref, m.text, m.number <= coalesce(i.number, 0)
FROM messages m LEFT JOIN searchable i ON i.session = m.session
WHERE m.session = ? ORDER BY m.number DESC LIMIT ?
"""
DELETE_MESSAGE = "DELETE FROM messages WHERE ref = ?"
DELETE_EXECUTIONS = """
DELETE FROM tool_executions WHERE ref IN (SELECT ref FROM tool_executions WHERE session = ? LIMIT ?)
"""
RUN_OF = "SELECT ref FROM runs WHERE session = ? LIMIT 1"
DELETE_RUN = "DELETE FROM runs WHERE ref = ?"
TITLE_OF = "SELECT title FROM searchable WHERE session = ?"
DELETE_SEARCHABLE = "DELETE FROM searchable WHERE session = ?"
DELETE_TEXTS = "DELETE FROM session_texts WHERE session = ?"
DELETE_SESSION = "DELETE FROM sessions WHERE ref = ?"


@dataclass(frozen=True, slots=True)
class Old:
    """What is older than `before`, at most so many; `after` is where to go on looking."""

    before: float
    limit: int
    after: int = 0


class Pruning:
    """The part of the store that forgets."""

    _writer: Writer

    async def prune_sessions(self, before: float, limit: int) -> int:
        return await self._piecemeal(forget_sessions, before, limit)

    async def prune_replays(self, before: float, limit: int) -> int:
        return await self._piecemeal(forget_replays, before, limit)

    async def prune_events(self, before: float, limit: int) -> int:
        went = 0
        after: int | None = 0
        while went < limit and after is not None:
            few, after = await self._writer.do(forget_logs, Old(before, limit - went, after))
            went += few
        return went

    async def _piecemeal(
        self, forget: Callable[[Desk, Old], int], before: float, limit: int
    ) -> int:
        went = 0
        while (asked := min(FEW, limit - went)) > 0:
            gone = await self._writer.do(forget, Old(before, asked))
            went += gone
            if gone < asked:
                break
        return went


def forget_sessions(desk: Desk, old: Old) -> int:
    found = desk.cur.execute(OLD_SESSIONS, (old.before, old.limit)).fetchall()
    desk.cur.executemany(FORGET, found)
    desk.cur.executemany(NOT_TO_INDEX, found)
    return len(found)


def forget_replays(desk: Desk, old: Old) -> int:
    return desk.cur.execute(OLD_REPLAYS, (old.before, old.limit)).rowcount


def forget_logs(desk: Desk, old: Old) -> tuple[int, int | None]:
    """Forget a few; return how many runs have no log any more, and where to go on."""
    went, run, room, young = 0, old.after, FEW, 0
    while room > 0 and went < old.limit and young < FEW:
        following = _next_logged(desk, run)
        if following is None:
            return went, None
        run = following
        if not _outdated(desk, run, old.before):
            young, run = young + 1, run + 1
            continue
        young, room = 0, room - _delete_log(desk, run, room)
        if room > 0:
            went, run = went + 1, run + 1
    # Runs are numbered as they began: behind so many young ones there are no old ones.
    return went, None if young == FEW else run


def _next_logged(desk: Desk, run: int) -> int | None:
    """Return the first run from this one on of which something is logged."""
    key = desk.cur.execute(NEXT_LOG, (run << EVENT_BITS,)).fetchone()[0]
    reply = desk.cur.execute(NEXT_REPLY, (run,)).fetchone()[0]
    found = [ref for ref in (None if key is None else key >> EVENT_BITS, reply) if ref is not None]
    return min(found, default=None)


def _outdated(desk: Desk, run: int, before: float) -> bool:
    row = desk.cur.execute(ENDED, (run,)).fetchone()
    return row is None or (row[0] is not None and row[0] < before)


def _delete_log(desk: Desk, run: int, room: int) -> int:
    """Delete so many rows; return how many there were, and one more for the run itself."""
    window = (run << EVENT_BITS, (run + 1) << EVENT_BITS, room)
    gone = desk.cur.execute(DELETE_EVENTS, window).rowcount
    if gone < room:
        desk.cur.execute(DELETE_REPLY, (run,))
        gone += 1
    return gone


def purge_some(desk: Desk, session: int) -> bool:
    """Take away some of what hangs on a deleted session; return whether there is more."""
    if _purge_messages(desk, session):
        return True
    if desk.cur.execute(DELETE_EXECUTIONS, (session, FEW)).rowcount == FEW:
        return True
    room = FEW
    while room > 0 and (row := desk.cur.execute(RUN_OF, (session,)).fetchone()) is not None:
        run = row[0]
        room -= _delete_log(desk, run, room)
        if room > 0:
            desk.cur.execute(DELETE_PARKED, (run,))
            desk.cur.execute(DELETE_RUN, (run,))
    if room <= 0:
        return True
    title = desk.cur.execute(TITLE_OF, (session,)).fetchone()
    if title is not None and title[0]:
        desk.cur.execute(REMOVE, (-session, title[0]))
    for last in (DELETE_SEARCHABLE, DELETE_TEXTS, DELETE_SESSION):
        desk.cur.execute(last, (session,))
    return False


def _purge_messages(desk: Desk, session: int) -> bool:
    budget = AT_ONCE
    for ref, text, searchable in desk.cur.execute(MESSAGES_OF, (session, FEW)).fetchall():
        if searchable:
            desk.cur.execute(REMOVE, (ref, text))
            budget -= len(text)
        desk.cur.execute(DELETE_MESSAGE, (ref,))
        if budget <= 0:
            break
    return desk.cur.execute(MESSAGES_OF, (session, 1)).fetchone() is not None
