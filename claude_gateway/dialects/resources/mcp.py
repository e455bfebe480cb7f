"""Tool servers and their tools as clients read them, and calls as clients write them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import orjson

from claude_gateway.dialects.fields import expect, optional, required, wrong
from claude_gateway.dialects.resources.reading import names
from claude_gateway.dialects.resources.writing import moment
from claude_gateway.dialects.session_fields import an_id
from claude_gateway.errors import GatewayError
from claude_gateway.redaction import redacted
from claude_gateway.toolbox import Change, Display, Entry, Outcome, Profile

MOST_CALLS = 50  # in one request
AT_ONCE, MOST_AT_ONCE = 8, 16


@dataclass(frozen=True, slots=True)
class AskedWhere:
    """Where calls are made that no model asks for, and from which named set of tools."""

    session_id: str | None = None
    project_id: str | None = None
    profile: str | None = None


@dataclass(frozen=True, slots=True)
class AskedCall:
    """A call of a tool by its server's name for it."""

    server: str
    tool: str
    arguments: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class AskedFanout:
    """Several calls; without any, `tool` is called at `servers`, or wherever it is (None)."""

    where: AskedWhere
    calls: Sequence[AskedCall]
    tool: str
    servers: tuple[str, ...] | None
    arguments: Mapping[str, object]
    at_once: int
    merge: bool


def read_call(fields: Mapping[str, object], path: str = "") -> AskedCall:
    """Read a call. Raises InvalidRequest naming what is wrong."""
    return AskedCall(
        required(fields, "server", str, path),
        required(fields, "tool", str, path),
        optional(fields, "arguments", dict, path) or {},
    )


def read_where(fields: Mapping[str, object]) -> AskedWhere:
    """Read where a call belongs. Raises InvalidRequest naming what is wrong."""
    return AskedWhere(
        an_id(fields, "session_id"), an_id(fields, "project_id"), optional(fields, "profile", str)
    )


def read_fanout(fields: Mapping[str, object]) -> AskedFanout:
    """Read several calls, or one of several servers. Raises InvalidRequest naming what is wrong."""
    calls = optional(fields, "calls", list)
    if calls is None:
        servers = names(fields, "servers")
        tool = required(fields, "tool", str)
    else:
        _only_calls(fields)
        tool, servers = "", ()
    asked = [
        read_call(expect(one, dict, f"calls[{i}]"), f"calls[{i}].")
        for i, one in enumerate(calls or ())
    ]
    for key, count in (("calls", len(asked)), ("servers", len(servers or ()))):
        if count > MOST_CALLS:
            wrong(key, f"must have at most {MOST_CALLS} entries, not {count}")
    return AskedFanout(
        read_where(fields),
        asked,
        tool,
        servers,
        optional(fields, "arguments", dict) or {},
        _at_once(fields),
        optional(fields, "merge", bool) or False,
    )


def _only_calls(fields: Mapping[str, object]) -> None:
    for key in ("tool", "servers", "arguments"):
        if fields.get(key) is not None:
            wrong(key, "is not possible beside calls, which say all that")
    if not fields["calls"]:
        wrong("calls", "must not be empty")


def _at_once(fields: Mapping[str, object]) -> int:
    given = optional(fields, "concurrency", int)
    if given is not None and not 1 <= given <= MOST_AT_ONCE:
        wrong("concurrency", f"must be from 1 to {MOST_AT_ONCE}")
    return given or AT_ONCE


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


def written_refusal(call: AskedCall, why: GatewayError) -> dict[str, object]:
    """Say why a call was not made."""
    error = {"code": why.code, "message": redacted(why.message)}
    return {"server": call.server, "tool": call.tool, "is_error": True, "error": error}


def written_profile(profile: Profile, entries: Sequence[Entry]) -> dict[str, object]:
    """Describe a named set of tools, and how many of them the caller may use."""
    return {
        "name": profile.name,
        "description": profile.description,
        "servers": profile.servers,
        "tools": profile.tools,
        "tool_count": len(entries),
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
