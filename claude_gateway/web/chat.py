"""POST /v1/chat/completions."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from aiohttp import web

from claude_gateway.defaults.settings import AUTO_CACHE
from claude_gateway.dialects.fields import parse_object
from claude_gateway.dialects.openai import request as chat
from claude_gateway.dialects.openai.completion import completion, final_text
from claude_gateway.dialects.openai.fitting import fits
from claude_gateway.dialects.openai.numbers import with_exact_numbers
from claude_gateway.dialects.openai.stream import ChatStream
from claude_gateway.errors import InvalidRequest
from claude_gateway.models.catalogue import Resolved
from claude_gateway.types.requests import ModelRequest
from claude_gateway.web.bodies import read_json_body
from claude_gateway.web.gateway import GATEWAY, PRINCIPAL, begin_run
from claude_gateway.web.lifecycle import lifecycle
from claude_gateway.web.replies import json_reply
from claude_gateway.web.standins import stand_ins
from claude_gateway.web.streams import stream_reply

IGNORED = "x-gateway-ignored-params"


async def chat_completions(request: web.Request) -> web.StreamResponse:
    """Answer in OpenAI's format, whole or as a stream."""
    gateway = request.app[GATEWAY]
    asked = chat.read(parse_object(await read_json_body(request)))
    resolved = gateway.catalogue.resolve(asked.model)
    wanted = _Wanted(request, asked)
    call = wanted.of(resolved)
    others = stand_ins(request, resolved, wanted.of)
    headers = wanted.headers
    headers.update(notes(resolved))
    run = begin_run(request, resolved, stream=asked.stream)
    created = int(time.time())
    if not asked.stream:
        answer = await gateway.engine.complete(resolved.backend, call, run, others)
        translated = wanted.translated
        message = with_exact_numbers(answer.message, answer.body)
        said = completion(message, created, translated.tool_names)
        if translated.shape is not None and (text := final_text(answer.message)) is not None:
            # The schema is the client's and may be large; nobody else waits for it.
            verdict = await asyncio.to_thread(fits, text, translated.shape.schema)
            headers["x-gateway-schema-valid"] = verdict
        return json_reply(said, headers=headers)
    encoder = ChatStream(
        created,
        resolved.model.id,
        include_usage=asked.include_usage,
        tool_names=wanted.translated.tool_names,
    )
    batches = gateway.engine.stream(resolved.backend, call, run, others)
    return await stream_reply(request, batches, encoder, headers)


class _Wanted:
    """A chat request, translated for whichever model is asked; models differ in what they take."""

    def __init__(self, request: web.Request, asked: chat.ChatRequest) -> None:
        self._asked = asked
        self._strict = request.headers.get("x-gateway-strict", "").lower() == "true"
        self._auto_cache = request.app[GATEWAY].settings[AUTO_CACHE]
        self._upstream_key = request[PRINCIPAL].upstream_key
        self.headers: dict[str, str] = {}

    def of(self, resolved: Resolved) -> ModelRequest:
        """Translate for this model; `translated` and `headers` are about the one asked last."""
        translated = chat.translate(self._asked, resolved.model, auto_cache=self._auto_cache)
        if translated.ignored and self._strict:
            raise _not_supported(translated.ignored)
        self.translated = translated
        self.headers.pop(IGNORED, None)
        if translated.ignored:
            self.headers[IGNORED] = ",".join(translated.ignored)
        return ModelRequest(
            resolved.model.id,
            translated.params,
            stream=self._asked.stream,
            upstream_key=self._upstream_key,
            affinity=self._asked.affinity,
        )


def notes(resolved: Resolved) -> dict[str, str]:
    """Say aloud what was not done as asked."""
    headers = lifecycle(resolved.model)
    if resolved.remapped_from is not None:
        headers["x-gateway-model-remapped"] = f"{resolved.remapped_from} -> {resolved.model.id}"
    return headers


def _not_supported(ignored: Sequence[str]) -> InvalidRequest:
    return InvalidRequest(
        f"Not supported by this model or gateway: {', '.join(ignored)}. Without x-gateway-strict "
        "they would be ignored.",
        code="unsupported_parameter",
        param=ignored[0],
    )
