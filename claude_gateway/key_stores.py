"""What a store can do besides: keep users, and the keys that the gateway issues.

A store never sees a key: only the SHA-256 of its secret, which is 256 random bits, and how it begins.
The user `owner` is always there, is in no store, and can have keys.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from claude_gateway.types.keys import FoundKey, Key, KeySecret, User
from claude_gateway.types.resources import Listing, Page


@runtime_checkable
class KeepsKeys(Protocol):
    """Users and keys. The gateway looks for this ability once, when the store is opened.

    Nothing is ever forgotten: what was revoked or disabled stays to be looked at.
    """

    async def keys_revision(self) -> int:
        """Return a number that is another one after each change, whichever process made it.

        The notes of `note_use` are no change. It is asked for twice a second while keys are used.
        """
        ...

    async def find_key(self, digest: bytes) -> FoundKey | None:
        """Return whose secret this is, also of a key that was revoked or is over."""
        ...

    async def add_key(self, key: Key, secret: KeySecret) -> Key:
        """Keep a new key. Raises Conflict (`exists`) when there is its id or its secret already."""
        ...

    async def get_key(self, key_id: str) -> Key:
        """Raises NotFound."""
        ...

    async def list_keys(self, page: Page, user: str = "") -> Listing[Key]:
        """Return a window of all, or of a user's, the newest first."""
        ...

    async def update_key(self, key_id: str, changes: Mapping[str, object]) -> Key:
        """Replace these fields, any but `id`, `hint`, `user` and `created_at`. Raises NotFound."""
        ...

    async def rotate_key(self, key_id: str, secret: KeySecret, until: float) -> Key:
        """Give a key another secret; those that it had are good until then. Raises NotFound."""
        ...

    async def note_use(self, used: Mapping[str, float]) -> None:
        """Remember when keys, by id, were last used. A time that is earlier changes nothing."""
        ...

    async def add_user(self, user: User) -> User:
        """Keep a new user. Raises Conflict (`exists`) when there is its id or its name already."""
        ...

    async def get_user(self, user_id: str) -> User:
        """Raises NotFound."""
        ...

    async def list_users(self, page: Page) -> Listing[User]:
        """Return a window of all, the newest first."""
        ...

    async def update_user(self, user_id: str, changes: Mapping[str, object]) -> User:
        """Replace these fields (`name`, `disabled_at`, `limits`). Raises NotFound, and Conflict for a name."""
        ...


def as_key_store(store: object) -> KeepsKeys | None:
    """Return a store that keeps keys as that; None where it does not, or there is none."""
    return store if isinstance(store, KeepsKeys) else None
