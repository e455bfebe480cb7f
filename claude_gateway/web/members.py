"""/v1/projects/{id}/members: with whom a project is shared."""

from __future__ import annotations

from contextlib import suppress

from aiohttp import web

from claude_gateway.access.keyring import Keyring
from claude_gateway.dialects.fields import parse_object
from claude_gateway.dialects.resources import members
from claude_gateway.errors import NotFound, Unavailable
from claude_gateway.types.sharing import whose
from claude_gateway.web.addresses import place_of
from claude_gateway.web.bodies import read_json_body
from claude_gateway.web.gateway import GATEWAY
from claude_gateway.web.keeping import gone, owner_of, project_of, store_of
from claude_gateway.web.operation import KEPT, Operation
from claude_gateway.web.replies import json_reply


@Operation(gives="Members")
async def list_members(request: web.Request) -> web.StreamResponse:
    """Say who may do what in a project."""
    await project_of(request, request.match_info["id"])
    who, id_ = place_of(request, request.match_info["id"])
    found = await store_of(request).list_members(who, id_)
    return json_reply({"owner": whose(who), "members": [members.written(one) for one in found]})


@Operation(takes="NewRole", gives="Member", fails=KEPT)
async def set_member(request: web.Request) -> web.StreamResponse:
    """Share a project with a user, or give them another role."""
    store, role = store_of(request), members.read_role(parse_object(await read_json_body(request)))
    await project_of(request, request.match_info["id"], "owner")  # before anything is told of users
    who, id_ = place_of(request, request.match_info["id"])
    user = await _user(request, request.match_info["user"])
    return json_reply(members.written(await store.set_member(who, id_, user, role)))


@Operation(gives="Deleted", empty=204, fails=KEPT)
async def remove_member(request: web.Request) -> web.StreamResponse:
    """Let somebody in no more; members may leave by themselves."""
    who, id_ = place_of(request, request.match_info["id"])
    name = request.match_info["user"]
    known = {one.user for one in await store_of(request).list_members(who, id_)}
    if name in known:
        user = name
    elif await _is_caller(request, name):
        user = owner_of(request)
    else:
        await project_of(request, request.match_info["id"], "owner")
        user = await _user(request, name)
    await store_of(request).remove_member(who, id_, user)
    return gone(request, user)


async def _is_caller(request: web.Request, name: str) -> bool:
    """Whether that is what whoever asks is called, of whom no role is needed."""
    if request.app[GATEWAY].keys is None:
        return False
    with suppress(NotFound):
        return await _user(request, name) == owner_of(request)
    return False


async def _user(request: web.Request, name: str) -> str:
    issued = request.app[GATEWAY].keys
    if issued is None:
        raise Unavailable(
            "This gateway keeps no users: it runs without a store that can.",
            code="no_key_store",
            should_retry=False,
        )
    return await Keyring(issued.store).member(name)
