"""The tables of users and keys: the fifth step of the schema.

A key has several secrets while one of them is on its way out. `key_changes` counts the changes of all
three tables, so that every process sees that there was one.
"""

from __future__ import annotations

V5 = """
CREATE TABLE users(
    ref INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL UNIQUE,
    created_at REAL NOT NULL,
    disabled_at REAL
) STRICT;

CREATE TABLE keys(
    ref INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    hint TEXT NOT NULL,
    created_at REAL NOT NULL,
    user TEXT,
    scopes TEXT NOT NULL,
    models TEXT,
    tools TEXT,
    tool_servers TEXT,
    projects TEXT,
    profile TEXT,
    on_disconnect TEXT,
    limits TEXT,
    expires_at REAL,
    revoked_at REAL,
    last_used_at REAL
) STRICT;
CREATE INDEX keys_by_user ON keys(user);

CREATE TABLE key_secrets(
    digest BLOB PRIMARY KEY,
    key INTEGER NOT NULL REFERENCES keys,
    until REAL
) STRICT, WITHOUT ROWID;
CREATE INDEX key_secrets_by_key ON key_secrets(key);

CREATE TABLE key_changes(
    one INTEGER PRIMARY KEY CHECK (one = 1),
    number INTEGER NOT NULL
) STRICT;
INSERT INTO key_changes(one, number) VALUES(1, 0);

PRAGMA user_version = 5;
"""
