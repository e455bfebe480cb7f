"""What users may use, and who shares whose projects: a step of the schema.

`runs.caller` is who asked for a run, and pays for it, where that is not the owner of its session.
"""

from __future__ import annotations

V8 = """
ALTER TABLE users ADD COLUMN limits TEXT;

CREATE TABLE members(
    project INTEGER NOT NULL REFERENCES projects,
    user TEXT NOT NULL,
    role TEXT NOT NULL,
    since REAL NOT NULL,
    PRIMARY KEY(project, user)
) STRICT, WITHOUT ROWID;
CREATE INDEX members_by_user ON members(user);

ALTER TABLE runs ADD COLUMN caller TEXT;

DROP VIEW whole_runs;
CREATE VIEW whole_runs AS
SELECT r.ref, r.owner, r.id, s.id AS session_id, r.project_id, r.dialect, r.model, r.created_at,
    r.request_id, r.instance, r.stream, r.on_disconnect, r.status, r.ended_at, r.served_model,
    r.stop_reason, r.error_code, r.error_message, r.cost, r.headers, r.retries,
    coalesce(e.usage, r.usage) AS usage, coalesce(e.key & 1073741823, r.last_event) AS last_event,
    r.session, r.approvals, r.key_id, r.rounds, r.caller
FROM runs r LEFT JOIN sessions s ON s.ref = r.session
LEFT JOIN events e ON e.key = CASE WHEN r.ended_at IS NULL THEN (
    SELECT max(key) FROM events WHERE key > r.ref << 30 AND key < (r.ref + 1) << 30
) END
WHERE r.session IS NULL OR s.owner = r.owner;

PRAGMA user_version = 8;
"""
