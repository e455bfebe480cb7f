"""What stands in queries and headers, each under the name that routes refer to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import get_args

from claude_gateway.dialects import session_fields
from claude_gateway.dialects.resources import audit, exports, messages, reading, sessions, tools
from claude_gateway.dialects.shapes.common import ID
from claude_gateway.dialects.shapes.words import DAY, TEXT, Shape, one_of, string, whole
from claude_gateway.types.budgets import BUDGET_KINDS, PERIODS
from claude_gateway.types.resources import Page
from claude_gateway.types.spending import SORTS
from claude_gateway.types.turns import RunStatus

EMPTY: Shape = {"const": ""}
TIME = {"type": "string", "format": "date-time"}
NUMBER_OF_EVENT: Shape = {"type": "string", "pattern": r"^[0-9]{1,13}$"}
BY_HEADER: Mapping[str, Shape] = {
    "session_id": ID,
    "project_id": ID,
    "on_disconnect": one_of(session_fields.DISCONNECT),
    "if_busy": one_of(session_fields.IF_BUSY),
}


def query(name: str, shape: Shape, description: str = "") -> Shape:
    """A parameter of a query; an empty one says nothing."""
    said = {"description": description} if description else {}
    return {"name": name, "in": "query", **said, "schema": {"anyOf": [shape, EMPTY]}}


def variable(name: str, shape: Shape) -> Shape:
    """A variable of a path."""
    return {"name": name, "in": "path", "required": True, "schema": shape}


def header(name: str, shape: Shape, description: str) -> Shape:
    """A header of a request."""
    return {"name": name, "in": "header", "description": description, "schema": shape}


PARAMETERS: Mapping[str, Shape] = {
    "limit": query("limit", whole(1, reading.LARGEST_LIMIT, default=Page().limit)),
    "offset": query("offset", whole(0, reading.FARTHEST, default=0)),
    "q": query("q", string(reading.LONGEST_QUERY), "Words to find."),
    "deep": query("deep", TEXT, "1 says why."),
    "session_id": query("session_id", TEXT, "Its id, or the address of a shared one."),
    "project_id": query("project_id", TEXT, "Its id, or the address of a shared one."),
    "user": query("user", TEXT, "The id or the name of a user."),
    "profile": query("profile", TEXT, "A named set of tools."),
    "session_status": query("status", one_of(sessions.STATES)),
    "run_status": query("status", one_of(get_args(RunStatus))),
    "execution_status": query("status", one_of(tools.STATES)),
    "tool_type": query("tool_type", one_of(tools.KINDS)),
    "role": query("role", one_of(messages.ROLES)),
    "after_message": query("after", TEXT, "Only what follows this message: its number or its id."),
    "after_event": query("after", NUMBER_OF_EVENT, "Only what follows this event."),
    "last_event_id": header(
        "Last-Event-ID", {"anyOf": [NUMBER_OF_EVENT, EMPTY]}, "As `after`, and it wins."
    ),
    "starting_after": query("starting_after", whole(0, reading.FARTHEST), "With stream=true."),
    "stream": query("stream", TEXT, "true gives the events."),
    "export_format": query("format", one_of(exports.FORMATS)),
    "audit_format": query("format", one_of(audit.FORMATS)),
    "principal": query("principal", TEXT, "Whose calls, for who may see those of others."),
    "server": query("server", string(audit.LONGEST)),
    "tool": query("tool", string(audit.LONGEST)),
    "audit_session": query("session_id", string(audit.LONGEST)),
    "outcome": query("outcome", one_of(audit.OUTCOMES)),
    "since": query("since", TIME),
    "until": query("until", TIME),
    "from": query("from", DAY, "The first day, in UTC; it is not later than `to`."),
    "to": query("to", DAY, "The last day, in UTC."),
    "group_by": query(
        "group_by",
        {"type": "string", "pattern": f"^(?:{'|'.join(SORTS)})(?:,(?:{'|'.join(SORTS)}))*$"},
        "What it is told by, separated by commas.",
    ),
    "owner": query("owner", TEXT, "Whose usage, by id or by a user's name, for the scope admin."),
    "budget_kind": variable("kind", one_of(BUDGET_KINDS)),
    "budget_period": variable("period", one_of(PERIODS)),
    "budget_owner": query(
        "owner",
        TEXT,
        "Whose project or session it is, by id or name; the caller's if it is not said.",
    ),
    "all": query("all", one_of(["true", "false"]), "Everybody's usage, for the scope admin."),
    "idempotency_key": header(
        "Idempotency-Key",
        {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]*$"},
        "The same request with the same key is done once.",
    ),
    "strict": header(
        "x-gateway-strict", TEXT, "true refuses parameters that would be ignored and reported."
    ),
    "mcp_session": header("Mcp-Session-Id", TEXT, "What initialize gave; not sent with it."),
    "mcp_session_needed": {
        **header("Mcp-Session-Id", TEXT, "What initialize gave."),
        "required": True,
    },
    "anthropic_version": header("anthropic-version", TEXT, "Asks for Anthropic's shape."),
    **{
        f"x_{key}": header(
            name, BY_HEADER[key], f"As the field {key} of a chat, which has none here."
        )
        for key, name in session_fields.HEADERS.items()
    },
}
