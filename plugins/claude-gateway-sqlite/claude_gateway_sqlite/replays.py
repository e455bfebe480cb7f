"""Requests that may be sent again, and what they made the first time."""

from __future__ import annotations

from claude_gateway import Conflict, Replay
from claude_gateway_sqlite.desk import Desk
from claude_gateway_sqlite.rows import Row

FIND = """
SELECT key, digest, kind, made, created_at, session, first_number, messages
FROM replays WHERE owner = ? AND key = ?
"""
KEEP = """
INSERT INTO replays(owner, key, digest, kind, made, created_at, session, first_number, messages)
VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)
"""

FORGET = "DELETE FROM replays WHERE owner = ? AND key = ?"

REUSED = "This Idempotency-Key was used for another request. Use a new one for each request."


def made_before(desk: Desk, owner: str, replay: Replay | None) -> Row | None:
    """Return the row of the same request, if it was made before.

    Raises Conflict when its key was another request's.
    """
    if replay is None:
        return None
    row: Row | None = desk.cur.execute(FIND, (owner, replay.key)).fetchone()
    if row is not None and (row[1] != replay.digest or row[2] != replay.kind):
        raise Conflict(REUSED, code="idempotency_key_reused")
    return row


def keep(
    desk: Desk, owner: str, replay: Replay | None, where: tuple[int, int, int] | None = None
) -> None:
    """Remember a request; `where` are the session, the first number and the count of messages."""
    if replay is None:
        return
    values = (replay.key, replay.digest, replay.kind, replay.made, replay.created_at)
    desk.cur.execute(KEEP, (owner, *values, *(where or (None, None, None))))


def forget(desk: Desk, owner: str, key: str) -> None:
    """Let the key be used as if it were new."""
    desk.cur.execute(FORGET, (owner, key))
