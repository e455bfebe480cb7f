"""Copies of the database: made while it is in use, checked, and brought back.

A copy is one file. It says itself how many rows it must have, in a table that only copies have.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import aiosqlite

from claude_gateway import PluginError
from claude_gateway_sqlite.opening import number
from claude_gateway_sqlite.readers import BUSY_SECONDS, address
from claude_gateway_sqlite.schema import APPLICATION, MIGRATIONS
from claude_gateway_sqlite.troubles import at_the_start

COUNTS = """
SELECT 'projects', count(*) FROM projects UNION ALL
SELECT 'sessions', count(*) FROM sessions UNION ALL
SELECT 'session_texts', count(*) FROM session_texts UNION ALL
SELECT 'messages', count(*) FROM messages UNION ALL
SELECT 'tool_executions', count(*) FROM tool_executions UNION ALL
SELECT 'runs', count(*) FROM runs UNION ALL
SELECT 'replies', count(*) FROM replies UNION ALL
SELECT 'events', count(*) FROM events UNION ALL
SELECT 'replays', count(*) FROM replays UNION ALL
SELECT 'ledger', count(*) FROM ledger UNION ALL
SELECT 'booked', count(*) FROM booked
"""
# Without a log beside it.
ONE_FILE = "PRAGMA journal_mode = DELETE"
MARK = "CREATE TABLE IF NOT EXISTS copied(name TEXT PRIMARY KEY, rows INTEGER NOT NULL) STRICT"
FORGET = "DELETE FROM copied"
NOTE = "INSERT INTO copied(name, rows) VALUES(?, ?)"
NOTED = "SELECT name, rows FROM copied"
IS_MARKED = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'copied'"
UNMARK = "DROP TABLE IF EXISTS copied"


def back_up(source: Path, target: Path, *, replace: bool = False) -> Mapping[str, int]:
    """Copy the database, and check the copy; return its counts of rows. It may be in use.

    Raises PluginError for a file that is there, for the database itself, or when something is wrong
    with the copy.
    """
    if not source.exists():
        raise PluginError(f"there is no database {source} yet")
    if _is_of(source, target):
        raise PluginError(f"{target} is the database itself, or a part of it; choose another file")
    if target.exists() and not replace:
        raise PluginError(f"{target} is there already; --force replaces it")
    making = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        making.touch(mode=0o600)
        asyncio.run(_copied(source, making))
        counts = verify(making)
        _synced(making)
        making.replace(target)
    except OSError as exc:
        raise PluginError(f"{target} cannot be written ({exc.strerror})") from exc
    finally:
        making.unlink(missing_ok=True)
    return counts


def _is_of(source: Path, target: Path) -> bool:
    """Whether a file is the database or what SQLite keeps beside it, by whatever name."""
    parts = [source.with_name(f"{source.name}{end}") for end in ("", "-wal", "-shm", "-journal")]
    if target.exists() and any(part.exists() and part.samefile(target) for part in parts):
        return True
    return target.resolve() in {part.resolve() for part in parts}


async def _copied(source: Path, making: Path) -> None:
    """Copy one moment of the database, and note in the copy what was counted at that moment."""
    try:
        async with (
            # Not read-only: that would leave an empty log behind, of whoever made the copy.
            _connected(source, "rw") as original,
            _connected(making, "rw") as copy,
        ):
            await original.execute("BEGIN")
            await _check_format(original, source)
            counts = [tuple(row) for row in await original.execute_fetchall(COUNTS)]
            await original.backup(copy)
            await original.execute("COMMIT")
            await copy.execute_fetchall(ONE_FILE)
            await copy.execute("BEGIN IMMEDIATE")
            await copy.execute(MARK)
            await copy.execute(FORGET)
            await copy.executemany(NOTE, counts)
            await copy.execute("COMMIT")
    except sqlite3.Error as exc:
        raise at_the_start(exc, source) from exc


def verify(file: Path) -> Mapping[str, int]:
    """Check a copy; return its counts of rows. Raises PluginError saying what is wrong."""
    if not file.is_file():
        raise PluginError(f"there is no file {file}")
    try:
        noted, counts = asyncio.run(_counted(file))
    except sqlite3.Error as exc:
        raise PluginError(f"{file} is no good copy of a database: {exc}") from exc
    for name, count in noted.items():
        if counts.get(name) != count:
            raise PluginError(
                f"{file} is not whole: {name} has {counts.get(name)} rows, and had {count}"
            )
    return counts


async def _counted(file: Path) -> tuple[Mapping[str, int], Mapping[str, int]]:
    """Return what was counted when it was made, and what is now."""
    async with _connected(file, "ro") as copy:
        await _check_format(copy, file)
        await _check_whole(copy, file)
        noted = {}
        if await number(copy, IS_MARKED):
            noted = {row[0]: row[1] for row in await copy.execute_fetchall(NOTED)}
        return noted, {row[0]: row[1] for row in await copy.execute_fetchall(COUNTS)}


def bring_back(file: Path, database: Path) -> Path | None:
    """Put a copy in the database's place, which nobody uses; return where the latter is kept."""
    making = database.with_name(f"{database.name}.part")
    making.unlink(missing_ok=True)
    making.touch(mode=0o600)
    asyncio.run(_restored(file, making))
    _synced(making)
    kept = _kept(database) if database.exists() else None
    # A log of another database would be worked into this one.
    for suffix in ("-wal", "-shm"):
        Path(f"{database}{suffix}").unlink(missing_ok=True)
    making.replace(database)
    _sync_folder(database.parent)
    return kept


async def _restored(file: Path, making: Path) -> None:
    async with _connected(file, "ro") as copy, _connected(making, "rw") as restored:
        await copy.backup(restored)
        await restored.execute_fetchall(ONE_FILE)
        await restored.execute(UNMARK)


def _kept(database: Path) -> Path:
    """Give the database a second name; the first is replaced in one step, so that one is there."""
    kept = now = database.with_name(f"{database.name}.replaced-{time.strftime('%Y%m%dT%H%M%S')}")
    more = 1
    while kept.exists():
        more += 1
        kept = now.with_name(f"{now.name}-{more}")
    with suppress(sqlite3.Error):  # damaged, which may be why it is replaced
        asyncio.run(_folded(database))
    _second_name(database, kept)
    log = Path(f"{database}-wal")
    if log.exists():
        _second_name(log, Path(f"{kept}-wal"))
    return kept


async def _folded(database: Path) -> None:
    """Work the log into the file, so that the file is all of it."""
    async with _connected(database, "rw") as db:
        await db.execute_fetchall(ONE_FILE)


def _second_name(file: Path, name: Path) -> None:
    try:
        os.link(file, name)
    except OSError:  # a file system where a file has one name
        shutil.copy2(file, name)


async def _check_format(db: aiosqlite.Connection, file: Path) -> None:
    if await number(db, "PRAGMA application_id") != APPLICATION:
        raise PluginError(f"{file} is not a database of this gateway")
    version = await number(db, "PRAGMA user_version")
    if version > len(MIGRATIONS):
        raise PluginError(
            f"{file} was written by a newer version of claude-gateway-sqlite (its format is "
            f"{version}, this version knows {len(MIGRATIONS)})"
        )


async def _check_whole(db: aiosqlite.Connection, file: Path) -> None:
    found = [row[0] for row in await db.execute_fetchall("PRAGMA integrity_check(3)")]
    if found != ["ok"]:
        raise PluginError(f"{file} is damaged: {'; '.join(map(str, found))}")
    if loose := list(await db.execute_fetchall("PRAGMA foreign_key_check")):
        raise PluginError(f"{file} is damaged: {len(loose)} rows belong to nothing")


def _connected(file: Path, mode: str) -> aiosqlite.Connection:
    return aiosqlite.connect(
        address(file, mode), uri=True, isolation_level=None, timeout=BUSY_SECONDS
    )


def _synced(file: Path) -> None:
    with file.open("rb") as opened:
        os.fsync(opened.fileno())


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
