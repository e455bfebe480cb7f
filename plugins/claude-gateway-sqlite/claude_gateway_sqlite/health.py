"""Whether the database can be written to, and how large it is."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import aiosqlite

from claude_gateway import Health
from claude_gateway_sqlite.readers import BUSY_SECONDS, address
from claude_gateway_sqlite.troubles import code_of

BEAT = """
INSERT INTO pulse(one, beat) VALUES(1, ?) ON CONFLICT(one) DO UPDATE SET beat = excluded.beat
"""
FELT = "SELECT beat FROM pulse"
MEGABYTE = 1 << 20


class DatabaseCheck:
    """Writes the time into the file, and reads it again."""

    def __init__(self, file: Path, connection: aiosqlite.Connection) -> None:
        self._file = file
        self._connection = connection

    @classmethod
    @asynccontextmanager
    async def opened(cls, file: Path) -> AsyncGenerator[DatabaseCheck]:
        connecting = aiosqlite.connect(
            address(file, "rw"), uri=True, isolation_level=None, timeout=BUSY_SECONDS
        )
        async with connecting as connection:
            yield cls(file, connection)

    async def check(self) -> Health:
        now = time.time()
        try:
            await self._connection.execute(BEAT, (now,))
            felt = list(await self._connection.execute_fetchall(FELT))
        except sqlite3.Error as exc:
            return Health(False, f"it cannot be written to: {_cause(exc)}")
        sizes = f"{_size(self._file)} MB, log {_size(Path(f'{self._file}-wal'))} MB"
        return Health(bool(felt) and felt[0][0] >= now, sizes)


def _cause(exc: sqlite3.Error) -> str:
    if code_of(exc) & 0xFF == sqlite3.SQLITE_FULL:
        return "there is no room left"
    return str(exc)


def _size(file: Path) -> str:
    try:
        return f"{file.stat().st_size / MEGABYTE:.1f}"
    except FileNotFoundError:
        return "0.0"
