"""Tool servers and their tools as clients read them, and calls as clients write them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import orjson

from claude_gateway.dialects.fields import optional, required
from claude_gateway.dialects.resources.writing import moment
from claude_gateway.dialects.session_fields import an_id
from claude_gateway.toolbox import Change, Display, Entry, Outcome


@dataclass(frozen=True, slots=True)
class AskedCall:
    """A call that no model asks for; it may belong to a session or a project."""

    server: str
    tool: str
    arguments: Mapping[str, object]
    session_id: str | None
    project_id: str | None


def read_call(fields: Mapping[str, object]) -> AskedCall:
    """Read a call. Raises InvalidRequest naming what is wrong."""
    return AskedCall(
        required(fields, "server", str),
        required(fields, "tool", str),
        optional(fields, "arguments", dict) or {},
        an_id(fields, "session_id"),
        an_id(fields, "project_id"),
    )


def written_server(display: Display) -> dict[str, object]:
    """Describe a server: how it is doing, and which of its tools are not offered."""
    server, state = display.server, display.state
    return {
        "id": display.id,
        "name": server.title,
        "description": server.description,
        "status": state.status,
        "reason": state.reason or None,
        "transport": server.transport,
        "tool_count": len(display.entries),
        "quarantined": [{"name": one.name, "reason": one.reason} for one in display.quarantined],
    }


def written_tool(entry: Entry) -> dict[str, object]:
    """Describe a tool of a server that is known."""
    tool = entry.tool
    return {
        "name": tool.name,
        "title": tool.title or tool.name,
        "description": tool.description,
        "input_schema": tool.input_schema,
        "annotations": tool.annotations,
    }


def written_outcome(entry: Entry, outcome: Outcome) -> dict[str, object]:
    """What a tool gave, whole; a tool that failed says why in its content."""
    return {
        "server": entry.server,
        "tool": entry.tool.name,
        "content": outcome.result.content,
        "structured_content": outcome.result.structured_content,
        "is_error": outcome.result.is_error,
        "duration_ms": outcome.duration_ms,
    }


def written_change(change: Change) -> dict[str, object]:
    """Describe a tool that waits for approval: what was agreed to, and what it says now."""
    before = change.before
    return {
        "tool": change.entry.tool.name,
        "digest": change.entry.digest,
        "now": orjson.Fragment(change.entry.said()),
        "before": None if before is None else orjson.Fragment(before.said),
        "before_at": None if before is None else moment(before.pinned_at),
    }
