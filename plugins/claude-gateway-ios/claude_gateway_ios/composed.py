"""Answers that the gateway has in several places, or in none by this name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from claude_gateway import OWNER, Adaptation, Ask, Call, InvalidRequest, Principal, Reply
from claude_gateway_ios.adaptations import FAILED, as_object
from claude_gateway_ios.paths import Place
from claude_gateway_ios.shapes import session
from claude_gateway_ios.spelling import DEBUG, both, renamed

# What the app keeps of its user, and what it takes for granted there.
KEPT = "ios_profile"
PREFERENCES: Mapping[str, object] = {
    "enableStreaming": True,
    "darkMode": False,
    "reduceMotion": False,
    "notifications": True,
    "sounds": True,
}
DEFAULT_PROJECT = "/v1/projects/default"


class Stop(Adaptation):
    """The end of a session's turn; the session is not live then, until somebody goes on with it."""

    def __init__(self, call: Call, place: Place) -> None:
        self._session = place.path.removesuffix("/stop").rpartition("/")[2]
        super().__init__("DELETE", f"/v1/chat/completions/{self._session}")

    async def answer(self, reply: Reply, ask: Ask, principal: Principal | None) -> Reply:
        if reply.status >= FAILED:
            return reply
        ended = await ask("PATCH", f"/v1/sessions/{self._session}", {"is_active": False})
        if ended.status >= FAILED:
            return ended
        said = as_object(reply)
        state = "stopped" if said.get("stopped") else "idle"
        return replace(reply, value=both({**said, "status": state, "is_active": False}))


class Archive(Adaptation):
    """The end of a session that stays."""

    def __init__(self, call: Call, place: Place) -> None:
        super().__init__("GET", place.path.removesuffix("/archive"))

    async def answer(self, reply: Reply, ask: Ask, principal: Principal | None) -> Reply:
        if reply.status < FAILED:
            reply = await ask("PATCH", self.target, {"is_active": False})
        if reply.status >= FAILED:
            return reply
        return replace(reply, value=session(as_object(reply)))


class Debug(Adaptation):
    """What the gateway knows of a session, and what was sent. It is asked for nothing in between."""

    wants_body = True

    def __init__(self, call: Call, place: Place) -> None:
        super().__init__("GET", "/v1")
        self._fields: Mapping[str, object] = {}

    def fields(
        self, fields: Mapping[str, object], principal: Principal | None
    ) -> Mapping[str, object]:
        self._fields = renamed(fields, DEBUG)
        return fields

    async def answer(self, reply: Reply, ask: Ask, principal: Principal | None) -> Reply:
        if reply.status >= FAILED:
            return reply
        asked = self._fields
        about, wanted = asked.get("session_id"), asked.get("include_context")
        tokens, state, context = 0, "idle", ""
        if isinstance(about, str) and about:
            found = await ask("GET", f"/v1/chat/completions/{_part(about)}/status", None)
            if found.status >= FAILED:
                return found
            tokens = as_object(found)["total_tokens"]
            state = "running" if as_object(found)["is_running"] else "idle"
            context = await _context(ask, about) if wanted is not False else ""
        said = {
            "session_id": about if isinstance(about, str) else "",
            "context": context,
            "tokens": tokens,
            "model_state": state,
            "status": "ok",
            "message": "Nothing was asked of a model.",
            "parsed_data": dict(asked),
        }
        return replace(reply, status=200, value=both(said))


class Profile(Adaptation):
    """Who the app's user is. What can be changed of it is kept beside the default project."""

    wants_body = True

    def __init__(self, call: Call, place: Place) -> None:
        super().__init__("GET", DEFAULT_PROJECT)
        self._fields: Mapping[str, object] = {}
        self._changes = call.method in ("POST", "PUT")

    def fields(
        self, fields: Mapping[str, object], principal: Principal | None
    ) -> Mapping[str, object]:
        self._fields = fields
        return fields

    async def answer(self, reply: Reply, ask: Ask, principal: Principal | None) -> Reply:
        if self._changes and reply.status < FAILED:
            metadata = as_object(reply).get("metadata") or {}
            kept = {**_kept(as_object(reply)), **_changes(self._fields)}
            reply = await ask("PATCH", DEFAULT_PROJECT, {"metadata": {**metadata, KEPT: kept}})
        figures = await ask("GET", "/v1/sessions/stats", None)
        sessions = await ask("GET", "/v1/sessions?limit=1", None)
        for needed in (reply, figures, sessions):
            if needed.status >= FAILED or principal is None:
                return needed
        counts = {**as_object(figures), "session_count": as_object(sessions)["total"]}
        return replace(reply, value=_profile(as_object(reply), counts, principal))


def _profile(
    project: Mapping[str, Any], counts: Mapping[str, Any], principal: Principal | None
) -> dict[str, object]:
    kept, who = _kept(project), principal or OWNER
    by_model = {model: tally["total_tokens"] for model, tally in counts["by_model"].items()}
    said = {
        "id": who.id,
        "email": "",
        "username": kept.get("username") or who.name,
        "roles": ["owner"] if who.id == OWNER.id else ["user"],
        "permissions": [],
        "created_at": project["created_at"],
        "updated_at": project["updated_at"],
        "is_active": True,
        "last_login": None,
        "session_count": counts["session_count"],
        "message_count": counts["total_messages"],
        "token_usage": {"total": counts["total_tokens"], **by_model},
        "preferences": {**PREFERENCES, **(kept.get("preferences") or {})},
    }
    return both(said)


def _kept(project: Mapping[str, Any]) -> Mapping[str, Any]:
    found = (project.get("metadata") or {}).get(KEPT)
    return found if isinstance(found, dict) else {}


def _changes(fields: Mapping[str, object]) -> dict[str, object]:
    """Read what shall be otherwise. Raises InvalidRequest naming the field that is wrong."""
    said: dict[str, object] = {}
    for name, kind, called in (("username", str, "a string"), ("preferences", dict, "an object")):
        value = fields.get(name)
        if value is None:
            continue
        if not isinstance(value, kind):
            raise InvalidRequest(f"{name} must be {called}.", param=name, code="invalid_type")
        said[name] = value
    return said


async def _context(ask: Ask, about: str) -> str:
    """Return the end of a conversation, as a person reads it."""
    found = await ask("GET", f"/v1/sessions/{_part(about)}/messages?limit=1000", None)
    messages = as_object(found).get("messages") or []
    return "\n".join(f"{message['role']}: {message['content']}" for message in messages)


def _part(name: str) -> str:
    """Return an id as a part of a path."""
    return quote(name, safe="")
