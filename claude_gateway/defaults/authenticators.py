"""Recognise the keys that settings name."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence

from claude_gateway.types.principals import OWNER, Credential, Principal
from claude_gateway.types.secrets import Secret


class StaticKeys:
    """Keys listed in the settings, each a user of its own."""

    def __init__(self, keys: Sequence[Secret]) -> None:
        self._known = {
            _digest(key): (_digest(key), Principal(f"key_{_name(key)}", f"static key {i}"))
            for i, key in enumerate(keys, 1)
        }

    async def authenticate(self, credential: Credential) -> Principal | None:
        """Look up and compare digests, so that time says nothing about the key itself."""
        digest = _digest(credential.secret)
        known, principal = self._known.get(digest, (b"", None))
        return principal if hmac.compare_digest(known, digest) else None


class OwnerKey:
    """The gateway's own upstream key belongs to its owner."""

    def __init__(self, keys: Sequence[Secret]) -> None:
        self._keys = tuple(key for key in keys if key)

    async def authenticate(self, credential: Credential) -> Principal | None:
        """Compare in constant time."""
        matches = [key.matches(credential.secret.reveal()) for key in self._keys]
        return OWNER if any(matches) else None


class DemoKey:
    """In demo mode any well-formed Anthropic key is fine, from this machine: apps insist on one."""

    async def authenticate(self, credential: Credential) -> Principal | None:
        """Well-formed means that it begins with sk-ant-."""
        if credential.local and credential.secret.reveal().startswith("sk-ant-"):
            return OWNER
        return None


def _digest(key: Secret) -> bytes:
    return hashlib.sha256(key.reveal().encode()).digest()


def _name(key: Secret) -> str:
    return hashlib.blake2b(key.reveal().encode(), digest_size=6, person=b"gateway-user").hexdigest()
