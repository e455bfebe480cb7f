"""Where a turn takes place: whose session, which project, and who may take one there."""

from __future__ import annotations

from contextlib import suppress

from aiohttp import web

from claude_gateway.conversations.opening import Opening, drafted, opened
from claude_gateway.dialects.session_fields import SessionFields
from claude_gateway.errors import NotFound
from claude_gateway.types.sharing import MARK, addressed
from claude_gateway.types.values import replaced
from claude_gateway.web.addresses import home_of, not_reached, visitor_of, who_of
from claude_gateway.web.gateway import GATEWAY
from claude_gateway.web.keeping import owner_of, store_of


def named(request: web.Request, about: SessionFields) -> SessionFields:
    """Return it among the things of whom it names, with an id for the session, if there is to be one.

    Raises NotFound for an id that was made up for a session in somebody else's project.
    """
    if not about.in_session:
        return about
    if about.session_id is not None and (place := addressed(about.session_id)) is not None:
        return of_owner(request, place[0], replaced(about, session_id=place[1], project_id=None))
    if about.project_id is not None and (place := addressed(about.project_id)) is not None:
        if about.session_id is not None:
            raise NotFound(
                "There is no such session. In a project that is shared with you, leave out session_id to "
                "begin one, and take the id that you are given.",
                param="session_id",
            )
        about = of_owner(request, place[0], replaced(about, project_id=place[1]))
    if about.session_id is not None:
        return about
    return replaced(about, session_id=request.app[GATEWAY].ids.session(), is_new=True)


def of_owner(request: web.Request, owner: str, about: SessionFields) -> SessionFields:
    """Return it among the things of this owner."""
    return replaced(about, owner="" if owner == owner_of(request) else owner)


async def opening_of(request: web.Request, about: SessionFields) -> Opening:
    """Return the session as the turn finds it. One that is somebody else's is never made up."""
    owner, session_id = about.owner or owner_of(request), about.session_id or ""
    if not about.is_new:
        with suppress(NotFound):
            return await opened(store_of(request), who_of(request, owner), session_id)
        if about.owner:
            raise NotFound("There is no such session.")
    project_id = about.project_id or home_of(request)
    place = visitor_of(request, owner)
    if project_id.startswith(MARK) or not place.reaches(project_id):
        raise not_reached(request)
    opening = drafted(owner, session_id, project_id)
    return replaced(opening, project=None) if about.owner else opening


async def check_place(request: web.Request, about: SessionFields) -> None:
    """Let in who may take a turn there, before anything is taken or told. Owners of all may.

    Raises NotFound and Forbidden, as the store does when the turn is begun.
    """
    who, session_id, store = who_of(request, about.owner), about.session_id, store_of(request)
    if isinstance(who, str) or session_id is None:
        return
    if about.is_new:
        if who.is_guest:
            await store.get_project(who, about.project_id or "", "editor")
        return
    with suppress(NotFound):
        await store.get_session(who, session_id, "editor")
        return
    if who.is_guest or await _is_there(request, who.owner, session_id):
        raise NotFound("There is no such session.")


async def _is_there(request: web.Request, owner: str, session_id: str) -> bool:
    """Whether the owner has a session of this id, which a key does not reach."""
    with suppress(NotFound):
        await store_of(request).get_session(owner, session_id)
        return True
    return False
