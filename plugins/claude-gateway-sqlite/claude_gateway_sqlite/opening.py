"""Open the database: make it, or bring one of an earlier version up to date."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Literal, TypeAlias

import aiosqlite

from claude_gateway import PluginError
from claude_gateway_sqlite.procedures import PROCEDURES
from claude_gateway_sqlite.readers import BUSY_SECONDS, address
from claude_gateway_sqlite.schema import APPLICATION, MIGRATIONS, statements
from claude_gateway_sqlite.troubles import at_the_start, code_of

Synchronous: TypeAlias = Literal["answers", "full", "normal"]

NOT_YET = "PRAGMA synchronous = NORMAL"
SYNCHRONOUS: dict[Synchronous, str] = {
    "answers": "PRAGMA synchronous = FULL",
    "full": "PRAGMA synchronous = FULL",
    "normal": NOT_YET,
}
VERSION = "PRAGMA user_version"
AGAIN = 0.02  # seconds
WRITING = (
    # What is written looks first whether there is what it hangs on. To have SQLite look as well would
    # make it keep a copy of every page that a turn changes; backups and tests do look.
    "PRAGMA foreign_keys = OFF",
    "PRAGMA temp_store = MEMORY",
    "PRAGMA cache_size = -16384",
    # What is deleted is overwritten, whatever this SQLite was built to do.
    "PRAGMA secure_delete = ON",
    # The log is worked into the file after 4 MB, and shortened when it has become much longer.
    "PRAGMA wal_autocheckpoint = 1000",
    "PRAGMA journal_size_limit = 16777216",
)


@asynccontextmanager
async def prepared(file: Path, migrations: Sequence[str] = MIGRATIONS) -> AsyncGenerator[None]:
    """Bring the database up to date. Raises PluginError when it cannot be used, inside as well."""
    try:
        await migrate(file, migrations)
        yield
    except sqlite3.Error as exc:
        raise at_the_start(exc, file) from exc


def private(file: Path) -> None:
    """Make the folder and an empty file, or close one that is there to other users.

    Raises PluginError when that cannot be done.
    """
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if file.exists():
            with suppress(OSError):  # somebody else's, or on a file system without modes
                file.chmod(0o600)
        else:
            file.touch(mode=0o600)
    except OSError as exc:
        raise PluginError(
            f"the database {file} cannot be made ({exc.strerror}). Look whether its folder may be "
            "written by this user, or choose another one with GATEWAY_DATA_DIR"
        ) from exc


async def migrate(file: Path, migrations: Sequence[str] = MIGRATIONS) -> None:
    """Bring the database to the newest version, step by step, each in a transaction.

    Raises PluginError for one that is newer, or another program's.
    """
    connecting = aiosqlite.connect(
        address(file, "rw"), uri=True, isolation_level=None, timeout=BUSY_SECONDS
    )
    async with connecting as db:
        before = await number(db, VERSION)
        await _check(db, file, before, len(migrations))
        if before != len(migrations):
            await _log_ahead(db)
            # Whatever a crash undoes is a whole step, and is taken again: none waits for the disk.
            await db.execute(NOT_YET)
        if 0 < before < len(migrations):
            await copy_before(file, len(migrations))
        while await _step(db, file, migrations):
            pass


async def _log_ahead(db: aiosqlite.Connection) -> None:
    """Switch to WAL. Where others do so at the same moment, SQLite says so without waiting."""
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            await db.execute_fetchall("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as exc:
            if code_of(exc) & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
        else:
            return
        await asyncio.sleep(AGAIN)


async def _step(db: aiosqlite.Connection, file: Path, migrations: Sequence[str]) -> bool:
    """Take the next step, unless another process has; return whether there are more."""
    await db.execute("BEGIN IMMEDIATE")
    try:
        version = await number(db, VERSION)
        await _check(db, file, version, len(migrations))
        if version < len(migrations):
            for statement in statements(migrations[version]):
                await db.execute(statement)
        await db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            await db.rollback()
        raise
    return version + 1 < len(migrations)


async def _check(db: aiosqlite.Connection, file: Path, version: int, newest: int) -> None:
    tables = await number(db, "SELECT count(*) FROM sqlite_schema")
    if tables and await number(db, "PRAGMA application_id") != APPLICATION:
        raise PluginError(f"{file} is not a database of this gateway; choose another folder")
    if version > newest:
        raise PluginError(
            f"the database {file} was written by a newer version of claude-gateway-sqlite (its "
            f"format is {version}, this version knows {newest}); install the newer version again, "
            "or bring back a backup made with this one"
        )


async def copy_before(file: Path, version: int) -> None:
    """Copy the database as it is, unless the copy was made already."""
    copy = file.with_name(f"{file.name}.before-v{version}")
    if copy.exists():
        return
    making = copy.with_name(f"{copy.name}.part")
    making.unlink(missing_ok=True)
    making.touch(mode=0o600)
    async with (
        aiosqlite.connect(address(file, "ro"), uri=True) as source,
        aiosqlite.connect(making) as target,
    ):
        await source.backup(target)
    making.rename(copy)


def _adapt_quickly() -> None:
    """Say how these are stored: as themselves. Otherwise sqlite3 tries several ways for each."""
    sqlite3.register_adapter(type(None), {None: None}.__getitem__)
    sqlite3.register_adapter(bytes, bytes)
    sqlite3.register_adapter(bool, int)


async def number(db: aiosqlite.Connection, statement: str) -> int:
    """Return the only value of the only row."""
    return int(next(iter(await db.execute_fetchall(statement)))[0])


def for_writing(file: Path, synchronous: Synchronous) -> sqlite3.Connection:
    """Connect as the one writer of this process."""
    connection = sqlite3.connect(
        address(file, "rw"),
        uri=True,
        isolation_level=None,
        timeout=BUSY_SECONDS,
        check_same_thread=False,
        cached_statements=256,
    )
    _adapt_quickly()
    for statement in (*WRITING, SYNCHRONOUS[synchronous], *PROCEDURES):
        connection.execute(statement)
    return connection
