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
from claude_gateway.web.streams import stream_reply


async def chat_completions(request: web.Request) -> web.StreamResponse:
    """Answer in OpenAI's format, whole or as a stream."""
    gateway = request.app[GATEWAY]
    asked = chat.read(parse_object(await read_json_body(request)))
    resolved = gateway.catalogue.resolve(asked.model)
    auto_cache = gateway.settings[AUTO_CACHE]
    translated = chat.translate(asked, resolved.model, auto_cache=auto_cache)
    if translated.ignored and request.headers.get("x-gateway-strict", "").lower() == "true":
        raise _not_supported(translated.ignored)
    headers = notes(resolved, translated.ignored)
    run = begin_run(request, resolved, stream=asked.stream)
    call = ModelRequest(
        resolved.model.id,
        translated.params,
        stream=asked.stream,
        upstream_key=request[PRINCIPAL].upstream_key,
    )
    created = int(time.time())
    if not asked.stream:
        answer = await gateway.engine.complete(resolved.backend, call, run)
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
        tool_names=translated.tool_names,
    )
    batches = gateway.engine.stream(resolved.backend, call, run)
    return await stream_reply(request, batches, encoder, headers)


def notes(resolved: Resolved, ignored: Sequence[str] = ()) -> dict[str, str]:
    """Say aloud what was not done as asked."""
    headers = lifecycle(resolved.model)
    if resolved.remapped_from is not None:
        headers["x-gateway-model-remapped"] = f"{resolved.remapped_from} -> {resolved.model.id}"
    if ignored:
        headers["x-gateway-ignored-params"] = ",".join(ignored)
    return headers


def _not_supported(ignored: Sequence[str]) -> InvalidRequest:
    return InvalidRequest(
        f"Not supported by this model or gateway: {', '.join(ignored)}. Without x-gateway-strict "
        "they would be ignored.",
        code="unsupported_parameter",
        param=ignored[0],
    )
