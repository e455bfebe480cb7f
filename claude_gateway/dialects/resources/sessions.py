"""Sessions and figures about them, as clients send and read them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from claude_gateway.dialects.fields import EXACT, expect, optional, wrong
from claude_gateway.dialects.resources import tools
from claude_gateway.dialects.resources.reading import choice, metadata, text, words
from claude_gateway.dialects.resources.writing import cost, moment
from claude_gateway.types.resources import (
    DEFAULT_PROJECT,
    Session,
    SessionFilter,
    SessionStats,
    SessionStatus,
    Tally,
)

LONGEST_ID, LONGEST_TITLE, LONGEST_PROMPT = 255, 255, 1_000_000
STATES: tuple[SessionStatus, ...] = ("active", "ended")


@dataclass(frozen=True, slots=True)
class NewSession:
    """What a client says of a session; `fields` are those of Session that need no looking up.

    `create_project`: a project that is not there is to be made, under the id that was given.
    """

    project_id: str
    model: str | None
    fields: Mapping[str, Any]
    create_project: bool = False


@dataclass(frozen=True, slots=True)
class Fork:
    """What a client says of a copy; `up_to` is a message's id or number, None is the last one."""

    title: str | None
    copy_messages: bool
    up_to: str | int | None


def read(fields: Mapping[str, object]) -> NewSession:
    """Read a new session. Raises InvalidRequest naming the field that is wrong."""
    return NewSession(
        text(fields, "project_id", LONGEST_ID) or DEFAULT_PROJECT,
        text(fields, "model", LONGEST_ID),
        {
            "title": text(fields, "title", LONGEST_TITLE) or "",
            "system_prompt": text(fields, "system_prompt", LONGEST_PROMPT) or None,
            "metadata": metadata(fields) or {},
            **tools.read(fields),
        },
        bool(optional(fields, "create_project", bool)),
    )


def read_changes(fields: Mapping[str, object]) -> dict[str, Any]:
    """Read what shall be otherwise; null is what a new session without the field has.

    `project_id` and `model` are as the client wrote them.
    """
    asked = read(fields)
    known = {"project_id": asked.project_id, "model": asked.model, **asked.fields}
    chosen = tools.read(fields)
    return {
        **{key: value for key, value in known.items() if key in fields or key in chosen},
        **_status(fields),
    }


def read_fork(fields: Mapping[str, object]) -> Fork:
    """Read how a session shall be copied."""
    up_to = _up_to(fields.get("up_to"))
    copies = optional(fields, "copy_messages", bool)
    if up_to is not None and copies is False:
        wrong("up_to", "asks for messages, and copy_messages for none")
    return Fork(text(fields, "title", LONGEST_TITLE), copies is not False, up_to)


def _up_to(said: object) -> str | int | None:
    if isinstance(said, float) and said.is_integer() and abs(said) < EXACT:
        said = int(said)
    if said is not None and (isinstance(said, bool) or not isinstance(said, str | int)):
        wrong("up_to", "must be the id or the number of a message")
    return said


def read_filter(query: Mapping[str, str]) -> SessionFilter:
    """Read which sessions a list shall have."""
    return SessionFilter(
        project_id=query.get("project_id") or None,
        status=cast("SessionStatus | None", choice(query, "status", STATES) or None),
        query=words(query),
    )


def written(session: Session) -> dict[str, object]:
    """A session as clients read it."""
    return {
        "id": session.id,
        "project_id": session.project_id,
        "parent_id": session.parent_id,
        "title": session.title or None,
        "model": session.model,
        "system_prompt": session.system_prompt,
        "status": session.status,
        "is_active": session.is_active,
        "total_tokens": session.total_tokens,
        "total_cost": cost(session.total_cost, session.unpriced_runs),
        "unpriced_runs": session.unpriced_runs,
        "message_count": session.message_count,
        "created_at": moment(session.created_at),
        "updated_at": moment(session.updated_at),
        "metadata": session.metadata,
    }


def written_stats(stats: SessionStats) -> dict[str, object]:
    """An owner's figures, as clients read them."""
    return {
        "active_sessions": stats.active_sessions,
        "total_messages": stats.total_messages,
        "total_tokens": stats.total.tokens,
        "total_cost": cost(stats.total.cost, stats.total.unpriced_runs),
        "total_runs": stats.total.runs,
        "unpriced_runs": stats.total.unpriced_runs,
        "by_model": {model: _tally(tally) for model, tally in stats.by_model.items()},
        "by_day": {day: _tally(tally) for day, tally in stats.by_day.items()},
    }


def _status(fields: Mapping[str, object]) -> dict[str, object]:
    """Read whether the session is over, by either of its names."""
    found: dict[str, object] = {}
    if (is_active := optional(fields, "is_active", bool)) is not None:
        found["status"] = "active" if is_active else "ended"
    if (status := fields.get("status")) is not None:
        if expect(status, str, "status") not in STATES:
            wrong("status", f"must be one of {', '.join(STATES)}")
        if found.get("status", status) != status:
            wrong("status", "and is_active contradict each other")
        found["status"] = status
    return found


def _tally(tally: Tally) -> dict[str, object]:
    return {
        "runs": tally.runs,
        "total_tokens": tally.tokens,
        "total_cost": cost(tally.cost, tally.unpriced_runs),
        "unpriced_runs": tally.unpriced_runs,
    }
