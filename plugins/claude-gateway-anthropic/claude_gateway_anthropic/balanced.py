"""Calls spread over several keys of the operator's. A caller's own key is never one of them."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import replace
from typing import Any

from claude_gateway import GatewayError, Health, ModelRequest
from claude_gateway_anthropic.calls import OK, UNAUTHORIZED, OneAccount, asked, refusal, written
from claude_gateway_anthropic.conversations import conversation, tied
from claude_gateway_anthropic.headers import HeaderWriter
from claude_gateway_anthropic.keys import Key, KeyRing, Scope, all_rest
from claude_gateway_anthropic.transport import Reply, Transport

# The gateway's own loggers begin so; DEBUG makes those say more.
log = logging.getLogger("claude_gateway.anthropic")

BAD_REQUEST, BILLING, FORBIDDEN, TOO_MANY = 400, 402, 403, 429
# Seconds. A limit without a retry-after is one that does not pass soon, such as a tier's spend cap.
USUAL_REST, SHORTEST_REST, LONGEST_REST = 30.0, 1.0, 3600.0
# A key that is wrong, or whose account cannot pay, stays so until a person does something. A 403
# may be about what was asked for, so it does not count for as long.
ASIDE, ASIDE_FORBIDDEN = 600.0, 60.0
# Upstream says with a 400 that the money or a limit of the operator's own is used up.
UNPAID = re.compile(r"Your credit balance is too low|You have reached your specified\b")


class SeveralKeys:
    """Chooses a key for each call, and another one for the next attempt when that fails.

    It does not try again itself: an error with a `retry_after` of nothing asks for it at once.
    """

    pays = True

    def __init__(self, transport: Transport, headers: HeaderWriter, keys: KeyRing) -> None:
        self._transport = transport
        self._headers = headers
        self._keys = keys
        self._callers = OneAccount(transport, headers)

    def plain(self) -> dict[str, str]:
        return self._headers.plain(self._keys.first().secret)

    async def send(self, path: str, request: ModelRequest, *, stream: bool) -> Reply:
        if request.upstream_key is not None:
            return await self._callers.send(path, request, stream=stream)
        body, scope = written(request, path, stream), (path, request.model)
        key = self._keys.choose(conversation(request), scope, tied=tied(request, body))
        log.debug("a key was chosen", extra={"key": key.label, "path": path})
        headers = self._headers.write(replace(request, upstream_key=key.secret))
        key.busy += 1
        held = False
        try:
            reply = await self._transport.send("POST", path, body, headers)
            if reply.status == OK:
                held = True
                key.take_back()
                return _Held(reply, key)
            raise self._noted(key, scope, reply.status, await refusal(reply, own_key=False))
        finally:
            if not held:
                key.busy -= 1

    async def check_health(self) -> Health:
        """Ask for one model with each key."""
        try:
            statuses = await asyncio.gather(*(self._look(key) for key in self._keys.keys))
        except GatewayError as exc:
            return Health(False, exc.message)
        useful, told = self._keys.told()
        return Health(useful and OK in statuses, told)

    async def _look(self, key: Key) -> int:
        status = await asked(self._transport, self._headers, key.secret)
        if status == UNAUTHORIZED:
            self._put_aside(key, status, ASIDE)
        elif status == OK and key.refused == UNAUTHORIZED:
            key.take_back()  # somebody has mended it; of money this says nothing
        return status

    def _noted(self, key: Key, scope: Scope, status: int, error: GatewayError) -> GatewayError:
        """Leave the key alone if the refusal is about it, and say when to try again."""
        if status == TOO_MANY:
            asked_for = USUAL_REST if error.retry_after is None else error.retry_after
            rest = min(max(asked_for, SHORTEST_REST), LONGEST_REST)
            self._keys.rest(key, scope, rest)
            log.info("a key rests", extra={"key": key.label, "model": scope[1], "for_s": rest})
        elif status in (UNAUTHORIZED, BILLING) or _unpaid(status, error):
            self._put_aside(key, status, ASIDE)
        elif status == FORBIDDEN:
            self._put_aside(key, status, ASIDE_FORBIDDEN)
        else:
            return error
        return self._onward(scope, status, error)

    def _onward(self, scope: Scope, status: int, error: GatewayError) -> GatewayError:
        if self._keys.any_free(scope):
            error.retry_after, error.should_retry = 0.0, True
            return error
        left = self._keys.soonest(scope)
        if left is None:
            return error
        if status != TOO_MANY:
            return all_rest(left)
        error.retry_after = left
        return error

    def _put_aside(self, key: Key, status: int, seconds: float) -> None:
        if self._keys.put_aside(key, status, seconds):
            log.warning(
                "a key was put aside", extra={"key": key.label, "status": status, "for_s": seconds}
            )


class _Held:
    """A reply that keeps its key busy until it is closed."""

    __slots__ = ("_key", "_reply", "chunk", "headers", "read", "status")

    def __init__(self, reply: Reply, key: Key) -> None:
        self._reply = reply
        self._key: Key | None = key
        key.answered += 1
        self.status = reply.status
        self.headers: Mapping[str, str] = reply.headers
        # The reply's own methods, so that a piece of an answer costs no more than with one key.
        self.read: Callable[[], Coroutine[Any, Any, bytes]] = reply.read
        self.chunk: Callable[[], Coroutine[Any, Any, bytes]] = reply.chunk

    def close(self) -> None:
        self._reply.close()
        if self._key is not None:
            self._key.busy -= 1
            self._key = None


def _unpaid(status: int, error: GatewayError) -> bool:
    return status == BAD_REQUEST and UNPAID.match(error.message) is not None
