"""Encrypt what was written before, or with an older key: some rows at a time."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

from claude_gateway_sqlite import keyring, rows
from claude_gateway_sqlite.envelopes import IN_JSON
from claude_gateway_sqlite.packing import packed, unpacked
from claude_gateway_sqlite.readers import BUSY_SECONDS, address
from claude_gateway_sqlite.sealing import Sealer, as_text, of_text, where

AT_ONCE = 200  # rows in one transaction

# What a value is, and how it is bound to its row.
Place: TypeAlias = bytes
Again: TypeAlias = Callable[[Sealer, Any, Place], Any]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows to go through: how they are read, and written again, and what their columns hold.

    Read are key, owner and name, then the columns, from a key on and so many at a time.
    """

    read: str
    write: str
    columns: tuple[tuple[str, Again], ...]


def blob(sealer: Sealer, value: Any, place: Place) -> Any:
    return value if sealer.is_newest(value) else sealer.seal(sealer.open(value, place), place)


def text(sealer: Sealer, value: Any, place: Place) -> Any:
    return as_text(blob(sealer, of_text(value), place)) if value else value


def mapping(sealer: Sealer, value: Any, place: Place) -> Any:
    held = rows.mapped(value)
    sealed = held.get(IN_JSON) if len(held) == 1 else None
    if isinstance(sealed, str):
        return rows.mapping({IN_JSON: text(sealer, sealed, place)})
    return rows.mapping({IN_JSON: text(sealer, value, place)}) if held else value


def frames(sealer: Sealer, value: Any, place: Place) -> Any:
    if sealer.is_newest(value):
        return value
    return sealer.seal(packed(unpacked(sealer.open(value, place))), place)


MESSAGES = """
SELECT t.ref, s.owner, t.id, t.content, t.text, t.metadata
FROM messages t JOIN sessions s ON s.ref = t.session
WHERE s.owner IS NOT NULL AND t.ref > ? ORDER BY t.ref LIMIT ?
"""
SESSIONS = """
SELECT ref, owner, id, title FROM sessions
WHERE owner IS NOT NULL AND ref > ? ORDER BY ref LIMIT ?
"""
TEXTS = """
SELECT t.session, s.owner, s.id, t.system_prompt, t.metadata, t.system, t.tools
FROM session_texts t JOIN sessions s ON s.ref = t.session
WHERE s.owner IS NOT NULL AND t.session > ? ORDER BY t.session LIMIT ?
"""
EXECUTIONS = """
SELECT t.ref, s.owner, s.id || ':' || t.id, t.input_params, t.output, t.error_message
FROM tool_executions t JOIN sessions s ON s.ref = t.session
WHERE s.owner IS NOT NULL AND t.ref > ? ORDER BY t.ref LIMIT ?
"""
REPLIES = """
SELECT t.run, r.owner, r.id, t.reply FROM replies t JOIN runs r ON r.ref = t.run
WHERE t.run > ? ORDER BY t.run LIMIT ?
"""
PARKED = """
SELECT t.run, r.owner, r.id, t.state FROM parked t JOIN runs r ON r.ref = t.run
WHERE t.run > ? ORDER BY t.run LIMIT ?
"""
AUDIT = (
    "SELECT number, owner, call_id, arguments FROM audit WHERE number > ? ORDER BY number LIMIT ?"
)
# The lower 30 bits of a key are the number of the last event; the run stands above them.
EVENTS = """
SELECT t.key, r.id, t.first || '-' || (t.key & 1073741823), t.frames
FROM events t JOIN runs r ON r.ref = t.key >> 30
WHERE t.key > ? ORDER BY t.key LIMIT ?
"""
MESSAGE_AGAIN = "UPDATE messages SET content = ?, text = ?, metadata = ? WHERE ref = ?"
SESSION_AGAIN = "UPDATE sessions SET title = ? WHERE ref = ?"
TEXTS_AGAIN = """
UPDATE session_texts SET system_prompt = ?, metadata = ?, system = ?, tools = ? WHERE session = ?
"""
EXECUTION_AGAIN = """
UPDATE tool_executions SET input_params = ?, output = ?, error_message = ? WHERE ref = ?
"""
REPLY_AGAIN = "UPDATE replies SET reply = ? WHERE run = ?"
PARKED_AGAIN = "UPDATE parked SET state = ? WHERE run = ?"
AUDIT_AGAIN = "UPDATE audit SET arguments = ? WHERE number = ?"
EVENTS_AGAIN = "UPDATE events SET frames = ? WHERE key = ?"

TABLES = (
    Table(
        MESSAGES,
        MESSAGE_AGAIN,
        (("content", blob), ("text", text), ("metadata", mapping)),
    ),
    Table(SESSIONS, SESSION_AGAIN, (("title", text),)),
    Table(
        TEXTS,
        TEXTS_AGAIN,
        (("system_prompt", text), ("metadata", mapping), ("system", blob), ("tools", blob)),
    ),
    Table(
        EXECUTIONS,
        EXECUTION_AGAIN,
        (("input", blob), ("output", blob), ("error", text)),
    ),
    Table(REPLIES, REPLY_AGAIN, (("reply", blob),)),
    Table(PARKED, PARKED_AGAIN, (("state", frames),)),
    Table(AUDIT, AUDIT_AGAIN, (("arguments", blob),)),
    Table(EVENTS, EVENTS_AGAIN, (("events", frames),)),
)
ASKED = "SELECT ref, owner, id, approvals FROM runs WHERE approvals IS NOT NULL AND ref > ? ORDER BY ref LIMIT ?"


def reseal(database: Path, sealer: Sealer) -> int:
    """Encrypt with the first key all that is not; return how many rows that were.

    The database must be at rest. Whatever ends it half-way, it can be begun again. At the end the file
    is written anew, so that nothing is left of what was in the clear.
    """
    changed = 0
    with closing(_connected(database)) as connection:
        connection.execute("PRAGMA secure_delete = ON")
        for table in TABLES:
            changed += _through(connection, partial(_some, connection, sealer, table))
        changed += _through(connection, partial(_some_asked, connection, sealer))
        connection.execute(keyring.USE_ONLY, (sealer.ids[0],))
        connection.execute("VACUUM")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    return changed


def _through(connection: sqlite3.Connection, some: Callable[[int], tuple[int, int | None]]) -> int:
    changed, at = 0, -1
    while True:
        connection.execute("BEGIN IMMEDIATE")
        few, after = some(at)
        connection.execute("COMMIT")
        changed += few
        if after is None:
            return changed
        at = after


def _some(
    connection: sqlite3.Connection, sealer: Sealer, table: Table, at: int
) -> tuple[int, int | None]:
    found = connection.execute(table.read, (at, AT_ONCE)).fetchall()
    changed = 0
    for key, owner, name, *held in found:
        new = [
            value if value is None else again(sealer, value, where(kind, owner, name))
            for value, (kind, again) in zip(held, table.columns, strict=True)
        ]
        if new != held:
            connection.execute(table.write, (*new, key))
            changed += 1
    return changed, found[-1][0] if len(found) == AT_ONCE else None


def _some_asked(connection: sqlite3.Connection, sealer: Sealer, at: int) -> tuple[int, int | None]:
    found = connection.execute(ASKED, (at, AT_ONCE)).fetchall()
    changed = 0
    for ref, owner, run, held in found:
        calls = [
            _asked(sealer, call, where("asked", owner, f"{run}:{call['id']}"))
            for call in rows.mapped(held)
        ]
        new = rows.WRITER.encode(calls)
        if calls != rows.mapped(held):
            connection.execute("UPDATE runs SET approvals = ? WHERE ref = ?", (new, ref))
            changed += 1
    return changed, found[-1][0] if len(found) == AT_ONCE else None


def _asked(sealer: Sealer, call: dict[str, Any], place: Place) -> dict[str, Any]:
    return {**call, "arguments": text(sealer, call["arguments"], place)}


def _connected(database: Path) -> sqlite3.Connection:
    return sqlite3.connect(
        address(database, "rw"), uri=True, isolation_level=None, timeout=BUSY_SECONDS
    )
