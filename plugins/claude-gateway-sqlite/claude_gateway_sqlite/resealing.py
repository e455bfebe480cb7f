"""Encrypt what was written before, or with an older key: some rows at a time."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

from claude_gateway_sqlite import keyring, rows
from claude_gateway_sqlite.envelopes import IN_JSON
from claude_gateway_sqlite.packing import packed, unpacked
from claude_gateway_sqlite.readers import BUSY_SECONDS, address
from claude_gateway_sqlite.schema import LAST_EVENT
from claude_gateway_sqlite.sealing import Sealer, as_text, of_text, where

AT_ONCE = 200  # rows in one transaction

# What a value is, and how it is bound to its row.
Place: TypeAlias = bytes
Again: TypeAlias = Callable[[Sealer, Any, Place], Any]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows to go through: key, owner, name, and then the columns with what they hold."""

    name: str
    key: str
    source: str
    owner: str
    named: str
    columns: Mapping[str, tuple[str, Again]]


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


OF_SESSION = "JOIN sessions s ON s.ref = t.session WHERE s.owner IS NOT NULL"
OF_RUN = "JOIN runs r ON r.ref = t.run WHERE 1"
TABLES = (
    Table(
        *("messages", "ref", OF_SESSION, "s.owner", "t.id"),
        {"content": ("content", blob), "text": ("text", text), "metadata": ("metadata", mapping)},
    ),
    Table(
        *("sessions", "ref", "WHERE t.owner IS NOT NULL", "t.owner", "t.id"),
        {"title": ("title", text)},
    ),
    Table(
        *("session_texts", "session", OF_SESSION, "s.owner", "s.id"),
        {
            "system_prompt": ("system_prompt", text),
            "metadata": ("metadata", mapping),
            "system": ("system", blob),
            "tools": ("tools", blob),
        },
    ),
    Table(
        *("tool_executions", "ref", OF_SESSION, "s.owner", "s.id || ':' || t.id"),
        {
            "input_params": ("input", blob),
            "output": ("output", blob),
            "error_message": ("error", text),
        },
    ),
    Table(*("replies", "run", OF_RUN, "r.owner", "r.id"), {"reply": ("reply", blob)}),
    Table(*("parked", "run", OF_RUN, "r.owner", "r.id"), {"state": ("state", frames)}),
    Table(
        *("audit", "number", "WHERE 1", "t.owner", "t.call_id"),
        {"arguments": ("arguments", blob)},
    ),
    Table(
        *("events", "key", "JOIN runs r ON r.ref = t.key >> 30 WHERE 1", "r.id"),
        f"t.first || '-' || (t.key & {LAST_EVENT})",
        {"frames": ("events", frames)},
    ),
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
    names = ", ".join(f"t.{column}" for column in table.columns)
    found = connection.execute(
        f"SELECT t.{table.key}, {table.owner}, {table.named}, {names} FROM {table.name} t "  # noqa: S608  # ours alone
        f"{table.source} AND t.{table.key} > ? ORDER BY t.{table.key} LIMIT ?",
        (at, AT_ONCE),
    ).fetchall()
    sets = ", ".join(f"{column} = ?" for column in table.columns)
    changed = 0
    for key, owner, name, *held in found:
        new = [
            value if value is None else again(sealer, value, where(kind, owner, name))
            for value, (kind, again) in zip(held, table.columns.values(), strict=True)
        ]
        if new != held:
            statement = f"UPDATE {table.name} SET {sets} WHERE {table.key} = ?"  # noqa: S608
            connection.execute(statement, (*new, key))
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
