"""Callers who bring their own Anthropic key: checked upstream once, then remembered for a while.

Only digests are remembered. Good keys and bad ones have a memory each, so that a flood of invented
keys cannot push the good ones out and make each of them be checked again.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial

from claude_gateway import Authenticator, Credential, Principal, Secret, Unauthorized, UpstreamError
from claude_gateway_anthropic.failures import from_response
from claude_gateway_anthropic.headers import HeaderWriter
from claude_gateway_anthropic.remembered import Remembered
from claude_gateway_anthropic.settings import Account
from claude_gateway_anthropic.transport import Transport, open_transport

PREFIX = "sk-ant-"
ONE_MODEL = "/v1/models?limit=1"
OK, REFUSED = 200, (401, 403)
# Seconds. A caller waits while a key is checked, so it may not take as long as an answer may.
GOOD_FOR, BAD_FOR, PATIENCE = 600.0, 60.0, 10.0
MOST_REMEMBERED = 1_000
# Invented keys must not become a flood upstream.
MOST_CHECKS_AT_ONCE = 10


class BringYourOwn:
    """Recognises whoever has a key that Anthropic accepts."""

    def __init__(
        self,
        transport: Transport,
        account: Account,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._transport = transport
        self._headers = HeaderWriter(account)
        ours = (account.api_key, *account.more_keys, account.auth_token)
        self._ours = tuple(key for key in ours if key)
        self._good = Remembered(GOOD_FOR, MOST_REMEMBERED, clock)
        self._bad = Remembered(BAD_FOR, MOST_REMEMBERED, clock)
        self._checks: dict[bytes, asyncio.Task[bool]] = {}
        self._turn = asyncio.Semaphore(MOST_CHECKS_AT_ONCE)

    async def authenticate(self, credential: Credential) -> Principal | None:
        """Say who it is; a key of the gateway's own is somebody else's to recognise."""
        key = credential.secret
        if not key.reveal().startswith(PREFIX) or any(key == ours for ours in self._ours):
            return None
        if not await self._accepted(key, doubted=credential.doubted):
            raise Unauthorized(
                "Anthropic does not accept this key. Check that it was copied whole and has not "
                "been revoked, or ask whoever runs this gateway for a key of its own.",
                code="invalid_api_key",
            )
        return Principal(_id(key), "bring-your-own key", upstream_key=key)

    async def close(self) -> None:
        """Give up the checks that are under way."""
        checks = list(self._checks.values())
        for check in checks:
            check.cancel()
        await asyncio.gather(*checks, return_exceptions=True)

    async def _accepted(self, key: Secret, *, doubted: bool) -> bool:
        digest = hashlib.sha256(key.reveal().encode()).digest()
        if digest in self._good:
            return True
        if doubted or digest in self._bad:
            return False
        check = self._checks.get(digest)
        if check is None:
            check = self._checks[digest] = asyncio.create_task(self._check(key, digest))
            check.add_done_callback(partial(self._checked, digest))
        # Others may wait for the same check, so a caller who leaves does not end it.
        return await asyncio.shield(check)

    async def _check(self, key: Secret, digest: bytes) -> bool:
        async with self._turn:
            accepted = await self._ask(key)
        (self._good if accepted else self._bad).add(digest)
        return accepted

    async def _ask(self, key: Secret) -> bool:
        reply = await self._transport.send("GET", ONE_MODEL, None, self._headers.plain(key))
        try:
            body = await reply.read()
        finally:
            reply.close()
        if reply.status == OK:
            return True
        if reply.status in REFUSED:
            return False
        error = from_response(reply.status, body, reply.headers, own_key=True)
        if error.should_retry:
            raise error
        raise UpstreamError(
            f"Anthropic could not be asked about this key: it answered with status {reply.status}.",
            should_retry=False,
        )

    def _checked(self, digest: bytes, check: asyncio.Task[bool]) -> None:
        self._checks.pop(digest, None)
        if not check.cancelled():
            check.exception()  # whoever waited has been told; perhaps nobody waits any more


@asynccontextmanager
async def open_byok(account: Account) -> AsyncGenerator[Authenticator]:
    """Open it with a transport of its own: a check must not wait for anything else."""
    hasty = replace(account, timeout=min(account.timeout, PATIENCE))
    async with open_transport(hasty) as transport:
        byok = BringYourOwn(transport, account)
        try:
            yield byok
        finally:
            await byok.close()


def _id(key: Secret) -> str:
    """The same key is the same user after a restart; the key cannot be found from the id."""
    name = hashlib.blake2b(key.reveal().encode(), digest_size=6, key=b"claude-gateway byok")
    return f"byok_{name.hexdigest()}"
