"""Why an answer ended, and what it used, in OpenAI's words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal

from claude_gateway.types.usage import Usage

CONTEXT_IS_FULL = "model_context_window_exceeded"
CHANGES = "input_transformations"
FINISH_REASONS: Mapping[str, str] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    CONTEXT_IS_FULL: "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}


def finish(delta: Mapping[str, object], *, has_calls: bool) -> dict[str, object]:
    """Translate a `stop_reason` with what belongs to it, as fields of a choice.

    A reason from the future ends as `stop` and is shown raw in `x_stop_reason`, and so is a full
    context, of which `length` says too little. Whatever the reason, a call that waits must not be
    lost: then it is `tool_calls` instead of `stop`.
    """
    reason = delta.get("stop_reason")
    known = FINISH_REASONS.get(reason) if isinstance(reason, str) else None
    finished = known or "stop"
    choice: dict[str, object] = {
        "finish_reason": "tool_calls" if has_calls and finished == "stop" else finished,
    }
    if (known is None and reason is not None) or reason == CONTEXT_IS_FULL:
        choice["x_stop_reason"] = reason
    if delta.get("stop_sequence") is not None:
        choice["stop_sequence"] = delta["stop_sequence"]
    return choice


def begun(message: Mapping[str, object]) -> dict[str, object]:
    """Return what a message says at its beginning that belongs to its ending."""
    return {CHANGES: message[CHANGES]} if CHANGES in message else {}


def changes(delta: Mapping[str, object]) -> dict[str, object]:
    """Return what upstream changed in the request, such as thinking that it dropped, as a field."""
    found = delta.get(CHANGES)
    return {"x_input_transformations": found} if isinstance(found, list) and found else {}


def refusal(delta: Mapping[str, object]) -> str | None:
    """Return why the model refused, when it did and says so."""
    if delta.get("stop_reason") != "refusal":
        return None
    details = delta.get("stop_details")
    reason = details.get("explanation") if isinstance(details, dict) else None
    return reason if isinstance(reason, str) and reason else "The model refused to answer."


def usage(used: Usage) -> dict[str, object]:
    """Count as OpenAI does: the prompt includes what was cached, and the total is the sum."""
    prompt, answer = used.prompt_tokens, used.output_tokens
    return {
        "prompt_tokens": prompt,
        "completion_tokens": answer,
        "total_tokens": prompt + answer,
        "prompt_tokens_details": {
            "cached_tokens": used.cache_read_input_tokens,
            "cache_write_tokens": used.cache_creation_input_tokens,
        },
        "completion_tokens_details": {"reasoning_tokens": used.thinking_tokens},
    }


def session_usage(price: Callable[[], Decimal | None], used: Usage) -> dict[str, object]:
    """Count as OpenAI does and as Anthropic does, and say what it cost: null when nobody knows.

    `price` knows the turn: prices depend on the size of a prompt, and a turn may have had several.
    """
    cost = price()
    return {
        **usage(used),
        "input_tokens": used.prompt_tokens,
        "output_tokens": used.output_tokens,
        "total_cost": None if cost is None else float(cost),
    }
