"""What is kept of tools, the second to the fourth step of the schema: pins, the audit log, parked runs."""

from __future__ import annotations

V2 = """
CREATE TABLE pins(
    ref INTEGER PRIMARY KEY,
    server TEXT NOT NULL,
    tool TEXT NOT NULL,
    digest TEXT NOT NULL,
    said BLOB NOT NULL,
    pinned_at REAL NOT NULL,
    UNIQUE(server, tool)
) STRICT;

PRAGMA user_version = 2;
"""

V3 = """
CREATE TABLE audit(
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    owner TEXT NOT NULL,
    at REAL NOT NULL,
    server TEXT NOT NULL,
    tool TEXT NOT NULL,
    outcome TEXT NOT NULL,
    duration_ms INTEGER NOT NULL,
    digest TEXT NOT NULL,
    size INTEGER NOT NULL,
    call_id TEXT NOT NULL,
    session_id TEXT,
    run_id TEXT,
    project_id TEXT NOT NULL,
    arguments BLOB
) STRICT;
CREATE INDEX audit_by_owner ON audit(owner, at);
CREATE INDEX audit_by_time ON audit(at);

PRAGMA user_version = 3;
"""

V4 = """
ALTER TABLE runs ADD COLUMN approvals TEXT;
ALTER TABLE session_texts ADD COLUMN approvals TEXT;

CREATE TABLE parked(
    run INTEGER PRIMARY KEY REFERENCES runs,
    state BLOB NOT NULL
) STRICT;

DROP VIEW whole_sessions;
CREATE VIEW whole_sessions AS
SELECT s.ref, s.owner, s.id, s.project_id, s.model, s.title, s.status, s.parent_id, s.created_at,
    s.updated_at, s.total_tokens, s.total_cost, s.unpriced_runs, s.message_count, s.last_number,
    s.context_tokens, s.thinking_after, s.audit_log, t.system_prompt, t.metadata, t.enabled_tools,
    t.enabled_servers, t.system, t.tools, t.approvals
FROM sessions s JOIN session_texts t ON t.session = s.ref;

DROP VIEW whole_runs;
CREATE VIEW whole_runs AS
SELECT r.ref, r.owner, r.id, s.id AS session_id, r.project_id, r.dialect, r.model, r.created_at,
    r.request_id, r.instance, r.stream, r.on_disconnect, r.status, r.ended_at, r.served_model,
    r.stop_reason, r.error_code, r.error_message, r.cost, r.headers, r.retries,
    coalesce(e.usage, r.usage) AS usage, coalesce(e.key & 1073741823, r.last_event) AS last_event,
    r.session, r.approvals
FROM runs r LEFT JOIN sessions s ON s.ref = r.session
LEFT JOIN events e ON e.key = CASE WHEN r.ended_at IS NULL THEN (
    SELECT max(key) FROM events WHERE key > r.ref << 30 AND key < (r.ref + 1) << 30
) END
WHERE r.session IS NULL OR s.owner = r.owner;

PRAGMA user_version = 4;
"""
