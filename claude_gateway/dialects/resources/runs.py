"""Runs, written."""

from __future__ import annotations

from collections.abc import Mapping

import orjson

from claude_gateway.dialects.resources.writing import moment
from claude_gateway.types.approvals import AskedCall, Decision
from claude_gateway.types.turns import RunRecord

DECISIONS: Mapping[str, Decision] = {"approve": "approved", "deny": "denied"}
LONGEST_REASON = 2000


def written(run: RunRecord) -> dict[str, object]:
    """One run. Costs are US dollars, null when nobody knows."""
    used = run.usage
    return {
        "id": run.id,
        "object": "run",
        "session_id": run.session_id,
        "project_id": run.project_id,
        "status": run.status,
        "model": run.model,
        "served_model": run.served_model,
        "dialect": run.dialect,
        "stream": run.stream,
        "on_disconnect": run.on_disconnect,
        "stop_reason": run.stop_reason,
        "error": _error(run),
        "usage": {
            "input_tokens": used.input_tokens,
            "output_tokens": used.output_tokens,
            "cache_creation_input_tokens": used.cache_creation_input_tokens,
            "cache_read_input_tokens": used.cache_read_input_tokens,
            "thinking_tokens": used.thinking_tokens,
            "total_tokens": used.total_tokens,
        },
        "total_cost": None if run.cost is None else float(run.cost),
        "last_event": run.last_event,
        "approvals": [_asked(call) for call in run.approvals],
        "created_at": moment(run.created_at),
        "ended_at": None if run.ended_at is None else moment(run.ended_at),
    }


def _asked(call: AskedCall) -> dict[str, object]:
    """A call that a person decides about."""
    return {
        "tool_call_id": call.id,
        "name": call.name,
        "server": call.server,
        "tool": call.tool,
        "input": orjson.Fragment(call.arguments),
        "approval": call.approval,
        "decision": call.decision,
        "reason": call.reason or None,
        "expires_at": moment(call.expires_at),
        "decided_at": None if call.decided_at is None else moment(call.decided_at),
    }


def _error(run: RunRecord) -> dict[str, object] | None:
    if run.error_code is None:
        return None
    return {"code": run.error_code, "message": run.error_message}
