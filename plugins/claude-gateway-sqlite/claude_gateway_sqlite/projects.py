"""Projects."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

from claude_gateway import Conflict, InvalidRequest, Listing, NotFound, Page, Project, Replay
from claude_gateway_sqlite import replays, rows
from claude_gateway_sqlite.desk import Desk
from claude_gateway_sqlite.readers import Readers
from claude_gateway_sqlite.search import like, words_of
from claude_gateway_sqlite.writer import Writer

DEFAULT = "default"
CHANGEABLE = frozenset({"name", "description", "path", "metadata", "is_active"})

ADD = """
INSERT INTO projects(
    owner, id, name, description, path, metadata, is_active, created_at, updated_at
) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING
"""
GET = """
SELECT ref, owner, id, name, description, path, metadata, is_active, created_at, updated_at
FROM projects WHERE owner = ? AND id = ?
"""
LIST = """
SELECT ref, owner, id, name, description, path, metadata, is_active, created_at, updated_at
FROM projects WHERE owner = ? ORDER BY updated_at DESC, ref DESC LIMIT ? OFFSET ?
"""
COUNT = "SELECT count(*) FROM projects WHERE owner = ?"
# One LIKE for each word, as many as there are in a JSON array of patterns.
FIND = r"""
SELECT ref, owner, id, name, description, path, metadata, is_active, created_at, updated_at,
    count(*) OVER ()
FROM projects p WHERE owner = ? AND NOT EXISTS (
    SELECT 1 FROM json_each(?) WHERE NOT (
        p.name LIKE json_each.value ESCAPE '\' OR p.description LIKE json_each.value ESCAPE '\'
    )
) ORDER BY updated_at DESC, ref DESC
"""
CHANGE = """
UPDATE projects SET name = ?, description = ?, path = ?, metadata = ?, is_active = ?, updated_at = ?
WHERE owner = ? AND id = ?
"""
FORGET_MEMBERS = """
DELETE FROM members WHERE project = (SELECT ref FROM projects WHERE owner = ? AND id = ?)
"""
DELETE = "DELETE FROM projects WHERE owner = ? AND id = ?"
MOVE_SESSIONS = "UPDATE sessions SET project_id = ? WHERE owner = ? AND project_id = ?"

NONE = "There is no such project."


class Projects:
    """The part of the store that keeps projects."""

    _writer: Writer
    _readers: Readers

    async def create_project(self, project: Project, replay: Replay | None = None) -> Project:
        return await self._writer.do(create, (project, replay))

    async def ensure_project(self, project: Project) -> Project:
        row = await self._readers.row(GET, (project.owner, project.id))
        return rows.project(row) if row else await self._writer.do(ensured, project)

    async def get_project(self, owner: str, project_id: str) -> Project:
        row = await self._readers.row(GET, (owner, project_id))
        if row is None:
            raise NotFound(NONE)
        return rows.project(row)

    async def list_projects(self, owner: str, page: Page, query: str = "") -> Listing[Project]:
        if patterns := [like(word) for word in words_of(query)]:
            found = await self._readers.rows(FIND, (owner, rows.names(tuple(patterns))))
            window = found[page.offset : page.offset + page.limit]
            return Listing([rows.project(row[:10]) for row in window], len(found))
        listed = await self._readers.rows(LIST, (owner, page.limit, page.offset))
        counted = await self._readers.rows(COUNT, (owner,))
        return Listing([rows.project(row) for row in listed], counted[0][0])

    async def update_project(
        self, owner: str, project_id: str, changes: Mapping[str, object]
    ) -> Project:
        return await self._writer.do(change, Change(owner, project_id, changes))

    async def delete_project(self, owner: str, project_id: str) -> None:
        await self._writer.do(delete, (owner, project_id))


@dataclass(frozen=True, slots=True)
class Change:
    """New values of some fields of what `owner` calls `id`."""

    owner: str
    id: str
    fields: Mapping[str, object]

    def check(self, changeable: frozenset[str]) -> None:
        """Raise InvalidRequest naming a field that cannot be replaced."""
        for name in self.fields:
            if name not in changeable:
                raise InvalidRequest(f"{name} cannot be changed.", param=name)


def create(desk: Desk, wanted: tuple[Project, Replay | None]) -> Project:
    project, replay = wanted
    if (before := replays.made_before(desk, project.owner, replay)) is not None:
        return get(desk, project.owner, before[3])
    if not add(desk, project):
        raise Conflict("There is a project of this id already.", code="exists")
    replays.keep(desk, project.owner, replay)
    return project


def ensured(desk: Desk, project: Project) -> Project:
    return project if add(desk, project) else get(desk, project.owner, project.id)


def add(desk: Desk, project: Project) -> bool:
    """Add it unless there is one of its id; return whether it was added."""
    values = (
        *(project.owner, project.id, project.name, project.description, project.path),
        *(rows.mapping(project.metadata), project.is_active),
        *(project.created_at, project.updated_at),
    )
    return desk.cur.execute(ADD, values).rowcount == 1


def get(desk: Desk, owner: str, project_id: str) -> Project:
    row = desk.cur.execute(GET, (owner, project_id)).fetchone()
    if row is None:
        raise NotFound(NONE)
    return rows.project(row)


def change(desk: Desk, wanted: Change) -> Project:
    wanted.check(CHANGEABLE)
    before = get(desk, wanted.owner, wanted.id)
    project: Project = replace(before, **wanted.fields, updated_at=time.time())  # type: ignore[arg-type]
    values = (project.name, project.description, project.path, rows.mapping(project.metadata))
    desk.cur.execute(
        CHANGE, (*values, project.is_active, project.updated_at, project.owner, project.id)
    )
    return project


def delete(desk: Desk, which: tuple[str, str]) -> None:
    owner, project_id = which
    desk.cur.execute(FORGET_MEMBERS, which)
    if desk.cur.execute(DELETE, which).rowcount == 0:
        raise NotFound(NONE)
    desk.cur.execute(MOVE_SESSIONS, (DEFAULT, owner, project_id))
