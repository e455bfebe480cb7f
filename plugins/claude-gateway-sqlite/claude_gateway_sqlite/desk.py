"""What a change of the database works with."""

from __future__ import annotations

import sqlite3
from typing import NamedTuple, TypeAlias

from claude_gateway import NotFound

# What a commit waits for: the disk, or that the operating system has it. A script, because sqlite3
# keeps statements, and SQLite does this one when it reads it, once.
WAIT, DO_NOT_WAIT = "PRAGMA synchronous = FULL", "PRAGMA synchronous = NORMAL"
# Sessions that are known, and bytes of their texts.
MOST_KNOWN, MOST_TEXT = 10_000, 8 << 20

Texts: TypeAlias = tuple[str | bytes | None, ...]

SESSION = "SELECT ref FROM sessions WHERE owner = ? AND id = ?"
NO_SESSION = "There is no such session."


class Going(NamedTuple):
    """A run that goes on: its row, its session's, its owner."""

    run: int
    session: int | None
    owner: str


class Desk:
    """What a change works with: a cursor inside a transaction, and what saves look-ups.

    `live` are runs that go on, by id; `refs` are rows of sessions, by owner and id, which may be
    gone. `last_run` is the highest number that a run has had, None when it is not known. `owed` is
    whether something was committed that the disk need not have yet.
    """

    __slots__ = (
        "_connection",
        "_size",
        "_sure",
        "_texts",
        "cur",
        "last_run",
        "live",
        "owed",
        "refs",
    )

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.cur = connection.cursor()
        self.live: dict[str, Going] = {}
        self.refs: dict[tuple[str, str], int] = {}
        self.last_run: int | None = None
        self.owed = False
        self._sure = True
        self._texts: dict[int, Texts] = {}
        self._size = 0

    def changed(self) -> int:
        """Return how many rows were changed since the connection was opened."""
        return self._connection.total_changes

    def session(self, owner: str, session_id: str, *, look: bool = False) -> int:
        """Return the ref of a session, the one last known unless told to look. Raises NotFound."""
        ref = None if look else self.refs.get((owner, session_id))
        if ref is None:
            row = self.cur.execute(SESSION, (owner, session_id)).fetchone()
            if row is None:
                raise NotFound(NO_SESSION)
            ref = row[0]
            self.met(owner, session_id, ref)
        return ref

    def met(self, owner: str, session_id: str, ref: int) -> None:
        """Remember the ref of a session."""
        if len(self.refs) >= MOST_KNOWN:
            self.refs.clear()
        self.refs[owner, session_id] = ref

    def goes_on(self, run_id: str, going: Going) -> None:
        """Remember a run that has begun."""
        if len(self.live) >= MOST_KNOWN:
            self.live.clear()
        self.live[run_id] = going

    def knows(self, session: int, texts: Texts) -> bool:
        """Whether these are the long texts that a session had when last written by this process."""
        return self._texts.get(session) == texts

    def know(self, session: int, texts: Texts) -> None:
        """Remember what was written."""
        if self._size > MOST_TEXT or len(self._texts) >= MOST_KNOWN:
            self._forget_texts()
        self._size += _length(texts) - _length(self._texts.get(session, ()))
        self._texts[session] = texts

    def _forget_texts(self) -> None:
        self._texts.clear()
        self._size = 0

    def begin(self, *, sure: bool = True) -> None:
        """Begin a transaction, and with it a time in which nobody else writes.

        One that is not `sure` is safe from a crash of this process only, until a sure one follows.
        """
        if sure is not self._sure:
            if sure:
                self._connection.executescript(WAIT)
            else:
                self._connection.executescript(DO_NOT_WAIT)
            self._sure = sure
        self.cur.execute("BEGIN IMMEDIATE")
        self.last_run = None

    def commit(self) -> None:
        self.cur.execute("COMMIT")
        self.owed = not self._sure

    def undo(self) -> None:
        """Forget what may not be true after all, and end the transaction if there is one."""
        self.live.clear()
        self.refs.clear()
        self._forget_texts()
        if self._connection.in_transaction:
            self._connection.rollback()


def _length(texts: Texts) -> int:
    return sum(len(text) for text in texts if text is not None)
