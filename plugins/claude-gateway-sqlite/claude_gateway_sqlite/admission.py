"""What a visitor may do: asked in the transaction of a change, and after what was read.

Whoever reads is asked last, of what is so by then. What was read was there before, so nobody is shown
anything that came after they were let in no more, and readers need no transaction of their own.
"""

from __future__ import annotations

from dataclasses import replace

from claude_gateway import NotFound, Role, Visitor, check_role
from claude_gateway_sqlite.desk import NO_SESSION, Desk
from claude_gateway_sqlite.projects import NONE as NO_PROJECT
from claude_gateway_sqlite.rows import Row
from claude_gateway_sqlite.turns import NO_RUN

OF_PROJECT = """
SELECT m.role FROM projects p JOIN members m ON m.project = p.ref
WHERE p.owner = ?1 AND p.id = ?2 AND m.user = ?3
"""
OF_SESSION = """
SELECT s.project_id, m.role FROM sessions s
LEFT JOIN projects p ON p.owner = s.owner AND p.id = s.project_id
LEFT JOIN members m ON m.project = p.ref AND m.user = ?3
WHERE s.owner = ?1 AND s.id = ?2
"""
OF_RUN = """
SELECT r.owner, r.key_id, s.project_id, m.role
FROM runs r LEFT JOIN sessions s ON s.ref = r.session
LEFT JOIN projects p ON p.owner = s.owner AND p.id = s.project_id
LEFT JOIN members m ON m.project = p.ref AND m.user = ?2
WHERE r.id = ?1 AND (r.session IS NULL OR s.owner = r.owner)
"""


def check_project(desk: Desk, who: Visitor, project_id: str, need: Role) -> None:
    """Let pass who has the role in a project. Raises NotFound and Forbidden."""
    row = desk.cur.execute(OF_PROJECT, (who.owner, project_id, who.id)).fetchone()
    judge_project(who, project_id, row, need)


def check_session(desk: Desk, who: Visitor, session_id: str, need: Role) -> str:
    """Let pass who has the role in the project of a session, and return which that is."""
    row = desk.cur.execute(OF_SESSION, (who.owner, session_id, who.id)).fetchone()
    return judge_session(who, row, need)


def judge_project(who: Visitor, project_id: str, row: Row | None, need: Role) -> None:
    """Row of OF_PROJECT."""
    check_role(who, project_id, None if row is None else row[0], need, NO_PROJECT)


def judge_session(who: Visitor, row: Row | None, need: Role) -> str:
    """Row of OF_SESSION."""
    if row is None:
        raise NotFound(NO_SESSION)
    check_role(who, row[0], row[1], need, NO_SESSION)
    return str(row[0])


def judge_run(who: Visitor, row: Row | None, need: Role) -> str:
    """Row of OF_RUN. Returns the run's owner; what is in no project, the key that made it may see."""
    if row is None:
        raise NotFound(NO_RUN)
    owner, key, project_id, role = row
    if project_id is not None:
        check_role(replace(who, owner=owner), project_id, role, need, NO_RUN)
    elif owner != who.id or (who.projects is not None and key != who.key_id):
        raise NotFound(NO_RUN)
    return str(owner)
