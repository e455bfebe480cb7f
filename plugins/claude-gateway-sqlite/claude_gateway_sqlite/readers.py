"""Reading, beside the writer: a few connections that can do nothing else."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import quote

import aiosqlite

from claude_gateway_sqlite.rows import Row
from claude_gateway_sqlite.troubles import translated

Values: TypeAlias = Sequence[Any]

HOW_MANY = 3
BUSY_SECONDS = 5.0


class Readers:
    """Connections of which the least busy one is asked."""

    def __init__(self, connections: Sequence[aiosqlite.Connection]) -> None:
        self._connections = connections
        self._waiting = [0] * len(connections)

    @classmethod
    @asynccontextmanager
    async def opened(cls, file: Path, how_many: int = HOW_MANY) -> AsyncGenerator[Readers]:
        async with AsyncExitStack() as stack:
            yield cls([await stack.enter_async_context(read_only(file)) for _ in range(how_many)])

    async def rows(self, statement: str, values: Values = ()) -> list[Row]:
        """Return all rows of one statement, which sees one moment of the database."""
        waiting = self._waiting
        which = waiting.index(min(waiting))
        waiting[which] += 1
        try:
            return list(await self._connections[which].execute_fetchall(statement, values))
        except (sqlite3.Error, UnicodeEncodeError, OverflowError) as exc:
            raise translated(exc) from None
        finally:
            waiting[which] -= 1

    async def row(self, statement: str, values: Values = ()) -> Row | None:
        """Return the only row, if there is one."""
        found = await self.rows(statement, values)
        return found[0] if found else None


def address(file: Path, mode: str) -> str:
    """Return the file as an URI; `mode` is ro, rw or rwc."""
    return f"file:{quote(str(file.absolute()))}?mode={mode}"


@asynccontextmanager
async def read_only(file: Path) -> AsyncGenerator[aiosqlite.Connection]:
    connecting = aiosqlite.connect(
        address(file, "ro"), uri=True, isolation_level=None, timeout=BUSY_SECONDS
    )
    async with connecting as connection:
        await connection.execute("PRAGMA query_only = ON")
        await connection.execute("PRAGMA temp_store = MEMORY")
        await connection.execute("PRAGMA cache_size = -4096")
        yield connection
