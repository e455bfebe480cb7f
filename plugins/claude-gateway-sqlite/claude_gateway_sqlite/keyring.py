"""Which keys a database is encrypted with, and whether they are at hand."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path

from claude_gateway import PluginError, Secret, decoded_keys, kept_key
from claude_gateway_sqlite.readers import BUSY_SECONDS, address
from claude_gateway_sqlite.sealing import Sealer

KEY_FILE = "encryption.key"

IS_THERE = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'sealing'"
TABLE = "CREATE TABLE IF NOT EXISTS sealing(key_id TEXT PRIMARY KEY, since REAL NOT NULL) STRICT"
USED = "SELECT key_id FROM sealing"
USE = "INSERT OR IGNORE INTO sealing(key_id, since) VALUES(?, ?)"
USE_ONLY = "DELETE FROM sealing WHERE key_id <> ?"
# What was said before is in the index, word by word, and titles beside it.
FORGET_WORDS = (
    "INSERT INTO search(search) VALUES('delete-all')",
    "DELETE FROM searchable",
    "DELETE FROM not_searchable",
)
LOCKED_OUT = (
    "{file} holds conversations that are encrypted, and GATEWAY_ENCRYPT_CONTENT is not true: set it, as it "
    "was when they were written"
)
NO_KEY_LEFT = (
    "{file} holds conversations that are encrypted with a key that is not here: put it into "
    "GATEWAY_ENCRYPTION_KEY (after the one in use, where there are several), or bring back {key}"
)


def sealer_of(folder: Path, database: Path, secret: Secret) -> Sealer:
    """Return what seals with the operator's key, or one that is kept beside the database.

    Raises PluginError when keys are missing with which something is encrypted already.
    """
    used = keys_used(database)
    file = folder / KEY_FILE
    keys = decoded_keys(secret.reveal())
    kept = kept_key(file, make=not keys and not used)
    sealer = _sealer((*keys, *(() if kept is None or kept in keys else (kept,))))
    if sealer is None or set(used) - set(sealer.ids):
        raise PluginError(NO_KEY_LEFT.format(file=database, key=file))
    return sealer


def keys_used(database: Path) -> list[str]:
    """Return the names of the keys with which something in the database is encrypted."""
    if not database.exists():
        return []
    with closing(_connected(database)) as connection:
        if not connection.execute(IS_THERE).fetchone()[0]:
            return []
        return [row[0] for row in connection.execute(USED)]


def prepare(database: Path, sealer: Sealer | None) -> None:
    """Note the key in the database, which is up to date. Raises PluginError when encryption is off.

    The first time, the index of words is emptied: it would tell what is encrypted.
    """
    used = keys_used(database)
    if sealer is None:
        if used:
            raise PluginError(LOCKED_OUT.format(file=database))
        return
    if sealer.ids[0] in used:
        return
    with closing(_connected(database)) as connection:
        connection.execute("PRAGMA secure_delete = ON")
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(TABLE)
        connection.execute(USE, (sealer.ids[0], time.time()))
        for statement in () if used else FORGET_WORDS:
            connection.execute(statement)
        connection.execute("COMMIT")


def _sealer(keys: tuple[bytes, ...]) -> Sealer | None:
    try:
        return Sealer(keys) if keys else None
    except ImportError:
        raise PluginError(
            "GATEWAY_ENCRYPT_CONTENT needs the package cryptography: "
            "pip install 'claude-gateway-sqlite[encryption]'"
        ) from None


def _connected(database: Path) -> sqlite3.Connection:
    return sqlite3.connect(
        address(database, "rw"), uri=True, isolation_level=None, timeout=BUSY_SECONDS
    )
