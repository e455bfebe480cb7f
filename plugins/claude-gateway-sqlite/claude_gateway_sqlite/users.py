"""Users."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from claude_gateway import Conflict, InvalidRequest, Listing, NotFound, Page, User
from claude_gateway_sqlite.desk import Desk
from claude_gateway_sqlite.limits import limited, limits
from claude_gateway_sqlite.readers import Readers
from claude_gateway_sqlite.rows import Row
from claude_gateway_sqlite.writer import Writer

CHANGEABLE = frozenset({"name", "disabled_at", "limits"})

ADD = """
INSERT INTO users(id, name, created_at, disabled_at, limits) VALUES(?, ?, ?, ?, ?)
ON CONFLICT DO NOTHING
"""
GET = "SELECT id, name, created_at, disabled_at, limits FROM users WHERE id = ?"
NAMED = "SELECT count(*) FROM users WHERE name = ?1 AND id <> ?2"
LIST = """
SELECT id, name, created_at, disabled_at, limits FROM users ORDER BY ref DESC LIMIT ? OFFSET ?
"""
COUNT = "SELECT count(*) FROM users"
CHANGE = "UPDATE users SET name = ?, disabled_at = ?, limits = ? WHERE id = ?"
# Each change has another number, so that all processes see that there was one.
COUNT_UP = "UPDATE key_changes SET number = number + 1 WHERE one = 1"

NONE, TAKEN = "There is no such user.", "There is a user of this name already."


class Users:
    """The part of the store that keeps users."""

    _writer: Writer
    _readers: Readers

    async def add_user(self, user: User) -> User:
        return await self._writer.do(add, user)

    async def get_user(self, user_id: str) -> User:
        row = await self._readers.row(GET, (user_id,))
        if row is None:
            raise NotFound(NONE)
        return read(row)

    async def list_users(self, page: Page) -> Listing[User]:
        listed = await self._readers.rows(LIST, (page.limit, page.offset))
        counted = await self._readers.rows(COUNT)
        return Listing([read(row) for row in listed], counted[0][0])

    async def update_user(self, user_id: str, changes: Mapping[str, object]) -> User:
        return await self._writer.do(change, (user_id, changes))


def add(desk: Desk, user: User) -> User:
    values = (user.id, user.name, user.created_at, user.disabled_at, limits(user.limits))
    if desk.cur.execute(ADD, values).rowcount == 0:
        raise Conflict(TAKEN, code="exists", param="name")
    desk.cur.execute(COUNT_UP)
    return user


def change(desk: Desk, wanted: tuple[str, Mapping[str, object]]) -> User:
    user_id, changes = wanted
    check(changes, CHANGEABLE)
    row = desk.cur.execute(GET, (user_id,)).fetchone()
    if row is None:
        raise NotFound(NONE)
    user: User = replace(read(row), **changes)  # type: ignore[arg-type]
    if desk.cur.execute(NAMED, (user.name, user.id)).fetchone()[0]:
        raise Conflict(TAKEN, code="exists", param="name")
    desk.cur.execute(CHANGE, (user.name, user.disabled_at, limits(user.limits), user.id))
    desk.cur.execute(COUNT_UP)
    return user


def read(row: Row) -> User:
    """Row with the columns in the order of the fields."""
    id_, name, created, disabled, limits = row
    return User(id_, name, created, disabled, limited(limits))


def check(changes: Mapping[str, object], changeable: frozenset[str]) -> None:
    """Raise InvalidRequest naming a field that cannot be replaced."""
    for name in changes:
        if name not in changeable:
            raise InvalidRequest(f"{name} cannot be changed.", param=name)
