"""Which tools a session may use, and what became of those that were called."""

from __future__ import annotations

from collections.abc import Mapping

import orjson

from claude_gateway.dialects.fields import optional
from claude_gateway.dialects.resources.reading import approval, choice, names
from claude_gateway.dialects.resources.writing import moment
from claude_gateway.types.resources import Session, ToolExecution

KINDS = ("mcp", "native", "custom")
STATES = ("pending", "running", "completed", "failed")
CHOICES = ("enabled_tools", "enabled_servers", "audit_log", "approval")


def read(fields: Mapping[str, object]) -> dict[str, object]:
    """Read a client's choices, as fields of a session; null takes a choice back.

    `tools` is another name for `enabled_tools`, which wins.
    """
    found: dict[str, object] = {}
    if "enabled_tools" in fields or "tools" in fields:
        tools = names(fields, "tools")
        found["enabled_tools"] = (
            names(fields, "enabled_tools") if "enabled_tools" in fields else tools
        )
    if "enabled_servers" in fields:
        found["enabled_servers"] = names(fields, "enabled_servers")
    if "audit_log" in fields:
        found["audit_log"] = bool(optional(fields, "audit_log", bool))
    if "approval" in fields:
        found["approval"] = approval(fields)
    return found


def read_filter(query: Mapping[str, str]) -> dict[str, str]:
    """Read which executions a list shall have."""
    return {
        "tool_type": choice(query, "tool_type", KINDS),
        "status": choice(query, "status", STATES),
    }


def choices(session: Session) -> dict[str, object]:
    """What was chosen; null where nothing was."""
    return {
        "session_id": session.id,
        "enabled_tools": session.enabled_tools,
        "enabled_servers": session.enabled_servers,
        "audit_log": session.audit_log,
        "approval": session.approval,
    }


def written(execution: ToolExecution) -> dict[str, object]:
    """One call, as clients read it; input and output are the JSON that was kept."""
    output = execution.output
    return {
        "id": execution.id,
        "tool_name": execution.tool_name,
        "tool_type": execution.tool_type,
        "server": execution.server or None,
        "status": execution.status,
        "error_message": execution.error_message,
        "execution_time_ms": execution.execution_time_ms,
        "created_at": moment(execution.created_at),
        "completed_at": None if execution.completed_at is None else moment(execution.completed_at),
        "input_params": orjson.Fragment(execution.input_params),
        "output": None if output is None else orjson.Fragment(output),
    }
