"""One call of upstream, on the gateway's account or the caller's own."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from typing import Protocol

import orjson

from claude_gateway import GatewayError, Health, ModelRequest, RawJson, Secret
from claude_gateway_anthropic.failures import from_response
from claude_gateway_anthropic.headers import HeaderWriter
from claude_gateway_anthropic.transport import Reply, Transport

OK, UNAUTHORIZED = 200, 401
MESSAGES, COUNT_TOKENS, ONE_MODEL = (
    "/v1/messages",
    "/v1/messages/count_tokens",
    "/v1/models?limit=1",
)


class Calls(Protocol):
    """Who makes the calls, and on whose account."""

    @property
    def pays(self) -> bool:
        """Whether there is a credential of the gateway's own."""
        ...

    def plain(self) -> dict[str, str]:
        """Headers of a call that is the gateway's own idea."""
        ...

    def send(self, path: str, request: ModelRequest, *, stream: bool) -> Awaitable[Reply]:
        """Return a reply. One that is not OK is left to the caller, who raises its `refusal`."""
        ...

    async def check_health(self) -> Health:
        """Look whether upstream answers, and with what."""
        ...


class OneAccount:
    """Calls on the gateway's one account, or on the caller's."""

    def __init__(self, transport: Transport, headers: HeaderWriter) -> None:
        self._transport = transport
        self._headers = headers
        self.pays = headers.pays

    def plain(self) -> dict[str, str]:
        return self._headers.plain()

    def send(self, path: str, request: ModelRequest, *, stream: bool) -> Awaitable[Reply]:
        headers = self._headers.write(request)
        return self._transport.send("POST", path, written(request, path, stream), headers)

    async def check_health(self) -> Health:
        """Ask for one model: it needs the network and a key that works, and costs nothing."""
        try:
            status = await asked(self._transport, self._headers)
        except GatewayError as exc:
            return Health(False, exc.message)
        # Without a key a refusal is all there is to hear, and it takes a working network, too.
        fine = status == OK or (status == UNAUTHORIZED and not self.pays)
        return Health(fine, f"GET /v1/models answered {status}")


async def asked(transport: Transport, headers: HeaderWriter, key: Secret | None = None) -> int:
    """Ask for one model, and return the status."""
    reply = await transport.send("GET", ONE_MODEL, None, headers.plain(key))
    try:
        await reply.read()
    finally:
        reply.close()
    return reply.status


async def refusal(reply: Reply, *, own_key: bool) -> GatewayError:
    """Read a reply that is no success, and return what it means."""
    try:
        body = await reply.read()
    finally:
        reply.close()
    return from_response(reply.status, body, reply.headers, own_key=own_key)


def written(request: ModelRequest, path: str, stream: bool) -> bytes:
    """Write the body; equal requests give equal bytes, which is what the prompt cache goes by."""
    if request.raw is not None:
        return request.raw
    body: Mapping[str, object] = {"model": request.model, **request.params}
    if path == MESSAGES and stream:
        body = {**body, "stream": True}
    return orjson.dumps(body, default=_copied)


def _copied(value: object) -> orjson.Fragment:
    if not isinstance(value, RawJson):
        raise TypeError(f"{type(value).__name__} is not JSON")
    return orjson.Fragment(value.text.encode())
