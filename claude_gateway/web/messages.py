"""POST /v1/messages and /v1/messages/count_tokens: what comes in goes up as it is, and back."""

from __future__ import annotations

from aiohttp import web

from claude_gateway import sse
from claude_gateway.dialects.anthropic import request as native
from claude_gateway.dialects.session_fields import session_fields
from claude_gateway.types.requests import Answer
from claude_gateway.web.bodies import read_json_body
from claude_gateway.web.gateway import GATEWAY, begin_run
from claude_gateway.web.lifecycle import notes
from claude_gateway.web.messages_session import kept_messages
from claude_gateway.web.native_calls import call_of, others_of
from claude_gateway.web.native_tools import NativeTools, native_tools, watching
from claude_gateway.web.operation import SESSION_HEADERS, Operation
from claude_gateway.web.replies import bytes_reply
from claude_gateway.web.resolving import resolved_for
from claude_gateway.web.streams import stream_reply
from claude_gateway.web.turns import lasts


@Operation(takes="MessagesRequest", gives="MessageAnswer", headers=SESSION_HEADERS, streams=True)
async def messages(request: web.Request) -> web.StreamResponse:
    """Answer in Anthropic's format, whole or as a stream."""
    gateway = request.app[GATEWAY]
    asked = native.read(await read_json_body(request))
    about = session_fields({}, request.headers)
    if lasts(request, about):
        return await kept_messages(request, asked, about)
    tools = await native_tools(request, asked)
    resolved = resolved_for(request, asked.model)
    run = begin_run(request, resolved, stream=asked.stream)
    call = call_of(request, asked, resolved, tools)
    others = others_of(request, asked, resolved, tools)
    rounds = tools.rounds(run) if tools is not None else None
    headers = {**notes(resolved), **(tools.headers if tools is not None else {})}
    if not asked.stream:
        answer = await gateway.engine.complete(resolved.backend, call, run, others, rounds)
        return _whole(answer, headers, tools)
    batches = gateway.engine.stream(resolved.backend, call, run, others, rounds)
    encoder = tools.encoder(run) if tools is not None else watching(request, run)
    return await stream_reply(request, batches, encoder, headers)


@Operation(takes="MessagesRequest", gives="TokenCount")
async def count_tokens(request: web.Request) -> web.StreamResponse:
    """Count a prompt without asking the model."""
    gateway = request.app[GATEWAY]
    asked = native.read(await read_json_body(request))
    resolved = resolved_for(request, asked.model)
    run = begin_run(request, resolved, stream=False)
    tools = await native_tools(request, asked, parks=True)
    call = call_of(request, asked, resolved, tools)
    return _whole(await gateway.engine.count_tokens(resolved.backend, call, run), notes(resolved))


def _whole(
    answer: Answer, headers: dict[str, str], tools: NativeTools | None = None
) -> web.Response:
    seen = tools.shown(answer.message) if tools is not None else answer.message
    body = (seen is answer.message and answer.body) or sse.compact(seen)
    return bytes_reply(body, headers={**answer.headers, **headers})
