"""What the handlers of kept things share: the store, whose things, and requests sent twice."""

from __future__ import annotations

import hashlib
import time
from typing import Literal

from aiohttp import web
from multidict import istr

from claude_gateway.dialects.session_fields import HEADERS
from claude_gateway.errors import InvalidRequest, Unavailable
from claude_gateway.stores import Store
from claude_gateway.types.resources import DEFAULT_PROJECT, Project
from claude_gateway.types.sharing import Role
from claude_gateway.types.turns import Replay
from claude_gateway.web.addresses import place_of
from claude_gateway.web.bodies import read_json_body
from claude_gateway.web.gateway import GATEWAY, PRINCIPAL
from claude_gateway.web.replies import json_reply

KEY = istr("Idempotency-Key")
LONGEST_KEY = 255


def store_of(request: web.Request) -> Store:
    """Return the store. Raises Unavailable where the gateway runs without one."""
    store = request.app[GATEWAY].store
    if store is None:
        raise no_store()
    return store


def no_store() -> Unavailable:
    """What is said where the gateway runs without a store."""
    return Unavailable(
        "This gateway keeps nothing: it runs without a store. Whoever runs it can install one and "
        "choose it with GATEWAY_STORE.",
        code="no_store",
        should_retry=False,
    )


def owner_of(request: web.Request) -> str:
    """Return whose things the request is about."""
    return request[PRINCIPAL].id


async def default_project(request: web.Request) -> Project:
    """Return the project of sessions that name none. It is there from the owner's first contact."""
    return await project_in(store_of(request), owner_of(request), DEFAULT_PROJECT)


async def project_of(request: web.Request, project_id: str, need: Role = "viewer") -> Project:
    """Return a project in which the caller has a role. Raises NotFound, and Forbidden."""
    store, (who, id_) = store_of(request), place_of(request, project_id)
    if isinstance(who, str):
        return await project_in(store, who, id_)
    if id_ == DEFAULT_PROJECT and not who.is_guest:
        await project_in(store, who.owner, id_)
    return await store.get_project(who, id_, need)


async def project_in(store: Store, owner: str, project_id: str) -> Project:
    """Return an owner's project, which is made where it is the default one. Raises NotFound."""
    if project_id != DEFAULT_PROJECT:
        return await store.get_project(owner, project_id)
    now = time.time()
    return await store.ensure_project(Project(DEFAULT_PROJECT, owner, "Default", now, now))


async def project_path(request: web.Request, project_id: str, *, named: bool) -> str:
    """Return the folder of a project that tools may work in.

    A gateway that keeps nothing has the whole workspace only.
    """
    if request.app[GATEWAY].store is None and not named:
        return ""
    if not named:
        return (await project_in(store_of(request), owner_of(request), project_id)).path
    return (await project_of(request, project_id, "editor")).path


async def optional_body(request: web.Request) -> bytes:
    """Read the body of a request that may come without one."""
    return await read_json_body(request) if request.body_exists else b""


def replay_of(
    request: web.Request,
    body: bytes,
    kind: Literal["run", "project", "session", "message"],
    made: str,
) -> Replay | None:
    """Return how to know this request when it is sent again; None when it does not want that."""
    keys = request.headers.getall(KEY, ())
    if not keys:
        return None
    key = keys[0]
    if len(keys) > 1 or not (key.isascii() and key.isprintable() and 0 < len(key) <= LONGEST_KEY):
        raise InvalidRequest(
            f"{KEY} must come once, with 1 to {LONGEST_KEY} printable ASCII characters.",
            code="invalid_header",
            param=KEY,
        )
    where = [request.headers.get(HEADERS[name], "") for name in ("session_id", "project_id")]
    asked = hashlib.sha256("\n".join([f"{request.method} {request.path}", *where, ""]).encode())
    asked.update(body)
    return Replay(key, asked.hexdigest(), kind, made, time.time())


def gone(request: web.Request, id_: str) -> web.Response:
    """Say that it was deleted: with nothing, or in JSON to a client that asks for that."""
    if "application/json" in request.headers.get("Accept", ""):
        return json_reply({"id": id_, "deleted": True})
    return web.Response(status=204)
