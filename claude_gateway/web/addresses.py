"""Whose things a request is about, and what whoever asks calls them.

A plain id is always one of the caller's own. What is somebody else's has an address (`~owner~id`), which
is read here, and written here wherever it is shown.
"""

from __future__ import annotations

from dataclasses import replace

from aiohttp import web

from claude_gateway.errors import Forbidden
from claude_gateway.types.resources import DEFAULT_PROJECT, Project, Session
from claude_gateway.types.sharing import MARK, Visitor, Who, addressed
from claude_gateway.types.turns import RunRecord
from claude_gateway.web.gateway import PRINCIPAL


def who_of(request: web.Request, owner: str = "") -> Who:
    """Return who asks, among the things of `owner`; "" are their own."""
    principal = request[PRINCIPAL]
    if owner in ("", principal.id) and principal.projects is None:
        return principal.id
    return visitor_of(request, owner)


def visitor_of(request: web.Request, owner: str = "") -> Visitor:
    """Return the caller as somebody of whom more is asked."""
    who = request[PRINCIPAL]
    return Visitor(who.id, owner or who.id, who.projects, who.key_id)


def place_of(request: web.Request, given: str) -> tuple[Who, str]:
    """Return who asks, among whose things, and the id there."""
    place = addressed(given) if given.startswith(MARK) else None
    if place is None:
        return who_of(request), given
    return who_of(request, place[0]), place[1]


def home_of(request: web.Request) -> str:
    """Return the project of what names none: the default one, or the only one that the key reaches."""
    projects = request[PRINCIPAL].projects
    if projects is None or DEFAULT_PROJECT in projects:
        return DEFAULT_PROJECT
    if len(projects) == 1:
        return min(projects)
    raise not_reached(request)


def not_reached(request: web.Request) -> Forbidden:
    """What is said where a key would make something outside of its projects."""
    names = ", ".join(sorted(request[PRINCIPAL].projects or ())) or "none"
    return Forbidden(
        f"This API key reaches some projects only ({names}). Name one of them.",
        code="project_not_allowed",
        param="project_id",
    )


def check_whole(request: web.Request) -> None:
    """Refuse a key that reaches some projects only what is everybody's. Raises Forbidden."""
    if request[PRINCIPAL].projects is not None:
        raise Forbidden(
            "This API key reaches some projects only; what concerns everybody needs one that reaches all.",
            code="project_not_allowed",
        )


def seen_session(request: web.Request, session: Session) -> Session:
    """Return a session as the caller calls it."""
    if session.owner == request[PRINCIPAL].id:
        return session
    calls, parent = visitor_of(request, session.owner).calls, session.parent_id
    return replace(
        session,
        id=calls(session.id),
        project_id=calls(session.project_id),
        parent_id=None if parent is None else calls(parent),
    )


def seen_run(request: web.Request, run: RunRecord) -> RunRecord:
    """Return a run as the caller calls it; its own id is the same for everybody."""
    if run.owner == request[PRINCIPAL].id:
        return run
    calls, session, project = visitor_of(request, run.owner).calls, run.session_id, run.project_id
    return replace(
        run,
        session_id=None if session is None else calls(session),
        project_id=None if project is None else calls(project),
    )


def seen_project(request: web.Request, project: Project) -> Project:
    """Return a project as the caller calls it."""
    if project.owner == request[PRINCIPAL].id:
        return project
    return replace(project, id=visitor_of(request, project.owner).calls(project.id))
