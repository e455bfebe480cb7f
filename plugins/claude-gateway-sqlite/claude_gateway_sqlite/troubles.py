"""What SQLite says when it cannot, as errors of the gateway."""

from __future__ import annotations

import sqlite3

from claude_gateway import (
    GatewayError,
    InternalError,
    InvalidRequest,
    PluginError,
    StorageFull,
    Unavailable,
)

FULL = "There is no room left to store this. Nothing was changed; free some space and try again."
BUSY = "The database is busy with something else. Nothing was changed; try again."
READ_ONLY = "The database cannot be written to. Nothing was changed."
BROKEN = "The database cannot be used: %s. Nothing was changed."
DAMAGED = (
    "The database is damaged (%s). Stop the gateway and bring a backup back with "
    "`claude-gateway restore FILE`."
)
TEXT = "A text holds half a surrogate pair, which no UTF-8 can carry."
NUMBER = "A number is too large to be stored."

_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_READ_ONLY = {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM}
# SQLite could not make its shared memory as large as it must be: the disk has no room for it.
_FULL = {sqlite3.SQLITE_IOERR_SHMSIZE}


def translated(exc: Exception) -> GatewayError:
    """Return the error to raise instead; nothing was changed."""
    if isinstance(exc, GatewayError):
        return exc
    if isinstance(exc, UnicodeEncodeError):
        return InvalidRequest(TEXT)
    if isinstance(exc, OverflowError):
        return InvalidRequest(NUMBER)
    if isinstance(exc, sqlite3.Error):
        return _of_sqlite(exc)
    return InternalError("The store failed; the log of the gateway says how.")


def _of_sqlite(exc: sqlite3.Error) -> GatewayError:
    code = code_of(exc)
    primary = code & 0xFF
    if primary == sqlite3.SQLITE_FULL or code in _FULL:
        return StorageFull(FULL)
    if primary in _DAMAGED:
        return Unavailable(DAMAGED % exc)
    if primary in _BUSY:
        return Unavailable(BUSY, retry_after=1)
    if primary in _READ_ONLY:
        return Unavailable(READ_ONLY)
    return Unavailable(BROKEN % exc)


def code_of(exc: sqlite3.Error) -> int:
    """Return SQLite's extended result code, 0 when the module itself raised."""
    return getattr(exc, "sqlite_errorcode", 0)


def at_the_start(exc: sqlite3.Error, file: object) -> PluginError:
    """Return the error that stops the start, and says what to do."""
    primary = code_of(exc) & 0xFF
    if primary in _DAMAGED:
        return PluginError(
            f"the database {file} is damaged ({exc}). Bring a backup back with `claude-gateway "
            "restore FILE`, or move the file away to begin with an empty one"
        )
    if primary in _BUSY:
        return PluginError(f"the database {file} is in use by another program ({exc})")
    if primary == sqlite3.SQLITE_FULL:
        return PluginError(f"there is no room left for the database {file}; free some space")
    return PluginError(
        f"the database {file} cannot be opened ({exc}). Look whether the file and its folder may "
        "be written by this user, or choose another folder with GATEWAY_DATA_DIR"
    )
