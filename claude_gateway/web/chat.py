"""POST /v1/chat/completions."""

from __future__ import annotations

import time
from functools import partial

from aiohttp import web

from claude_gateway.defaults.settings import AUTO_CACHE
from claude_gateway.dialects.fields import parse_object
from claude_gateway.dialects.openai import padding
from claude_gateway.dialects.openai import request as chat
from claude_gateway.dialects.openai.completion import completion
from claude_gateway.dialects.openai.numbers import with_exact_numbers
from claude_gateway.dialects.openai.stream import ChatStream, Extras
from claude_gateway.dialects.session_fields import session_fields
from claude_gateway.dialects.tool_fields import FIELD
from claude_gateway.web.bodies import read_json_body
from claude_gateway.web.chat_session import kept_chat
from claude_gateway.web.direct import Direct
from claude_gateway.web.gateway import GATEWAY
from claude_gateway.web.links import fetch_links
from claude_gateway.web.operation import TURN_HEADERS, Operation
from claude_gateway.web.replies import json_reply
from claude_gateway.web.resolving import resolved_for
from claude_gateway.web.streams import stream_reply
from claude_gateway.web.turn_tools import report, turn_tools, wants_events
from claude_gateway.web.turns import lasts
from claude_gateway.web.wanted import fills_in


@Operation(takes="ChatRequest", gives="ChatCompletion", headers=TURN_HEADERS, streams=True)
async def chat_completions(request: web.Request) -> web.StreamResponse:
    """Answer in OpenAI's format, whole or as a stream."""
    gateway = request.app[GATEWAY]
    body = await read_json_body(request)
    asked = chat.read(parse_object(body), fill_in=fills_in(request))
    about = session_fields(asked.fields)
    if lasts(request, about):
        return await kept_chat(request, body, asked, about)
    resolved = resolved_for(request, asked.model)
    if gateway.fetcher is not None:
        await fetch_links(request, asked.fields)
    tools = await turn_tools(request, asked.fields) if FIELD in asked.fields else None
    own = tools.definitions if tools is not None else ()
    auto_cache = gateway.settings[AUTO_CACHE]
    translate = partial(chat.translate, asked, auto_cache=auto_cache, own=own)
    wanted = Direct(request, asked, resolved, translate, tools)
    return await _answered(request, asked, wanted)


async def _answered(
    request: web.Request, asked: chat.ChatRequest, wanted: Direct
) -> web.StreamResponse:
    created, extras = int(time.time()), _extras(request, asked, wanted)
    if not asked.stream:
        answer = await wanted.answer()
        message = with_exact_numbers(answer.message, answer.body)
        names = wanted.translated.tool_names
        said = completion(message, created, names, extras, wanted.run.usage)
        if wanted.translated.shape is not None:
            await wanted.judge(answer.message)
        return json_reply(said, headers=wanted.headers)
    encoder = ChatStream(
        created,
        wanted.run.model,
        include_usage=asked.include_usage,
        tool_names=wanted.translated.tool_names,
        extras=extras,
    )
    padded = padding.wanted(encoder, pads=asked.pads)
    return await stream_reply(request, wanted.batches(), padded, wanted.headers)


def _extras(request: web.Request, asked: chat.ChatRequest, wanted: Direct) -> Extras | None:
    own, events = wanted.translated.owned, wants_events(request, asked=asked.events)
    if not own and not events:
        return None
    return Extras(own=own, report=partial(report, request, wanted.run) if events else None)
