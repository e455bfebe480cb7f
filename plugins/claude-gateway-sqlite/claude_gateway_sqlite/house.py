"""What the writer does when nobody waits for it."""

from __future__ import annotations

import sqlite3

from claude_gateway_sqlite.pruning import DELETED, purge_some
from claude_gateway_sqlite.search import WAITING, index_some
from claude_gateway_sqlite.writer import Desk

# Changes after which the log is worked into the file before SQLite does so in the middle of a turn.
ENOUGH = 300


class House:
    """Indexes what is new, takes away what was deleted, and keeps the write-ahead log short."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._tidied = 0

    def __call__(self, desk: Desk) -> bool:
        """Do one short piece; return whether there is more."""
        more = False
        if desk.cur.execute(WAITING).fetchone() is not None:
            desk.cur.execute("BEGIN IMMEDIATE")
            more = index_some(desk)
            desk.cur.execute("COMMIT")
        if (deleted := desk.cur.execute(DELETED).fetchone()) is not None:
            desk.cur.execute("BEGIN IMMEDIATE")
            more = purge_some(desk, deleted[0]) or more
            desk.cur.execute("COMMIT")
            more = more or desk.cur.execute(DELETED).fetchone() is not None
        if not more and self._connection.total_changes - self._tidied > ENOUGH:
            desk.cur.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
            self._tidied = self._connection.total_changes
        return more
