"""Statements for keys that reach some projects only, and for what others share."""

from __future__ import annotations

from claude_gateway import Visitor
from claude_gateway_sqlite import rows

# The names of projects come as a JSON array; NULL is every one.
PROJECTS = r"""
SELECT p.ref, p.owner, p.id, p.name, p.description, p.path, p.metadata, p.is_active, p.created_at,
    p.updated_at, m.role
FROM projects p LEFT JOIN members m ON m.project = p.ref AND m.user = ?1
WHERE (p.owner = ?1 OR p.ref IN (SELECT project FROM members WHERE user = ?1)) AND (
    ?2 IS NULL OR CASE WHEN p.owner = ?1 THEN p.id ELSE '~' || p.owner || '~' || p.id END
        IN (SELECT value FROM json_each(?2))
) AND NOT EXISTS (
    SELECT 1 FROM json_each(?3) WHERE NOT (
        p.name LIKE json_each.value ESCAPE '\' OR p.description LIKE json_each.value ESCAPE '\'
    )
) ORDER BY p.updated_at DESC, p.ref DESC LIMIT ?4 OFFSET ?5
"""
COUNT_PROJECTS = r"""
SELECT count(*) FROM projects p
WHERE (p.owner = ?1 OR p.ref IN (SELECT project FROM members WHERE user = ?1)) AND (
    ?2 IS NULL OR CASE WHEN p.owner = ?1 THEN p.id ELSE '~' || p.owner || '~' || p.id END
        IN (SELECT value FROM json_each(?2))
) AND NOT EXISTS (
    SELECT 1 FROM json_each(?3) WHERE NOT (
        p.name LIKE json_each.value ESCAPE '\' OR p.description LIKE json_each.value ESCAPE '\'
    )
)
"""
# Of those that were found, where words were looked for: a JSON array of their refs.
SESSIONS = """
SELECT s.ref, s.owner, s.id, s.project_id, s.model, s.title, s.status, s.parent_id, s.created_at,
    s.updated_at, s.total_tokens, s.total_cost, s.unpriced_runs, s.message_count, s.last_number,
    s.context_tokens, s.thinking_after, s.audit_log, t.system_prompt, t.metadata, t.enabled_tools,
    t.enabled_servers, NULL, NULL, t.approvals
FROM sessions s JOIN session_texts t ON t.session = s.ref
WHERE s.owner = ?1 AND (?2 IS NULL OR s.status = ?2)
    AND (?3 IS NULL OR s.project_id IN (SELECT value FROM json_each(?3)))
    AND (?4 IS NULL OR s.ref IN (SELECT value FROM json_each(?4)))
ORDER BY s.updated_at DESC, s.ref DESC LIMIT ?5 OFFSET ?6
"""
COUNT_SESSIONS = """
SELECT count(*) FROM sessions s
WHERE s.owner = ?1 AND (?2 IS NULL OR s.status = ?2)
    AND (?3 IS NULL OR s.project_id IN (SELECT value FROM json_each(?3)))
    AND (?4 IS NULL OR s.ref IN (SELECT value FROM json_each(?4)))
"""
# A run is where its session is now.
RUNS = """
SELECT w.* FROM whole_runs w
WHERE w.owner = ?1 AND (?2 = '' OR w.status = ?2) AND (?3 IS NULL OR CASE
    WHEN w.session IS NULL THEN w.key_id = ?4
    ELSE (SELECT s.project_id FROM sessions s WHERE s.ref = w.session)
        IN (SELECT value FROM json_each(?3))
END)
ORDER BY w.created_at DESC, w.ref DESC LIMIT ?5 OFFSET ?6
"""
COUNT_RUNS = """
SELECT count(*) FROM runs r LEFT JOIN sessions s ON s.ref = r.session
WHERE r.owner = ?1 AND (?2 = '' OR r.status = ?2) AND (r.session IS NULL OR s.owner = r.owner)
    AND (?3 IS NULL OR CASE
        WHEN r.session IS NULL THEN r.key_id = ?4
        ELSE s.project_id IN (SELECT value FROM json_each(?3))
    END)
"""
FIGURES = """
SELECT coalesce(sum(status = 'active'), 0), coalesce(sum(message_count), 0)
FROM sessions WHERE owner = ?1 AND project_id IN (SELECT value FROM json_each(?2))
"""
BOOKED = """
SELECT day, model, count(*), sum(
        input_tokens + output_tokens + cache_creation_input_tokens + cache_read_input_tokens
    ), sum(cost), sum(cost IS NULL)
FROM ledger WHERE owner = ?1 AND (
    project_id IN (SELECT value FROM json_each(?2)) OR (project_id IS NULL AND key_id = ?3)
) GROUP BY day, model
"""


def names(who: Visitor) -> str | None:
    """JSON of all the projects that the key reaches, NULL for every one."""
    return None if who.projects is None else rows.names(tuple(sorted(who.projects)))
