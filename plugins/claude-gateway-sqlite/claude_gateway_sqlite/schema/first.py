"""The first step of the schema: projects, sessions, runs and their events."""

from __future__ import annotations

V1 = """
CREATE TABLE projects(
    ref INTEGER PRIMARY KEY,
    owner TEXT NOT NULL,
    id TEXT NOT NULL,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    path TEXT NOT NULL,
    metadata TEXT,
    is_active INTEGER NOT NULL,
    created_at REAL NOT NULL,
    updated_at REAL NOT NULL,
    UNIQUE(owner, id)
) STRICT;
CREATE INDEX projects_by_change ON projects(owner, updated_at);

CREATE TABLE sessions(
    ref INTEGER PRIMARY KEY AUTOINCREMENT,
    owner TEXT,
    id TEXT NOT NULL,
    project_id TEXT NOT NULL,
    model TEXT NOT NULL,
    title TEXT NOT NULL,
    status TEXT NOT NULL,
    parent_id TEXT,
    created_at REAL NOT NULL,
    updated_at REAL NOT NULL,
    total_tokens INTEGER NOT NULL DEFAULT 0,
    total_cost INTEGER,
    unpriced_runs INTEGER NOT NULL DEFAULT 0,
    message_count INTEGER NOT NULL DEFAULT 0,
    last_number INTEGER NOT NULL DEFAULT 0,
    context_tokens INTEGER NOT NULL DEFAULT 0,
    thinking_after INTEGER NOT NULL DEFAULT 0,
    audit_log INTEGER NOT NULL DEFAULT 0,
    UNIQUE(owner, id)
) STRICT;
CREATE INDEX sessions_by_change ON sessions(owner, updated_at);
CREATE INDEX sessions_by_project ON sessions(owner, project_id);
CREATE INDEX sessions_active ON sessions(owner) WHERE status = 'active';

CREATE TABLE session_texts(
    session INTEGER PRIMARY KEY REFERENCES sessions,
    system_prompt TEXT,
    metadata TEXT,
    system BLOB,
    tools BLOB,
    enabled_tools TEXT,
    enabled_servers TEXT
) STRICT;

CREATE TABLE messages(
    ref INTEGER PRIMARY KEY,
    session INTEGER NOT NULL REFERENCES sessions,
    number INTEGER NOT NULL,
    id TEXT NOT NULL,
    role TEXT NOT NULL,
    content BLOB NOT NULL,
    text TEXT NOT NULL,
    created_at REAL NOT NULL,
    token_count INTEGER NOT NULL,
    metadata TEXT,
    run_id TEXT,
    superseded INTEGER NOT NULL DEFAULT 0,
    UNIQUE(session, number)
) STRICT;

CREATE TABLE tool_executions(
    ref INTEGER PRIMARY KEY,
    session INTEGER NOT NULL REFERENCES sessions,
    id TEXT NOT NULL,
    tool_name TEXT NOT NULL,
    created_at REAL NOT NULL,
    run_id TEXT,
    tool_type TEXT NOT NULL,
    server TEXT NOT NULL,
    input_params BLOB NOT NULL,
    output BLOB,
    status TEXT NOT NULL,
    error_message TEXT,
    execution_time_ms INTEGER,
    completed_at REAL,
    UNIQUE(session, id)
) STRICT;

CREATE TABLE runs(
    ref INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    owner TEXT NOT NULL,
    session INTEGER REFERENCES sessions,
    project_id TEXT,
    dialect TEXT NOT NULL,
    model TEXT NOT NULL,
    created_at REAL NOT NULL,
    request_id TEXT NOT NULL,
    instance TEXT NOT NULL,
    stream INTEGER NOT NULL,
    on_disconnect TEXT NOT NULL,
    status TEXT NOT NULL,
    ended_at REAL,
    served_model TEXT,
    stop_reason TEXT,
    error_code TEXT,
    error_message TEXT,
    usage TEXT,
    cost INTEGER,
    last_event INTEGER NOT NULL DEFAULT 0,
    headers TEXT,
    retries INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX runs_by_owner ON runs(owner, created_at);
CREATE INDEX runs_by_session ON runs(session, created_at) WHERE session IS NOT NULL;
CREATE INDEX runs_going_on ON runs(instance) WHERE ended_at IS NULL;

CREATE TABLE replies(
    run INTEGER PRIMARY KEY REFERENCES runs,
    reply BLOB NOT NULL
) STRICT;

CREATE TABLE events(
    key INTEGER PRIMARY KEY,
    first INTEGER NOT NULL,
    frames BLOB NOT NULL,
    usage TEXT
) STRICT;

CREATE TABLE replays(
    owner TEXT NOT NULL,
    key TEXT NOT NULL,
    digest TEXT NOT NULL,
    kind TEXT NOT NULL,
    made TEXT NOT NULL,
    created_at REAL NOT NULL,
    session INTEGER,
    first_number INTEGER,
    messages INTEGER,
    PRIMARY KEY(owner, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX replays_by_time ON replays(created_at);

CREATE TABLE ledger(
    run INTEGER PRIMARY KEY,
    owner TEXT NOT NULL,
    day TEXT NOT NULL,
    model TEXT NOT NULL,
    served_model TEXT,
    project_id TEXT,
    session_id TEXT,
    status TEXT NOT NULL,
    input_tokens INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL,
    cache_creation_input_tokens INTEGER NOT NULL,
    cache_read_input_tokens INTEGER NOT NULL,
    thinking_tokens INTEGER NOT NULL,
    ephemeral_5m_input_tokens INTEGER NOT NULL,
    ephemeral_1h_input_tokens INTEGER NOT NULL,
    cost INTEGER,
    retries INTEGER NOT NULL
) STRICT;
CREATE INDEX ledger_by_day ON ledger(owner, day);

CREATE VIRTUAL TABLE search USING fts5(
    words, content='', columnsize=0, tokenize='unicode61 remove_diacritics 2'
);
CREATE TABLE searchable(
    session INTEGER PRIMARY KEY,
    title TEXT NOT NULL,
    number INTEGER NOT NULL
) STRICT;
CREATE TABLE not_searchable(
    session INTEGER PRIMARY KEY
) STRICT;

CREATE TABLE pulse(
    one INTEGER PRIMARY KEY CHECK (one = 1),
    beat REAL NOT NULL
) STRICT;

CREATE VIEW whole_sessions AS
SELECT s.ref, s.owner, s.id, s.project_id, s.model, s.title, s.status, s.parent_id, s.created_at,
    s.updated_at, s.total_tokens, s.total_cost, s.unpriced_runs, s.message_count, s.last_number,
    s.context_tokens, s.thinking_after, s.audit_log, t.system_prompt, t.metadata, t.enabled_tools,
    t.enabled_servers, t.system, t.tools
FROM sessions s JOIN session_texts t ON t.session = s.ref;

CREATE VIEW whole_runs AS
SELECT r.ref, r.owner, r.id, s.id AS session_id, r.project_id, r.dialect, r.model, r.created_at,
    r.request_id, r.instance, r.stream, r.on_disconnect, r.status, r.ended_at, r.served_model,
    r.stop_reason, r.error_code, r.error_message, r.cost, r.headers, r.retries,
    coalesce(e.usage, r.usage) AS usage, coalesce(e.key & 1073741823, r.last_event) AS last_event,
    r.session
FROM runs r LEFT JOIN sessions s ON s.ref = r.session
LEFT JOIN events e ON e.key = CASE WHEN r.ended_at IS NULL THEN (
    SELECT max(key) FROM events WHERE key > r.ref << 30 AND key < (r.ref + 1) << 30
) END
WHERE r.session IS NULL OR s.owner = r.owner;

PRAGMA application_id = 1128757041;
PRAGMA user_version = 1;
"""
