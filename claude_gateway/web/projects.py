"""/v1/projects."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from functools import partial

from aiohttp import web

from claude_gateway.defaults.settings import WORKSPACE_DIR
from claude_gateway.dialects.fields import parse_object
from claude_gateway.dialects.resources import projects
from claude_gateway.dialects.resources.reading import page, words
from claude_gateway.dialects.resources.writing import listed
from claude_gateway.errors import Conflict
from claude_gateway.types.resources import DEFAULT_PROJECT, Project
from claude_gateway.web.addresses import (
    not_reached,
    place_of,
    seen_project,
    visitor_of,
    who_of,
)
from claude_gateway.web.bodies import read_json_body
from claude_gateway.web.gateway import GATEWAY, PRINCIPAL, Gateway
from claude_gateway.web.keeping import (
    default_project,
    gone,
    owner_of,
    project_of,
    replay_of,
    store_of,
)
from claude_gateway.web.operation import KEPT, REPEATABLE, Operation
from claude_gateway.web.replies import json_reply
from claude_gateway.workspace import Workspace


@Operation(takes="NewProject", gives="Project", status=201, headers=REPEATABLE, fails=KEPT)
async def create_project(request: web.Request) -> web.StreamResponse:
    """Make a project, and its folder when it names one."""
    gateway, store = request.app[GATEWAY], store_of(request)
    if request[PRINCIPAL].projects is not None:  # it gets an id that no key has heard of
        raise not_reached(request)
    body = await read_json_body(request)
    asked = projects.read(parse_object(body))
    await default_project(request)  # it is there from the start, and so before this one
    id_, now = gateway.ids.project(), time.time()
    replay = replay_of(request, body, "project", id_)
    project = Project(
        id_,
        owner_of(request),
        asked.name,
        now,
        now,
        asked.description,
        await placed(gateway, asked.path),
        asked.metadata,
    )
    return json_reply(projects.written(await store.create_project(project, replay)), 201)


@Operation(gives="Projects", query=("limit", "offset", "q"))
async def list_projects(request: web.Request) -> web.StreamResponse:
    """List the caller's projects, the newest change first."""
    window, query = page(request.query), words(request.query)
    await default_project(request)
    listing = await store_of(request).list_projects(visitor_of(request), window, query)
    return json_reply(listed("projects", listing, window, partial(_written, request)))


@Operation(gives="Project")
async def get_project(request: web.Request) -> web.StreamResponse:
    """Describe one project."""
    return json_reply(_written(request, await project_of(request, request.match_info["id"])))


@Operation(takes="ProjectChanges", gives="Project", fails=KEPT)
async def change_project(request: web.Request) -> web.StreamResponse:
    """Replace the fields that are given."""
    store = store_of(request)
    changes = projects.read_changes(parse_object(await read_json_body(request)))
    project = await project_of(request, request.match_info["id"], "owner")
    if path := changes.get("path"):
        changes["path"] = await placed(request.app[GATEWAY], str(path))
    if changes:
        who = who_of(request, project.owner)
        changed = await store.update_project(who, project.id, changes)
        project = replace(changed, role=project.role)
    return json_reply(_written(request, project))


@Operation(gives="Deleted", empty=204, fails=KEPT)
async def delete_project(request: web.Request) -> web.StreamResponse:
    """Forget a project. Its files stay, and its sessions go to the default project."""
    who, id_ = place_of(request, request.match_info["id"])
    if id_ == DEFAULT_PROJECT:
        raise Conflict(
            "The default project cannot be deleted: sessions that name no project are in it.",
            code="default_project",
        )
    await store_of(request).delete_project(who, id_)
    return gone(request, request.match_info["id"])


def _written(request: web.Request, project: Project) -> dict[str, object]:
    return projects.written(seen_project(request, project))


async def placed(gateway: Gateway, path: str) -> str:
    """Make the folder that a client means, and return where in the workspace it is."""
    if not path:
        return ""
    workspace = Workspace(gateway.settings[WORKSPACE_DIR])
    relative = workspace.resolve(path)
    await asyncio.to_thread(workspace.make_folder, relative)
    return relative
