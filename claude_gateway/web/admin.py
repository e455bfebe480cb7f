"""/v1/admin: keys and users, for whoever has the scope admin. No key is shown, but once when it is new."""

from __future__ import annotations

from dataclasses import replace

from aiohttp import web

from claude_gateway.access.granting import check_grant, check_limits
from claude_gateway.access.keyring import Keyring
from claude_gateway.dialects.fields import parse_object
from claude_gateway.dialects.resources import keys
from claude_gateway.dialects.resources.reading import page
from claude_gateway.dialects.resources.writing import listed
from claude_gateway.errors import Forbidden, Unavailable
from claude_gateway.types.keys import OWNER_USER, Key
from claude_gateway.types.resources import Listing
from claude_gateway.types.secrets import Secret
from claude_gateway.web.addresses import check_whole
from claude_gateway.web.bodies import read_json_body
from claude_gateway.web.gateway import GATEWAY, PRINCIPAL
from claude_gateway.web.keeping import optional_body
from claude_gateway.web.operation import KEPT, NOT_FOUND, Operation
from claude_gateway.web.replies import json_reply


@Operation(takes="NewKey", gives="KeyWithSecret", status=201, fails=(NOT_FOUND, *KEPT))
async def create_key(request: web.Request) -> web.StreamResponse:
    """Make a key, which may do no more than the one that makes it."""
    wanted = keys.read(parse_object(await read_json_body(request)))
    if wanted.user is not None:
        wanted = replace(wanted, user=(await _keyring(request).user(wanted.user)).id)
    await _check_money(request)
    check_grant(request[PRINCIPAL], wanted)
    made = await _keyring(request).issue(wanted)
    _changed(request)
    return _told(*made, 201)


@Operation(gives="Keys", query=("limit", "offset", "user"), fails=(NOT_FOUND,))
async def list_keys(request: web.Request) -> web.StreamResponse:
    """List keys, the newest first; `user` narrows."""
    keyring, window, user = _keyring(request), page(request.query), request.query.get("user")
    whose = (await keyring.user(user)).id if user else ""
    listing = await keyring.store.list_keys(window, whose)
    return json_reply(listed("keys", listing, window, keys.written))


@Operation(gives="Key")
async def get_key(request: web.Request) -> web.StreamResponse:
    """Describe one key."""
    return json_reply(keys.written(await _key(request)))


@Operation(takes="KeyChanges", gives="Key", fails=KEPT)
async def change_key(request: web.Request) -> web.StreamResponse:
    """Replace the fields that are given."""
    fields = parse_object(await read_json_body(request))
    key = await _key(request)
    changes = keys.read_changes(fields, key.limits)
    await _check_money(request)
    check_grant(request[PRINCIPAL], key, changes)
    if changes:
        key = await _keyring(request).store.update_key(key.id, changes)
        _changed(request)
    return json_reply(keys.written(key))


@Operation(takes="Grace", gives="KeyWithSecret", optional=True, fails=KEPT)
async def rotate_key(request: web.Request) -> web.StreamResponse:
    """Give a key another secret; the old one is good for a `grace`."""
    body = await optional_body(request)
    grace = keys.read_grace(parse_object(body) if body else {})
    key = await _key(request)
    if key.id != request[PRINCIPAL].key_id:
        await _check_money(request)
    check_grant(request[PRINCIPAL], key)
    rotated = await _keyring(request).rotate(key.id, grace)
    _changed(request)
    return _told(*rotated, 200)


@Operation(gives="Key", fails=KEPT)
async def revoke_key(request: web.Request) -> web.StreamResponse:
    """Let a key open nothing any more. It stays to be looked at."""
    key = await _keyring(request).revoke(request.match_info["id"])
    _changed(request)
    return json_reply(keys.written(key))


@Operation(takes="NewUser", gives="User", status=201, fails=KEPT)
async def create_user(request: web.Request) -> web.StreamResponse:
    """Make a user, perhaps with limits of their own."""
    check_whole(request)
    fields = parse_object(await read_json_body(request))
    name, limits = keys.read_user(fields), keys.read_user_limits(fields)
    return json_reply(keys.written_user(await _keyring(request).add_user(name, limits)), 201)


@Operation(gives="Users", query=("limit", "offset"))
async def list_users(request: web.Request) -> web.StreamResponse:
    """List users, the newest first, and last the owner, who is always there."""
    window = page(request.query)
    listing = await _keyring(request).store.list_users(window)
    last = window.offset <= listing.total < window.offset + window.limit
    users = [*listing.items, *([OWNER_USER] if last else [])]
    return json_reply(listed("users", Listing(users, listing.total + 1), window, keys.written_user))


@Operation(gives="User")
async def get_user(request: web.Request) -> web.StreamResponse:
    """Describe one user."""
    user = await _keyring(request).user(request.match_info["id"])
    return json_reply(keys.written_user(user))


@Operation(takes="UserChanges", gives="User", fails=KEPT)
async def change_user(request: web.Request) -> web.StreamResponse:
    """Disable a user, who keeps everything, or enable one again; say how much they may use."""
    check_whole(request)
    fields = parse_object(await read_json_body(request))
    disabled = keys.read_disabled(fields)
    keyring, user = _keyring(request), await _keyring(request).user(request.match_info["id"])
    limits = keys.read_user_limits(fields, user.limits)
    if limits != user.limits:
        check_limits(request[PRINCIPAL], user)
        user = await keyring.limit(user.id, limits)
    if disabled is not None:
        user = await keyring.disable(user.id, disabled=disabled)
    _changed(request)
    return json_reply(keys.written_user(user))


async def _check_money(request: web.Request) -> None:
    """Let nobody whose money is limited come by another key: each would have as much again."""
    budgets = request.app[GATEWAY].budgets
    if budgets is not None and await budgets.limits(request[PRINCIPAL]):
        raise Forbidden(
            "Your own key, or its user, has a budget, so it cannot make or change keys.",
            code="grant_exceeded",
        )


def _keyring(request: web.Request) -> Keyring:
    issued = request.app[GATEWAY].keys
    if issued is None:
        raise Unavailable(
            "This gateway keeps no keys: it runs without a store that can.",
            code="no_key_store",
            should_retry=False,
        )
    return Keyring(issued.store, request.app[GATEWAY].ids)


async def _key(request: web.Request) -> Key:
    return await _keyring(request).store.get_key(request.match_info["id"])


def _changed(request: web.Request) -> None:
    """What is remembered of keys is not true any more, nor who has a budget."""
    gateway = request.app[GATEWAY]
    if gateway.keys is not None:
        gateway.keys.forget()
    if gateway.budgets is not None:
        gateway.budgets.forget()


def _told(key: Key, secret: Secret, status: int) -> web.Response:
    headers = {"Cache-Control": "no-store"}
    return json_reply({**keys.written(key), "key": secret.reveal()}, status, headers)
