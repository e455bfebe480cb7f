"""The backend: requests up, events down."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Coroutine, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from typing import Any

import orjson

from claude_gateway import (
    Accepted,
    Answer,
    Event,
    Health,
    ModelInfo,
    ModelRequest,
    shipped_models,
)
from claude_gateway_anthropic.balanced import SeveralKeys
from claude_gateway_anthropic.calls import (
    COUNT_TOKENS,
    MESSAGES,
    OK,
    Calls,
    OneAccount,
    refusal,
)
from claude_gateway_anthropic.failures import malformed
from claude_gateway_anthropic.headers import HeaderWriter, shown
from claude_gateway_anthropic.keys import KeyRing
from claude_gateway_anthropic.listing import list_models
from claude_gateway_anthropic.reader import EventReader
from claude_gateway_anthropic.settings import Account
from claude_gateway_anthropic.surrogates import mended, parse
from claude_gateway_anthropic.transport import Transport, open_transport

WITHOUT_SAMPLING = "2026-10-21"  # the first version that refuses it, whatever the model


class AnthropicBackend:
    """Claude's models over one pool of connections."""

    def __init__(self, transport: Transport, calls: Calls, version: str, address: str = "") -> None:
        """`version` is that of the API which chats are sent with, `address` the URL of upstream."""
        self.address = address
        self._transport = transport
        self._calls = calls
        self._send = calls.send
        self._version = version
        self._models = self._as_versioned(shipped_models())

    @property
    def models(self) -> Sequence[ModelInfo]:
        """The models that this version knows."""
        return self._models

    def serves(self, model_id: str) -> bool:
        """A Claude that came out after this version is upstream's to know."""
        return model_id.startswith("claude-")

    async def list_models(self) -> Sequence[ModelInfo]:
        """Ask upstream; without a key of the gateway's own there is nobody to ask as."""
        if not self._calls.pays:
            return self._models
        return self._as_versioned(await list_models(self._transport, self._calls.plain()))

    async def stream(self, request: ModelRequest) -> AsyncGenerator[Event]:
        """As `stream_batches`, one by one."""
        async with aclosing(self.stream_batches(request)) as batches:
            async for batch in batches:
                for event in batch:
                    yield event

    async def stream_batches(self, request: ModelRequest) -> AsyncGenerator[Sequence[Event]]:
        """Yield the events of each piece of the body that arrives."""
        reply = await self._send(MESSAGES, request, stream=True)
        if reply.status != OK:
            raise await refusal(reply, own_key=request.upstream_key is not None)
        try:
            yield (Accepted(shown(reply.headers)),)
            reader = EventReader()
            while data := await reply.chunk():
                if events := reader.feed(data):
                    yield events
                if reader.failure is not None:
                    break
            reader.finish()
        finally:
            reply.close()

    def complete(self, request: ModelRequest) -> Coroutine[Any, Any, Answer]:
        """Ask for the whole answer in one piece."""
        return self._whole(MESSAGES, request)

    def count_tokens(self, request: ModelRequest) -> Coroutine[Any, Any, Answer]:
        """Let upstream count; only it knows the model's tokenizer."""
        return self._whole(COUNT_TOKENS, request)

    async def check_health(self) -> Health:
        """Look whether upstream can be reached, and whether a key works."""
        return await self._calls.check_health()

    def _as_versioned(self, models: Sequence[ModelInfo]) -> Sequence[ModelInfo]:
        """What the models take under this version of the API."""
        if self._version < WITHOUT_SAMPLING:
            return models
        return [replace(model, sampling=False) for model in models]

    async def _whole(self, path: str, request: ModelRequest) -> Answer:
        reply = await self._send(path, request, stream=False)
        if reply.status != OK:
            raise await refusal(reply, own_key=request.upstream_key is not None)
        try:
            body = await reply.read()
        finally:
            reply.close()
        try:
            message = orjson.loads(body)
        except orjson.JSONDecodeError:
            body, message = _mended(body)
        if not isinstance(message, dict):
            raise malformed("the answer is not a JSON object")
        if path == MESSAGES and not isinstance(message.get("content"), list):
            raise malformed("the answer has no content")
        return Answer(body, message, shown(reply.headers))


@asynccontextmanager
async def open_backend(account: Account) -> AsyncGenerator[AnthropicBackend]:
    """Open the pool and put the backend on it."""
    headers = HeaderWriter(account)
    async with open_transport(account) as transport:
        calls: Calls = OneAccount(transport, headers)
        if account.more_keys:
            ring = KeyRing((account.api_key, *account.more_keys))
            calls = SeveralKeys(transport, headers, ring)
        yield AnthropicBackend(transport, calls, account.version, account.base_url)


def _mended(body: bytes) -> tuple[bytes, object]:
    """Parse an answer with half a character in it, and write it anew, for its bytes are no text."""
    try:
        message = mended(parse(body))
    except (ValueError, RecursionError):
        raise malformed("the answer is not JSON, or nested too deeply") from None
    return json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode(), message
