"""What a client that has asked for it is told of a turn's tools."""

from __future__ import annotations

import json
from decimal import Decimal

from claude_gateway.dialects.resources.writing import moment
from claude_gateway.loop.asking import Asked
from claude_gateway.toolbox import Outcome
from claude_gateway.types.approvals import AskedCall
from claude_gateway.types.events import Activity
from claude_gateway.types.runs import Run
from claude_gateway.types.tools import Progress


def called(asked: Asked) -> Activity:
    """Say that a tool is called."""
    entry = asked.entry
    about = {"name": entry.wire_name, "server": entry.server, "tool": entry.tool.name}
    return Activity("tool_use", {"id": asked.id, **about, "input": asked.arguments})


def waits_for(run_id: str, call: AskedCall) -> Activity:
    """Say that a person has to decide about a call."""
    about = {"name": call.name, "server": call.server, "tool": call.tool}
    return Activity(
        "approval_required",
        {
            "run_id": run_id,
            "tool_call_id": call.id,
            **about,
            "input": json.loads(call.arguments),
            "approval": call.approval,
            "expires_at": moment(call.expires_at),
        },
    )


def came(asked: Asked, progress: Progress) -> Activity:
    """Say how far a call has come."""
    how_far = {"progress": progress.done, "total": progress.total, "message": progress.message}
    return Activity(
        "tool_progress", {"tool_id": asked.id, "name": asked.entry.wire_name, **how_far}
    )


def gave(asked: Asked, outcome: Outcome) -> Activity:
    """Say what a tool gave, as text, as the model is given it."""
    return Activity(
        "tool_result",
        {
            "tool_id": asked.id,
            "name": asked.entry.wire_name,
            "is_error": outcome.result.is_error,
            "content": text_of(outcome),
            "duration_ms": outcome.duration_ms,
        },
    )


def usage_of(run: Run, cost: Decimal | None) -> dict[str, object]:
    """Count what a turn has used so far, in all its rounds."""
    used = run.usage
    return {
        "round": len(run.rounds),
        "input_tokens": used.prompt_tokens,
        "output_tokens": used.output_tokens,
        "total_tokens": used.total_tokens,
        "total_cost": None if cost is None else float(cost),
    }


def text_of(outcome: Outcome) -> str:
    """Return the text of what the model is given."""
    texts = [block.get("text") for block in outcome.shown if block.get("type") == "text"]
    return "\n".join(text for text in texts if isinstance(text, str))
