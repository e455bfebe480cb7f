"""POST /v1/messages and /v1/messages/count_tokens: what comes in goes up as it is, and back."""

from __future__ import annotations

from collections.abc import Sequence

from aiohttp import web

from claude_gateway import sse
from claude_gateway.dialects.anthropic import request as native
from claude_gateway.dialects.anthropic.stream import MessageStream
from claude_gateway.engine.fallback import Alternative
from claude_gateway.models.catalogue import Resolved
from claude_gateway.types.requests import Answer, ModelRequest
from claude_gateway.web.bodies import read_json_body
from claude_gateway.web.chat import notes
from claude_gateway.web.gateway import GATEWAY, PRINCIPAL, begin_run
from claude_gateway.web.replies import bytes_reply
from claude_gateway.web.standins import stand_ins
from claude_gateway.web.streams import stream_reply

# A native client decides about these itself; they reach upstream byte for byte.
PASSED_ON = ("anthropic-version", "anthropic-beta")


async def messages(request: web.Request) -> web.StreamResponse:
    """Answer in Anthropic's format, whole or as a stream."""
    gateway = request.app[GATEWAY]
    asked = native.read(await read_json_body(request))
    resolved = gateway.catalogue.resolve(asked.model)
    run = begin_run(request, resolved, stream=asked.stream)
    call = _call(request, asked, resolved)
    others = _others(request, asked, resolved)
    if not asked.stream:
        answer = await gateway.engine.complete(resolved.backend, call, run, others, rounds=None)
        return _whole(answer, notes(resolved))
    batches = gateway.engine.stream(resolved.backend, call, run, others, rounds=None)
    return await stream_reply(request, batches, MessageStream(), notes(resolved))


async def count_tokens(request: web.Request) -> web.StreamResponse:
    """Count a prompt without asking the model."""
    gateway = request.app[GATEWAY]
    asked = native.read(await read_json_body(request))
    resolved = gateway.catalogue.resolve(asked.model)
    run = begin_run(request, resolved, stream=False)
    call = _call(request, asked, resolved)
    return _whole(await gateway.engine.count_tokens(resolved.backend, call, run), notes(resolved))


def _others(
    request: web.Request, asked: native.MessagesRequest, resolved: Resolved
) -> Sequence[Alternative]:
    others = stand_ins(request, resolved, lambda other: _call(request, asked, other))
    return () if others and native.is_bound(asked) else others


def _call(request: web.Request, asked: native.MessagesRequest, resolved: Resolved) -> ModelRequest:
    model = resolved.model.id
    params = {k: v for k, v in asked.fields.items() if k not in ("model", "stream")}
    return ModelRequest(
        model,
        params,
        stream=asked.stream,
        raw=asked.body if asked.model == model else native.with_model(asked.body, model),
        headers={
            name: ",".join(values)
            for name in PASSED_ON
            if (values := request.headers.getall(name, None)) is not None
        },
        upstream_key=request[PRINCIPAL].upstream_key,
    )


def _whole(answer: Answer, headers: dict[str, str]) -> web.Response:
    body = answer.body or sse.compact(answer.message)
    return bytes_reply(body, headers={**answer.headers, **headers})
