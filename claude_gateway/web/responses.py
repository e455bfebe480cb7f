"""POST /v1/responses."""

from __future__ import annotations

import time

from aiohttp import web

from claude_gateway.defaults.settings import AUTO_CACHE
from claude_gateway.dialects.fields import parse_object
from claude_gateway.dialects.openai.numbers import with_exact_numbers
from claude_gateway.dialects.openai.params import Translated
from claude_gateway.dialects.responses import request as responses
from claude_gateway.dialects.responses.echo import echo
from claude_gateway.dialects.responses.output import Client
from claude_gateway.dialects.responses.response import Opening, whole
from claude_gateway.dialects.responses.stream import ResponseStream
from claude_gateway.types.models import ModelInfo
from claude_gateway.web.bodies import read_json_body
from claude_gateway.web.direct import Direct
from claude_gateway.web.gateway import GATEWAY
from claude_gateway.web.links import fetch_links
from claude_gateway.web.replies import json_reply
from claude_gateway.web.streams import stream_reply
from claude_gateway.web.wanted import fills_in


async def create_response(request: web.Request) -> web.StreamResponse:
    """Answer with a response, whole or as a stream of events."""
    gateway = request.app[GATEWAY]
    asked = responses.read(parse_object(await read_json_body(request)), fill_in=fills_in(request))
    resolved = gateway.catalogue.resolve(asked.model)
    await fetch_links(request, asked.fields)
    auto_cache = gateway.settings[AUTO_CACHE]

    def translate(model: ModelInfo) -> Translated:
        # Thinking is bound to the model that thought it; a stand-in might refuse it.
        thoughts = model.id == resolved.model.id
        return responses.translate(asked, model, auto_cache=auto_cache, thoughts=thoughts)

    wanted = Direct(request, asked, resolved, translate)
    tail = wanted.run.id.removeprefix("run_")
    opening = Opening(f"resp_{tail}", int(time.time()), resolved.model.id, echo(asked.fields))
    thinking = asked.thinking and not wanted.translated.words
    client = Client(tail, wanted.translated.tool_names, thinking, asked.sources)
    if asked.stream:
        encoder = ResponseStream(opening, client)
        return await stream_reply(request, wanted.batches(), encoder, wanted.headers)
    answer = await wanted.answer()
    message = with_exact_numbers(answer.message, answer.body)
    said = whole(opening, message, client, int(time.time()))
    await wanted.judge(answer.message)
    return json_reply(said, headers=wanted.headers)
