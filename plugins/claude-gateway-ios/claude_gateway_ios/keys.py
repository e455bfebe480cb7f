"""Keys whose callers are the app."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence

from claude_gateway import Credential, Principal, Secret


class AppKeys:
    """Keys from the settings, each a user of its own: the same one as in the gateway's own list."""

    def __init__(self, keys: Sequence[Secret], profile: str) -> None:
        self._known = {
            _digest(key): (_digest(key), Principal(_id(key), f"app key {i}", profile=profile))
            for i, key in enumerate(keys, 1)
        }

    async def authenticate(self, credential: Credential) -> Principal | None:
        """Look up and compare digests, so that time says nothing about the key itself."""
        digest = _digest(credential.secret)
        known, principal = self._known.get(digest, (b"", None))
        return principal if hmac.compare_digest(known, digest) else None


def _digest(key: Secret) -> bytes:
    return hashlib.sha256(key.reveal().encode()).digest()


def _id(key: Secret) -> str:
    name = hashlib.blake2b(key.reveal().encode(), digest_size=6, person=b"gateway-user")
    return f"key_{name.hexdigest()}"
