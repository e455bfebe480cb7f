"""Who shares whose projects."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from claude_gateway import Conflict, InvalidRequest, Member, NotFound, Role, Visitor, Who, whose
from claude_gateway_sqlite.admission import check_project
from claude_gateway_sqlite.desk import Desk
from claude_gateway_sqlite.projects import DEFAULT, get
from claude_gateway_sqlite.readers import Readers
from claude_gateway_sqlite.writer import Writer

KEEP = """
INSERT INTO members(project, user, role, since)
SELECT ref, ?3, ?4, ?5 FROM projects WHERE owner = ?1 AND id = ?2
ON CONFLICT(project, user) DO UPDATE SET role = excluded.role
RETURNING user, role, since
"""
REMOVE = """
DELETE FROM members
WHERE project = (SELECT ref FROM projects WHERE owner = ? AND id = ?) AND user = ?
"""
LIST = """
SELECT m.user, m.role, m.since FROM projects p JOIN members m ON m.project = p.ref
WHERE p.owner = ? AND p.id = ? ORDER BY m.user
"""

NO_MEMBER = "There is no such member."


@dataclass(frozen=True, slots=True)
class Change:
    """Whose membership changes, and who changes it; without a role it ends."""

    who: Who
    project_id: str
    user: str
    role: Role | None = None


class Members:
    """The part of the store that keeps members."""

    _writer: Writer
    _readers: Readers

    async def set_member(self, owner: Who, project_id: str, user: str, role: Role) -> Member:
        return await self._writer.do(keep, Change(owner, project_id, user, role))

    async def remove_member(self, owner: Who, project_id: str, user: str) -> None:
        await self._writer.do(remove, Change(owner, project_id, user))

    async def list_members(self, owner: Who, project_id: str) -> Sequence[Member]:
        return await self._writer.do(listed, (owner, project_id))


def keep(desk: Desk, wanted: Change) -> Member:
    owner = whose(wanted.who)
    if isinstance(wanted.who, Visitor):
        check_project(desk, wanted.who, wanted.project_id, "owner")
    if wanted.project_id == DEFAULT:
        raise Conflict(
            "The default project cannot be shared: whatever names no project is in it.",
            code="default_project",
        )
    if wanted.user == owner:
        raise InvalidRequest(
            "The project is this user's: nothing can be changed about that.", param="user"
        )
    get(desk, owner, wanted.project_id)
    values = (owner, wanted.project_id, wanted.user, wanted.role, time.time())
    return Member(*desk.cur.execute(KEEP, values).fetchall()[0])


def remove(desk: Desk, wanted: Change) -> None:
    who = wanted.who
    if isinstance(who, Visitor):
        leaves = who.is_guest and wanted.user == who.id
        check_project(desk, who, wanted.project_id, "viewer" if leaves else "owner")
    get(desk, whose(who), wanted.project_id)
    if desk.cur.execute(REMOVE, (whose(who), wanted.project_id, wanted.user)).rowcount == 0:
        raise NotFound(NO_MEMBER)


def listed(desk: Desk, wanted: tuple[Who, str]) -> Sequence[Member]:
    """Read beside nobody who writes: few are asked for, and seldom."""
    who, project_id = wanted
    if isinstance(who, Visitor):
        check_project(desk, who, project_id, "viewer")
    get(desk, whose(who), project_id)
    return [Member(*row) for row in desk.cur.execute(LIST, (whose(who), project_id)).fetchall()]
