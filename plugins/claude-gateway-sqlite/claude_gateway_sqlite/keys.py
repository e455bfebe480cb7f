"""Keys that the gateway issues: who they are, and the digests of their secrets."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, replace

from claude_gateway import Conflict, FoundKey, Key, KeySecret, Listing, NotFound, Page
from claude_gateway_sqlite import budgets
from claude_gateway_sqlite.desk import Desk
from claude_gateway_sqlite.limits import limited, limits
from claude_gateway_sqlite.readers import Readers
from claude_gateway_sqlite.rows import Row
from claude_gateway_sqlite.users import COUNT_UP, check
from claude_gateway_sqlite.writer import Writer

FIXED = frozenset({"id", "hint", "user", "created_at"})
CHANGEABLE = frozenset(field.name for field in fields(Key)) - FIXED

ADD = """
INSERT INTO keys(
    id, name, hint, created_at, user, scopes, models, tools, tool_servers, projects, profile,
    on_disconnect, limits, expires_at, revoked_at, last_used_at
) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING
"""
ADD_DIGEST = """
INSERT INTO key_secrets(digest, key) SELECT ?, ref FROM keys WHERE id = ?
ON CONFLICT DO NOTHING
"""
FIND = """
SELECT k.id, k.name, k.hint, k.created_at, k.user, k.scopes, k.models, k.tools, k.tool_servers,
    k.projects, k.profile, k.on_disconnect, k.limits, k.expires_at, k.revoked_at, k.last_used_at,
    s.digest, s.until, u.disabled_at IS NOT NULL, u.limits
FROM key_secrets s JOIN keys k ON k.ref = s.key LEFT JOIN users u ON u.id = k.user
WHERE s.digest = ?
"""
GET = """
SELECT id, name, hint, created_at, user, scopes, models, tools, tool_servers, projects, profile,
    on_disconnect, limits, expires_at, revoked_at, last_used_at
FROM keys WHERE id = ?
"""
LIST = """
SELECT id, name, hint, created_at, user, scopes, models, tools, tool_servers, projects, profile,
    on_disconnect, limits, expires_at, revoked_at, last_used_at
FROM keys ORDER BY ref DESC LIMIT ? OFFSET ?
"""
COUNT = "SELECT count(*) FROM keys"
LIST_OF_USER = """
SELECT id, name, hint, created_at, user, scopes, models, tools, tool_servers, projects, profile,
    on_disconnect, limits, expires_at, revoked_at, last_used_at
FROM keys WHERE user = ?3 ORDER BY ref DESC LIMIT ?1 OFFSET ?2
"""
COUNT_OF_USER = "SELECT count(*) FROM keys WHERE user = ?"
CHANGE = """
UPDATE keys SET name = ?, scopes = ?, models = ?, tools = ?, tool_servers = ?, projects = ?,
    profile = ?, on_disconnect = ?, limits = ?, expires_at = ?, revoked_at = ?, last_used_at = ?
WHERE id = ?
"""
REPLACED = """
UPDATE key_secrets SET until = min(coalesce(until, ?1), ?1)
WHERE key = (SELECT ref FROM keys WHERE id = ?2)
"""
BEGINS = "UPDATE keys SET hint = ? WHERE id = ?"
USED = "UPDATE keys SET last_used_at = max(coalesce(last_used_at, 0), ?) WHERE id = ?"
REVISION = "SELECT number FROM key_changes WHERE one = 1"

NONE = "There is no such key."


class Keys:
    """The part of the store that keeps keys."""

    _writer: Writer
    _readers: Readers

    async def keys_revision(self) -> int:
        return int((await self._readers.rows(REVISION))[0][0])

    async def find_key(self, digest: bytes) -> FoundKey | None:
        row = await self._readers.row(FIND, (digest,))
        if row is None:
            return None
        of_user = limited(row[19])
        return FoundKey(key(row[:16]), row[16], row[17], bool(row[18]), of_user)

    async def add_key(self, key: Key, secret: KeySecret) -> Key:
        return await self._writer.do(add, (key, secret))

    async def get_key(self, key_id: str) -> Key:
        row = await self._readers.row(GET, (key_id,))
        if row is None:
            raise NotFound(NONE)
        return key(row)

    async def list_keys(self, page: Page, user: str = "") -> Listing[Key]:
        of = (user,) if user else ()
        listing, counting = (LIST_OF_USER, COUNT_OF_USER) if user else (LIST, COUNT)
        listed = await self._readers.rows(listing, (page.limit, page.offset, *of))
        counted = await self._readers.rows(counting, of)
        return Listing([key(row) for row in listed], counted[0][0])

    async def update_key(self, key_id: str, changes: Mapping[str, object]) -> Key:
        return await self._writer.do(change, (key_id, changes))

    async def rotate_key(self, key_id: str, secret: KeySecret, until: float) -> Key:
        return await self._writer.do(rotate, (key_id, secret, until))

    async def note_use(self, used: Mapping[str, float]) -> None:
        await self._writer.do(note, used)


def add(desk: Desk, wanted: tuple[Key, KeySecret]) -> Key:
    new, secret = wanted
    new = replace(new, hint=secret.hint)
    values = (new.id, new.name, new.hint, new.created_at, new.user, *changeable(new)[1:])
    if desk.cur.execute(ADD, values).rowcount == 0:
        raise Conflict("There is a key of this id already.", code="exists")
    keep(desk, new.id, secret)
    budgets.follow(desk, new)
    return new


def keep(desk: Desk, key_id: str, secret: KeySecret) -> None:
    """Keep a secret of a key. Raises Conflict when it is another one's."""
    if desk.cur.execute(ADD_DIGEST, (secret.digest, key_id)).rowcount == 0:
        raise Conflict("There is this secret already.", code="exists")
    desk.cur.execute(COUNT_UP)


def get(desk: Desk, key_id: str) -> Key:
    row = desk.cur.execute(GET, (key_id,)).fetchone()
    if row is None:
        raise NotFound(NONE)
    return key(row)


def change(desk: Desk, wanted: tuple[str, Mapping[str, object]]) -> Key:
    key_id, changes = wanted
    check(changes, CHANGEABLE)
    before = get(desk, key_id)
    changed: Key = replace(before, **changes)  # type: ignore[arg-type]
    desk.cur.execute(CHANGE, (*changeable(changed), changed.id))
    budgets.follow(desk, changed, before)
    desk.cur.execute(COUNT_UP)
    return changed


def rotate(desk: Desk, wanted: tuple[str, KeySecret, float]) -> Key:
    key_id, secret, until = wanted
    before = get(desk, key_id)
    desk.cur.execute(REPLACED, (until, key_id))
    keep(desk, key_id, secret)
    desk.cur.execute(BEGINS, (secret.hint, key_id))
    return replace(before, hint=secret.hint)


def note(desk: Desk, used: Mapping[str, float]) -> None:
    desk.cur.executemany(USED, [(at, key_id) for key_id, at in used.items()])


def changeable(of: Key) -> Row:
    """The columns that can change, in their order."""
    sets = (of.scopes, of.models, of.tools, of.tool_servers, of.projects)
    times = (of.expires_at, of.revoked_at, of.last_used_at)
    return (
        of.name,
        *map(names, sets),
        of.profile,
        of.on_disconnect,
        limits(of.limits),
        *times,
    )


def key(row: Row) -> Key:
    """Row with the columns in the order of the fields."""
    told = list(row)
    told[5:10] = map(named, row[5:10])
    told[12] = limited(row[12])
    return Key(*told)


def names(value: frozenset[str] | None) -> str | None:
    return None if value is None else json.dumps(sorted(value))


def named(text: str | None) -> frozenset[str] | None:
    return None if text is None else frozenset(json.loads(text))
