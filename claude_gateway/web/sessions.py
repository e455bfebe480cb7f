"""/v1/sessions."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

from aiohttp import web

from claude_gateway.dialects.fields import parse_object
from claude_gateway.dialects.resources import sessions
from claude_gateway.dialects.resources.reading import page
from claude_gateway.dialects.resources.writing import listed
from claude_gateway.dialects.session_fields import an_id
from claude_gateway.engine.hearing import tell
from claude_gateway.errors import NotFound
from claude_gateway.types.resources import DEFAULT_PROJECT, Project, Session
from claude_gateway.types.sharing import MARK, Role, whose
from claude_gateway.web.addresses import (
    home_of,
    not_reached,
    place_of,
    seen_session,
    who_of,
)
from claude_gateway.web.bodies import read_json_body
from claude_gateway.web.busy import refuse_while_busy, stop_turn
from claude_gateway.web.gateway import GATEWAY, PRINCIPAL
from claude_gateway.web.keeping import (
    gone,
    optional_body,
    owner_of,
    project_of,
    replay_of,
    store_of,
)
from claude_gateway.web.lifecycle import notes
from claude_gateway.web.operation import KEPT, NOT_FOUND, REPEATABLE, Operation
from claude_gateway.web.replies import json_reply
from claude_gateway.web.resolving import resolved_for
from claude_gateway.web.session_messages import number_of

# What thinking is bound to, and where that is frozen; a model must not see another one's.
BINDING: Mapping[str, Sequence[str]] = {
    "system_prompt": ("system",),
    "enabled_tools": ("tools",),
    "enabled_servers": ("tools",),
    "model": (),
}


@Operation(
    takes="NewSession",
    gives="Session",
    status=201,
    headers=REPEATABLE,
    fails=(NOT_FOUND, *KEPT),
)
async def create_session(request: web.Request) -> web.StreamResponse:
    """Make a session. Nothing is asked of the model yet."""
    gateway, store = request.app[GATEWAY], store_of(request)
    body = await read_json_body(request)
    fields = parse_object(body)
    asked = sessions.read(fields)
    project_id = asked.project_id if fields.get("project_id") else home_of(request)
    resolved = resolved_for(request, asked.model)
    id_, now = gateway.ids.session(), time.time()
    replay = replay_of(request, body, "session", id_)
    if asked.create_project:
        await made_project(request, project_id)
    else:
        await check_project(request, project_id, "editor")
    who, project_id = place_of(request, project_id)
    new = Session(id_, whose(who), project_id, resolved.model.id, now, now, **asked.fields)
    by = None if isinstance(who, str) else who
    session = await store.create_session(new, replay, by)
    gateway.session_count.changed()
    return json_reply(_written(request, session), 201, notes(resolved))


@Operation(gives="Sessions", query=("limit", "offset", "project_id", "session_status", "q"))
async def list_sessions(request: web.Request) -> web.StreamResponse:
    """List the caller's sessions, the newest change first."""
    window, only = page(request.query), sessions.read_filter(request.query)
    who = who_of(request)
    if only.project_id is not None:
        who, project_id = place_of(request, only.project_id)
        only = replace(only, project_id=project_id)
    listing = await store_of(request).list_sessions(who, window, only)
    return json_reply(listed("sessions", listing, window, partial(_written, request)))


@Operation(gives="SessionStats")
async def session_stats(request: web.Request) -> web.StreamResponse:
    """Say what the caller has used, deleted sessions included."""
    stats = await store_of(request).session_stats(who_of(request))
    return json_reply(sessions.written_stats(stats))


@Operation(gives="Session")
async def get_session(request: web.Request) -> web.StreamResponse:
    """Describe one session."""
    who, id_ = place_of(request, request.match_info["id"])
    return json_reply(_written(request, await store_of(request).get_session(who, id_)))


@Operation(takes="SessionChanges", gives="Session", fails=KEPT)
async def change_session(request: web.Request) -> web.StreamResponse:
    """Replace the fields that are given."""
    changes = sessions.read_changes(parse_object(await read_json_body(request)))
    who, id_ = place_of(request, request.match_info["id"])
    session = await store_of(request).get_session(who, id_, "editor")
    headers: dict[str, str] = {}
    if "model" in changes:
        resolved = resolved_for(request, changes["model"])
        changes["model"], headers = resolved.model.id, notes(resolved)
    if (project_id := changes.get("project_id")) is not None:
        changes["project_id"] = await _moved(request, session, str(project_id))
    return json_reply(_written(request, await changed(request, session, changes)), 200, headers)


async def _moved(request: web.Request, session: Session, project_id: str) -> str:
    """Return the id of the project that a session goes to: one of the same owner's."""
    await check_project(request, project_id)
    who, id_ = place_of(request, project_id)
    if whose(who) != session.owner:
        raise NotFound(
            "A session stays with its owner: it can go to another project of theirs only.",
            param="project_id",
        )
    return id_


async def changed(request: web.Request, session: Session, changes: dict[str, object]) -> Session:
    """Keep changes of a session.

    What stands before the conversation is frozen with its first turn. When it changes it is
    written anew with the next turn, and thinking of the turns before is not sent again: upstream
    refuses thinking whose beginnings have changed.
    """
    stale = [
        name for name in BINDING if name in changes and changes[name] != getattr(session, name)
    ]
    if stale:
        refuse_while_busy(request, session.owner, session.id)
        frozen = {field for name in stale for field in BINDING[name]}
        changes = {
            **changes,
            **dict.fromkeys(frozen),
            "thinking_after": session.last_number,
        }
    if not changes:
        return session
    was_active = session.status == "active"
    who = who_of(request, session.owner)
    session = await store_of(request).update_session(who, session.id, changes)
    request.app[GATEWAY].session_count.changed()
    if was_active and session.status != "active":
        _tell_end(request, session)
    return session


def _tell_end(request: web.Request, session: Session) -> None:
    tell(request.app[GATEWAY].hearing.sessions, time.time() - session.created_at)


@Operation(gives="Deleted", empty=204, fails=KEPT)
async def delete_session(request: web.Request) -> web.StreamResponse:
    """Stop a session's turn and forget it. What it has used stays in the figures."""
    store, (who, id_) = store_of(request), place_of(request, request.match_info["id"])
    session = await store.get_session(who, id_, "owner")
    await stop_turn(request, session.owner, id_, for_good=True)
    await store.delete_session(who, id_)
    request.app[GATEWAY].session_count.changed()
    if session.status == "active":
        _tell_end(request, session)
    return gone(request, request.match_info["id"])


@Operation(takes="Fork", gives="Session", status=201, optional=True, headers=REPEATABLE, fails=KEPT)
async def fork_session(request: web.Request) -> web.StreamResponse:
    """Go on from a point of a conversation in a new session."""
    gateway, store = request.app[GATEWAY], store_of(request)
    body = await optional_body(request)
    asked = sessions.read_fork(parse_object(body) if body else {})
    who, id_ = place_of(request, request.match_info["id"])
    parent = await store.get_session(who, id_, "editor")
    last = parent.last_number if asked.copy_messages else 0
    if asked.up_to is not None:
        last = await number_of(store, (who, id_), asked.up_to, "up_to")
    now = time.time()
    fork = replace(
        parent,
        id=gateway.ids.session(),
        parent_id=parent.id,
        title=parent.title if asked.title is None else asked.title,
        status="active",
        created_at=now,
        updated_at=now,
        thinking_after=last,
    )
    replay = replay_of(request, body, "session", fork.id)
    kept = await store.fork_session(who, parent.id, fork, last, replay)
    gateway.session_count.changed()
    return json_reply(_written(request, kept), 201)


def _written(request: web.Request, session: Session) -> dict[str, object]:
    return sessions.written(seen_session(request, session))


async def check_project(request: web.Request, project_id: str, need: Role = "viewer") -> None:
    """Raise NotFound, naming the field, when the caller has no such project."""
    try:
        await project_of(request, project_id, need)
    except NotFound:
        raise NotFound(
            "Project not found. GET /v1/projects lists those that there are.", param="project_id"
        ) from None


async def made_project(request: web.Request, project_id: str) -> None:
    """Make a project of this id, unless the caller has one. Raises InvalidRequest for a bad id."""
    reach = request[PRINCIPAL].projects
    if reach is not None and project_id not in reach:
        raise not_reached(request)
    if project_id == DEFAULT_PROJECT or project_id.startswith(MARK):
        await check_project(request, project_id, "editor")
        return
    an_id({"project_id": project_id}, "project_id")
    now = time.time()
    new = Project(project_id, owner_of(request), project_id, now, now)
    await store_of(request).ensure_project(new)
