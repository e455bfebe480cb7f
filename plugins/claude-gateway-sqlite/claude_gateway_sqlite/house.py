"""What the writer does when nobody waits for it."""

from __future__ import annotations

from claude_gateway_sqlite.desk import Desk
from claude_gateway_sqlite.pruning import DELETED, purge_some
from claude_gateway_sqlite.search import WAITING, index_some

NOT_TO_INDEX = "DELETE FROM not_searchable"
# Changes after which the log is worked into the file before SQLite does so in the middle of a turn.
ENOUGH = 300


class House:
    """Indexes what is new, takes away what was deleted, and keeps the write-ahead log short.

    To work the log into the file is also what puts on the disk what did not wait for it.
    """

    def __init__(self, *, searchable: bool = True) -> None:
        """What is not `searchable` is not indexed."""
        self._tidied = 0
        self._searchable = searchable

    def __call__(self, desk: Desk) -> bool:
        """Do one short piece; return whether there is more."""
        more = False
        if desk.cur.execute(WAITING).fetchone() is not None:
            desk.begin()
            if self._searchable:
                more = index_some(desk)
            else:
                desk.cur.execute(NOT_TO_INDEX)
            desk.commit()
        if (deleted := desk.cur.execute(DELETED).fetchone()) is not None:
            desk.begin()
            more = purge_some(desk, deleted[0]) or more
            desk.commit()
            more = more or desk.cur.execute(DELETED).fetchone() is not None
        if not more and (desk.owed or desk.changed() - self._tidied > ENOUGH):
            desk.cur.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
            self._tidied = desk.changed()
            desk.owed = False
        return more
