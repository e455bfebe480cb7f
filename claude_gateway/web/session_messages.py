"""/v1/sessions/{id}/messages."""

from __future__ import annotations

import time
from contextlib import suppress

from aiohttp import web

from claude_gateway.dialects.fields import parse_object
from claude_gateway.dialects.openai.parts import AUDIO
from claude_gateway.dialects.resources import messages
from claude_gateway.dialects.resources.reading import choice, page
from claude_gateway.dialects.resources.writing import listed
from claude_gateway.errors import NotFound
from claude_gateway.stores import Store
from claude_gateway.types.resources import Message, Page
from claude_gateway.types.sharing import Who, whose
from claude_gateway.web.addresses import place_of
from claude_gateway.web.bodies import read_json_body
from claude_gateway.web.busy import refuse_while_busy
from claude_gateway.web.gateway import GATEWAY
from claude_gateway.web.keeping import replay_of, store_of
from claude_gateway.web.operation import KEPT, REPEATABLE, Operation
from claude_gateway.web.replies import json_reply
from claude_gateway.web.wanted import IGNORED


@Operation(gives="SessionMessages", query=("limit", "offset", "role", "after_message"))
async def list_messages(request: web.Request) -> web.StreamResponse:
    """List a conversation, in order."""
    called = request.match_info["id"]
    store, (who, id_) = store_of(request), place_of(request, called)
    window, role = page(request.query), choice(request.query, "role", messages.ROLES)
    after = messages.read_after(request.query)
    if isinstance(after, str):
        after = await number_of(store, (who, id_), after, "after")
    listing = await store.list_messages(who, id_, window, role=role, after=after)
    body = listed("messages", listing, window, lambda message: messages.written(message, called))
    return json_reply({**body, "session_id": called})


@Operation(takes="NewMessage", gives="SessionMessage", status=201, headers=REPEATABLE, fails=KEPT)
async def add_message(request: web.Request) -> web.StreamResponse:
    """Add a message to a conversation. The model is not asked."""
    gateway, store = request.app[GATEWAY], store_of(request)
    called = request.match_info["id"]
    who, id_ = place_of(request, called)
    body = await read_json_body(request)
    asked = messages.read(parse_object(body))
    message = Message(
        gateway.ids.message(),
        asked.role,
        asked.content,
        time.time(),
        asked.text,
        metadata=asked.metadata,
    )
    replay = replay_of(request, body, "message", message.id)
    if not isinstance(who, str):  # whether it is busy is nothing to tell a stranger
        await store.get_session(who, id_, "editor")
    refuse_while_busy(request, whose(who), id_)
    (kept,) = await store.add_messages(who, id_, [message], replay)
    return json_reply(
        messages.written(kept, called), 201, {IGNORED: AUDIO} if asked.audio else None
    )


async def number_of(store: Store, place: tuple[Who, str], message: str | int, param: str) -> int:
    """Return the number of a message that is named by its number or its id. Raises NotFound.

    `place` is who asks, and the session.
    """
    await store.get_session(*place)  # if that is what is missing, no field is to blame
    found = await _found(store, *place, message)
    if found is None:
        raise NotFound("The session has no such message.", param=param)
    return found.number


async def _found(store: Store, owner: Who, session_id: str, message: str | int) -> Message | None:
    if isinstance(message, str):
        with suppress(NotFound):
            return await store.get_message(owner, session_id, message)
        return None
    before = max(message, 1) - 1
    next_ones = (await store.list_messages(owner, session_id, Page(1), after=before)).items
    return next_ones[0] if next_ones and next_ones[0].number == message else None
