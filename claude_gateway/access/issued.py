"""Recognise the keys that the gateway has issued.

A key that was seen costs a look into a dictionary. What is remembered is forgotten as soon as anybody
has changed anything, in this process or another one: twice a second at most, and only while keys are
used, the store is asked for the number of its last change. So a key that was revoked opens nothing
more than half a second later.
"""

from __future__ import annotations

import hmac
import logging
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from claude_gateway.access.issuing import PREFIX, digest_of, well_formed
from claude_gateway.errors import Forbidden, GatewayError, Unauthorized
from claude_gateway.freshness import News
from claude_gateway.key_stores import KeepsKeys
from claude_gateway.repeating import repeated
from claude_gateway.types.keys import FoundKey
from claude_gateway.types.principals import Credential, Principal

log = logging.getLogger(__name__)

# Seconds: how old the news of a change may be, how long a key is remembered at most, and how often
# it is written down when keys were last used.
FRESH, REMEMBERED, NOTED = 0.5, 60.0, 30.0
MOST_KNOWN = 10_000


@dataclass(frozen=True, slots=True)
class Known:
    """A key that is good until then, by the clock on the wall."""

    digest: bytes
    principal: Principal
    key_id: str
    until: float


class IssuedKeys:
    """An authenticator over a store that keeps keys. `clock` tells the time of day."""

    def __init__(self, store: KeepsKeys, clock: Callable[[], float] = time.time) -> None:
        self.store = store
        self._clock = clock
        self._known: dict[bytes, Known] = {}
        self._used: dict[str, float] = {}
        self._revision: int | None = None
        self._news = News(self._ask, FRESH)

    async def authenticate(self, credential: Credential) -> Principal | None:
        """Say whose key it is. Raises Unauthorized, and Forbidden, for one that is good no more."""
        if not credential.secret.reveal().startswith(PREFIX):
            return None
        if not self._news.known():
            await self._news.hear()
        digest, now = digest_of(credential.secret), self._clock()
        known = self._known.get(digest)
        if known is None or now >= known.until:
            known = await self._look_up(credential, digest, now)
        if known is None or not hmac.compare_digest(known.digest, digest):
            return None
        self._used[known.key_id] = now
        return known.principal

    def forget(self) -> None:
        """Look everything up again: something was changed in this process."""
        self._known = {}  # a look-up that is under way keeps what it finds in the old one

    async def note_use(self) -> None:
        """Write down when keys were last used; nobody who asks for something waits for that."""
        used, self._used = self._used, {}
        try:
            if used:
                await self.store.note_use(used)
        except GatewayError as exc:
            self._used = used | self._used
            log.warning("the last use of keys could not be noted", extra={"error": exc.code})

    def noting(self, every: float = NOTED) -> AbstractAsyncContextManager[None]:
        """Note the use of keys every so many seconds, until left, and once more then."""
        return repeated(self.note_use, every)

    async def _ask(self) -> None:
        """Find out whether anything was changed."""
        revision = await self.store.keys_revision()
        if revision != self._revision:
            self._revision = revision
            self.forget()

    async def _look_up(self, credential: Credential, digest: bytes, now: float) -> Known | None:
        self._known.pop(digest, None)
        if not well_formed(credential.secret.reveal()):
            return None
        remembered = self._known
        found = await self.store.find_key(digest)
        if found is None:
            return None
        _check(found, now)
        key = found.key
        ends = [end for end in (key.expires_at, found.until) if end is not None]
        known = Known(
            found.digest,
            key.principal(found.user_limits),
            key.id,
            min([now + REMEMBERED, *ends]),
        )
        if len(remembered) >= MOST_KNOWN:
            remembered.clear()
        remembered[digest] = known
        return known


def _check(found: FoundKey, now: float) -> None:
    """Refuse a key that is good no more. Whoever has it may be told why."""
    key = found.key
    if key.revoked_at is not None:
        raise Unauthorized(
            "This API key was revoked. Ask whoever runs this gateway for another one.",
            code="api_key_revoked",
        )
    if found.until is not None and now >= found.until:
        raise Unauthorized(
            "This API key was replaced by another one. Use the new one.", code="api_key_replaced"
        )
    if key.expires_at is not None and now >= key.expires_at:
        raise Unauthorized(
            "This API key has expired. Ask whoever runs this gateway for another one.",
            code="api_key_expired",
        )
    if found.disabled:
        raise Forbidden("The user of this API key is disabled.", code="user_disabled")
