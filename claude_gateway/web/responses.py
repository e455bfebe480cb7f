"""/v1/responses: answer in the format of OpenAI's Responses API, and read what was stored."""

from __future__ import annotations

import time
from functools import partial

from aiohttp import web

from claude_gateway.defaults.settings import AUTO_CACHE
from claude_gateway.dialects import kept
from claude_gateway.dialects.fields import parse_object
from claude_gateway.dialects.openai.numbers import with_exact_numbers
from claude_gateway.dialects.openai.params import Translated
from claude_gateway.dialects.resources import reading
from claude_gateway.dialects.responses import request as responses
from claude_gateway.dialects.responses.echo import echo
from claude_gateway.dialects.responses.output import Client
from claude_gateway.dialects.responses.response import Opening, whole
from claude_gateway.dialects.responses.stream import ResponseStream
from claude_gateway.errors import NotFound
from claude_gateway.runs.live import LiveRun
from claude_gateway.types.models import ModelInfo
from claude_gateway.types.sharing import Role
from claude_gateway.types.turns import RunRecord
from claude_gateway.web.bodies import read_json_body
from claude_gateway.web.direct import Direct
from claude_gateway.web.gateway import GATEWAY
from claude_gateway.web.links import fetch_links
from claude_gateway.web.operation import TURN_HEADERS, Operation
from claude_gateway.web.replies import bytes_reply, json_reply
from claude_gateway.web.resolving import resolved_for
from claude_gateway.web.responses_session import (
    kept_response,
    no_response,
    run_id,
    unfinished,
    with_own,
)
from claude_gateway.web.runs import run_called
from claude_gateway.web.streams import stream_reply
from claude_gateway.web.turn_tools import turn_tools
from claude_gateway.web.turns import the_runs
from claude_gateway.web.viewing import watched
from claude_gateway.web.wanted import fills_in


@Operation(takes="ResponseRequest", gives="Response", headers=TURN_HEADERS, streams=True)
async def create_response(request: web.Request) -> web.StreamResponse:
    """Answer with a response, whole or as a stream of events."""
    body = await read_json_body(request)
    asked = responses.read(parse_object(body), fill_in=fills_in(request))
    goes_on = asked.previous or asked.conversation or asked.background
    if goes_on or (asked.store and request.app[GATEWAY].runs is not None):
        the_runs(request)
        return await kept_response(request, body, asked)
    return await _direct(request, asked)


async def _direct(request: web.Request, asked: responses.ResponseRequest) -> web.StreamResponse:
    gateway = request.app[GATEWAY]
    resolved = resolved_for(request, asked.model)
    await fetch_links(request, asked.fields)
    tools = await turn_tools(request, asked.fields)
    own = tools.definitions if tools is not None else ()
    auto = gateway.settings[AUTO_CACHE]

    def translate(model: ModelInfo) -> Translated:
        # Thinking is bound to the model that thought it; a stand-in might refuse it.
        thoughts = model.id == resolved.model.id
        return responses.translate(asked, model, auto_cache=auto, thoughts=thoughts, own=own)

    wanted = Direct(request, asked, resolved, translate, tools)
    tail = wanted.run.id.removeprefix("run_")
    opening = Opening(f"resp_{tail}", int(time.time()), resolved.model.id, echo(asked.fields))
    thinking = asked.thinking and not wanted.translated.words
    client = Client(tail, wanted.translated.tool_names, thinking, asked.sources)
    client = with_own(client, tools, wanted.looped, wanted.translated.owned)
    if asked.stream:
        encoder = ResponseStream(opening, client)
        return await stream_reply(request, wanted.batches(), encoder, wanted.headers)
    answer = await wanted.answer()
    message = with_exact_numbers(answer.message, answer.body)
    said = whole(opening, message, client, int(time.time()))
    await wanted.judge(answer.message)
    return json_reply(said, headers=wanted.headers)


@Operation(gives="Response", query=("stream", "starting_after"), streams=True)
async def get_response(request: web.Request) -> web.StreamResponse:
    """Read a stored response; with `stream=true` its events, after `starting_after`, to the end."""
    run = await _found(request, "viewer")
    record = run.record if isinstance(run, LiveRun) else run
    if request.query.get("stream", "").lower() == "true":
        seen = reading.number(request.query, "starting_after", 0, reading.FARTHEST)
        after = 0 if seen is None else seen + 1  # events are numbered from 0 there, frames from 1
        headers = {**record.headers, "x-run-id": record.id}
        fail = partial(kept.ended, kept.RESPONSES)
        async with watched(request, headers, fail, after) as viewer:
            await viewer.show(run, silent_is_status=False)
        return await viewer.end()
    return _written(record)


@Operation(gives="Response")
async def cancel_response(request: web.Request) -> web.StreamResponse:
    """Stop a response that is being made; one that is over stays as it is."""
    run = await _found(request, "editor")
    if isinstance(run, LiveRun):
        run.cancel()
        await run.over()
    return _written(run.record if isinstance(run, LiveRun) else run)


async def _found(request: web.Request, need: Role) -> LiveRun | RunRecord:
    the_runs(request)
    id_ = run_id(request.match_info["response_id"])
    try:
        run = await run_called(request, id_, need)
    except NotFound:
        raise no_response() from None
    dialect = run.record.dialect if isinstance(run, LiveRun) else run.dialect
    if dialect != kept.RESPONSES:
        raise no_response()
    return run


def _written(run: RunRecord) -> web.Response:
    return json_reply(unfinished(run)) if run.reply is None else bytes_reply(run.reply)
