"""Issue, rotate and revoke keys; make users. The same for the command line and over HTTP."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from typing import TypeVar

from claude_gateway.access.issuing import kept, new_secret
from claude_gateway.errors import Conflict, InvalidRequest, NotFound
from claude_gateway.ids import Ids
from claude_gateway.key_stores import KeepsKeys
from claude_gateway.types.keys import OWNER_USER, Key, User
from claude_gateway.types.principals import UNLIMITED, Limits
from claude_gateway.types.resources import Listing, Page
from claude_gateway.types.secrets import Secret

T = TypeVar("T")

WINDOW = 500


class Keyring:
    """Keys and users in a store."""

    def __init__(self, store: KeepsKeys, ids: Ids | None = None) -> None:
        self.store = store
        self._ids = ids or Ids()

    async def issue(self, wanted: Key) -> tuple[Key, Secret]:
        """Make a key of these fields, with an id and a secret of its own.

        `user` is the id or the name of a user. The secret is nowhere else, and cannot be had again.
        """
        user = None if wanted.user is None else (await self.user(wanted.user)).id
        secret, now = new_secret(), time.time()
        key = replace(wanted, id=self._ids.key(), user=user, created_at=now)
        return await self.store.add_key(key, kept(secret)), secret

    async def rotate(self, key_id: str, grace: float) -> tuple[Key, Secret]:
        """Give a key another secret; the old one is good for so many seconds more."""
        key = await self.store.get_key(key_id)
        if key.revoked_at is not None:
            raise Conflict("A key that was revoked cannot be rotated.", code="key_revoked")
        secret = new_secret()
        return await self.store.rotate_key(key_id, kept(secret), time.time() + grace), secret

    async def revoke(self, key_id: str) -> Key:
        """Let a key open nothing any more. Once is enough."""
        key = await self.store.get_key(key_id)
        if key.revoked_at is not None:
            return key
        return await self.store.update_key(key_id, {"revoked_at": time.time()})

    async def add_user(self, name: str, limits: Limits = UNLIMITED) -> User:
        """Make a user. Raises Conflict for a name that is taken."""
        if name in (OWNER_USER.id, OWNER_USER.name):
            raise Conflict(f"The user {name} is there already.", code="exists", param="name")
        return await self.store.add_user(User(self._ids.user(), name, time.time(), limits=limits))

    async def disable(self, name: str, *, disabled: bool = True) -> User:
        """Refuse all keys of a user, or take them again."""
        user = await self.user(name)
        if user is OWNER_USER and disabled:
            raise Conflict(
                "The owner of this gateway cannot be disabled; revoke keys instead.",
                code="owner_user",
                param="user",
            )
        if (user.disabled_at is not None) == disabled:
            return user
        at = time.time() if disabled else None
        return await self.store.update_user(user.id, {"disabled_at": at})

    async def limit(self, name: str, limits: Limits) -> User:
        """Say how much a user may use, with all keys."""
        user = await self.user(name)
        if user is OWNER_USER:
            raise InvalidRequest(
                "The owner of this gateway has no limits of their own; limit their keys instead.",
                param="user",
            )
        return await self.store.update_user(user.id, {"limits": limits})

    async def user(self, name: str) -> User:
        """Return a user by id or by name. Raises NotFound."""
        if name in (OWNER_USER.id, OWNER_USER.name):
            return OWNER_USER
        for user in await everything(self.store.list_users):
            if name in (user.id, user.name):
                return user
        raise NotFound(f"There is no user {name[:100]!r}.", code="user_not_found", param="user")

    async def member(self, name: str) -> str:
        """Return the id of a user, by id or name, or of a key that is an owner of its own. Raises NotFound."""
        with suppress(NotFound):
            key = await self.store.get_key(name)
            if key.user is None:
                return key.id
        return (await self.user(name)).id

    async def key(self, name: str) -> Key:
        """Return a key by id, by its name where only one has that, or by how it begins."""
        keys = await everything(self.store.list_keys)
        found = [key for key in keys if name == key.id]
        found = found or [key for key in keys if name == key.name and key.revoked_at is None]
        found = found or [key for key in keys if name in (key.name, key.hint)]
        if len(found) > 1:
            ids = ", ".join(key.id for key in found[:5])
            raise Conflict(f"Several keys are called {name[:100]!r}; say which by its id: {ids}.")
        if not found:
            raise NotFound(f"There is no key {name[:100]!r}.")
        return found[0]


async def everything(read: Callable[[Page], Awaitable[Listing[T]]]) -> list[T]:
    """Read a whole list, window by window."""
    found: list[T] = []
    while True:
        listing = await read(Page(WINDOW, len(found)))
        found += listing.items
        if len(listing.items) < WINDOW:
            return found
