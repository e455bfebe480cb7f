"""The figures of what was used: the sixth step of the schema.

The ledger has a row for each run that is kept. Those that are not kept are added up in `booked`, by
day, owner, key, model and project.
"""

from __future__ import annotations

V6 = """
ALTER TABLE runs ADD COLUMN key_id TEXT;
ALTER TABLE runs ADD COLUMN rounds TEXT;
ALTER TABLE ledger ADD COLUMN key_id TEXT;

CREATE TABLE booked(
    day TEXT NOT NULL,
    owner TEXT NOT NULL,
    key_id TEXT NOT NULL,
    model TEXT NOT NULL,
    project_id TEXT NOT NULL,
    runs INTEGER NOT NULL,
    input_tokens INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL,
    cache_creation_input_tokens INTEGER NOT NULL,
    cache_read_input_tokens INTEGER NOT NULL,
    thinking_tokens INTEGER NOT NULL,
    ephemeral_5m_input_tokens INTEGER NOT NULL,
    ephemeral_1h_input_tokens INTEGER NOT NULL,
    cost INTEGER,
    unpriced INTEGER NOT NULL,
    PRIMARY KEY(owner, day, key_id, model, project_id)
) STRICT, WITHOUT ROWID;

CREATE VIEW whole_usage AS
SELECT day, owner, coalesce(key_id, '') AS key, model, coalesce(project_id, '') AS project,
    coalesce(session_id, '') AS session, 1 AS runs, input_tokens, output_tokens,
    cache_creation_input_tokens, cache_read_input_tokens, thinking_tokens,
    ephemeral_5m_input_tokens, ephemeral_1h_input_tokens, cost, cost IS NULL AS unpriced
FROM ledger
UNION ALL
SELECT day, owner, key_id, model, project_id, '', runs, input_tokens, output_tokens,
    cache_creation_input_tokens, cache_read_input_tokens, thinking_tokens,
    ephemeral_5m_input_tokens, ephemeral_1h_input_tokens, cost, unpriced
FROM booked;

DROP VIEW whole_runs;
CREATE VIEW whole_runs AS
SELECT r.ref, r.owner, r.id, s.id AS session_id, r.project_id, r.dialect, r.model, r.created_at,
    r.request_id, r.instance, r.stream, r.on_disconnect, r.status, r.ended_at, r.served_model,
    r.stop_reason, r.error_code, r.error_message, r.cost, r.headers, r.retries,
    coalesce(e.usage, r.usage) AS usage, coalesce(e.key & 1073741823, r.last_event) AS last_event,
    r.session, r.approvals, r.key_id, r.rounds
FROM runs r LEFT JOIN sessions s ON s.ref = r.session
LEFT JOIN events e ON e.key = CASE WHEN r.ended_at IS NULL THEN (
    SELECT max(key) FROM events WHERE key > r.ref << 30 AND key < (r.ref + 1) << 30
) END
WHERE r.session IS NULL OR s.owner = r.owner;

PRAGMA user_version = 6;
"""
